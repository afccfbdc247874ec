//! Awards: what is to be issued, and the machine that brings it to exactly one code.
//!
//! Creating a request at the Registry and verifying it is a two-phase commit, and handing the
//! code to the person is the real commit. So the code is written down *before* it is verified,
//! it is verified before it is handed over, and it is handed over only from what is written.
//! Before the hand-over any number of unverified requests is harmless; after it none is allowed.

mod accounts;
mod key;
mod machine;
mod reasons;
mod request;
mod secrets;
mod state;

pub(crate) use accounts::settle_apart;
pub use accounts::{Account, Payment, gather, settle, uncollected};
pub use key::{AwardKey, Identity};
pub use machine::{Action, Award, Event, Step, VERIFY_TRIES, step};
pub(crate) use machine::{in_doubt, may_ask};
pub use reasons::Reason;
pub use request::Request;
pub use secrets::Handle;
pub(crate) use secrets::Secrets;
pub use state::State;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Kind, Result, Timestamp,
    protocol::{Aim, Link, LinkText, Otc, Pin, Position},
};

/// What vouchers to issue: one voucher for each minute. Frozen once an award is accepted.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(try_from = "Vec<Vouchers>", into = "Vec<Vouchers>")]
pub struct Content(Vec<Vouchers>);

/// Some equal vouchers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Vouchers {
    /// What the minutes were given to.
    pub aim: Aim,
    /// How many minutes: 1 to 10,000.
    pub minutes: u32,
    /// Where, degrees WGS 84.
    pub place: Position,
    /// When.
    pub at: Timestamp,
}

impl Content {
    /// The most minutes in one award.
    pub const MAX_MINUTES: u32 = 10_000;
    /// The most sorts of vouchers in one award.
    pub const MAX_SORTS: usize = 100;

    /// Vouchers of these sorts: 1 to 100 of them, 1 to 10,000 minutes in all.
    pub fn new(sorts: Vec<Vouchers>) -> Result<Self> {
        let total: u64 = sorts.iter().map(|sort| u64::from(sort.minutes)).sum();
        if sorts.is_empty() || sorts.len() > Self::MAX_SORTS {
            return Err(Error::new(
                Kind::InputInvalid,
                "an award has 1 to 100 sorts of vouchers",
            ));
        }
        if sorts.iter().any(|sort| sort.minutes == 0) || total > u64::from(Self::MAX_MINUTES) {
            return Err(Error::new(Kind::InputInvalid, "an award is of 1 to 10,000 minutes")
                .with("field", "minutes")
                .hint("one voucher stands for one minute; split larger awards under keys of their own"));
        }
        Ok(Self(sorts))
    }

    /// The sorts of vouchers.
    pub fn sorts(&self) -> &[Vouchers] {
        &self.0
    }

    /// The same vouchers with equal sorts put together.
    pub(crate) fn merged(sorts: Vec<Vouchers>) -> Result<Self> {
        let mut merged: Vec<Vouchers> = Vec::new();
        for sort in sorts {
            let alike = |held: &&mut Vouchers| {
                (held.aim, held.place, held.at) == (sort.aim, sort.place, sort.at)
            };
            match merged.iter_mut().find(alike) {
                Some(held) => held.minutes += sort.minutes,
                None => merged.push(sort),
            }
        }
        Self::new(merged)
    }

    /// Minutes in all: the number of vouchers.
    pub fn minutes(&self) -> u32 {
        self.0.iter().map(|sort| sort.minutes).sum()
    }
}

impl From<Content> for Vec<Vouchers> {
    fn from(content: Content) -> Self {
        content.0
    }
}

impl TryFrom<Vec<Vouchers>> for Content {
    type Error = Error;

    fn try_from(sorts: Vec<Vouchers>) -> Result<Self> {
        Self::new(sorts)
    }
}

/// The instrument's side of a Registry: what the dispatcher calls.
#[async_trait]
pub trait Issuer: std::fmt::Debug + Send + Sync {
    /// Which source, at which Registry.
    fn identity(&self) -> &Identity;

    /// Makes a request for vouchers. It cannot be redeemed before it is verified. The nonce is the
    /// same for every try of one award; the answer is checked to echo it, and the count.
    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket>;

    /// Makes the code good.
    async fn verify(&self, otc: &Otc) -> Result<()>;

    /// Whether [`verified`](Self::verified) tells more than nothing.
    fn can_ask(&self) -> bool {
        false
    }

    /// Whether the code is good, asked once for each code, where a verify failed after one that ended
    /// unclear. None where that cannot be told.
    async fn verified(&self, ticket: &Ticket) -> Result<Option<bool>> {
        let _ = ticket;
        Ok(None)
    }
}

/// What a person needs to collect vouchers: the code, its PIN and the link.
///
/// Whoever holds it can take the vouchers; it is stored sealed and printed redacted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ticket {
    /// The one-time code.
    pub otc: Otc,
    /// Its PIN, handed over apart from the link where that is possible.
    pub pin: Pin,
    /// The link that a Pocket opens, as the Registry gave it.
    pub link: LinkText,
    /// How many vouchers it brings.
    pub minutes: u32,
}

impl Ticket {
    /// What a [`Pocket`](crate::pocket::Pocket) redeems, of an award's ticket.
    pub fn vouchers(&self) -> Link {
        Link::Vouchers(self.otc.clone())
    }

    /// What a [`Pocket`](crate::pocket::Pocket) pays, of a checkout's ticket.
    pub fn payment(&self) -> Link {
        Link::Payment(self.otc.clone())
    }
}
