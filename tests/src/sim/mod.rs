//! A deterministic simulator: production code on one thread, in a world that a seed decides.
//!
//! The dispatcher, the collector and the cash desk run as they are, with their state machines, in
//! several processes that die at any await, alone or with their machine, and start again on what is
//! on the disk. Around them is a simulated world: a store that fails before a write or after it, a Registry behind a network that
//! loses, delays and repeats, sources that send everything twice and in any order, persons, tills.
//! Time is simulated; half a day takes some milliseconds. The same seed gives the same run, byte for byte.
//!
//! `cargo run -p wom-tests --bin wom-sim -- --help` runs more seeds than the tests do.

mod bugs;
mod calendar;
mod callers;
mod clock;
mod directory;
mod doubt;
mod feed;
mod keys;
mod ledger;
mod listen;
mod machine;
mod mutants;
mod oracle;
mod people;
mod process;
mod records;
mod registry;
mod runner;
mod sink;
mod store;
mod tills;
mod weather;
mod world;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

pub use bugs::Bug;
pub use runner::{Caught, catch_all, run_all};
pub use world::Failure;

use wom_sdk::{
    Clock, MINUTE_MS, Result, Span, Timestamp, Zone,
    award::{Issuer, State},
    campaign::{Campaign, Collect},
    cash_desk::CashDesk,
    claim::Claims,
    collector::Collector,
    dispatcher::Dispatcher,
    privacy::{Cohort, Epoch, KeyStore, Sealer},
    rules::RuleSet,
    store::{DeliveryState, Store},
    testing::seed_jitter,
};

use self::{
    calendar::Calendar,
    callers::HandedOver,
    clock::Watch,
    directory::People,
    doubt::Doubting,
    feed::{Feed, Parcels},
    keys::SeededKeys,
    ledger::{CAMPAIGN, Ledger},
    listen::Listener,
    mutants::{MutantRules, MutantStore, MutantWire},
    oracle::Policies,
    process::{Hands, Process},
    records::Records,
    registry::{Registry, Wire},
    store::Truth,
    tills::Shop,
    weather::Weather,
    world::World,
};
use crate::fuzz::Rng;

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// The promise that was broken, if one was.
    pub failure: Option<Failure>,
    /// Everything that happened, a line each.
    pub trace: String,
}

/// How long after the faults have stopped everything must be settled.
const SETTLES_MS: i64 = 10 * MINUTE_MS;
/// How long after that everybody has looked whether something is due, and persons tap again.
const TAPS_MS: i64 = 3 * MINUTE_MS;
/// How long a code is looked after that was called off: 31 hours and 21 minutes, and a day more where
/// the last look was not answered, as by a Registry that does not know the code.
const LATE_LOOKS_MS: i64 = 57 * 60 * MINUTE_MS;

/// Runs the world of a seed, with a planted bug or none.
pub fn run(seed: u64, bug: Option<Bug>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    seed_jitter(Some(seed));
    let times = Times::draw(seed);
    let weather = Weather::draw(seed, times.start, times.calm);
    let world = runtime.block_on(async { World::new(seed, bug, times.start, weather) });
    tracing::subscriber::with_default(Listener(Arc::clone(&world)), || {
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = world.failed() => {}
                () = play(&world, &times) => {}
            }
        });
    });
    seed_jitter(None);
    Outcome {
        failure: world.failure(),
        trace: world.take_trace(),
    }
}

/// When a run begins, and when what ends.
#[derive(Debug)]
struct Times {
    calendar: &'static Calendar,
    start: Timestamp,
    /// The last activity.
    end: Timestamp,
    /// The faults stop.
    calm: Timestamp,
}

impl Times {
    fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "times", 0);
        let mut hours = |least: usize, span: usize| {
            i64::try_from(least + rng.below(span)).unwrap_or(0) * 60 * MINUTE_MS
        };
        let start = hours(24, 40);
        let end = start + hours(2, 14);
        let calm = end + hours(0, 14);
        let calendar = Calendar::of(rng.below(8));
        Self {
            calendar,
            start: calendar.start.plus_millis(start),
            end: calendar.start.plus_millis(end),
            calm: calendar.start.plus_millis(calm),
        }
    }
}

/// Everything that stands on the stage of a run.
struct Scene {
    world: Arc<World>,
    ledger: Arc<Ledger>,
    parcels: Arc<Parcels>,
    /// From then on nothing comes in any more.
    quiet_from: Timestamp,
    /// Every day of the run has settled.
    settled_by: Timestamp,
    truth: Arc<Truth>,
    registry: Arc<Registry>,
    rules: Arc<dyn RuleSet>,
    keys: Arc<dyn KeyStore>,
    processes: Vec<Arc<Process>>,
    handed_over: HandedOver,
    shop: Shop,
    begun: AtomicUsize,
    done: AtomicUsize,
}

