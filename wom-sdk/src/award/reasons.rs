//! What the minutes of an award were given to, and when.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Content;
use crate::{Day, Zone, protocol::Aim};

/// Minutes given to one aim on one day.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct Reason {
    /// What for.
    pub aim: Aim,
    /// On which day, in the campaign's zone.
    pub day: Day,
    /// How many minutes.
    pub minutes: u32,
}

impl Content {
    /// What the minutes were given to, by day and aim.
    ///
    /// `zone` is the campaign's: vouchers carry the first instant of a day there.
    pub fn reasons(&self, zone: &Zone) -> Vec<Reason> {
        let mut sums = BTreeMap::new();
        for sort in self.sorts() {
            *sums.entry((zone.day(sort.at), sort.aim)).or_default() += sort.minutes;
        }
        let reason = |((day, aim), minutes)| Reason { aim, day, minutes };
        sums.into_iter().map(reason).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::award::Vouchers;

    #[test]
    fn sorts_of_one_day_and_aim_are_one_reason() {
        let sort = |aim: &str, minutes, at: &str| Vouchers {
            aim: aim.parse().unwrap(),
            minutes,
            place: "43.72,12.63".parse().unwrap(),
            at: at.parse().unwrap(),
        };
        let content = Content::new(vec![
            sort("UM", 5, "2026-03-01T23:00:00Z"),
            sort("H", 10, "2026-02-28T23:00:00Z"),
            sort("UM", 7, "2026-03-02T10:00:00Z"),
        ])
        .unwrap();
        let told: Vec<_> = content
            .reasons(&"Europe/Rome".parse().unwrap())
            .iter()
            .map(|reason| format!("{} {} {}", reason.aim, reason.day, reason.minutes))
            .collect();
        assert_eq!(told, ["H 2026-03-01 10", "UM 2026-03-02 12"]);
    }
}
