use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, Ordering},
};

use super::*;
use crate::{
    Activity, Body, Clock, Device, Digest, Error, Kind, MINUTE_MS, Observation, Provenance,
    Recording, Span, Timestamp,
    award::{Identity, Issuer},
    campaign::{Collect, Line},
    collector::{Directory, Person, Unwatched},
    instrument::{Capabilities, Info, Input, Instrument, Proven, Sink},
    observation::Entry,
    privacy::{KeyStore, MemoryKeyStore},
    protocol::{Otc, Pin},
    rules::{Evidence, Judgement, RuleSet},
    store::{MemoryStore, Store},
};

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A clock that a test moves.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug)]
struct Mint {
    identity: Identity,
    created: Mutex<u32>,
}

#[async_trait]
impl Issuer for Mint {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, _nonce: &str) -> Result<Ticket> {
        *self.created.lock().unwrap() += 1;
        Ok(Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "x".to_owned().into(),
            minutes: content.minutes(),
        })
    }

    async fn verify(&self, _otc: &Otc) -> Result<()> {
        Ok(())
    }
}

/// Says whatever a test wants it to.
#[derive(Debug)]
struct Toy {
    records: Mutex<Vec<(&'static str, i64, i64)>>,
    asked: Mutex<u32>,
    answers: std::sync::atomic::AtomicBool,
}

impl Toy {
    fn with(records: Vec<(&'static str, i64, i64)>) -> Arc<Self> {
        Arc::new(Self {
            records: Mutex::new(records),
            asked: Mutex::default(),
            answers: true.into(),
        })
    }

    async fn tell(&self, revision: u64, sink: &mut dyn Sink) -> Result<()> {
        let records = self.records.lock().unwrap().clone();
        let observations = records.into_iter().map(|(who, start, minutes)| {
            let start = Timestamp::from_millis(start);
            let (namespace, id) = who.split_once(':').unwrap();
            Observation {
                subject: Subject::new(namespace.to_owned(), id).unwrap(),
                key: Digest::of([who.as_bytes(), &start.as_millis().to_be_bytes()]),
                revision,
                provenance: Provenance {
                    stream: Digest::of(["toy"]),
                    device: Device::Watch,
                    recording: Recording::Measured,
                },
                body: Body::Interval {
                    span: Span::starting(start, minutes * MINUTE_MS),
                    activity: Activity::WALKING,
                    steps: None,
                },
            }
        });
        sink.observe(observations.collect()).await
    }
}

#[async_trait]
impl Instrument for Toy {
    fn info(&self) -> Info {
        Info {
            name: "toy",
            summary: "a toy",
            rules: "toy/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            refresh: true,
            ..Capabilities::FILE
        }
    }

    async fn read(&self, _: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        self.tell(0, sink).await
    }

    async fn refresh(
        &self,
        units: &[(Subject, Span)],
        _: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        // The source is asked in its own words, whoever they stand for.
        assert!(
            units
                .iter()
                .all(|(subject, _)| subject.namespace() != Subject::PARTICIPANT)
        );
        *self.asked.lock().unwrap() += 1;
        if !self.answers.load(Ordering::SeqCst) {
            return Err(Error::new(Kind::NetworkUnreachable, "down"));
        }
        self.tell(1, sink).await
    }
}

#[derive(Debug)]
struct AllIntervals;

impl RuleSet for AllIntervals {
    fn name(&self) -> &'static str {
        "toy/1"
    }

    fn judge(&self, entries: &[&Entry], _: Timestamp) -> Judgement {
        let spans = entries.iter().filter_map(|entry| entry.body.span());
        Judgement {
            evidence: vec![Evidence {
                activity: Activity::WALKING,
                time: spans.collect(),
            }],
            ..Judgement::default()
        }
    }
}

/// Anna's watch and her account of a learning platform are hers.
#[derive(Debug)]
struct Town;

#[async_trait]
impl Directory for Town {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        let anna = ["w1", "anna@lms"].contains(&subject.reveal());
        Ok(anna.then(|| Person {
            subject: person("anna"),
            handle: Some(Handle::new("push-token-of-anna").unwrap()),
        }))
    }
}

