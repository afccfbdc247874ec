//! An order of Vendure, as an order.

use wom_sdk::{
    Digest,
    merchant::{Order, OrderId, OrderLine},
};

use super::{
    code::Codes,
    wire::{Payment, Reduction, ShopOrder},
};

/// By which way a discount gets onto an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// Staff puts the code on.
    Draft,
    /// Only the shopper can put the code on.
    Cart,
    /// Staff changes what was paid, and the difference is paid back.
    Paid,
    /// None.
    Closed,
}

impl ShopOrder {
    pub(super) fn way(&self) -> Way {
        match self.state.as_str() {
            "Draft" => Way::Draft,
            "Created" | "AddingItems" | "ArrangingPayment" => Way::Cart,
            "PaymentSettled" | "Modifying" => Way::Paid,
            _ => Way::Closed,
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.state == "Cancelled"
    }

    /// How much less is to be paid by the discounts with this key. A code in the list of codes is not
    /// yet a discount, so that list is not looked at.
    pub(super) fn reduction(&self, key: &str, codes: &Codes) -> i64 {
        if self.is_cancelled() {
            return 0;
        }
        let own = self.discounts.iter().filter(|discount| {
            self.reference(discount, codes)
                .is_some_and(|reference| reference.eq_ignore_ascii_case(key))
        });
        own.fold(0_i64, |sum, discount| {
            sum.saturating_sub(discount.amount_with_tax)
        })
    }

    /// Whether this code stands in the list of codes, whatever that is good for.
    pub(super) fn lists(&self, code: &str) -> bool {
        self.coupon_codes
            .iter()
            .any(|other| other.eq_ignore_ascii_case(code))
    }

    /// A payment from which so much can be paid back.
    pub(super) fn refundable(&self) -> Option<&Payment> {
        let payments = self.payments.iter().flatten();
        payments
            .filter(|payment| payment.state == "Settled")
            .max_by_key(|payment| payment.left())
            .filter(|payment| payment.left() > 0)
    }

    /// Where the order was before somebody began to modify it.
    pub(super) fn before_modifying(&self) -> Option<&str> {
        let moves = self.history.items.iter().map(|item| &item.data);
        moves
            .filter(|it| it.to == "Modifying")
            .map(|it| it.from.as_str())
            .next()
    }

    /// The order for whoever asked. `change_paid`: whether one that is paid is open to a discount.
    pub(super) fn read(&self, codes: &Codes, change_paid: bool) -> Order {
        let goods = self.lines.iter().map(|line| OrderLine {
            text: match line.quantity {
                1 => line.product_variant.name.clone(),
                quantity => format!("{quantity} × {}", line.product_variant.name),
            },
            amount: line.line_price_with_tax,
            reference: None,
        });
        let shipping = self.shipping_lines.iter().map(|line| OrderLine {
            text: "Shipping".to_owned(),
            amount: line.price_with_tax,
            reference: None,
        });
        let surcharges = self.surcharges.iter().map(|line| OrderLine {
            text: line.description.clone(),
            amount: line.price_with_tax,
            reference: None,
        });
        // Discounts of nothing stand in no receipt.
        let discounts = self.discounts.iter().filter(|it| it.amount_with_tax != 0);
        let discounts = discounts.map(|discount| OrderLine {
            text: discount.description.clone(),
            amount: discount.amount_with_tax,
            reference: self.reference(discount, codes),
        });
        let lines: Vec<_> = match self.is_cancelled() {
            // Nobody pays for what is on it, whatever it shows.
            true => Vec::new(),
            false => goods
                .chain(shipping)
                .chain(surcharges)
                .chain(discounts)
                .collect(),
        };
        let total = match self.is_cancelled() {
            true => 0,
            false => self.total_with_tax,
        };
        let has_ours = lines.iter().any(|line| line.reference.is_some());
        let mut version = vec![
            self.state.clone(),
            self.updated_at.clone(),
            total.to_string(),
        ];
        for line in &lines {
            version.extend([line.text.clone(), line.amount.to_string()]);
            version.extend(line.reference.clone());
        }
        Order {
            id: OrderId(self.id.clone()),
            version: Digest::of(version.iter()).to_hex()[..16].to_owned(),
            lines,
            total,
            currency: self.currency_code.clone(),
            open: match self.way() {
                Way::Draft | Way::Cart => true,
                // One that was paid with a discount of ours is done.
                Way::Paid => change_paid && !has_ours,
                Way::Closed => false,
            },
        }
    }

    /// The key in the code that a discount comes from; `None` where it is not ours.
    fn reference(&self, discount: &Reduction, codes: &Codes) -> Option<String> {
        let id = discount.adjustment_source.strip_prefix("PROMOTION:")?;
        let origin = self.promotions.iter().find(|origin| origin.id == id)?;
        codes.reference(origin.coupon_code.as_deref()?)
    }
}

impl Payment {
    /// What is left of it after what was paid back.
    fn left(&self) -> i64 {
        let refunds = self
            .refunds
            .iter()
            .filter(|refund| refund.state != "Failed");
        refunds.fold(self.amount, |left, refund| {
            left.saturating_sub(refund.total)
        })
    }
}

#[cfg(test)]
mod tests;
