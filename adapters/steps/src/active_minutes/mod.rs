//! The rule set `active-minutes/1`: which minutes somebody was active, by steps and by timer.
//!
//! # Where the numbers come from
//! * 100 steps a minute is moderate effort (3 METs) and 130 vigorous (6 METs) for adults: Tudor-Locke
//!   et al., "Walking cadence (steps/min) and intensity in 21-40 year olds: CADENCE-adults", Int J
//!   Behav Nutr Phys Act 16:8, 2019; the same at 41 to 60 (same journal, 2020) and, for about 100,
//!   at 61 to 85 (2021). The figure of 100 goes back to Tudor-Locke et al., 2005.
//! * 40 steps a minute is where purposeful walking begins, below is incidental and sporadic movement:
//!   Tudor-Locke and Rowe, "Using cadence to study free-living ambulatory behaviour", Sports Med,
//!   2012.
//! * Single minutes count, bouts of ten are not asked for: Bull et al., "World Health Organization
//!   2020 guidelines on physical activity and sedentary behaviour", Br J Sports Med, 2020.
//!
//! Children reach the same effort at a higher cadence, and pushing a wheelchair has no such table:
//! both need settings of their own.
//!
//! # The rules
//! All arithmetic is in UTC milliseconds; a minute is a UTC minute.
//!
//! 1. **What does not count at all**: what somebody typed in (unless [`manual`](ActiveMinutes::manual)),
//!    what ends over 5 minutes in the future, what is longer than 24 hours.
//! 2. **One source for each minute.** Of the sources with a step record that touches a UTC minute,
//!    one is chosen: watch before phone before unknown before program that copies others, then the
//!    one with more steps in that UTC hour, then the lower digest. Sources are never added up, and
//!    records without steps do not compete.
//! 3. **Short step records** (up to [`short_s`](ActiveMinutes::short_s) seconds) spread their steps
//!    over the minutes they touch by largest remainder. A minute with at least
//!    [`moderate`](field@ActiveMinutes::moderate) steps counts whole.
//! 4. **Long step records** say little about when: what remains of one after the choice of source
//!    (and without the time that shorter records of its own source cover) keeps its share of the
//!    steps and is worth one minute for each `moderate` steps, at most its length, if its mean reaches
//!    [`floor`](ActiveMinutes::floor). The minutes are its first ones.
//! 5. **Sessions** count by their timer if their kind is one of [`kinds`](ActiveMinutes::kinds).
//!    Walks and runs that carry steps must reach `floor` too. Seconds of unknown place add up
//!    within joined envelopes ([`wom_sdk::rules::seconds_within`]).
//! 6. **All of it is one union**, so that whatever overlaps counts once.
//! 7. **What no person does is held** for somebody to look at: over [`max_spm`](ActiveMinutes::max_spm)
//!    steps in a minute, 220 a minute over 10 minutes, 11,000 in an hour, 50,000 in a UTC day, 30
//!    minutes of the same rhythm, 16 active hours in a UTC day, nothing but round numbers, many equal
//!    records. Over 100,000 in a UTC day are refused.
//!
//! Vendors' own minutes (tallies) are not used: they would count the same time again.

mod choice;
mod plausibility;
pub mod reasons;
mod sessions;
mod steps;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Body, Recording, Span, TimeSet, Timestamp,
    observation::Entry,
    rules::{Evidence, Finding, Judgement, Reached, Reason, RuleSet},
};

/// The rule set `active-minutes/1` with its settings; see the [module](self) for the rules.
///
/// ```
/// use wom_adapter_steps::ActiveMinutes;
///
/// let slow_walkers = ActiveMinutes { moderate: 60, ..ActiveMinutes::default() };
/// assert_eq!(slow_walkers.floor, 40);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ActiveMinutes {
    /// Steps a minute from which a minute is active; 0 is taken as 1. Default 100.
    pub moderate: u32,
    /// Steps a minute from which a finding calls a minute vigorous; it is worth no more. Default 130.
    pub vigorous: u32,
    /// Mean steps a minute below which a long record, a walk or a run earns nothing. Default 40.
    pub floor: u32,
    /// The longest step record, in seconds, that says which minutes its steps were in. Default 120.
    pub short_s: u32,
    /// Steps a minute above which nobody is believed. Default 240.
    pub max_spm: u32,
    /// Whether what somebody typed in counts. Default `false`.
    pub manual: bool,
    /// Whether sessions indoors, on a treadmill or trainer and in virtual worlds count. Their steps
    /// count in any case. Default `false`.
    pub indoor: bool,
    /// The kinds of session that count, with their special forms. By default what moves a person by
    /// their own strength: climbing, cycling, exercise, hiking, mountaineering, paddling, rowing,
    /// running, skating, skiing, snowboarding, snowshoeing, stepping, swimming, walking and
    /// wheelchair. So transitions do not count, nor does being driven.
    pub kinds: BTreeSet<Activity>,
}

const KINDS: [&str; 16] = [
    "climbing",
    "cycling",
    "exercise",
    "hiking",
    "mountaineering",
    "paddling",
    "rowing",
    "running",
    "skating",
    "skiing",
    "snowboarding",
    "snowshoeing",
    "stepping",
    "swimming",
    "walking",
    "wheelchair",
];

