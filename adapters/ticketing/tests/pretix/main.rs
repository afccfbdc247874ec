//! The adapter of pretix against what a real one sent and answered.
#![allow(clippy::unwrap_used, reason = "a test")]

mod changes;
mod faults;
mod imitation;
mod tickets;

use std::{collections::BTreeMap, sync::Arc};

use imitation::{Imitation, capture};
use wom_adapter_ticketing::{AttendanceMinutes, Pretix, PretixConfig};
use wom_http::Credentials;
use wom_sdk::{
    Body, Observation, Result, Span, Subject, Timestamp,
    instrument::{CHUNK, Cursor, Hint, Input, Instrument, Refusal, Request, Sink, Verdict},
    observation::{Attendance, Merged, Policy, Scan, Standing},
    rules::RuleSet as _,
};
use zeroize::Zeroizing;

#[derive(Debug)]
struct Given(&'static [&'static str]);

impl Credentials for Given {
    fn secrets(&self) -> Result<Vec<Zeroizing<String>>> {
        let tokens = self
            .0
            .iter()
            .map(|token| Zeroizing::new((*token).to_owned()));
        Ok(tokens.collect())
    }
}

fn pretix(url: &str, change: impl FnOnce(&mut PretixConfig)) -> Pretix {
    let mut config = PretixConfig {
        address: Some(url.to_owned()),
        organizer: Some("womdemo".to_owned()),
        ..PretixConfig::default()
    };
    change(&mut config);
    Pretix::with_credentials(config, Arc::new(Given(&["old", "right"]))).unwrap()
}

/// What came out, and all that was said.
#[derive(Default)]
struct Heard {
    people: BTreeMap<Subject, Merged>,
    refusals: Vec<Refusal>,
    cursor: Option<String>,
    /// Everything that might be shown or kept.
    words: String,
}

impl Heard {
    /// Every record that is not withdrawn, person by person.
    fn attendances(&self) -> Vec<&Attendance> {
        let open = self.people.values().flat_map(Merged::open);
        let bodies = open.filter_map(|entry| match &entry.body {
            Body::Attendance(attendance) => Some(attendance),
            _ => None,
        });
        bodies.collect()
    }

    fn subjects(&self) -> Vec<Subject> {
        self.people.keys().cloned().collect()
    }

    /// What everybody's minutes come to who has any, and why others have none.
    fn judged(&self, rules: &AttendanceMinutes) -> (Vec<i64>, Vec<&'static str>) {
        let (mut minutes, mut reasons) = (Vec::new(), Vec::new());
        for merged in self.people.values() {
            let judgement = rules.judge(&merged.open(), later(0));
            let sessions = judgement.sessions.iter();
            minutes.extend(sessions.map(|session| session.time.millis() / 60_000));
            if judgement.sessions.is_empty() {
                reasons.extend(judgement.findings.iter().map(|finding| finding.reason.code));
            }
        }
        minutes.sort_unstable();
        reasons.sort_unstable();
        (minutes, reasons)
    }

    /// What is known of tickets that were scanned, but for when it was read.
    fn known(&self) -> Vec<String> {
        let open = self.people.values().flat_map(Merged::open);
        let scanned = open.filter(|entry| match &entry.body {
            Body::Attendance(attendance) => !attendance.scans.is_empty(),
            _ => false,
        });
        let words = scanned.map(|entry| format!("{:?} {:?}", entry.key, entry.body));
        let mut words: Vec<_> = words.collect();
        words.sort();
        words
    }
}

