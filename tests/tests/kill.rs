//! Kill -9 at random instants while awards are under way: nothing is lost, nothing is doubled.
//!
//! The worker is this test binary itself, started again with a variable set: a real process on a
//! real disk. The Registry runs here, over real HTTP. `WOM_KILLS` sets how many times the worker is
//! killed; `WOM_SEED` repeats a run.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use wom_registry::TestRegistry;
use wom_sdk::{
    Kind, SystemClock,
    award::Request,
    dispatcher::Dispatcher,
    pocket::Pocket,
    privacy::{FileKeyStore, KeyStore},
    protocol::{Link, Otc, Pin, PrivateKey},
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

const WORKER: &str = "WOM_KILL_TEST_WORKER";
const AWARDS: u32 = 60;

fn minutes(n: u32) -> u32 {
    n % 7 + 1
}

#[test]
fn kill_minus_nine_loses_nothing_and_doubles_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Ok(dir) = std::env::var(WORKER) {
        runtime.block_on(work(Path::new(&dir)));
        return;
    }
    runtime.block_on(supervise());
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
        &keys as &dyn KeyStore,
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
            let ticket = dispatcher
                .award(&format!("activity {n}"), &request)
                .await
                .unwrap();
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

async fn supervise() {
    let kills: u32 = std::env::var("WOM_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(50);
    let seed: u64 = std::env::var("WOM_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| {
            u64::from_be_bytes(*Otc::random().reveal_bytes().first_chunk().unwrap())
        });
    println!("seed {seed}: repeat with WOM_SEED={seed}; {kills} kills");
    let mut random = seed;

    let root = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(root.path().join("registry"))
        .await
        .unwrap();
    let heard = Arc::new(Mutex::new(Heard::default()));
    let (mut killed, mut rounds) = (0, 0);
    let mut folders: Vec<PathBuf> = Vec::new();
    while killed < kills {
        // A new folder once everything of the last one is awarded.
        let dir = root.path().join(format!("worker-{rounds}"));
        rounds += 1;
        let instrument = registry
            .registry()
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
        std::fs::write(dir.join("url"), registry.url()).unwrap();
        FileKeyStore::create(dir.join("keys.json")).unwrap();
        *heard.lock().unwrap() = Heard::default();
        loop {
            let mut worker = start(&dir, &heard);
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
            worker.kill().unwrap();
            worker.wait().unwrap();
            killed += 1;
        }
        // What the dead have said may still be in the pipe.
        tokio::time::sleep(Duration::from_millis(200)).await;
        check(&heard.lock().unwrap());
        redeem_all(registry.url(), &dir, &heard).await;
        folders.push(dir);
    }
    let total: u64 = (0..AWARDS).map(|n| u64::from(minutes(n))).sum::<u64>() * folders.len() as u64;
    let books = registry.registry().books().await.unwrap().total;
    assert_eq!(
        (books.issued, books.redeemed),
        (total, total),
        "issued and redeemed against what was due"
    );
    println!(
        "{killed} kills, {} awards: lost 0, doubled 0; {} codes were made and never verified",
        u64::from(AWARDS) * folders.len() as u64,
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
    let mut worker = Command::new(std::env::current_exe().unwrap())
        .args([
            "kill_minus_nine_loses_nothing_and_doubles_nothing",
            "--exact",
            "--nocapture",
        ])
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
