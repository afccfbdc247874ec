//! What code in JavaScript threw.

use std::fmt;

use serde::Deserialize;
use wom_embed::ErrorTable;
use wom_sdk::{Error, Kind, Retry};

/// What the face tells of something that was thrown. Its text is not told, as it may hold a person's
/// id: the face holds the thing itself, to be the cause.
#[derive(Deserialize)]
pub(crate) struct Thrown {
    /// The code, if it is a `WomError`.
    code: Option<String>,
    /// Its summary.
    summary: Option<String>,
    /// Its advice.
    retry: Option<String>,
    /// Its hint.
    hint: Option<String>,
    /// The name of its class.
    name: String,
    /// Whether another system could not be reached.
    away: bool,
}

impl Thrown {
    /// The error: a `WomError` as it is, anything else as a failure of the adapter.
    pub(crate) fn error(self, number: u32) -> Error {
        let kind = self.code.as_deref().and_then(ErrorTable::kind);
        let error = match kind {
            Some(kind) => {
                let told = self.summary.unwrap_or_else(|| kind.meaning().to_owned());
                let error = Error::new(kind, told);
                let error = match self.hint {
                    Some(hint) => error.hint(hint),
                    None => error,
                };
                let advice = self.retry.as_deref().and_then(ErrorTable::retry);
                advice.map_or(error.clone(), |advice| error.with_retry(advice))
            }
            None => {
                let kind = match self.away {
                    true => Kind::NetworkUnreachable,
                    false => Kind::Internal,
                };
                // Reading again changes nothing, so what may have been a passing trouble is tried again.
                Error::new(kind, "code in JavaScript failed")
                    .with_retry(Retry::Safe)
                    .with("exception", self.name)
                    .hint("its cause tells more")
            }
        };
        error.because(Raised(number))
    }
}

/// Something that was thrown, by the number under which the face holds it.
#[derive(Debug)]
pub(crate) struct Raised(pub(crate) u32);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an exception in JavaScript")
    }
}

impl std::error::Error for Raised {}
