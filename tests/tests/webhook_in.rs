//! Messages of a back end, 10,000 times and from eight sides at once: right ones again and again,
//! and wrong ones of every kind. Each message has one effect, and nothing of it is in the log.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    io::Write,
    sync::{Arc, Mutex},
};

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Clock as _, MINUTE_MS, Span, SystemClock, Timestamp, Zone,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::Collector,
    instrument::Request,
    privacy::MemoryKeyStore,
    store::Store,
    webhook::{self, Scheme, Secret},
};
use wom_store::SqliteStore;
use wom_tests::fuzz::Rng;

const SOURCE: &str = "gym";
const MESSAGES: usize = 50;
const DELIVERIES: usize = 10_000;
const SIDES: usize = 8;
const MINUTES: u64 = 10;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// Stands in every body, and may stand nowhere else.
const PERSON: &str = "canary-person-5120";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is done to a message on its way.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Way {
    /// As it was made.
    Right,
    /// Signed again, a minute later: what a sender does that got no answer.
    Again,
    /// Signed with the secret that is about to end.
    OldSecret,
    WrongSecret,
    Altered,
    OtherId,
    Stale,
    Ahead,
    Unsigned,
    Replayed,
}

const WAYS: [Way; 10] = [
    Way::Right,
    Way::Again,
    Way::OldSecret,
    Way::WrongSecret,
    Way::Altered,
    Way::OtherId,
    Way::Stale,
    Way::Ahead,
    Way::Unsigned,
    Way::Replayed,
];

struct Gym {
    new: Secret,
    old: Secret,
    wrong: Secret,
    now: Timestamp,
}

struct Delivery {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    received_at: Timestamp,
    answer: u16,
}

impl Gym {
    fn deliver(&self, number: usize, way: Way) -> Delivery {
        let secret = match way {
            Way::OldSecret => &self.old,
            Way::WrongSecret => &self.wrong,
            _ => &self.new,
        };
        let off_seconds = match way {
            Way::Again => -60,
            Way::Stale => -301,
            Way::Ahead => 301,
            _ => 0,
        };
        let sent = self.now.plus_millis(off_seconds * 1000);
        let mut body = self.body(number);
        let id = format!("message-{number}");
        let secrets = std::slice::from_ref(secret);
        let scheme = Scheme::StandardWebhooks;
        let signed = webhook::sign(&scheme, &id, sent, &body, secrets).unwrap();
        let mut headers: Vec<_> = signed
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        match way {
            Way::Altered => body.push(b' '),
            Way::OtherId => {
                let header = headers.iter_mut().find(|(name, _)| name == webhook::ID);
                header.unwrap().1.push('0');
            }
            Way::Unsigned => headers.clear(),
            _ => {}
        }
        let right = matches!(way, Way::Right | Way::Again | Way::OldSecret);
        Delivery {
            headers,
            body,
            received_at: match way {
                Way::Replayed => self.now.plus_millis(3_600_000),
                _ => self.now,
            },
            answer: if right { 204 } else { 401 },
        }
    }

