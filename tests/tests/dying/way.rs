//! The whole way of a worker: a delivery through the inbox, observations, accounts, awards, the
//! Registry over real HTTP, and a file that the claims are pushed to. It says what it has promised.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use wom_catalog::{Catalog, Settings};
use wom_registry::{NewInstrument, TestRegistry};
use wom_sdk::{
    Clock, Digest, MINUTE_MS, Result, Span, SystemClock, Zone,
    award::Issuer,
    campaign::{Campaign, Collect, Line},
    claim::Claims,
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::KeyStore,
    protocol::{Link, Otc, Pin},
    registry::{PocketClient, RegistryClient},
    store::{DeliveryId, Store},
    testing::Layered,
};

use crate::{
    ground::{self, Base, Later, say},
    mortal::{FileSink, MortalIssuer, MortalKeys, MortalStore, Points, Reaper},
    renewal,
};

const WORKER: &str = "WOM_WAY_WORKER";
const COURSE: &str = "WOM_WAY_COURSE";
pub(crate) const FILE: &str = "activity.json";

/// What a worker does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Course {
    /// The whole way, for this activity.
    Whole(Given),
    /// The whole way for what is new, beside what is months old and was not collected; then what is
    /// over for good is forgotten.
    Renewal,
    /// What `Renewal` finds: the same way months ago, and nobody was handed anything.
    MonthsAgo,
}

impl Course {
    fn name(self) -> &'static str {
        match self {
            Self::Whole(_) => "whole",
            Self::Renewal => "renewal",
            Self::MonthsAgo => "months ago",
        }
    }

    /// What there is to award in the end.
    fn given(self) -> Vec<(&'static str, i64, u32)> {
        match self {
            Self::Whole(given) => given.to_vec(),
            Self::Renewal | Self::MonthsAgo => [renewal::OLD, renewal::NEW].concat(),
        }
    }
}

/// Who gives, on which day, and how many minutes; each becomes an award.
pub(crate) type Given = &'static [(&'static str, i64, u32)];
/// Three people, of whom one gives on two days.
pub(crate) const MANY: Given = &[
    ("anna", 0, 30),
    ("anna", 1, 40),
    ("bruno", 0, 15),
    ("carla", 1, 20),
];
pub(crate) const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A Registry, and folders for workers that all go the same way.
pub(crate) struct Ways {
    base: Base,
    course: Course,
    root: tempfile::TempDir,
    registry: TestRegistry,
    instrument: NewInstrument,
    made: u32,
    issued: u64,
}

impl Ways {
    pub(crate) async fn new(base: Base, course: Course) -> Self {
        let root = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(root.path().join("registry")).await;
        let registry = registry.unwrap();
        let aims = ["H".parse().unwrap()];
        let instrument = registry.registry().add_instrument("mortal", &aims).await;
        Self {
            base,
            course,
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
        let course = self.course;
        fs::write(dir.join(FILE), activity(&course.given())).unwrap();
        let mut way = Way {
            dir,
            course,
            begun: false,
        };
        if course == Course::Renewal {
            fs::write(way.dir.join(renewal::FILE), activity(renewal::OLD)).unwrap();
            way.course = Course::MonthsAgo;
            way.finish();
            way.course = course;
        }
        way
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
        let given = self.course.given();
        assert_eq!(codes.len(), given.len(), "an award for each person and day");
        let pocket = Pocket::open(way.dir.join("wallet.json")).unwrap();
        let wallet = PocketClient::new(RegistryClient::new(self.registry.url()).unwrap());
        for (otc, pin) in codes.values() {
            let link = Link::Vouchers(otc.parse::<Otc>().unwrap());
            let pin = Pin::parse(pin).unwrap();
            pocket.redeem(&wallet, &link, &pin, None).await.unwrap();
        }
        let redeemed: u32 = pocket.balance().unwrap().values().sum();
        let minutes: u32 = given.iter().map(|given| given.2).sum();
        assert_eq!(redeemed, minutes, "minutes in the wallet");
        let books = self.registry.registry().books().await.unwrap().total;
        self.issued += u64::from(minutes);
        assert_eq!(books.issued, self.issued, "issued by the Registry");
    }
}

/// One worker, which may die or give up on its way, and goes on.
pub(crate) struct Way {
    pub(crate) dir: PathBuf,
    course: Course,
    begun: bool,
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
    pub(crate) fn run(&mut self, also: impl FnOnce(&mut Command)) -> Run {
        let mut worker = ground::again("way::child_goes_the_whole_way");
        worker
            .env(WORKER, &self.dir)
            .env(COURSE, self.course.name())
            .stderr(Stdio::piped());
        also(&mut worker);
        if std::mem::replace(&mut self.begun, true) {
            ground::pass_time(&self.dir);
        }
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
            _ if was_killed(output.status) => End::Died("where it was struck".to_owned()),
            _ => {
                let panic = String::from_utf8_lossy(&output.stderr);
                panic!("the worker broke: {text}\n{panic}");
            }
        };
        Run { said, end }
    }

    /// Goes on, and dies at one of these points.
    pub(crate) fn die(&mut self, of: Points, at: u32) -> End {
        self.run(|worker| Reaper::tell(worker, of, Some(at))).end
    }

