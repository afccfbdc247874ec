//! When a session's timer ran: whole seconds of events, made to agree with exact durations.
//!
//! A device writes the time of an event as the second that it happened in, and the time that the
//! timer ran in milliseconds, in the session. So a start written as 10 happened in [10, 11): the
//! sum of n runs, taken from the events, is less than n seconds away from what the session says.
//! Where it is further away, the events are not the whole story and are not used.

use wom_sdk::{Span, Timestamp};

/// A stretch during which the timer ran, in whole seconds since 1989-12-31T00:00:00Z.
pub(super) type Run = (u32, u32);

/// 1989-12-31T00:00:00Z in milliseconds since 1970.
const EPOCH_MS: i64 = 631_065_600_000;

/// The instant of a `date_time`.
pub(super) fn instant(seconds: u32) -> Timestamp {
    Timestamp::from_millis(EPOCH_MS).plus_millis(i64::from(seconds) * 1000)
}

/// The stretch between two `date_time`s; empty if the second is earlier.
pub(super) fn span((start, end): Run) -> Span {
    Span::starting(instant(start), (i64::from(end) - i64::from(start)) * 1000)
}

/// The starts and stops of the timer.
#[derive(Debug, Default)]
pub(super) struct Timer {
    switches: Vec<(u32, bool)>,
    overflowed: bool,
}

/// More starts and stops than that are no recording of a person: a ride in a town with automatic
/// pauses has hundreds.
const MOST_SWITCHES: usize = 100_000;

impl Timer {
    /// Takes in that the timer was started (`true`) or stopped.
    pub(super) fn switch(&mut self, at: u32, running: bool) {
        if self.switches.len() < MOST_SWITCHES {
            self.switches.push((at, running));
        } else {
            self.overflowed = true;
        }
    }

    /// When it ran, in order; a run that was never stopped ends at `last`. Empty if not known.
    pub(super) fn runs(mut self, last: Option<u32>) -> Vec<Run> {
        if self.overflowed {
            return Vec::new();
        }
        self.switches.sort_by_key(|&(at, _)| at);
        let mut runs = Vec::new();
        let mut begun = None;
        for (at, running) in self.switches {
            match (begun, running) {
                (None, true) => begun = Some(at),
                (Some(start), false) => {
                    runs.push((start, at));
                    begun = None;
                }
                (Some(_), true) | (None, false) => {}
            }
        }
        if let (Some(start), Some(last)) = (begun, last) {
            runs.push((start, last.max(start)));
        }
        runs
    }
}

/// The parts of these runs (in order) from `start` until `end`. Runs within one second stay: they
/// may have lasted for most of it.
pub(super) fn clip(runs: &[Run], start: u32, end: u32) -> Vec<Run> {
    let first = runs.partition_point(|run| run.1 < start);
    runs[first..]
        .iter()
        .take_while(|run| run.0 <= end)
        .filter(|run| run.0 == run.1 || (run.0 < end && run.1 > start))
        .map(|run| (run.0.max(start), run.1.min(end)))
        .collect()
}

/// The runs as exact spans whose lengths add up to `timer` milliseconds; `None` if they are a
/// second per run or more away from that.
///
/// What is missing or too much is spread evenly, as every run is off by less than a second. They
/// stay in order and apart. If the first run starts in the second that `before` ended in, it
/// starts where that ended: so do the legs of a triathlon.
pub(super) fn reconcile(runs: &[Run], timer: u32, before: Option<Timestamp>) -> Option<Vec<Span>> {
    let count = i64::try_from(runs.len()).ok().filter(|&count| count > 0)?;
    let nominal: i64 = runs.iter().map(|&run| span(run).millis()).sum();
    let missing = i64::from(timer) - nominal;
    if missing.abs() > count * 1000 {
        return None;
    }
    let mut lengths = Vec::with_capacity(runs.len());
    let mut owed = 0;
    for (index, &run) in (0..).zip(runs) {
        let share = missing * (index + 1) / count - missing * index / count;
        let length = span(run).millis() + share + owed;
        lengths.push(length.max(0));
        owed = length.min(0);
    }
    for length in lengths.iter_mut().rev() {
        let paid = (*length + owed).max(0);
        owed += *length - paid;
        *length = paid;
    }
    let mut spans = Vec::with_capacity(runs.len());
    let mut before = before.filter(|end| (0..1000).contains(&end.since(instant(runs[0].0))));
    for (run, length) in runs.iter().zip(lengths) {
        let start = before.map_or(instant(run.0), |end| end.max(instant(run.0)));
        let span = Span::starting(start, length);
        before = Some(span.end());
        spans.push(span);
    }
    Some(spans)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(spans: &[Span]) -> i64 {
        spans.iter().map(|span| span.millis()).sum()
    }

    #[test]
    fn a_pause_of_a_real_ride() {
        // Two runs of 53 s and 41 s by the events, 93.7 s by the session.
        let runs = [(959_957_560, 959_957_613), (959_957_645, 959_957_686)];
        let spans = reconcile(&runs, 93_700, None).unwrap();
        assert_eq!(spans[0].millis(), 52_850);
        assert_eq!(spans[1].millis(), 40_850);
        assert_eq!(spans[1].start().to_string(), "2020-06-01T14:54:05Z");
    }

    #[test]
    fn a_leg_begins_where_the_one_before_ended() {
        let before = instant(100).plus_millis(521);
        let spans = reconcile(&[(100, 270)], 170_269, Some(before)).unwrap();
        assert_eq!(spans[0].start(), before);
        let apart = reconcile(&[(102, 272)], 170_269, Some(before)).unwrap();
        assert_eq!(apart[0].start(), instant(102));
    }

    #[test]
    fn events_that_tell_another_story_are_not_used() {
        assert_eq!(reconcile(&[(0, 100)], 50_000, None), None);
        assert_eq!(reconcile(&[(0, 100)], 101_001, None), None);
        assert_eq!(reconcile(&[], 0, None), None);
    }

    #[test]
    fn repeated_and_missing_switches() {
        let mut timer = Timer::default();
        for (at, running) in [
            (5, false),
            (10, true),
            (12, true),
            (20, false),
            (21, false),
            (30, true),
        ] {
            timer.switch(at, running);
        }
        assert_eq!(timer.runs(Some(40)), [(10, 20), (30, 40)]);
    }

    proptest! {
        #[test]
        fn spans_add_up_and_stay_apart(
            pieces in prop::collection::vec((0_u32..30, 0_u32..30), 1..20),
            off in -1000_i64..=1000,
        ) {
            let mut at = 1_000_000_000;
            let mut runs = Vec::new();
            for (pause, length) in pieces {
                runs.push((at + pause, at + pause + length));
                at += pause + length;
            }
            let nominal = runs.iter().map(|&run| span(run).millis()).sum::<i64>();
            let timer = nominal + off * runs.len() as i64;
            prop_assume!(timer >= 0);
            let spans = reconcile(&runs, timer as u32, None).unwrap();
            prop_assert_eq!(millis(&spans), timer);
            for pair in spans.windows(2) {
                prop_assert!(pair[0].end() <= pair[1].start());
            }
        }
    }
}