    /// Ten minutes of a person of its own.
    fn body(&self, number: usize) -> Vec<u8> {
        let day = Zone::UTC.day(self.now.plus_millis(-5 * DAY_MS));
        let start = Zone::UTC.start_of(day).plus_millis(9 * 60 * MINUTE_MS);
        let end = start.plus_millis(i64::try_from(MINUTES).unwrap() * MINUTE_MS);
        format!(
            r#"[{{"participant":"{PERSON}-{number}","activity":"walking","start":"{start}","end":"{end}"}}]"#
        )
        .into_bytes()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_deliveries_have_one_effect_for_each_message() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let gym = Arc::new(Gym {
        new: Secret::random(),
        old: Secret::random(),
        wrong: Secret::random(),
        now: SystemClock.now(),
    });
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(
        SqliteStore::open(folder.path().join("wom.db"))
            .await
            .unwrap(),
    );
    let collector = collector(Arc::clone(&store) as _, folder.path(), &gym);

    let seed = std::env::var("WOM_TEST_SEED").ok();
    let seed = seed
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(Rng::fresh_seed);
    println!("seed {seed}: repeat with WOM_TEST_SEED={seed}");
    let sides = (0..SIDES).map(|side| {
        let (gym, collector) = (Arc::clone(&gym), collector.clone());
        tokio::spawn(async move {
            let mut rng = Rng::new(seed, "webhook_in", side as u64);
            let mut seen: BTreeMap<Way, u64> = BTreeMap::new();
            let mut observations = 0;
            for n in 0..DELIVERIES / SIDES {
                let way = *rng.pick(&WAYS);
                *seen.entry(way).or_default() += 1;
                // Each message comes in a right way at least once.
                let way = if n * SIDES + side < MESSAGES {
                    Way::Right
                } else {
                    way
                };
                let number = (n * SIDES + side) % MESSAGES;
                let delivery = gym.deliver(number, way);
                let headers: Vec<_> = delivery
                    .headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_bytes()))
                    .collect();
                let request = Request {
                    method: "POST",
                    query: "",
                    headers: &headers,
                    body: &delivery.body,
                    received_at: delivery.received_at,
                };
                let reply = collector.receive(SOURCE, &request).await.unwrap();
                assert_eq!(reply.status, delivery.answer, "{way:?}");
                if rng.one_in(50) {
                    let done = collector.process_due(3).await.unwrap();
                    observations += done.iter().map(|done| done.observations).sum::<u64>();
                }
            }
            assert_eq!(seen.len(), WAYS.len(), "every way is taken");
            observations
        })
    });
    let sides: Vec<_> = sides.collect();
    let mut observations = 0;
    for side in sides {
        observations += side.await.unwrap();
    }
    let rest = collector.process_due(MESSAGES).await.unwrap();
    observations += rest.iter().map(|done| done.observations).sum::<u64>();
    assert!(collector.process_due(MESSAGES).await.unwrap().is_empty());

    assert_eq!(observations, MESSAGES as u64, "each was read once");
    let numbers = store.numbers().await.unwrap();
    assert_eq!(numbers.uncollected_minutes, MESSAGES as u64 * MINUTES);
    let deliveries: Vec<_> = numbers
        .deliveries
        .iter()
        .map(|count| (count.state.as_str(), count.count))
        .collect();
    assert_eq!(deliveries, [("done", MESSAGES as u64)]);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let refusals = log.matches("a webhook call was refused").count();
    assert!(refusals > DELIVERIES / 2, "{refusals}");
    let secrets = [&gym.new, &gym.old, &gym.wrong].map(|secret| secret.reveal()[6..].to_owned());
    let content = [PERSON, "participant", "walking", "message-", "v1,"];
    for hidden in content
        .into_iter()
        .chain(secrets.iter().map(String::as_str))
    {
        let line = log.lines().find(|line| line.contains(hidden));
        assert_eq!(line, None, "{hidden}");
    }
}

fn collector(store: Arc<dyn Store>, folder: &std::path::Path, gym: &Gym) -> Collector {
    let secret_files: Vec<_> = [("new", &gym.new), ("old", &gym.old)]
        .map(|(name, secret)| {
            let path = folder.join(name);
            std::fs::write(&path, secret.reveal().as_bytes()).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .to_vec();
    let settings = Settings::from_table(BTreeMap::from([("secret_files", secret_files)])).unwrap();
    let catalog = Catalog::standard();
    let runs = Span::new(
        gym.now.plus_millis(-30 * DAY_MS),
        gym.now.plus_millis(30 * DAY_MS),
    );
    let campaign = Campaign {
        name: "walk".to_owned(),
        zone: Zone::UTC,
        runs: runs.unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::OnTap,
    };
    Collector::new(
        store,
        Arc::new(MemoryKeyStore::default()),
        Arc::new(SystemClock),
        Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        campaign,
        catalog
            .rule_set("active-minutes/1", &Settings::none())
            .unwrap(),
    )
    .with_source(
        SOURCE,
        catalog.instrument("activity.webhook", &settings).unwrap(),
    )
}
