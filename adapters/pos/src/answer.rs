//! What a shop answers over HTTP, and what it means that it does not.

use reqwest::Response;
use serde_json::Value;
use wom_http::Cut;
use wom_sdk::{Error, Kind, Result, Retry};

/// The most bytes of one answer.
const ANSWER_BYTES: usize = 16 << 20;

/// The longest code of an error that is repeated in one of ours.
const LONGEST_CODE: usize = 80;

/// The JSON of an answer.
///
/// # Errors
/// [`Kind::OutcomeUnknown`] if it breaks off or is none, as the shop may have acted;
/// [`Kind::LimitExceeded`] if it is too large.
pub(crate) async fn content(answer: Response) -> Result<Value> {
    let bytes = wom_http::body(answer, ANSWER_BYTES)
        .await
        .map_err(|cut| match cut {
            Cut::TooLong => Error::new(
                Kind::LimitExceeded,
                "the shop's answer is larger than any should be",
            )
            .with("limit", ANSWER_BYTES),
            Cut::BrokenOff(error) => unreachable(error),
        })?;
    serde_json::from_slice(&bytes).map_err(|_| {
        Error::new(Kind::OutcomeUnknown, "the shop's answer is not JSON")
            .hint("check endpoint; the same call may be made again")
    })
}

/// Why no answer came: only where nobody was reached is it certain that nothing happened.
pub(crate) fn unreachable(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_connect() {
        return Error::new(Kind::NetworkUnreachable, "the shop cannot be reached")
            .hint("check endpoint and the network")
            .because(error);
    }
    Error::new(Kind::OutcomeUnknown, "the shop broke off its answer")
        .hint("the same call may be made again")
        .because(error)
}

/// What a status says that needs no reading of the answer's words, which may name people.
pub(crate) fn refused(answer: &Response) -> Error {
    let status = answer.status().as_u16();
    let (kind, message) = match status {
        300..400 => (
            Kind::ConfigurationInvalid,
            "the shop is at another address, and no redirection is followed",
        ),
        401 | 403 => (Kind::AccessDenied, "the shop does not let us in"),
        402 | 423 => (
            Kind::AccessDenied,
            "the shop is frozen or locked by its provider",
        ),
        408 => (Kind::OutcomeUnknown, "the shop took too long"),
        // Where a proxy says so, the shop behind it was not asked.
        429 | 430 => (Kind::RateLimited, "the shop wants to be asked less often"),
        400..500 => (Kind::ConfigurationInvalid, "the shop refuses"),
        _ => (Kind::OutcomeUnknown, "the shop failed inside"),
    };
    let error = Error::new(kind, message).with("status", status);
    let error = match kind {
        Kind::ConfigurationInvalid => error.hint("check endpoint"),
        Kind::AccessDenied => error.hint("check the secrets and what they give a right to"),
        _ => error,
    };
    match wom_http::retry_after(answer) {
        Some(pause) => error.wait(pause),
        None => error,
    }
}

/// What an error means once something was written: even where its own call did nothing, an earlier one
/// may have. Only what the shop says of the order itself is certain.
pub(crate) fn unclear(error: Error) -> Error {
    match error.kind() {
        Kind::InputInvalid | Kind::AlreadyPerformed => error,
        _ => error.with_retry(Retry::SameKey),
    }
}

/// The key of a code for a customer's next order was used for an order's own discount.
pub(crate) fn used_for_an_order() -> Error {
    Error::new(
        Kind::InputInvalid,
        "the key was used for the discount of an order",
    )
    .hint("give every code for a next order a key of its own")
}

/// A code for a customer's next order is there, and can be used no more.
pub(crate) fn is_over() -> Error {
    Error::new(
        Kind::AlreadyPerformed,
        "the code of this key has ended, or was switched off in the shop",
    )
    .hint("make another one by hand in the shop")
}

/// The code of an error, only if it is made of what such codes are made of: so nothing of a customer
/// gets into an error of ours.
pub(crate) fn bounded(code: &str) -> String {
    let good = (1..=LONGEST_CODE).contains(&code.len())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    if good {
        code.to_owned()
    } else {
        "unknown".to_owned()
    }
}
