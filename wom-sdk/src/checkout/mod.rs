//! Checkouts: asking for a payment, and hearing exactly once that it was made.
//!
//! ```text
//! created ─▶ registered ─▶ verified ─▶ shown ─▶ paid
//!                                       │
//!                                       ├─▶ expired ───▶ paid_after_expiry
//!                                       └─▶ cancelled ─▶ paid_after_cancel
//! ```
//!
//! The Registry calls nobody back and cannot cancel, so a shown code is polled: soon at first,
//! seldom later, and for a day after it was cancelled or ran out. A late payment is a state of its
//! own: it is never swallowed, and it never becomes `paid`.

mod machine;

pub use machine::{Action, Event, Step, step};

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Error, Kind, MINUTE_MS, Result, Timestamp,
    award::Ticket,
    protocol::{Filter, Otc},
};

/// A digest that names one checkout: of the Registry, the POS and the shop's own reference.
///
/// The first bytes tell the Registry and the POS, so that several may share a store and each finds
/// its own.
#[derive(Clone, Copy, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct CheckoutId(pub [u8; 32]);

impl CheckoutId {
    /// The checkout for a shop's own reference, such as an order's number.
    pub fn new(registry: &str, pos: &str, reference: &str) -> Self {
        let mut id = digest(&["checkout/1", registry, pos, reference]);
        id[..DESK].copy_from_slice(&DeskId::new(registry, pos).0);
        Self(id)
    }

    /// Which desk it is of.
    pub fn desk(self) -> DeskId {
        let mut desk = [0; DESK];
        desk.copy_from_slice(&self.0[..DESK]);
        DeskId(desk)
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        crate::hex::encode(&self.0)
    }

    /// The id whose hexadecimal form this is.
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::hex::decode(text).map(Self)
    }
}

/// A POS at a Registry, as the first bytes of its checkouts' ids.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct DeskId([u8; DESK]);

impl DeskId {
    /// The desk of this POS at this Registry.
    pub fn new(registry: &str, pos: &str) -> Self {
        let mut desk = [0; DESK];
        desk.copy_from_slice(&digest(&["desk/1", registry, pos])[..DESK]);
        Self(desk)
    }
}

/// How many bytes of an id tell the Registry and the POS.
const DESK: usize = 8;

fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

impl fmt::Debug for CheckoutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CheckoutId({}…)", &self.to_hex()[2 * DESK..][..8])
    }
}

/// The POS's side of a Registry: what the cash desk calls.
#[async_trait]
pub trait Payee: fmt::Debug + Send + Sync {
    /// The Registry's base address, before `/api`.
    fn registry(&self) -> &str;

    /// The POS id.
    fn pos(&self) -> String;

    /// Makes a request for payment. It cannot be paid before it is verified.
    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket>;

    /// Lets the code be paid.
    async fn verify(&self, otc: &Otc) -> Result<()>;

    /// Whether the code can be paid, asked after a verify that ended unclear; none where that cannot
    /// be told without an effect. Asking changes nothing.
    async fn verified(&self, _ticket: &Ticket) -> Result<Option<bool>> {
        Ok(None)
    }

    /// When the code was paid, by the Registry's clock, each time: in the order of the Registry, which
    /// only appends. A code that can be paid once has one, but for a Registry that let two wallets
    /// pay at the same instant. Two of a persistent code may be of the same millisecond, so it is the
    /// position that tells them apart.
    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>>;
}

/// Hears of payments: a webhook, a printer in the kitchen.
#[async_trait]
pub trait Listener: fmt::Debug + Send + Sync {
    /// A checkout was paid, in time or late. `Ok` means that the listener has it for good; after an
    /// error it is told again, up to eight times within about 28 hours. So it may be told twice, and
    /// must know the checkout by its id.
    async fn paid(&self, payment: &Payment) -> Result<()>;
}

/// What a [`Listener`] hears.
#[derive(Clone, Debug, PartialEq)]
pub struct Payment {
    /// Which checkout.
    pub id: CheckoutId,
    /// The POS: its name where the desk has one, else its id.
    pub pos: String,
    /// How many WOM.
    pub amount: u32,
    /// [`State::Paid`], [`State::PaidAfterExpiry`] or [`State::PaidAfterCancel`].
    pub state: State,
}

/// What a payment asks for; frozen.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Charge {
    /// How many WOM: 1 to 1,500.
    pub amount: u32,
    /// Which WOM are accepted; every one where absent.
    pub filter: Option<Filter>,
    /// How long a shown code is waited for, milliseconds. Of no use where it is persistent.
    pub patience_ms: i64,
    /// Whether the code may be paid any number of times, for ever: it stands on a poster. Its
    /// checkout stays [`State::Shown`] until it is called off, and is not looked after by the desk:
    /// [`CashDesk::confirmations`](crate::cash_desk::CashDesk::confirmations) tells what was paid.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub persistent: bool,
}