    /// Goes on to the end, with nothing in the way. Returns how many points there were.
    pub(crate) fn finish(&mut self) -> u32 {
        self.finish_counting(Points::All)
    }

    /// As [`finish`](Self::finish); returns how many of these points there were.
    pub(crate) fn finish_counting(&mut self, of: Points) -> u32 {
        match self.run(|worker| Reaper::tell(worker, of, None)).end {
            End::Finished(points) => points,
            other => panic!("it ends by itself: {other:?}"),
        }
    }
}

#[cfg(unix)]
fn was_killed(status: std::process::ExitStatus) -> bool {
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(9)
}

#[cfg(not(unix))]
fn was_killed(_: std::process::ExitStatus) -> bool {
    false
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

/// Its course once, from whatever the last process left behind.
async fn work(dir: &Path) -> Result<()> {
    let course = std::env::var(COURSE).unwrap();
    let worker = Worker::of(dir, &course).await?;
    if course == Course::MonthsAgo.name() {
        worker.take_in(renewal::FILE, false).await?;
    } else if course == Course::Renewal.name() {
        renewal::renew(&worker).await?;
    } else {
        // As `wom submit` does: what was left first, then the file, which has a name.
        worker.take_in(FILE, true).await?;
        worker.hand_over().await?;
    }
    say(&format!("finished {}", worker.reaper.passed()));
    Ok(())
}

/// Who works in a folder.
pub(crate) struct Worker {
    pub(crate) dir: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: Arc<dyn KeyStore>,
    reaper: Arc<Reaper>,
    store: Arc<dyn Store>,
    pub(crate) campaign: Campaign,
    collector: Collector,
    dispatcher: Dispatcher,
}

impl Worker {
    async fn of(dir: &Path, course: &str) -> Result<Self> {
        let reaper = Reaper::told();
        let clock: Arc<dyn Clock> = match course == Course::MonthsAgo.name() {
            true => Arc::new(Later::of(dir).ago(renewal::AGO_MS)),
            false => Arc::new(Later::of(dir)),
        };
        let keys: Arc<dyn KeyStore> = Arc::new(MortalKeys {
            inner: ground::keys(dir)?,
            reaper: Arc::clone(&reaper),
        });
        let store: Arc<dyn Store> = Arc::new(Layered(MortalStore {
            inner: ground::store(dir).await?,
            reaper: Arc::clone(&reaper),
        }));
        let issuer: Arc<dyn Issuer> = Arc::new(MortalIssuer {
            inner: ground::issuer(dir),
            reaper: Arc::clone(&reaper),
        });
        let whole = course == Course::Whole(&[]).name();
        let campaign = campaign(if whole { Campaign::LATENESS_MS } else { DAY_MS });
        let collector = Collector::new(
            Arc::clone(&store),
            Arc::clone(&keys),
            Arc::clone(&clock),
            issuer.identity().clone(),
            campaign.clone(),
            Catalog::standard().rule_set("active-minutes/1", &Settings::none())?,
        );
        let (own, same) = (Arc::clone(&keys), Arc::clone(&clock));
        let dispatcher = Dispatcher::open(Arc::clone(&store), issuer, own, same).await?;
        Ok(Self {
            dir: dir.to_owned(),
            clock,
            keys,
            reaper,
            store,
            campaign,
            collector,
            dispatcher,
        })
    }

    /// What was left first, then a file, if it is there. One with a name is read once, and said to be
    /// accepted.
    pub(crate) async fn take_in(&self, file: &str, named: bool) -> Result<()> {
        self.collector.settle_due(usize::MAX).await?;
        if let Ok(file) = fs::read(self.dir.join(file)) {
            let adapter = Catalog::standard().instrument("activity.json", &Settings::none())?;
            let name = named.then(|| DeliveryId(Digest::of([&file])));
            self.collector
                .submit(&*adapter, Input::Bytes(file), name, &mut Unwatched)
                .await?;
            if named {
                say("accepted");
            }
        }
        while self.dispatcher.run_due(99).await? > 0 {}
        Ok(())
    }

    /// Every code that is good goes into a file.
    pub(crate) async fn hand_over(&self) -> Result<()> {
        let sink = FileSink {
            path: self.dir.join("claims"),
            reaper: Arc::clone(&self.reaper),
        };
        self.claims().push(&sink).await?;
        assert!(self.store.unacknowledged(None, 9).await?.is_empty());
        Ok(())
    }

    pub(crate) fn claims(&self) -> Claims {
        Claims::new(self.collector.clone(), self.dispatcher.clone())
    }
}

fn activity(given: &[(&str, i64, u32)]) -> String {
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

fn campaign(lateness_ms: i64) -> Campaign {
    let now = SystemClock.now();
    let runs = Span::new(now.plus_millis(-300 * DAY_MS), now.plus_millis(30 * DAY_MS));
    Campaign {
        name: "walk".to_owned(),
        zone: Zone::UTC,
        runs: runs.unwrap(),
        settlement_ms: 0,
        lateness_ms,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::AtOnce,
    }
}