impl Default for ActiveMinutes {
    fn default() -> Self {
        Self {
            moderate: 100,
            vigorous: 130,
            floor: 40,
            short_s: 120,
            max_spm: 240,
            manual: false,
            indoor: false,
            kinds: KINDS
                .iter()
                .filter_map(|kind| Activity::new(*kind).ok())
                .collect(),
        }
    }
}

impl ActiveMinutes {
    /// Name and version of the rule set.
    pub const NAME: &'static str = "active-minutes/1";

    /// Why an entry does not count, whatever its body.
    fn refuses(&self, entry: &Entry, span: Span, now: Timestamp) -> Option<&'static Reason> {
        if entry.provenance.recording == Recording::Manual && !self.manual {
            Some(&reasons::MANUAL)
        } else if span.end() > now.plus_millis(FUTURE_MS) {
            Some(&reasons::FUTURE)
        } else if span.millis() > DAY_MS {
            Some(&reasons::TOO_LONG)
        } else {
            None
        }
    }

    fn moderate(&self) -> i64 {
        i64::from(self.moderate.max(1))
    }
}

/// How far a clock may be ahead.
const FUTURE_MS: i64 = 5 * 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

impl RuleSet for ActiveMinutes {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn reason(&self, code: &str) -> Option<&'static Reason> {
        let mut all = reasons::ALL.iter();
        all.find(|(reason, _)| reason.code == code)
            .map(|(reason, _)| *reason)
    }

    /// Ten minutes: no rule looks over a wider gap, but for hours and days, which end at midnight.
    fn separable_ms(&self) -> Option<i64> {
        Some(10 * 60_000)
    }

    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        self.judge_with(entries, now, Doubt::Hold)
    }

    fn judge_accepting(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        self.judge_with(entries, now, Doubt::Accept)
    }
}

/// What to do with what no person does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Doubt {
    /// It waits for somebody to look at it.
    Hold,
    /// Somebody did, and accepted it.
    Accept,
}

impl ActiveMinutes {
    fn judge_with(&self, entries: &[&Entry], now: Timestamp, doubt: Doubt) -> Judgement {
        let mut findings = Findings::default();
        let (mut counted, mut timed, mut reached) = (Vec::new(), Vec::new(), Vec::new());
        for entry in in_order(entries) {
            let Some(span) = entry.body.span() else {
                continue;
            };
            if let Some(reason) = self.refuses(entry, span, now) {
                findings.add(entry, span, 0, reason);
                continue;
            }
            match &entry.body {
                Body::Steps { steps: 0, .. } => {
                    findings.add(entry, span, 0, &reasons::NO_STEPS);
                }
                Body::Steps { steps, .. } => {
                    counted.push(steps::Record::new(entry, span, *steps, self))
                }
                Body::Interval { .. } | Body::Seconds { .. } => timed.push(entry),
                Body::Milestone { at, name, minutes } => {
                    reached.push((entry, *at, name.as_str(), *minutes));
                }
                _ => findings.add(entry, span, 0, &reasons::NOT_USED),
            }
        }
        let mut by_activity = sessions::judge(self, doubt, &timed, &mut findings);
        let stepping = steps::judge(self, doubt, counted, &mut findings);
        // A recorded session says better what the steps in it were.
        let explained: TimeSet = by_activity
            .values()
            .flat_map(|time| time.spans().iter().copied())
            .collect();
        let own = stepping.difference(&explained);
        if !own.is_empty() {
            let known = by_activity.entry(Activity::STEPPING).or_default();
            *known = known.union(&own);
        }
        Judgement {
            evidence: by_activity
                .into_iter()
                .map(|(activity, time)| Evidence { activity, time })
                .collect(),
            milestones: milestones(reached, &mut findings),
            findings: findings.in_order(),
            ..Judgement::default()
        }
    }
}

/// The entries by time and key, each key once.
fn in_order<'a>(entries: &[&'a Entry]) -> Vec<&'a Entry> {
    let mut sorted: Vec<_> = entries
        .iter()
        .map(|entry| (entry.body.span().map(Span::start), entry.key, *entry))
        .collect();
    sorted.sort_by_key(|(start, key, _)| (*start, *key));
    sorted.dedup_by_key(|(_, key, _)| *key);
    sorted.into_iter().map(|(_, _, entry)| entry).collect()
}

/// Each name once, when it was first reached.
fn milestones(
    reached: Vec<(&Entry, Timestamp, &str, u32)>,
    findings: &mut Findings,
) -> Vec<Reached> {
    let mut first: BTreeMap<&str, Reached> = BTreeMap::new();
    for (entry, at, name, minutes) in reached {
        let span = Span::starting(at, 0);
        if first.contains_key(name) {
            findings.add(entry, span, 0, &reasons::MILESTONE_AGAIN);
            continue;
        }
        findings.add(entry, span, 0, &reasons::MILESTONE);
        let name_owned = name.to_owned();
        first.insert(
            name,
            Reached {
                name: name_owned,
                at,
                minutes,
            },
        );
    }
    first.into_values().collect()
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
            hold: reasons::holds(reason),
        });
    }

    fn in_order(mut self) -> Vec<Finding> {
        self.0.sort_by_key(|finding| (finding.span, finding.key));
        self.0
    }
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
