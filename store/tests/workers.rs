//! Many workers on one store: whoever does what, each minute is awarded once, and no cap is passed.
//!
//! `WOM_WORKERS_PARTICIPANTS` sets how many people there are; 10,000 is the full size.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use wom_sdk::{
    Activity, Body, Clock, Device, Digest, MINUTE_MS, Observation, Provenance, Recording, Result,
    Span, Subject, Timestamp, Zone,
    award::{AwardKey, Content, Identity, Issuer, State, Ticket},
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::{Capabilities, Info, Input, Instrument, Proven, Sink},
    observation::Entry,
    privacy::MemoryKeyStore,
    protocol::{Otc, Pin},
    rules::{Evidence, Judgement, RuleSet},
    store::Store,
};
use wom_store::{DatabaseUrl, PostgresSettings, SqliteStore, testing::PgServer};

/// The most minutes of a day.
const CAP: u32 = 45;
/// How many people one delivery is about.
const LOT: u64 = 25;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAYS: i64 = 2;

/// When somebody was active, by one of two devices that overlap.
fn active(who: u64, day: i64, device: u8) -> Span {
    let of = |n: u64| i64::try_from(n).unwrap();
    let morning = start().plus_millis((24 * day + 8) * HOUR_MS);
    match device {
        0 => Span::starting(morning, of(who % 50 + 5) * MINUTE_MS),
        _ => Span::starting(
            morning.plus_millis(of(who % 20) * MINUTE_MS),
            of(who * 7 % 60 + 1) * MINUTE_MS,
        ),
    }
}

/// What both devices say together, up to the cap: counted minute by minute.
fn due(who: u64, day: i64) -> u32 {
    let minutes = (0..24 * 60).filter(|minute| {
        let at = start().plus_millis(24 * HOUR_MS * day + minute * MINUTE_MS);
        [0, 1]
            .iter()
            .any(|device| active(who, day, *device).contains(at))
    });
    CAP.min(u32::try_from(minutes.count()).unwrap())
}

fn start() -> Timestamp {
    "2026-03-01T00:00:00Z".parse().unwrap()
}

/// Reads deliveries of the form `first device`: what a device says about some people.
#[derive(Debug)]
struct Devices;

#[async_trait]
impl Instrument for Devices {
    fn info(&self) -> Info {
        Info {
            name: "devices",
            summary: "two devices",
            rules: "union/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, input: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut input.into_reader()?, &mut text).unwrap();
        let (first, device) = text.split_once(' ').unwrap();
        let (first, device): (u64, u8) = (first.parse().unwrap(), device.parse().unwrap());
        let observations = (first..first + LOT).flat_map(|who| {
            (0..DAYS).map(move |day| Observation {
                subject: Subject::new(Subject::PARTICIPANT, who.to_string()).unwrap(),
                key: Digest::of([
                    &who.to_be_bytes()[..],
                    &day.to_be_bytes(),
                    &device.to_be_bytes(),
                ]),
                revision: 0,
                provenance: Provenance {
                    stream: Digest::of([[device]]),
                    device: Device::Watch,
                    recording: Recording::Measured,
                },
                body: Body::Interval {
                    span: active(who, day, device),
                    activity: Activity::WALKING,
                    steps: None,
                },
            })
        });
        sink.observe(observations.collect()).await
    }
}

/// All time that any record tells of counts.
#[derive(Debug)]
struct Union;

impl RuleSet for Union {
    fn name(&self) -> &'static str {
        "union/1"
    }

    fn judge(&self, entries: &[&Entry], _: Timestamp) -> Judgement {
        Judgement {
            evidence: vec![Evidence {
                activity: Activity::WALKING,
                time: entries
                    .iter()
                    .filter_map(|entry| entry.body.span())
                    .collect(),
            }],
            ..Judgement::default()
        }
    }
}

/// A Registry without cryptography, which remembers what it made good.
#[derive(Debug)]
struct Mint {
    identity: Identity,
    created: Mutex<Vec<(String, u32)>>,
    verified: Mutex<BTreeSet<String>>,
}

#[async_trait]
impl Issuer for Mint {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn create(&self, content: &Content, _: &str) -> Result<Ticket> {
        let otc = Otc::random();
        let code = otc.reveal();
        let created = (code.clone(), content.minutes());
        self.created.lock().unwrap().push(created);
        Ok(Ticket {
            otc,
            pin: Pin::random(),
            link: code.into(),
            minutes: content.minutes(),
        })
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        let code = otc.reveal();
        assert!(self.verified.lock().unwrap().insert(code), "verified twice");
        Ok(())
    }
}

#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        start().plus_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Debug, Eq, PartialEq)]
struct Totals {
    awards: usize,
    minutes: u64,
}

