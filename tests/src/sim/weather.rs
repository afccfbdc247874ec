//! When what fails: rates that the seed draws, and stretches in which something fails always.

use wom_sdk::{Span, Timestamp};

use crate::fuzz::Rng;

/// What may go wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    /// The answer was made and did not arrive.
    AnswerLost,
    /// The process dies at this very point.
    Crash,
    /// The Registry fails inside, after its work.
    FailedAfter,
    /// The Registry fails inside, before its work.
    FailedBefore,
    /// The Registry says: too many requests.
    RateLimited,
    /// The Registry refuses for good, as the settings there are wrong.
    Refused,
    /// The request did not arrive, and nobody can tell.
    RequestLost,
    /// Everything takes its time: requests arrive after the caller has given up.
    Slow,
    /// A write fails after it was made.
    StoreAfter,
    /// A read or write of the store fails, and nothing was written.
    StoreBefore,
    /// The network is down, and the caller knows.
    Unreachable,
}

const ALL: [Fault; 11] = [
    Fault::AnswerLost,
    Fault::Crash,
    Fault::FailedAfter,
    Fault::FailedBefore,
    Fault::RateLimited,
    Fault::Refused,
    Fault::RequestLost,
    Fault::Slow,
    Fault::StoreAfter,
    Fault::StoreBefore,
    Fault::Unreachable,
];

/// The faults of a run.
#[derive(Debug)]
pub(super) struct Weather {
    calm: Timestamp,
    rates: Vec<(Fault, u32)>,
    spells: Vec<(Fault, Span)>,
}

impl Weather {
    /// The weather of a seed from `start` until `calm`, when all faults stop.
    pub(super) fn draw(seed: u64, start: Timestamp, calm: Timestamp) -> Self {
        let mut rng = Rng::new(seed, "weather", 0);
        let harsh = rng.below(4);
        let rates = ALL.iter().map(|fault| {
            let rate = match (harsh, rng.below(4)) {
                (0, _) | (_, 0) => 0,
                (_, 1) => 5,
                (1, _) => 20,
                (_, 2) => 60,
                _ => 250,
            };
            (
                *fault,
                if matches!(fault, Fault::Crash) {
                    rate / 6
                } else {
                    rate
                },
            )
        });
        let rates = rates.collect();
        let length = usize::try_from(calm.since(start)).unwrap_or(0);
        let spells = (0..rng.below(5)).filter_map(|_| {
            let fault = *rng.pick(&ALL);
            let from = start.plus_millis(i64::try_from(rng.below(length)).unwrap_or(0));
            let most = *rng.pick(&[60_000_usize, 600_000, 3_600_000]);
            let lasts = i64::try_from(rng.below(most)).unwrap_or(0);
            // Always dying is no weather: nothing could ever happen.
            (fault != Fault::Crash).then(|| (fault, Span::starting(from, lasts)))
        });
        let spells = spells.collect();
        Self {
            calm,
            rates,
            spells,
        }
    }

    pub(super) fn calm(&self) -> Timestamp {
        self.calm
    }

    pub(super) fn permille(&self, fault: Fault, now: Timestamp) -> u32 {
        if now >= self.calm {
            return 0;
        }
        let spell = |(other, span): &(Fault, Span)| *other == fault && span.contains(now);
        if self.spells.iter().any(spell) {
            return 1000;
        }
        let rate = self.rates.iter().find(|(other, _)| *other == fault);
        rate.map_or(0, |(_, rate)| *rate)
    }
}
