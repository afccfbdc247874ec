//! The trait that adapters implement to bring discounts out, and what passes through it.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Received, Request},
};

/// A shop or till system that gives a discount to whoever pays some WOM.
///
/// Applying is find, else create: success is only what [`read`](Self::read) then shows, and
/// applying twice with one key is applying once.
#[async_trait]
pub trait Merchant: fmt::Debug + Send + Sync {
    /// What this adapter is.
    fn info(&self) -> Info;

    /// What this adapter offers.
    fn capabilities(&self) -> MerchantCapabilities;

    /// Verifies a webhook's raw bytes, answers handshakes in the vendor's form, and says what to
    /// look at because of it. Neither I/O nor a clock.
    fn receive(&self, request: &Request<'_>) -> Received {
        let _ = request;
        Received::refuse(
            404,
            Error::new(Kind::Unsupported, "this adapter takes no webhooks"),
        )
    }

    /// Orders that changed since a cursor, and where to go on.
    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)>;

    /// The order as the shop has it now.
    async fn read(&self, order: &OrderId) -> Result<Order>;

    /// The order that carries a discount with this reference, where there is one.
    async fn find(&self, reference: &str) -> Result<Option<OrderId>>;

    /// Gives the discount to the order, once for each key.
    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied>;

    /// Takes a discount back.
    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()>;

    /// What to show to whoever types the discount in, after [`Applied::Manual`] for this key: a code
    /// that the shop knows. `None` where it knows none.
    fn code(&self, key: &str) -> Option<String> {
        let _ = key;
        None
    }
}

/// What a merchant adapter offers, as plain data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct MerchantCapabilities {
    /// Takes webhooks.
    pub webhook: bool,
    /// Lists orders that changed.
    pub orders: bool,
    /// Applies discounts by itself; otherwise the cashier types them in.
    pub apply: bool,
    /// Takes discounts back by itself.
    pub revoke: bool,
    /// Makes codes that somebody can type in; see [`Merchant::code`].
    pub codes: bool,
    /// Puts a discount on an order that is not paid.
    pub change_open: bool,
    /// Puts a discount on an order that is paid, and has the difference paid back.
    pub change_paid: bool,
    /// Whether the system itself makes one discount of a request that comes twice. Where it does not,
    /// the adapter looks for it first; two processes at the same instant may then make two for a moment.
    pub idempotent: bool,
    /// Whether a cancelled order lets its code be used again, until it is revoked.
    pub cancel_frees_code: bool,
}

impl MerchantCapabilities {
    /// An adapter that does everything by itself, on orders that are not paid.
    pub const FULL: Self = Self {
        webhook: true,
        orders: true,
        apply: true,
        revoke: true,
        codes: false,
        change_open: true,
        change_paid: false,
        idempotent: false,
        cancel_frees_code: false,
    };
}

/// The shop's own name of an order.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct OrderId(pub String);

/// An order, as the shop has it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Order {
    /// Its name.
    pub id: OrderId,
    /// Grows or changes with every change of the order.
    pub version: String,
    /// What is bought, and the discounts on it.
    pub lines: Vec<OrderLine>,
    /// What is to be paid, in the currency's smallest unit (cents), after discounts.
    pub total: i64,
    /// ISO 4217.
    pub currency: String,
    /// Whether it is still open to a discount.
    pub open: bool,
}

/// One line of an order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OrderLine {
    /// What stands on the receipt.
    pub text: String,
    /// In the currency's smallest unit; negative for a discount.
    pub amount: i64,
    /// For a discount of ours: its reference.
    pub reference: Option<String>,
}

/// A merchant's price reduction for whoever pays some WOM; never a rate of exchange.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Discount {
    /// So much less, in the currency's smallest unit.
    Amount(i64),
    /// So many hundredths of a percent less: 1000 is 10 %.
    BasisPoints(u32),
}

impl Discount {
    /// How much less is to be paid of a total, never more than all of it. Rounded down, in the
    /// currency's smallest unit.
    pub fn of(&self, total: i64) -> i64 {
        let total = total.max(0);
        match self {
            Self::Amount(amount) => (*amount).clamp(0, total),
            Self::BasisPoints(points) => {
                let share = i128::from(total) * i128::from(*points) / 10_000;
                i64::try_from(share).map_or(total, |share| share.min(total))
            }
        }
    }
}

/// An offer: pay so many WOM, get this discount.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Offer {
    /// What stands beside the QR code.
    pub title: String,
    /// What is to be paid in WOM.
    pub charge: crate::checkout::Charge,
    /// What it brings.
    pub discount: Discount,
}

/// How a discount got onto the order.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Applied {
    /// The shop's system shows it under this reference.
    Applied {
        /// What [`Merchant::find`] and [`Merchant::revoke`] take.
        reference: String,
    },
    /// The cashier has to type it in.
    Manual,
}
