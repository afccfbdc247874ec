//! A sink that keeps everything, and the rules over it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use wom_adapter_ticketing::AttendanceMinutes;
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
    observation::Merged,
    rules::RuleSet as _,
};

pub(crate) fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) observations: Vec<Observation>,
    pub(crate) refusals: Vec<Refusal>,
}

#[async_trait]
impl Sink for Kept {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refusals.push(refusal);
        Ok(())
    }
}

impl Kept {
    pub(crate) async fn read(adapter: &dyn Instrument, bytes: impl Into<Vec<u8>>) -> Self {
        let mut kept = Self::default();
        let input = Input::Bytes(bytes.into());
        adapter.read(input, now(), &mut kept).await.unwrap();
        kept
    }

    /// Minutes by person.
    pub(crate) fn minutes(&self) -> BTreeMap<String, i64> {
        let mut people = BTreeMap::<String, Merged>::new();
        for observation in self.observations.clone() {
            let (subject, entry) = observation.into_entry();
            let person = people.entry(subject.reveal().to_owned()).or_default();
            person.insert(entry);
        }
        let rules = AttendanceMinutes::default();
        let minutes = |merged: &Merged| {
            let judgement = rules.judge(&merged.open(), now());
            judgement.sessions.iter().map(|it| it.time.minutes()).sum()
        };
        people
            .iter()
            .map(|(who, it)| (who.clone(), minutes(it)))
            .collect()
    }

    /// Line, field and code of each refusal.
    pub(crate) fn refused(&self) -> Vec<(u64, Option<&'static str>, &'static str)> {
        let line = |it: &Refusal| it.at.iter().find(|(name, _)| *name == "line").unwrap().1;
        self.refusals
            .iter()
            .map(|it| (line(it), it.field, it.code))
            .collect()
    }
}
