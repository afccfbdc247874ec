//! Awards per second and CPU per award, beside the published Python connector and beside the RSA
//! operation that nobody can do without.
//!
//! ```text
//! python3 -m venv target/peers && target/peers/bin/pip install wom-connector==1.1.0
//! WOM_PEER_PYTHON=target/peers/bin/python cargo bench -p wom-tests --bench awards -- [ROUNDS [BITS]]
//! ```
//!
//! Every round runs both, one after the other, against one Registry in a process of its own; quote
//! the medians and ratios. Ours writes every step of every award durably to SQLite. CPU times come
//! from /proc: Linux only.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Instant,
};

use tokio::{sync::Semaphore, task::JoinSet};
use wom_registry::{NewInstrument, Registry, RegistryOptions, TestRegistry};
use wom_sdk::{
    SystemClock,
    award::Request,
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    protocol::{PrivateKey, rsa},
    registry::{InstrumentClient, RegistryClient},
};
use wom_store::SqliteStore;

const AWARDS: u32 = 64;
const IN_FLIGHT: [u32; 3] = [1, 8, 32];

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some("serve") {
        return serve(Path::new(&arguments.next().unwrap())).await;
    }
    let rounds: usize = first.map_or(5, |text| text.parse().unwrap());
    let bits: usize = arguments.next().map_or(4096, |text| text.parse().unwrap());

    let dir = tempfile::tempdir().unwrap();
    let options = RegistryOptions::new().key_bits(bits);
    let registry = Registry::open(dir.path().join("registry"), options)
        .await
        .unwrap();
    let source = registry
        .add_instrument("bench", &["H".parse().unwrap()])
        .await
        .unwrap();
    registry.close().await;
    let server = Server::start(&dir.path().join("registry"));
    let mut peer = Peer::start(&server.url, &source);

    println!(
        "{rounds} rounds of {AWARDS} awards, {bits} bits, Registry in a process of its own on the same cores"
    );
    let mut ours: Vec<Vec<(f64, f64)>> = vec![Vec::new(); IN_FLIGHT.len()];
    let mut theirs = ours.clone();
    let mut operation = Vec::new();
    for round in 0..rounds {
        operation.push(private_operation(&source.key));
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            let store = dir.path().join(format!("awards-{round}-{in_flight}.db"));
            ours[at].push(run(&server.url, &source, &store, in_flight).await);
            if let Some(peer) = &mut peer {
                theirs[at].push(peer.run(in_flight));
            }
        }
    }
    let operation = median(operation);
    println!("one RSA private operation: {operation:.2} ms of CPU");
    println!(
        "| in flight | ours, awards/s | Python connector, awards/s | ratio | our CPU per award, ms | over one RSA operation | connector's CPU, ms |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
        let of = |runs: &[(f64, f64)]| {
            (
                median(runs.iter().map(|r| r.0).collect()),
                median(runs.iter().map(|r| r.1).collect()),
            )
        };
        let (rate, cpu) = of(&ours[at]);
        let (peer, ratio, peer_cpu) = match theirs[at].is_empty() {
            true => ("MISSED".to_owned(), String::new(), String::new()),
            false => {
                let (peer_rate, peer_cpu) = of(&theirs[at]);
                let ratios = ours[at]
                    .iter()
                    .zip(&theirs[at])
                    .map(|(ours, theirs)| ours.0 / theirs.0);
                (
                    format!("{peer_rate:.0}"),
                    format!("{:.2}", median(ratios.collect())),
                    format!("{peer_cpu:.1}"),
                )
            }
        };
        println!(
            "| {in_flight} | {rate:.0} | {peer} | {ratio} | {cpu:.2} | {:.2} | {peer_cpu} |",
            cpu / operation
        );
    }
}

