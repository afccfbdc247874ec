//! Kill -9 at random instants while awards are under way: nothing is lost, nothing is doubled, and
//! nothing is parked.
//!
//! `WOM_KILLS` sets how often with SQLite and `WOM_KILLS_POSTGRES` with PostgreSQL; half as often
//! where the Registry dies, and a fifth where the data base server does. `WOM_SEED` repeats a run.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Kind, Result,
    award::State,
    dispatcher::Dispatcher,
    pocket::Pocket,
    protocol::{Link, Otc, Pin},
    registry::{PocketClient, RegistryClient},
    testing::killing::{self, Chance, Heard, Victim, minutes},
};
use wom_store::testing::PgServer;

use crate::ground::{self, Base, Later, say, set_or};

const WORKER: &str = "WOM_INSTANTS_WORKER";
const SERVER: &str = "WOM_INSTANTS_SERVER";
const PORT: &str = "WOM_INSTANTS_PORT";
const AWARDS: u32 = 60;

/// Who dies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Struck {
    /// Worker, Registry, or both.
    Process(Victim),
    /// The data base server, under a worker that lives on.
    Database,
    /// The data base server, and the worker while it is away.
    DatabaseAndWorker,
}

const WORKERS: [Struck; 2] = [
    Struck::Process(Victim::Worker),
    Struck::Process(Victim::WorkerTwice),
];
const REGISTRY_OR_BOTH: [Struck; 3] = [
    Struck::Process(Victim::Registry),
    Struck::Process(Victim::Both),
    Struck::Process(Victim::Registry),
];
const DATABASE: [Struck; 3] = [
    Struck::Database,
    Struck::DatabaseAndWorker,
    Struck::Database,
];

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_worker_on_sqlite() {
    supervise(Base::Sqlite, &WORKERS, kills()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_worker_on_postgres() {
    if let Some(server) = PgServer::shared() {
        supervise(Base::Postgres(server), &WORKERS, kills_on_postgres()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_registry_or_both_on_sqlite() {
    supervise(Base::Sqlite, &REGISTRY_OR_BOTH, kills() / 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_registry_or_both_on_postgres() {
    if let Some(server) = PgServer::shared() {
        let kills = kills_on_postgres() / 2;
        supervise(Base::Postgres(server), &REGISTRY_OR_BOTH, kills).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_data_base_server() {
    if let Some(server) = PgServer::own() {
        let kills = kills_on_postgres() / 5;
        supervise(Base::Postgres(server), &DATABASE, kills).await;
    }
}

fn kills() -> u32 {
    set_or("WOM_KILLS", 50)
}

fn kills_on_postgres() -> u32 {
    set_or("WOM_KILLS_POSTGRES", 20)
}

async fn supervise(base: Base, struck: &[Struck], kills: u32) {
    let seed =
        std::env::var("WOM_SEED").map_or_else(|_| Chance::seed(), |seed| seed.parse().unwrap());
    println!("seed {seed}: repeat with WOM_SEED={seed}; {kills} kills of {struck:?}");
    let mut chance = Chance::new(seed);

    let root = tempfile::tempdir().unwrap();
    let options = RegistryOptions::new().key_bits(2048);
    let registry = Registry::open(root.path().join("registry"), options)
        .await
        .unwrap();
    let mut server = Server::start(registry.dir(), 0);
    let (mut killed, mut rounds) = (0, 0_u32);
    while killed < kills {
        // A new folder once everything of the last one is awarded.
        let dir = root.path().join(format!("worker-{rounds}"));
        rounds += 1;
        let aims = ["H".parse().unwrap()];
        let instrument = registry.add_instrument("killed", &aims).await.unwrap();
        base.prepare(&dir, &instrument, &server.url()).await;
        let mut worker = Worker::start(&dir);
        loop {
            // Most in the midst of the work, however fast it goes; some while it begins.
            let (words, pause) = match chance.below(4) {
                0 => (0, chance.below(500)),
                _ => (1 + chance.below(15), chance.below(20)),
            };
            worker.has_said(words).await;
            let until = Instant::now() + Duration::from_millis(pause);
            while Instant::now() < until && worker.is_alive() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            if !worker.is_alive() {
                worker.wait();
                break;
            }
            if killed == kills {
                base.free_what_the_dead_have_taken(&dir);
                continue;
            }
            let which = usize::try_from(chance.below(16)).unwrap() % struck.len();
            killed += 1;
            let strike = Strike {
                base: &base,
                worker: &mut worker,
                registry: &mut server,
                chance: &mut chance,
            };
            strike.at(struck[which]).await;
        }
        check(&worker.heard.lock().unwrap());
        nothing_is_parked(&dir).await;
        let heard = std::mem::take(&mut *worker.heard.lock().unwrap());
        redeem_all(&server.url(), &dir, heard).await;
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

/// Everybody who can be struck.
struct Strike<'a> {
    base: &'a Base,
    worker: &'a mut Worker,
    registry: &'a mut Server,
    chance: &'a mut Chance,
}

impl Strike<'_> {
    async fn at(self, struck: Struck) {
        let (registry, worker, database) = match struck {
            Struck::Process(victim) => (victim.is_registry(), victim.is_worker(), None),
            Struck::Database => (false, false, self.base.server()),
            Struck::DatabaseAndWorker => (false, true, self.base.server()),
        };
        self.worker.said.store(0, Ordering::SeqCst);
        if registry {
            self.registry.kill();
        }
        if let Some(server) = database {
            server.crash();
        }
        if worker {
            self.worker.kill();
        }
        if let Some(server) = database {
            tokio::time::sleep(Duration::from_millis(self.chance.below(300))).await;
            server.start();
        }
        self.base.free_what_the_dead_have_taken(&self.worker.dir);
        if worker {
            self.worker.start_again();
        }
        if struck == Struck::Process(Victim::WorkerTwice) {
            let recovering = Duration::from_millis(self.chance.below(60));
            tokio::time::sleep(recovering).await;
            self.worker.kill();
            self.base.free_what_the_dead_have_taken(&self.worker.dir);
            self.worker.start_again();
        }
        if registry {
            self.registry.start_again();
        }
    }
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

/// The store says the same: each award is offered, and there are no others.
async fn nothing_is_parked(dir: &Path) {
    let store = ground::store(dir).await.unwrap();
    let awards = store.numbers().await.unwrap().awards;
    let held: Vec<_> = awards
        .iter()
        .map(|count| (count.state.as_str(), count.count))
        .collect();
    assert_eq!(held, [(State::Offered.name(), u64::from(AWARDS))]);
    store.close().await.unwrap();
}

async fn redeem_all(url: &str, dir: &Path, heard: Heard) {
    let pocket = Pocket::open(dir.join("wallet.json")).unwrap();
    let wallet = PocketClient::new(RegistryClient::new(url).unwrap());
    for (n, (otc, pin)) in heard.offered {
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

/// A worker's process, and everything that it has said in all its lives.
struct Worker {
    process: Child,
    dir: PathBuf,
    heard: Arc<Mutex<Heard>>,
    /// How much it has said that is new since somebody was struck.
    said: Arc<AtomicU64>,
    listener: Option<std::thread::JoinHandle<()>>,
}

impl Worker {
    fn start(dir: &Path) -> Self {
        Self::begin(dir, Arc::default())
    }

    fn begin(dir: &Path, heard: Arc<Mutex<Heard>>) -> Self {
        let mut process = ground::again("instants::child_awards")
            .env(WORKER, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = Arc::new(AtomicU64::new(0));
        let (hears, counts) = (Arc::clone(&heard), Arc::clone(&said));
        let listener = std::thread::spawn(move || {
            for line in lines.map_while(std::io::Result::ok) {
                if let Some(said) = ground::said(&line) {
                    let mut heard = hears.lock().unwrap();
                    let known = heard.accepted.len() + heard.offered.len();
                    heard.hear(said);
                    let new = heard.accepted.len() + heard.offered.len() - known;
                    counts.fetch_add(new as u64, Ordering::SeqCst);
                }
            }
        });
        Self {
            process,
            dir: dir.to_owned(),
            heard,
            said,
            listener: Some(listener),
        }
    }

    fn is_alive(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.hear_the_last_word();
    }

    fn start_again(&mut self) {
        let again = Self::begin(&self.dir, Arc::clone(&self.heard));
        *self = again;
    }

    /// Waits until it has said so much that is new since somebody was struck; not for the dead, and not long for who
    /// waits for something.
    async fn has_said(&mut self, words: u64) {
        let until = Instant::now() + Duration::from_secs(3);
        while Instant::now() < until && self.said.load(Ordering::SeqCst) < words && self.is_alive()
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Lets it come to its end.
    fn wait(&mut self) {
        let status = self.process.wait().unwrap();
        self.hear_the_last_word();
        assert!(status.success(), "the worker failed by itself");
    }

    /// What it has said may still be in the pipe.
    fn hear_the_last_word(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.join().unwrap();
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Registry's process; it dies with the test.
struct Server {
    process: Child,
    dir: PathBuf,
    port: u16,
}

impl Server {
    fn start(dir: &Path, port: u16) -> Self {
        let mut process = ground::again("instants::child_serves")
            .env(SERVER, dir)
            .env(PORT, port.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            ground::said(&line)?.strip_prefix("serving ")?.parse().ok()
        });
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

/// The Registry, until it is killed.
#[test]
fn child_serves() {
    let Ok(dir) = std::env::var(SERVER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = RegistryOptions::new().key_bits(2048);
        let registry = Registry::open(dir, options).await.unwrap();
        let address = format!("127.0.0.1:{}", std::env::var(PORT).unwrap());
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        say(&format!(
            "serving {}",
            listener.local_addr().unwrap().port()
        ));
        wom_registry::serve(listener, registry, std::future::pending())
            .await
            .unwrap();
    });
}

/// Awards everything, and says each code when it has it.
#[test]
fn child_awards() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dispatcher = dispatcher(Path::new(&dir)).await;
        say("ready");
        killing::work(&dispatcher, 0..AWARDS, say).await.unwrap();
    });
}

/// Waits while the data base server is away, as whoever starts a worker again would. On a slow disk
/// it takes its time to recover.
async fn dispatcher(dir: &Path) -> Dispatcher {
    let until = Instant::now() + Duration::from_secs(180);
    loop {
        match open(dir).await {
            Err(error) if error.kind() == Kind::StorageFailed && Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            opened => return opened.unwrap(),
        }
    }
}

async fn open(dir: &Path) -> Result<Dispatcher> {
    let (issuer, keys) = (ground::issuer(dir), ground::keys(dir)?);
    let (store, clock) = (ground::store(dir).await?, Later::of(dir));
    let opened = Dispatcher::open(store, Arc::new(issuer), Arc::new(keys), Arc::new(clock)).await?;
    // Nobody who waits sees the clock jump: so whoever waits looks again soon.
    Ok(opened.with_patience(Duration::from_secs(2)))
}
