//! Entries as rows of bytes, small and in the order that is wanted.

use wom_sdk::{
    Activity, Body, Device, Digest, Error, Kind, Provenance, Recording, Result, Span, Timestamp,
    observation::Entry,
};

/// A row that sorts by person, key, and what decides between versions of a record.
pub fn by_key(person: u32, entry: &Entry) -> Vec<u8> {
    let (revision, content) = entry.rank();
    let mut row = Vec::with_capacity(128);
    row.extend(person.to_be_bytes());
    row.extend(entry.key.0);
    row.extend(revision.to_be_bytes());
    row.extend(content.0);
    encode(entry, &mut row);
    row
}

/// A row that sorts by person, time and key.
pub fn by_time(person: u32, start: Timestamp, entry: &Entry) -> Vec<u8> {
    let mut row = Vec::with_capacity(128);
    row.extend(person.to_be_bytes());
    // Two's complement with its sign turned sorts as the number does.
    row.extend((start.as_millis() ^ i64::MIN).to_be_bytes());
    row.extend(entry.key.0);
    row.extend(entry.revision.to_be_bytes());
    encode(entry, &mut row);
    row
}

/// The person and the entry of a row of [`by_key`].
pub fn of_key(row: &[u8]) -> Result<(u32, Entry)> {
    let mut row = Reader(row);
    let (person, key) = (row.u32()?, row.digest()?);
    let revision = row.u64()?;
    row.digest()?;
    Ok((person, row.entry(key, revision)?))
}

/// The person and the entry of a row of [`by_time`].
pub fn of_time(row: &[u8]) -> Result<(u32, Entry)> {
    let mut row = Reader(row);
    let person = row.u32()?;
    row.u64()?;
    let (key, revision) = (row.digest()?, row.u64()?);
    Ok((person, row.entry(key, revision)?))
}

const DEVICES: [Device; 4] = [Device::Unknown, Device::App, Device::Phone, Device::Watch];

const RECORDINGS: [Recording; 4] = [
    Recording::Unknown,
    Recording::Manual,
    Recording::Attested,
    Recording::Measured,
];

/// Forms of a body. The frequent ones are written in full, any other as JSON.
const OTHER: u8 = 0;
const INTERVAL: u8 = 1;
const INTERVAL_WITH_STEPS: u8 = 2;
const SECONDS: u8 = 3;
const STEPS: u8 = 4;

fn encode(entry: &Entry, row: &mut Vec<u8>) {
    let provenance = &entry.provenance;
    row.extend(provenance.stream.0);
    row.push(code(&DEVICES, &provenance.device));
    row.push(code(&RECORDINGS, &provenance.recording));
    let with_span = |row: &mut Vec<u8>, form: u8, span: &Span| {
        row.push(form);
        row.extend(span.start().as_millis().to_be_bytes());
        row.extend(span.end().as_millis().to_be_bytes());
    };
    match &entry.body {
        Body::Interval {
            span,
            activity,
            steps: None,
        } => {
            with_span(row, INTERVAL, span);
            row.extend(activity.as_str().bytes());
        }
        Body::Interval {
            span,
            activity,
            steps: Some(steps),
        } => {
            with_span(row, INTERVAL_WITH_STEPS, span);
            row.extend(steps.to_be_bytes());
            row.extend(activity.as_str().bytes());
        }
        Body::Seconds {
            within,
            seconds,
            activity,
        } => {
            with_span(row, SECONDS, within);
            row.extend(seconds.to_be_bytes());
            row.extend(activity.as_str().bytes());
        }
        Body::Steps { span, steps } => {
            with_span(row, STEPS, span);
            row.extend(steps.to_be_bytes());
        }
        other => {
            row.push(OTHER);
            row.extend(serde_json::to_vec(other).unwrap_or_default());
        }
    }
}

