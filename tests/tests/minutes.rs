//! Every minute counts once, from file to award: through real adapters, the real rule set, the
//! collector and a store. Whatever the order, the repetition, the splitting into deliveries or the
//! overlap, the awards are the same.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use proptest::prelude::*;
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Activity, Body, Clock, Device, Digest, MINUTE_MS, Observation, Provenance, Recording, Result,
    Span, Subject, Timestamp,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Settled, Unwatched},
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Sink},
    privacy::MemoryKeyStore,
    store::MemoryStore,
};

#[derive(Debug)]
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        "2026-12-20T12:00:00Z".parse().unwrap()
    }
}

/// Longer than all deliveries take.
const SETTLEMENT_MS: i64 = 30 * 24 * 60 * MINUTE_MS;

fn campaign() -> Campaign {
    Campaign {
        name: "minutes".to_owned(),
        zone: "Europe/Rome".parse().unwrap(),
        runs: Span::new(
            "2010-01-01T00:00:00Z".parse().unwrap(),
            "2027-01-01T00:00:00Z".parse().unwrap(),
        )
        .unwrap(),
        settlement_ms: SETTLEMENT_MS,
        lateness_ms: 20 * Campaign::LATENESS_MS,
        collect: Collect::AtOnce,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
    }
}

fn collector() -> Collector {
    Collector::new(
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryKeyStore::default()),
        Arc::new(Later),
        Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        campaign(),
        Catalog::standard()
            .rule_set("active-minutes/1", &Settings::none())
            .unwrap(),
    )
}

/// Minutes awarded, by unit; an account that pays twice is added up.
fn awarded<'a>(settled: impl IntoIterator<Item = &'a Settled>) -> BTreeMap<String, u32> {
    let mut minutes = BTreeMap::new();
    let accepted = settled.into_iter().flat_map(|settled| &settled.awarded);
    for payment in accepted.flat_map(|accepted| &accepted.payments) {
        *minutes.entry(payment.unit.to_string()).or_default() += payment.minutes;
    }
    minutes
}

#[tokio::test]
async fn the_same_ride_as_fit_and_as_json_is_awarded_once() {
    let catalog = Catalog::standard();
    let fit = catalog.instrument("steps.fit", &Settings::none()).unwrap();
    let json = catalog
        .instrument("activity.json", &Settings::none())
        .unwrap();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/data/triathlon.fit"
    );
    // The bicycle leg as the vendor's own back end would report it, a little differently.
    let report = r#"[{"participant": "me", "key": "ride-1", "activity": "cycling",
        "start": "2018-05-27T08:09:30Z", "end": "2018-05-27T09:20:00Z"}]"#;

    let (one, other) = (collector(), collector());
    let mut fit_first = Vec::new();
    fit_first.extend(
        one.submit(&*fit, Input::Path(file.into()), None, &mut Unwatched)
            .await
            .unwrap()
            .settled,
    );
    let alone = awarded(&fit_first);
    fit_first.extend(
        one.submit(&*json, Input::Bytes(report.into()), None, &mut Unwatched)
            .await
            .unwrap()
            .settled,
    );
    assert_eq!(alone, BTreeMap::from([("2018-05-27".to_owned(), 154)]));
    assert_eq!(
        awarded(&fit_first),
        alone,
        "the report adds nothing that the recording had not"
    );

    let mut json_first = Vec::new();
    json_first.extend(
        other
            .submit(&*json, Input::Bytes(report.into()), None, &mut Unwatched)
            .await
            .unwrap()
            .settled,
    );
    assert_eq!(
        awarded(&json_first),
        BTreeMap::from([("2018-05-27".to_owned(), 70)])
    );
    json_first.extend(
        other
            .submit(&*fit, Input::Path(file.into()), None, &mut Unwatched)
            .await
            .unwrap()
            .settled,
    );
    assert_eq!(
        awarded(&json_first),
        alone,
        "the recording adds what the report had not"
    );
}

/// Yields what it is given.
#[derive(Debug)]
struct Given(Vec<Observation>);

