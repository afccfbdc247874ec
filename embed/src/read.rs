//! Reading what callers hand over.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_json::Value;
use wom_sdk::{Error, Kind, Result};

/// Reads a value. The message says what is wrong and never quotes the value, which may be a person's
/// or a secret.
///
/// # Errors
/// [`Kind::InputInvalid`] with what was expected.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::new(Kind::InputInvalid, complaint(&error)))
}

fn complaint(error: &serde_json::Error) -> Cow<'static, str> {
    let text = error.to_string();
    if text.starts_with("missing field") {
        return text.into();
    }
    match text.split_once(", expected ") {
        Some((wrong, expected)) => {
            let what = match wrong.starts_with("unknown field") {
                true => "there is a field that is not known",
                false => "a value is not of the required form",
            };
            format!("{what}; expected {expected}").into()
        }
        None => "a value is not of the required form".into(),
    }
}
