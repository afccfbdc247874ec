//! Which source a UTC minute is taken from. Sources are never added up.

use std::{cmp::Reverse, collections::BTreeMap};

use wom_sdk::{Device, Digest, MINUTE_MS};

use super::{HOUR_MS, steps::Record};

/// A device or program that counts steps, ordered by how much it is preferred within an hour:
/// the least is chosen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Rank {
    class: u8,
    steps: Reverse<i64>,
    stream: Digest,
}

/// A source, before its steps in an hour are known.
pub(super) type Source = (u8, Digest);

/// How far down a kind of device stands in the order of preference.
pub(super) fn class(device: Device) -> u8 {
    match device {
        Device::Watch => 0,
        Device::Phone => 1,
        Device::App => 3,
        _ => 2,
    }
}

/// Minutes of one UTC hour, one bit each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Minutes {
    /// Hours since the epoch.
    pub(super) hour: i64,
    bits: u64,
}

impl Minutes {
    /// Whether the minute with this number since the epoch is among them.
    pub(super) fn contain(self, minute: i64) -> bool {
        minute.div_euclid(60) == self.hour && self.bits & (1 << minute.rem_euclid(60)) != 0
    }

    /// Runs of consecutive minutes, each as first and one after the last.
    pub(super) fn runs(self) -> impl Iterator<Item = (i64, i64)> {
        let mut bits = self.bits;
        std::iter::from_fn(move || {
            if bits == 0 {
                return None;
            }
            let from = bits.trailing_zeros();
            let length = (bits >> from).trailing_ones();
            // 60 of 64 bits are in use, so that no shift reaches the width.
            bits &= !(((1 << length) - 1) << from);
            let first = self.hour * 60 + i64::from(from);
            Some((first, first + i64::from(length)))
        })
    }
}

/// For each record the minutes in which its source is chosen, hour by hour in order. Hours without
/// any are left out.
///
/// An hour at a time, so that a record of a day costs 25 steps and not 1440.
pub(super) fn own_minutes(records: &[Record<'_>]) -> Vec<Vec<Minutes>> {
    let mut by_hour: Vec<(i64, usize)> = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        let (first, last) = record.minutes();
        let hours = first.div_euclid(60)..=last.div_euclid(60);
        by_hour.extend(hours.map(|hour| (hour, index)));
    }
    by_hour.sort_unstable();
    let mut own = vec![Vec::new(); records.len()];
    for group in by_hour.chunk_by(|a, b| a.0 == b.0) {
        let hour = group[0].0;
        let chosen = choose(records, group, hour);
        for &(_, index) in group {
            let record = &records[index];
            let mine = chosen.get(&record.source()).copied().unwrap_or_default();
            let bits = mine & touched(record, hour);
            if bits != 0 {
                own[index].push(Minutes { hour, bits });
            }
        }
    }
    own
}

/// The minutes of an hour that each source is chosen for.
fn choose(records: &[Record<'_>], group: &[(i64, usize)], hour: i64) -> BTreeMap<Source, u64> {
    let mut sources: BTreeMap<Source, (i64, u64)> = BTreeMap::new();
    for &(_, index) in group {
        let record = &records[index];
        let (steps, minutes) = sources.entry(record.source()).or_default();
        *steps += record.steps_between(hour * HOUR_MS, (hour + 1) * HOUR_MS);
        *minutes |= touched(record, hour);
    }
    let mut ranked: Vec<_> = sources
        .into_iter()
        .map(|((class, stream), (steps, minutes))| {
            let steps = Reverse(steps);
            (
                Rank {
                    class,
                    steps,
                    stream,
                },
                minutes,
            )
        })
        .collect();
    ranked.sort_unstable_by_key(|(rank, _)| *rank);
    let mut taken = 0;
    ranked
        .into_iter()
        .map(|(rank, minutes)| {
            let own = minutes & !taken;
            taken |= minutes;
            ((rank.class, rank.stream), own)
        })
        .collect()
}

/// The minutes of an hour that a record touches.
fn touched(record: &Record<'_>, hour: i64) -> u64 {
    let (first, last) = record.minutes();
    let from = (first - hour * 60).clamp(0, 60);
    let to = (last + 1 - hour * 60).clamp(0, 60);
    if from >= to {
        return 0;
    }
    ((1_u64 << (to - from)) - 1) << from
}

const _: () = assert!(HOUR_MS == 60 * MINUTE_MS);
