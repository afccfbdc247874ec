//! The whole way of a worker: a delivery through the inbox, observations, accounts, awards, the
//! Registry over real HTTP, and a file that the claims are pushed to. It says what it has promised.

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
};

use async_trait::async_trait;
use wom_catalog::{Catalog, Settings};
use wom_registry::{NewInstrument, TestRegistry};
use wom_sdk::{
    Clock, Digest, MINUTE_MS, Result, Span, SystemClock, Timestamp, Zone,
    award::{Content, Identity, Issuer, Ticket},
    campaign::{Campaign, Collect, Line},
    claim::{Claim, ClaimSink, Claims},
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::KeyStore,
    protocol::{Link, Otc, Pin},
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::{AwardRecord, Commit, Committed, DeliveryId, DeliveryRecord, Owner, Store},
    testing::{Layered, StoreLayer},
};

use crate::ground::{self, Base, say};

const WORKER: &str = "WOM_WAY_WORKER";
const DIE_AT: &str = "WOM_WAY_DIE_AT";
const RUNS: &str = "WOM_WAY_RUNS";
const FILE: &str = "activity.json";
/// Who gives, on which day, and how many minutes; each becomes an award.
pub(crate) type Given = &'static [(&'static str, i64, u32)];
/// Three people, of whom one gives on two days.
pub(crate) const MANY: Given = &[
    ("anna", 0, 30),
    ("anna", 1, 40),
    ("bruno", 0, 15),
    ("carla", 1, 20),
];
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A Registry, and folders for workers that all go the same way.
pub(crate) struct Ways {
    base: Base,
    given: Given,
    root: tempfile::TempDir,
    registry: TestRegistry,
    instrument: NewInstrument,
    made: u32,
    issued: u64,
}

impl Ways {
    pub(crate) async fn new(base: Base, given: Given) -> Self {
        let root = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(root.path().join("registry")).await;
        let registry = registry.unwrap();
        let aims = ["H".parse().unwrap()];
        let instrument = registry.registry().add_instrument("mortal", &aims).await;
        Self {
            base,
            given,
            root,
            registry,
            instrument: instrument.unwrap(),
            made: 0,
            issued: 0,
        }
    }

    /// A worker that has everything before it.
    pub(crate) async fn begin(&mut self) -> Way {
        self.made += 1;
        let dir = self.root.path().join(self.made.to_string());
        let url = self.registry.url();
        self.base.prepare(&dir, &self.instrument, url).await;
        fs::write(dir.join(FILE), activity(self.given)).unwrap();
        Way { dir, runs: 0 }
    }

    /// Each award reached the claims' file with one code, and its vouchers can be redeemed.
    pub(crate) async fn check(&mut self, way: &Way) {
        let lines = fs::read_to_string(way.dir.join("claims")).unwrap();
        let mut codes = BTreeMap::new();
        for line in lines.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [key, otc, pin] = words[..] else {
                panic!("a torn line");
            };
            let first = codes.entry(key.to_owned()).or_insert((otc, pin));
            assert_eq!(*first, (otc, pin), "two codes for one award");
        }
        assert_eq!(
            codes.len(),
            self.given.len(),
            "an award for each person and day"
        );
        let pocket = Pocket::open(way.dir.join("wallet.json")).unwrap();
        let wallet = PocketClient::new(RegistryClient::new(self.registry.url()).unwrap());
        for (otc, pin) in codes.values() {
            let link = Link::Vouchers(otc.parse::<Otc>().unwrap());
            let pin = Pin::parse(pin).unwrap();
            pocket.redeem(&wallet, &link, &pin, None).await.unwrap();
        }
        let redeemed: u32 = pocket.balance().unwrap().values().sum();
        let minutes: u32 = self.given.iter().map(|given| given.2).sum();
        assert_eq!(redeemed, minutes, "minutes in the wallet");
        let books = self.registry.registry().books().await.unwrap().total;
        self.issued += u64::from(minutes);
        assert_eq!(books.issued, self.issued, "issued by the Registry");
    }
}

/// One worker, which may die or give up on its way, and goes on.
pub(crate) struct Way {
    pub(crate) dir: PathBuf,
    runs: u32,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) enum End {
    Died(String),
    /// An error was reported, with this code.
    Failed(String),
    /// After so many points.
    Finished(u32),
}

/// What was said, line by line, and how it ended.
pub(crate) struct Run {
    pub(crate) said: Vec<String>,
    pub(crate) end: End,
}