impl Scene {
    /// One of the processes.
    fn process(&self) -> &Arc<Process> {
        &self.processes[self.world.below(self.processes.len())]
    }

    /// When something begins: somewhere in the time in which things fail.
    fn moment(&self, rng: &mut Rng) -> Timestamp {
        let start = self.world.start();
        let length = self.world.weather.calm().since(start);
        let at = rng.below(usize::try_from(length).unwrap_or(0));
        start.plus_millis(i64::try_from(at).unwrap_or(0))
    }

    /// Somebody more comes for something.
    fn begins(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody has what they came for.
    fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

async fn play(world: &Arc<World>, times: &Times) {
    let mut rng = Rng::new(world.seed, "scene", 0);
    let keys: Arc<dyn KeyStore> = Arc::new(SeededKeys::new(world.seed));
    let records = Records::draw(world.seed, times.calendar, times.start, times.end);
    let wrong_clocks = rng.one_in(3);
    let ledger = Ledger::new(
        world,
        records,
        Policies::draw(world.seed),
        &SeededKeys::new(world.seed),
        wrong_clocks,
    );
    let ledger = Arc::new(ledger);
    let parcels = Parcels::draw(world.seed, &ledger, times.start, times.calm);
    let quiet_from = parcels.last().max(times.calm);
    let settled_by = ledger.settled_by(quiet_from);
    let processes = 1 + rng.below(3);
    let scene = Arc::new(Scene {
        world: Arc::clone(world),
        quiet_from,
        settled_by,
        truth: Truth::new(world, &keys, &ledger).await,
        ledger,
        parcels: Arc::new(parcels),
        registry: Registry::new(world),
        rules: Arc::new(Doubting(
            wom_catalog::Catalog::standard()
                .rule_set("active-minutes/1", &wom_catalog::Settings::none())
                .expect("a rule set of the catalogue"),
        )),
        keys: Arc::clone(&keys),
        processes: (0..processes)
            .map(|number| Process::new(number, world))
            .collect(),
        handed_over: HandedOver::default(),
        shop: Shop::default(),
        begun: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
    });
    for process in &scene.processes {
        tokio::spawn(supervise(
            Arc::clone(&scene),
            Arc::clone(process),
            Arc::clone(&keys),
        ));
    }
    let (awards, tills) = (rng.below(6), rng.below(4));
    // A sink takes everything that is good: then nobody awards under keys of their own.
    let sinks = usize::from(rng.one_in(4));
    let awards = awards * (1 - sinks);
    let (persons, parcels) = (scene.ledger.records.persons, scene.parcels.0.len());
    let reviewers = 1 + rng.below(2);
    let all = awards + tills + persons + parcels + reviewers + sinks;
    scene.begun.store(all, Ordering::Relaxed);
    for number in 0..reviewers {
        tokio::spawn(doubt::reviewer(Arc::clone(&scene), number));
    }
    let forgotten = rng.one_in(4).then(|| rng.below(persons));
    if let Some(person) = forgotten {
        scene.begins();
        tokio::spawn(people::forgotten(Arc::clone(&scene), person));
    }
    for _ in 0..sinks {
        tokio::spawn(sink::push(Arc::clone(&scene)));
    }
    if wrong_clocks {
        tokio::spawn(clock::mistune(Arc::clone(&scene)));
    }
    for number in 0..awards {
        tokio::spawn(callers::award(Arc::clone(&scene), number));
    }
    for number in 0..tills {
        tokio::spawn(tills::till(Arc::clone(&scene), number));
    }
    for number in 0..persons {
        tokio::spawn(people::person(Arc::clone(&scene), number));
    }
    for number in 0..parcels {
        tokio::spawn(feed::send(Arc::clone(&scene), number));
    }
    if rng.one_in(4) {
        tokio::spawn(disaster(Arc::clone(&scene)));
    }
    world.sleep_until(settled_by.plus_millis(TAPS_MS)).await;
    scene.ledger.settled_by_itself();
    world.sleep_until(settled_by.plus_millis(SETTLES_MS)).await;
    settled(&scene).await;
    scene.ledger.close();
    world
        .sleep_until(settled_by.plus_millis(LATE_LOOKS_MS))
        .await;
    tills::check(&scene, tills).await;
    forget_months(&scene).await;
    scene
        .processes
        .iter()
        .for_each(|process| process.put_away());
}

/// Long after, months are forgotten with their keys: all but those of which something waits.
async fn forget_months(scene: &Arc<Scene>) {
    let world = &scene.world;
    let campaign = scene
        .ledger
        .policies
        .campaign(scene.ledger.records.calendar);
    let mut months = scene.keys.epochs(CAMPAIGN).unwrap_or_default();
    months.retain(|month| *month != Epoch::CAMPAIGN);
    let Some(last) = months.iter().map(|month| campaign.closes(*month)).max() else {
        return;
    };
    let mut waits = Vec::new();
    for month in &months {
        let cohort = Cohort::new(CAMPAIGN, *month);
        waits.push(scene.truth.memory.uncollected(cohort).await.unwrap_or(true));
    }
    world.sleep_until(last.plus_millis(MINUTE_MS)).await;
    let close = |hands: Hands| async move {
        Claims::new(hands.collector, hands.dispatcher)
            .close_epochs()
            .await
    };
    match scene.process().call(close).await {
        Some(Ok(closed)) => world.log(format_args!("{} months are forgotten", closed.len())),
        Some(Err(error)) => world.heard_error(format_args!("months"), &error),
        None => {}
    }
    let there = scene.keys.epochs(CAMPAIGN).unwrap_or_default();
    for (month, waits) in months.iter().zip(waits) {
        if there.contains(month) != waits {
            let message = format!("{month}: something waits: {waits}");
            world.fail("months are forgotten in time", message);
        }
    }
}

/// Somebody puts an older backup of the Registry back.
async fn disaster(scene: Arc<Scene>) {
    let mut rng = Rng::new(scene.world.seed, "disaster", 0);
    let (one, other) = (scene.moment(&mut rng), scene.moment(&mut rng));
    scene.world.sleep_until(one.min(other)).await;
    scene.registry.back_up();
    scene.world.sleep_until(one.max(other)).await;
    scene.registry.restore();
}

/// Nothing is left to do: everything is delivered, or parked with a reason.
async fn settled(scene: &Arc<Scene>) {
    let world = &scene.world;
    world.log(format_args!("all must be settled now"));
    let open = scene.truth.memory.unacknowledged(None, usize::MAX).await;
    for record in open.unwrap_or_default() {
        let settled = match &record.state {
            State::Verified | State::Offered => true,
            State::Parked(reason) => !reason.is_empty(),
            _ => false,
        };
        if !settled {
            let (key, state) = (record.key, record.state.name());
            world.fail("all settles", format!("{key:?} is {state}"));
        }
    }
    let numbers = scene.truth.memory.numbers().await.unwrap_or_default();
    let done = DeliveryState::Done;
    for count in numbers
        .deliveries
        .iter()
        .filter(|count| count.state != done.name())
    {
        if count.reason.as_ref().is_none_or(String::is_empty) {
            world.fail("all settles", format!("a delivery is {}", count.state));
        }
    }
    let (begun, done) = (
        scene.begun.load(Ordering::Relaxed),
        scene.done.load(Ordering::Relaxed),
    );
    if begun != done {
        world.fail(
            "never lost",
            format!("{} of {begun} wait in vain", begun - done),
        );
    }
}

/// Starts a process again whenever it dies.
async fn supervise(scene: Arc<Scene>, process: Arc<Process>, keys: Arc<dyn KeyStore>) {
    let world = &scene.world;
    let careless = Rng::new(world.seed, "careless", 0).one_in(4);
    let mut lived = false;
    let other_keys: Arc<dyn KeyStore> = Arc::new(SeededKeys::new(!world.seed));
    loop {
        // Now and then somebody starts it with an empty key store, and mends that later.
        let wrong = careless && lived && world.chance(300) && world.now() < world.weather.calm();
        let keys = if wrong { &other_keys } else { &keys };
        let opening = {
            let (scene, process, keys) =
                (Arc::clone(&scene), Arc::clone(&process), Arc::clone(keys));
            async move { open(&scene, &process, &keys).await }
        };
        match process.run(opening).await {
            Some(Ok(hands)) => {
                process.live(hands);
                lived = true;
                for work in Work::ALL {
                    let (scene, process) = (Arc::clone(&scene), Arc::clone(&process));
                    tokio::spawn(async move {
                        let own = Arc::clone(&process);
                        process.call(|hands| work_on(scene, own, hands, work)).await
                    });
                }
                process.dead().await;
            }
            Some(Err(error)) => world.heard_error(format_args!("{process} opens"), &error),
            None => {}
        }
        world.sleep_ms(10, 200_000).await;
    }
}

async fn open(scene: &Scene, process: &Arc<Process>, keys: &Arc<dyn KeyStore>) -> Result<Hands> {
    let bug = scene.world.bug;
    let store: Arc<dyn Store> = MutantStore::new(&scene.truth, process);
    let wire = MutantWire::new(bug, Wire::new(&scene.registry, process));
    let clock: Arc<dyn Clock> = Arc::new(Watch(Arc::clone(process)));
    let issuer: Arc<dyn Issuer> = wire.clone();
    let dispatcher = Dispatcher::open(
        Arc::clone(&store),
        issuer,
        Arc::clone(keys),
        Arc::clone(&clock),
    )
    .await?;
    let desk = CashDesk::new(
        Arc::clone(&store),
        wire.clone(),
        Arc::clone(keys),
        Arc::clone(&clock),
    );
    let rules = Arc::new(MutantRules {
        bug,
        inner: Arc::clone(&scene.rules),
    });
    let ledger = &scene.ledger;
    let mut campaign = ledger.policies.campaign(ledger.records.calendar);
    match bug {
        Some(Bug::DayInRecordsZone) => campaign.zone = Zone::UTC,
        Some(Bug::SettledTooEarly) => campaign.settlement_ms = 0,
        Some(Bug::CapIgnored) => {
            campaign
                .lines
                .iter_mut()
                .for_each(|line| line.cap_minutes = None);
        }
        _ => {}
    }
    let identity = wire.identity().clone();
    let collector = Collector::new(store, Arc::clone(keys), clock, identity, campaign, rules)
        .with_source("feed", Arc::new(Feed::new(scene, process)))
        .with_directory(Arc::new(People(Arc::clone(process))));
    Ok(Hands {
        dispatcher,
        collector,
        desk,
    })
}

/// What a process does by itself, over and over.
#[derive(Clone, Copy, Debug)]
enum Work {
    Awards,
    Checkouts,
    Forget,
    Inbox,
    Pull,
    Settle,
}

impl Work {
    const ALL: [Self; 6] = [
        Self::Awards,
        Self::Checkouts,
        Self::Forget,
        Self::Inbox,
        Self::Pull,
        Self::Settle,
    ];

    /// Does what there is to do now, and tells how much there was.
    async fn once(self, scene: &Scene, hands: &Hands) -> Result<usize> {
        match self {
            Self::Awards => hands.dispatcher.run_due(8).await,
            Self::Checkouts => {
                let changed = hands.desk.run_due(8).await?;
                let count = changed.len();
                for (id, state) in changed {
                    scene.shop.tell(scene, id, state);
                }
                Ok(count)
            }
            Self::Forget => {
                hands.dispatcher.forget_sealed().await?;
                if scene.world.has(Bug::KeyDestroyedEarly) {
                    let tomorrow = scene.world.now().plus_millis(24 * 60 * MINUTE_MS);
                    Sealer::new(Arc::clone(&scene.keys), "award").forget_before(tomorrow)?;
                }
                Ok(0)
            }
            Self::Inbox => Ok(hands.collector.process_due(8).await?.len()),
            Self::Pull => {
                hands.collector.pull("feed").await?;
                Ok(0)
            }
            Self::Settle => Ok(hands.collector.settle_due(8).await?.len()),
        }
    }
}

async fn work_on(scene: Arc<Scene>, process: Arc<Process>, hands: Hands, work: Work) {
    let world = &scene.world;
    let mut pause: u64 = 500;
    loop {
        let longest = match world.now() {
            now if now < scene.quiet_from => 500_000,
            now if now < scene.settled_by.plus_millis(-MINUTE_MS) => 1_200_000,
            now if now < scene.settled_by.plus_millis(SETTLES_MS) => 15_000,
            now if now > scene.settled_by.plus_millis(LATE_LOOKS_MS + MINUTE_MS) => return,
            // Only bills are still looked after.
            _ if !matches!(work, Work::Checkouts) => return,
            _ => 1_200_000,
        };
        pause = match work.once(&scene, &hands).await {
            Ok(0) => (pause * 2).min(longest),
            Ok(_) => 500,
            Err(error) => {
                world.heard_error(format_args!("{process} {work:?}"), &error);
                (pause * 2).min(longest)
            }
        };
        // In half of the runs all look at the same moments, so that they meet.
        if world.seed.is_multiple_of(2) {
            let passed = world.now().since(world.start()).unsigned_abs();
            let beat = (pause / 2).next_multiple_of(5_000);
            world
                .sleep_ms(beat - passed % beat, beat - passed % beat + 1)
                .await;
        } else {
            world.sleep_ms(pause / 2, pause).await;
        }
    }
}

/// A campaign without lines.
fn campaign(zone: Zone, runs: Span) -> Campaign {
    Campaign {
        name: CAMPAIGN.to_owned(),
        zone,
        runs,
        settlement_ms: Campaign::SETTLEMENT_MS,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().expect("a position"),
        lines: Vec::new(),
        collect: Collect::OnTap,
    }
}
