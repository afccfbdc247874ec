//! The rule set `study-minutes/1`: which minutes somebody studied, by what platforms saw of it.
//!
//! # Where the numbers come from
//! A gap between two clicks is an estimate of study, and the limit chosen changes what is found. A reward
//! makes cheating pay, so the low end is taken: 10 minutes, and nothing for the last click.
//! * Kovanovic, Gasevic, Dawson, Joksimovic, Baker, Hatala, "Does time-on-task estimation matter?
//!   Implications for the validity of learning analytics findings", Journal of Learning Analytics 2(3),
//!   2015, and "Penetrating the black box of time-on-task estimation", LAK 2015: limits of the order of
//!   10, 30 and 60 minutes compared, the last action dropped or estimated.
//! * Catledge and Pitkow, "Characterizing browsing strategies in the World-Wide Web", 1995: 25.5
//!   minutes, the root of the usual 30.
//! * Guo, Kim, Rubin, "How video production affects student engagement", L@S 2014: engagement with a
//!   film seldom passes six minutes; watching time is no attention. Hence
//!   [`attention_limit_s`](StudyMinutes::attention_limit_s).
//! * The caps are ours: half as long again as an item is meant to take, two hours a day in an item
//!   of unknown length, four hours a day, twenty a week.
//!
//! # The rules
//! All arithmetic is in UTC milliseconds; nothing is rounded but by the campaign, once a day.
//!
//! 1. **What does not count at all**: what lies over 2 minutes in the future, and sessions for looking
//!    around or looking back ([`Mark::Browsed`]).
//! 2. **Intervals** begin where they end less their duration. Of over 4 hours the last 4 count. None
//!    begins before its session did or ends over 2 minutes after the platform took it in. One
//!    without either bound counts as weak, unless [`require_bounds`](StudyMinutes::require_bounds) is set.
//! 3. **Points** of one source make a chain: the time to the next one counts whole if it is up to 10
//!    minutes, else not at all. It belongs to the item of the earlier point.
//! 4. **Films** count from play to the next pause, stop, seek, change of speed or end of the session in
//!    the same player: the wall time, at most what the film moved on (at its speed) and 5 seconds, or
//!    what was left of it. A film that nobody stopped counts up to 10 minutes, or to the learner's next trace. After
//!    30 minutes without any other trace of the learner it stops counting.
//! 5. **Seconds within an envelope** are at most its length.
//! 6. **All of it is one union**: intervals, chains and films as they lie; seconds then fill what is free
//!    of their envelopes. Where envelopes overlap they add up, bounded by what is free
//!    ([`wom_sdk::rules::millis_within`]).
//! 7. **Caps**, later time cut first: of each item one and a half times its nominal length (the
//!    shortest that is told), or 120 minutes a day where none is known; 240 minutes a day; 1200 a
//!    week from Monday. Days are those of [`zone`](StudyMinutes::zone), which should be the campaign's.
//! 8. **Milestones** are worth the minutes that the settings give their kind, at most the item's
//!    nominal length, less what was earned there by time and by other milestones of the item. By default
//!    none is worth anything. Each counts once, and only if a minute was earned in the item. A
//!    milestone of a course looks at all items of the course.
//!
//! # Where the months end
//! A participant's minutes are judged under the pseudonym of one month. So the cap of an item's nominal
//! length and that of a week that two months share hold for each month by itself; chains and films that
//! cross the end of a month are cut there. Milestones hold for the whole campaign, as their items' time
//! is known under the campaign's pseudonym too.
//!
//! # What the campaign decides
//! How long a day stays open for late and voided traces is the campaign's settlement delay, how late
//! a trace may come its lateness. Minutes that were paid stay paid: a trace that is voided later is
//! not held against other minutes. Less than a minute of a day is dropped.

mod caps;
mod clusters;
mod films;
mod milestones;
mod points;
pub mod reasons;
mod sessions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Body, Digest, MINUTE_MS, Span, TimeSet, Timestamp, Zone,
    observation::{Entry, Mark, Study, Toward, Trace},
    rules::{Evidence, Finding, Judgement, Reason, RuleSet},
};

