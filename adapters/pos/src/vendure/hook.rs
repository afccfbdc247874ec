//! Webhooks: what a plugin of the shop posts, signed `sha256=<hex>`. They only say which order to read.

use std::fmt;

use serde::Deserialize;

use crate::hook::read;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    order: Option<Named>,
    order_id: Option<Id>,
}

#[derive(Deserialize)]
struct Named {
    id: Id,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

/// The order that a message is about, if it is about one.
///
/// A placed order is told twice, as `OrderPlacedEvent` and as a change to `PaymentSettled`: both only
/// say that the order is to be read, and its total in an event may be 0, so neither is counted.
pub(super) fn order(body: &[u8]) -> Result<Option<String>, ()> {
    let event: Event = read(body)?;
    let id = event.order.map(|order| order.id).or(event.order_id);
    Ok(id.map(|id| id.to_string()).filter(|id| super::is_id(id)))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}
