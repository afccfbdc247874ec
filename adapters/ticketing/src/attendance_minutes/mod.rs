//! The rule set `attendance/1`: which minutes somebody attended, by what gates saw of their ticket.
//!
//! # The rules
//! All arithmetic is in UTC milliseconds, so the night in which clocks change has the minutes that it
//! has; nothing is rounded but by the campaign, once a session.
//!
//! 1. **One presence**: all records of one ticket at one session are views of one presence. Of those
//!    of one stream with the same planned time and policy the scans are followed together, whichever record
//!    brought them: a gate's list has a record for each scan. What the views come to is united: an
//!    add-on is a stream of its own, and its time within the main ticket's counts once.
//! 2. **Tickets that are not good** ([`Standing`](wom_sdk::observation::Standing)) earn nothing.
//!    One that nobody scanned earns nothing: buying is not attending.
//! 3. **Stays** go from an entry to the next exit. An entry while somebody is in (a second gate, a
//!    double scan) and an exit while nobody is change nothing. Within one instant whoever is in goes out
//!    first, and whoever is not comes in first.
//! 4. **An entry opens a stay** only from [`early_limit_minutes`](AttendanceMinutes::early_limit_minutes)
//!    before the planned beginning to the planned end: what was scanned on another day counts nothing. An
//!    entry that the system wrote by itself opens none.
//! 5. **Where nobody was seen to leave** the record's [`Policy`](wom_sdk::observation::Policy)
//!    decides: `overlap` goes on to the planned end, `measured` counts nothing. An exit that the system
//!    wrote by itself is no sight of anybody: under `overlap` it ends the stay, under `measured` the stay
//!    counts nothing. `scheduled` counts all planned time for any entry.
//! 6. **Only planned time counts**: stays are cut to the slots of their own record, so early arrivals count from
//!    the beginning, and breaks do not count.
//! 7. **Grace**: who comes in at most
//!    [`late_grace_minutes`](AttendanceMinutes::late_grace_minutes) after a slot began was there from its
//!    beginning until then.
//! 8. **All or nothing**: fewer than [`min_minutes`](AttendanceMinutes::min_minutes) count nothing, and
//!    so does less than [`min_share_percent`](AttendanceMinutes::min_share_percent) of all planned time.
//! 9. **Two at once**: time at which one participant was at two sessions counts at neither, and
//!    is held for a person. It happens only where several tickets are known to be one person's. A person
//!    who accepts it gives it to the session that begins first, then to the one of the lesser name. It
//!    must not simply count at one of them: the first session may have been paid before anybody knew of
//!    the second, and which of them is to have the minutes must not hang on which came in first.
//! 10. **The cap** [`cap_minutes`](AttendanceMinutes::cap_minutes) cuts later time first.
//!
//! # What the campaign decides
//! How long after its end a session is open for late scans, reverts and refunds is the campaign's
//! settlement delay. A session is one unit and belongs to the month in which it begins. Sessions of two months are
//! judged apart, so rule 9 does not see an overlap between them.

mod presence;
pub mod reasons;
mod sharing;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Body, Digest, MINUTE_MS, Span, TimeSet, Timestamp,
    observation::{Attendance, Entry, Scan},
    rules::{Attended, Finding, Judgement, Reason, RuleSet},
};

use presence::{Plan, Presence, with_grace};
use sharing::{Given, shared};

/// The rule set `attendance/1` with its settings; see the [module](self) for the rules.
///
/// ```
/// use wom_adapter_ticketing::AttendanceMinutes;
///
/// let strict = AttendanceMinutes { min_share_percent: 80, ..AttendanceMinutes::default() };
/// assert_eq!(strict.early_limit_minutes, 240);
/// ```
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AttendanceMinutes {
    /// The most minutes of a session. Default: none, all of them count.
    pub cap_minutes: Option<u32>,
    /// How many minutes before the planned beginning an entry opens a stay. Default 240.
    pub early_limit_minutes: u32,
    /// How many minutes late somebody may be and count as on time. Default 0.
    pub late_grace_minutes: u32,
    /// The fewest minutes of a session that count. Default 1.
    pub min_minutes: u32,
    /// The least part of the planned time that counts, in percent. Default 0.
    pub min_share_percent: u32,
}

