//! What the observations of a reading come to: minutes by participant and day.

use std::collections::BTreeMap;

use serde::Serialize;
use wom_sdk::{
    Body, Day, MINUTE_MS, Observation, Subject, TimeSet, Timestamp, Zone,
    observation::{Entry, Merged},
    rules::Judgement,
};

/// The people of a reading, in order of appearance.
#[derive(Debug, Default)]
pub struct People {
    by_subject: BTreeMap<Subject, usize>,
    people: Vec<Person>,
    show_subjects: bool,
}

/// One of them.
#[derive(Debug)]
pub struct Person {
    /// `p1`, or the id if it is to be shown.
    pub name: String,
    merged: Merged,
}

impl People {
    pub fn new(show_subjects: bool) -> Self {
        Self {
            show_subjects,
            ..Self::default()
        }
    }

    /// Merges an observation in. Returns the person's name.
    pub fn take(&mut self, observation: Observation) -> &str {
        let (subject, entry) = observation.into_entry();
        let next = self.people.len();
        let index = match self.by_subject.get(&subject) {
            Some(index) => *index,
            None => {
                self.people.push(Person {
                    name: if self.show_subjects {
                        subject.reveal().to_owned()
                    } else {
                        format!("p{}", next + 1)
                    },
                    merged: Merged::default(),
                });
                self.by_subject.insert(subject, next);
                next
            }
        };
        let person = &mut self.people[index];
        person.merged.insert(entry);
        &person.name
    }

    pub fn iter(&self) -> impl Iterator<Item = &Person> {
        self.people.iter()
    }
}

impl Person {
    /// What is open, in order of time.
    pub fn open(&self) -> Vec<&Entry> {
        self.merged.open()
    }
}

/// What the reading comes to, before the caps of a campaign.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// How many people.
    pub participants: usize,
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
    /// Days on which minutes count.
    pub days: Vec<DayMinutes>,
}

/// Whole minutes of one person on one civil day.
#[derive(Debug, Serialize)]
pub struct DayMinutes {
    pub participant: String,
    pub day: Day,
    pub minutes: i64,
}

impl Summary {
    /// Adds a person, whose open entries were judged.
    pub fn add(&mut self, name: &str, open: &[&Entry], judgement: &Judgement, zone: &Zone) {
        self.participants += 1;
        for entry in open {
            self.steps += u64::from(steps(&entry.body).unwrap_or(0));
            let Some(span) = entry.body.span() else {
                continue;
            };
            self.from = Some(
                self.from
                    .map_or(span.start(), |from| from.min(span.start())),
            );
            self.to = Some(self.to.map_or(span.end(), |to| to.max(span.end())));
        }
        for (day, minutes) in minutes_by_day(judgement, zone) {
            self.minutes += minutes;
            self.days.push(DayMinutes {
                participant: name.to_owned(),
                day,
                minutes,
            });
        }
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

/// Whole minutes of each civil day: its time rounded down once, and what was reached on it.
pub fn minutes_by_day(judgement: &Judgement, zone: &Zone) -> BTreeMap<Day, i64> {
    let mut days = BTreeMap::<Day, i64>::new();
    for (day, millis) in millis_by_day(&judgement.time(), zone) {
        days.insert(day, millis / MINUTE_MS);
    }
    for reached in &judgement.milestones {
        *days.entry(zone.day(reached.at)).or_default() += i64::from(reached.minutes);
    }
    days.retain(|_, minutes| *minutes > 0);
    days
}

fn millis_by_day(time: &TimeSet, zone: &Zone) -> BTreeMap<Day, i64> {
    let mut days = BTreeMap::<Day, i64>::new();
    for span in time.spans() {
        let mut start = span.start();
        while start < span.end() {
            let day = zone.day(start);
            // A day has at least an instant, even where the calendar ends.
            let midnight = zone.start_of(day.next()).max(start.plus_millis(1));
            let end = midnight.min(span.end());
            *days.entry(day).or_default() += end.since(start);
            start = midnight;
        }
    }
    days
}
