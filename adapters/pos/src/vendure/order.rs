//! An order as the admin API tells it. Nothing of the customer is asked for.

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{
    Digest, Error, Kind, Result,
    merchant::{Order, OrderId, OrderLine, OrderState},
};

use crate::code;

/// The fields of an order that are asked for.
pub(super) const FIELDS: &str = "id state active currencyCode updatedAt nextStates couponCodes totalWithTax shippingWithTax discounts{adjustmentSource description amountWithTax} surcharges{description priceWithTax} lines{quantity linePriceWithTax productVariant{name}} promotions{id couponCode} payments{id amount state refunds{total state}} history(options:{filter:{type:{eq:\"ORDER_STATE_TRANSITION\"}},sort:{createdAt:DESC},take:20}){items{data}}";

/// An order, by Vendure's own words.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    pub(super) id: String,
    pub(super) state: String,
    currency_code: String,
    updated_at: String,
    #[serde(default)]
    pub(super) next_states: Vec<String>,
    #[serde(default)]
    pub(super) coupon_codes: Vec<String>,
    total_with_tax: i64,
    #[serde(default)]
    shipping_with_tax: i64,
    #[serde(default)]
    discounts: Vec<Adjustment>,
    #[serde(default)]
    surcharges: Vec<Surcharge>,
    #[serde(default)]
    lines: Vec<Line>,
    #[serde(default)]
    promotions: Vec<Promotion>,
    #[serde(default)]
    payments: Vec<Payment>,
    #[serde(default)]
    history: History,
}

#[derive(Debug, Default, Deserialize)]
struct History {
    #[serde(default)]
    items: Vec<Transition>,
}

#[derive(Debug, Deserialize)]
struct Transition {
    data: Move,
}

