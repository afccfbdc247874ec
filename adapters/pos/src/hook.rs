//! What the messages of shops have in common: they only say which order to read.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use wom_sdk::{
    Error, Kind, Result,
    webhook::{Scheme, Secret},
};

/// The longest body; one with a large order has some hundred kilobytes.
const LONGEST: usize = 4 << 20;

/// The secrets of webhooks; none means that every call is refused.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] or [`Kind::KeyInvalid`] if one cannot be had.
pub(crate) fn secrets(
    scheme: &Scheme,
    files: &[PathBuf],
    variables: &[String],
) -> Result<Vec<Secret>> {
    let in_files = files.iter().map(|file| scheme.secret_from_file(file));
    let in_variables = variables.iter().map(|name| scheme.secret_from_env(name));
    in_files.chain(in_variables).collect()
}

/// A message in JSON.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ()> {
    if body.len() > LONGEST {
        return Err(());
    }
    serde_json::from_slice(body).map_err(|_| ())
}

pub(crate) fn misunderstood() -> Error {
    Error::new(
        Kind::PayloadInvalid,
        "the message is signed, but no event in JSON",
    )
}
