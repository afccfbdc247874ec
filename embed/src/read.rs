//! Reading what callers hand over.

use serde::de::DeserializeOwned;
use serde_json::Value;
use wom_sdk::{Error, Result};

/// Reads a value. The message says what is wrong and never quotes the value, which may be a person's
/// or a secret.
///
/// # Errors
/// [`InputInvalid`](wom_sdk::Kind::InputInvalid) with what was expected.
pub fn read<T: DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::in_json("a value", &error))
}
