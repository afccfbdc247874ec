//! Where an award stands.

use serde::{Deserialize, Serialize};

/// Where an award stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "reason")]
#[non_exhaustive]
pub enum State {
    /// Durable; nothing was asked of the Registry yet.
    Accepted,
    /// A create was, or is about to be, sent.
    Creating,
    /// The code is written down, and not yet good.
    Created,
    /// A verify was, or is about to be, sent.
    Verifying,
    /// The code is good.
    Verified,
    /// A verify ended unclear: the code may be good already.
    VerifyUnknown,
    /// The code was handed over, perhaps more than once.
    Offered,
    /// The person, or the system that speaks for them, has it. The code is forgotten.
    Acknowledged,
    /// A person has to judge it first; the reason is an error code or a finding's.
    Held(String),
    /// It cannot go on by itself; the reason is an error code.
    Parked(String),
}

impl State {
    /// Why an award is parked that a person refused.
    pub const REFUSED: &'static str = "refused";

    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Verifying => "verifying",
            Self::Verified => "verified",
            Self::VerifyUnknown => "verify_unknown",
            Self::Offered => "offered",
            Self::Acknowledged => "acknowledged",
            Self::Held(_) => "held",
            Self::Parked(_) => "parked",
        }
    }

    /// Why it is held or parked.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Held(reason) | Self::Parked(reason) => Some(reason),
            _ => None,
        }
    }

    /// The state with this name and reason.
    pub fn from_name(name: &str, reason: Option<&str>) -> Option<Self> {
        let reason = || reason.unwrap_or_default().to_owned();
        Some(match name {
            "accepted" => Self::Accepted,
            "creating" => Self::Creating,
            "created" => Self::Created,
            "verifying" => Self::Verifying,
            "verified" => Self::Verified,
            "verify_unknown" => Self::VerifyUnknown,
            "offered" => Self::Offered,
            "acknowledged" => Self::Acknowledged,
            "held" => Self::Held(reason()),
            "parked" => Self::Parked(reason()),
            _ => return None,
        })
    }

    /// Whether a person refused it. It stays, and goes on only if a person says so.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Parked(reason) if reason == Self::REFUSED)
    }

    /// Whether a person has to judge it first, or has refused it: it is nobody's yet.
    pub fn is_withheld(&self) -> bool {
        matches!(self, Self::Held(_)) || self.is_refused()
    }

    /// Whether the dispatcher has something to do for it, whatever else is known; see
    /// [`AwardRecord::is_open`](crate::store::AwardRecord::is_open).
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Creating | Self::Created | Self::Verifying | Self::VerifyUnknown
        )
    }
}
