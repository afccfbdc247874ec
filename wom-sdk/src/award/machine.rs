//! The award's state machine: one arrow, one committed write.
//!
//! ```text
//! accepted ─▶ creating ─▶ created ─▶ verifying ─▶ verified ─▶ offered ─▶ acknowledged
//!     ▲          │ retry     ▲           │ unclear    ▲
//!     │          ▼           │           ▼            │ after 5 unclear tries
//!     │       parked         └── verify_unknown ──────┘
//!     └──── the Registry surely does not know a code that was never offered
//! ```

use serde::{Deserialize, Serialize};

use super::{AwardKey, Content, Ticket};
use crate::{Error, Kind, Result, Retry, Timestamp};

/// How often a verify may end unclear before the same code is offered all the same.
pub const VERIFY_TRIES: u32 = 5;
/// How often a create may fail inside the Registry before a person has to look.
const CREATE_TRIES: u32 = 12;
/// How long one call may take before another worker may take the award over.
const LEASE_MS: i64 = 60_000;
const BACKOFF_BASE_MS: u64 = 500;
const BACKOFF_CAP_MS: u64 = 60_000;

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

    /// Whether the dispatcher has something to do for it.
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Accepted | Self::Creating | Self::Created | Self::Verifying | Self::VerifyUnknown
        )
    }
}

/// One award, as the machine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Award {
    /// Which award.
    pub key: AwardKey,
    /// What to issue; frozen.
    pub content: Content,
    /// Where it stands.
    pub state: State,
    /// The code, from `created` until `acknowledged`.
    pub ticket: Option<Ticket>,
    /// Tries of the present call that did not succeed.
    pub tries: u32,
    /// Whether a verify of this code ever ended unclear.
    pub unclear: bool,
    /// When to go on, for open states.
    pub due: Timestamp,
}

impl Award {
    /// A new award, due at once.
    pub fn new(key: AwardKey, content: Content, now: Timestamp) -> Self {
        Self {
            key,
            content,
            state: State::Accepted,
            ticket: None,
            tries: 0,
            unclear: false,
            due: now,
        }
    }
}

/// What happens to an award.
#[derive(Clone, Debug)]
pub enum Event {
    /// Its time has come.
    Due,
    /// A create was answered.
    Created(Result<Ticket>),
    /// A verify was answered.
    Verified(Result<()>),
    /// Somebody asks for the code.
    Offer,
    /// Somebody has the code.
    Acknowledge,
    /// A person says: go on.
    Resume,
}

/// What to do at the Registry next, once the new state is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Send a create.
    Create,
    /// Send a verify for the award's code.
    Verify,
}

/// The award as it is after an event, and what to do once that is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// To be written before anything else happens.
    pub award: Award,
    /// To be done after.
    pub action: Option<Action>,
}

/// Moves an award on. Pure: `random` brings the jitter, `now` the time.
///
/// An event that makes no sense in the present state is an error and changes nothing:
/// [`Kind::AlreadyDelivered`] for an acknowledged code that is asked for again.
pub fn step(award: &Award, event: Event, now: Timestamp, random: u64) -> Result<Step> {
    let mut next = award.clone();
    let action = match (&award.state, event) {
        (State::Accepted | State::Creating, Event::Due) => {
            next.state = State::Creating;
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Create)
        }
        (State::Created | State::Verifying | State::VerifyUnknown, Event::Due) => {
            // A verify that was under way when the process died may have been carried out.
            next.unclear |= award.state == State::Verifying;
            next.state = State::Verifying;
            next.due = now.plus_millis(LEASE_MS);
            Some(Action::Verify)
        }
        (State::Creating, Event::Created(Ok(ticket))) => {
            next.state = State::Created;
            next.ticket = Some(ticket);
            next.tries = 0;
            next.unclear = false;
            next.due = now;
            None
        }
        (State::Creating, Event::Created(Err(error))) => {
            next.tries += 1;
            let hopeless = error.retry() == Retry::Never
                || (error.kind() == Kind::RegistryFailed && next.tries >= CREATE_TRIES);
            if hopeless {
                next.state = State::Parked(error.code().to_owned());
            } else {
                next.due = now.plus_millis(backoff(next.tries, random));
            }
            None
        }
        (State::Verifying, Event::Verified(Ok(()))) => {
            next.state = State::Verified;
            next.tries = 0;
            None
        }
        (State::Verifying, Event::Verified(Err(error))) => {
            verify_failed(&mut next, &error, now, random);
            None
        }
        (State::Verified | State::Offered, Event::Offer) => {
            next.state = State::Offered;
            None
        }
        (State::Offered, Event::Acknowledge) => {
            next.state = State::Acknowledged;
            next.ticket = None;
            None
        }
        (State::Acknowledged, Event::Acknowledge) => None,
        (State::Acknowledged, Event::Offer) => {
            return Err(Error::new(
                Kind::AlreadyDelivered,
                "this award was collected and acknowledged",
            ));
        }
        (State::Parked(_) | State::Held(_), Event::Resume) => {
            next.state = if award.ticket.is_some() {
                State::VerifyUnknown
            } else {
                State::Accepted
            };
            next.tries = 0;
            next.due = now;
            None
        }
        (state, _) => {
            return Err(
                Error::new(Kind::InputInvalid, "the award is not in a state for this")
                    .with("state", state.name()),
            );
        }
    };
    Ok(Step {
        award: next,
        action,
    })
}

fn verify_failed(award: &mut Award, error: &Error, now: Timestamp, random: u64) {
    award.tries += 1;
    award.due = now.plus_millis(backoff(award.tries, random));
    match (error.kind(), error.retry()) {
        // Nothing was sent: what was unclear before stays so.
        (_, Retry::Safe) => {
            award.state = if award.unclear {
                State::VerifyUnknown
            } else {
                State::Created
            };
        }
        // The Registry has lost it, and nobody else has ever seen this code.
        (Kind::OtcUnknown, _) => {
            award.state = State::Accepted;
            award.ticket = None;
            award.unclear = false;
        }
        (_, Retry::SameKey) => {
            award.unclear = true;
            // A code that keeps answering unclear was most likely verified by the first try. The
            // same code is offered; another one never.
            award.state = if award.tries >= VERIFY_TRIES {
                State::Verified
            } else {
                State::VerifyUnknown
            };
        }
        (_, Retry::Never) => award.state = State::Parked(error.code().to_owned()),
    }
}

/// Full jitter: anything from zero to a bound that doubles with each try.
fn backoff(tries: u32, random: u64) -> i64 {
    let bound = BACKOFF_BASE_MS
        .saturating_mul(1 << tries.min(16))
        .min(BACKOFF_CAP_MS);
    i64::try_from(random % (bound + 1)).unwrap_or(0)
}
