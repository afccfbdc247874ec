//! How many requests all workers together may send.

use crate::Timestamp;

/// So many requests a second, and so many at once after a pause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rate {
    /// Requests a second, 1 to 1,000,000.
    pub per_second: u32,
    /// The most that may go out at once, 1 or more.
    pub burst: u32,
}

/// What [`Store::draw`](super::Store::draw) gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drawn {
    /// Requests that may be sent now: at most as many as were wanted.
    pub granted: u32,
    /// When one more will be free.
    pub next: Timestamp,
}

/// What was drawn so far: the instant by which it will have been earned again, in microseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Spent(pub i64);

impl Spent {
    /// Takes up to `wanted` out of the rate.
    ///
    /// ```
    /// use wom_sdk::{Timestamp, store::{Rate, Spent}};
    ///
    /// let (rate, mut spent) = (Rate { per_second: 10, burst: 4 }, Spent::default());
    /// let now = Timestamp::from_seconds(1_800_000_000);
    /// assert_eq!(spent.draw(rate, 6, now).granted, 4);
    /// assert_eq!(spent.draw(rate, 6, now).granted, 0);
    /// assert_eq!(spent.draw(rate, 6, now.plus_millis(200)).granted, 2);
    /// ```
    pub fn draw(&mut self, rate: Rate, wanted: u32, now: Timestamp) -> Drawn {
        let each = 1_000_000 / i64::from(rate.per_second.clamp(1, 1_000_000));
        let now = now.as_millis().saturating_mul(1_000);
        let room = each.saturating_mul(rate.burst.max(1).into());
        // A clock that went back must not stop everything: more than the burst is never owed.
        let spent = self.0.clamp(now, now.saturating_add(room));
        let free = now.saturating_add(room).saturating_sub(spent) / each;
        let granted = free.min(wanted.into());
        self.0 = spent.saturating_add(each.saturating_mul(granted));
        let next = self.0.saturating_add(each).saturating_sub(room).max(now);
        Drawn {
            granted: u32::try_from(granted).unwrap_or(wanted),
            next: Timestamp::from_millis(next.div_euclid(1_000) + i64::from(next % 1_000 != 0)),
        }
    }
}
