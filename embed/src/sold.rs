//! What a shop's sales and posters look like from outside.

use serde::Serialize;
use wom_sdk::{
    Timestamp,
    merchant::Merchant,
    sale::{Poster, Remedy, Report, Sale, State, Turn},
};

/// A sale, as it stands.
#[derive(Serialize)]
pub struct Sold {
    /// The sale's id.
    pub id: String,
    /// The shop's own name of the order; none while no cashier has taken the payment for one.
    pub order: Option<String>,
    /// The merchant's name of the offer.
    pub offer: String,
    /// The stable name of the state, such as `waiting` or `applied`.
    pub state: &'static str,
    /// Why a person must decide, after what a payment came, or what comes after a discount is taken
    /// back.
    pub reason: Option<String>,
    /// Who has to do something next: `nobody`, `program` or `person`.
    pub turn: &'static str,
    /// What the person can do, the one that the merchant prefers first.
    pub remedies: Vec<Remedy>,
    /// How many WOM are asked for.
    pub wom: u32,
    /// How much less was agreed, in the currency's smallest unit; 0 until there is an order.
    pub agreed: i64,
    /// ISO 4217; empty until there is an order.
    pub currency: String,
    /// How much less is to be paid, as the shop reads it.
    pub given: Option<i64>,
    /// What was to be paid in the end, as the shop reads it.
    pub total: Option<i64>,
    /// When it was paid, by the Registry's clock.
    pub paid: Option<Timestamp>,
    /// What the cashier or the shopper types in, of a sale that is `manual`.
    pub code: Option<String>,
    /// 4 signs by which a merchant finds a sale again; they stand on the receipt.
    pub reference: String,
    /// The error code of the last try that did not succeed.
    pub failure: Option<String>,
    /// What the person who decided wrote.
    pub note: Option<String>,
    /// When it was made.
    pub begun: Timestamp,
    /// When the present state began.
    pub since: Timestamp,
}

impl Sold {
    pub(crate) fn of(sale: &Sale, merchant: &dyn Merchant) -> Self {
        let reason = match &sale.state {
            State::Attention(reason) => Some(reason.clone()),
            State::Late(after) => Some(after.name().to_owned()),
            _ => sale.late.map(|after| after.name().to_owned()),
        };
        let code = match sale.state {
            State::Manual => merchant.code(&sale.key()),
            _ => None,
        };
        Self {
            id: sale.id.to_hex(),
            order: sale.order.as_ref().map(|order| order.id.0.clone()),
            offer: sale.offer.clone(),
            state: sale.state.name(),
            reason,
            turn: match sale.turn() {
                Turn::Nobody => "nobody",
                Turn::Program => "program",
                Turn::Person => "person",
            },
            remedies: sale.remedies(),
            wom: sale.terms.amount,
            agreed: sale.terms.agreed,
            currency: sale.terms.currency.clone(),
            given: sale.given,
            total: sale.total,
            paid: sale.paid,
            code,
            reference: sale.short_reference(),
            failure: sale.failure.clone(),
            note: sale.note.clone(),
            begun: sale.begun,
            since: sale.since,
        }
    }
}

/// Without the code, and without what a person wrote.
impl std::fmt::Debug for Sold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sold({}, {})", self.reference, self.state)
    }
}

/// A poster that hangs at the counter.
#[derive(Debug, Serialize)]
pub struct Hung {
    /// The poster's id.
    pub id: String,
    /// The merchant's name of it.
    pub name: String,
    /// What stands beside the QR code.
    pub title: String,
    /// How many WOM it asks for.
    pub wom: u32,
    /// How many payments are known.
    pub payments: u32,
    /// When it was made.
    pub made: Timestamp,
    /// When its offer was ended.
    pub ended: Option<Timestamp>,
}

impl From<Poster> for Hung {
    fn from(poster: Poster) -> Self {
        Self {
            id: poster.id.to_hex(),
            name: poster.name,
            title: poster.offer.title,
            wom: poster.offer.charge.amount,
            payments: poster.seen,
            made: poster.made,
            ended: poster.ended,
        }
    }
}

/// A report, as data and in the forms that are handed on.
#[derive(Debug, Serialize)]
pub struct Reported {
    /// Its numbers.
    pub report: Report,
    /// As CSV (RFC 4180).
    pub csv: String,
    /// As JSON.
    pub json: String,
}

impl From<Report> for Reported {
    fn from(report: Report) -> Self {
        Self {
            csv: report.to_csv(),
            json: report.to_json(),
            report,
        }
    }
}