fn person(id: &str) -> Subject {
    Subject::new(Subject::PARTICIPANT, id).unwrap()
}

struct World {
    claims: Claims,
    collector: Collector,
    store: Arc<MemoryStore>,
    keys: Arc<MemoryKeyStore>,
    clock: Arc<HandClock>,
    mint: Arc<Mint>,
}

fn day(n: i64) -> i64 {
    "2026-03-01T00:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .as_millis()
        + n * DAY_MS
}

async fn world(collect: Collect, toy: &Arc<Toy>) -> World {
    let store = Arc::new(MemoryStore::new());
    let keys = Arc::new(MemoryKeyStore::default());
    let clock = Arc::new(HandClock(day(10).into()));
    let mint = Arc::new(Mint {
        identity: Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        created: Mutex::default(),
    });
    let campaign = Campaign {
        name: "walk".to_owned(),
        zone: crate::Zone::UTC,
        runs: Span::new(
            Timestamp::from_millis(day(0)),
            Timestamp::from_millis(day(90)),
        )
        .unwrap(),
        settlement_ms: 0,
        lateness_ms: 10 * DAY_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect,
    };
    let collector = Collector::new(
        Arc::clone(&store) as _,
        Arc::clone(&keys) as _,
        Arc::clone(&clock) as _,
        mint.identity.clone(),
        campaign,
        Arc::new(AllIntervals),
    )
    .with_source("toy", Arc::clone(toy) as _)
    .with_directory(Arc::new(Town));
    let dispatcher = Dispatcher::open(
        Arc::clone(&store) as _,
        Arc::clone(&mint) as _,
        Arc::clone(&keys) as _,
        Arc::clone(&clock) as _,
    )
    .await
    .unwrap();
    World {
        claims: Claims::new(collector.clone(), dispatcher),
        collector,
        store,
        keys,
        clock,
        mint,
    }
}

async fn submit(world: &World, toy: &Arc<Toy>) {
    world
        .collector
        .submit(&**toy, Input::Bytes(Vec::new()), None, &mut Unwatched)
        .await
        .unwrap();
}

fn minutes(claims: &[Claim]) -> Vec<u32> {
    claims.iter().map(|claim| claim.ticket.minutes).collect()
}

#[tokio::test]
async fn nothing_exists_until_the_person_taps_and_everything_comes_in_one() {
    // Two devices of Anna's overlap on the first day; the platform is hers as well.
    let toy = Toy::with(vec![
        ("watch:w1", day(1), 30),
        ("lms:anna@lms", day(1) + 10 * MINUTE_MS, 40),
        ("watch:w1", day(2), 20),
        ("watch:other", day(2), 7),
    ]);
    let world = world(Collect::OnTap, &toy).await;
    submit(&world, &toy).await;
    assert_eq!(*world.mint.created.lock().unwrap(), 0);
    assert_eq!(world.claims.waiting(&person("anna")).await.unwrap(), 70);
    assert_eq!(world.store.numbers().await.unwrap().uncollected_minutes, 77);

    let claims = world.claims.of(&person("anna")).await.unwrap();
    assert_eq!(minutes(&claims), [70]);
    assert_eq!(claims[0].content.sorts().len(), 2, "a sort for each day");
    let handle = claims[0].handle.as_ref().map(Handle::reveal);
    assert_eq!(handle, Some("push-token-of-anna"));
    assert_eq!(world.claims.of(&person("anna")).await.unwrap(), claims);
    assert_eq!(*world.mint.created.lock().unwrap(), 1);
    let awards = world.claims.awards(&person("anna")).await.unwrap();
    let awards: Vec<_> = awards.iter().map(|award| award.key).collect();
    assert_eq!(awards, [claims[0].key]);

    world.claims.acknowledge(claims[0].key).await.unwrap();
    let awards = world.claims.awards(&person("anna")).await.unwrap();
    assert!(awards.is_empty(), "{awards:?}");
    assert!(world.claims.of(&person("anna")).await.unwrap().is_empty());
    assert_eq!(world.claims.waiting(&person("anna")).await.unwrap(), 0);
    let given = world.claims.history(&person("anna")).await.unwrap();
    let given: Vec<_> = given.iter().map(|g| (g.minutes, g.awarded)).collect();
    assert_eq!(given, [(50, 50), (20, 20)]);

    // More of a day that was collected already: only what is new.
    toy.records
        .lock()
        .unwrap()
        .push(("watch:w1", day(2) + 30 * MINUTE_MS, 5));
    submit(&world, &toy).await;
    let claims = world.claims.of(&person("anna")).await.unwrap();
    assert_eq!(minutes(&claims), [5]);
    let other = Subject::new("watch", "other").unwrap();
    assert_eq!(minutes(&world.claims.of(&other).await.unwrap()), [7]);
}

