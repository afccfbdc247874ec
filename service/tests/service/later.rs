//! A clock that can be put forward.

use std::sync::atomic::{AtomicI64, Ordering};

use wom_sdk::{Clock, SystemClock, Timestamp};

/// The time, and some minutes more.
#[derive(Debug, Default)]
pub(crate) struct Later(AtomicI64);

impl Later {
    pub(crate) fn minutes(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::Relaxed);
    }
}

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus_millis(self.0.load(Ordering::Relaxed))
    }
}
