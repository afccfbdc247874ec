//! The rules again, second by second and with no care for speed: what the real ones are held
//! against. Written from the rules' text; shares no code with them. Whole seconds only.

use std::collections::{BTreeMap, BTreeSet};

use wom_sdk::{Activity, Body, Device, Digest, Recording, observation::Entry};

use super::ActiveMinutes;

/// A step record in the oracle's own words.
#[derive(Clone, Debug)]
struct Counted {
    source: (u8, Digest),
    key: Digest,
    from: i64,
    to: i64,
    steps: i64,
}

impl Counted {
    fn seconds(&self) -> i64 {
        self.to - self.from
    }

    fn touches(&self, minute: i64) -> bool {
        let here = |second: i64| second.div_euclid(60) == minute;
        (self.from..self.to).any(here) || (self.seconds() == 0 && here(self.from))
    }
}

/// The seconds since the epoch that count, by whatever rule.
pub(super) fn active_seconds(rules: &ActiveMinutes, entries: &[Entry], now: i64) -> BTreeSet<i64> {
    let mut records = Vec::new();
    let mut active = BTreeSet::new();
    for entry in entries {
        let Some(span) = entry.body.span() else {
            continue;
        };
        let (from, to) = (span.start().as_seconds(), span.end().as_seconds());
        let manual = entry.provenance.recording == Recording::Manual && !rules.manual;
        if manual || to > now + 300 || to - from > 86_400 {
            continue;
        }
        match &entry.body {
            Body::Steps { steps, .. } if *steps > 0 => records.push(Counted {
                source: (preference(entry.provenance.device), entry.provenance.stream),
                key: entry.key,
                from,
                to,
                steps: i64::from(*steps),
            }),
            Body::Interval {
                activity, steps, ..
            } => {
                let on_foot = [Activity::WALKING, Activity::RUNNING].contains(activity);
                let believed = match steps {
                    Some(steps) if on_foot && to > from => {
                        let mean = f64::from(*steps) * 60.0 / (to - from) as f64;
                        mean >= f64::from(rules.floor) && mean <= f64::from(rules.max_spm)
                    }
                    _ => true,
                };
                if believed && *activity != Activity::TRANSITION {
                    active.extend(from..to);
                }
            }
            _ => {}
        }
    }
    records.sort_by_key(|record| (record.from, record.key));
    records.dedup_by_key(|record| record.key);
    active.extend(by_steps(rules, &records));
    active
}

fn by_steps(rules: &ActiveMinutes, records: &[Counted]) -> BTreeSet<i64> {
    let is_long = |record: &Counted| record.seconds() > i64::from(rules.short_s);
    let all_minutes: BTreeSet<i64> = records
        .iter()
        .flat_map(|record| record.from.div_euclid(60)..=record.to.div_euclid(60))
        .collect();
    let chosen: BTreeMap<i64, (u8, Digest)> = all_minutes
        .iter()
        .filter_map(|minute| Some((*minute, choose(records, *minute)?)))
        .collect();

    let mut minutes: BTreeMap<i64, i64> = BTreeMap::new();
    for record in records.iter().filter(|record| !is_long(record)) {
        for (minute, steps) in spread(record) {
            if chosen.get(&minute) == Some(&record.source) {
                *minutes.entry(minute).or_default() += steps;
            }
        }
    }
    minutes.retain(|_, steps| *steps <= i64::from(rules.max_spm));
    let fast: BTreeSet<i64> = all_minutes
        .iter()
        .flat_map(|last| last - 9..=last + 9)
        .filter(|first| {
            (*first..first + 10)
                .filter_map(|m| minutes.get(&m))
                .sum::<i64>()
                > 2200
        })
        .flat_map(|first| first..first + 10)
        .collect();
    let mut active: BTreeSet<i64> = minutes
        .iter()
        .filter(|(minute, steps)| **steps >= i64::from(rules.moderate) && !fast.contains(minute))
        .map(|(minute, _)| *minute)
        .collect();

    for (index, record) in records
        .iter()
        .enumerate()
        .filter(|(_, record)| is_long(record))
    {
        let mine = |second: i64| {
            chosen.get(&second.div_euclid(60)) == Some(&record.source)
                && owner(records, &is_long, record.source, second) == Some(index)
        };
        let kept: Vec<i64> = (record.from..record.to)
            .filter(|second| mine(*second))
            .collect();
        let mean = record.steps as f64 * 60.0 / record.seconds() as f64;
        let beyond = record.seconds() >= 600 && mean > 220.0;
        if mean < f64::from(rules.floor) || mean > f64::from(rules.max_spm) || beyond {
            continue;
        }
        let length = kept.len() as i64;
        let worth = (length / 60)
            .min(record.steps * length / (record.seconds() * i64::from(rules.moderate)));
        let first_whole = (record.from + 59).div_euclid(60);
        let places: BTreeSet<i64> = kept
            .iter()
            .map(|second| second.div_euclid(60))
            .filter(|minute| *minute >= first_whole)
            .collect();
        assert!(
            places.len() as i64 >= worth,
            "a budget always finds its minutes"
        );
        active.extend(places.iter().take(worth as usize));
    }
    active
        .into_iter()
        .flat_map(|minute| minute * 60..(minute + 1) * 60)
        .collect()
}

