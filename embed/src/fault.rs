//! An error as data, for languages that make an exception of it.

use serde::Serialize;
use std::collections::BTreeMap;
use wom_sdk::{Error, Kind, Retry};

/// An error as data. It holds no secret and no person's id, as the [`Error`] holds none.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// The stable name of the kind, one of [`Kind::ALL`].
    pub code: &'static str,
    /// `never`, `safe` or `same_key`.
    pub retry: &'static str,
    /// What happened, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where it happened: names with their values.
    pub fields: BTreeMap<&'static str, String>,
    /// How many seconds the other side asks to wait.
    pub retry_after: Option<u64>,
    /// Message, fields and hint in one line.
    pub text: String,
}

impl From<&Error> for Fault {
    fn from(error: &Error) -> Self {
        Self {
            code: error.code(),
            retry: error.retry().code(),
            message: error.message().to_owned(),
            hint: error.advice().map(ToOwned::to_owned),
            fields: error
                .context()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
            retry_after: error.retry_after().map(|pause| pause.as_secs()),
            text: error.to_string(),
        }
    }
}

/// The one table of errors, as data: what a package's exceptions are checked against.
#[derive(Clone, Copy, Debug)]
pub struct ErrorTable;

impl ErrorTable {
    /// Code, retry advice and meaning of every kind, in alphabetical order of the codes.
    pub fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
        Kind::ALL
            .iter()
            .map(|kind| (kind.code(), kind.retry().code(), kind.meaning()))
    }

    /// The advice with this name.
    pub fn retry(code: &str) -> Option<Retry> {
        let all = [Retry::Never, Retry::Safe, Retry::SameKey];
        all.into_iter().find(|retry| retry.code() == code)
    }

    /// The kind with this code.
    pub fn kind(code: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}
