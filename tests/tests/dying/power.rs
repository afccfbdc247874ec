//! The power goes: what was not synced is gone with it, of some files or of all, and the worker dies.
//!
//! `shim.c` keeps each file as it was last synced. `WOM_POWER_CUTS` sets how often, `WOM_SEED` repeats a run, though
//! not the order in which a worker's threads come to the disk.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;
use wom_registry::{RegistryOptions, TestRegistry};
use wom_sdk::{
    Kind,
    award::AwardKey,
    dispatcher::Dispatcher,
    pocket::Pocket,
    protocol::Link,
    registry::{PocketClient, RegistryClient},
    store::Store,
    testing::killing::{Chance, Heard, award_key, minutes, request},
};

use crate::{
    ground::{self, Base, KEPT, Later, said, say, set_or},
    shim::{Blow, Calls, Shim, struck},
};

const WORKER: &str = "WOM_POWER_WORKER";
const FIRST: &str = "WOM_POWER_FIRST";
/// The store's files; the index of its log is never synced, and made anew.
const FILES: &str = "wom.db";
/// How many awards a life has before it.
const AWARDS: u32 = 24;
/// More calls than a life makes on the disk.
const CALLS: u64 = 500;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_promised_is_there_when_the_power_comes_back() {
    let Some(shim) = Shim::made() else { return };
    let seed =
        std::env::var("WOM_SEED").map_or_else(|_| Chance::seed(), |seed| seed.parse().unwrap());
    let cuts = set_or("WOM_POWER_CUTS", 25);
    println!("seed {seed}: repeat with WOM_SEED={seed}; {cuts} cuts");
    let mut chance = Chance::new(seed);
    let root = tempfile::tempdir().unwrap();
    let options = RegistryOptions::new().key_bits(2048);
    let registry = TestRegistry::start_with(root.path().join("registry"), options);
    let registry = registry.await.unwrap();
    let aims = ["H".parse().unwrap()];
    let instrument = registry.registry().add_instrument("powered", &aims).await;
    let dir = root.path().join("worker");
    let url = registry.url();
    Base::Sqlite.prepare(&dir, &instrument.unwrap(), url).await;
    let disk = Disk::of(&dir);

    let (mut heard, mut begun, mut made) = (Heard::default(), 0, 0);
    while made < cuts {
        let mut worker = life(&dir, begun);
        let blow = Blow {
            how: "die",
            at: 1 + u32::try_from(chance.below(CALLS)).unwrap(),
            of: Calls::Files(&disk.files, FILES),
        };
        shim.strike(&mut worker, blow);
        let lines = run(worker.env("WOM_DISK_SYNCED", &disk.synced));
        lines.iter().for_each(|line| heard.hear(line));
        begun += AWARDS;
        if struck(&lines).is_some() {
            made += 1;
            disk.lose_power(&mut chance);
            check(&dir, &heard).await;
            disk.keep();
        }
    }
    run(&mut life(&dir, begun))
        .iter()
        .for_each(|line| heard.hear(line));
    check(&dir, &heard).await;
    assert!(heard.finished && heard.lost().next().is_none(), "lost");
    assert!(heard.doubled.is_empty(), "doubled: {:?}", heard.doubled);
    let issued = registry.registry().books().await.unwrap().total.issued;
    let redeemed = redeem_all(&dir, url, &heard).await;
    assert_eq!(issued, redeemed, "issued against what people have");
    println!(
        "{made} cuts of {begun} awards: {} accepted, {} with a code; lost 0, doubled 0",
        heard.accepted.len(),
        heard.offered.len()
    );
}

/// The files of a worker's store, as the machine sees them and as they are on the disk.
struct Disk {
    files: PathBuf,
    synced: PathBuf,
}

impl Disk {
    fn of(dir: &Path) -> Self {
        let synced = dir.join("synced");
        fs::create_dir(&synced).unwrap();
        Self {
            files: dir.join(KEPT),
            synced,
        }
    }

    fn names(folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with(FILES)).collect()
    }

    /// Of each file there is what was synced, or by chance all that was written.
    fn lose_power(&self, chance: &mut Chance) {
        let synced = Self::names(&self.synced);
        for name in Self::names(&self.files) {
            let file = self.files.join(&name);
            if synced.contains(&name) && chance.below(4) > 0 {
                fs::copy(self.synced.join(&name), file).unwrap();
            } else if !synced.contains(&name) {
                fs::remove_file(file).unwrap();
            }
        }
    }

    /// Everything is on the disk: whoever looked at the store has closed it.
    fn keep(&self) {
        for name in Self::names(&self.synced) {
            fs::remove_file(self.synced.join(name)).unwrap();
        }
        for name in Self::names(&self.files) {
            fs::copy(self.files.join(&name), self.synced.join(&name)).unwrap();
        }
    }
}

