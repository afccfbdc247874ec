//! What the processes do that are killed.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use async_trait::async_trait;
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Error, Kind, Result, SystemClock,
    dispatcher::Dispatcher,
    registry::{
        HttpRequest, HttpResponse, InstrumentClient, RegistryClient, ReqwestTransport, Transport,
    },
    testing::{
        Fault, FaultTransport,
        killing::{self, Chance},
    },
};

use super::awards::ROUND;
use crate::{files, keys::KeyPlace, profile::open_file};

/// Of so many calls one is lost or spoilt.
const SPOILT: u64 = 20;

/// One of the processes.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Part {
    /// Awards.
    Worker,
    /// Writes into a store as fast as it can.
    Writer,
    /// Serves.
    Registry,
}

impl Part {
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Writer => "writer",
            Self::Registry => "registry",
        }
    }

    /// Does it, until it is done or killed, or nobody holds its standard input any more.
    pub async fn play(self, dir: &Path, seed: u64, from: u32) -> Result<()> {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            std::process::exit(0);
        });
        match self {
            Self::Worker => {
                let faults = Spoilt {
                    inner: FaultTransport::new(ReqwestTransport::new()?),
                    chance: Mutex::new(Chance::new(seed)),
                };
                let dispatcher = dispatcher(dir, Some(faults)).await?;
                killing::work(&dispatcher, from..from + ROUND, say).await
            }
            Self::Writer => write(&dispatcher(dir, None).await?, from).await,
            Self::Registry => serve(dir, from).await,
        }
    }
}

/// Accepts award after award, and says each.
async fn write(dispatcher: &Dispatcher, from: u32) -> Result<()> {
    let next = Arc::new(AtomicU32::new(from));
    let mut tasks = tokio::task::JoinSet::<Result<()>>::new();
    for _ in 0..8 {
        let (dispatcher, next) = (dispatcher.clone(), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let request = killing::request(n)?;
                dispatcher.accept(&killing::award_key(n), &request).await?;
                say(&format!("accepted {n}"));
            }
        });
    }
    match tasks.join_next().await {
        Some(Ok(done)) => done,
        _ => Err(Error::new(Kind::Internal, "a task of the writer died")),
    }
}

async fn serve(dir: &Path, port: u32) -> Result<()> {
    let registry = Registry::open(dir, RegistryOptions::new().key_bits(2048)).await?;
    let unbound = |error| {
        Error::new(Kind::ConfigurationInvalid, "cannot listen on this machine").because(error)
    };
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .map_err(unbound)?;
    let address = listener.local_addr().map_err(unbound)?;
    say(&format!("serving {}", address.port()));
    wom_registry::serve(listener, registry, std::future::pending()).await
}

/// What works in a folder of the test, with what the test has put there.
async fn dispatcher(dir: &Path, faults: Option<Spoilt>) -> Result<Dispatcher> {
    let setting = |name: &str| {
        fs::read_to_string(dir.join(name)).map_err(|error| {
            Error::new(Kind::StorageFailed, "cannot read a file of the test").because(error)
        })
    };
    let client = RegistryClient::builder(&setting("url")?);
    let client = match faults {
        Some(faults) => client.transport(faults),
        None => client,
    };
    let key = files::private_key(&dir.join("source.pem"))?;
    let issuer = InstrumentClient::new(client.build()?, setting("source")?.parse()?, key)?;
    let store = open_file(&dir.join("awards.db")).await?;
    let keys = KeyPlace::File(dir.join("keys.json")).open()?;
    Dispatcher::open(store, Arc::new(issuer), keys, Arc::new(SystemClock)).await
}

/// Says a line, in one piece.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(format!("{line}\n").as_bytes());
    let _ = out.flush();
}

/// A network that loses and spoils some of what passes.
#[derive(Debug)]
struct Spoilt {
    inner: FaultTransport,
    chance: Mutex<Chance>,
}

#[async_trait]
impl Transport for Spoilt {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        const FAULTS: [Fault; 6] = [
            Fault::Refuse,
            Fault::LoseRequest,
            Fault::LoseReply,
            Fault::Duplicate,
            Fault::Status(503),
            Fault::Truncate(7),
        ];
        let operation = ["voucher/create", "voucher/verify"]
            .into_iter()
            .find(|operation| request.url.ends_with(operation));
        let fault = {
            let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
            let which = chance.below(SPOILT * FAULTS.len() as u64);
            usize::try_from(which)
                .ok()
                .and_then(|which| FAULTS.get(which))
        };
        if let (Some(operation), Some(fault)) = (operation, fault) {
            self.inner.add(operation, [fault.clone()]);
            say("spoilt");
        }
        self.inner.send(request).await
    }
}
