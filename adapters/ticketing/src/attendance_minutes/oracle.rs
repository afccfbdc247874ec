//! The rules again, second by second and with no care for speed: what the real ones are held
//! against. Written from the rules' text; shares no code with them. Whole seconds only.

use std::collections::{BTreeMap, BTreeSet};

use wom_sdk::{
    Body, Digest, Span,
    observation::{Attendance, Entry, Policy, Scan, Standing},
};

use super::AttendanceMinutes;

/// Seconds since the epoch, one by one.
pub(super) type Seconds = BTreeSet<i64>;

/// Of each ticket and session: the seconds that count, and those that count for who accepts.
pub(super) fn seconds(
    rules: &AttendanceMinutes,
    entries: &[Entry],
) -> Vec<((String, String), Seconds, Seconds)> {
    let good: Vec<(Digest, &Attendance)> = entries
        .iter()
        .filter_map(|entry| match &entry.body {
            Body::Attendance(it) if it.standing == Standing::Valid => {
                Some((entry.provenance.stream, it))
            }
            _ => None,
        })
        .collect();
    let mut groups = BTreeMap::<(String, String), Vec<(Digest, &Attendance)>>::new();
    for (stream, it) in good {
        let name = (it.ticket.to_hex(), it.session.to_hex());
        groups.entry(name).or_default().push((stream, it));
    }
    let mut there: Vec<((String, String), i64, Seconds)> = groups
        .into_iter()
        .map(|(name, records)| {
            let planned: Seconds = records
                .iter()
                .flat_map(|(_, it)| slots(&it.slots))
                .collect();
            let mut all = Seconds::new();
            for (stream, record) in &records {
                let alike: Vec<&Scan> = records
                    .iter()
                    .filter(|(of, it)| {
                        (of, &it.slots, it.policy) == (stream, &record.slots, record.policy)
                    })
                    .flat_map(|(_, it)| &it.scans)
                    .collect();
                all.extend(view(rules, record, &alike));
            }
            let count = |seconds: &Seconds| i64::try_from(seconds.len()).unwrap();
            let too_few = count(&all) < 60 * i64::from(rules.min_minutes);
            let too_little =
                count(&all) * 100 < count(&planned) * i64::from(rules.min_share_percent);
            if too_few || too_little {
                all.clear();
            }
            (name, *planned.first().unwrap(), all)
        })
        .collect();
    let cap = |seconds: Seconds| -> Seconds {
        let most = rules
            .cap_minutes
            .map_or(usize::MAX, |cap| cap as usize * 60);
        seconds.into_iter().take(most).collect()
    };
    there.sort_by_key(|(name, start, _)| (*start, super::Name::of_hex(&name.0, &name.1)));
    let mut result = Vec::new();
    for (index, (name, _, own)) in there.iter().enumerate() {
        let elsewhere = |s: &i64| {
            let mut others = there
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            others.any(|(_, (_, _, seconds))| seconds.contains(s))
        };
        let before = |s: &i64| {
            there[..index]
                .iter()
                .any(|(_, _, seconds)| seconds.contains(s))
        };
        let clean = own.iter().copied().filter(|s| !elsewhere(s)).collect();
        let accepted = own.iter().copied().filter(|s| !before(s)).collect();
        result.push((name.clone(), cap(clean), cap(accepted)));
    }
    result
}

fn slots(slots: &[Span]) -> impl Iterator<Item = i64> {
    slots
        .iter()
        .flat_map(|slot| slot.start().as_seconds()..slot.end().as_seconds())
}

/// When somebody was there, by scans of one planned time and policy.
fn view(rules: &AttendanceMinutes, record: &Attendance, scans: &[&Scan]) -> Seconds {
    let start = record.slots[0].start().as_seconds();
    let end = record.slots[record.slots.len() - 1].end().as_seconds();
    let opens = |scan: &Scan| {
        let at = scan.at.as_seconds();
        let from = start - 60 * i64::from(rules.early_limit_minutes);
        scan.entry && !scan.automatic && from <= at && at <= end
    };
    let enters = |s: i64| scans.iter().any(|it| it.at.as_seconds() == s && opens(it));
    let leaves = |s: i64| scans.iter().any(|it| it.at.as_seconds() == s && !it.entry);
    let seen = |s: i64| {
        scans
            .iter()
            .any(|it| it.at.as_seconds() == s && !it.entry && !it.automatic)
    };
    let first = scans.iter().map(|it| it.at.as_seconds()).min();
    let next_exit = |s: i64| {
        let exits = scans.iter().filter(|it| !it.entry);
        exits
            .map(|it| it.at.as_seconds())
            .filter(|at| *at > s)
            .min()
    };
    let mut counts = Seconds::new();
    let mut is_in = false;
    for s in first.unwrap_or(end).min(start)..end {
        is_in = match (enters(s), leaves(s)) {
            (true, false) => true,
            (false, true) => false,
            // In and out, or out and in.
            _ => is_in,
        };
        let there = match record.policy {
            Policy::Overlap => is_in,
            Policy::Measured => is_in && next_exit(s).is_some_and(seen),
            _ => scans.iter().any(|it| opens(it)),
        };
        if there {
            counts.insert(s);
        }
    }
    let mut counts: Seconds = slots(&record.slots)
        .filter(|s| counts.contains(s))
        .collect();
    for slot in &record.slots {
        let (from, to) = (slot.start().as_seconds(), slot.end().as_seconds());
        let late = 60 * i64::from(rules.late_grace_minutes);
        let came = counts
            .range(from..to)
            .copied()
            .filter(|second| *second == from || !counts.contains(&(second - 1)));
        if let Some(last) = came.filter(|second| second - from <= late).max() {
            counts.extend(from..last);
        }
    }
    counts
}
