//! Observations and refusals of adapters in other languages, as data.

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{
    Body, Device, Digest, Error, Kind, Observation, Provenance, Recording, Result,
    instrument::Refusal,
    observation::{Mark, Step, Study, Trace},
};

use crate::{Person, host::name, read};

/// Members of a body that are digests: an adapter gives the names that they stand for.
const NAMED: [&str; 4] = ["course", "item", "session", "ticket"];

/// An observation, as an adapter in another language yields it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Who.
    person: Person,
    /// The record's name; it never changes.
    key: String,
    /// Which version of the record.
    #[serde(default)]
    revision: u64,
    /// The recording device or program.
    #[serde(default)]
    stream: String,
    #[serde(default)]
    device: Device,
    #[serde(default)]
    recording: Recording,
    /// What, as [`Body`] is written; digests may be texts.
    body: Value,
}

impl Seen {
    /// The observation.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] with what does not fit.
    pub fn observation(self) -> Result<Observation> {
        if self.key.is_empty() || self.key.len() > 1_024 {
            return Err(misfit("a record's key has 1 to 1,024 bytes").with("field", "key"));
        }
        let mut body = self.body;
        digest_names(&mut body);
        let body: Body = read(body).map_err(|error| error.with("field", "body"))?;
        if let Body::Study(study) = &body {
            check_study(study)?;
        }
        Ok(Observation {
            subject: self.person.subject()?,
            key: Digest::of(["host.key", &self.key]),
            revision: self.revision,
            provenance: Provenance {
                stream: Digest::of(["host.stream", &self.stream]),
                device: self.device,
                recording: self.recording,
            },
            body,
        })
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen(redacted)")
    }
}

/// The longest film, and the farthest place in one, in milliseconds: a month.
const FILM_MS: i64 = 31 * 24 * 3_600_000;
/// The longest time that one interval of study can speak of, in milliseconds.
const LONGEST_MS: i64 = 24 * 3_600_000;

/// What the SDK's own adapters never yield, and rules rely on.
fn check_study(study: &Study) -> Result<()> {
    let refused = |field, message| Err(misfit(message).with("field", field));
    let in_film = |place: Option<i64>| place.is_none_or(|place| (0..=FILM_MS).contains(&place));
    if study.nominal_s == Some(0) {
        return refused(
            "nominal_s",
            "an item takes a second or more, or it is not known",
        );
    }
    match &study.trace {
        Trace::Interval { span, .. } if span.millis() > LONGEST_MS => {
            refused("span", "an interval of study is of a day at most")
        }
        Trace::Seconds { millis, .. } if *millis < 0 => {
            refused("millis", "a counter of study time does not go back")
        }
        Trace::Point {
            mark: Mark::Video(video),
            ..
        } => {
            let to = match video.step {
                Step::Seek(to) => to,
                _ => None,
            };
            if ![video.position_ms, video.length_ms, to]
                .into_iter()
                .all(in_film)
            {
                return refused("position_ms", "a place in a film is within a month of it");
            }
            match video.speed_percent {
                Some(0) => refused("speed_percent", "a film that stands still is a halt"),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn digest_names(body: &mut Value) {
    let Value::Object(members) = body else { return };
    for name in NAMED {
        if let Some(member) = members.get_mut(name)
            && let Value::String(text) = member
        {
            *member = Digest::of(["host.name", name, text.as_str()])
                .0
                .to_vec()
                .into();
        }
    }
}

fn misfit(message: &'static str) -> Error {
    Error::new(Kind::InputInvalid, message)
}

/// A refusal, as an adapter in another language reports it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenRefusal {
    code: String,
    message: String,
    #[serde(default)]
    at: Vec<(String, u64)>,
    #[serde(default)]
    field: Option<String>,
}

impl SeenRefusal {
    /// The refusal.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if a name is none.
    pub fn refusal(self) -> Result<Refusal> {
        let mut refusal = Refusal::new(name(&self.code)?, self.message);
        for (place, number) in self.at {
            refusal = refusal.at(name(&place)?, number);
        }
        Ok(match self.field {
            Some(field) => refusal.field(name(&field)?),
            None => refusal,
        })
    }
}
