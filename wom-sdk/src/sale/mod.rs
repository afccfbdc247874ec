//! Sales: from a shop's order to exactly one discount.
//!
//! ```text
//!            ┌─▶ lapsed ────▶ late ─▶ granted, recorded, or another order: applying
//! waiting ───┤
//!            └─▶ applying ──▶ applied ─▶ redeemed ─▶ refunded
//! unclaimed ──▲   │  │          │
//!                 │  └▶ manual ─┘ └────▶ withdrawing ─▶ withdrawn
//!                 └──▶ attention: a person decides
//! ```
//!
//! The Registry knows of the payment and the shop of the discount; neither has a transaction over
//! both. So a sale is written down before either is asked for anything, and after a crash both are
//! asked again. How the payment stands is the [checkout](crate::checkout)'s and is not stored here
//! twice: `waiting` and `lapsed` say that there is none, and look there.
//!
//! A discount is *applied* only once the shop's own reading of the order shows it, and *redeemed* only
//! once an order was closed with it.

mod machine;
mod name;
mod poster;
mod receipt;
mod report;
mod state;
mod tally;
mod terms;

pub use machine::{Action, Event, Payment, Resolution, Step, step};
pub use name::{OrderKey, SaleId, Salt, ShopId, Slot};
pub use poster::Poster;
pub use receipt::{Language, Receipt};
pub use report::{Cause, NotUsed, Report, Row};
pub use state::{After, REASONS, State, Then, Turn};
pub use tally::Tally;
pub use terms::{Remedy, Rules, Stacking, Terms};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Timestamp,
    checkout::CheckoutId,
    merchant::{Order, OrderId, OrderLine},
};

/// One sale: an offer on an order of a shop, and what became of it. This is what is stored.
///
/// It tells of an order and never of a person. Nothing in it is secret but the code that
/// [`key`](Self::key) and [`fresh_key`](Self::fresh_key) give, as long as that can be used.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
pub struct Sale {
    /// Which sale.
    pub id: SaleId,
    /// 1 when made; grows by one with each step.
    pub version: u64,
    /// The merchant's name of the shop.
    pub shop: String,
    /// The merchant's name of the offer.
    pub offer: String,
    /// What is asked for, and what was agreed for it.
    pub terms: Terms,
    /// The payment.
    pub checkout: CheckoutId,
    /// Which confirmation of the payment: 0 for the first.
    pub index: u32,
    /// The order, once there is one.
    pub order: Option<Bound>,
    /// The place that it takes among the discounts of its order, while it may take one.
    pub slot: Option<Slot>,
    /// What nobody can guess the key without.
    pub salt: Salt,
    /// Where it stands.
    pub state: State,
    /// When it was paid, by the Registry's clock.
    pub paid: Option<Timestamp>,
    /// After what it was paid, if that was too late. It stays when the merchant has decided.
    pub late: Option<After>,
    /// The discount's reference in the shop, once the shop told one.
    pub reference: Option<String>,
    /// How much less is to be paid, as the shop reads it, in the currency's smallest unit.
    pub given: Option<i64>,
    /// What was to be paid in the end, as the shop reads it, in the currency's smallest unit.
    pub total: Option<i64>,
    /// Whether a person typed the discount in: then the shop's reading does not show it as ours.
    pub by_hand: bool,
    /// Before this the shop is not asked for the discount again, since an earlier try may be under
    /// way there.
    pub hold: Option<Timestamp>,
    /// The error code of the last try that did not succeed.
    pub failure: Option<String>,
    /// What the person who decided wrote.
    pub note: Option<String>,
    /// Tries or looks of the present state.
    pub tries: u32,
    /// When it was made.
    pub begun: Timestamp,
    /// When the present state began.
    pub since: Timestamp,
    /// When to go on; `None` when nothing is left to do, or a person has to.
    pub due: Option<Timestamp>,
}

impl Sale {
    /// A sale that waits for its payment.
    pub fn waiting(made: Made, order: Bound, slot: Slot, now: Timestamp) -> Self {
        Self {
            order: Some(order),
            slot: Some(slot),
            due: Some(now),
            ..Self::new(made, State::Waiting, None, now)
        }
    }

    /// A confirmation of a poster that no cashier has taken for an order yet.
    pub fn unclaimed(made: Made, at: Timestamp, now: Timestamp) -> Self {
        Self::new(made, State::Unclaimed, Some(at), now)
    }

    /// A confirmation that came where nothing can be given for it.
    pub fn late(made: Made, after: After, at: Timestamp, now: Timestamp) -> Self {
        let mut late = Self::unclaimed(made, at, now);
        machine::late(&mut late, after, now);
        late
    }

