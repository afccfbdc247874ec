//! A clock for tests that must not sleep.

use tokio::time::Instant;

use crate::{Clock, Timestamp};

/// A clock that goes with Tokio's time: in a test with paused time, sleeping moves it on at once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use wom_sdk::{Clock, Timestamp, testing::TokioClock};
///
/// let clock = TokioClock::starting("2026-03-01T10:00:00Z".parse()?);
/// assert!(clock.now() >= "2026-03-01T10:00:00Z".parse()?);
/// # Ok::<(), wom_sdk::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Timestamp,
    since: Instant,
}

impl TokioClock {
    /// A clock that shows this instant now.
    pub fn starting(start: Timestamp) -> Self {
        Self {
            start,
            since: Instant::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let passed = self.since.elapsed().as_millis();
        self.start
            .plus_millis(i64::try_from(passed).unwrap_or(i64::MAX))
    }
}
