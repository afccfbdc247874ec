//! What stands on the customer's receipt.

use serde::{Deserialize, Serialize};

use super::{Sale, State};
use crate::Digest;

/// In which language a receipt is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Italian.
    #[serde(rename = "it")]
    Italian,
}

/// A discount line. A WOM discount is the merchant's own price reduction, known at the time of sale:
/// it lowers the price, and is neither a means of payment nor a credit to be claimed from anyone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    /// The line's text, such as `WOM discount, 60 minutes (ref. 3F9A)`.
    pub text: String,
    /// By how much the price is lowered, as the shop reads it, in the currency's smallest unit:
    /// negative.
    pub amount: i64,
    /// What is to be paid, as the shop read it last; none where a cashier typed the discount in.
    pub total: Option<i64>,
    /// ISO 4217.
    pub currency: String,
    /// The last 4 signs of a digest that tells sales apart for whoever complains. It is of neither
    /// the one-time code nor the PIN nor the discount's key.
    pub reference: String,
}

impl Sale {
    /// The line for the receipt, while the discount is on the order.
    pub fn receipt(&self, language: Language) -> Option<Receipt> {
        if !matches!(self.state, State::Applied | State::Redeemed) {
            return None;
        }
        let reference = self.short_reference();
        let minutes = self.terms.amount;
        let text = match (language, minutes) {
            (Language::English, 1) => format!("WOM discount, 1 minute (ref. {reference})"),
            (Language::English, _) => format!("WOM discount, {minutes} minutes (ref. {reference})"),
            (Language::Italian, 1) => format!("Sconto WOM, 1 minuto (rif. {reference})"),
            (Language::Italian, _) => format!("Sconto WOM, {minutes} minuti (rif. {reference})"),
        };
        Some(Receipt {
            text,
            amount: -self.given?,
            total: self.total,
            currency: self.terms.currency.clone(),
            reference,
        })
    }

    /// 4 hexadecimal digits by which a merchant finds a sale again.
    pub fn short_reference(&self) -> String {
        let digest = Digest::of([b"receipt/1".as_slice(), &self.id.0]).to_hex();
        digest[digest.len() - 4..].to_ascii_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        checkout::CheckoutId,
        merchant::{Discount, OrderId},
        sale::{Bound, Made, OrderKey, SaleId, Salt, Terms},
    };

    fn applied(minutes: u32) -> Sale {
        let order = OrderId("1007".into());
        let made = Made {
            id: SaleId::new("bar", &order, "coffee", 0),
            shop: "bar".into(),
            offer: "coffee".into(),
            terms: Terms {
                amount: minutes,
                filter: None,
                discount: Discount::Amount(500),
                agreed: 500,
                currency: "EUR".into(),
                floor: 1,
                remedies: Vec::new(),
            },
            checkout: CheckoutId::new("http://r", "p", "1"),
            index: 0,
            salt: Salt([7; 16]),
        };
        let slot = OrderKey::new("bar", &order).slot(0);
        let bound = Bound {
            id: order,
            version: "1".into(),
        };
        Sale {
            state: State::Applied,
            given: Some(450),
            total: Some(750),
            ..Sale::waiting(made, bound, slot, crate::Timestamp::EPOCH)
        }
    }

    #[test]
    fn a_receipt_says_minutes_and_money_and_no_secret() {
        let sale = applied(60);
        let receipt = sale.receipt(Language::Italian).unwrap();
        let reference = sale.short_reference();
        assert_eq!(
            receipt.text,
            format!("Sconto WOM, 60 minuti (rif. {reference})")
        );
        assert_eq!((receipt.amount, receipt.total), (-450, Some(750)));
        assert_eq!(reference.len(), 4);
        let english = sale.receipt(Language::English).unwrap();
        assert_eq!(
            english.text,
            format!("WOM discount, 60 minutes (ref. {reference})")
        );
        let one = applied(1).receipt(Language::Italian).unwrap();
        assert!(one.text.starts_with("Sconto WOM, 1 minuto ("));
        assert!(!sale.key().to_ascii_uppercase().ends_with(&reference));
        assert!(!sale.id.to_hex().to_ascii_uppercase().contains(&reference));
        let late = Sale {
            state: State::Recorded,
            ..sale
        };
        assert_eq!(late.receipt(Language::English), None);
    }
}
