//! Caps: of each item, each day and each week. Later time is cut first.

use std::collections::BTreeMap;

use wom_sdk::{Day, Digest, Span, TimeSet, Zone, rules::Reason};

use super::{Credit, Findings, Part, Record, StudyMinutes, first, minutes_ms, reasons};

impl StudyMinutes {
    /// Cuts what is over a cap, and says of every record what is left of it.
    pub(super) fn capped(
        &self,
        records: &[Record<'_>],
        parts: Vec<Part<'_>>,
        findings: &mut Findings,
    ) -> Credit {
        let mut by_item = BTreeMap::<Digest, Vec<Span>>::new();
        for part in &parts {
            let spans = part.time.spans();
            by_item
                .entry(part.record.study.item)
                .or_default()
                .extend(spans);
        }
        let nominal = shortest_nominal(records);
        let mut left = BTreeMap::new();
        for (item, spans) in by_item {
            let time: TimeSet = spans.into_iter().collect();
            let capped = match nominal.get(&item) {
                Some(seconds) => {
                    let percent = i64::from(*seconds) * 10 * i64::from(self.nominal_percent);
                    first(&time, percent)
                }
                None => self.each_day(&time, self.item_day_minutes),
            };
            left.insert(item, capped);
        }
        let of_items: TimeSet = left
            .values()
            .flat_map(|time| time.spans().iter().copied())
            .collect();
        let of_days = self.each_day(&of_items, self.day_minutes);
        let time = self.each_week(&of_days, self.week_minutes);
        let mut told = BTreeMap::<Digest, (Record<'_>, TimeSet, &'static Reason)>::new();
        for part in &parts {
            let key = part.record.entry.key;
            let (_, time, reason) = told
                .entry(key)
                .or_insert_with(|| (part.record, TimeSet::EMPTY, part.reason));
            // A record that began a film is a point too; what brought time says why.
            if time.is_empty() {
                *reason = part.reason;
            }
            *time = time.union(&part.time);
        }
        for (record, wanted, reason) in told.into_values() {
            let in_item = left
                .get(&record.study.item)
                .map_or(TimeSet::EMPTY, |left| left.intersection(&wanted));
            let kept = in_item.intersection(&time);
            let reason = match () {
                () if kept == wanted => reason,
                () if in_item != wanted => &reasons::OVER_ITEM_CAP,
                () if in_item.intersection(&of_days) != in_item => &reasons::OVER_DAY_CAP,
                () => &reasons::OVER_WEEK_CAP,
            };
            findings.add(record.entry, record.span(), kept.millis(), reason);
        }
        for own in left.values_mut() {
            *own = own.intersection(&time);
        }
        Credit {
            time,
            by_item: left,
        }
    }

    fn each_day(&self, time: &TimeSet, minutes: u32) -> TimeSet {
        let days = days(time, &self.zone).into_iter();
        let spans = days.flat_map(|(_, time)| first(&time, minutes_ms(minutes)).spans().to_vec());
        spans.collect()
    }

    fn each_week(&self, time: &TimeSet, minutes: u32) -> TimeSet {
        let mut weeks = BTreeMap::<i64, Vec<Span>>::new();
        for (day, time) in days(time, &self.zone) {
            weeks.entry(week(day)).or_default().extend(time.spans());
        }
        let weeks = weeks.into_values().map(|spans| spans.into_iter().collect());
        let spans = weeks.flat_map(|time| first(&time, minutes_ms(minutes)).spans().to_vec());
        spans.collect()
    }
}

/// The shortest nominal length that any record tells of an item, in seconds.
fn shortest_nominal(records: &[Record<'_>]) -> BTreeMap<Digest, u32> {
    let mut nominal = BTreeMap::new();
    for record in records {
        if let Some(seconds) = record.study.nominal_s {
            let shortest = nominal.entry(record.study.item).or_insert(seconds);
            *shortest = seconds.min(*shortest);
        }
    }
    nominal
}

/// A set by civil days.
fn days(time: &TimeSet, zone: &Zone) -> Vec<(Day, TimeSet)> {
    let mut days = Vec::new();
    let mut rest = time.spans();
    let mut from = None;
    while let Some(span) = rest.first() {
        let day = zone.day(from.map_or(span.start(), |from| span.start().max(from)));
        let (start, end) = (zone.start_of(day), zone.start_of(day.next()));
        let today = Span::starting(start, end.since(start).max(1));
        days.push((day, time.within(today)));
        from = Some(today.end());
        rest = &rest[rest.partition_point(|span| span.end() <= today.end())..];
    }
    days
}

/// Weeks begin on Monday; 1970-01-01 was a Thursday.
fn week(day: Day) -> i64 {
    let number = Zone::UTC.start_of(day).as_seconds().div_euclid(86_400);
    (number + 3).div_euclid(7)
}
