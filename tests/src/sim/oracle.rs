//! What is due, counted naively: cell by cell, from the raw records.
//!
//! Nothing here knows of spans, sets of time or judgements: a day is an array of ten-second cells.

use std::collections::BTreeMap;

use wom_sdk::{
    MINUTE_MS, Timestamp,
    campaign::{Campaign, Collect, Hours, Line, Mode, Unit},
    privacy::Epoch,
};

use super::{
    calendar::{CELL_MS, Calendar},
    records::{ACTIVITIES, Records, Version, milestone},
};
use crate::fuzz::Rng;

/// A line, in the oracle's words.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) name: &'static str,
    pub(super) aim: &'static str,
    /// Only the first activity.
    only_cycling: bool,
    /// From and until, in minutes of the day.
    hours: Option<(u16, u16)>,
    instead: bool,
    milestones: bool,
    unpaid: u32,
    cap: Option<u32>,
    step: u32,
}

/// A campaign, in the oracle's words.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub(super) lines: Vec<Policy>,
    pub(super) settlement_ms: i64,
    collect: Collect,
}

/// What is due for a unit on a line, and from when on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Due {
    /// Of records that nobody doubts.
    pub(super) clean: u32,
    /// If what is doubted were accepted.
    pub(super) accepted: u32,
    pub(super) settles: Timestamp,
}

impl Due {
    pub(super) fn most(&self) -> u32 {
        self.clean.max(self.accepted)
    }
}