/// Awards everything and returns awards per second and CPU milliseconds per award.
async fn run(url: &str, source: &NewInstrument, store: &Path, in_flight: u32) -> (f64, f64) {
    let client = RegistryClient::new(url).unwrap();
    let key = PrivateKey::from_pem(&source.key.to_pkcs1_pem(), None).unwrap();
    let issuer = InstrumentClient::new(client, source.id.clone(), key).unwrap();
    let store = Arc::new(SqliteStore::open(store).await.unwrap());
    let keys = Arc::new(MemoryKeyStore::default());
    let awards = Dispatcher::open(
        Arc::clone(&store) as _,
        Arc::new(issuer),
        keys,
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    let request = Request::new("H".parse().unwrap(), 30, "43.72,12.63".parse().unwrap());
    // The key is fetched and the connection open before the clock runs, as in a service.
    awards.award("warm", &request).await.unwrap();

    let turns = Arc::new(Semaphore::new(in_flight as usize));
    let (began, cpu) = (Instant::now(), cpu_ms());
    let mut tasks = JoinSet::new();
    for n in 0..AWARDS {
        let turn = Arc::clone(&turns).acquire_owned().await.unwrap();
        let (awards, request) = (awards.clone(), request.clone());
        tasks.spawn(async move {
            awards
                .award(&format!("activity {n}"), &request)
                .await
                .unwrap();
            drop(turn);
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let result = (
        f64::from(AWARDS) / began.elapsed().as_secs_f64(),
        (cpu_ms() - cpu) / f64::from(AWARDS),
    );
    store.close().await.unwrap();
    result
}

fn private_operation(key: &PrivateKey) -> f64 {
    let sealed = rsa::seal(key.public(), b"{}");
    let cpu = cpu_ms();
    for _ in 0..50 {
        rsa::open(key, &sealed, 1).unwrap();
    }
    (cpu_ms() - cpu) / 50.0
}

/// CPU time of this process so far, in milliseconds.
fn cpu_ms() -> f64 {
    // Fields 14 and 15 count from 1; the name in field 2 may hold blanks, and ends with a bracket.
    // Threads that have ended are counted too. The kernel counts in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> = stat[stat.rfind(')').unwrap()..]
        .split(' ')
        .skip(1)
        .map(|text| text.parse().unwrap_or(0.0))
        .collect();
    (fields[11] + fields[12]) * 10.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn serve(dir: &Path) {
    let registry = TestRegistry::start_with(dir, RegistryOptions::new())
        .await
        .unwrap();
    println!("{}", registry.url());
    // Until the other side goes away.
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count())
        .await
        .unwrap();
}

/// A Registry in a process of its own; it ends when its standard input does.
struct Server {
    url: String,
    process: Child,
}

impl Server {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg("serve")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut url)
            .unwrap();
        Self {
            url: url.trim().to_owned(),
            process,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The published Python connector, in a process of its own.
struct Peer {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(url: &str, source: &NewInstrument) -> Option<Self> {
        let Some(python) = std::env::var_os("WOM_PEER_PYTHON") else {
            println!(
                "MISSED: the Python connector: set WOM_PEER_PYTHON to a Python that has wom-connector 1.1.0"
            );
            return None;
        };
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/awards.py");
        let mut process = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        let given = serde_json::json!({
            "domain": url.trim_start_matches("http://"),
            "sourceId": source.id,
            "sourceKey": *source.key.to_pkcs1_pem(),
        });
        writeln!(input, "{given}").unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        Some(Self {
            process,
            input,
            output,
        })
    }

    fn run(&mut self, in_flight: u32) -> (f64, f64) {
        writeln!(self.input, "{AWARDS} {in_flight}").unwrap();
        let mut line = String::new();
        while !line.starts_with("done ") {
            line.clear();
            assert!(
                self.output.read_line(&mut line).unwrap() > 0,
                "the connector ended"
            );
        }
        let mut numbers = line
            .split_whitespace()
            .skip(1)
            .map(|text| text.parse::<f64>().unwrap());
        let (seconds, cpu) = (numbers.next().unwrap(), numbers.next().unwrap());
        (
            f64::from(AWARDS) / seconds,
            cpu * 1000.0 / f64::from(AWARDS),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
