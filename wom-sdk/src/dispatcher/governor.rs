//! How much may be asked of one Registry: so much at a time, so much a second, and nearly nothing
//! while it does not answer.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::{
    Clock, Error, Kind, Result, Timestamp,
    protocol::random,
    store::{Rate, Store},
};

/// Failures in a row, with no answer between them, after which a Registry counts as down.
const FAILURES: u32 = 5;
/// The first pause after that; it doubles with each try that fails.
const PAUSE_MS: u64 = 1_000;
const PAUSE_CAP_MS: u64 = 15_000;
/// Of ten awards that are begun one may be tried again, one for each answer, and one each second
/// whatever happens: what is tried again must not feed an outage.
const REPEATS_COST: u64 = 10;
const REPEATS_MOST: u64 = 100 * REPEATS_COST;
/// How many requests are drawn from the common budget at a time.
const LOT: u32 = 8;

/// What one dispatcher may ask of its Registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Awards under way at a time, 1 or more. More bring little: the Registry's RSA is the limit.
    pub in_flight: usize,
    /// Requests that all workers of one store together may send; `None` for no limit.
    pub rate: Option<Rate>,
}

impl Limits {
    /// 16 awards at a time, and 50 requests a second but for a Registry on this machine.
    pub fn towards(registry: &str) -> Self {
        let address = registry.parse::<crate::registry::Address>();
        let local = address.is_ok_and(|address| address.is_loopback());
        let polite = Rate {
            per_second: 50,
            burst: 100,
        };
        Self {
            in_flight: 16,
            rate: (!local).then_some(polite),
        }
    }
}

/// How a Registry has answered lately.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// It answers.
    Answering,
    /// It failed several times in a row; the next try is at this time.
    Down {
        /// When.
        until: Timestamp,
    },
}

#[derive(Debug)]
pub(super) struct Governor {
    limits: Limits,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// While it is down: when it may be tried again.
    closed_until: Option<Timestamp>,
    /// Drawn and not used yet.
    lot: u32,
    repeats: Repeats,
}

/// What there is to try again with, in tenths of a try.
#[derive(Debug)]
struct Repeats {
    tenths: u64,
    filled: Timestamp,
}

impl Default for Repeats {
    fn default() -> Self {
        Self {
            tenths: REPEATS_MOST,
            filled: Timestamp::MIN,
        }
    }
}

