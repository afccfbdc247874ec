//! When to try again, and until when.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Clock, Error, Kind, Retry, protocol::random};

use super::HttpResponse;

/// Tries after the first.
const RETRIES: u32 = 2;
/// The pause before the first of them is anything up to this, and doubles.
const BASE: Duration = Duration::from_millis(500);
/// The longest pause that is drawn.
const CAP: Duration = Duration::from_secs(60);

/// Whether an operation may be sent again after it may have arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Repeat {
    /// It may: once more changes nothing that anybody sees.
    Freely,
    /// It may, and who asked does so: it is written down there that no answer came, and when to ask
    /// again. Trying here too would only multiply the requests.
    ByCaller,
    /// Only if the first one surely did not arrive.
    Unsent,
}

/// A try that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    /// How long the Registry asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// Whether trying again could help at all.
    pub(super) passing: bool,
}

impl Failure {
    /// What the answer amounts to, which has no status of success.
    pub(super) fn of(answer: &HttpResponse, error: Error, clock: &dyn Clock) -> Self {
        let retry_after = answer.retry_after.as_deref();
        Self {
            // Who redirects once does so again.
            passing: error.retry() != Retry::Never && !(300..400).contains(&answer.status),
            retry_after: retry_after.and_then(|text| pause_asked(text, clock)),
            error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            passing: error.retry() != Retry::Never,
            retry_after: None,
            error,
        }
    }
}

/// The tries of one operation within its total time.
#[derive(Debug)]
pub(super) struct Tries {
    repeat: Repeat,
    ends: Instant,
    each: Duration,
    done: u32,
    /// Whether an earlier try may have arrived.
    unclear: bool,
}

impl Tries {
    pub(super) fn new(repeat: Repeat, total: Duration) -> Self {
        Self::until(repeat, Instant::now() + total)
    }

    pub(super) fn until(repeat: Repeat, ends: Instant) -> Self {
        let total = ends.saturating_duration_since(Instant::now());
        Self {
            repeat,
            ends,
            // So that one lost answer can still be made good.
            each: match repeat {
                Repeat::Freely | Repeat::ByCaller => total * 2 / 3,
                Repeat::Unsent => total,
            },
            done: 0,
            unclear: false,
        }
    }

    /// When the whole operation has to end.
    pub(super) fn ends(&self) -> Instant {
        self.ends
    }

    /// How long the next try may take.
    pub(super) fn limit(&self) -> Duration {
        self.ends
            .saturating_duration_since(Instant::now())
            .min(self.each)
    }

    /// Waits before the next try, or gives the error that the operation ends with.
    pub(super) async fn after(&mut self, failure: Failure) -> Result<(), Error> {
        let Failure {
            error,
            retry_after,
            passing,
        } = failure;
        self.done += 1;
        let allowed = match self.repeat {
            Repeat::Freely => passing,
            Repeat::ByCaller => false,
            Repeat::Unsent => error.kind() == Kind::NetworkUnreachable,
        };
        if !allowed || self.done > RETRIES {
            return Err(self.last(error, retry_after));
        }
        let pause = retry_after.unwrap_or_else(|| self.jitter());
        if Instant::now() + pause >= self.ends {
            return Err(self.last(error, retry_after));
        }
        self.unclear |= error.retry() == Retry::SameKey;
        tracing::debug!(code = error.code(), ?pause, "trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// The error of an operation that ends here.
    pub(super) fn last(&self, error: Error, retry_after: Option<Duration>) -> Error {
        // The last try did not arrive, and an earlier one may have.
        let error = if self.unclear && error.retry() == Retry::Safe {
            error.with_retry(Retry::SameKey)
        } else {
            error
        };
        let error = match self.done {
            0 | 1 => error,
            tries => error.with("tries", tries),
        };
        match retry_after {
            Some(pause) => error.wait(pause),
            None => error,
        }
    }

    /// Full jitter: anything up to a bound that doubles with each try.
    fn jitter(&self) -> Duration {
        let bound = BASE.saturating_mul(1 << (self.done - 1).min(16)).min(CAP);
        let bound = u32::try_from(bound.as_millis()).unwrap_or(u32::MAX - 1);
        Duration::from_millis(random::below(bound + 1).into())
    }
}

/// `Retry-After` as a pause: seconds, or an HTTP date. What is neither is not heeded; a date that has
/// passed is no pause.
fn pause_asked(text: &str, clock: &dyn Clock) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let pause = at.as_millisecond().checked_sub(clock.now().as_millis())?;
    Some(Duration::from_millis(u64::try_from(pause).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[derive(Debug)]
    struct At(Timestamp);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    #[test]
    fn the_pause_asked_for_is_seconds_or_a_date() {
        let clock = At("2026-03-01T10:00:00Z".parse().unwrap());
        let pause = |text| pause_asked(text, &clock).map(|pause| pause.as_secs());
        assert_eq!(pause("7"), Some(7));
        assert_eq!(pause("Sun, 01 Mar 2026 10:00:30 GMT"), Some(30));
        assert_eq!(pause("Sun, 01 Mar 2026 09:00:00 GMT"), Some(0));
        for text in ["", "-1", "soon", "99999999999999999999", "1.5"] {
            assert_eq!(pause(text), None, "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_after_an_unclear_try_is_never_called_safe() {
        let mut tries = Tries::new(Repeat::Freely, Duration::from_secs(15));
        let lost = Error::new(Kind::OutcomeUnknown, "lost");
        let refused = || Error::new(Kind::NetworkUnreachable, "refused");
        assert!(tries.after(lost.into()).await.is_ok());
        assert!(tries.after(refused().into()).await.is_ok());
        let last = tries.after(refused().into()).await.unwrap_err();
        assert_eq!(last.retry(), Retry::SameKey);
        assert!(last.to_string().contains("tries 3"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_caller_repeats_is_not_repeated_here() {
        let mut tries = Tries::new(Repeat::ByCaller, Duration::from_secs(15));
        let lost = Error::new(Kind::NetworkUnreachable, "refused");
        assert!(tries.after(lost.into()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_not_happen_twice_is_repeated_only_unsent() {
        for kind in Kind::ALL {
            let mut tries = Tries::new(Repeat::Unsent, Duration::from_secs(15));
            let again = tries.after(Error::new(*kind, "x").into()).await.is_ok();
            assert_eq!(again, *kind == Kind::NetworkUnreachable, "{kind:?}");
        }
    }
}