#[async_trait::async_trait]
impl Sink for Heard {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        for observation in chunk {
            self.words.push_str(&format!("{observation:?}\n"));
            let (subject, entry) = observation.into_entry();
            self.words.push_str(&serde_json::to_string(&entry).unwrap());
            self.words.push_str(subject.reveal());
            self.words.push_str(subject.namespace());
            self.people.entry(subject).or_default().insert(entry);
        }
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.words.push_str(&format!("{refusal:?} {refusal}\n"));
        self.refusals.push(refusal);
        Ok(())
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.words.push_str(&format!("{cursor:?}{}\n", cursor.0));
        self.cursor = Some(cursor.0);
        Ok(())
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A day after the concert, and some milliseconds more at every reading.
fn later(n: i64) -> Timestamp {
    at("2026-11-22T12:00:00Z").plus_millis(n)
}

fn deliver(pretix: &Pretix, headers: &[(&str, &[u8])], body: &[u8]) -> (u16, Option<Hint>) {
    let request = Request {
        method: "POST",
        query: "",
        headers,
        body,
        received_at: later(0),
    };
    let received = pretix.receive(&request);
    let hint = match received.verdict {
        Verdict::Read(hint) => Some(hint),
        _ => None,
    };
    (received.reply.status, hint)
}

fn deliveries() -> Vec<String> {
    let captured = capture("webhooks_concerto");
    let deliveries = captured["deliveries"].as_array().unwrap();
    let bodies = deliveries
        .iter()
        .map(|it| it["body_raw"].as_str().unwrap().to_owned());
    bodies.collect()
}

#[tokio::test]
async fn the_evening_of_the_captures_is_read_as_it_was() {
    let imitation = Imitation::start().await;
    let pretix = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    for (n, body) in deliveries().iter().enumerate() {
        let (status, hint) = deliver(&pretix, &[], body.as_bytes());
        assert_eq!(status, 204);
        let hint = hint.unwrap();
        let now = later(i64::try_from(n).unwrap());
        pretix
            .read(Input::Hint(hint), now, &mut heard)
            .await
            .unwrap();
    }
    assert_eq!(heard.refusals, []);
    assert_eq!(
        heard.people.len(),
        4,
        "those that were scanned, one of them in vain"
    );
    let concert = Span::new(at("2026-11-20T19:30:00Z"), at("2026-11-20T21:45:00Z")).unwrap();
    let mut found: Vec<_> = heard
        .attendances()
        .into_iter()
        .map(|it| {
            assert_eq!(it.slots, [concert]);
            assert_eq!(it.policy, Policy::Overlap);
            (it.standing, it.scans.clone())
        })
        .collect();
    found.sort_by_key(|(standing, scans)| (format!("{standing:?}"), scans.clone()));
    let good = Standing::Valid;
    assert_eq!(
        found,
        [
            (good, vec![]),
            (good, vec![Scan::entry(at("2026-11-20T18:48:12Z"))]),
            (good, vec![Scan::entry(at("2026-11-20T20:05:40Z"))]),
            (good, vec![Scan::entry(at("2026-11-21T23:24:05.052Z"))]),
        ]
    );
    let (minutes, reasons) = heard.judged(&AttendanceMinutes::default());
    assert_eq!(minutes, [99, 135], "two awards, 234 minutes");
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    // One event, one product, and an order for each delivery; before each, the old token is tried.
    let asked = imitation.asked();
    assert_eq!(asked.len(), 2 * deliveries().len() + 2, "{asked:#?}");
    assert!(
        asked
            .iter()
            .all(|asked| !asked.contains("attendee") && !asked.contains("secret"))
    );
}

/// Everything of the captures that is somebody's.
fn canaries() -> Vec<String> {
    let mut canaries = Vec::new();
    fn gather(value: &serde_json::Value, name: &str, canaries: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    gather(value, name, canaries);
                }
            }
            serde_json::Value::Array(values) => {
                for value in values {
                    gather(value, name, canaries);
                }
            }
            serde_json::Value::String(text) => {
                let personal = [
                    "full_name",
                    "secret",
                    "email",
                    "pseudonymization_id",
                    "code",
                    "order",
                ];
                if personal.contains(&name) && text.len() > 3 {
                    canaries.push(text.clone());
                }
            }
            _ => {}
        }
    }
    gather(&capture("order_and_positions"), "", &mut canaries);
    canaries.sort();
    canaries.dedup();
    canaries
}

#[tokio::test]
async fn nobody_is_in_what_is_kept_or_said() {
    let imitation = Imitation::start().await;
    let adapter = pretix(&imitation.url, |_| {});
    let mut heard = Heard::default();
    for body in deliveries() {
        let hint = deliver(&adapter, &[], body.as_bytes()).1.unwrap();
        heard.words.push_str(&format!("{hint:?}"));
        adapter
            .read(Input::Hint(hint), later(0), &mut heard)
            .await
            .unwrap();
    }
    adapter
        .read(Input::Pull(None), later(1), &mut heard)
        .await
        .unwrap();
    // A field that is not what it should be, beside all the others.
    imitation.change(|books| books.position(1)["item"] = "Alba Esempio".into());
    let hint = Hint("order/concerto/TNXKZ".to_owned());
    let error = adapter
        .read(Input::Hint(hint), later(2), &mut heard)
        .await
        .unwrap_err();
    heard
        .words
        .push_str(&format!("{error} {error:?} {adapter:?}"));
    imitation.change(|books| {
        books.orders.clear();
        books.mood = imitation::Mood::Status(418, None);
    });
    let error = adapter
        .read(Input::Pull(None), later(3), &mut heard)
        .await
        .unwrap_err();
    heard.words.push_str(&format!("{error} {error:?}"));
    let canaries = canaries();
    assert!(canaries.len() > 20, "{canaries:?}");
    for canary in canaries
        .iter()
        .map(String::as_str)
        .chain(["Esempio", "canary", "right"])
    {
        assert!(!heard.words.contains(canary), "{canary}");
    }
}
