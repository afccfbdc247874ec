//! Step records: short ones fill minutes, long ones have a budget.

use std::collections::BTreeMap;

use wom_sdk::{MINUTE_MS, Span, TimeSet, Timestamp, observation::Entry, rules::Reason};

use super::{
    ActiveMinutes, Doubt, Findings,
    choice::{self, Minutes, Source},
    plausibility::{self, Profile},
    reasons,
};

/// A step record, with the times at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) entry: &'a Entry,
    pub(super) span: Span,
    pub(super) steps: i64,
    pub(super) long: bool,
}

impl<'a> Record<'a> {
    pub(super) fn new(entry: &'a Entry, span: Span, steps: u32, rules: &ActiveMinutes) -> Self {
        Self {
            entry,
            span,
            steps: i64::from(steps),
            long: span.millis() > i64::from(rules.short_s) * 1000,
        }
    }

    /// The device that counted.
    pub(super) fn source(&self) -> Source {
        let provenance = &self.entry.provenance;
        (choice::class(provenance.device), provenance.stream)
    }

    /// The first and the last minute since the epoch that the record touches.
    pub(super) fn minutes(&self) -> (i64, i64) {
        let start = self.span.start().as_millis();
        let last = (self.span.end().as_millis() - 1).max(start);
        (start.div_euclid(MINUTE_MS), last.div_euclid(MINUTE_MS))
    }

    /// Steps in proportion to the time between two instants, rounded down.
    pub(super) fn steps_between(&self, from: i64, to: i64) -> i64 {
        let (start, end) = (self.span.start().as_millis(), self.span.end().as_millis());
        if start == end {
            return if (from..to).contains(&start) {
                self.steps
            } else {
                0
            };
        }
        let overlap = (end.min(to) - start.max(from)).max(0);
        self.steps * overlap / (end - start)
    }

    /// Whether the mean is at least so many steps a minute.
    fn is_at_least(&self, spm: u32) -> bool {
        self.steps * MINUTE_MS >= i64::from(spm) * self.span.millis()
    }

    /// Steps of a short record for each minute it touches: in proportion to the time, whole by
    /// largest remainder, the earlier minute first where remainders are equal.
    fn shares(&self) -> impl Iterator<Item = (i64, i64)> {
        let (first, last) = self.minutes();
        let (start, end) = (self.span.start().as_millis(), self.span.end().as_millis());
        let length = (end - start).max(1);
        let mut shares: Vec<(i64, i64, i64)> = (first..=last)
            .map(|minute| {
                let (from, to) = (minute * MINUTE_MS, (minute + 1) * MINUTE_MS);
                let overlap = if start == end {
                    1
                } else {
                    end.min(to) - start.max(from)
                };
                let exact = self.steps * overlap;
                (minute, exact / length, exact % length)
            })
            .collect();
        let left = self.steps - shares.iter().map(|(_, whole, _)| whole).sum::<i64>();
        for _ in 0..left {
            let Some(most) = shares.iter_mut().rev().max_by_key(|(_, _, rest)| *rest) else {
                break;
            };
            most.1 += 1;
            most.2 = -1;
        }
        shares.into_iter().map(|(minute, steps, _)| (minute, steps))
    }
}

/// The minutes that the step records make. The records are in order.
pub(super) fn judge(
    rules: &ActiveMinutes,
    doubt: Doubt,
    records: Vec<Record<'_>>,
    findings: &mut Findings,
) -> TimeSet {
    let own = choice::own_minutes(&records);
    let mut kept = keep(&records, &own);
    let minutes = fill(&records, &own);
    let profile = Profile {
        records: &records,
        minutes: &minutes,
        kept: &kept,
    };
    let verdict = match doubt {
        Doubt::Hold => plausibility::check(rules, &profile),
        Doubt::Accept => plausibility::check_possible(rules, &profile),
    };
    let mut outcomes: Vec<Outcome> = vec![Outcome::default(); records.len()];
    let mut spans = Vec::new();
    for minute in &minutes {
        let held = verdict.minutes.get(&minute.number).copied();
        if let Some(span) = minute.judge(rules, held, &mut outcomes) {
            spans.push(span);
        }
    }
    for (index, record) in records.iter().enumerate().filter(|(_, record)| record.long) {
        let pieces = std::mem::take(&mut kept[index]);
        let outcome = &mut outcomes[index];
        match verdict.long.get(&index) {
            Some(reason) => outcome.reason = Some(reason),
            None => *outcome = budget(rules, record, &pieces, &mut spans),
        }
    }
    for ((record, outcome), own) in records.iter().zip(outcomes).zip(own) {
        let otherwise = if own.is_empty() {
            &reasons::OTHER_SOURCE
        } else {
            &reasons::TOO_SLOW
        };
        let reason = outcome.reason.unwrap_or(otherwise);
        findings.add(record.entry, record.span, outcome.millis, reason);
    }
    spans.into_iter().collect()
}

