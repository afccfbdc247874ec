//! Awards per second and CPU per award, beside the published Python connector, our own packages for
//! other languages, and the RSA operation that nobody can do without.
//!
//! ```text
//! python3 -m venv target/peers && target/peers/bin/pip install wom-connector==1.1.0
//! WOM_PEER_PYTHON=target/peers/bin/python WOM_PACKAGE_PYTHON=target/python/bin/python \
//!     WOM_PACKAGE_NODE=node cargo bench -p wom-tests --bench awards -- [ROUNDS [BITS]]
//! ```
//!
//! Every round runs all of them, one after the other, against a server in a process of its own on the same
//! cores: one whose RSA is removed, then the Registry. Quote the medians and ratios. Ours writes
//! every step of every award durably to SQLite.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod peer;
mod server;

use std::{path::Path, sync::Arc, time::Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::{sync::Semaphore, task::JoinSet};
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    SystemClock,
    award::{Issuer, Request},
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    protocol::{ApiKey, PrivateKey, rsa},
    registry::{ApiKeyClient, InstrumentClient, RegistryClient},
};
use wom_store::SqliteStore;

use peer::Peer;
use server::Server;

const AWARDS: u32 = 64;
const IN_FLIGHT: [u32; 3] = [1, 8, 32];
/// With an API key, which takes no RSA.
const ISSUES: u32 = 2_048;
const ISSUES_IN_FLIGHT: u32 = 32;

/// What one run of awards took.
#[derive(Clone, Copy)]
struct Run {
    /// Awards a second.
    rate: f64,
    /// Milliseconds of CPU for an award.
    cpu: f64,
}

impl Run {
    fn of(awards: u32, seconds: f64, cpu_seconds: f64) -> Self {
        Self {
            rate: f64::from(awards) / seconds,
            cpu: cpu_seconds * 1e3 / f64::from(awards),
        }
    }
}

/// Our Rust client's and the others', in the same rounds.
#[derive(Default)]
struct Runs {
    ours: Vec<Run>,
    /// As [`peer::CLIENTS`] has them.
    others: [Vec<Run>; peer::CLIENTS.len()],
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let first = arguments.next();
    match first.as_deref() {
        Some("registry") => return server::registry(Path::new(&arguments.next().unwrap())).await,
        Some("stub") => return server::stub(Path::new(&arguments.next().unwrap())).await,
        _ => {}
    }
    let rounds: usize = first.map_or(5, |text| text.parse().unwrap());
    let bits: usize = arguments.next().map_or(4096, |text| text.parse().unwrap());

    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = dir.path().join("registry");
    let registry = Registry::open(&folder, RegistryOptions::new().key_bits(bits))
        .await
        .unwrap();
    let source = registry
        .add_instrument("bench", &["H".parse().unwrap()])
        .await
        .unwrap();
    registry.close().await;
    let public = dir.path().join("public.pem");
    std::fs::write(&public, source.key.public().to_pem()).unwrap();
    let servers = [
        ("its RSA removed", Server::start("stub", &public)),
        (
            "the Registry with its RSA",
            Server::start("registry", &folder),
        ),
    ];
    let mut peers = servers.each_ref().map(|(_, server)| {
        peer::CLIENTS
            .each_ref()
            .map(|client| Peer::start(client, &server.url, &source))
    });
    for (client, peer) in peer::CLIENTS.iter().zip(&peers[0]) {
        if peer.is_none() {
            println!("MISSED: {}: set {}", client.name, client.variable);
        }
    }

