//! Reading a file with the adapter, and where the sample files are.

use std::{env, fs, path::PathBuf};

use async_trait::async_trait;
use wom_adapter_steps::{Fit, FitConfig};
use wom_sdk::{
    Body, Kind, Observation, Result, TimeSet, Timestamp,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
};

/// What the adapter said about a file.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) observations: Vec<Observation>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) error: Option<Kind>,
}

impl Reading {
    /// Milliseconds of activity, as a plain sum over the observations.
    pub(crate) fn millis(&self) -> i64 {
        self.observations
            .iter()
            .map(|observation| match &observation.body {
                Body::Interval { span, .. } => span.millis(),
                Body::Seconds { seconds, .. } => i64::from(*seconds) * 1000,
                _ => 0,
            })
            .sum()
    }

    /// The time of all intervals, counted once.
    pub(crate) fn union(&self) -> TimeSet {
        self.observations
            .iter()
            .filter_map(|observation| match &observation.body {
                Body::Interval { span, .. } => Some(*span),
                _ => None,
            })
            .collect()
    }

    /// Steps of monitoring intervals.
    pub(crate) fn steps(&self) -> u32 {
        self.observations
            .iter()
            .map(|observation| match observation.body {
                Body::Steps { steps, .. } => steps,
                _ => 0,
            })
            .sum()
    }

    /// Steps of sessions.
    pub(crate) fn session_steps(&self) -> u32 {
        self.observations
            .iter()
            .map(|observation| match observation.body {
                Body::Interval { steps, .. } => steps.unwrap_or(0),
                _ => 0,
            })
            .sum()
    }

    /// The activities, in order, each once in a row.
    pub(crate) fn activities(&self) -> Vec<String> {
        let mut activities: Vec<_> = self
            .observations
            .iter()
            .filter_map(|observation| match &observation.body {
                Body::Interval { activity, .. } | Body::Seconds { activity, .. } => {
                    Some(activity.to_string())
                }
                _ => None,
            })
            .collect();
        activities.dedup();
        activities
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.refusals.iter().map(|refusal| refusal.code).collect()
    }
}

#[async_trait]
impl Sink for Reading {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK);
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refusals.push(refusal);
        Ok(())
    }
}

pub(crate) fn read(bytes: &[u8]) -> Reading {
    read_with(FitConfig::default(), Input::Bytes(bytes.to_vec()))
}

pub(crate) fn read_with(config: FitConfig, input: Input) -> Reading {
    let fit = Fit::new(config).unwrap();
    let mut reading = Reading::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let result = runtime.block_on(fit.read(input, Timestamp::EPOCH, &mut reading));
    reading.error = result.err().map(|error| error.kind());
    reading
}

/// A sample that `tests/fetch-corpus.sh` fetched; says loudly where it is missing.
pub(crate) fn fetched(name: &str) -> Option<Vec<u8>> {
    let folder = env::var_os("WOM_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/corpus")),
        PathBuf::from,
    );
    let bytes = fs::read(folder.join(name)).ok();
    if bytes.is_none() {
        eprintln!("MISSED: {name} is not in the corpus folder; run tests/fetch-corpus.sh");
    }
    bytes
}
