//! Recordings replayed as if they were of today.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use wom_sdk::{
    Body, Observation, Result, Span, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Refusal, Sink},
};

const DAY_MS: i64 = 86_400_000;

/// An adapter whose recording was read already, moved by whole days so that its last instant lies
/// within the last 24 hours.
#[derive(Debug)]
pub struct Replayed {
    adapter: Arc<dyn Instrument>,
    observations: Mutex<Vec<Observation>>,
    refusals: Mutex<Vec<Refusal>>,
    days: i64,
}

impl Replayed {
    /// Reads the recording and finds how many days to move it by.
    pub async fn as_of(adapter: Arc<dyn Instrument>, input: Input, now: Timestamp) -> Result<Self> {
        let mut kept = Kept::default();
        adapter.read(input, now, &mut kept).await?;
        let ends = kept
            .observations
            .iter()
            .filter_map(|observation| observation.body.span());
        let last = ends.map(|span| span.end()).max().unwrap_or(now);
        let days = now.since(last).div_euclid(DAY_MS);
        for observation in &mut kept.observations {
            shift(&mut observation.body, days * DAY_MS);
        }
        Ok(Self {
            adapter,
            observations: Mutex::new(kept.observations),
            refusals: Mutex::new(kept.refusals),
            days,
        })
    }

    /// By how many days the recording was moved.
    pub fn days(&self) -> i64 {
        self.days
    }
}

#[async_trait]
impl Instrument for Replayed {
    fn info(&self) -> Info {
        self.adapter.info()
    }

    fn capabilities(&self) -> Capabilities {
        self.adapter.capabilities()
    }

    async fn read(&self, _input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let take = |refusals: &Mutex<Vec<_>>| {
            std::mem::take(&mut *refusals.lock().unwrap_or_else(|e| e.into_inner()))
        };
        for refusal in take(&self.refusals) {
            sink.refuse(refusal).await?;
        }
        let observations = std::mem::take(
            &mut *self
                .observations
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        let mut chunks = Chunks::new(sink);
        for observation in observations {
            chunks.push(observation).await?;
        }
        chunks.finish().await
    }
}

/// Keeps what an adapter yields.
#[derive(Default)]
struct Kept {
    observations: Vec<Observation>,
    refusals: Vec<Refusal>,
}

#[async_trait]
impl Sink for Kept {
    async fn observe(&mut self, mut chunk: Vec<Observation>) -> Result<()> {
        self.observations.append(&mut chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.refusals.push(refusal);
        Ok(())
    }
}

fn shift(body: &mut Body, millis: i64) {
    let moved = |span: Span| Span::starting(span.start().plus_millis(millis), span.millis());
    match body {
        Body::Point { at, .. } | Body::Milestone { at, .. } => *at = at.plus_millis(millis),
        Body::Interval { span, .. } | Body::Steps { span, .. } => *span = moved(*span),
        Body::Seconds { within, .. } | Body::Tally { within, .. } => *within = moved(*within),
        Body::RangeReplaced { range } => *range = moved(*range),
        // A withdrawal speaks of a key only; what may come to be has to be added here.
        _ => {}
    }
}