impl Default for AttendanceMinutes {
    fn default() -> Self {
        Self {
            cap_minutes: None,
            early_limit_minutes: 240,
            late_grace_minutes: 0,
            min_minutes: 1,
            min_share_percent: 0,
        }
    }
}

impl AttendanceMinutes {
    /// Name and version of the rule set.
    pub const NAME: &'static str = "attendance/1";

    fn look(&self, entries: &[&Entry], given: Given) -> Judgement {
        let mut findings = Vec::new();
        let mut groups = BTreeMap::<Name, Group<'_>>::new();
        for (entry, attendance) in records(entries, &mut findings) {
            match reasons::against(attendance.standing) {
                Some(reason) => {
                    findings.push(finding(entry, attendance.window(), 0, reason, false));
                }
                None => groups
                    .entry(Name::of(attendance))
                    .or_default()
                    .add(entry, attendance),
            }
        }
        let mut attended: Vec<_> = groups
            .into_iter()
            .map(|(name, group)| self.attended(name, group))
            .collect();
        // Who begins first comes first.
        attended.sort_by_key(|it| (it.window.start(), it.name));
        let twice = shared(attended.iter().map(|it| &it.time));
        let mut taken = TimeSet::EMPTY;
        let mut sessions = Vec::new();
        for it in attended {
            let own = match given {
                Given::ToNobody => it.time.difference(&twice),
                Given::ToTheFirst => it.time.difference(&taken),
            };
            taken = taken.union(&it.time);
            let time = match self.cap_minutes {
                Some(cap) => first(&own, i64::from(cap) * MINUTE_MS),
                None => own.clone(),
            };
            it.explain(&twice, time != own, given, &mut findings);
            if !time.is_empty() {
                sessions.push(Attended {
                    name: it.name.text(),
                    activity: it.activity,
                    window: it.window,
                    time,
                });
            }
        }
        findings.sort_by_key(|finding| (finding.span, finding.key));
        Judgement {
            sessions,
            findings,
            ..Judgement::default()
        }
    }

    /// When somebody was at one session, before other sessions are looked at.
    fn attended<'a>(&self, name: Name, group: Group<'a>) -> Seen<'a> {
        let early_ms = i64::from(self.early_limit_minutes) * MINUTE_MS;
        let grace_ms = i64::from(self.late_grace_minutes) * MINUTE_MS;
        let (mut time, mut planned) = (TimeSet::EMPTY, TimeSet::EMPTY);
        let mut views = BTreeMap::new();
        for (plan, scans) in group.plans {
            let presence = plan.follow(&scans, early_ms);
            let slots = plan.slots();
            time = time.union(&with_grace(presence.time.clone(), &slots, grace_ms));
            planned = planned.union(&slots);
            views.insert(plan, presence);
        }
        let against = if time.is_empty() {
            None
        } else if time.millis() < i64::from(self.min_minutes) * MINUTE_MS {
            Some(&reasons::BELOW_MINIMUM)
        } else if time.millis() * 100 < planned.millis() * i64::from(self.min_share_percent) {
            Some(&reasons::BELOW_SHARE)
        } else {
            None
        };
        Seen {
            name,
            activity: group.activity.unwrap_or(Activity::ATTENDING),
            window: planned
                .extent()
                .unwrap_or(Span::starting(Timestamp::EPOCH, 0)),
            time: match against {
                Some(_) => TimeSet::EMPTY,
                None => time,
            },
            against,
            views,
            records: group.records,
        }
    }
}

impl RuleSet for AttendanceMinutes {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn judge(&self, entries: &[&Entry], _now: Timestamp) -> Judgement {
        self.look(entries, Given::ToNobody)
    }

