//! Kill -9 at random instants while awards are under way: nothing is lost, nothing is doubled.
//!
//! Worker and Registry are this test binary itself, started again with a variable set: real
//! processes on a real disk, with real HTTP between them. `WOM_KILLS` sets how many kills there are,
//! `WOM_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Kind, Retry, SystemClock,
    award::Request,
    dispatcher::Dispatcher,
    pocket::Pocket,
    privacy::FileKeyStore,
    protocol::{Link, Otc, Pin, PrivateKey},
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

const WORKER: &str = "WOM_KILL_TEST_WORKER";
const SERVER: &str = "WOM_KILL_TEST_SERVER";
const PORT: &str = "WOM_KILL_TEST_PORT";
const AWARDS: u32 = 60;

fn minutes(n: u32) -> u32 {
    n % 7 + 1
}

/// Who dies.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Worker,
    /// The worker, and again while it recovers.
    WorkerTwice,
    Registry,
    Both,
}

#[test]
fn killing_the_worker_loses_nothing_and_doubles_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(dir) = std::env::var(WORKER) {
        return runtime.block_on(work(Path::new(&dir)));
    }
    if let Ok(dir) = std::env::var(SERVER) {
        return runtime.block_on(serve(Path::new(&dir)));
    }
    runtime.block_on(supervise(&[Victim::Worker, Victim::WorkerTwice], kills(50)));
}

#[test]
fn killing_the_registry_or_both_loses_nothing_and_doubles_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let victims = [Victim::Registry, Victim::Both, Victim::Registry];
    runtime.block_on(supervise(&victims, kills(50) / 2));
}

fn kills(unless_set: u32) -> u32 {
    let set = std::env::var("WOM_KILLS").ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(unless_set)
}

/// The Registry, until it is killed.
async fn serve(dir: &Path) {
    let registry = Registry::open(dir, RegistryOptions::new().key_bits(2048))
        .await
        .unwrap();
    let port = std::env::var(PORT).unwrap();
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}"))
        .await
        .unwrap();
    println!("serving {}", listener.local_addr().unwrap().port());
    wom_registry::serve(listener, registry, std::future::pending())
        .await
        .unwrap();
}

/// The Registry's process; it dies with the test.
struct Server {
    process: Child,
    dir: PathBuf,
    port: u16,
}