impl Charge {
    /// How long a shown code is waited for unless told otherwise: 5 minutes.
    pub const PATIENCE_MS: i64 = 5 * MINUTE_MS;

    /// A charge of so many WOM, 1 to 1,500, of any kind. More do not fit into a wallet's payment
    /// (WOM protocol, payment/confirm).
    pub fn new(amount: u32) -> Result<Self> {
        if !(1..=1_500).contains(&amount) {
            return Err(
                Error::new(Kind::InputInvalid, "a charge is of 1 to 1,500 WOM")
                    .with("field", "amount"),
            );
        }
        Ok(Self {
            amount,
            filter: None,
            patience_ms: Self::PATIENCE_MS,
            persistent: false,
        })
    }

    /// The same, payable any number of times.
    #[must_use]
    pub fn persistent(self) -> Self {
        Self {
            persistent: true,
            ..self
        }
    }
}

/// Where a checkout stands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state", content = "detail")]
#[non_exhaustive]
pub enum State {
    /// Durable; the Registry is, or is about to be, asked for a code.
    Created,
    /// The code is written down, and cannot be paid yet.
    Registered,
    /// A verify was, or is about to be, sent.
    Verifying,
    /// The code can be paid; nobody has seen it.
    Verified,
    /// The code is on a display.
    Shown,
    /// Paid, once and for all.
    Paid {
        /// When, by the Registry's clock.
        at: Timestamp,
    },
    /// Our patience ran out; the code can still be paid.
    Expired,
    /// Called off by the shop; the code can still be paid.
    Cancelled,
    /// Paid after it had expired: the merchant has to decide.
    PaidAfterExpiry {
        /// When, by the Registry's clock.
        at: Timestamp,
    },
    /// Paid after it was cancelled: the merchant has to decide.
    PaidAfterCancel {
        /// When, by the Registry's clock.
        at: Timestamp,
    },
    /// It cannot go on by itself; the error's code says why.
    Failed(String),
}

impl State {
    /// Whether it can still become [`Paid`](Self::Paid).
    pub fn is_open(&self) -> bool {
        matches!(
            self,
            Self::Created | Self::Registered | Self::Verifying | Self::Verified | Self::Shown
        )
    }

    /// Whether it was paid, in time or late.
    pub fn is_paid(&self) -> bool {
        matches!(
            self,
            Self::Paid { .. } | Self::PaidAfterExpiry { .. } | Self::PaidAfterCancel { .. }
        )
    }

    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Registered => "registered",
            Self::Verifying => "verifying",
            Self::Verified => "verified",
            Self::Shown => "shown",
            Self::Paid { .. } => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::PaidAfterExpiry { .. } => "paid_after_expiry",
            Self::PaidAfterCancel { .. } => "paid_after_cancel",
            Self::Failed(_) => "failed",
        }
    }
}

/// One checkout, as the machine sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkout {
    /// Which checkout.
    pub id: CheckoutId,
    /// What is asked for.
    pub charge: Charge,
    /// Where it stands.
    pub state: State,
    /// Code, PIN and link, from `registered` on.
    pub ticket: Option<Ticket>,
    /// Tries or polls of the present state.
    pub tries: u32,
    /// Whether a verify of this code ever ended unclear.
    pub unclear: bool,
    /// When the present state began.
    pub since: Timestamp,
    /// When to go on; `None` when nothing is left to do.
    pub due: Option<Timestamp>,
}

impl Checkout {
    /// A new checkout, due at once.
    pub fn new(id: CheckoutId, charge: Charge, now: Timestamp) -> Self {
        Self {
            id,
            charge,
            state: State::Created,
            ticket: None,
            tries: 0,
            unclear: false,
            since: now,
            due: Some(now),
        }
    }
}

/// A checkout as it is stored: the machine's state with the ticket sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckoutRecord {
    /// Which checkout.
    pub id: CheckoutId,
    /// 1 when created; grows by one with each step.
    pub version: u64,
    /// What is asked for.
    pub charge: Charge,
    /// Where it stands.
    pub state: State,
    /// The sealed ticket.
    pub sealed: Option<Vec<u8>>,
    /// See [`Checkout::tries`].
    pub tries: u32,
    /// See [`Checkout::unclear`].
    pub unclear: bool,
    /// See [`Checkout::since`].
    pub since: Timestamp,
    /// See [`Checkout::due`].
    pub due: Option<Timestamp>,
}