impl Policies {
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "policies", 0);
        let caps = [None, Some(20), Some(60), Some(240)];
        let mobility = Policy {
            name: "mobility",
            aim: "T",
            only_cycling: true,
            hours: Some(*rng.pick(&[(17 * 60, 21 * 60), (22 * 60, 60), (6 * 60, 9 * 60 + 30)])),
            instead: rng.one_in(2),
            milestones: false,
            unpaid: 0,
            cap: *rng.pick(&caps),
            step: 1,
        };
        let health = Policy {
            name: "health",
            aim: "H",
            only_cycling: false,
            hours: None,
            instead: false,
            milestones: true,
            unpaid: *rng.pick(&[0, 0, 10]),
            cap: *rng.pick(&caps),
            step: *rng.pick(&[1, 1, 5]),
        };
        let lines = match rng.below(3) {
            0 => vec![health],
            _ => vec![mobility, health],
        };
        let hours = i64::try_from(1 + rng.below(3)).unwrap_or(1);
        Self {
            lines,
            settlement_ms: hours * 60 * MINUTE_MS,
            collect: *rng.pick(&[Collect::OnTap, Collect::AtOnce, Collect::AtLeast(30)]),
        }
    }

    /// The same in production's words.
    pub(super) fn campaign(&self, calendar: &Calendar) -> Campaign {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let lines = self.lines.iter().map(|policy| Line {
            activities: policy
                .only_cycling
                .then(|| ACTIVITIES[0].clone())
                .into_iter()
                .collect(),
            hours: policy
                .hours
                .map(|(from, until)| Hours::new(&clock(from), &clock(until)).expect("hours"))
                .into_iter()
                .collect(),
            milestones: policy.milestones,
            mode: if policy.instead {
                Mode::Instead
            } else {
                Mode::Also
            },
            unpaid_start_minutes: policy.unpaid,
            cap_minutes: policy.cap,
            round_to_minutes: policy.step,
            ..Line::all_day(policy.name, policy.aim.parse().expect("an aim"))
        });
        let all = Epoch::CAMPAIGN.span(&calendar.zone);
        Campaign {
            lines: lines.collect(),
            settlement_ms: self.settlement_ms,
            collect: self.collect,
            ..super::campaign(calendar.zone.clone(), all)
        }
    }

    /// What is due of some records, each in the revision that is known, within one epoch.
    pub(super) fn due(
        &self,
        records: &Records,
        known: &BTreeMap<usize, usize>,
        epoch: Epoch,
    ) -> BTreeMap<(usize, Unit), Due> {
        if epoch == Epoch::CAMPAIGN {
            return self.milestones(records, known);
        }
        let mut due = self.counted(records, known, epoch);
        if known.keys().any(|record| records.all[*record].typed) {
            let mut clean = known.clone();
            clean.retain(|record, _| !records.all[*record].typed);
            let clean = self.counted(records, &clean, epoch);
            for due in due.values_mut() {
                due.clean = 0;
            }
            // What counts on one line only is missing on another.
            for (unit, own) in clean {
                let due = due.entry(unit).or_insert(Due {
                    accepted: 0,
                    ..own.clone()
                });
                due.clean = own.clean;
            }
        }
        due
    }

    /// What is due of all of these records, whoever doubts them.
    fn counted(
        &self,
        records: &Records,
        known: &BTreeMap<usize, usize>,
        epoch: Epoch,
    ) -> BTreeMap<(usize, Unit), Due> {
        let calendar = records.calendar;
        let mut active = vec![[false; ACTIVITIES.len()]; calendar.cells.len()];
        let (mut first, mut last) = (active.len(), 0);
        for (record, revision) in known {
            if let Version::Active {
                from,
                cells,
                activity,
            } = records.all[*record].revisions[*revision]
            {
                (first, last) = (first.min(from), last.max(from + cells));
                for cell in &mut active[from..from + cells] {
                    cell[activity] = true;
                }
            }
        }
        let mut due = BTreeMap::new();
        let mut counts = vec![vec![0_u32; calendar.days.len()]; self.lines.len()];
        let looked = first.min(last)..last;
        for (cell, active) in calendar.cells[looked.clone()].iter().zip(&active[looked]) {
            if calendar.epochs[cell.epoch] != epoch {
                continue;
            }
            for (number, policy) in self.lines.iter().enumerate() {
                let counts_here = active[0] || (active[1] && !policy.only_cycling);
                let in_hours = policy.hours.is_none_or(|(from, until)| match from < until {
                    true => from <= cell.minute && cell.minute < until,
                    false => from <= cell.minute || cell.minute < until,
                });
                if counts_here && in_hours {
                    counts[number][cell.day] += 1;
                    if policy.instead {
                        break;
                    }
                }
            }
        }
        for (number, policy) in self.lines.iter().enumerate() {
            for (day, cells) in counts[number].iter().enumerate() {
                let seconds = cells * u32::try_from(CELL_MS / 1000).unwrap_or(1);
                let paid = seconds.saturating_sub(policy.unpaid * 60) / 60;
                let paid = policy.cap.map_or(paid, |cap| paid.min(cap));
                let day = calendar.days[day];
                let settles = calendar
                    .zone
                    .start_of(day.next())
                    .plus_millis(self.settlement_ms);
                let minutes = paid / policy.step * policy.step;
                if minutes > 0 {
                    let due_now = Due {
                        clean: minutes,
                        accepted: minutes,
                        settles,
                    };
                    due.insert((number, Unit::Day(day)), due_now);
                }
            }
        }
        due
    }

    fn milestones(
        &self,
        records: &Records,
        known: &BTreeMap<usize, usize>,
    ) -> BTreeMap<(usize, Unit), Due> {
        let mut due = BTreeMap::new();
        for (record, revision) in known {
            let Version::Milestone { cell, minutes } = records.all[*record].revisions[*revision]
            else {
                continue;
            };
            let settles = records.calendar.at(cell).plus_millis(self.settlement_ms);
            for (number, _) in self
                .lines
                .iter()
                .enumerate()
                .filter(|(_, line)| line.milestones)
            {
                due.insert(
                    (number, Unit::Named(milestone(*record))),
                    Due {
                        clean: minutes,
                        accepted: minutes,
                        settles,
                    },
                );
            }
        }
        due
    }
}