/// The rule set `study-minutes/1` with its settings; see the [module](self) for the rules.
///
/// ```
/// use wom_adapter_elearning::StudyMinutes;
///
/// let exams = StudyMinutes { passed_minutes: 150 * 60, ..StudyMinutes::default() };
/// assert_eq!(exams.day_minutes, 240);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct StudyMinutes {
    /// After how many seconds of a film without any other trace of the learner it stops counting.
    /// Default 1800.
    pub attention_limit_s: u32,
    /// What a badge is worth, in minutes. Default 0.
    pub badge_minutes: u32,
    /// What completing an item is worth, in minutes. Default 0.
    pub completed_minutes: u32,
    /// What a whole course is worth, in minutes. Default 0.
    pub course_minutes: u32,
    /// The most minutes of a day. Default 240.
    pub day_minutes: u32,
    /// The longest gap between two points that counts, in seconds. Default 600.
    pub idle_gap_s: u32,
    /// The most minutes of a day in one item whose length nobody knows. Default 120.
    pub item_day_minutes: u32,
    /// What mastering an item is worth, in minutes. Default 0.
    pub mastered_minutes: u32,
    /// The longest interval, in seconds; at most a day. Of a longer one the end counts. Default 14400.
    pub max_interval_s: u32,
    /// How many minutes must have been earned in an item before its milestones count. Default 1.
    pub milestone_needs_minutes: u32,
    /// The most that an item of known length earns, in percent of that. Default 150.
    pub nominal_percent: u32,
    /// What passing an item is worth, in minutes. Default 0.
    pub passed_minutes: u32,
    /// Whether intervals count only where the session's beginning or the platform's clock bounds
    /// them. Default `false`.
    pub require_bounds: bool,
    /// What the last point of a chain is worth, in seconds; at most 60. Default 0.
    pub tail_credit_s: u32,
    /// The most minutes of a week, from Monday. Default 1200.
    pub week_minutes: u32,
    /// Whose days and weeks the caps are for. Default `UTC`.
    pub zone: Zone,
}

impl Default for StudyMinutes {
    fn default() -> Self {
        Self {
            attention_limit_s: 1_800,
            badge_minutes: 0,
            completed_minutes: 0,
            course_minutes: 0,
            day_minutes: 240,
            idle_gap_s: 600,
            item_day_minutes: 120,
            mastered_minutes: 0,
            max_interval_s: 14_400,
            milestone_needs_minutes: 1,
            nominal_percent: 150,
            passed_minutes: 0,
            require_bounds: false,
            tail_credit_s: 0,
            week_minutes: 1_200,
            zone: Zone::UTC,
        }
    }
}

/// How far ahead of ours a platform's clock may be, and how late an honest record may be taken in.
const SLACK_MS: i64 = 120_000;

impl StudyMinutes {
    /// Name and version of the rule set.
    pub const NAME: &'static str = "study-minutes/1";

    /// What all judgements are about.
    pub const ACTIVITY: Activity = Activity::STUDYING;

    fn idle_gap_ms(&self) -> i64 {
        i64::from(self.idle_gap_s) * 1_000
    }
}

impl RuleSet for StudyMinutes {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn heeds_whoever(&self) -> bool {
        true
    }

    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        let mut findings = Findings::default();
        let (mut days, mut witnesses, mut reached) = (Vec::new(), Vec::new(), Vec::new());
        let records = in_order(entries, &mut findings);
        let browsed = sessions::browsed(&records);
        for record in records {
            let is_milestone = matches!(record.study.trace, Trace::Milestone { .. });
            let session = record.study.session;
            if session.is_some_and(|session| browsed.contains(&session)) || record.is_browsed() {
                findings.add(record.entry, record.span(), 0, &reasons::BROWSED);
            } else if record.begins_after(now.plus_millis(SLACK_MS)) {
                findings.add(record.entry, record.span(), 0, &reasons::FUTURE);
            } else if is_milestone {
                reached.push(record);
            } else {
                match record.study.toward {
                    Toward::Days => {}
                    Toward::Both => witnesses.push(record),
                    Toward::Milestones => {
                        witnesses.push(record);
                        findings.add(
                            record.entry,
                            record.span(),
                            0,
                            &reasons::KEPT_FOR_MILESTONES,
                        );
                        continue;
                    }
                }
                days.push(record);
            }
        }
        let credit = self.credit(&days, &mut findings);
        let milestones = match reached.is_empty() {
            true => Vec::new(),
            false => {
                let is_both = |record: &Record<'_>| record.study.toward == Toward::Both;
                let known = match days.len() == witnesses.len() && days.iter().all(is_both) {
                    true => credit.clone(),
                    false => self.credit(&witnesses, &mut Findings::default()),
                };
                self.milestones(&reached, &witnesses, &known, &mut findings)
            }
        };
        let mut evidence = Vec::new();
        if !credit.time.is_empty() {
            evidence.push(Evidence {
                activity: Self::ACTIVITY,
                time: credit.time,
            });
        }
        Judgement {
            evidence,
            milestones,
            findings: findings.in_order(),
            ..Judgement::default()
        }
    }
}

