//! Kill -9 at random instants while awards are under way: nothing is lost, nothing is doubled.
//!
//! Worker and Registry are this test binary itself, started again with a variable set: real
//! processes on a real disk, with real HTTP between them. `WOM_KILLS` sets how many kills there are,
//! `WOM_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Kind, SystemClock,
    dispatcher::Dispatcher,
    pocket::Pocket,
    privacy::FileKeyStore,
    protocol::{Link, Otc, Pin, PrivateKey},
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
    testing::killing::{self, Chance, Heard, Victim, minutes},
};
use wom_store::SqliteStore;

const WORKER: &str = "WOM_KILL_TEST_WORKER";
const SERVER: &str = "WOM_KILL_TEST_SERVER";
const PORT: &str = "WOM_KILL_TEST_PORT";
const AWARDS: u32 = 60;

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

/// Awards everything, and says each code when it has it.
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
    killing::work(&dispatcher, 0..AWARDS, |line| println!("{line}"))
        .await
        .unwrap();
}

async fn supervise(victims: &[Victim], kills: u32) {
    let seed: u64 = std::env::var("WOM_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(Chance::seed);
    println!("seed {seed}: repeat with WOM_SEED={seed}; {kills} kills of {victims:?}");
    let mut chance = Chance::new(seed);

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
            let pause = Duration::from_millis(chance.below(700));
            let until = Instant::now() + pause;
            while Instant::now() < until && worker.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if let Some(status) = worker.try_wait().unwrap() {
                assert!(status.success(), "the worker failed by itself");
                break;
            }
            let victim = victims[usize::try_from(chance.below(16)).unwrap() % victims.len()];
            killed += 1;
            if victim.is_registry() {
                server.kill();
            }
            if victim.is_worker() {
                worker.kill().unwrap();
                worker.wait().unwrap();
                worker = start(&dir, &heard);
            }
            if victim == Victim::WorkerTwice {
                let recovering = Duration::from_millis(chance.below(60));
                tokio::time::sleep(recovering).await;
                worker.kill().unwrap();
                worker.wait().unwrap();
                worker = start(&dir, &heard);
            }
            if victim.is_registry() {
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
        let link = Link::Vouchers(otc);
        let redeemed = pocket.redeem(&wallet, &link, &pin, None).await.unwrap();
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
            heard.lock().unwrap().hear(&line);
        }
    });
    worker
}
