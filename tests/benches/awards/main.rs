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
//! every step of every award durably to SQLite. One thread sends, receives and waits; the SDK does
//! RSA on as many of the runtime's others as there are cores.
//!
//! What a core is worth changes from second to second on a shared machine: the RSA operation is measured
//! before and after every run, and a run's CPU is told over the mean of the two.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

mod peer;
mod server;

use std::{path::Path, sync::Arc, time::Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::{
    runtime::{self, Runtime},
    sync::Semaphore,
    task::JoinSet,
};
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    SystemClock,
    award::{Issuer, Request},
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    protocol::{ApiKey, PrivateKey, rsa},
    registry::{ApiKeyClient, InstrumentClient, RegistryClient},
    store::{MemoryStore, Store},
};
use wom_store::SqliteStore;

use peer::Peer;
use server::Server;

const AWARDS: u32 = 64;
const IN_FLIGHT: [u32; 3] = [1, 8, 32];
/// In one measurement of what one costs.
const OPERATIONS: u32 = 25;
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
    /// The same, over that of an RSA private operation. [`Operations::beside`] sets it.
    operations: f64,
}

impl Run {
    fn of(awards: u32, seconds: f64, cpu_seconds: f64) -> Self {
        Self {
            rate: f64::from(awards) / seconds,
            cpu: cpu_seconds * 1e3 / f64::from(awards),
            operations: f64::NAN,
        }
    }
}

/// Our Rust client's and the others', in the same rounds.
#[derive(Default)]
struct Runs {
    ours: Vec<Run>,
    in_memory: Vec<Run>,
    /// As [`peer::CLIENTS`] has them.
    others: [Vec<Run>; peer::CLIENTS.len()],
}

/// RSA's private operation, measured between the runs.
struct Operations<'a> {
    key: &'a PrivateKey,
    /// Milliseconds of CPU each, as they were measured.
    measured: Vec<f64>,
}

impl<'a> Operations<'a> {
    fn new(key: &'a PrivateKey) -> Self {
        Self {
            key,
            measured: vec![private_operation(key)],
        }
    }

    /// A run, over the operation as it was just before and is just after it.
    fn beside(&mut self, run: Run) -> Run {
        let before = self.measured.last().copied().unwrap_or(f64::NAN);
        let after = private_operation(self.key);
        self.measured.push(after);
        Run {
            operations: run.cpu / f64::midpoint(before, after),
            ..run
        }
    }
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (first, second) = (arguments.next(), arguments.next());
    match first.as_deref() {
        Some("registry") => serve(server::registry(Path::new(&second.unwrap()))),
        Some("stub") => serve(server::stub(Path::new(&second.unwrap()))),
        _ => {
            let rounds = first.map_or(5, |text| text.parse().unwrap());
            let bits = second.map_or(4096, |text| text.parse().unwrap());
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(compare(rounds, bits));
        }
    }
}

fn serve(server: impl Future<Output = ()>) {
    Runtime::new().unwrap().block_on(server);
}

async fn compare(rounds: usize, bits: usize) {
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
    let mut operations = Operations::new(&source.key);
    let mut runs: [[Runs; IN_FLIGHT.len()]; 2] = Default::default();
    let mut issues = Vec::new();
    for _ in 0..rounds {
        for ((server, peers), runs) in servers.iter().zip(&mut peers).zip(&mut runs) {
            let url = &server.1.url;
            for (in_flight, runs) in IN_FLIGHT.into_iter().zip(runs) {
                let key = PrivateKey::from_pem(&source.key.to_pkcs1_pem(), None).unwrap();
                let client = RegistryClient::new(url).unwrap();
                let issuer = InstrumentClient::new(client, source.id.clone(), key).unwrap();
                let issuer = Arc::new(issuer);
                let ours = durable(issuer.clone(), dir.path(), AWARDS, in_flight).await;
                runs.ours.push(operations.beside(ours));
                let memory = Arc::new(MemoryStore::default());
                let in_memory = run(issuer, memory, AWARDS, in_flight).await;
                runs.in_memory.push(operations.beside(in_memory));
                for (peer, runs) in peers.iter_mut().zip(&mut runs.others) {
                    if let Some(peer) = peer {
                        runs.push(operations.beside(peer.run(AWARDS, in_flight)));
                    }
                }
            }
        }
        let client = RegistryClient::new(&servers[0].1.url).unwrap();
        let issuer = ApiKeyClient::new(client, source.id.clone(), ApiKey::random()).unwrap();
        issues.push(durable(Arc::new(issuer), dir.path(), ISSUES, ISSUES_IN_FLIGHT).await);
    }
    println!(
        "one RSA private operation: {} ms of CPU",
        spread(&operations.measured, 2)
    );
    for ((server, _), runs) in servers.iter().zip(&runs) {
        report(server, runs);
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

fn report(server: &str, runs: &[Runs; IN_FLIGHT.len()]) {
    println!("\n{server}:");
    println!(
        "| in flight | client | awards/s | over ours | ours over it | CPU per award, ms | over one RSA operation |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (in_flight, runs) in IN_FLIGHT.into_iter().zip(runs) {
        let rates = |runs: &[Run]| runs.iter().map(|run| run.rate).collect::<Vec<_>>();
        let costs = |runs: &[Run]| runs.iter().map(|run| run.cpu).collect::<Vec<_>>();
        let over = |runs: &[Run]| runs.iter().map(|run| run.operations).collect::<Vec<_>>();
        let ours = rates(&runs.ours);
        let others = peer::CLIENTS.iter().map(|client| client.name);
        let all = others
            .zip(&runs.others)
            .filter(|(_, runs)| !runs.is_empty());
        let clients = [
            ("our Rust client", &runs.ours),
            ("the same, in memory", &runs.in_memory),
        ];
        for (client, runs) in clients.into_iter().chain(all) {
            let rates = rates(runs);
            println!(
                "| {in_flight} | {client} | {} | {} | {} | {} | {} |",
                spread(&rates, 0),
                spread(&ratios(&rates, &ours), 2),
                spread(&ratios(&ours, &rates), 2),
                spread(&costs(runs), 2),
                spread(&over(runs), 2),
            );
        }
    }
}

/// [`run`], with every step in SQLite.
async fn durable(issuer: Arc<dyn Issuer>, folder: &Path, awards: u32, in_flight: u32) -> Run {
    let folder = tempfile::tempdir_in(folder).unwrap();
    let store = SqliteStore::open(folder.path().join("awards.db")).await;
    let store = Arc::new(store.unwrap());
    let run = run(issuer, store.clone(), awards, in_flight).await;
    store.close().await.unwrap();
    run
}

/// Awards everything, after one award that fetches the key and opens a connection, as in a service.
async fn run(issuer: Arc<dyn Issuer>, store: Arc<dyn Store>, awards: u32, in_flight: u32) -> Run {
    let keys = Arc::new(MemoryKeyStore::default());
    let clock = Arc::new(SystemClock);
    let dispatcher = Dispatcher::open(store, issuer, keys, clock).await.unwrap();
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
    Run::of(awards, began.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

fn private_operation(key: &PrivateKey) -> f64 {
    let sealed = rsa::seal(key.public(), b"{}");
    let cpu = cpu_seconds();
    for _ in 0..OPERATIONS {
        rsa::open(key, &sealed, 1).unwrap();
    }
    (cpu_seconds() - cpu) * 1e3 / f64::from(OPERATIONS)
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
