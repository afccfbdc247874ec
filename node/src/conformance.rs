//! The conformance suite, for adapters in JavaScript.

use std::sync::Arc;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use wom_sdk::{
    Clock as _, Result, SystemClock, Timestamp, instrument::Instrument,
    testing::conformance::instrument::Fixture,
};

use crate::{
    home::{Home, Thread},
    host::Told,
    text::read,
};

#[napi]
impl Home {
    /// Runs the conformance suite with adapters that the face makes, of which the maker has this
    /// number; tells topics, and what failed.
    #[napi]
    pub fn check_instrument(&self, call: u32, maker: u32, sample: Uint8Array, now: Option<String>) {
        let thread = Arc::clone(&self.0);
        let sample = sample.to_vec();
        self.0.begin(call, async move {
            let now = match now {
                Some(text) => text.parse()?,
                None => SystemClock.now(),
            };
            let fixture = Arc::new(JsFixture {
                thread,
                maker,
                sample,
                now,
            });
            Ok(wom_embed::conform(fixture).await)
        });
    }
}

/// Adapters in JavaScript for the conformance suite.
struct JsFixture {
    thread: Arc<Thread>,
    maker: u32,
    sample: Vec<u8>,
    now: Timestamp,
}

impl JsFixture {
    fn make(&self) -> Result<impl Instrument + use<>> {
        let (told, _) = self
            .thread
            .ask_blocking("make", self.maker, String::new(), None)?;
        read::<Told>(&told)?.instrument(&self.thread)
    }
}

impl Fixture for JsFixture {
    fn adapter(&self) -> Arc<dyn Instrument> {
        match self.make() {
            Ok(made) => Arc::new(made),
            // A topic fails by panicking.
            Err(error) => panic!("the adapter cannot be made: {error}"),
        }
    }

    fn sample(&self) -> Vec<u8> {
        self.sample.clone()
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