fn code<T: PartialEq>(values: &[T], value: &T) -> u8 {
    let index = values.iter().position(|other| other == value).unwrap_or(0);
    u8::try_from(index).unwrap_or(0)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn entry(mut self, key: Digest, revision: u64) -> Result<Entry> {
        let provenance = Provenance {
            stream: self.digest()?,
            device: *DEVICES.get(self.index()?).ok_or_else(damaged)?,
            recording: *RECORDINGS.get(self.index()?).ok_or_else(damaged)?,
        };
        let body = match self.array::<1>()? {
            [INTERVAL] => Body::Interval {
                span: self.span()?,
                steps: None,
                activity: self.activity()?,
            },
            [INTERVAL_WITH_STEPS] => Body::Interval {
                span: self.span()?,
                steps: Some(self.u32()?),
                activity: self.activity()?,
            },
            [SECONDS] => Body::Seconds {
                within: self.span()?,
                seconds: self.u32()?,
                activity: self.activity()?,
            },
            [STEPS] => Body::Steps {
                span: self.span()?,
                steps: self.u32()?,
            },
            _ => serde_json::from_slice(self.0).map_err(|_| damaged())?,
        };
        Ok(Entry {
            key,
            revision,
            provenance,
            body,
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or_else(damaged)?;
        self.0 = rest;
        Ok(*head)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn digest(&mut self) -> Result<Digest> {
        self.array().map(Digest)
    }

    fn index(&mut self) -> Result<usize> {
        self.array::<1>().map(|[index]| index.into())
    }

    fn instant(&mut self) -> Result<Timestamp> {
        let millis = self.array().map(i64::from_be_bytes)?;
        Ok(Timestamp::from_millis(millis))
    }

    fn span(&mut self) -> Result<Span> {
        Span::new(self.instant()?, self.instant()?)
    }

    fn activity(&mut self) -> Result<Activity> {
        let name = std::str::from_utf8(self.0).map_err(|_| damaged())?;
        let common = [
            Activity::CYCLING,
            Activity::EXERCISE,
            Activity::RUNNING,
            Activity::WALKING,
        ];
        match common
            .into_iter()
            .find(|activity| activity.as_str() == name)
        {
            Some(activity) => Ok(activity),
            None => Activity::new(name),
        }
    }
}

fn damaged() -> Error {
    Error::new(Kind::Internal, "an intermediate row cannot be read back")
}

#[cfg(test)]
pub mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Entries of any kind, few keys and times among them.
    pub fn entry() -> impl Strategy<Value = Entry> {
        let activity = prop::sample::select(vec!["walking", "exercise", "yoga.hot"]);
        (
            (0_u8..12, 0_u64..3, 0_u8..2, 0_usize..4, 0_usize..4),
            (-3_i64..5_000, 0_i64..90, 0_u32..9_000, 0_u8..8, activity),
        )
            .prop_map(
                |(
                    (key, revision, stream, device, recording),
                    (start, length, number, form, name),
                )| {
                    let span = Span::starting(Timestamp::from_seconds(start * 60), length * 60_000);
                    let activity = Activity::new(name).unwrap();
                    let body = match form {
                        0 => Body::Withdrawn,
                        1 => Body::RangeReplaced { range: span },
                        2 => Body::Milestone {
                            at: span.start(),
                            name: name.to_owned(),
                            minutes: number,
                        },
                        3 => Body::Steps {
                            span,
                            steps: number,
                        },
                        4 => Body::Seconds {
                            within: span,
                            seconds: number,
                            activity,
                        },
                        5 => Body::Tally {
                            within: span,
                            minutes: number,
                            activity,
                        },
                        6 => Body::Interval {
                            span,
                            activity,
                            steps: None,
                        },
                        _ => Body::Interval {
                            span,
                            activity,
                            steps: Some(number),
                        },
                    };
                    Entry {
                        key: Digest::of([[key]]),
                        revision,
                        provenance: Provenance {
                            stream: Digest::of([[stream]]),
                            device: DEVICES[device],
                            recording: RECORDINGS[recording],
                        },
                        body,
                    }
                },
            )
    }

    proptest! {
        #[test]
        fn an_entry_comes_back_as_it_was(entry in entry(), person in any::<u32>()) {
            prop_assert_eq!(of_key(&by_key(person, &entry)).unwrap(), (person, entry.clone()));
            let row = by_time(person, Timestamp::from_seconds(-7), &entry);
            prop_assert_eq!(of_time(&row).unwrap(), (person, entry));
        }

        #[test]
        fn rows_sort_by_time(one in any::<i32>(), other in any::<i32>(), entry in entry()) {
            let row = |seconds: i32| by_time(1, Timestamp::from_seconds(seconds.into()), &entry);
            prop_assert_eq!(row(one).cmp(&row(other)), one.cmp(&other));
        }
    }
}
