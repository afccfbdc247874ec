//! A sale, as callers see it.

use axum::Json as Answer;
use serde::Serialize;
use utoipa::ToSchema;
use wom_sdk::sale::{After, Language, Receipt, Remedy, Sale, State, Turn};

use super::{Failure, code::Code};
use crate::ServedShop;

/// A discount on an order, or on its way there.
#[derive(Serialize, ToSchema)]
#[schema(as = Sale)]
pub(crate) struct Shown {
    /// Its id.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    id: String,
    /// The shop, by name.
    shop: String,
    /// The order; none for the payment of a poster that no cashier has taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<String>,
    /// The offer or the poster, by name.
    offer: String,
    /// How many WOM.
    amount: u32,
    /// Where it stands: `waiting` (for the payment), `lapsed` (nobody paid), `unclaimed` (the payment
    /// of a poster), `applying`, `applied` (the shop shows the discount), `manual` (the cashier types
    /// the discount in, and confirms it), `withdrawing`, `redeemed` (the order was closed with it),
    /// `withdrawn`, `refunded`, `late` (paid too late: see `remedies`), `granted`, `recorded`, or
    /// `attention` (a person must decide: see `reason`).
    #[schema(example = "waiting")]
    state: &'static str,
    /// Whose turn it is: `nobody` (it is over), `program` (it goes on by itself), or `person`.
    turn: &'static str,
    /// How much less is to be paid, as agreed when the code was shown, in the currency's smallest unit.
    agreed: i64,
    /// ISO 4217; empty until there is an order.
    currency: String,
    /// How much less is to be paid, as the shop reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    given: Option<i64>,
    /// What is to be paid, as the shop read it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<i64>,
    /// When it was paid, by the Registry's clock (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    paid_at: Option<String>,
    /// After what it was paid, where that was too late: `cancel`, `double`, `end` or `expiry`.
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<&'static str>,
    /// Why a person must decide, as a code.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What the merchant can do about a late payment, the preferred one first: `fresh_code`,
    /// `replacement`, `record_only`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    remedies: Vec<Remedy>,
    /// The code to show to the customer, while it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    /// What is typed in at the till, where there is a code for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    type_in: Option<String>,
    /// What stands on the receipt, while the discount is on the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<Line>,
}

/// The discount's line on the receipt.
#[derive(Serialize, ToSchema)]
pub(crate) struct Line {
    /// Its text in Italian.
    #[schema(example = "Sconto WOM, 60 minuti (rif. 3F9A)")]
    it: String,
    /// Its text in English.
    #[schema(example = "WOM discount, 60 minutes (ref. 3F9A)")]
    en: String,
    /// Negative, in the currency's smallest unit.
    amount: i64,
    /// Tells sales apart for whoever complains.
    reference: String,
}

impl Shown {
    pub(super) async fn of(shop: &ServedShop, sale: Sale) -> Result<Self, Failure> {
        let code = shop.shop().ticket(&sale).await?;
        let reason = match &sale.state {
            State::Attention(reason) => Some(reason.clone()),
            _ => None,
        };
        Ok(Self {
            id: sale.id.to_hex(),
            state: sale.state.name(),
            turn: match sale.turn() {
                Turn::Nobody => "nobody",
                Turn::Program => "program",
                Turn::Person => "person",
            },
            amount: sale.terms.amount,
            agreed: sale.terms.agreed,
            paid_at: sale.paid.map(|at| at.to_string()),
            late: sale.late.map(After::name),
            reason,
            remedies: sale.remedies(),
            code: code.as_ref().map(Code::of),
            type_in: shop.shop().to_type_in(&sale),
            receipt: sale
                .receipt(Language::Italian)
                .zip(sale.receipt(Language::English))
                .map(|(italian, english)| Line::of(italian, english)),
            given: sale.given,
            total: sale.total,
            order: sale.order.map(|order| order.id.0),
            shop: sale.shop,
            offer: sale.offer,
            currency: sale.terms.currency,
        })
    }

    pub(super) async fn all(
        shop: &ServedShop,
        sales: Vec<Sale>,
    ) -> Result<Answer<Vec<Self>>, Failure> {
        let mut all = Vec::with_capacity(sales.len());
        for sale in sales {
            all.push(Self::of(shop, sale).await?);
        }
        Ok(Answer(all))
    }
}

impl Line {
    fn of(italian: Receipt, english: Receipt) -> Self {
        Self {
            it: italian.text,
            en: english.text,
            amount: english.amount,
            reference: english.reference,
        }
    }
}