impl Server {
    fn start(dir: &Path, port: u16) -> Self {
        let mut process = again()
            .env(SERVER, dir)
            .env(PORT, port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| line.unwrap().strip_prefix("serving ")?.parse().ok());
        // Read to the end: after a minute the test harness in there says that it is slow, and ends
        // when nobody listens.
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            dir: dir.to_owned(),
            port: port.expect("the Registry serves"),
        }
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn start_again(&mut self) {
        let again = Self::start(&self.dir, self.port);
        *self = again;
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// This test binary, to be told what to be.
fn again() -> Command {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([
        "killing_the_worker_loses_nothing_and_doubles_nothing",
        "--exact",
        "--nocapture",
    ]);
    again
}

/// Awards everything, a few at once, and says each code when it has it.
async fn work(dir: &Path) {
    let setting = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    let key = PrivateKey::from_pem(&setting("source.pem"), None).unwrap();
    let client = RegistryClient::new(&setting("url")).unwrap();
    let issuer = InstrumentClient::new(client, setting("source").parse().unwrap(), key).unwrap();
    let keys = FileKeyStore::open(dir.join("keys.json")).unwrap();
    let store: Arc<dyn Store> = Arc::new(
        SqliteStore::open_waiting(dir.join("awards.db"), Duration::from_secs(10))
            .await
            .unwrap(),
    );
    let dispatcher = Dispatcher::open(
        store,
        Arc::new(issuer),
        Arc::new(keys),
        Arc::new(SystemClock),
    )
    .await
    .unwrap();
    println!("ready");
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..AWARDS {
        let dispatcher = dispatcher.clone();
        tasks.spawn(async move {
            let request = Request::new(
                "H".parse().unwrap(),
                minutes(n),
                "43.72,12.63".parse().unwrap(),
            );
            // The first word of a line is what the parent may hold us to.
            dispatcher
                .accept(&format!("activity {n}"), &request)
                .await
                .unwrap();
            println!("accepted {n}");
            // Whoever has no answer asks again, with the same key.
            let ticket = loop {
                match dispatcher.award(&format!("activity {n}"), &request).await {
                    Ok(ticket) => break ticket,
                    Err(error) if error.retry() == Retry::Never => panic!("{error:?}"),
                    Err(_) => {}
                }
            };
            println!(
                "offered {n} {} {}",
                ticket.otc.reveal(),
                ticket.pin.reveal()
            );
        });
        if tasks.len() >= 8 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    println!("finished");
}

#[derive(Default)]
struct Heard {
    accepted: BTreeMap<u32, u32>,
    offered: BTreeMap<u32, (String, String)>,
    doubled: Vec<u32>,
    finished: bool,
}

async fn supervise(victims: &[Victim], kills: u32) {
    let seed: u64 = std::env::var("WOM_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            u64::from_be_bytes(*Otc::random().reveal_bytes().first_chunk().unwrap())
        });
    println!("seed {seed}: repeat with WOM_SEED={seed}; {kills} kills of {victims:?}");
    let mut random = seed;

    let root = tempfile::tempdir().unwrap();
    let options = RegistryOptions::new().key_bits(2048);
    let registry = Registry::open(root.path().join("registry"), options)
        .await
        .unwrap();
    let mut server = Server::start(registry.dir(), 0);
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (mut killed, mut rounds) = (0, 0_u32);
    while killed < kills {
        // A new folder once everything of the last one is awarded.
        let dir = root.path().join(format!("worker-{rounds}"));
        rounds += 1;
        let instrument = registry
            .add_instrument("killed", &["H".parse().unwrap()])
            .await
            .unwrap();
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(
            dir.join("source.pem"),
            instrument.key.to_pkcs1_pem().as_bytes(),
        )
        .unwrap();
        std::fs::write(dir.join("source"), instrument.id.to_string()).unwrap();
        std::fs::write(dir.join("url"), server.url()).unwrap();
        FileKeyStore::create(dir.join("keys.json")).unwrap();
        *heard.lock().unwrap() = Heard::default();
        let mut worker = start(&dir, &heard);
        loop {
            if killed == kills {
                assert!(worker.wait().unwrap().success());
                break;
            }
            // From before the first write to after the last: the work takes about a second.
            let pause = Duration::from_millis(next(&mut random) % 700);
            let until = Instant::now() + pause;
            while Instant::now() < until && worker.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if let Some(status) = worker.try_wait().unwrap() {
                assert!(status.success(), "the worker failed by itself");
                break;
            }
            let victim = victims[usize::try_from(next(&mut random) % 16).unwrap() % victims.len()];
            killed += 1;
            if matches!(victim, Victim::Registry | Victim::Both) {
                server.kill();
            }
            if !matches!(victim, Victim::Registry) {
                worker.kill().unwrap();
                worker.wait().unwrap();
                worker = start(&dir, &heard);
            }
            if matches!(victim, Victim::WorkerTwice) {
                let recovering = Duration::from_millis(next(&mut random) % 60);
                tokio::time::sleep(recovering).await;
                worker.kill().unwrap();
                worker.wait().unwrap();
                worker = start(&dir, &heard);
            }
            if matches!(victim, Victim::Registry | Victim::Both) {
                server.start_again();
            }
        }
        // What the dead have said may still be in the pipe.
        tokio::time::sleep(Duration::from_millis(200)).await;
        check(&heard.lock().unwrap());
        redeem_all(&server.url(), &dir, &heard).await;
    }
    let total = (0..AWARDS).map(|n| u64::from(minutes(n))).sum::<u64>() * u64::from(rounds);
    let books = registry.books().await.unwrap().total;
    assert_eq!(
        (books.issued, books.redeemed),
        (total, total),
        "issued and redeemed against what was due"
    );
    println!(
        "{killed} kills, {} awards: lost 0, doubled 0; {} codes were made and never verified",
        AWARDS * rounds,
        books.generated - books.issued
    );
}

/// Every award was offered, and never two codes for one.
fn check(heard: &Heard) {
    assert!(heard.finished);
    assert!(
        heard.doubled.is_empty(),
        "two codes for {:?}",
        heard.doubled
    );
    assert_eq!(heard.accepted.len(), AWARDS as usize);
    assert_eq!(heard.offered.len(), AWARDS as usize, "lost awards");
}

async fn redeem_all(url: &str, dir: &Path, heard: &Arc<Mutex<Heard>>) {
    let pocket = Pocket::open(dir.join("wallet.json")).unwrap();
    let wallet = PocketClient::new(RegistryClient::new(url).unwrap());
    let offered = heard.lock().unwrap().offered.clone();
    for (n, (otc, pin)) in offered {
        let link = Link::Vouchers(otc.parse::<Otc>().unwrap());
        let redeemed = pocket
            .redeem(&wallet, &link, &Pin::parse(&pin).unwrap(), None)
            .await
            .unwrap();
        assert_eq!(redeemed.vouchers, minutes(n), "award {n}");
    }
    let unknown = Link::Vouchers(Otc::random());
    let error = pocket
        .redeem(&wallet, &unknown, &Pin::random(), None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::OtcUnknown);
}

fn start(dir: &Path, heard: &Arc<Mutex<Heard>>) -> Child {
    let mut worker = again()
        .env(WORKER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let heard = Arc::clone(heard);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let words: Vec<_> = line.split(' ').collect();
            let mut heard = heard.lock().unwrap();
            match words[..] {
                ["accepted", n] => *heard.accepted.entry(n.parse().unwrap()).or_default() += 1,
                ["offered", n, otc, pin] => {
                    let offered = (otc.to_owned(), pin.to_owned());
                    let first = heard
                        .offered
                        .entry(n.parse().unwrap())
                        .or_insert_with(|| offered.clone());
                    if *first != offered {
                        heard.doubled.push(n.parse().unwrap());
                    }
                }
                ["finished"] => heard.finished = true,
                _ => {}
            }
        }
    });
    worker
}

/// SplitMix64: small, and the same everywhere.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
