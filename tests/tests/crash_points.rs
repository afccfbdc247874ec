//! Death at every point: a real process on a real disk dies right before and right after each write
//! and each call, in the first pass and again while it recovers. Nothing is lost, nothing doubled.
//!
//! The worker is this test binary itself, started again with variables set. It goes the whole way:
//! a delivery through the inbox, observations, accounts, awards, the Registry over real HTTP, and a
//! file that the claims are pushed to. The windows W0 to W8 of `docs/reliability.md` are between
//! these points; `WOM_DIE_AT=n` repeats one, and `WOM_DEATHS=3` dies at each in the first pass, in
//! both, and twice in a row.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock as _, Digest, MINUTE_MS, Result, Span, SystemClock, Timestamp, Zone,
    award::{Account, AwardKey, Content, Identity, Issuer, Ticket},
    campaign::{Campaign, Collect, Line},
    checkout::{CheckoutId, CheckoutRecord},
    claim::{Claim, ClaimSink, Claims},
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::{Cohort, FileKeyStore, KeyStore, Participant},
    protocol::{Link, Otc, Pin, PrivateKey},
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, Numbers, Owner, Rate, Store,
    },
};
use wom_store::SqliteStore;

const WORKER: &str = "WOM_CRASH_POINTS_WORKER";
const DIE_AT: &str = "WOM_DIE_AT";
/// Three people, of whom one gave on two days.
const MINUTES: u64 = 30 + 40 + 15 + 20;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

#[test]
fn death_at_every_point_loses_nothing_and_doubles_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match std::env::var(WORKER) {
        Ok(dir) => runtime.block_on(work(Path::new(&dir))),
        Err(_) => runtime.block_on(supervise()),
    }
}

/// Counts the points that were passed, and dies at one.
#[derive(Debug)]
struct Reaper {
    passed: AtomicU32,
    die_at: Option<u32>,
}

impl Reaper {
    fn pass(&self, what: &str) {
        let point = self.passed.fetch_add(1, Ordering::SeqCst);
        if self.die_at == Some(point) {
            println!("dies {point} {what}");
            let _ = std::io::stdout().flush();
            std::process::abort();
        }
    }

    async fn around<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        self.pass(&format!("before {what}"));
        let done = call.await;
        self.pass(&format!("after {what}"));
        done
    }
}

/// The whole way once, from whatever the last process left behind.
async fn work(dir: &Path) {
    let reaper = Arc::new(Reaper {
        passed: AtomicU32::new(0),
        die_at: std::env::var(DIE_AT).ok().map(|text| text.parse().unwrap()),
    });
    let setting = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::open(dir.join("keys.json")).unwrap());
    let sqlite = SqliteStore::open_waiting(dir.join("wom.db"), Duration::from_secs(10))
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(Mortal {
        inner: sqlite,
        reaper: Arc::clone(&reaper),
    });
    let issuer = InstrumentClient::new(
        RegistryClient::new(&setting("url")).unwrap(),
        setting("source").parse().unwrap(),
        PrivateKey::from_pem(&setting("source.pem"), None).unwrap(),
    );
    let issuer: Arc<dyn Issuer> = Arc::new(MortalIssuer {
        inner: issuer.unwrap(),
        reaper: Arc::clone(&reaper),
    });
    let catalog = Catalog::standard();
    let rules = catalog
        .rule_set("active-minutes/1", &Settings::none())
        .unwrap();
    let collector = Collector::new(
        Arc::clone(&store),
        Arc::clone(&keys),
        Arc::new(SystemClock),
        issuer.identity().clone(),
        campaign(),
        rules,
    );
    let dispatcher = Dispatcher::open(Arc::clone(&store), issuer, keys, Arc::new(SystemClock))
        .await
        .unwrap();

    // As `wom submit` does: what was left first, then the file, which has a name.
    collector.settle_due(usize::MAX).await.unwrap();
    let adapter = catalog
        .instrument("activity.json", &Settings::none())
        .unwrap();
    let file = fs::read(dir.join("activity.json")).unwrap();
    let name = DeliveryId(Digest::of([&file]));
    collector
        .submit(&*adapter, Input::Bytes(file), Some(name), &mut Unwatched)
        .await
        .unwrap();
    while dispatcher.run_due(99).await.unwrap() > 0 {}
    let claims = Claims::new(collector, dispatcher);
    let sink = FileSink {
        path: dir.join("claims"),
        reaper: Arc::clone(&reaper),
    };
    claims.push(&sink).await.unwrap();
    assert!(store.unacknowledged(None, 9).await.unwrap().is_empty());
    println!("finished {}", reaper.passed.load(Ordering::SeqCst));
}

