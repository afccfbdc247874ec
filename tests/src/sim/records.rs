//! What really happened: persons, their devices' records, and how those change.

use wom_sdk::{
    Activity, Body, Device, Digest, Observation, Provenance, Recording, Span, Subject, Timestamp,
};

use super::calendar::{CELL_MS, Calendar};
use crate::fuzz::Rng;

/// The activities of a run.
pub(super) const ACTIVITIES: [Activity; 2] = [Activity::CYCLING, Activity::SWIMMING];

/// One record of one device, in all its revisions.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) person: usize,
    pub(super) device: usize,
    /// Somebody typed it in: it is held until it is judged.
    pub(super) typed: bool,
    pub(super) revisions: Vec<Version>,
}

/// What a revision of a record says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Version {
    /// Something went on, from a cell on, so many cells.
    Active {
        from: usize,
        cells: usize,
        activity: usize,
    },
    /// Something was reached, in a cell.
    Milestone { cell: usize, minutes: u32 },
    /// It never was.
    Withdrawn,
}

impl Version {
    /// The first cell after it.
    fn end(&self) -> usize {
        match self {
            Self::Active { from, cells, .. } => from + cells,
            Self::Milestone { cell, .. } => *cell,
            Self::Withdrawn => 0,
        }
    }
}

impl Record {
    /// When the last thing that a revision speaks of is past.
    pub(super) fn past(&self, revision: usize, calendar: &Calendar) -> Timestamp {
        let ends = self.revisions[..=revision].iter().map(Version::end).max();
        calendar.at(ends.unwrap_or(0))
    }
}

/// The records of a run; a record's key is its place.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) calendar: &'static Calendar,
    pub(super) persons: usize,
    pub(super) all: Vec<Record>,
}

impl Records {
    /// Records around the time from `start` until `end`.
    pub(super) fn draw(
        seed: u64,
        calendar: &'static Calendar,
        start: Timestamp,
        end: Timestamp,
    ) -> Self {
        let mut rng = Rng::new(seed, "records", 0);
        let persons = 1 + rng.below(3);
        let first = calendar.cell(start.plus_millis(-6 * 3_600_000));
        let cells = calendar.cell(end) - first;
        let mut all: Vec<Record> = Vec::new();
        let typing = rng.one_in(2);
        for _ in 0..1 + rng.below(24) {
            let person = rng.below(persons);
            // Half of them beside or upon another one: two devices saw the same.
            let near = all.iter().rev().find_map(|other| match other.revisions[0] {
                Version::Active { from, .. } if other.person == person => Some(from),
                _ => None,
            });
            let from = match near {
                Some(near) if rng.one_in(2) => (near + rng.below(60)).saturating_sub(30),
                _ => first + rng.below(cells),
            };
            let mut version = Self::version(&mut rng, from);
            let mut revisions = vec![version.clone()];
            while rng.one_in(3) && revisions.len() < 4 {
                version = match rng.below(4) {
                    0 => Version::Withdrawn,
                    1 => {
                        let elsewhere = first + rng.below(cells);
                        Self::version(&mut rng, elsewhere)
                    }
                    _ => Self::version(&mut rng, from),
                };
                revisions.push(version.clone());
            }
            all.push(Record {
                person,
                device: rng.below(2),
                typed: typing && rng.one_in(3),
                revisions,
            });
        }
        if rng.one_in(3) {
            let cell = first + rng.below(cells);
            let minutes = u32::try_from(5 + rng.below(60)).unwrap_or(5);
            all.push(Record {
                person: rng.below(persons),
                device: 0,
                typed: false,
                revisions: vec![Version::Milestone { cell, minutes }],
            });
        }
        Self {
            calendar,
            persons,
            all,
        }
    }

    fn version(rng: &mut Rng, from: usize) -> Version {
        // Not whole minutes, so that it matters where the floor is taken.
        let most = *rng.pick(&[5, 40, 200, 500]);
        Version::Active {
            from,
            cells: 1 + rng.below(most),
            activity: rng.below(ACTIVITIES.len()),
        }
    }

    /// The person, as the embedder names them.
    pub(super) fn subject(person: usize) -> Subject {
        Subject::new(Subject::PARTICIPANT, format!("canary-person-{person}")).expect("a name")
    }

    /// The person, as the account of one of their devices is named.
    fn account(person: usize, device: usize) -> Subject {
        let id = format!("canary-person-{person}");
        Subject::new(["watch", "phone"][device % 2], id).expect("a name")
    }

    /// Whose account it is.
    pub(super) fn owner(account: &Subject) -> Option<usize> {
        account
            .reveal()
            .strip_prefix("canary-person-")?
            .parse()
            .ok()
    }

    /// The record's key, as an adapter gives it.
    pub(super) fn key(record: usize) -> Digest {
        Digest::of([(record as u64).to_be_bytes()])
    }

    /// When the milestone of this name was reached.
    pub(super) fn reached(&self, name: &str) -> Timestamp {
        let milestones = self.all.iter().enumerate();
        let cells = milestones.filter_map(|(number, record)| match record.revisions[0] {
            Version::Milestone { cell, .. } if milestone(number) == name => Some(cell),
            _ => None,
        });
        self.calendar.at(cells.min().unwrap_or(0))
    }

    /// What an adapter yields for a revision of a record.
    pub(super) fn observe(&self, number: usize, revision: usize) -> Observation {
        let record = &self.all[number];
        let body = match record.revisions[revision] {
            Version::Active {
                from,
                cells,
                activity,
            } => Body::Interval {
                span: Span::starting(self.calendar.at(from), cells as i64 * CELL_MS),
                activity: ACTIVITIES[activity].clone(),
                steps: None,
            },
            Version::Milestone { cell, minutes } => Body::Milestone {
                at: self.calendar.at(cell),
                name: milestone(number),
                minutes,
            },
            Version::Withdrawn => Body::Withdrawn,
        };
        Observation {
            subject: Self::account(record.person, record.device),
            key: Self::key(number),
            revision: revision as u64,
            provenance: Provenance {
                stream: Digest::of([format!("{} {}", record.person, record.device)]),
                device: Device::Watch,
                recording: match record.typed {
                    true => Recording::Manual,
                    false => Recording::Measured,
                },
            },
            body,
        }
    }
}

/// The name of the milestone that a record is about.
pub(super) fn milestone(record: usize) -> String {
    format!("course {record}")
}