fn life(dir: &Path, first: u32) -> Command {
    let mut worker = ground::again("power::child_awards_until_the_power_goes");
    worker
        .env(WORKER, dir)
        .env(FIRST, first.to_string())
        .stderr(Stdio::inherit());
    worker
}

fn run(worker: &mut Command) -> Vec<String> {
    let output = worker.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = text.lines().filter_map(said).map(str::to_owned).collect();
    let ended = output.status.success() || struck(&lines).is_some();
    assert!(ended, "the worker broke: {text}");
    lines
}

/// What was said to be accepted is in the store, and the code that was handed over is its code.
async fn check(dir: &Path, heard: &Heard) {
    let (store, dispatcher) = open(dir).await;
    for n in heard.accepted.iter().chain(heard.offered.keys()) {
        let held = store.award(key(&dispatcher, *n)).await.unwrap();
        assert!(held.is_some(), "award {n} was promised, and is lost");
    }
    for (n, (otc, pin)) in &heard.offered {
        let claim = dispatcher.claim(key(&dispatcher, *n)).await.unwrap();
        assert_eq!((&claim.ticket.otc, &claim.ticket.pin), (otc, pin));
    }
    drop(dispatcher);
    store.close().await.unwrap();
}

async fn redeem_all(dir: &Path, url: &str, heard: &Heard) -> u64 {
    let pocket = Pocket::open(dir.join("wallet.json")).unwrap();
    let wallet = PocketClient::new(RegistryClient::new(url).unwrap());
    for (n, (otc, pin)) in &heard.offered {
        let link = Link::Vouchers(otc.clone());
        let redeemed = pocket.redeem(&wallet, &link, pin, None).await.unwrap();
        assert_eq!(redeemed.vouchers, minutes(*n), "award {n}");
    }
    heard.offered.keys().map(|n| u64::from(minutes(*n))).sum()
}

async fn open(dir: &Path) -> (Arc<dyn Store>, Dispatcher) {
    let (store, keys) = (
        ground::store(dir).await.unwrap(),
        ground::keys(dir).unwrap(),
    );
    let (issuer, clock) = (Arc::new(ground::issuer(dir)), Arc::new(Later::of(dir)));
    let opened = Dispatcher::open(Arc::clone(&store), issuer, Arc::new(keys), clock).await;
    (store, opened.unwrap())
}

fn key(dispatcher: &Dispatcher, n: u32) -> AwardKey {
    AwardKey::direct(dispatcher.identity(), &award_key(n))
}

/// What earlier lives left, and then new awards: of some it is said that they are accepted before their
/// code is asked for, of others meanwhile, or as their code is not here in time, and of others nothing.
#[test]
fn child_awards_until_the_power_goes() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let first = set_or(FIRST, 0);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (store, dispatcher) = open(Path::new(&dir)).await;
        while dispatcher.run_due(99).await.unwrap() > 0 {}
        let mut tasks = JoinSet::new();
        for n in 0..first {
            if store.award(key(&dispatcher, n)).await.unwrap().is_some() {
                offer(&dispatcher, n).await;
            }
        }
        // Where one is under way alone, no other's write is synced for it.
        let at_once = [1, 4][(first / AWARDS % 2) as usize];
        for n in first..first + AWARDS {
            if tasks.len() >= at_once {
                tasks.join_next().await.unwrap().unwrap();
            }
            let dispatcher = dispatcher.clone();
            tasks.spawn(async move {
                match n % 4 {
                    0 => {
                        accept(&dispatcher, n).await;
                        offer(&dispatcher, n).await;
                    }
                    1 => offer(&dispatcher, n).await,
                    2 => {
                        wait_in_vain(&dispatcher, n).await;
                        offer(&dispatcher, n).await;
                    }
                    _ => drop(tokio::join!(offer(&dispatcher, n), accept(&dispatcher, n))),
                }
            });
        }
        while let Some(one) = tasks.join_next().await {
            one.unwrap();
        }
        say("finished");
    });
}

async fn accept(dispatcher: &Dispatcher, n: u32) {
    let request = request(n).unwrap();
    dispatcher.accept(&award_key(n), &request).await.unwrap();
    say(&format!("accepted {n}"));
}

/// Asks for a code that is hardly ever here by then, and is told that the award is accepted.
async fn wait_in_vain(dispatcher: &Dispatcher, n: u32) {
    let hasty = dispatcher.clone().with_patience(Duration::ZERO);
    if let Err(late) = hasty.award(&award_key(n), &request(n).unwrap()).await {
        assert_eq!(late.kind(), Kind::DeadlineExceeded);
        say(&format!("accepted {n}"));
    }
}

async fn offer(dispatcher: &Dispatcher, n: u32) {
    let request = request(n).unwrap();
    let ticket = dispatcher.award(&award_key(n), &request).await.unwrap();
    let (otc, pin) = (ticket.otc.reveal(), ticket.pin.reveal());
    say(&format!("offered {n} {otc} {pin}"));
}