/// Lets so many workers, spread over these handles of one store, take in and award everything.
async fn work(stores: Vec<Arc<dyn Store>>, workers: usize, people: u64) -> Totals {
    let keys = Arc::new(MemoryKeyStore::default());
    let mint = Arc::new(Mint {
        identity: Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        created: Mutex::default(),
        verified: Mutex::default(),
    });
    let campaign = Campaign {
        name: "walk".to_owned(),
        zone: Zone::UTC,
        runs: Span::starting(start(), 30 * 24 * HOUR_MS),
        settlement_ms: 0,
        lateness_ms: 10 * 24 * HOUR_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line {
            cap_minutes: Some(CAP),
            ..Line::all_day("health", "H".parse().unwrap())
        }],
        collect: Collect::AtOnce,
    };
    // The first day is over and is settled with every delivery; the second one goes on.
    let clock = Arc::new(HandClock(AtomicI64::new(36 * HOUR_MS)));
    let mut hands = Vec::new();
    for worker in 0..workers {
        let store = &stores[worker % stores.len()];
        let collector = Collector::new(
            Arc::clone(store),
            keys.clone(),
            clock.clone(),
            mint.identity.clone(),
            campaign.clone(),
            Arc::new(Union),
        );
        let dispatcher =
            Dispatcher::open(Arc::clone(store), mint.clone(), keys.clone(), clock.clone());
        hands.push((collector, dispatcher.await.unwrap()));
    }

    // Every delivery comes from both devices, some twice; whoever is free takes the next one.
    let mut jobs: Vec<_> = (0..people / LOT)
        .flat_map(|lot| [(lot * LOT, 0), (lot * LOT, 1)])
        .collect();
    let again: Vec<_> = jobs.iter().copied().step_by(3).collect();
    jobs.extend(again);
    let jobs = Arc::new(Mutex::new(jobs));
    let began = jobs.clone();
    each(&hands, move |collector, dispatcher| {
        let jobs = began.clone();
        async move {
            loop {
                let Some((first, device)) = jobs.lock().unwrap().pop() else {
                    return;
                };
                let input = Input::Bytes(format!("{first} {device}").into_bytes());
                collector
                    .submit(&Devices, input, None, &mut Unwatched)
                    .await
                    .unwrap();
                dispatcher.run_due(20).await.unwrap();
            }
        }
    })
    .await;
    clock.0.store(24 * 5 * HOUR_MS, Ordering::SeqCst);
    each(&hands, |collector, dispatcher| async move {
        loop {
            let settled = collector.settle_due(20).await.unwrap().len();
            if settled + dispatcher.run_due(20).await.unwrap() == 0 {
                return;
            }
        }
    })
    .await;

    let store = &stores[0];
    let numbers = store.numbers().await.unwrap();
    assert_eq!(numbers.uncollected_minutes, 0);
    let (mut awards, mut after) = (0, None::<AwardKey>);
    let mut participants = BTreeSet::new();
    loop {
        let some = store.unacknowledged(after, 500).await.unwrap();
        let Some(last) = some.last() else { break };
        after = Some(last.key);
        awards += some.len();
        assert!(some.iter().all(|award| award.state == State::Verified));
        participants.extend(some.iter().map(|award| award.participant.unwrap()));
    }
    for participant in participants {
        let holding = store.participant(participant).await.unwrap();
        for account in holding.accounts {
            assert!(account.awarded <= CAP, "{account:?}");
            assert_eq!(account.awarded, account.settled);
        }
    }
    let verified = mint.verified.lock().unwrap();
    let created = mint.created.lock().unwrap();
    assert_eq!((created.len(), verified.len()), (awards, awards));
    Totals {
        awards,
        minutes: created.iter().map(|(_, minutes)| u64::from(*minutes)).sum(),
    }
}

/// Lets every worker do the same, all at the same time.
async fn each<F>(hands: &[(Collector, Dispatcher)], run: impl Fn(Collector, Dispatcher) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running: Vec<_> = hands
        .iter()
        .map(|(collector, dispatcher)| tokio::spawn(run(collector.clone(), dispatcher.clone())))
        .collect();
    for one in running {
        one.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_workers_award_what_one_does() {
    let people = std::env::var("WOM_WORKERS_PARTICIPANTS")
        .map_or(250, |people| people.parse::<u64>().unwrap())
        .next_multiple_of(LOT);
    let expected: u64 = (0..people)
        .flat_map(|who| (0..DAYS).map(move |day| u64::from(due(who, day))))
        .sum();

    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    let sqlite = SqliteStore::open(dir.path().join("wom.db")).await.unwrap();
    let one = work(vec![Arc::new(sqlite)], 1, people).await;
    println!("SQLite, 1 worker: {one:?} in {:?}", began.elapsed());
    assert_eq!(one.minutes, expected);

    let Some(server) = PgServer::shared() else {
        return;
    };
    let url = DatabaseUrl::new(server.database().await).unwrap();
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    for _ in 0..8 {
        // Hundreds of awards wait for these few connections, on a machine with other tests beside.
        let settings = PostgresSettings::new(url.clone())
            .connections(4)
            .patience(Duration::from_secs(60));
        stores.push(Arc::new(settings.open().await.unwrap()));
    }
    let began = std::time::Instant::now();
    let many = work(stores, 64, people).await;
    println!("PostgreSQL, 64 workers: {many:?} in {:?}", began.elapsed());
    assert_eq!(many.minutes, expected);
}
