//! One record, whatever its syntax, and the observation that it makes.

use std::borrow::Cow;

use wom_sdk::{
    Activity, Body, Device, Digest, Observation, Provenance, Recording, Span, Subject, Timestamp,
    instrument::Refusal,
};

use crate::{Config, fields::Field, time};

/// The most bytes that one record may have.
pub(crate) const LIMIT: usize = 64 * 1024;

/// The highest revision that a record may state: what every JSON reader takes exactly.
pub(crate) const REVISION_MAX: u64 = (1 << 53) - 1;

/// The longest time that one record may speak of.
const SPAN_MAX_DAYS: i64 = 366;

/// The most minutes that a milestone may be worth: those of a month.
const MINUTES_MAX: u32 = 31 * 24 * 60;

/// A value as its syntax has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// A JSON string.
    Text(Cow<'a, str>),
    /// A JSON number that is whole and not negative.
    Whole(u64),
    /// Any other JSON number.
    Number,
    /// `true` or `false`.
    Flag(bool),
    /// A JSON array or object.
    Nested,
    /// A cell of a table, which may stand for anything.
    Cell(Cow<'a, str>),
}

/// The values of one record, before they are judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record<'a> {
    values: [Option<Value<'a>>; Field::ALL.len()],
}

impl<'a> Record<'a> {
    /// Takes a value in; false if the field has one already.
    pub(crate) fn set(&mut self, field: Field, value: Value<'a>) -> bool {
        self.values[field as usize].replace(value).is_none()
    }

    /// The observation that this record makes.
    ///
    /// # Errors
    /// The refusal, without the place.
    pub(crate) fn observation(&self, config: &Config) -> Result<Observation, Refusal> {
        let participant = self.required(Field::Participant, Self::text)?;
        if participant.len() > 256 {
            return Err(flaw(
                Field::Participant,
                "bad_value",
                "is longer than 256 bytes",
            ));
        }
        let subject = Subject::new(Subject::PARTICIPANT, participant)
            .map_err(|error| flaw(Field::Participant, "bad_value", error.message().to_owned()))?;
        let facts = self.facts(config)?;
        let key = self.text(Field::Key)?;
        let revision = self.whole(Field::Revision, REVISION_MAX)?;
        if facts.withdrawn && key.is_none() {
            return Err(flaw(
                Field::Key,
                "missing_field",
                "is missing: a withdrawal needs the key of the record that it takes back",
            ));
        }
        if revision.is_some() && key.is_none() {
            return Err(flaw(
                Field::Key,
                "missing_field",
                "is missing: a revision needs the key of the record that it is a revision of",
            ));
        }
        Ok(Observation {
            subject,
            key: match key {
                Some(key) => Digest::of(["activity.key", key]),
                None => facts.digest(),
            },
            // A withdrawal without a revision is above every revision that can be stated.
            revision: match revision {
                Some(revision) => revision,
                None if facts.withdrawn => REVISION_MAX + 1,
                None => 0,
            },
            provenance: Provenance {
                stream: match &facts.stream {
                    Some(stream) => Digest::of(["activity.stream", stream]),
                    None => Digest::of(["activity.stream"]),
                },
                device: facts.device.unwrap_or_default(),
                recording: facts.recording.unwrap_or(config.recording),
            },
            body: facts.body,
        })
    }

    fn facts(&self, config: &Config) -> Result<Facts, Refusal> {
        let withdrawn = self.flag(Field::Withdrawn)?.unwrap_or(false);
        Ok(Facts {
            body: if withdrawn {
                Body::Withdrawn
            } else {
                self.body(config)?
            },
            withdrawn,
            device: self.word(Field::Device, &DEVICES)?,
            recording: self.word(Field::Recording, &RECORDINGS)?,
            stream: self.text(Field::Stream)?.map(str::to_owned),
        })
    }

    fn body(&self, config: &Config) -> Result<Body, Refusal> {
        let first_of = |fields: &[Field]| fields.iter().copied().find(|field| self.has(*field));
        let timed = first_of(&[Field::Start, Field::End, Field::Seconds, Field::Steps]);
        let reached = first_of(&[Field::Milestone, Field::Minutes, Field::At]);
        match (timed, reached) {
            (Some(field), Some(other)) => Err(flaw(
                field,
                "contradiction",
                format!(
                    "cannot stand beside {}: a record has either start and end, or milestone, minutes and at; make it two records",
                    other.name()
                ),
            )),
            (None, None) => Err(flaw(
                Field::Start,
                "missing_field",
                "is missing: a record has start and end, or milestone, minutes and at, or withdrawn and key",
            )),
            (Some(_), None) => self.time_body(config),
            (None, Some(_)) => self.milestone_body(config),
        }
    }

    fn time_body(&self, config: &Config) -> Result<Body, Refusal> {
        let span = self.span(config)?;
        let activity = match self.text(Field::Activity)? {
            Some(name) => Activity::new(name)
                .map_err(|error| flaw(Field::Activity, "bad_value", sentence(&error)))?,
            None => Activity::EXERCISE,
        };
        let steps = self.whole_u32(Field::Steps, u32::MAX)?;
        let seconds = self.whole_u32(Field::Seconds, u32::MAX)?;
        if let (Some(_), Some(_)) = (steps, seconds) {
            return Err(flaw(
                Field::Steps,
                "contradiction",
                "cannot stand beside seconds: give the start and end of the time in which the steps were counted",
            ));
        }
        if activity == Activity::STEPPING {
            let Some(steps) = steps else {
                return Err(flaw(
                    Field::Steps,
                    "missing_field",
                    "is missing: the activity stepping is what a step counter saw",
                ));
            };
            return Ok(Body::Steps { span, steps });
        }
        if span.is_empty() {
            return Err(flaw(
                Field::End,
                "bad_value",
                "is the same as start, so no time passed",
            ));
        }
        let Some(seconds) = seconds else {
            return Ok(Body::Interval {
                span,
                activity,
                steps,
            });
        };
        if i64::from(seconds) * 1000 > span.millis() {
            return Err(flaw(
                Field::Seconds,
                "bad_value",
                "is more than there is between start and end; check the unit",
            ));
        }
        Ok(Body::Seconds {
            within: span,
            seconds,
            activity,
        })
    }

    fn span(&self, config: &Config) -> Result<Span, Refusal> {
        let start = self.instant(Field::Start, config)?;
        let end = self.instant(Field::End, config)?;
        let span = Span::new(start, end)
            .map_err(|_| flaw(Field::End, "bad_value", "is before start; swap them"))?;
        if span.millis() > SPAN_MAX_DAYS * 86_400_000 {
            return Err(flaw(
                Field::End,
                "bad_value",
                format!("is more than {SPAN_MAX_DAYS} days after start; make it several records"),
            ));
        }
        Ok(span)
    }

    fn milestone_body(&self, config: &Config) -> Result<Body, Refusal> {
        if self.has(Field::Activity) {
            return Err(flaw(
                Field::Activity,
                "contradiction",
                "has no meaning for a milestone; leave it out",
            ));
        }
        let name = self.required(Field::Milestone, Self::text)?;
        if name.len() > 128 {
            return Err(flaw(
                Field::Milestone,
                "bad_value",
                "is longer than 128 bytes",
            ));
        }
        let minutes = self.required(Field::Minutes, |record, field| {
            record.whole_u32(field, MINUTES_MAX)
        })?;
        if minutes == 0 {
            return Err(flaw(Field::Minutes, "bad_value", "must be 1 or more"));
        }
        Ok(Body::Milestone {
            at: self.instant(Field::At, config)?,
            name: name.to_owned(),
            minutes,
        })
    }

    fn has(&self, field: Field) -> bool {
        self.values[field as usize].is_some()
    }

    fn required<'r, T>(
        &'r self,
        field: Field,
        read: impl FnOnce(&'r Self, Field) -> Result<Option<T>, Refusal>,
    ) -> Result<T, Refusal> {
        read(self, field)?.ok_or_else(|| flaw(field, "missing_field", "is missing"))
    }

    fn instant(&self, field: Field, config: &Config) -> Result<Timestamp, Refusal> {
        let text = self.required(field, Self::text)?;
        time::instant(text, config.zone.as_ref())
            .map_err(|error| flaw(field, "bad_time", sentence(&error)))
    }

    /// The text. Blanks around it are passed over in a cell and refused in JSON, where nobody
    /// aligns columns: ` p-001` and `p-001` would be two people.
    fn text(&self, field: Field) -> Result<Option<&str>, Refusal> {
        let text = match &self.values[field as usize] {
            None => return Ok(None),
            Some(Value::Cell(text)) => text.trim(),
            Some(Value::Text(text)) if text.trim().len() < text.len() => {
                return Err(flaw(
                    field,
                    "bad_value",
                    "has blanks around it; take them out",
                ));
            }
            Some(Value::Text(text)) => text,
            Some(_) => {
                return Err(flaw(field, "wrong_type", "must be text, in quotes"));
            }
        };
        if text.is_empty() {
            return Err(flaw(
                field,
                "bad_value",
                "is empty; leave it out or fill it",
            ));
        }
        if text.len() > 256 {
            return Err(flaw(field, "bad_value", "is longer than 256 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(flaw(
                field,
                "bad_value",
                "has control characters, such as a line break or NUL; take them out",
            ));
        }
        Ok(Some(text))
    }

    fn whole(&self, field: Field, max: u64) -> Result<Option<u64>, Refusal> {
        let number = match &self.values[field as usize] {
            None => return Ok(None),
            Some(Value::Whole(number)) => *number,
            Some(Value::Cell(text)) => whole_cell(text.trim()).ok_or_else(|| {
                flaw(
                    field,
                    "wrong_type",
                    "must be a whole number of 0 or more, in digits",
                )
            })?,
            Some(_) => {
                return Err(flaw(
                    field,
                    "wrong_type",
                    "must be a whole number of 0 or more, without quotes",
                ));
            }
        };
        if number > max {
            return Err(flaw(field, "bad_value", format!("is more than {max}")));
        }
        Ok(Some(number))
    }

    fn whole_u32(&self, field: Field, max: u32) -> Result<Option<u32>, Refusal> {
        let number = self.whole(field, max.into())?;
        Ok(number.map(|number| u32::try_from(number).unwrap_or(max)))
    }

    fn flag(&self, field: Field) -> Result<Option<bool>, Refusal> {
        match &self.values[field as usize] {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(*flag)),
            Some(Value::Cell(text)) if text.trim().eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::Cell(text)) if text.trim().eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(Value::Cell(_)) => Err(flaw(field, "wrong_type", "must be true or false")),
            Some(_) => Err(flaw(
                field,
                "wrong_type",
                "must be true or false, without quotes",
            )),
        }
    }

    fn word<T: Copy>(&self, field: Field, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                let message = format!("must be one of {}", known.join(", "));
                Err(flaw(field, "bad_value", message))
            }
        }
    }
}