fn campaign() -> Campaign {
    let now = SystemClock.now();
    let runs = Span::new(now.plus_millis(-30 * DAY_MS), now.plus_millis(30 * DAY_MS));
    Campaign {
        name: "walk".to_owned(),
        zone: Zone::UTC,
        runs: runs.unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::AtOnce,
    }
}

async fn supervise() {
    let root = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(root.path().join("registry"))
        .await
        .unwrap();
    let instrument = registry
        .registry()
        .add_instrument("mortal", &["H".parse().unwrap()])
        .await
        .unwrap();
    let mut rounds = 0;
    let mut folder = |n: u32| {
        rounds += 1;
        let dir = root.path().join(format!("{n}-{rounds}"));
        fs::create_dir(&dir).unwrap();
        let pem = instrument.key.to_pkcs1_pem();
        fs::write(dir.join("source.pem"), pem.as_bytes()).unwrap();
        fs::write(dir.join("source"), instrument.id.to_string()).unwrap();
        fs::write(dir.join("url"), registry.url()).unwrap();
        fs::write(dir.join("activity.json"), activity()).unwrap();
        FileKeyStore::create(dir.join("keys.json")).unwrap();
        dir
    };
    // Once without dying, to see how many points there are.
    let dir = folder(0);
    let Said::Finished(points) = run(&dir, None) else {
        panic!("it dies by itself");
    };
    let mut issued = check(&registry, &dir, 0).await;
    println!("{points} points");
    let points: Vec<u32> = match std::env::var(DIE_AT) {
        Ok(one) => vec![one.parse().unwrap()],
        Err(_) => (0..points).collect(),
    };
    let deaths = std::env::var("WOM_DEATHS").map_or(1, |text| text.parse().unwrap());
    let mut names = BTreeMap::new();
    for point in points {
        // In the first pass; in the first and the second; twice in a row at the same place.
        for again in [None, Some(point / 2), Some(point)]
            .into_iter()
            .take(deaths)
        {
            let dir = folder(point);
            let Said::Died(name) = run(&dir, Some(point)) else {
                panic!("it does not die at {point}");
            };
            println!("{point}: {name}, then {again:?}");
            names.insert(point, name);
            if again.is_some() {
                // What is left may have fewer points.
                run(&dir, again);
            }
            let Said::Finished(_) = run(&dir, None) else {
                panic!("it dies by itself");
            };
            issued = check(&registry, &dir, issued).await;
        }
    }
    println!(
        "{} points, {deaths} ways to die at each: lost 0, doubled 0",
        names.len()
    );
}

enum Said {
    Died(String),
    Finished(u32),
}

fn run(dir: &Path, die_at: Option<u32>) -> Said {
    let mut worker = Command::new(std::env::current_exe().unwrap());
    worker
        .args([
            "death_at_every_point_loses_nothing_and_doubles_nothing",
            "--exact",
            "--nocapture",
        ])
        .env(WORKER, dir)
        .env_remove(DIE_AT)
        .stderr(Stdio::null());
    if let Some(point) = die_at {
        worker.env(DIE_AT, point.to_string());
    }
    let said = worker.output().unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let after = |word: &str| said.lines().find_map(|line| line.split_once(word));
    if let Some((_, count)) = after("finished ") {
        return Said::Finished(count.parse().unwrap());
    }
    match after("dies ") {
        Some((_, name)) => Said::Died(name.to_owned()),
        None => panic!("the worker failed by itself: {said}"),
    }
}

