use std::sync::{
    Mutex,
    atomic::{AtomicI64, Ordering},
};

use async_trait::async_trait;

mod attendance;
mod study;

use super::*;
use crate::{
    Activity, Body, Device, Digest, MINUTE_MS, Observation, Provenance, Recording, Span, Subject,
    Zone,
    campaign::{Collect, Line},
    instrument::{Capabilities, Cursor, Hint, Info, Proven, Received, Reply, Request, Sink},
    observation::Entry,
    privacy::MemoryKeyStore,
    rules::{Evidence, Judgement},
    store::MemoryStore,
};

#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A system with one session a minute; what it answers next is scripted.
#[derive(Debug, Default)]
struct Gate {
    sessions: Mutex<u32>,
    failures: Mutex<Vec<Error>>,
    reads: Mutex<Vec<String>>,
}

impl Gate {
    async fn from(&self, first: u32, pages: u32, sink: &mut dyn Sink) -> Result<()> {
        let sessions = *self.sessions.lock().unwrap();
        for n in first..sessions {
            if n == first + pages {
                let failure = self.failures.lock().unwrap().pop();
                if let Some(error) = failure {
                    return Err(error);
                }
            }
            let start = at(0).plus_millis(i64::from(n) * MINUTE_MS);
            let observation = Observation {
                subject: Subject::new("gate", "anna").unwrap(),
                key: Digest::of([n.to_be_bytes()]),
                revision: 0,
                provenance: Provenance {
                    stream: Digest::of(["gate"]),
                    device: Device::Watch,
                    recording: Recording::Measured,
                },
                body: Body::Interval {
                    span: Span::starting(start, MINUTE_MS),
                    activity: Activity::WALKING,
                    steps: None,
                },
            };
            sink.observe(vec![observation]).await?;
            sink.resume_at(Cursor((n + 1).to_string())).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Instrument for Gate {
    fn info(&self) -> Info {
        Info {
            name: "toy.gate",
            summary: "a gate",
            rules: "toy/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::SERVICE
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        match std::str::from_utf8(request.body).unwrap() {
            "forged" => Received::refuse(401, Error::new(Kind::WebhookRefused, "no")),
            "hello" => Received::answer(Reply::json(200, "{}")),
            message if message.starts_with("message") => {
                let hint = Hint(message.to_owned());
                Received::once(Reply::status(204), message[..9].to_owned(), hint)
            }
            order => Received::read(Reply::status(204), Hint(order.to_owned())),
        }
    }

    async fn read(&self, input: Input, _: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let (what, first) = match &input {
            Input::Hint(hint) => (hint.0.clone(), 0),
            Input::Pull(None) => ("pull".to_owned(), 0),
            Input::Pull(Some(cursor)) => (format!("pull {}", cursor.0), cursor.0.parse().unwrap()),
            _ => unreachable!(),
        };
        self.reads.lock().unwrap().push(what);
        self.from(first, 2, sink).await
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

fn at(seconds: i64) -> Timestamp {
    "2026-03-01T09:00:00Z"
        .parse::<Timestamp>()
        .unwrap()
        .plus_millis(seconds * 1_000)
}

struct World {
    gate: Arc<Gate>,
    store: Arc<MemoryStore>,
    clock: Arc<HandClock>,
    collector: Collector,
}

fn world() -> World {
    let (gate, store) = (Arc::new(Gate::default()), Arc::new(MemoryStore::new()));
    let clock = Arc::new(HandClock(at(5 * 86_400).as_millis().into()));
    let campaign = Campaign {
        name: "gate".to_owned(),
        zone: Zone::UTC,
        runs: Span::starting(at(-86_400), 90 * 86_400_000),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::OnTap,
    };
    let identity = Identity {
        registry: "http://127.0.0.1".to_owned(),
        source: "s".to_owned(),
    };
    let collector = Collector::new(
        Arc::clone(&store) as _,
        Arc::new(MemoryKeyStore::default()),
        Arc::clone(&clock) as _,
        identity,
        campaign,
        Arc::new(AllIntervals),
    )
    .with_source("box office", Arc::clone(&gate) as _);
    World {
        gate,
        store,
        clock,
        collector,
    }
}

impl World {
    async fn call(&self, body: &str) -> u16 {
        let request = Request {
            method: "POST",
            query: "",
            headers: &[],
            body: body.as_bytes(),
            received_at: self.clock.now(),
        };
        let reply = self.collector.receive("box office", &request).await;
        reply.unwrap().status
    }

    async fn waiting(&self) -> u64 {
        self.store.numbers().await.unwrap().uncollected_minutes
    }

    async fn deliveries(&self) -> Vec<(String, u64)> {
        let counts = self.store.numbers().await.unwrap().deliveries;
        counts.into_iter().map(|c| (c.state, c.count)).collect()
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_a_slow_clock_takes_for_the_future_is_read_again_for_a_day() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 3;
    // The first session is over, by any clock but ours; by ours all end in more than 5 minutes.
    world.pass(-5 * 86_400 - 330);
    assert_eq!(world.call("message 1").await, 204);
    let submission = world.collector.process_due(9).await.unwrap().remove(0);
    assert_eq!((submission.to_come, submission.observations), (true, 0));
    assert_eq!(world.deliveries().await, [("waiting".to_owned(), 1)]);
    assert!(world.collector.process_due(9).await.unwrap().is_empty());
    // The clock is set right.
    world.pass(3_600);
    let submission = world.collector.process_due(9).await.unwrap().remove(0);
    assert_eq!((submission.to_come, submission.observations), (false, 3));
    assert_eq!(world.deliveries().await, [("done".to_owned(), 1)]);

    // What lies in the future by any clock is not read for ever.
    world.pass(-3_600 - 86_400);
    assert_eq!(world.call("message 2").await, 204);
    for hours in 0..26 {
        assert!(hours < 25, "it is still read");
        world.collector.process_due(9).await.unwrap();
        if world.deliveries().await == [("done".to_owned(), 2)] {
            break;
        }
        *world.gate.sessions.lock().unwrap() += 120;
        world.pass(3_600);
    }
}

#[tokio::test]
async fn a_pull_does_not_go_past_what_a_slow_clock_takes_for_the_future() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 3;
    world.pass(-5 * 86_400 - 330);
    let submission = world.collector.pull("box office").await.unwrap();
    assert_eq!((submission.to_come, submission.observations), (true, 0));
    world.pass(3_600);
    let submission = world.collector.pull("box office").await.unwrap();
    assert_eq!(submission.observations, 3);
    assert_eq!(*world.gate.reads.lock().unwrap(), ["pull", "pull"]);

    // What lies a day ahead does not hold up what comes after it.
    world.pass(-3_600 - 2 * 86_400);
    *world.gate.sessions.lock().unwrap() = 4;
    world.collector.pull("box office").await.unwrap();
    world.collector.pull("box office").await.unwrap();
    assert_eq!(world.gate.reads.lock().unwrap()[2..], ["pull 3", "pull 4"]);
}

fn down() -> Error {
    Error::new(Kind::NetworkUnreachable, "no answer")
}

#[tokio::test]
async fn a_webhook_is_durable_first_and_read_once_however_often_it_comes() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 5;
    assert_eq!(world.call("hello").await, 200);
    assert_eq!(world.call("forged").await, 401);
    assert_eq!(world.deliveries().await, []);
    for _ in 0..1_000 {
        assert_eq!(world.call("order 7").await, 204);
    }
    assert_eq!(world.deliveries().await, [("waiting".to_owned(), 1)]);
    assert!(
        world.gate.reads.lock().unwrap().is_empty(),
        "answered first"
    );
    world.collector.process_due(99).await.unwrap();
    world.collector.process_due(99).await.unwrap();
    assert_eq!(*world.gate.reads.lock().unwrap(), ["order 7"]);
    assert_eq!(world.deliveries().await, [("done".to_owned(), 1)]);
    assert_eq!(world.waiting().await, 5);

    // Told again later: something may have changed, so it is read again. What is known counts once.
    *world.gate.sessions.lock().unwrap() = 6;
    assert_eq!(world.call("order 7").await, 204);
    world.collector.process_due(99).await.unwrap();
    assert_eq!(world.waiting().await, 6);

    let request = Request {
        method: "POST",
        query: "",
        headers: &[],
        body: b"x",
        received_at: at(0),
    };
    let unknown = world.collector.receive("gate", &request).await;
    assert_eq!(unknown.unwrap_err().kind(), Kind::ConfigurationInvalid);
}

#[tokio::test]
async fn a_message_with_an_id_is_read_once_and_again_only_if_nobody_could_read_it() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 5;
    for _ in 0..10 {
        assert_eq!(world.call("message 1").await, 204);
        world.collector.process_due(99).await.unwrap();
    }
    // The same id with another content is the same message.
    assert_eq!(world.call("message 1 altered").await, 204);
    world.collector.process_due(99).await.unwrap();
    assert_eq!(*world.gate.reads.lock().unwrap(), ["message 1"]);
    assert_eq!(world.deliveries().await, [("done".to_owned(), 1)]);

    *world.gate.failures.lock().unwrap() = vec![Error::new(Kind::InputInvalid, "no JSON")];
    world.call("message 2").await;
    world.collector.process_due(99).await.unwrap();
    world.call("message 2 mended").await;
    world.collector.process_due(99).await.unwrap();
    let reads = world.gate.reads.lock().unwrap().clone();
    assert_eq!(reads, ["message 1", "message 2", "message 2 mended"]);
    assert_eq!(world.deliveries().await, [("done".to_owned(), 2)]);
}

#[tokio::test]
async fn what_cannot_be_read_now_comes_again_and_what_never_can_is_kept() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 5;
    *world.gate.failures.lock().unwrap() = vec![down(), down()];
    world.call("order 7").await;
    assert!(world.collector.process_due(9).await.unwrap().is_empty());
    // What came before the failure is safe, and settled by whoever looks next.
    assert_eq!(world.waiting().await, 2);
    assert!(world.collector.process_due(9).await.unwrap().is_empty());
    assert_eq!(
        world.gate.reads.lock().unwrap().len(),
        1,
        "not at once again"
    );
    for _ in 0..2 {
        world.pass(60);
        world.collector.process_due(9).await.unwrap();
    }
    assert_eq!(world.deliveries().await, [("done".to_owned(), 1)]);
    assert_eq!(world.waiting().await, 5);

    let refused = Error::new(Kind::AccessDenied, "403");
    *world.gate.failures.lock().unwrap() = vec![refused];
    world.call("order 8").await;
    world.collector.process_due(9).await.unwrap();
    let numbers = world.store.numbers().await.unwrap();
    let parked = &numbers.deliveries[1];
    assert_eq!((parked.state.as_str(), parked.count), ("parked", 1));
    assert_eq!(parked.reason.as_deref(), Some("access_denied"));
    world.pass(86_400);
    assert!(world.collector.process_due(9).await.unwrap().is_empty());
    // The cause is mended, and the system tells of it again.
    world.call("order 8").await;
    assert_eq!(world.collector.process_due(9).await.unwrap().len(), 1);
    assert_eq!(world.deliveries().await, [("done".to_owned(), 2)]);

    // Or it does not, and somebody says: go on.
    let refused = Error::new(Kind::AccessDenied, "403");
    *world.gate.failures.lock().unwrap() = vec![refused];
    world.call("order 9").await;
    world.collector.process_due(9).await.unwrap();
    let inbox = Inbox::new(world.store.clone(), world.clock.clone());
    assert_eq!(inbox.retry(Some("another")).await.unwrap(), 0);
    assert_eq!(inbox.retry(Some("box office")).await.unwrap(), 1);
    assert_eq!(inbox.retry(None).await.unwrap(), 0);
    assert_eq!(world.collector.process_due(9).await.unwrap().len(), 1);
    assert_eq!(world.deliveries().await, [("done".to_owned(), 3)]);

    world.pass(10 * 86_400);
    assert_eq!(world.collector.forget_inbox(3).await.unwrap(), 3);
    assert_eq!(world.deliveries().await, []);
}

#[tokio::test]
async fn a_source_that_does_not_answer_for_days_loses_nothing_and_somebody_looks_after_a_week() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 5;
    *world.gate.failures.lock().unwrap() = vec![down(); 100_000];
    world.call("order 7").await;
    let state_after = async |minutes: u32| {
        for _ in 0..minutes / 15 {
            world.pass(900);
            world.collector.process_due(9).await.unwrap();
        }
        world.deliveries().await
    };
    let waits = [("waiting".to_owned(), 1)];
    assert_eq!(state_after(4 * 1_440).await, waits);
    let reads = world.gate.reads.lock().unwrap().len();
    assert!((80..160).contains(&reads), "{reads} tries in four days");
    assert_eq!(state_after(6 * 1_440).await, [("parked".to_owned(), 1)]);
    world.gate.failures.lock().unwrap().clear();
    let inbox = Inbox::new(world.store.clone(), world.clock.clone());
    assert_eq!(inbox.retry(None).await.unwrap(), 1);
    world.collector.process_due(9).await.unwrap();
    assert_eq!(world.deliveries().await, [("done".to_owned(), 1)]);
    assert_eq!(world.waiting().await, 5);
}

#[tokio::test]
async fn a_pull_goes_on_where_the_last_one_was_safe() {
    let world = world();
    *world.gate.sessions.lock().unwrap() = 5;
    *world.gate.failures.lock().unwrap() = vec![down()];
    let failed = world.collector.pull("box office").await.unwrap_err();
    assert_eq!(failed.kind(), Kind::NetworkUnreachable);
    assert_eq!(world.waiting().await, 2);
    assert_eq!(
        world
            .collector
            .pull("box office")
            .await
            .unwrap()
            .observations,
        3
    );
    assert_eq!(
        world
            .collector
            .pull("box office")
            .await
            .unwrap()
            .observations,
        0
    );
    let reads = world.gate.reads.lock().unwrap().clone();
    assert_eq!(reads, ["pull", "pull 2", "pull 5"]);
    assert_eq!(world.waiting().await, 5);

    // The cursor names a record: it is sealed.
    let cursor = world.store.cursor("box office").await.unwrap().unwrap();
    assert_ne!(cursor.sealed.as_deref(), Some(b"5".as_slice()));
    // Of two at the same time one is told: its cursor stands on another's.
    let stale = world
        .collector
        .save_cursor("box office", cursor.version, &Cursor("3".to_owned()))
        .await;
    assert_eq!(stale.unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(
        world.store.cursor("box office").await.unwrap(),
        Some(cursor)
    );
}