    println!(
        "{rounds} rounds of {AWARDS} awards, {bits} bits, one server or the other on the same cores"
    );
    let mut operations = Vec::new();
    let mut runs: [[Runs; IN_FLIGHT.len()]; 2] = Default::default();
    let mut issues = Vec::new();
    for _ in 0..rounds {
        operations.push(private_operation(&source.key));
        for ((server, peers), runs) in servers.iter().zip(&mut peers).zip(&mut runs) {
            let url = &server.1.url;
            for (in_flight, runs) in IN_FLIGHT.into_iter().zip(runs) {
                let key = PrivateKey::from_pem(&source.key.to_pkcs1_pem(), None).unwrap();
                let client = RegistryClient::new(url).unwrap();
                let issuer = InstrumentClient::new(client, source.id.clone(), key).unwrap();
                runs.ours
                    .push(run(Arc::new(issuer), dir.path(), AWARDS, in_flight).await);
                for (peer, runs) in peers.iter_mut().zip(&mut runs.others) {
                    if let Some(peer) = peer {
                        runs.push(peer.run(AWARDS, in_flight));
                    }
                }
            }
        }
        let client = RegistryClient::new(&servers[0].1.url).unwrap();
        let issuer = ApiKeyClient::new(client, source.id.clone(), ApiKey::random()).unwrap();
        issues.push(run(Arc::new(issuer), dir.path(), ISSUES, ISSUES_IN_FLIGHT).await);
    }
    println!(
        "one RSA private operation: {} ms of CPU",
        spread(&operations, 2)
    );
    for ((server, _), runs) in servers.iter().zip(&runs) {
        report(server, runs, &operations);
    }
    let beside: Vec<f64> = runs[0][2].others[0].iter().map(|run| run.rate).collect();
    let rates: Vec<f64> = issues.iter().map(|run| run.rate).collect();
    let costs: Vec<f64> = issues.iter().map(|run| run.cpu).collect();
    println!(
        "\nAPI key, {ISSUES_IN_FLIGHT} in flight, RSA removed: {} awards/s, {} ms of CPU for an award, {} times the connector",
        spread(&rates, 0),
        spread(&costs, 3),
        spread(&ratios(&rates, &beside), 1),
    );
}

fn report(server: &str, runs: &[Runs; IN_FLIGHT.len()], operations: &[f64]) {
    println!("\n{server}:");
    println!(
        "| in flight | client | awards/s | over ours | ours over it | CPU per award, ms | over one RSA operation |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (in_flight, runs) in IN_FLIGHT.into_iter().zip(runs) {
        let rates = |runs: &[Run]| runs.iter().map(|run| run.rate).collect::<Vec<_>>();
        let costs = |runs: &[Run]| runs.iter().map(|run| run.cpu).collect::<Vec<_>>();
        let ours = rates(&runs.ours);
        let others = peer::CLIENTS.iter().map(|client| client.name);
        let all = others
            .zip(&runs.others)
            .filter(|(_, runs)| !runs.is_empty());
        for (client, runs) in [("our Rust client", &runs.ours)].into_iter().chain(all) {
            let rates = rates(runs);
            println!(
                "| {in_flight} | {client} | {} | {} | {} | {} | {} |",
                spread(&rates, 0),
                spread(&ratios(&rates, &ours), 2),
                spread(&ratios(&ours, &rates), 2),
                spread(&costs(runs), 2),
                spread(&ratios(&costs(runs), operations), 2),
            );
        }
    }
}

/// Awards everything, after one award that fetches the key and opens a connection, as in a service.
async fn run(issuer: Arc<dyn Issuer>, folder: &Path, awards: u32, in_flight: u32) -> Run {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let store = SqliteStore::open(folder.path().join("awards.db")).await;
    let store = Arc::new(store.unwrap());
    let keys = Arc::new(MemoryKeyStore::default());
    let clock = Arc::new(SystemClock);
    let dispatcher = Dispatcher::open(Arc::clone(&store) as _, issuer, keys, clock)
        .await
        .unwrap();
    let request = Request::new("H".parse().unwrap(), 30, "43.72,12.63".parse().unwrap());
    dispatcher.award("warm", &request).await.unwrap();

    let turns = Arc::new(Semaphore::new(in_flight as usize));
    let (began, cpu) = (Instant::now(), cpu_seconds());
    let mut tasks = JoinSet::new();
    for n in 0..awards {
        let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
        let (dispatcher, request) = (dispatcher.clone(), request.clone());
        tasks.spawn(async move {
            let key = format!("activity {n}");
            dispatcher.award(&key, &request).await.unwrap();
            drop(turn);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let run = Run::of(awards, began.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    store.close().await.unwrap();
    run
}

fn private_operation(key: &PrivateKey) -> f64 {
    let sealed = rsa::seal(key.public(), b"{}");
    let cpu = cpu_seconds();
    for _ in 0..50 {
        rsa::open(key, &sealed, 1).unwrap();
    }
    (cpu_seconds() - cpu) * 1e3 / 50.0
}

/// CPU time of this process so far, of all its threads.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter()
        .zip(theirs)
        .map(|(one, other)| one / other)
        .collect()
}

/// The median with the lowest and the highest.
fn spread(values: &[f64], digits: usize) -> String {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let [lowest, .., highest] = &values[..] else {
        return values
            .first()
            .map_or("MISSED".to_owned(), |one| format!("{one:.digits$}"));
    };
    let median = values[values.len() / 2];
    format!("{median:.digits$} ({lowest:.digits$} to {highest:.digits$})")
}
