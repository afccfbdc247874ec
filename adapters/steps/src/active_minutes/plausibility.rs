//! What no person does: minutes and records that are held for somebody to look at.
//!
//! The limits are those of games and shops that pay for steps, and of sport: 220 steps a minute is a
//! sprinter's cadence, 11,000 an hour a marathon runner's, 50,000 a day an ultra-marathon.

use std::collections::BTreeMap;

use wom_sdk::{MINUTE_MS, TimeSet, rules::Reason};

use super::{
    ActiveMinutes, DAY_MS, HOUR_MS, reasons,
    steps::{Minute, Record, worth},
};

const TEN_MINUTES: i64 = 10;
const TEN_MINUTES_SPM: i64 = 220;
const HOUR_STEPS: i64 = 11_000;
const DAY_STEPS: i64 = 50_000;
const IMPOSSIBLE_DAY_STEPS: i64 = 100_000;
const ACTIVE_DAY_MINUTES: i64 = 16 * 60;
const RHYTHM_MINUTES: usize = 30;
const ROUND_RECORDS: usize = 20;
const EQUAL_RECORDS: usize = 30;

/// The steps of the chosen sources.
#[derive(Debug)]
pub(super) struct Profile<'a> {
    pub(super) records: &'a [Record<'a>],
    /// Minutes of short records, in order.
    pub(super) minutes: &'a [Minute],
    /// What is left of each record; empty for short ones.
    pub(super) kept: &'a [TimeSet],
}

/// What is held or refused, and why.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// By minute since the epoch.
    pub(super) minutes: BTreeMap<i64, &'static Reason>,
    /// Long records.
    pub(super) long: BTreeMap<usize, &'static Reason>,
}

impl Verdict {
    fn minute(&mut self, number: i64, reason: &'static Reason) {
        self.minutes.entry(number).or_insert(reason);
    }

    fn record(&mut self, index: usize, reason: &'static Reason) {
        self.long.entry(index).or_insert(reason);
    }
}

/// Looks for what no person does. Of several reasons the first one here is given.
pub(super) fn check(rules: &ActiveMinutes, profile: &Profile<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    too_fast(rules, profile, &mut verdict);
    unlikely_values(rules, profile, &mut verdict);
    machine_rhythm(rules, profile, &mut verdict);
    too_fast_for_long(profile, &mut verdict);
    too_many(rules, profile, &mut verdict);
    verdict
}

/// Looks only for what is not possible at all, whoever says so.
pub(super) fn check_possible(rules: &ActiveMinutes, profile: &Profile<'_>) -> Verdict {
    let mut verdict = Verdict::default();
    too_many(rules, profile, &mut verdict);
    verdict.minutes.retain(|_, reason| !reasons::holds(reason));
    verdict.long.retain(|_, reason| !reasons::holds(reason));
    verdict
}

fn too_fast(rules: &ActiveMinutes, profile: &Profile<'_>, verdict: &mut Verdict) {
    let most = i64::from(rules.max_spm);
    for minute in profile.minutes.iter().filter(|minute| minute.steps > most) {
        verdict.minute(minute.number, &reasons::TOO_FAST);
    }
    for (index, record) in profile.long() {
        let (steps, length) = (record.steps * MINUTE_MS, record.span.millis());
        if steps > most * length {
            verdict.record(index, &reasons::TOO_FAST);
        } else if length >= TEN_MINUTES * MINUTE_MS && steps > TEN_MINUTES_SPM * length {
            verdict.record(index, &reasons::TOO_FAST_FOR_LONG);
        }
    }
}

fn too_fast_for_long(profile: &Profile<'_>, verdict: &mut Verdict) {
    let believed: Vec<&Minute> = profile.believed(verdict);
    let (mut first, mut steps) = (0, 0);
    for (last, minute) in believed.iter().enumerate() {
        steps += minute.steps;
        while minute.number - believed[first].number >= TEN_MINUTES {
            steps -= believed[first].steps;
            first += 1;
        }
        if steps > TEN_MINUTES_SPM * TEN_MINUTES {
            for fast in &believed[first..=last] {
                verdict.minute(fast.number, &reasons::TOO_FAST_FOR_LONG);
            }
        }
    }
}

fn machine_rhythm(rules: &ActiveMinutes, profile: &Profile<'_>, verdict: &mut Verdict) {
    for window in profile.minutes.windows(RHYTHM_MINUTES) {
        let [first, .., last] = window else {
            continue;
        };
        let gapless = last.number - first.number == RHYTHM_MINUTES as i64 - 1;
        // Most windows end here: an even rhythm has even ends.
        if !gapless || first.steps.abs_diff(last.steps) > 1 {
            continue;
        }
        let steps = || window.iter().map(|minute| minute.steps);
        let (least, most) = (steps().min().unwrap_or(0), steps().max().unwrap_or(0));
        if least >= rules.moderate() && most - least <= 1 {
            for minute in window {
                verdict.minute(minute.number, &reasons::MACHINE_RHYTHM);
            }
        }
    }
}