/// What became of a record so far.
#[derive(Clone, Debug, Default)]
struct Outcome {
    millis: i64,
    reason: Option<&'static Reason>,
}

/// A UTC minute with the steps of its chosen source's short records.
#[derive(Clone, Debug)]
pub(super) struct Minute {
    /// Minutes since the epoch.
    pub(super) number: i64,
    pub(super) steps: i64,
    /// Record and its share.
    pub(super) shares: Vec<(usize, i64)>,
}

impl Minute {
    /// The minute if it counts; the outcomes of its records take note.
    fn judge(
        &self,
        rules: &ActiveMinutes,
        held: Option<&'static Reason>,
        outcomes: &mut [Outcome],
    ) -> Option<Span> {
        let counts = held.is_none() && self.steps >= rules.moderate();
        let vigorous = self.steps >= i64::from(rules.vigorous);
        let (mut before, mut steps) = (0, 0);
        for &(index, share) in self.shares.iter().filter(|(_, share)| *share > 0) {
            let outcome = &mut outcomes[index];
            if let Some(reason) = held {
                outcome.reason = Some(reason);
                continue;
            }
            if !counts {
                continue;
            }
            // The minute is shared out by steps, without a millisecond lost to rounding.
            steps += share;
            let until = steps * MINUTE_MS / self.steps;
            outcome.millis += until - before;
            before = until;
            let kept_reason = outcome
                .reason
                .filter(|reason| reasons::holds(reason) || **reason == reasons::BRISK_MINUTES);
            let reason = if vigorous {
                &reasons::VIGOROUS_MINUTES
            } else {
                &reasons::BRISK_MINUTES
            };
            outcome.reason = Some(kept_reason.unwrap_or(reason));
        }
        counts.then(|| minute_span(self.number))
    }
}

fn minute_span(number: i64) -> Span {
    Span::starting(Timestamp::from_millis(number * MINUTE_MS), MINUTE_MS)
}

