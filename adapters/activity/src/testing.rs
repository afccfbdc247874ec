//! Fuzz targets: any bytes may come in, no panic may come out, and no chunk too large.

use std::task::{Context, Waker};

use async_trait::async_trait;
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
};

use crate::{ActivityCsv, ActivityJson, Config};

/// Feeds arbitrary bytes to [`ActivityJson`].
pub fn fuzz_activity_json(data: &[u8]) {
    feed(&ActivityJson::new(Config::default()), data);
}

/// Feeds arbitrary bytes to [`ActivityCsv`].
pub fn fuzz_activity_csv(data: &[u8]) {
    feed(&ActivityCsv::new(Config::default()), data);
}

fn feed(adapter: &dyn Instrument, data: &[u8]) {
    let mut sink = Count::default();
    let input = Input::Bytes(data.to_vec());
    // Nothing here waits, so one poll is the whole reading.
    let outcome = adapter
        .read(input, Timestamp::EPOCH, &mut sink)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(outcome.is_ready(), "reading must not wait");
    assert!(sink.records <= data.len(), "a record needs at least a byte");
}

#[derive(Default)]
struct Count {
    records: usize,
}

#[async_trait]
impl Sink for Count {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        self.records += chunk.len();
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        assert!(!refusal.at.is_empty() && !refusal.message.is_empty());
        self.records += 1;
        Ok(())
    }
}
