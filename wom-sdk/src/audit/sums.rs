//! Sums over everything that a store holds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Zone, protocol::Aim, store::AwardRecord};

/// Awards, and what they are worth.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Line {
    /// How many awards.
    pub awards: u64,
    /// Minutes in them.
    pub minutes: u64,
}

/// Sums over everything that a store holds. Minutes that wait to be gathered stand in accounts
/// only.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sums {
    /// All awards.
    pub total: Line,
    /// By state.
    pub by_state: BTreeMap<String, Line>,
    /// By aim; an award with several counts at each.
    pub by_aim: BTreeMap<Aim, Line>,
    /// By the month that the vouchers tell, as `2026-03`, and aim.
    pub by_month: BTreeMap<String, BTreeMap<Aim, Line>>,
    /// Participants who are known.
    pub participants: u64,
    /// Their accounts.
    pub accounts: u64,
    /// Minutes that accounts have settled.
    pub settled_minutes: u64,
    /// Minutes of these that were gathered into awards.
    pub awarded_minutes: u64,
}

impl Sums {
    pub(super) fn add(&mut self, award: &AwardRecord, zone: &Zone) {
        let minutes = u64::from(award.content.minutes());
        self.total.add(minutes);
        let state = award.state.name().to_owned();
        self.by_state.entry(state).or_default().add(minutes);
        let (mut aims, mut months) = (BTreeMap::new(), BTreeMap::new());
        for sort in award.content.sorts() {
            let day = zone.day(sort.at);
            let month = format!("{:04}-{:02}", day.year(), day.month());
            *aims.entry(sort.aim).or_default() += u64::from(sort.minutes);
            *months.entry((month, sort.aim)).or_default() += u64::from(sort.minutes);
        }
        for (aim, minutes) in aims {
            self.by_aim.entry(aim).or_default().add(minutes);
        }
        for ((month, aim), minutes) in months {
            let month = self.by_month.entry(month).or_default();
            month.entry(aim).or_default().add(minutes);
        }
    }
}

impl Line {
    fn add(&mut self, minutes: u64) {
        self.awards += 1;
        self.minutes += minutes;
    }
}
