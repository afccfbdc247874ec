//! Reading from memory, and what came of it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wom_sdk::{
    Body, Error, Observation, Result, Timestamp,
    instrument::{CHUNK, Cursor, Input, Instrument, Refusal, Sink},
    observation::{Merged, Trace},
};

/// When everything in the captures is past.
pub(crate) const NOW: &str = "2026-03-12T00:00:00Z";

/// What a reading gave.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) observations: Vec<Observation>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) error: Option<Error>,
}

impl Outcome {
    /// The codes of the refusals, each with the number of its place.
    pub(crate) fn codes(&self) -> Vec<(&str, u64)> {
        self.refusals
            .iter()
            .map(|refusal| (refusal.code, refusal.at[0].1))
            .collect()
    }

    /// The observations, when nothing at all was wrong.
    pub(crate) fn clean(self) -> Vec<Observation> {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.refusals, []);
        self.observations
    }

    /// The traces, by learner, in order of time.
    pub(crate) fn traces(&self) -> BTreeMap<String, Vec<Trace>> {
        let mut learners = BTreeMap::<String, Merged>::new();
        for observation in &self.observations {
            let (subject, entry) = observation.clone().into_entry();
            let learner = learners.entry(subject.reveal().to_owned()).or_default();
            learner.insert(entry);
        }
        let trace = |body: &Body| match body {
            Body::Study(study) => study.trace.clone(),
            other => panic!("{other:?}"),
        };
        learners
            .into_iter()
            .map(|(learner, merged)| {
                let open = merged.open();
                (
                    learner,
                    open.iter().map(|entry| trace(&entry.body)).collect(),
                )
            })
            .collect()
    }

    /// Everything that a person could read of the refusals and the error.
    pub(crate) fn told(&self) -> String {
        let refusals = self.refusals.iter();
        let lines: Vec<_> = refusals
            .map(|refusal| format!("{refusal} {refusal:?}"))
            .collect();
        format!(
            "{} {:?} {:?}",
            lines.join("\n"),
            self.error,
            self.observations
        )
    }
}

#[async_trait]
impl Sink for Outcome {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        assert!(!refusal.at.is_empty() && !refusal.message.is_empty());
        self.refusals.push(refusal);
        Ok(())
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.cursor = Some(cursor);
        Ok(())
    }
}

pub(crate) async fn read(adapter: &dyn Instrument, input: Input) -> Outcome {
    let mut outcome = Outcome::default();
    let now: Timestamp = NOW.parse().unwrap();
    outcome.error = adapter.read(input, now, &mut outcome).await.err();
    outcome
}

pub(crate) async fn read_text(adapter: &dyn Instrument, text: impl Into<Vec<u8>>) -> Outcome {
    read(adapter, Input::Bytes(text.into())).await
}

/// A file of the captures.
pub(crate) fn data(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

/// The observations in an order that does not depend on how they were read.
pub(crate) fn sorted(mut observations: Vec<Observation>) -> Vec<Observation> {
    observations.sort_by_key(|observation| observation.key);
    observations
}