#[tokio::test]
async fn at_least_so_many_minutes_make_an_award_by_themselves() {
    let toy = Toy::with(vec![("watch:w1", day(1), 30)]);
    let world = world(Collect::AtLeast(40), &toy).await;
    submit(&world, &toy).await;
    assert!(world.store.numbers().await.unwrap().awards.is_empty());
    toy.records.lock().unwrap().push(("watch:w1", day(3), 12));
    submit(&world, &toy).await;
    let awards = world.store.numbers().await.unwrap();
    assert_eq!((awards.awards[0].count, awards.uncollected_minutes), (1, 0));
}

#[derive(Debug, Default)]
struct Box_ {
    got: Mutex<Vec<AwardKey>>,
    fails: Mutex<u32>,
    never: Mutex<Option<AwardKey>>,
}

#[async_trait]
impl ClaimSink for Box_ {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        self.got
            .lock()
            .unwrap()
            .extend(claims.iter().map(|claim| claim.key));
        let mut fails = self.fails.lock().unwrap();
        let never = *self.never.lock().unwrap();
        if claims.iter().any(|claim| Some(claim.key) == never) {
            return Err(Error::new(Kind::DeliveryFailed, "this one is not taken"));
        }
        if *fails > 0 {
            *fails -= 1;
            return Err(Error::new(Kind::OutcomeUnknown, "the answer was lost"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_sink_gets_each_code_until_it_has_it() {
    let toy = Toy::with(vec![("watch:w1", day(1), 30), ("watch:b", day(2), 20)]);
    let world = world(Collect::AtOnce, &toy).await;
    submit(&world, &toy).await;
    let sink = Box_::default();
    assert_eq!(
        world.claims.push(&sink).await.unwrap(),
        0,
        "no code is good yet"
    );
    world.claims.dispatcher.run_due(9).await.unwrap();
    *sink.fails.lock().unwrap() = 3;
    let lost = world.claims.push(&sink).await.unwrap_err();
    assert_eq!(lost.kind(), Kind::OutcomeUnknown);
    assert_eq!(world.claims.push(&sink).await.unwrap(), 2);
    assert_eq!(world.claims.push(&sink).await.unwrap(), 0);
    let got = sink.got.lock().unwrap();
    assert_eq!(got.len(), 6, "all, one by one, and all again");
    assert!(got.chunks(2).all(|two| two == &got[..2]));
}

#[tokio::test]
async fn a_claim_that_a_sink_never_takes_does_not_hold_up_the_others() {
    let toy = Toy::with((0..5).map(|n| ("watch:w1", day(n + 1), 30)).collect());
    let world = world(Collect::AtOnce, &toy).await;
    submit(&world, &toy).await;
    world.claims.dispatcher.run_due(9).await.unwrap();
    let waiting = world.store.unacknowledged(None, 9).await.unwrap();
    let sink = Box_::default();
    *sink.never.lock().unwrap() = Some(waiting[2].key);
    for _ in 0..2 {
        let error = world.claims.push(&sink).await.unwrap_err();
        assert_eq!(error.kind(), Kind::DeliveryFailed);
        let left = world.store.unacknowledged(None, 9).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].key, waiting[2].key);
    }
}

#[tokio::test]
async fn what_may_have_changed_is_asked_for_before_it_is_settled() {
    let toy = Toy::with(vec![("watch:w1", day(1), 30)]);
    let world = world(Collect::OnTap, &toy).await;
    toy.answers.store(false, Ordering::SeqCst);
    // As a source would bring it in, which can be asked again.
    let read = world.collector.pull("toy").await.unwrap();
    assert!(read.settled[0].unanswered.is_some());
    assert_eq!(world.claims.waiting(&person("anna")).await.unwrap(), 0);
    assert!(
        world.collector.settle_due(9).await.unwrap().is_empty(),
        "not at once again"
    );

    // Meanwhile it was corrected at the source, which told nobody.
    toy.records.lock().unwrap()[0].2 = 10;
    toy.answers.store(true, Ordering::SeqCst);
    world.clock.0.fetch_add(16 * MINUTE_MS, Ordering::SeqCst);
    let settled = world.collector.settle_due(9).await.unwrap();
    assert_eq!(settled[0].uncollected, 10);
    assert_eq!(
        minutes(&world.claims.of(&person("anna")).await.unwrap()),
        [10]
    );
}

#[tokio::test]
async fn a_month_is_forgotten_when_nothing_of_it_waits_and_late_records_are_refused() {
    let toy = Toy::with(vec![("watch:w1", day(1), 30), ("watch:w1", day(40), 5)]);
    let world = world(Collect::OnTap, &toy).await;
    world.clock.0.store(day(41), Ordering::SeqCst);
    submit(&world, &toy).await;
    // 31 days of March, 10 late, 3 of grace.
    world.clock.0.store(day(44), Ordering::SeqCst);
    assert!(
        world.claims.close_epochs().await.unwrap().is_empty(),
        "something waits"
    );
    for claim in world.claims.of(&person("anna")).await.unwrap() {
        world.claims.acknowledge(claim.key).await.unwrap();
    }
    world.clock.0.store(day(43), Ordering::SeqCst);
    assert!(
        world.claims.close_epochs().await.unwrap().is_empty(),
        "too early"
    );
    world.clock.0.store(day(44), Ordering::SeqCst);
    let closed = world.claims.close_epochs().await.unwrap();
    assert_eq!(
        closed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["2026-03"]
    );
    assert!(world.claims.close_epochs().await.unwrap().is_empty());
    assert_eq!(
        world.claims.history(&person("anna")).await.unwrap().len(),
        1
    );

    // The same minutes again would count again under a new key: they are refused.
    let again = world
        .collector
        .submit(&*toy, Input::Bytes(Vec::new()), None, &mut Unwatched)
        .await
        .unwrap();
    assert_eq!((again.observations, again.refused), (1, 1));
    assert_eq!(world.claims.waiting(&person("anna")).await.unwrap(), 0);
    assert_eq!(
        world.keys.epochs("walk").unwrap().len(),
        3,
        "April, its neighbour, the campaign"
    );
}

#[tokio::test]
async fn who_is_erased_is_forgotten_and_not_awarded_again() {
    let toy = Toy::with(vec![("watch:w1", day(1), 30), ("watch:b", day(1), 30)]);
    let world = world(Collect::OnTap, &toy).await;
    submit(&world, &toy).await;
    let claims = world.claims.of(&person("anna")).await.unwrap();
    let export = world
        .claims
        .export(&person("anna"))
        .await
        .unwrap()
        .to_string();
    assert!(export.contains("walking") && !export.contains(&claims[0].ticket.otc.reveal()));

    assert_eq!(world.claims.erase(&person("anna")).await.unwrap(), 1);
    assert_eq!(world.claims.erase(&person("anna")).await.unwrap(), 0);
    assert!(world.claims.of(&person("anna")).await.unwrap().is_empty());
    let export = world
        .claims
        .export(&person("anna"))
        .await
        .unwrap()
        .to_string();
    assert!(!export.contains("walking"), "{export}");
    submit(&world, &toy).await;
    assert!(
        world.claims.of(&person("anna")).await.unwrap().is_empty(),
        "once"
    );
    let other = Subject::new("watch", "b").unwrap();
    assert_eq!(world.claims.waiting(&other).await.unwrap(), 30);
}