#[async_trait]
impl Instrument for Given {
    fn info(&self) -> Info {
        Info {
            name: "test.given",
            summary: "",
            rules: "active-minutes/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::FILE
    }

    async fn read(&self, _input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut chunks = Chunks::new(sink);
        for observation in &self.0 {
            chunks.push(observation.clone()).await?;
        }
        chunks.finish().await
    }
}

/// A record of one person: from a second on, so many seconds, of one of two devices, in one of
/// three revisions, perhaps withdrawn.
#[derive(Clone, Debug)]
struct Record {
    key: u8,
    revision: u64,
    start: i64,
    seconds: i64,
    withdrawn: bool,
}

impl Record {
    fn observe(&self) -> Observation {
        // Around the end of a month and the night in which clocks change.
        let origin: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
        let span = Span::starting(origin.plus_millis(self.start * 1000), self.seconds * 1000);
        Observation {
            subject: Subject::new(Subject::PARTICIPANT, "me").unwrap(),
            key: Digest::of([[self.key]]),
            revision: self.revision,
            provenance: Provenance {
                stream: Digest::of([[self.key % 2]]),
                device: Device::Watch,
                recording: Recording::Measured,
            },
            body: match self.withdrawn {
                true => Body::Withdrawn,
                false => Body::Interval {
                    span,
                    activity: Activity::CYCLING,
                    steps: None,
                },
            },
        }
    }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (
        0_u8..8,
        0_u64..3,
        0_i64..400_000,
        1_i64..20_000,
        prop::bool::weighted(0.15),
    )
        .prop_map(|(key, revision, start, seconds, withdrawn)| Record {
            key,
            revision,
            start,
            seconds,
            withdrawn,
        });
    // Two contents under one key and revision would be two truths; adapters count revisions.
    prop::collection::vec(record, 1..16).prop_map(|mut records| {
        records.sort_by_key(|record| (record.key, record.revision));
        records.dedup_by_key(|record| (record.key, record.revision));
        records
    })
}

/// The oracle: the last revision of each key, second by second, by civil day.
fn naive(records: &[Record]) -> BTreeMap<String, u32> {
    let mut last = BTreeMap::<u8, &Record>::new();
    for record in records {
        let held = last.entry(record.key).or_insert(record);
        if record.revision > held.revision {
            *held = record;
        }
    }
    let mut seconds = std::collections::BTreeSet::new();
    for record in last.values().filter(|record| !record.withdrawn) {
        seconds.extend(record.start..record.start + record.seconds);
    }
    let origin: Timestamp = "2026-10-30T00:00:00Z".parse().unwrap();
    let mut days = BTreeMap::<String, u32>::new();
    for second in seconds {
        let day = campaign().zone.day(origin.plus_millis(second * 1000));
        *days.entry(day.to_string()).or_default() += 1;
    }
    let minute = u32::try_from(MINUTE_MS / 1000).unwrap();
    days.into_iter()
        .map(|(day, seconds)| (day, seconds / minute))
        .filter(|(_, minutes)| *minutes > 0)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// All deliveries are in before anything settles: then order, repetition and splitting change
    /// nothing, and the oracle agrees.
    #[test]
    fn deliveries_in_any_form_are_worth_the_same(
        records in records(),
        order in prop::collection::vec(any::<prop::sample::Index>(), 32),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // Every record once, in a drawn order, and some of them again.
            let mut shuffled: Vec<_> = records.iter().collect();
            for (at, index) in order.iter().take(records.len()).enumerate() {
                let other = index.index(shuffled.len());
                shuffled.swap(at, other);
            }
            let again = order.iter().map(|index| *index.get(&records.iter().collect::<Vec<_>>()));
            let all: Vec<_> = shuffled.into_iter().chain(again).map(Record::observe).collect();
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(all.len())).collect();
            cuts.extend([0, all.len()]);
            cuts.sort_unstable();

            // When the last delivery is in, nothing has settled yet.
            let collector = collector();
            let early = collector.clone().with_clock(Arc::new(Early));
            let mut settled = Vec::new();
            for pair in cuts.windows(2) {
                let delivery = Given(all[pair[0]..pair[1]].to_vec());
                let input = Input::Bytes(Vec::new());
                let submission = early.submit(&delivery, input, None, &mut Unwatched).await.unwrap();
                settled.extend(submission.settled);
            }
            assert!(awarded(&settled).is_empty());
            let due = collector.settle_due(usize::MAX).await.unwrap();
            assert_eq!(awarded(&due), naive(&records));
            let again = collector.settle_due(usize::MAX).await.unwrap();
            assert!(awarded(&again).is_empty());
        });
    }
}

#[derive(Debug)]
struct Early;

impl Clock for Early {
    fn now(&self) -> Timestamp {
        "2026-11-04T00:00:00Z".parse().unwrap()
    }
}
