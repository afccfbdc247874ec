//! From scans to stays: who came in when, and when they went.

use std::collections::{BTreeMap, BTreeSet};

use wom_sdk::{
    Digest, Span, TimeSet, Timestamp,
    observation::{Attendance, Entry, Policy, Scan},
    rules::Reason,
};

use super::reasons;

/// What several records of one stream say alike: the planned time and what counts of it. Their scans
/// are those of one ticket or add-on, whichever record brought them.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Plan {
    slots: Vec<Span>,
    policy: Policy,
    stream: Digest,
}

impl Plan {
    pub(super) fn of(entry: &Entry, attendance: &Attendance) -> Self {
        Self {
            slots: attendance.slots.clone(),
            policy: attendance.policy,
            stream: entry.provenance.stream,
        }
    }

    pub(super) fn slots(&self) -> TimeSet {
        self.slots.iter().copied().collect()
    }

    /// From the first planned instant to the last.
    pub(super) fn window(&self) -> Span {
        self.slots()
            .extent()
            .unwrap_or(Span::starting(Timestamp::EPOCH, 0))
    }

    /// Follows the scans in order of time. Within one instant whoever is in goes out before coming in
    /// again, and whoever is not comes in before going out: so an instant never makes a stay longer.
    pub(super) fn follow(&self, scans: &BTreeSet<Scan>, early_ms: i64) -> Presence {
        let window = self.window();
        let opens_from = window.start().plus_millis(-early_ms);
        let mut presence = Presence::default();
        let mut open: Option<Scan> = None;
        let mut by_instant = BTreeMap::<Timestamp, Vec<Scan>>::new();
        for scan in scans {
            by_instant.entry(scan.at).or_default().push(*scan);
        }
        for (at, scans) in by_instant {
            let is_in_time = opens_from <= at && at <= window.end();
            let entry = scans.iter().find(|scan| scan.entry && !scan.automatic);
            let exits: Vec<_> = scans.iter().filter(|scan| !scan.entry).collect();
            let is_seen = exits.iter().any(|scan| !scan.automatic);
            let was_open = open.is_some();
            if let Some(first) = open
                && !exits.is_empty()
            {
                presence.stay(first, self.counted(first.at, at, is_seen));
                open = None;
            }
            let opens = entry.filter(|_| is_in_time && open.is_none());
            if let Some(entry) = opens {
                open = Some(*entry);
                // Somebody who came in and went out at once is out.
                if !was_open && !exits.is_empty() {
                    presence.stay(*entry, self.counted(at, at, is_seen));
                    open = None;
                }
            }
            for scan in &scans {
                let role = match (scan.entry, scan.automatic) {
                    (true, true) => Role::Nothing(&reasons::ENTRY_AUTOMATIC),
                    (true, false) if opens.is_some() => continue,
                    (true, false) if is_in_time => Role::Nothing(&reasons::ENTRY_AGAIN),
                    (true, false) => Role::Nothing(&reasons::WRONG_TIME),
                    (false, _) if was_open || opens.is_some() => Role::Closed,
                    (false, _) => Role::Nothing(&reasons::EXIT_WITHOUT_ENTRY),
                };
                presence.roles.insert(*scan, role);
            }
        }
        if let Some(first) = open {
            let end = window.end().max(first.at);
            presence.stay(first, self.counted(first.at, end, false));
        }
        presence
    }

    /// What counts of a stay.
    fn counted(&self, from: Timestamp, to: Timestamp, is_seen: bool) -> (TimeSet, &'static Reason) {
        let within = || {
            self.slots()
                .within(Span::starting(from, to.since(from).max(0)))
        };
        let (time, reason) = match (self.policy, is_seen) {
            (Policy::Scheduled, _) => (self.slots(), &reasons::SCHEDULED),
            (_, true) => (within(), &reasons::MEASURED),
            (Policy::Overlap, false) => (within(), &reasons::TO_THE_END),
            _ => return (TimeSet::EMPTY, &reasons::NO_EXIT),
        };
        match time.is_empty() {
            true => (time, &reasons::NOT_DURING),
            false => (time, reason),
        }
    }
}

/// What the scans of one plan come to.
#[derive(Debug, Default)]
pub(super) struct Presence {
    /// When somebody was there.
    pub(super) time: TimeSet,
    roles: BTreeMap<Scan, Role>,
}

/// What a scan did.
#[derive(Clone, Debug)]
enum Role {
    /// It opened a stay, of which this counts.
    Opened(TimeSet, &'static Reason),
    /// It closed one.
    Closed,
    /// Neither.
    Nothing(&'static Reason),
}

impl Presence {
    fn stay(&mut self, first: Scan, (time, reason): (TimeSet, &'static Reason)) {
        self.time = self.time.union(&time);
        self.roles.insert(first, Role::Opened(time, reason));
    }

    /// What the scans of one record bring by themselves, and the reason that tells most.
    pub(super) fn of(&self, scans: &[Scan]) -> (TimeSet, &'static Reason) {
        let mut time = TimeSet::EMPTY;
        let mut best: Option<(u8, &'static Reason)> = None;
        for scan in scans {
            let (rank, reason) = match self.roles.get(scan) {
                Some(Role::Opened(own, reason)) => {
                    time = time.union(own);
                    (u8::from(own.is_empty()), *reason)
                }
                Some(Role::Closed) => (2, &reasons::EXIT),
                Some(Role::Nothing(reason)) => (3, *reason),
                None => continue,
            };
            if best.is_none_or(|best| rank < best.0) {
                best = Some((rank, reason));
            }
        }
        (
            time,
            best.map_or(&reasons::NOT_SCANNED, |(_, reason)| reason),
        )
    }
}

/// The same time, where whoever came in up to so late in a slot was there from its beginning until
/// then. The last who came in so counts, and not the first: else an exit that takes the first away
/// would add the time between the two.
pub(super) fn with_grace(time: TimeSet, slots: &TimeSet, grace_ms: i64) -> TimeSet {
    let mut graced = time.clone();
    for slot in slots.spans() {
        let there = time.within(*slot);
        let late = there
            .spans()
            .iter()
            .map(|stay| stay.start().since(slot.start()))
            .take_while(|late| *late <= grace_ms);
        if let Some(late) = late.last() {
            graced.insert(Span::starting(slot.start(), late));
        }
    }
    graced
}