const DEVICES: [(&str, Device); 4] = [
    ("watch", Device::Watch),
    ("phone", Device::Phone),
    ("app", Device::App),
    ("unknown", Device::Unknown),
];

const RECORDINGS: [(&str, Recording); 4] = [
    ("measured", Recording::Measured),
    ("attested", Recording::Attested),
    ("manual", Recording::Manual),
    ("unknown", Recording::Unknown),
];

/// What a record says, in a form that does not depend on its syntax.
struct Facts {
    body: Body,
    withdrawn: bool,
    device: Option<Device>,
    recording: Option<Recording>,
    stream: Option<String>,
}

impl Facts {
    /// Names a record that has no key. The person is left out: a digest of someone's id beside
    /// known times could be guessed back. The participant keeps such records apart anyway.
    fn digest(&self) -> Digest {
        let body = match &self.body {
            Body::Interval {
                span,
                activity,
                steps,
            } => format!("interval {span} {activity} {steps:?}"),
            Body::Seconds {
                within,
                seconds,
                activity,
            } => format!("seconds {within} {activity} {seconds}"),
            Body::Steps { span, steps } => format!("steps {span} {steps}"),
            Body::Milestone { at, name, minutes } => format!("milestone {at} {minutes} {name}"),
            _ => String::new(),
        };
        Digest::of([
            "activity.fields",
            &body,
            &self
                .device
                .map_or(String::new(), |device| format!("{device:?}")),
            &self
                .recording
                .map_or(String::new(), |recording| format!("{recording:?}")),
            self.stream.as_deref().unwrap_or_default(),
        ])
    }
}

/// Digits, and what spreadsheets and data frames put after them: `1800`, `1800.0`.
fn whole_cell(text: &str) -> Option<u64> {
    let (digits, zeros) = text.split_once('.').unwrap_or((text, "0"));
    let whole = !digits.is_empty()
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !zeros.is_empty()
        && zeros.bytes().all(|byte| byte == b'0');
    if whole { digits.parse().ok() } else { None }
}

fn flaw(field: Field, code: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(code, message).field(field.name())
}

fn sentence(error: &wom_sdk::Error) -> String {
    match error.advice() {
        Some(advice) => format!("{}; {advice}", error.message()),
        None => error.message().to_owned(),
    }
}
