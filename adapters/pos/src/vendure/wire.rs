//! What Vendure says, as far as it is needed. Names and addresses are never asked for.

use serde::{Deserialize, de::DeserializeOwned};
use wom_sdk::{Error, Kind, Result, Retry};

/// What is asked of an order.
pub(super) const ORDER: &str = "id state updatedAt currencyCode couponCodes totalWithTax nextStates \
    lines{productVariant{name} quantity linePriceWithTax} \
    shippingLines{priceWithTax} surcharges{description priceWithTax} \
    discounts{adjustmentSource description amountWithTax} promotions{id couponCode} \
    payments{id amount state refunds{total state}} \
    history(options:{filter:{type:{eq:\"ORDER_STATE_TRANSITION\"}},sort:{createdAt:DESC},take:20}){items{data}}";

/// An answer: HTTP 200 whatever happened.
#[derive(Deserialize)]
pub(super) struct Answer<T> {
    pub(super) data: Option<T>,
    pub(super) errors: Option<Vec<Fault>>,
}

/// A fault. Its message may hold what was sent, so it is not read.
#[derive(Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Default, Deserialize)]
struct Extensions {
    code: Option<String>,
}

impl Fault {
    pub(super) fn code(&self) -> &str {
        self.extensions.code.as_deref().unwrap_or("unnamed")
    }
}

/// The one field of an answer's data, which every question here calls `it`.
#[derive(Deserialize)]
pub(super) struct It<T> {
    pub(super) it: T,
}

/// What a mutation ends in: something, or a refusal with a code.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    pub(super) error_code: Option<String>,
    /// Of a deletion.
    pub(super) result: Option<String>,
    pub(super) total_with_tax: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShopOrder {
    pub(super) id: String,
    pub(super) state: String,
    pub(super) updated_at: String,
    pub(super) currency_code: String,
    pub(super) coupon_codes: Vec<String>,
    pub(super) total_with_tax: i64,
    pub(super) next_states: Vec<String>,
    pub(super) lines: Vec<Line>,
    pub(super) shipping_lines: Vec<Shipping>,
    pub(super) surcharges: Vec<Surcharge>,
    pub(super) discounts: Vec<Reduction>,
    pub(super) promotions: Vec<Origin>,
    pub(super) payments: Option<Vec<Payment>>,
    pub(super) history: List<Transition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) product_variant: Named,
    pub(super) quantity: i64,
    pub(super) line_price_with_tax: i64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shipping {
    pub(super) price_with_tax: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Surcharge {
    pub(super) description: String,
    pub(super) price_with_tax: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reduction {
    pub(super) adjustment_source: String,
    pub(super) description: String,
    pub(super) amount_with_tax: i64,
}

/// The promotion that a reduction comes from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Origin {
    pub(super) id: String,
    pub(super) coupon_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Payment {
    pub(super) id: String,
    pub(super) amount: i64,
    pub(super) state: String,
    pub(super) refunds: Vec<Refund>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) total: i64,
    pub(super) state: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Transition {
    pub(super) data: Move,
}

#[derive(Debug, Deserialize)]
pub(super) struct Move {
    pub(super) from: String,
    pub(super) to: String,
}

/// A promotion, as it was found by its code.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Promotion {
    pub(super) id: String,
    pub(super) coupon_code: Option<String>,
    pub(super) enabled: bool,
    pub(super) description: String,
    pub(super) starts_at: Option<String>,
    pub(super) ends_at: Option<String>,
    pub(super) usage_limit: Option<i64>,
    pub(super) actions: Vec<Operation>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) code: String,
    pub(super) args: Vec<Argument>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Argument {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    pub(super) id: String,
    pub(super) updated_at: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Channel {
    pub(super) default_language_code: String,
    pub(super) prices_include_tax: bool,
}

/// A webhook's body: an event about an order.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    order: Option<EventOrder>,
    order_id: Option<Id>,
}

#[derive(Deserialize)]
struct EventOrder {
    id: Id,
}

/// Inside the server ids may be numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Event {
    /// The order that it is about.
    pub(super) fn order(self) -> Option<String> {
        let id = self.order.map(|order| order.id).or(self.order_id)?;
        let id = match id {
            Id::Number(id) => id.to_string(),
            Id::Text(id) => id,
        };
        let fits = (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(id)
    }
}

/// The parser's own words may hold what it found, so only where it stopped is told.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Kind::InputInvalid, "an answer of Vendure cannot be read")
            .with("line", error.line())
            .with("column", error.column())
            .hint("check that address leads to Vendure itself, of version 3")
            .with_retry(Retry::SameKey)
    })
}
