//! Fuzz targets: every decoder of foreign bytes, as a function that must not panic; and made-up
//! exports to read.

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

use crate::{AppleHealth, AppleHealthConfig, Fit, FitConfig};

pub mod apple_export;

/// Reads these bytes as an Apple Health export, as they are and as what is inside one.
pub fn fuzz_apple_xml(data: &[u8]) {
    if let Ok(apple) = AppleHealth::new(AppleHealthConfig::default()) {
        read(&apple, data);
        read(&apple, &[b"<HealthData>", data].concat());
    }
}

/// Reads these bytes as the archive of an Apple Health export.
pub fn fuzz_apple_zip(data: &[u8]) {
    let small = AppleHealthConfig {
        max_bytes: 16 << 20,
        exercise_time: true,
        ..AppleHealthConfig::default()
    };
    if let Ok(apple) = AppleHealth::new(small) {
        read(&apple, data);
        read(&apple, &[b"PK\x03\x04", data].concat());
    }
}

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
