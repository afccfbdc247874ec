//! What the packages hand back, as data.

use std::collections::BTreeMap;

use serde::Serialize;
use wom_sdk::{
    Zone,
    award::{AwardKey, Ticket},
    claim,
    collector::{FirstRefusals, Submission},
    instrument::Refusal,
};

/// A code to hand over. Whoever has it can take the vouchers, so it has no `Debug`.
#[derive(Serialize)]
pub struct Code {
    /// The award's or checkout's id.
    pub id: String,
    /// What a Pocket opens.
    pub link: String,
    /// What the Pocket asks for.
    pub pin: String,
    /// Minutes that it brings; WOM that it asks for.
    pub minutes: u32,
}

impl Code {
    pub(crate) fn of(id: String, ticket: &Ticket) -> Self {
        Self {
            id,
            link: ticket.link.reveal().to_owned(),
            pin: ticket.pin.reveal().to_owned(),
            minutes: ticket.minutes,
        }
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Code({} min, redacted)", self.minutes)
    }
}

/// What a person collects.
#[derive(Debug, Serialize)]
pub struct Claim {
    /// The code.
    pub code: Code,
    /// What it brings, by day and aim: (day, aim, minutes).
    pub reasons: Vec<(String, String, u32)>,
    /// Whom to hand it to, as the embedder said.
    pub handle: Option<String>,
}

impl Claim {
    pub(crate) fn of(claim: &claim::Claim, zone: &Zone) -> Self {
        Self {
            code: Code::of(claim.key.to_hex(), &claim.ticket),
            reasons: claim
                .content
                .reasons(zone)
                .into_iter()
                .map(|reason| {
                    (
                        reason.day.to_string(),
                        reason.aim.to_string(),
                        reason.minutes,
                    )
                })
                .collect(),
            handle: claim
                .handle
                .as_ref()
                .map(|handle| handle.reveal().to_owned()),
        }
    }
}

/// What came of something that was brought in.
#[derive(Debug, Serialize)]
pub struct Taken {
    /// Whether the same delivery was taken in before; nothing was read then.
    pub repeated: bool,
    /// Observations that were read.
    pub observations: u64,
    /// Records that were refused.
    pub refused: u64,
    /// What was wrong with the first hundred of them.
    pub refusals: Vec<Refused>,
    /// Minutes that are settled and wait to be collected, of the people that this touched.
    pub waiting: u64,
    /// Awards that were made at once, where the campaign says so.
    pub awarded: u64,
    /// Awards that a person has to judge first.
    pub held: u64,
}

impl Taken {
    pub(crate) fn of(taken: &Submission, refused: FirstRefusals) -> Self {
        let settled = taken.settled.iter();
        Self {
            repeated: taken.repeated,
            observations: taken.observations,
            refused: taken.refused,
            refusals: refused.0.into_iter().map(Refused::from).collect(),
            waiting: taken.waiting(),
            awarded: settled
                .clone()
                .map(|settled| settled.awarded.len() as u64)
                .sum(),
            held: settled.map(|settled| settled.held.len() as u64).sum(),
        }
    }
}

/// A record that was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Refused {
    /// A stable name such as `truncated`.
    pub code: &'static str,
    /// What is wrong, and what to do.
    pub message: String,
    /// Where: names such as `line`, with their numbers.
    pub at: BTreeMap<&'static str, u64>,
    /// Which field.
    pub field: Option<&'static str>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code,
            message: refusal.message.into_owned(),
            at: refusal.at.into_iter().collect(),
            field: refusal.field,
        }
    }
}

/// What a person gave on one line for one unit.
#[derive(Debug, Serialize)]
pub struct Given {
    /// The line of the campaign.
    pub line: String,
    /// What the line is for; none if the campaign has no such line any more.
    pub aim: Option<String>,
    /// A day as `2026-03-01`; something named as `=name`; a session as `@name`.
    pub unit: String,
    /// Minutes that count.
    pub minutes: u32,
    /// Minutes of these that were made into awards.
    pub awarded: u32,
}

impl From<claim::Given> for Given {
    fn from(given: claim::Given) -> Self {
        Self {
            line: given.line,
            aim: given.aim.map(|aim| aim.to_string()),
            unit: given.unit.to_string(),
            minutes: given.minutes,
            awarded: given.awarded,
        }
    }
}

/// What a round of work did.
#[derive(Debug, Serialize)]
pub struct Worked {
    /// Things that webhooks told to read.
    pub read: u64,
    /// Awards that were gone on with.
    pub awards: u64,
    /// People whose units were settled.
    pub settled: u64,
}

/// The name of an award from its hexadecimal form.
pub(crate) fn award_key(id: &str) -> wom_sdk::Result<AwardKey> {
    AwardKey::from_hex(id).ok_or_else(|| {
        wom_sdk::Error::new(wom_sdk::Kind::InputInvalid, "not the id of an award")
            .hint("take it from the ticket or claim")
    })
}