impl Way {
    /// Goes on, to the end or to death at a point. What it has said to be accepted is not given to
    /// it again: from there on the worker alone has it.
    pub(crate) fn run(&mut self, die_at: Option<u32>, also: impl FnOnce(&mut Command)) -> Run {
        let mut worker = ground::again("way::child_goes_the_whole_way");
        worker
            .env(WORKER, &self.dir)
            .env(RUNS, self.runs.to_string())
            .stderr(Stdio::piped());
        if let Some(point) = die_at {
            worker.env(DIE_AT, point.to_string());
        }
        also(&mut worker);
        self.runs += 1;
        let output = worker.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Vec<_> = text
            .lines()
            .filter_map(ground::said)
            .map(str::to_owned)
            .collect();
        let after = |word| said.iter().find_map(|line| line.strip_prefix(word));
        if after("accepted").is_some() {
            fs::remove_file(self.dir.join(FILE)).unwrap();
        }
        let end = match (after("finished "), after("failed "), after("dies ")) {
            (Some(points), ..) => End::Finished(points.parse().unwrap()),
            (_, Some(code), _) => End::Failed(code.to_owned()),
            (.., Some(name)) => End::Died(name.split_once(' ').unwrap().1.to_owned()),
            _ => {
                let panic = String::from_utf8_lossy(&output.stderr);
                panic!("the worker broke: {text}\n{panic}");
            }
        };
        Run { said, end }
    }

    /// Goes on to the end, with nothing in the way.
    pub(crate) fn finish(&mut self) -> u32 {
        match self.run(None, |_| {}).end {
            End::Finished(points) => points,
            other => panic!("it ends by itself: {other:?}"),
        }
    }
}

#[test]
fn child_goes_the_whole_way() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Err(error) = runtime.block_on(work(Path::new(&dir))) {
        say(&format!("failed {}", error.code()));
        eprintln!("{error:?}");
    }
}

/// The whole way once, from whatever the last process left behind.
async fn work(dir: &Path) -> Result<()> {
    let reaper = Arc::new(Reaper {
        passed: AtomicU32::new(0),
        die_at: std::env::var(DIE_AT).ok().map(|text| text.parse().unwrap()),
    });
    let clock: Arc<dyn Clock> = Arc::new(Later(ground::set_or(RUNS, 0)));
    let keys: Arc<dyn KeyStore> = Arc::new(ground::keys(dir)?);
    let store: Arc<dyn Store> = Arc::new(Layered(Mortal {
        inner: ground::store(dir).await?,
        reaper: Arc::clone(&reaper),
    }));
    let issuer: Arc<dyn Issuer> = Arc::new(MortalIssuer {
        inner: ground::issuer(dir),
        reaper: Arc::clone(&reaper),
    });
    let catalog = Catalog::standard();
    let collector = Collector::new(
        Arc::clone(&store),
        Arc::clone(&keys),
        Arc::clone(&clock),
        issuer.identity().clone(),
        campaign(),
        catalog.rule_set("active-minutes/1", &Settings::none())?,
    );
    let dispatcher = Dispatcher::open(Arc::clone(&store), issuer, keys, clock).await?;

    // As `wom submit` does: what was left first, then the file, which has a name.
    collector.settle_due(usize::MAX).await?;
    if let Ok(file) = fs::read(dir.join(FILE)) {
        let adapter = catalog.instrument("activity.json", &Settings::none())?;
        let name = DeliveryId(Digest::of([&file]));
        collector
            .submit(&*adapter, Input::Bytes(file), Some(name), &mut Unwatched)
            .await?;
        say("accepted");
    }
    while dispatcher.run_due(99).await? > 0 {}
    let claims = Claims::new(collector, dispatcher);
    let sink = FileSink {
        path: dir.join("claims"),
        reaper: Arc::clone(&reaper),
    };
    claims.push(&sink).await?;
    assert!(store.unacknowledged(None, 9).await?.is_empty());
    say(&format!(
        "finished {}",
        reaper.passed.load(Ordering::SeqCst)
    ));
    Ok(())
}

/// Each run is two minutes after the one before: what the dead have taken is free again.
#[derive(Debug)]
struct Later(u32);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus_millis(2 * MINUTE_MS * i64::from(self.0))
    }
}

fn activity(given: Given) -> String {
    let day = SystemClock.now().plus_millis(-5 * DAY_MS);
    let day = Zone::UTC
        .start_of(Zone::UTC.day(day))
        .plus_millis(9 * 60 * MINUTE_MS);
    let records = given.iter().map(|&(who, n, minutes)| {
        let start = day.plus_millis(n * DAY_MS);
        let end = start.plus_millis(i64::from(minutes) * MINUTE_MS);
        format!(
            r#"{{"participant":"{who}","key":"{who}-{n}","activity":"walking","start":"{start}","end":"{end}"}}"#
        )
    });
    format!("[{}]", records.collect::<Vec<_>>().join(","))
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
            say(&format!("dies {point} {what}"));
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
            claims
                .iter()
                .for_each(|claim| say(&format!("offered {}", claim.key.to_hex())));
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
    inner: Arc<dyn Store>,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl StoreLayer for Mortal {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.reaper.around("bind", self.inner.bind(owner)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        self.reaper
            .around("commit", self.inner.commit(commit))
            .await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let what = format!("advance to {}", record.state.name());
        self.reaper.around(&what, self.inner.advance(record)).await
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

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let what = format!("delivery to {}", record.state.name());
        let put = self.inner.put_delivery(record);
        self.reaper.around(&what, put).await
    }
}
