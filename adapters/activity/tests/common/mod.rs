//! What the tests share: reading from memory, and what came of it.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::collections::BTreeMap;

use async_trait::async_trait;
use wom_adapter_activity::{ActivityCsv, ActivityJson, Config};
use wom_sdk::{
    Error, Observation, Result, Timestamp,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
    observation::Merged,
};

/// What a reading gave.
#[derive(Debug, Default)]
pub struct Outcome {
    pub observations: Vec<Observation>,
    pub refusals: Vec<Refusal>,
    pub error: Option<Error>,
}

impl Outcome {
    /// The codes of the refusals, each with its line and field.
    pub fn codes(&self) -> Vec<(&str, u64, &str)> {
        let place = |refusal: &Refusal| {
            let line = refusal.at.iter().find(|(name, _)| *name == "line");
            line.map_or(0, |(_, line)| *line)
        };
        self.refusals
            .iter()
            .map(|refusal| (refusal.code, place(refusal), refusal.field.unwrap_or("")))
            .collect()
    }

    /// The observations, when nothing at all was wrong.
    pub fn clean(self) -> Vec<Observation> {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.refusals, []);
        self.observations
    }

    /// The merged observations of each participant.
    pub fn merged(&self) -> BTreeMap<String, Merged> {
        let mut people = BTreeMap::<String, Merged>::new();
        for observation in &self.observations {
            let (subject, entry) = observation.clone().into_entry();
            people
                .entry(subject.reveal().to_owned())
                .or_default()
                .insert(entry);
        }
        people
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
        self.refusals.push(refusal);
        Ok(())
    }
}

pub fn read(adapter: &dyn Instrument, input: Input) -> Outcome {
    let mut outcome = Outcome::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let result = runtime.block_on(adapter.read(input, Timestamp::EPOCH, &mut outcome));
    outcome.error = result.err();
    outcome
}

pub fn json(bytes: impl AsRef<[u8]>) -> Outcome {
    json_with(Config::default(), bytes)
}

pub fn json_with(config: Config, bytes: impl AsRef<[u8]>) -> Outcome {
    let input = Input::Bytes(bytes.as_ref().to_vec());
    read(&ActivityJson::new(config), input)
}

pub fn csv(bytes: impl AsRef<[u8]>) -> Outcome {
    csv_with(Config::default(), bytes)
}

pub fn csv_with(config: Config, bytes: impl AsRef<[u8]>) -> Outcome {
    let input = Input::Bytes(bytes.as_ref().to_vec());
    read(&ActivityCsv::new(config), input)
}

/// The shipped examples.
pub fn example(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/data/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}
