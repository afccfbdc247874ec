//! How fast statements become observations, beside serde_json reading typed structs that borrow, and
//! nothing else; one thread each.
//!
//! `cargo bench -p wom-adapter-elearning --bench read`. The readers take turns and the best of their
//! rounds counts, by the time of the thread, as other programs disturb a machine for a while, not for
//! ever. Only the ratio means something on another machine.
#![allow(clippy::unwrap_used, reason = "a measurement may panic")]

use std::{borrow::Cow, hint::black_box, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use wom_adapter_elearning::{Xapi, XapiConfig};
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{Input, Instrument, Refusal, Sink},
};

const BYTES: usize = 50_000_000;
const ROUNDS: usize = 25;

/// What the adapter needs of a statement, and no more.
#[derive(Deserialize)]
#[allow(dead_code, reason = "only reading it is measured")]
struct Statement<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    actor: Actor<'a>,
    #[serde(borrow)]
    verb: Named<'a>,
    #[serde(borrow)]
    object: Named<'a>,
    #[serde(borrow)]
    result: Option<Outcome<'a>>,
    #[serde(borrow)]
    context: Option<Context<'a>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stored: Option<Cow<'a, str>>,
    #[serde(borrow)]
    authority: Option<Actor<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only reading it is measured")]
struct Actor<'a> {
    #[serde(borrow)]
    object_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    mbox: Option<Cow<'a, str>>,
    #[serde(borrow)]
    account: Option<Account<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only reading it is measured")]
struct Account<'a> {
    #[serde(borrow)]
    home_page: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only reading it is measured")]
struct Named<'a> {
    #[serde(borrow)]
    object_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only reading it is measured")]
struct Outcome<'a> {
    success: Option<bool>,
    #[serde(borrow)]
    duration: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "only reading it is measured")]
struct Context<'a> {
    #[serde(borrow)]
    registration: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context_activities: Option<Activities<'a>>,
    #[serde(borrow)]
    extensions: Option<Extensions<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only reading it is measured")]
struct Activities<'a> {
    #[serde(borrow, default)]
    category: Vec<Named<'a>>,
}

#[derive(Deserialize)]
#[allow(dead_code, reason = "only reading it is measured")]
struct Extensions<'a> {
    #[serde(
        borrow,
        rename = "https://w3id.org/xapi/cmi5/context/extensions/sessionid"
    )]
    session: Option<Cow<'a, str>>,
}

fn main() {
    let lines = statements();
    let array = as_array(&lines);
    println!(
        "{} MB, {} statements",
        lines.len() / 1_000_000,
        lines.iter().filter(|byte| **byte == b'\n').count()
    );
    let (mut typed, mut by_line, mut in_array) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        // The bytes are in memory before the time begins, for all of them.
        let (own_lines, own_array) = (lines.clone(), array.clone());
        typed = typed.min(time(|| read_typed(&lines)));
        by_line = by_line.min(time(|| observe(own_lines)));
        in_array = in_array.min(time(|| observe(own_array)));
    }
    for (what, took) in [
        ("serde_json, typed structs", typed),
        ("elearning.xapi, lines", by_line),
        ("elearning.xapi, one array", in_array),
    ] {
        println!(
            "{what:28} {:6.1} ms {:6.0} MB/s {:5.2} times",
            took.as_secs_f64() * 1e3,
            BYTES as f64 / took.as_secs_f64() / 1e6,
            took.as_secs_f64() / typed.as_secs_f64(),
        );
    }
}

/// What the thread itself took, so that a busy machine disturbs less.
fn time(read: impl FnOnce() -> usize) -> Duration {
    let start = thread_time();
    black_box(read());
    thread_time() - start
}

fn thread_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec as u32)
}

fn read_typed(lines: &[u8]) -> usize {
    let (mut count, mut start) = (0, 0);
    for end in memchr::memchr_iter(b'\n', lines) {
        black_box(serde_json::from_slice::<Statement<'_>>(&lines[start..end]).unwrap());
        (count, start) = (count + 1, end + 1);
    }
    count
}

fn observe(input: Vec<u8>) -> usize {
    let adapter = Xapi::new(XapiConfig::default()).unwrap();
    let mut sink = Count::default();
    let input = Input::Bytes(input);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let now: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
    runtime
        .block_on(adapter.read(input, now, &mut sink))
        .unwrap();
    assert!(sink.refused == 0 && sink.observed > 40_000);
    sink.observed
}

#[derive(Default)]
struct Count {
    observed: usize,
    refused: usize,
}

#[async_trait]
impl Sink for Count {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        self.observed += black_box(chunk).len();
        Ok(())
    }

    async fn refuse(&mut self, _: Refusal) -> Result<()> {
        self.refused += 1;
        Ok(())
    }
}

/// Statements of many learners and activities, as an LRS gives them: the members and lengths of the
/// capture's.
fn statements() -> Vec<u8> {
    let mut lines = Vec::with_capacity(BYTES + 4_096);
    let mut n = 0_u64;
    while lines.len() < BYTES {
        lines.extend_from_slice(statement(n).to_string().as_bytes());
        lines.push(b'\n');
        n += 1;
    }
    lines
}

fn statement(n: u64) -> Value {
    let verb = [
        "initialized",
        "experienced",
        "answered",
        "completed",
        "terminated",
    ][(n % 5) as usize];
    let second = |n: u64| {
        let at = Timestamp::from_seconds(1_780_000_000 + n as i64 * 7);
        at.to_string().replace('Z', ".123Z")
    };
    let cmi5 = "https://w3id.org/xapi/cmi5/context";
    let mut statement = json!({
        "id": format!("{:08x}-5719-4b7e-94b2-{:012x}", n * 2_654_435_761 % 4_294_967_296, n),
        "actor": {"objectType": "Agent", "account": {"homePage": "https://lms.example.org", "name": format!("learner-{}", n * 7_919 % 5_000)}},
        "verb": {"id": format!("http://adlnet.gov/expapi/verbs/{verb}"), "display": {"en": verb, "it": verb}},
        "object": {
            "objectType": "Activity",
            "id": format!("https://lms.example.org/act/module-{}", n * 31 % 900),
            "definition": {"type": "http://adlnet.gov/expapi/activities/module", "name": {"en": "Rivers and lakes of the region", "it": "Fiumi e laghi della regione"}},
        },
        "timestamp": second(n),
        "stored": second(n).replace(".123Z", ".364795+00:00"),
        "context": {
            "registration": format!("{:08x}-4159-4072-9d9b-733a916c325f", n / 5 * 48_271 % 4_294_967_296),
            "contextActivities": {
                "category": [{"id": format!("{cmi5}/categories/cmi5")}],
                "grouping": [{"objectType": "Activity", "id": "https://lms.example.org/act/course-1"}],
            },
            "extensions": {format!("{cmi5}/extensions/sessionid"): format!("session-{}", n / 5)},
        },
        "authority": {"objectType": "Agent", "name": "Demo platform", "account": {"homePage": "https://lms.example.org", "name": "platform"}},
        "version": "1.0.3",
    });
    if matches!(verb, "completed" | "terminated") {
        statement["result"] =
            json!({"completion": true, "duration": format!("PT{}M{}.5S", n % 40, n % 60)});
    }
    statement
}

fn as_array(lines: &[u8]) -> Vec<u8> {
    let mut array = vec![b'['];
    let all = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    for (index, line) in all.enumerate() {
        if index > 0 {
            array.extend_from_slice(b",\n");
        }
        array.extend_from_slice(line);
    }
    array.push(b']');
    array
}
