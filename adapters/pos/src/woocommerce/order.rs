//! An order as the REST API tells it. Nothing of the customer is asked for.

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{
    Error, Kind, Result,
    merchant::{Order, OrderId, OrderLine, OrderState},
};

use super::api::{Answer, Api};
use crate::{code, money};

/// The fields of an order that are asked for: neither addresses nor notes.
pub(super) const FIELDS: &str = "id,status,currency,date_modified_gmt,date_paid_gmt,total,discount_total,line_items,shipping_lines,fee_lines,coupon_lines,refunds";

/// The order with this number.
pub(super) async fn tell(api: &Api, id: &str) -> Result<Told> {
    match api.get(&["orders", id], &[("_fields", FIELDS)]).await? {
        Answer::Refused(code) if code == "woocommerce_rest_shop_order_invalid_id" => Err(unknown()),
        answer => Told::of(answer.said("the shop does not tell the order")?),
    }
}

pub(super) fn unknown() -> Error {
    Error::new(Kind::InputInvalid, "the shop has no such order")
        .hint("use the id of an order, a number")
}

/// An order, by WooCommerce's own words.
#[derive(Debug, Deserialize)]
pub(super) struct Told {
    id: u64,
    pub(super) status: String,
    pub(super) currency: String,
    date_modified_gmt: Option<String>,
    date_paid_gmt: Option<String>,
    total: String,
    discount_total: String,
    #[serde(default)]
    line_items: Vec<Item>,
    #[serde(default)]
    shipping_lines: Vec<Extra>,
    #[serde(default)]
    fee_lines: Vec<Extra>,
    #[serde(default)]
    coupon_lines: Vec<Coupon>,
    #[serde(default)]
    refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
struct Item {
    name: String,
    quantity: Value,
    subtotal: String,
    subtotal_tax: String,
}

#[derive(Debug, Deserialize)]
struct Extra {
    total: String,
    total_tax: String,
}

#[derive(Debug, Deserialize)]
struct Coupon {
    code: String,
    discount: String,
    discount_tax: String,
}

#[derive(Debug, Deserialize)]
struct Refund {
    total: String,
}

impl Told {
    /// The order in an answer.
    ///
    /// # Errors
    /// [`Kind::OutcomeUnknown`] if it is not one of WooCommerce's form.
    pub(super) fn of(answer: Value) -> Result<Self> {
        Self::deserialize(answer).map_err(|_| {
            Error::new(
                Kind::OutcomeUnknown,
                "the shop tells an order in a form that is not WooCommerce's",
            )
            .hint("the adapter is made for the REST API wc/v3")
        })
    }

    pub(super) fn id(&self) -> String {
        self.id.to_string()
    }

    /// How much less is paid because of this code, with tax: 0 if it only stands in the list.
    pub(super) fn discounted_by(&self, code: &str) -> Result<i64> {
        if money::parse(&self.discount_total, &self.currency)? <= 0 {
            return Ok(0);
        }
        let ours = self.coupon_lines.iter().filter(|it| it.is(code));
        ours.map(|it| it.amount(&self.currency))
            .try_fold(0_i64, |sum, amount| Ok(sum.saturating_add(amount?)))
    }

    /// How often the code stands in the order.
    pub(super) fn count(&self, code: &str) -> usize {
        self.coupon_lines.iter().filter(|it| it.is(code)).count()
    }

    /// The codes of others.
    pub(super) fn codes_without(&self, code: &str) -> Vec<&str> {
        let others = self.coupon_lines.iter().filter(|it| !it.is(code));
        others.map(|it| it.code.as_str()).collect()
    }

    /// Whether it is the draft of a shopper's cart, which the cart writes over: only they can enter a
    /// code.
    pub(super) fn is_cart(&self) -> bool {
        self.status == "checkout-draft"
    }

    pub(super) fn what_became(&self) -> OrderState {
        let is_paid = self.date_paid_gmt.is_some();
        match self.status.as_str() {
            "refunded" => OrderState::Refunded,
            "cancelled" | "trash" => OrderState::Cancelled,
            "auto-draft" | "checkout-draft" | "failed" | "pending" => OrderState::Open,
            // Waits for a transfer; with a payment it only waits for staff.
            "on-hold" if !is_paid => OrderState::Open,
            _ if self.is_refunded() => OrderState::Refunded,
            "completed" => OrderState::Paid,
            "on-hold" | "processing" if is_paid => OrderState::Paid,
            // To be paid on delivery, or a state that a plugin made.
            _ => OrderState::Closed,
        }
    }

    fn is_refunded(&self) -> bool {
        let parse = |text: &str| money::parse(text, &self.currency).unwrap_or(0);
        let refunds = self.refunds.iter().map(|it| parse(&it.total));
        // Refunds are told as negative amounts.
        let back = refunds.fold(0_i64, i64::saturating_sub);
        let total = parse(&self.total);
        total > 0 && back >= total
    }

    /// In the words of the SDK. A cancelled order keeps its lines and total in the shop, yet nothing is
    /// to be paid for it; nor for one that was given back.
    pub(super) fn into_order(self) -> Result<Order> {
        let state = self.what_became();
        let modified = self.date_modified_gmt.as_deref().unwrap_or_default();
        // Times are told in whole seconds: two changes within one differ by what they change.
        let version = format!(
            "{modified} {} {} {}",
            self.status,
            self.coupon_lines.len(),
            self.total
        );
        let id = OrderId(self.id.to_string());
        if matches!(state, OrderState::Cancelled | OrderState::Refunded) {
            return Ok(Order {
                id,
                version,
                lines: Vec::new(),
                total: 0,
                currency: self.currency,
                open: false,
            });
        }
        let sum = |one: &str, other: &str| -> Result<i64> {
            let one = money::parse(one, &self.currency)?;
            Ok(one.saturating_add(money::parse(other, &self.currency)?))
        };
        let mut lines = Vec::new();
        let mut add = |text: String, amount: i64, reference: Option<String>| {
            if amount != 0 {
                lines.push(OrderLine {
                    text,
                    amount,
                    reference,
                });
            }
        };
        for item in &self.line_items {
            let text = format!("{} × {}", item.quantity, item.name);
            add(text, sum(&item.subtotal, &item.subtotal_tax)?, None);
        }
        // The name of a fee or a way of shipping is written by hand, and may name somebody.
        for (text, extras) in [("Shipping", &self.shipping_lines), ("Fee", &self.fee_lines)] {
            for extra in extras {
                add(text.to_owned(), sum(&extra.total, &extra.total_tax)?, None);
            }
        }
        for coupon in &self.coupon_lines {
            let amount = -coupon.amount(&self.currency)?;
            // A reference is of ours only.
            let reference = code::reference(&coupon.code);
            add(coupon.code.clone(), amount, reference);
        }
        Ok(Order {
            id,
            version,
            lines,
            total: money::parse(&self.total, &self.currency)?,
            open: state == OrderState::Open,
            currency: self.currency,
        })
    }
}

impl Coupon {
    fn is(&self, code: &str) -> bool {
        self.code.eq_ignore_ascii_case(code)
    }

    /// What it takes off, with tax.
    fn amount(&self, currency: &str) -> Result<i64> {
        let net = money::parse(&self.discount, currency)?;
        Ok(net.saturating_add(money::parse(&self.discount_tax, currency)?))
    }
}
