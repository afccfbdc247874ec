//! Webhooks: what a plugin of the shop posts, signed `sha256=<hex>`. They only say which order to read.

use std::{fmt, path::PathBuf};

use serde::Deserialize;
use wom_sdk::{
    Result,
    webhook::{Scheme, Secret},
};

/// The longest body; a real one has some hundred bytes.
const LONGEST: usize = 1 << 20;

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

/// The secrets of webhooks; none means that every call is refused.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] or [`Kind::KeyInvalid`] if one cannot be had.
pub(super) fn secrets(
    scheme: &Scheme,
    files: &[PathBuf],
    variables: &[String],
) -> Result<Vec<Secret>> {
    let in_files = files.iter().map(|file| scheme.secret_from_file(file));
    let in_variables = variables.iter().map(|name| scheme.secret_from_env(name));
    in_files.chain(in_variables).collect()
}

/// The order that a message is about, if it is about one.
///
/// A placed order is told twice, as `OrderPlacedEvent` and as a change to `PaymentSettled`: both only
/// say that the order is to be read, and its total in an event may be 0, so neither is counted.
pub(super) fn order(body: &[u8]) -> std::result::Result<Option<String>, ()> {
    if body.len() > LONGEST {
        return Err(());
    }
    let event: Event = serde_json::from_slice(body).map_err(|_| ())?;
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