    fn judge_accepting(&self, entries: &[&Entry], _now: Timestamp) -> Judgement {
        self.look(entries, Given::ToTheFirst)
    }

    fn reason(&self, code: &str) -> Option<&'static Reason> {
        reasons::ALL
            .iter()
            .copied()
            .find(|reason| reason.code == code)
    }
}

/// What stands for a ticket at a session.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Name(Digest);

impl Name {
    fn of(attendance: &Attendance) -> Self {
        Self(Digest::of([attendance.ticket.0, attendance.session.0]))
    }

    fn text(self) -> String {
        format!("session:{}", self.0.to_hex())
    }
}

/// The good records of one ticket at one session.
#[derive(Debug, Default)]
struct Group<'a> {
    plans: BTreeMap<Plan, BTreeSet<Scan>>,
    /// The least of those that records tell, so that their order does not matter.
    activity: Option<Activity>,
    records: Vec<(&'a Entry, &'a Attendance)>,
}

impl<'a> Group<'a> {
    fn add(&mut self, entry: &'a Entry, attendance: &'a Attendance) {
        let scans = self.plans.entry(Plan::of(entry, attendance)).or_default();
        scans.extend(&attendance.scans);
        let activity = &attendance.activity;
        if self.activity.as_ref().is_none_or(|least| activity < least) {
            self.activity = Some(activity.clone());
        }
        self.records.push((entry, attendance));
    }
}

/// What was seen of one ticket at one session.
#[derive(Debug)]
struct Seen<'a> {
    name: Name,
    activity: Activity,
    window: Span,
    time: TimeSet,
    /// Why nothing of it counts, where it is too little.
    against: Option<&'static Reason>,
    views: BTreeMap<Plan, Presence>,
    records: Vec<(&'a Entry, &'a Attendance)>,
}

impl Seen<'_> {
    /// A finding for each record.
    fn explain(&self, twice: &TimeSet, is_cut: bool, given: Given, findings: &mut Vec<Finding>) {
        for (entry, attendance) in &self.records {
            let presence = self.views.get(&Plan::of(entry, attendance));
            let (time, reason) = presence.map_or((TimeSet::EMPTY, &reasons::NOT_SCANNED), |it| {
                it.of(&attendance.scans)
            });
            let span = attendance.window();
            let own = time.difference(twice);
            let found = match self.against {
                Some(against) if !time.is_empty() => finding(entry, span, 0, against, false),
                _ if given == Given::ToNobody && own != time => {
                    finding(entry, span, own.millis(), &reasons::TWO_AT_ONCE, true)
                }
                _ if is_cut && !time.is_empty() => {
                    finding(entry, span, time.millis(), &reasons::OVER_CAP, false)
                }
                _ => finding(entry, span, time.millis(), reason, false),
            };
            findings.push(found);
        }
    }
}

/// The records of attendance, each key once. Entries of other kinds are not used.
fn records<'a>(
    entries: &[&'a Entry],
    findings: &mut Vec<Finding>,
) -> Vec<(&'a Entry, &'a Attendance)> {
    let mut keys = BTreeSet::new();
    let mut records = Vec::new();
    for entry in entries.iter().filter(|entry| keys.insert(entry.key)) {
        match (&entry.body, entry.body.span()) {
            (Body::Attendance(attendance), _) => records.push((*entry, attendance)),
            (_, Some(span)) => findings.push(finding(entry, span, 0, &reasons::NOT_USED, false)),
            (_, None) => {}
        }
    }
    records
}

fn finding(entry: &Entry, span: Span, millis: i64, reason: &'static Reason, hold: bool) -> Finding {
    Finding {
        key: entry.key,
        span,
        millis,
        reason,
        hold,
    }
}

/// The first so many milliseconds of a set.
fn first(time: &TimeSet, millis: i64) -> TimeSet {
    time.difference(&time.after_first(millis))
}

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
