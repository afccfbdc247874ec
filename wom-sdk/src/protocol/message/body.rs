//! The bodies of requests and answers that carry a sealed text.

use serde::Serialize;

use crate::{
    Result,
    protocol::{
        PosId, SourceId,
        json::{Document, Limits, Members},
    },
};

use super::{outer, refused};

/// `{"payload"}`: verify, redeem, info and confirm, and the answers to all but status.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct SealedBody {
    /// The sealed text, in base64.
    pub payload: String,
}

/// `{"sourceId", "nonce", "payload"}`: create.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateBody {
    /// The source that asks; the sealed text repeats it.
    pub source_id: SourceId,
    /// Any text, echoed in the answer; the sealed text repeats it.
    pub nonce: String,
    /// The sealed text, in base64.
    pub payload: String,
}

/// `{"posId", "nonce", "payload"}`: register.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterBody {
    /// The POS that asks; the sealed text repeats it.
    pub pos_id: PosId,
    /// Any text, echoed in the answer; the sealed text repeats it.
    pub nonce: String,
    /// The sealed text, in base64.
    pub payload: String,
}

/// `{"posId", "payload"}`: status, question and answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusBody {
    /// The POS that asks.
    pub pos_id: PosId,
    /// The sealed text, in base64.
    pub payload: String,
}

/// The largest answer to a redeem: base64 of many vouchers.
const ANSWER_LIMIT: usize = 24 << 20;

impl SealedBody {
    /// Reads a body of at most 1 MiB.
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        Self::read(&outer(body, Limits::default())?)
    }

    /// Reads an answer, of at most 24 MiB, as it may hold many vouchers.
    pub fn from_answer(body: &[u8]) -> Result<Self> {
        let limits = Limits {
            bytes: ANSWER_LIMIT,
            ..Limits::default()
        };
        Self::read(&outer(body, limits)?)
    }

    /// The body.
    pub fn to_json(&self) -> String {
        write(self)
    }

    fn read(body: &Document) -> Result<Self> {
        let payload = payload(body.members())?;
        Ok(Self { payload })
    }
}

impl CreateBody {
    /// Reads a body of at most 1 MiB. A source id that is none is
    /// [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = outer(body, Limits::default())?;
        let members = body.members();
        let (nonce, payload) = (members.nonce()?, payload(members)?);
        let source_id = members
            .id("sourceId")?
            .parse()
            .map_err(|_| refused("sourceId", "the source id is malformed"))?;
        Ok(Self {
            source_id,
            nonce,
            payload,
        })
    }

    /// The body.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

impl RegisterBody {
    /// Reads a body of at most 1 MiB. A POS id that is none is
    /// [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = outer(body, Limits::default())?;
        let members = body.members();
        let (nonce, payload) = (members.nonce()?, payload(members)?);
        Ok(Self {
            pos_id: pos_id(members)?,
            nonce,
            payload,
        })
    }

    /// The body.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

impl StatusBody {
    /// Reads a body of at most 1 MiB. A POS id that is none is
    /// [`ParameterRefused`](crate::Kind::ParameterRefused).
    pub fn from_outer(body: &[u8]) -> Result<Self> {
        let body = outer(body, Limits::default())?;
        let members = body.members();
        let payload = payload(members)?;
        Ok(Self {
            pos_id: pos_id(members)?,
            payload,
        })
    }

    /// The body.
    pub fn to_json(&self) -> String {
        write(self)
    }
}

fn payload(members: Members<'_>) -> Result<String> {
    members.text("payload").map(ToOwned::to_owned)
}

fn pos_id(members: Members<'_>) -> Result<PosId> {
    members
        .id("posId")?
        .parse()
        .map_err(|_| refused("posId", "the POS id is malformed"))
}

fn write(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("bodies are plain data")
}