impl Governor {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                in_flight: limits.in_flight.max(1),
                ..limits
            },
            state: Mutex::default(),
            news: Notify::new(),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.limits.in_flight
    }

    /// How many awards may be under way now: one, if the Registry is to be tried again.
    pub(super) fn room(&self, now: Timestamp) -> usize {
        match self.state().closed_until {
            None => self.limits.in_flight,
            Some(until) if until <= now => 1,
            Some(_) => 0,
        }
    }

    /// How long nothing should be asked.
    pub(super) fn pause(&self, now: Timestamp) -> Option<Duration> {
        let until = self.state().closed_until?;
        let left = u64::try_from(until.since(now))
            .ok()
            .filter(|left| *left > 0)?;
        Some(Duration::from_millis(left))
    }

    pub(super) fn health(&self, now: Timestamp) -> Health {
        match self.state().closed_until {
            Some(until) => Health::Down {
                until: until.max(now),
            },
            None => Health::Answering,
        }
    }

    /// Whether an award may be begun, or tried again, now.
    pub(super) fn may_begin(&self, again: bool, now: Timestamp) -> bool {
        let repeats = &mut self.state().repeats;
        let passed = now.since(repeats.filled).max(0).unsigned_abs() / 1_000;
        if passed > 0 {
            repeats.filled = now;
            repeats.tenths += passed.min(REPEATS_MOST) * REPEATS_COST;
        }
        if !again {
            repeats.tenths += 1;
        }
        repeats.tenths = repeats.tenths.min(REPEATS_MOST);
        let enough = !again || repeats.tenths >= REPEATS_COST;
        if again && enough {
            repeats.tenths -= REPEATS_COST;
        }
        enough
    }

    /// Waits for a place in the common budget.
    pub(super) async fn admit(
        &self,
        store: &dyn Store,
        registry: &str,
        clock: &dyn Clock,
    ) -> Result<()> {
        let Some(rate) = self.limits.rate else {
            return Ok(());
        };
        loop {
            if self.take_one() {
                return Ok(());
            }
            let now = clock.now();
            let drawn = store.draw(registry, rate, LOT.min(rate.burst), now).await?;
            self.state().lot += drawn.granted;
            if drawn.granted == 0 {
                let wait = drawn.next.since(now).clamp(1, 60_000).unsigned_abs();
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
        }
    }

    /// Hears how a call ended. What the Registry refuses, it has answered.
    pub(super) fn heard(&self, error: Option<&Error>, now: Timestamp) {
        let down = error.is_some_and(|error| {
            matches!(
                error.kind(),
                Kind::NetworkUnreachable
                    | Kind::OutcomeUnknown
                    | Kind::DeadlineExceeded
                    | Kind::RegistryFailed
                    | Kind::RateLimited
            )
        });
        let mut state = self.state();
        if !down {
            let was_down = state.closed_until.is_some();
            state.failures = 0;
            state.closed_until = None;
            // Once it answers, what waits may follow ever faster.
            state.repeats.tenths += REPEATS_COST;
            drop(state);
            if was_down {
                tracing::info!("the Registry answers again");
                self.news.notify_one();
            }
            return;
        }
        state.failures = state.failures.saturating_add(1);
        let asked = error.and_then(Error::retry_after).unwrap_or_default();
        if state.failures >= FAILURES || !asked.is_zero() {
            let doubled = PAUSE_MS << (state.failures.saturating_sub(FAILURES)).min(10);
            let bound = doubled.min(PAUSE_CAP_MS);
            let pause = bound / 2 + random::number() % (bound / 2 + 1);
            let pause = pause.max(u64::try_from(asked.as_millis()).unwrap_or(0).min(3_600_000));
            if state.closed_until.is_none() {
                tracing::warn!(
                    failures = state.failures,
                    pause_ms = pause,
                    "the Registry does not answer"
                );
            }
            state.closed_until = Some(now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX)));
        }
    }

    /// There is work.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// Waits until somebody says that there is work.
    pub(super) async fn woken(&self) {
        self.news.notified().await;
    }

    fn take_one(&self) -> bool {
        let mut state = self.state();
        let some = state.lot > 0;
        state.lot -= u32::from(some);
        some
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can leave it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryStore;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000 + seconds)
    }

    fn limits(rate: Option<Rate>) -> Limits {
        Limits { in_flight: 8, rate }
    }

    #[test]
    fn a_registry_that_does_not_answer_is_left_alone_and_tried_one_by_one() {
        let governor = Governor::new(limits(None));
        let down = Error::new(Kind::NetworkUnreachable, "no network");
        for _ in 0..4 {
            governor.heard(Some(&down), at(0));
            assert_eq!(governor.room(at(0)), 8);
        }
        governor.heard(Some(&down), at(0));
        assert_eq!(governor.room(at(0)), 0);
        assert!(governor.pause(at(0)).is_some());
        assert_eq!(governor.room(at(2)), 1, "one try after the pause");
        governor.heard(Some(&down), at(2));
        assert_eq!(governor.room(at(2)), 0, "and it is closed again");
        let refused = Error::new(Kind::SourceUnknown, "404");
        governor.heard(Some(&refused), at(60));
        assert_eq!(governor.room(at(60)), 8, "a refusal is an answer");
        assert_eq!(governor.health(at(60)), Health::Answering);
    }

    #[test]
    fn of_ten_that_are_begun_one_is_tried_again() {
        let governor = Governor::new(limits(None));
        while governor.may_begin(true, at(0)) {}
        for _ in 0..100 {
            assert!(governor.may_begin(false, at(0)));
        }
        let again = (0..100).filter(|_| governor.may_begin(true, at(0))).count();
        assert_eq!(again, 10);
        let again = (0..100).filter(|_| governor.may_begin(true, at(3))).count();
        assert_eq!(again, 3, "one each second, whatever happens");
    }

    #[test]
    fn it_waits_as_long_as_the_registry_asks() {
        let governor = Governor::new(limits(None));
        let busy = Error::new(Kind::RateLimited, "429").wait(Duration::from_secs(30));
        governor.heard(Some(&busy), at(0));
        assert_eq!(governor.room(at(29)), 0);
        assert_eq!(governor.room(at(30)), 1);
    }

    #[derive(Debug)]
    struct Paused(tokio::time::Instant);

    impl Clock for Paused {
        fn now(&self) -> Timestamp {
            at(0).plus_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn workers_share_one_budget() {
        let rate = Rate {
            per_second: 20,
            burst: 10,
        };
        let clock = Paused(tokio::time::Instant::now());
        let store = MemoryStore::new();
        let workers = [0; 4].map(|_| Governor::new(limits(Some(rate))));
        let started = tokio::time::Instant::now();
        for n in 0..210 {
            workers[n % 4].admit(&store, "r", &clock).await.unwrap();
        }
        let took = started.elapsed().as_secs_f64();
        assert!((9.0..11.5).contains(&took), "{took}");
    }
}
