//! All-day step counters: from totals since midnight to steps in intervals.

use super::{message::Message, sport, timer::Run};

/// `activity_type`: the numbers differ from `sport`.
const WALKING: u32 = 6;

/// Seconds before 1989-12-31T00:00:00Z plus this many are counted from when the device was
/// switched on: no time of day.
pub(super) const FIRST_ABSOLUTE: u32 = 0x1000_0000;

/// No feet are faster: a counter that would have to grow faster than this started elsewhere.
const MOST_PER_MINUTE: u32 = 240;

/// More intervals than that are no day, nor a year.
const MOST_INTERVALS: usize = 1_000_000;

/// How far `timestamp_16` may lie behind the message before: devices write some messages a
/// little late.
const LATE: u32 = 60;

/// Steps of one activity type in an interval.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Steps {
    pub(super) running: bool,
    pub(super) run: Run,
    pub(super) steps: u32,
}

/// The counters of a part, which begin anew with every `monitoring_info`.
#[derive(Debug, Default)]
pub(super) struct Counters {
    found: Vec<Steps>,
    pub(super) overflowed: bool,
    /// The last time known in full, which the short forms are relative to. Times of
    /// `device_info` must stay out: it may carry the time of the upload, days later.
    clock: Option<u32>,
    /// The time of the last message, and that of the last one before it.
    at: u32,
    before: u32,
    /// Where the counters began, if `monitoring_info` told.
    began: Option<u32>,
    /// Whether counters that were not heard of yet are at zero.
    from_zero: bool,
    walking: Option<u32>,
    running: Option<u32>,
}

impl Counters {
    /// Takes in a full time of `monitoring_info` and what `local_timestamp` it carries.
    pub(super) fn begin(&mut self, at: u32, local: Option<u32>) {
        let of_day = local
            .filter(|&local| local >= FIRST_ABSOLUTE)
            .map(|local| local % 86_400);
        *self = Self {
            found: std::mem::take(&mut self.found),
            overflowed: self.overflowed,
            clock: Some(at),
            at,
            before: at,
            began: Some(at),
            from_zero: of_day.is_none_or(|seconds| !(60..86_340).contains(&seconds)),
            ..Self::default()
        };
    }

    /// Takes in a full time of an `event`.
    pub(super) fn tick(&mut self, at: u32) {
        self.clock = Some(at);
    }

    /// Takes a `monitoring` message in. Returns `false` if its time cannot be told.
    pub(super) fn take(&mut self, message: &Message) -> bool {
        let [kind, cycles, cycles_16, packed, short, minute, duration] = message.values();
        let Some(at) = self.time(message.time(), short, minute) else {
            return false;
        };
        self.clock = Some(at);
        if at != self.at {
            self.before = if at > self.at && self.at > 0 {
                self.at
            } else {
                at
            };
            self.at = at;
        }
        // Cycles of walking and running are steps as they stand; the scale of 2 is for strokes
        // and turns of the crank. The type often comes only in the packed field.
        let kind = kind.or(packed.map(|packed| packed & 0x1F));
        let running = match kind {
            Some(sport::RUNNING) => true,
            Some(WALKING) => false,
            _ => return true,
        };
        if let Some(total) = cycles.or(cycles_16) {
            self.count(
                running,
                total,
                duration.is_some_and(|minutes| minutes >= 1440),
            );
        }
        true
    }

    /// What was found, in the order of the messages.
    pub(super) fn found(self) -> Vec<Steps> {
        self.found
    }

    /// The full time of a message, from whichever form it has.
    fn time(&self, full: Option<u32>, short: Option<u32>, minute: Option<u32>) -> Option<u32> {
        if full.is_some() {
            return full.filter(|&at| at >= FIRST_ABSOLUTE);
        }
        let clock = self.clock?;
        if let Some(short) = short {
            let late = clock.wrapping_sub(short) & 0xFFFF;
            let ahead = short.wrapping_sub(clock) & 0xFFFF;
            return match late <= LATE {
                true => clock.checked_sub(late),
                false => clock.checked_add(ahead),
            };
        }
        let minutes = clock / 60;
        let ahead = minute?.wrapping_sub(minutes) & 0xFF;
        minutes.checked_add(ahead)?.checked_mul(60)
    }

    /// Takes in what a counter shows now.
    fn count(&mut self, running: bool, total: u32, day_summary: bool) {
        let run = (self.before, self.at);
        let from_zero = self.from_zero;
        let counter = if running {
            &mut self.running
        } else {
            &mut self.walking
        };
        let before = counter.replace(total);
        if self.began == Some(self.at) {
            // What the counters show when the file begins was counted in the file before.
            self.from_zero = true;
            return;
        }
        let possible = (run.1 - run.0)
            .div_ceil(60)
            .max(1)
            .saturating_mul(MOST_PER_MINUTE);
        let steps = match before {
            Some(before) if total >= before => total - before,
            _ if day_summary => 0,
            None if from_zero => total,
            // It fell, so it began anew at midnight, or it is heard of for the first time in a
            // file that does not begin at midnight: all of it belongs here only if it can.
            _ if total <= possible => total,
            _ => 0,
        };
        if steps == 0 {
            return;
        }
        if let Some(last) = self.found.last_mut()
            && (last.running, last.run) == (running, run)
        {
            last.steps = last.steps.saturating_add(steps);
        } else if self.found.len() < MOST_INTERVALS {
            self.found.push(Steps {
                running,
                run,
                steps,
            });
        } else {
            self.overflowed = true;
        }
    }
}
