//! What the observations of a reading come to: minutes by person and day.

use std::collections::BTreeMap;

use serde::Serialize;
use wom_sdk::{
    Body, Day, MINUTE_MS, Span, TimeSet, Timestamp, Zone, observation::Entry, rules::Judgement,
};

/// What the reading comes to, before the caps of a campaign; without its days.
#[derive(Debug, Default, Serialize)]
pub struct Totals {
    /// How many people.
    pub participants: u64,
    /// How many observations were read, repeated and corrected ones among them.
    pub observations: u64,
    /// How many records were refused.
    pub refused: u64,
    /// The sum of the days.
    pub minutes: i64,
    /// Steps of the open observations, as each device counted them.
    pub steps: u64,
    /// The first instant that an open observation speaks of.
    pub from: Option<Timestamp>,
    /// The end of the last.
    pub to: Option<Timestamp>,
}

impl Totals {
    /// Counts an open entry.
    pub fn count(&mut self, entry: &Entry) {
        self.steps += u64::from(steps(&entry.body).unwrap_or(0));
        let Some(span) = entry.body.span() else {
            return;
        };
        let (start, end) = (span.start(), span.end());
        self.from = Some(self.from.map_or(start, |from| from.min(start)));
        self.to = Some(self.to.map_or(end, |to| to.max(end)));
    }
}

/// Steps that the entry counts, if it does.
pub fn steps(body: &Body) -> Option<u32> {
    match body {
        Body::Interval { steps, .. } => *steps,
        Body::Steps { steps, .. } => Some(*steps),
        _ => None,
    }
}

/// The time, the milestones and the sessions of one person, as they are judged part by part.
#[derive(Debug, Default)]
pub struct Days {
    /// Time that later parts may add to.
    open: TimeSet,
    /// Milliseconds of earlier time.
    millis: BTreeMap<Day, i64>,
    /// Milestones and sessions by name.
    reached: BTreeMap<String, (Day, i64)>,
}

impl Days {
    /// Takes in a part. No later part speaks of time before `next`.
    pub fn add(&mut self, judgement: &Judgement, next: Timestamp, zone: &Zone) {
        self.open = self.open.union(&judgement.time());
        for reached in &judgement.milestones {
            // The parts come in order of time, so the first is the first.
            let worth = (zone.day(reached.at), i64::from(reached.minutes));
            self.reached.entry(reached.name.clone()).or_insert(worth);
        }
        for session in &judgement.sessions {
            let worth = (zone.day(session.window.start()), session.time.minutes());
            self.reached.entry(session.name.clone()).or_insert(worth);
        }
        self.close(next, zone);
    }

    /// Whole minutes of each civil day: its time rounded down once, and what was reached or began on it.
    pub fn finish(mut self, zone: &Zone) -> BTreeMap<Day, i64> {
        self.close(Timestamp::MAX, zone);
        let mut days: BTreeMap<_, _> = self
            .millis
            .into_iter()
            .map(|(day, millis)| (day, millis / MINUTE_MS))
            .collect();
        for (day, minutes) in self.reached.into_values() {
            *days.entry(day).or_default() += minutes;
        }
        days.retain(|_, minutes| *minutes > 0);
        days
    }

    /// Counts the time before `next` for good.
    fn close(&mut self, next: Timestamp, zone: &Zone) {
        let Some(extent) = self.open.extent().filter(|extent| extent.start() < next) else {
            return;
        };
        let before = Span::starting(extent.start(), next.since(extent.start()));
        for span in self.open.within(before).spans() {
            self.count(*span, zone);
        }
        let after = Span::starting(next, extent.end().since(next));
        self.open = self.open.within(after);
    }

    fn count(&mut self, span: Span, zone: &Zone) {
        let mut start = span.start();
        while start < span.end() {
            let day = zone.day(start);
            // A day has at least an instant, even where the calendar ends.
            let midnight = zone.start_of(day.next()).max(start.plus_millis(1));
            let end = midnight.min(span.end());
            *self.millis.entry(day).or_default() += end.since(start);
            start = midnight;
        }
    }
}