#[derive(Debug, Deserialize)]
struct Move {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Adjustment {
    adjustment_source: String,
    description: String,
    amount_with_tax: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Surcharge {
    description: String,
    price_with_tax: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    quantity: i64,
    line_price_with_tax: i64,
    product_variant: Variant,
}

#[derive(Debug, Deserialize)]
struct Variant {
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promotion {
    id: String,
    coupon_code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Payment {
    id: String,
    amount: i64,
    state: String,
    #[serde(default)]
    refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
struct Refund {
    total: i64,
    state: String,
}

impl Told {
    /// The order in an answer; `None` if there is none.
    pub(super) fn of(answer: Value) -> Result<Option<Self>> {
        if answer.is_null() {
            return Ok(None);
        }
        Self::deserialize(answer).map(Some).map_err(|_| {
            Error::new(
                Kind::OutcomeUnknown,
                "the shop tells an order in a form that is not Vendure's",
            )
            .hint("the adapter is proven with Vendure 3.7")
        })
    }

    /// How much less is paid because of this code: 0 if it only stands in the list, as the code of a
    /// cancelled order and one that is not valid yet do.
    pub(super) fn discounted_by(&self, code: &str) -> i64 {
        if self.state == "Cancelled" {
            return 0;
        }
        let ours = |it: &&Adjustment| {
            self.code_of(it)
                .is_some_and(|it| it.eq_ignore_ascii_case(code))
        };
        let amounts = self.discounts.iter().filter(ours);
        amounts.fold(0_i64, |sum, it| sum.saturating_sub(it.amount_with_tax))
    }

    /// What the discounts of ours are known by.
    #[cfg(feature = "testing")]
    pub(super) fn references(&self) -> impl Iterator<Item = String> {
        let codes = self.discounts.iter().filter_map(|it| self.code_of(it));
        codes.filter_map(code::reference)
    }

    /// Whether this code stands in the list, whatever that is good for.
    pub(super) fn lists(&self, code: &str) -> bool {
        self.coupon_codes
            .iter()
            .any(|listed| listed.eq_ignore_ascii_case(code))
    }

    /// Where the order was before somebody began to change it.
    pub(super) fn before_modifying(&self) -> &str {
        let moves = self.history.items.iter().map(|item| &item.data);
        let mut into = moves.filter(|it| it.to == "Modifying" && !it.from.is_empty());
        into.next().map_or("PaymentSettled", |it| it.from.as_str())
    }

    /// The coupon code of a discount, where a promotion with one made it.
    fn code_of(&self, adjustment: &Adjustment) -> Option<&str> {
        let id = adjustment.adjustment_source.strip_prefix("PROMOTION:")?;
        let promotion = self
            .promotions
            .iter()
            .find(|promotion| promotion.id == id)?;
        promotion.coupon_code.as_deref()
    }

    /// The settled payment that has most left to be given back from.
    pub(super) fn payment(&self) -> Option<&str> {
        let left = |payment: &&Payment| {
            let refunds = payment
                .refunds
                .iter()
                .filter(|refund| refund.state != "Failed");
            refunds.fold(payment.amount, |left, refund| {
                left.saturating_sub(refund.total)
            })
        };
        let settled = self
            .payments
            .iter()
            .filter(|payment| payment.state == "Settled");
        settled.max_by_key(left).map(|payment| payment.id.as_str())
    }

    pub(super) fn what_became(&self) -> OrderState {
        match self.state.as_str() {
            "Created" | "Draft" | "AddingItems" | "ArrangingPayment" => OrderState::Open,
            "Cancelled" => OrderState::Cancelled,
            _ if self.is_refunded() => OrderState::Refunded,
            _ => OrderState::Paid,
        }
    }

    fn is_refunded(&self) -> bool {
        let paid = self
            .payments
            .iter()
            .filter(|payment| payment.state == "Settled");
        let (mut in_all, mut back) = (0_i64, 0_i64);
        for payment in paid {
            in_all = in_all.saturating_add(payment.amount);
            let settled = payment
                .refunds
                .iter()
                .filter(|refund| refund.state == "Settled");
            back = settled.fold(back, |sum, refund| sum.saturating_add(refund.total));
        }
        in_all > 0 && back >= in_all
    }

    /// In the words of the SDK. Lines that change nothing are left out, and all of a cancelled order:
    /// one that was not paid still shows its lines and total to staff, but nobody pays them.
    pub(super) fn into_order(mut self) -> Order {
        if self.state == "Cancelled" {
            self.lines.clear();
            self.discounts.clear();
            self.surcharges.clear();
            (self.shipping_with_tax, self.total_with_tax) = (0, 0);
        }
        let bought = self.lines.iter().map(|line| {
            (
                format!("{} × {}", line.quantity, line.product_variant.name),
                line.line_price_with_tax,
                None,
            )
        });
        let discounts = self.discounts.iter().map(|discount| {
            let reference = self.code_of(discount).and_then(code::reference);
            (
                discount.description.clone(),
                discount.amount_with_tax,
                reference,
            )
        });
        let surcharges = self
            .surcharges
            .iter()
            .map(|it| (it.description.clone(), it.price_with_tax, None));
        let shipping = [("Shipping".to_owned(), self.shipping_with_tax, None)];
        let lines = bought.chain(surcharges).chain(shipping).chain(discounts);
        let lines: Vec<_> = lines
            .filter(|(_, amount, _)| *amount != 0)
            .map(|(text, amount, reference)| OrderLine {
                text,
                amount,
                reference,
            })
            .collect();
        Order {
            open: self.what_became() == OrderState::Open,
            id: OrderId(self.id),
            // Some data bases keep whole seconds only, so what stands in it counts too.
            version: version(&self.updated_at, &self.state, self.total_with_tax, &lines),
            lines,
            total: self.total_with_tax,
            currency: self.currency_code,
        }
    }
}

fn version(updated_at: &str, state: &str, total: i64, lines: &[OrderLine]) -> String {
    let mut parts = vec![updated_at.to_owned(), state.to_owned(), total.to_string()];
    for line in lines {
        let reference = line.reference.clone().unwrap_or_default();
        parts.extend([line.text.clone(), line.amount.to_string(), reference]);
    }
    Digest::of(&parts).to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn two_changes_of_one_instant_are_two_versions() {
        let version = |state: &str, total: i64| {
            let told = json!({
                "id": "7", "state": state, "currencyCode": "EUR", "totalWithTax": total,
                "updatedAt": "2026-01-01T00:00:00.000Z", "active": false,
            });
            Told::of(told).unwrap().unwrap().into_order().version
        };
        let first = version("ArrangingPayment", 1_200);
        assert_eq!(version("ArrangingPayment", 1_200), first);
        assert_ne!(version("ArrangingPayment", 1_100), first);
        assert_ne!(version("PaymentAuthorized", 1_200), first);
    }
}