    fn new(made: Made, state: State, paid: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            id: made.id,
            version: 1,
            shop: made.shop,
            offer: made.offer,
            terms: made.terms,
            checkout: made.checkout,
            index: made.index,
            order: None,
            slot: None,
            salt: made.salt,
            state,
            paid,
            late: None,
            reference: None,
            given: None,
            total: None,
            by_hand: false,
            hold: None,
            failure: None,
            note: None,
            tries: 0,
            begun: now,
            since: now,
            due: None,
        }
    }

    /// Whether it was made for a confirmation alone, without an order: of a poster, or a second one of
    /// a code that may be paid once.
    pub(crate) fn is_of_confirmation(&self) -> bool {
        self.id == SaleId::of_confirmation(&self.shop, self.checkout, self.index)
    }

    /// What the shop knows the discount by: 32 hexadecimal digits, different for each confirmation of
    /// each code. It tells neither the one-time code nor anything about it, and who does not know the
    /// salt cannot guess it: it may be a coupon's code.
    pub fn key(&self) -> String {
        Digest::of([
            b"discount/1".as_slice(),
            &self.checkout.0,
            &self.index.to_be_bytes(),
            &self.salt.0,
        ])
        .to_hex()
    }

    /// What a fresh code for the customer's next order is made under: another one than the
    /// [key](Self::key), which may have been used and taken back.
    pub fn fresh_key(&self) -> String {
        Digest::of([
            b"fresh/1".as_slice(),
            &self.checkout.0,
            &self.index.to_be_bytes(),
            &self.salt.0,
        ])
        .to_hex()
    }

    /// What its order is known by in the store.
    pub fn order_key(&self) -> Option<OrderKey> {
        let order = self.order.as_ref()?;
        Some(OrderKey::new(&self.shop, &order.id))
    }

    /// Whether a line of the order is this discount.
    pub fn is_own(&self, line: &OrderLine) -> bool {
        let Some(reference) = &line.reference else {
            return false;
        };
        self.reference.as_ref() == Some(reference) || reference.eq_ignore_ascii_case(&self.key())
    }

    /// By how much this discount lowers the order, as the shop reads it; 0 where it does not.
    pub fn reduction(&self, order: &Order) -> i64 {
        let own = order.lines.iter().filter(|line| self.is_own(line));
        own.fold(0_i64, |sum, line| sum.saturating_sub(line.amount))
            .max(0)
    }

    /// Who has to do something next.
    pub fn turn(&self) -> Turn {
        match &self.state {
            State::Lapsed if self.due.is_none() => Turn::Nobody,
            // The order is looked at, until its code was typed in.
            State::Manual if self.due.is_some() => Turn::Program,
            State::Waiting
            | State::Lapsed
            | State::Applying
            | State::Applied
            | State::Withdrawing(_) => Turn::Program,
            State::Unclaimed | State::Manual | State::Late(_) | State::Attention(_) => Turn::Person,
            State::Redeemed
            | State::Withdrawn
            | State::Refunded
            | State::Granted
            | State::Recorded => Turn::Nobody,
        }
    }

    /// What the cashier or the merchant can do, the one that the merchant prefers first. Empty where
    /// nobody has to do anything.
    pub fn remedies(&self) -> Vec<Remedy> {
        match &self.state {
            State::Late(_) => self.terms.remedies.clone(),
            State::Unclaimed => {
                let mut remedies = vec![Remedy::Replacement];
                let others = self.terms.remedies.iter().copied();
                remedies.extend(others.filter(|remedy| *remedy != Remedy::Replacement));
                remedies
            }
            _ => Vec::new(),
        }
    }
}

/// Without what a coupon's code could be read from, and without what a person wrote.
impl fmt::Debug for Sale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sale")
            .field("id", &self.id)
            .field("version", &self.version)
            .field("shop", &self.shop)
            .field("offer", &self.offer)
            .field("index", &self.index)
            .field("state", &self.state)
            .field("paid", &self.paid)
            .field("agreed", &self.terms.agreed)
            .field("given", &self.given)
            .field("total", &self.total)
            .field("hold", &self.hold)
            .field("failure", &self.failure)
            .field("tries", &self.tries)
            .field("since", &self.since)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

/// What every sale is made from.
#[derive(Clone, Debug)]
pub struct Made {
    /// Which sale.
    pub id: SaleId,
    /// The merchant's name of the shop.
    pub shop: String,
    /// The merchant's name of the offer.
    pub offer: String,
    /// What is asked for, and what was agreed for it.
    pub terms: Terms,
    /// The payment.
    pub checkout: CheckoutId,
    /// Which confirmation of the payment.
    pub index: u32,
    /// See [`Sale::salt`].
    pub salt: Salt,
}

/// The order that a sale is of, as it was read last.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Bound {
    /// The shop's own name of it.
    pub id: OrderId,
    /// Its version.
    pub version: String,
}

impl Bound {
    /// The order as it was just read.
    pub fn to(order: &Order) -> Self {
        Self {
            id: order.id.clone(),
            version: order.version.clone(),
        }
    }
}