impl StudyMinutes {
    /// What these records earn.
    fn credit(&self, records: &[Record<'_>], findings: &mut Findings) -> Credit {
        let opened = sessions::openings(records);
        let mut parts = Vec::new();
        let mut counters = Vec::new();
        self.intervals(records, &opened, &mut parts, findings);
        self.films(records, &mut parts, &mut counters);
        self.chains(records, &mut parts);
        for record in records {
            if let Trace::Seconds { within, millis } = record.study.trace {
                counters.push(clusters::Counter {
                    record: *record,
                    within,
                    millis: millis.min(within.millis()),
                    reason: &reasons::SECONDS_WITHIN,
                });
            }
        }
        clusters::place(counters, &mut parts);
        self.capped(records, parts, findings)
    }
}

/// Time that counts.
#[derive(Clone, Debug, Default)]
struct Credit {
    /// All of it.
    time: TimeSet,
    /// Of each item. Items may overlap.
    by_item: BTreeMap<Digest, TimeSet>,
}

/// A record of study.
#[derive(Clone, Copy, Debug)]
struct Record<'a> {
    entry: &'a Entry,
    study: &'a Study,
}

impl Record<'_> {
    fn span(&self) -> Span {
        self.study.trace.span()
    }

    fn is_browsed(&self) -> bool {
        matches!(
            self.study.trace,
            Trace::Point {
                mark: Mark::Browsed,
                ..
            }
        )
    }

    /// Whether what it is sure of lies after an instant. An envelope may end later.
    fn begins_after(&self, at: Timestamp) -> bool {
        match &self.study.trace {
            Trace::Seconds { within, .. } => within.start() > at,
            trace => trace.span().end() > at,
        }
    }
}

/// Time that one record brings, before the caps.
#[derive(Clone, Debug)]
struct Part<'a> {
    record: Record<'a>,
    time: TimeSet,
    reason: &'static Reason,
}

/// The records by time and key, each key once. Entries of other kinds are not used.
fn in_order<'a>(entries: &[&'a Entry], findings: &mut Findings) -> Vec<Record<'a>> {
    let mut sorted: Vec<_> = entries
        .iter()
        .filter_map(|entry| Some((entry.body.span()?, *entry)))
        .collect();
    sorted.sort_by_key(|(span, entry)| (span.start(), entry.key));
    sorted.dedup_by_key(|(_, entry)| entry.key);
    let mut records = Vec::with_capacity(sorted.len());
    for (span, entry) in sorted {
        match &entry.body {
            Body::Study(study) => records.push(Record { entry, study }),
            _ => findings.add(entry, span, 0, &reasons::NOT_USED),
        }
    }
    records
}

/// What became of every entry, gathered in any order.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, entry: &Entry, span: Span, millis: i64, reason: &'static Reason) {
        self.0.push(Finding {
            key: entry.key,
            span,
            millis,
            reason,
            hold: false,
        });
    }

    fn in_order(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| (finding.span, finding.key));
        self.0
    }
}

/// The first so many milliseconds of a set.
fn first(time: &TimeSet, millis: i64) -> TimeSet {
    time.difference(&time.after_first(millis))
}

fn minutes_ms(minutes: u32) -> i64 {
    i64::from(minutes) * MINUTE_MS
}

#[cfg(test)]
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
