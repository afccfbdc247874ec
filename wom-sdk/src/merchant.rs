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

    /// Verifies a webhook's raw bytes, answers handshakes in the vendor's form, and says which order
    /// to look at because of it: its id is the hint. Neither I/O nor a clock.
    fn receive(&self, request: &Request<'_>) -> Received {
        let _ = request;
        Received::refuse(
            404,
            Error::new(Kind::Unsupported, "this adapter takes no webhooks"),
        )
    }

    /// Orders that changed since a cursor, and where to go on. An adapter that
    /// [lists orders](MerchantCapabilities::orders) has this.
    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        let _ = since;
        Err(Error::new(
            Kind::Unsupported,
            "this adapter does not list orders",
        ))
    }

    /// The order as the shop has it now.
    async fn read(&self, order: &OrderId) -> Result<Order>;

    /// The order that carries a discount with this reference, where there is one.
    async fn find(&self, reference: &str) -> Result<Option<OrderId>>;

    /// Gives the discount to the order, once for each key.
    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied>;

    /// Takes a discount back. What is not there, or was taken back before, is no error. An adapter
    /// that [does so](MerchantCapabilities::revoke) has this.
    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let _ = (order, reference);
        Err(Error::new(
            Kind::Unsupported,
            "this adapter does not take discounts back",
        ))
    }

    /// What is typed in for this key once [`apply`](Self::apply) said [`Applied::Manual`], by the
    /// shopper or the cashier; `None` where there is no code and the cashier lowers the price.
    fn code(&self, key: &str) -> Option<String> {
        let _ = key;
        None
    }

    /// Makes a code for a customer's next order, that can be used once by whoever has it, and gives it:
    /// for a payment whose own order takes no discount any more. The same key is the same code. An
    /// adapter that [creates codes](MerchantCapabilities::creates_codes) has this.
    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        let _ = (discount, key);
        Err(
            Error::new(Kind::Unsupported, "this shop's adapter makes no codes")
                .hint("make one in the shop, and say here what it is called there"),
        )
    }

    /// What became of the order. An adapter that does not override this knows of open and closed
    /// ones only.
    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        let open = self.read(order).await?.open;
        Ok(if open {
            OrderState::Open
        } else {
            OrderState::Closed
        })
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
    /// Its webhooks are signed. Those that are not are only a reason to ask the shop.
    pub webhook_signed: bool,
    /// Makes codes in the shop, which a shopper or cashier types in.
    pub creates_codes: bool,
    /// Puts a discount on an order that is not paid.
    pub changes_open_orders: bool,
    /// Puts a discount on an order that is paid, and gives the difference back.
    pub changes_paid_orders: bool,
    /// The shop itself makes a discount only once, however often it is asked; otherwise the
    /// adapter looks before it makes one.
    pub create_is_idempotent: bool,
    /// The shop lets a code be used again once its order is cancelled: it has to be revoked.
    pub cancel_releases_code: bool,
    /// An open order takes one discount of ours: a second is refused with [`Kind::InputInvalid`], and
    /// changes nothing.
    pub one_per_order: bool,
}

impl MerchantCapabilities {
    /// An adapter that does everything by itself.
    pub const FULL: Self = Self {
        webhook: true,
        orders: true,
        apply: true,
        revoke: true,
        webhook_signed: true,
        creates_codes: true,
        changes_open_orders: true,
        changes_paid_orders: true,
        create_is_idempotent: true,
        cancel_releases_code: false,
        one_per_order: false,
    };

    /// An adapter that puts discounts on orders that are not paid, and does nothing else.
    pub const OPEN_ORDERS: Self = Self {
        apply: true,
        changes_open_orders: true,
        ..Self::NONE
    };

    /// An adapter that does nothing by itself: the cashier types in, it records.
    pub const NONE: Self = Self {
        webhook: false,
        orders: false,
        apply: false,
        revoke: false,
        webhook_signed: false,
        creates_codes: false,
        changes_open_orders: false,
        changes_paid_orders: false,
        create_is_idempotent: false,
        cancel_releases_code: false,
        one_per_order: false,
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

/// What became of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OrderState {
    /// Not paid, and still to be changed.
    Open,
    /// Paid.
    Paid,
    /// Cancelled: nothing is to be paid or given any more.
    Cancelled,
    /// Paid, and all of it given back.
    Refunded,
    /// No longer open; the shop does not tell why.
    Closed,
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

impl OrderLine {
    /// What is bought.
    pub fn bought(text: impl Into<String>, amount: i64) -> Self {
        Self {
            text: text.into(),
            amount,
            reference: None,
        }
    }

    /// A discount of ours: so much less, under this reference.
    pub fn discount(text: impl Into<String>, less: i64, reference: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            amount: -less,
            reference: Some(reference.into()),
        }
    }
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
