//! Milestones: each once, for what time has not earned already.

use std::collections::BTreeMap;

use wom_sdk::{
    Digest, MINUTE_MS, TimeSet, Timestamp,
    observation::{Goal, Trace},
    rules::Reached,
};

use super::{Credit, Findings, Record, StudyMinutes, minutes_ms, reasons};

/// A milestone the first time it was reached.
struct First<'a> {
    record: Record<'a>,
    at: Timestamp,
}

impl StudyMinutes {
    pub(super) fn milestones<'a>(
        &self,
        reached: &[Record<'a>],
        witnesses: &[Record<'a>],
        credit: &Credit,
        findings: &mut Findings,
    ) -> Vec<Reached> {
        // Courses come last, as they look at what their items' milestones were worth.
        let mut firsts = BTreeMap::<(bool, Digest, Goal), First<'a>>::new();
        let mut order: Vec<_> = reached.iter().collect();
        order.sort_by_key(|record| (record.span(), record.entry.key));
        for record in order {
            let Trace::Milestone { at, goal } = record.study.trace else {
                continue;
            };
            let name = (goal == Goal::Course, record.study.item, goal);
            if firsts.contains_key(&name) {
                findings.add(record.entry, record.span(), 0, &reasons::MILESTONE_AGAIN);
                continue;
            }
            let record = *record;
            firsts.insert(name, First { record, at });
        }
        let mut paid = BTreeMap::<Digest, i64>::new();
        let mut milestones = Vec::new();
        for ((_, item, goal), first) in &firsts {
            let worth = minutes_ms(self.worth(*goal));
            let items = items_of(first.record, *goal, reached, witnesses);
            let time: TimeSet = items
                .iter()
                .filter_map(|item| credit.by_item.get(item))
                .flat_map(|time| time.spans().iter().copied())
                .collect();
            let earned = time.millis();
            let by_others: i64 = items.iter().filter_map(|item| paid.get(item)).sum();
            let nominal = nominal_ms(*item, reached, witnesses).unwrap_or(worth);
            let left = worth.min(nominal) - earned - by_others;
            let minutes = u32::try_from(left.max(0) / MINUTE_MS).unwrap_or(u32::MAX);
            let reason = match () {
                () if worth == 0 => &reasons::MILESTONE_OFF,
                () if earned < minutes_ms(self.milestone_needs_minutes) => {
                    &reasons::MILESTONE_WITHOUT_STUDY
                }
                () if minutes == 0 => &reasons::MILESTONE_EARNED_BY_TIME,
                () => &reasons::MILESTONE,
            };
            let record = first.record;
            if reason != &reasons::MILESTONE {
                findings.add(record.entry, record.span(), 0, reason);
                continue;
            }
            let millis = i64::from(minutes) * MINUTE_MS;
            *paid.entry(*item).or_default() += millis;
            findings.add(record.entry, record.span(), millis, reason);
            milestones.push(Reached {
                name: format!("{}:{}", goal.name(), item.to_hex()),
                at: first.at,
                minutes,
            });
        }
        milestones
    }

    fn worth(&self, goal: Goal) -> u32 {
        match goal {
            Goal::Badge => self.badge_minutes,
            Goal::Completed => self.completed_minutes,
            Goal::Course => self.course_minutes,
            Goal::Mastered => self.mastered_minutes,
            Goal::Passed => self.passed_minutes,
            _ => 0,
        }
    }
}

/// The items whose time a milestone looks at: its own, and for a course all of it.
fn items_of(
    record: Record<'_>,
    goal: Goal,
    reached: &[Record<'_>],
    witnesses: &[Record<'_>],
) -> Vec<Digest> {
    let mut items = vec![record.study.item];
    if goal == Goal::Course && record.study.course.is_some() {
        let all = reached.iter().chain(witnesses);
        let of_course = all.filter(|other| other.study.course == record.study.course);
        items.extend(of_course.map(|other| other.study.item));
        items.sort_unstable();
        items.dedup();
    }
    items
}

fn nominal_ms(item: Digest, reached: &[Record<'_>], witnesses: &[Record<'_>]) -> Option<i64> {
    let all = reached.iter().chain(witnesses);
    let of_item = all.filter(|record| record.study.item == item);
    let seconds = of_item.filter_map(|record| record.study.nominal_s).min()?;
    Some(i64::from(seconds) * 1_000)
}