/// Days of a source with nothing but round hundreds, or mostly with one and the same value.
fn unlikely_values(rules: &ActiveMinutes, profile: &Profile<'_>, verdict: &mut Verdict) {
    let mut days: Vec<_> = profile
        .records
        .iter()
        .enumerate()
        .map(|(index, record)| {
            let day = record.span.start().as_millis().div_euclid(DAY_MS);
            ((record.source(), day), record.steps, index)
        })
        .collect();
    days.sort_unstable();
    let mut held: BTreeMap<usize, &'static Reason> = BTreeMap::new();
    for day in days.chunk_by(|a, b| a.0 == b.0) {
        if day.len() >= ROUND_RECORDS && day.iter().all(|(_, steps, _)| steps % 100 == 0) {
            held.extend(
                day.iter()
                    .map(|(_, _, index)| (*index, &reasons::ROUND_VALUES)),
            );
            continue;
        }
        // Of small numbers many are equal by nature.
        for equal in day.chunk_by(|a, b| a.1 == b.1) {
            let many = equal.len() >= EQUAL_RECORDS && equal.len() * 2 > day.len();
            if many && equal[0].1 >= rules.moderate() {
                held.extend(
                    equal
                        .iter()
                        .map(|(_, _, index)| (*index, &reasons::EQUAL_VALUES)),
                );
            }
        }
    }
    if held.is_empty() {
        return;
    }
    for minute in profile.minutes {
        let mut steps = minute.shares.iter().filter(|(_, share)| *share > 0);
        if let Some(reason) = steps.find_map(|(index, _)| held.get(index)) {
            verdict.minute(minute.number, reason);
        }
    }
    for (index, _) in profile.long() {
        if let Some(reason) = held.get(&index) {
            verdict.record(index, reason);
        }
    }
}

/// Hours and UTC days with too much in them.
fn too_many(rules: &ActiveMinutes, profile: &Profile<'_>, verdict: &mut Verdict) {
    let mut hours: BTreeMap<i64, i64> = BTreeMap::new();
    let mut active: BTreeMap<i64, i64> = BTreeMap::new();
    for minute in profile.believed(verdict) {
        *hours.entry(minute.number.div_euclid(60)).or_default() += minute.steps;
        let counts = i64::from(minute.steps >= rules.moderate());
        *active.entry(minute.number.div_euclid(24 * 60)).or_default() += counts;
    }
    for (index, record) in profile.long() {
        if verdict.long.contains_key(&index) {
            continue;
        }
        for (hour, millis) in parts(&profile.kept[index], HOUR_MS) {
            *hours.entry(hour).or_default() += record.steps * millis / record.span.millis();
        }
        let day = record.span.start().as_millis().div_euclid(DAY_MS);
        *active.entry(day).or_default() += worth(rules, record, &profile.kept[index]).unwrap_or(0);
    }
    let mut days: BTreeMap<i64, i64> = BTreeMap::new();
    for (hour, steps) in &hours {
        *days.entry(hour.div_euclid(24)).or_default() += steps;
    }
    let of_hour = |hour: i64| {
        let day = hour.div_euclid(24);
        let steps = days.get(&day).copied().unwrap_or(0);
        if steps > IMPOSSIBLE_DAY_STEPS {
            Some(&reasons::IMPOSSIBLE_DAY)
        } else if hours.get(&hour).is_some_and(|steps| *steps > HOUR_STEPS) {
            Some(&reasons::TOO_FAST_FOR_LONG)
        } else if steps > DAY_STEPS {
            Some(&reasons::MANY_STEPS)
        } else if active
            .get(&day)
            .is_some_and(|minutes| *minutes > ACTIVE_DAY_MINUTES)
        {
            Some(&reasons::MANY_HOURS)
        } else {
            None
        }
    };
    for minute in profile.minutes {
        if let Some(reason) = of_hour(minute.number.div_euclid(60)) {
            verdict.minute(minute.number, reason);
        }
    }
    for (index, _) in profile.long() {
        let hours = parts(&profile.kept[index], HOUR_MS);
        if let Some(reason) = hours.into_iter().find_map(|(hour, _)| of_hour(hour)) {
            verdict.record(index, reason);
        }
    }
}

/// How many milliseconds of a set are in each stretch of this length since the epoch.
fn parts(time: &TimeSet, length: i64) -> BTreeMap<i64, i64> {
    let mut parts = BTreeMap::new();
    for span in time.spans() {
        let (mut from, end) = (span.start().as_millis(), span.end().as_millis());
        while from < end {
            let part = from.div_euclid(length);
            let until = end.min((part + 1) * length);
            *parts.entry(part).or_default() += until - from;
            from = until;
        }
    }
    parts
}

impl Profile<'_> {
    fn long(&self) -> impl Iterator<Item = (usize, &Record<'_>)> {
        self.records
            .iter()
            .enumerate()
            .filter(|(index, record)| record.long && !self.kept[*index].is_empty())
    }

    /// The minutes that nothing is held against yet.
    fn believed(&self, verdict: &Verdict) -> Vec<&Minute> {
        self.minutes
            .iter()
            .filter(|minute| !verdict.minutes.contains_key(&minute.number))
            .collect()
    }
}