/// Each award reached the file with one code, and its vouchers can be redeemed.
async fn check(registry: &TestRegistry, dir: &Path, before: u64) -> u64 {
    let lines = fs::read_to_string(dir.join("claims")).unwrap();
    let mut codes = BTreeMap::new();
    for line in lines.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [key, otc, pin] = words[..] else {
            panic!("a torn line");
        };
        let first = codes.entry(key.to_owned()).or_insert((otc, pin));
        assert_eq!(*first, (otc, pin), "two codes for one award");
    }
    assert_eq!(codes.len(), 4, "an award for each person and day");
    let pocket = Pocket::open(dir.join("wallet.json")).unwrap();
    let wallet = PocketClient::new(RegistryClient::new(registry.url()).unwrap());
    for (otc, pin) in codes.values() {
        let link = Link::Vouchers(otc.parse::<Otc>().unwrap());
        let pin = Pin::parse(pin).unwrap();
        pocket.redeem(&wallet, &link, &pin, None).await.unwrap();
    }
    let redeemed: u32 = pocket.balance().unwrap().values().sum();
    assert_eq!(u64::from(redeemed), MINUTES, "minutes in the wallet");
    let books = registry.registry().books().await.unwrap().total;
    assert_eq!(books.issued, before + MINUTES, "issued by the Registry");
    books.issued
}

fn activity() -> String {
    let day = SystemClock.now().plus_millis(-5 * DAY_MS);
    let day = Zone::UTC
        .start_of(Zone::UTC.day(day))
        .plus_millis(9 * 60 * MINUTE_MS);
    let record = |who: &str, n: i64, minutes: i64| {
        let start = day.plus_millis(n * DAY_MS);
        let end = start.plus_millis(minutes * MINUTE_MS);
        format!(
            r#"{{"participant":"{who}","key":"{who}-{n}","activity":"walking","start":"{start}","end":"{end}"}}"#
        )
    };
    let records = [
        record("anna", 0, 30),
        record("anna", 1, 40),
        record("bruno", 0, 15),
        record("carla", 1, 20),
    ];
    format!("[{}]", records.join(","))
}

/// Appends a line for each claim, durably: the receiver that a push has.
#[derive(Debug)]
struct FileSink {
    path: PathBuf,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl ClaimSink for FileSink {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        let deliver = async {
            let mut file = fs::File::options()
                .create(true)
                .append(true)
                .open(&self.path)
                .unwrap();
            for claim in claims {
                let (key, ticket) = (claim.key.to_hex(), &claim.ticket);
                let line = format!("{key} {} {}\n", ticket.otc.reveal(), ticket.pin.reveal());
                file.write_all(line.as_bytes()).unwrap();
            }
            file.sync_data().unwrap();
        };
        self.reaper.around("the sink", deliver).await;
        Ok(())
    }
}

#[derive(Debug)]
struct MortalIssuer {
    inner: InstrumentClient,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl Issuer for MortalIssuer {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let create = self.inner.create(content, nonce);
        self.reaper.around("create", create).await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.reaper.around("verify", self.inner.verify(otc)).await
    }
}

/// A store whose process may die around every write.
#[derive(Debug)]
struct Mortal {
    inner: SqliteStore,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl Store for Mortal {
    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.reaper.around("bind", self.inner.bind(owner)).await
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        self.inner.participant(participant).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        self.reaper
            .around("commit", self.inner.commit(commit))
            .await
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        self.inner.award(key).await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let what = format!("advance to {}", record.state.name());
        self.reaper.around(&what, self.inner.advance(record)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        self.inner.due(now, limit).await
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let claim = self.inner.claim(now, until, limit);
        self.reaper.around("claim", claim).await
    }

    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>> {
        self.inner.awards_of(participant).await
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        self.inner.unacknowledged(after, limit).await
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        self.inner.awards(after, limit).await
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        self.inner.accounts(after, limit).await
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        self.inner.waking(now, limit).await
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        self.inner.uncollected(cohort).await
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        self.inner.forget(cohort).await
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        self.inner.erase(participant).await
    }

    async fn numbers(&self) -> Result<Numbers> {
        self.inner.numbers().await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        self.inner.delivery(id).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let what = format!("delivery to {}", record.state.name());
        let put = self.inner.put_delivery(record);
        self.reaper.around(&what, put).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        self.inner.due_deliveries(now, limit).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        self.inner.forget_deliveries(before).await
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        self.inner.cursor(source).await
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        self.inner.put_cursor(record).await
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        self.inner.draw(name, rate, wanted, now).await
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        self.inner.checkout(id).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        self.inner.put_checkout(record).await
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        self.inner.due_checkouts(now, limit).await
    }
}
