//! Observations and refusals of adapters in other languages, as data.

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{
    Body, Device, Digest, Error, Kind, Observation, Provenance, Recording, Result,
    instrument::Refusal,
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