/// The minutes with steps of short records of their chosen source, in order.
fn fill(records: &[Record<'_>], own: &[Vec<Minutes>]) -> Vec<Minute> {
    let mut shares = Vec::new();
    for (index, record) in records
        .iter()
        .enumerate()
        .filter(|(_, record)| !record.long)
    {
        if own[index].is_empty() {
            continue;
        }
        let mine = record
            .shares()
            .filter(|(minute, _)| own[index].iter().any(|own| own.contain(*minute)));
        shares.extend(mine.map(|(minute, steps)| (minute, index, steps)));
    }
    shares.sort_unstable();
    shares
        .chunk_by(|a, b| a.0 == b.0)
        .map(|group| Minute {
            number: group[0].0,
            steps: group.iter().map(|(_, _, steps)| steps).sum(),
            shares: group
                .iter()
                .map(|(_, index, steps)| (*index, *steps))
                .collect(),
        })
        .collect()
}

/// What is left of each long record: the minutes of its source, without the time that more precise
/// records of the same source cover.
fn keep(records: &[Record<'_>], own: &[Vec<Minutes>]) -> Vec<TimeSet> {
    let free = not_covered(records);
    records
        .iter()
        .enumerate()
        .map(|(index, record)| {
            if !record.long {
                return TimeSet::EMPTY;
            }
            let chosen: TimeSet = own[index]
                .iter()
                .flat_map(|minutes| minutes.runs())
                .filter_map(|(from, to)| {
                    let start = Timestamp::from_millis(from * MINUTE_MS);
                    Span::starting(start, (to - from) * MINUTE_MS).overlap(record.span)
                })
                .collect();
            match free.get(&index) {
                Some(free) => chosen.intersection(free),
                None => chosen,
            }
        })
        .collect()
}

/// For the long records that overlap others of their source: the part of each that is its own.
/// Short records come before long ones, then shorter before longer, then the order of the records.
fn not_covered(records: &[Record<'_>]) -> BTreeMap<usize, TimeSet> {
    let mut by_source: Vec<_> = records
        .iter()
        .enumerate()
        .filter(|(_, record)| !record.span.is_empty())
        .map(|(index, record)| (record.source(), record.span.start(), index))
        .collect();
    by_source.sort_unstable();
    let mut free = BTreeMap::new();
    for stream in by_source.chunk_by(|a, b| a.0 == b.0) {
        let mut rest = stream;
        while let Some(&(_, _, first)) = rest.first() {
            let mut end = records[first].span.end();
            let joined = 1 + rest[1..]
                .iter()
                .take_while(|(_, start, index)| {
                    let joins = *start < end;
                    end = end.max(if joins {
                        records[*index].span.end()
                    } else {
                        end
                    });
                    joins
                })
                .count();
            let (group, others) = rest.split_at(joined);
            if joined > 1 {
                let mut order: Vec<_> = group.iter().map(|(_, _, index)| *index).collect();
                order.sort_by_key(|&index| {
                    let record = &records[index];
                    (
                        record.long,
                        if record.long { record.span.millis() } else { 0 },
                        index,
                    )
                });
                share_out(records, &order, &mut free);
            }
            rest = others;
        }
    }
    free
}

/// Gives each record of a group, in this order, the time that is still free.
fn share_out(records: &[Record<'_>], order: &[usize], free: &mut BTreeMap<usize, TimeSet>) {
    let mut taken: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
    for &index in order {
        let span = records[index].span;
        let (mut start, mut end) = (span.start(), span.end());
        let mut own = Vec::new();
        let mut from = span.start();
        if let Some((before, until)) = taken.range(..span.start()).next_back()
            && *until >= span.start()
        {
            (start, end) = (*before, end.max(*until));
            from = from.max(*until);
        }
        for (other, until) in taken.range(span.start()..=span.end()) {
            if *other > from {
                own.extend(Span::new(from, *other));
            }
            from = from.max(*until);
            end = end.max(*until);
        }
        if from < span.end() {
            own.extend(Span::new(from, span.end()));
        }
        let inside: Vec<_> = taken.range(start..=end).map(|(other, _)| *other).collect();
        for other in inside {
            taken.remove(&other);
        }
        taken.insert(start, end);
        if records[index].long {
            free.insert(index, own.into_iter().collect());
        }
    }
}

/// What a long record is worth: one minute for each `moderate` steps that are left of it, at most
/// its length, in its first minutes.
fn budget(
    rules: &ActiveMinutes,
    record: &Record<'_>,
    pieces: &TimeSet,
    spans: &mut Vec<Span>,
) -> Outcome {
    let refuse = |reason| Outcome {
        millis: 0,
        reason: Some(reason),
    };
    if pieces.is_empty() {
        return refuse(&reasons::OTHER_SOURCE);
    }
    let worth = match worth(rules, record, pieces) {
        None => return refuse(&reasons::SLOW_ON_AVERAGE),
        Some(0) => return refuse(&reasons::UNDER_A_MINUTE),
        Some(minutes) => minutes,
    };
    let start = record.span.start().as_millis();
    let first = start.div_euclid(MINUTE_MS) + i64::from(start.rem_euclid(MINUTE_MS) > 0);
    let (mut left, mut next) = (worth, first);
    for piece in pieces.spans() {
        let from = piece.start().as_millis().div_euclid(MINUTE_MS).max(next);
        let to = (piece.end().as_millis() - 1).div_euclid(MINUTE_MS) + 1;
        let taken = left.min(to - from);
        if taken <= 0 {
            continue;
        }
        let start = Timestamp::from_millis(from * MINUTE_MS);
        spans.push(Span::starting(start, taken * MINUTE_MS));
        (left, next) = (left - taken, from + taken);
    }
    let vigorous = record.is_at_least(rules.vigorous);
    Outcome {
        millis: worth * MINUTE_MS,
        reason: Some(if vigorous {
            &reasons::VIGOROUS_MINUTES
        } else {
            &reasons::STEP_BUDGET
        }),
    }
}

/// How many minutes what is left of a long record is worth; `None` below the floor.
pub(super) fn worth(rules: &ActiveMinutes, record: &Record<'_>, pieces: &TimeSet) -> Option<i64> {
    if !record.is_at_least(rules.floor) {
        return None;
    }
    let by_steps = record.steps * pieces.millis() / (record.span.millis() * rules.moderate());
    Some(by_steps.min(pieces.minutes()))
}