fn preference(device: Device) -> u8 {
    [Device::Watch, Device::Phone, Device::Unknown, Device::App]
        .iter()
        .position(|other| *other == device)
        .unwrap() as u8
}

fn choose(records: &[Counted], minute: i64) -> Option<(u8, Digest)> {
    let hour = minute.div_euclid(60);
    let steps = |source: (u8, Digest)| -> i64 {
        records
            .iter()
            .filter(|record| record.source == source)
            .map(|record| match record.seconds() {
                0 if record.from.div_euclid(3600) == hour => record.steps,
                0 => 0,
                length => {
                    let inside = (record.from..record.to).filter(|s| s.div_euclid(3600) == hour);
                    record.steps * inside.count() as i64 / length
                }
            })
            .sum()
    };
    records
        .iter()
        .filter(|record| record.touches(minute))
        .map(|record| record.source)
        .min_by_key(|source| (source.0, -steps(*source), source.1))
}

/// Largest remainder, the earlier minute first.
fn spread(record: &Counted) -> Vec<(i64, i64)> {
    if record.seconds() == 0 {
        return vec![(record.from.div_euclid(60), record.steps)];
    }
    let mut inside: BTreeMap<i64, i64> = BTreeMap::new();
    for second in record.from..record.to {
        *inside.entry(second.div_euclid(60)).or_default() += 1;
    }
    let mut shares: BTreeMap<i64, i64> = inside
        .iter()
        .map(|(minute, seconds)| (*minute, record.steps * seconds / record.seconds()))
        .collect();
    let mut by_remainder: Vec<(i64, i64)> = inside
        .iter()
        .map(|(minute, seconds)| (-(record.steps * seconds % record.seconds()), *minute))
        .collect();
    by_remainder.sort_unstable();
    let left = record.steps - shares.values().sum::<i64>();
    for (_, minute) in by_remainder.iter().take(left as usize) {
        *shares.get_mut(minute).unwrap() += 1;
    }
    shares.into_iter().collect()
}

/// Which record of a source a second belongs to: short before long, shorter long ones first.
fn owner(
    records: &[Counted],
    is_long: &impl Fn(&Counted) -> bool,
    source: (u8, Digest),
    second: i64,
) -> Option<usize> {
    records
        .iter()
        .enumerate()
        .filter(|(_, record)| record.source == source && (record.from..record.to).contains(&second))
        .min_by_key(|(index, record)| match is_long(record) {
            false => (false, 0, *index),
            true => (true, record.seconds(), *index),
        })
        .map(|(index, _)| index)
}
