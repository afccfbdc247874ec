//! What crosses the boundary: JSON, as text. It is as quick as building objects, and it tells texts
//! that are no Unicode apart, which could be two people.

use std::error::Error as _;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use wom_embed::Fault;
use wom_sdk::{Error, Kind, Result};

use crate::raised::Raised;

/// Reads what the face wrote.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| Error::in_json("a value", &error))?;
    wom_embed::read(value)
}

/// Writes an answer.
pub(crate) fn write<T: Serialize>(answer: &T) -> Result<String> {
    serde_json::to_string(answer)
        .map_err(|error| Error::new(Kind::Internal, "an answer cannot be written").because(error))
}

/// An error as the face makes a `WomError` of it. Where an exception of JavaScript is behind it,
/// `cause` is the number under which the face holds that.
pub(crate) fn fault(error: &Error) -> String {
    let mut fault = json!(Fault::from(error));
    let mut source = error.source();
    while let Some(because) = source {
        if let Some(Raised(number)) = because.downcast_ref() {
            fault["cause"] = json!(number);
            break;
        }
        source = because.source();
    }
    fault.to_string()
}

/// What a function that does not wait answers: `{"good": …}` or `{"fault": …}`.
pub(crate) fn at_once<T: Serialize>(outcome: Result<T>) -> String {
    match outcome.and_then(|answer| write(&answer)) {
        Ok(answer) => format!("{{\"good\":{answer}}}"),
        Err(error) => format!("{{\"fault\":{}}}", fault(&error)),
    }
}
