//! Fuzz targets: every decoder of foreign bytes, as a function that must not panic.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Waker},
};

use async_trait::async_trait;
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{Input, Instrument, Refusal, Sink},
};

use crate::{Fit, FitConfig};

/// Reads these bytes as a FIT file.
pub fn fuzz_fit(data: &[u8]) {
    if let Ok(fit) = Fit::new(FitConfig::default()) {
        read(&fit, data);
    }
}

/// Lets an adapter read these bytes; what it says does not matter.
fn read(instrument: &dyn Instrument, data: &[u8]) {
    let mut sink = Nowhere;
    let input = Input::Bytes(data.to_vec());
    let mut reading = pin!(instrument.read(input, Timestamp::EPOCH, &mut sink));
    let mut context = Context::from_waker(Waker::noop());
    while reading.as_mut().poll(&mut context).is_pending() {}
}

struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn observe(&mut self, _chunk: Vec<Observation>) -> Result<()> {
        Ok(())
    }

    async fn refuse(&mut self, _refusal: Refusal) -> Result<()> {
        Ok(())
    }
}
