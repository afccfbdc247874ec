//! Reads into memory, and judges learner by learner.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde_json::{Value, json};
use wom_adapter_elearning::{Cmi5, StatementsConfig, StudyMinutes, Xapi, XapiConfig};
use wom_sdk::{
    Observation, Result, Subject, Timestamp,
    instrument::{Input, Instrument, Refusal, Sink},
    observation::Merged,
    rules::RuleSet,
};

/// When the captures were made.
pub(crate) const NOW: &str = "2026-12-01T00:00:00Z";

#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) observations: Vec<Observation>,
    pub(crate) refusals: Vec<Refusal>,
}

#[async_trait]
impl Sink for Gathered {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refusals.push(refusal);
        Ok(())
    }
}

impl Gathered {
    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.refusals.iter().map(|refusal| refusal.code).collect()
    }

    /// What each learner's history is once everything is merged; what is withdrawn of whoever counts
    /// for all.
    pub(crate) fn merged(&self) -> BTreeMap<(String, String), Merged> {
        let mut merged = BTreeMap::<(String, String), Merged>::new();
        let (whoevers, of_learners): (Vec<_>, Vec<_>) = self
            .observations
            .iter()
            .cloned()
            .partition(|observation| observation.subject.is_whoever());
        for observation in of_learners {
            let (subject, entry) = observation.into_entry();
            let name = (subject.namespace().to_owned(), subject.reveal().to_owned());
            merged.entry(name).or_default().insert(entry);
        }
        for observation in whoevers {
            let (_, entry) = observation.into_entry();
            for history in merged.values_mut() {
                history.insert(entry.clone());
            }
        }
        merged
    }

    /// Seconds by learner's id and UTC day, those of none left out.
    pub(crate) fn seconds(&self) -> BTreeMap<(String, String), i64> {
        let now: Timestamp = NOW.parse().unwrap();
        let mut seconds = BTreeMap::new();
        for ((_, id), merged) in self.merged() {
            let time = StudyMinutes::default().judge(&merged.open(), now).time();
            for span in time.spans() {
                let day = span.start().to_string()[..10].to_owned();
                assert_eq!(
                    day,
                    span.end().to_string()[..10],
                    "no test studies at midnight"
                );
                *seconds.entry((id.clone(), day)).or_insert(0) += span.millis();
            }
        }
        seconds.values_mut().for_each(|ms| *ms /= 1_000);
        seconds.retain(|_, s| *s > 0);
        seconds
    }
}

pub(crate) fn read_with(adapter: &dyn Instrument, input: &[u8]) -> (Gathered, Result<()>) {
    let mut gathered = Gathered::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let input = Input::Bytes(input.to_vec());
    let outcome = runtime.block_on(adapter.read(input, NOW.parse().unwrap(), &mut gathered));
    (gathered, outcome)
}

pub(crate) fn xapi(input: &[u8]) -> Gathered {
    let (gathered, outcome) = read_with(&Xapi::new(XapiConfig::default()).unwrap(), input);
    outcome.unwrap();
    gathered
}

pub(crate) fn cmi5(input: &[u8]) -> Gathered {
    let (gathered, outcome) = read_with(&Cmi5::new(XapiConfig::default()).unwrap(), input);
    outcome.unwrap();
    gathered
}

/// Settings of how statements are read, without an LRS.
pub(crate) fn config(statements: StatementsConfig) -> XapiConfig {
    XapiConfig {
        statements,
        ..XapiConfig::default()
    }
}

pub(crate) fn capture(name: &str) -> Vec<u8> {
    std::fs::read(format!(
        "{}/tests/captures/{name}",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

/// The statements of the capture of an LRS.
pub(crate) fn store() -> Vec<Value> {
    let text = String::from_utf8(capture("ralph-fs-store.jsonl")).unwrap();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A statement to change.
pub(crate) fn statement() -> Value {
    json!({
        "id": "12345678-1234-4234-8234-123456789012",
        "actor": {"account": {"homePage": "https://lms.example.org", "name": "anna-1"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/experienced"},
        "object": {"id": "https://lms.example.org/act/1"},
        "result": {"duration": "PT5M"},
        "timestamp": "2026-11-20T10:00:00Z",
        "stored": "2026-11-20T10:00:01Z",
        "authority": {"account": {"homePage": "https://lms.example.org", "name": "platform"}},
    })
}

pub(crate) fn lines(statements: &[Value]) -> Vec<u8> {
    let lines: Vec<_> = statements.iter().map(Value::to_string).collect();
    lines.join("\n").into_bytes()
}

pub(crate) fn of(seconds: &[(&str, &str, i64)]) -> BTreeMap<(String, String), i64> {
    let all = seconds.iter();
    all.map(|(id, day, s)| (((*id).to_owned(), (*day).to_owned()), *s))
        .collect()
}

/// The ids of learners, for looking for them where they must not be.
pub(crate) fn subjects(gathered: &Gathered) -> Vec<Subject> {
    gathered
        .observations
        .iter()
        .map(|observation| observation.subject.clone())
        .collect()
}
