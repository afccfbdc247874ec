//! What PostgreSQL says, as errors that tell what to do.
//!
//! The server's own messages stay out of them: a detail can quote the row that was to be written.

use std::time::Duration;

use wom_sdk::{Error, Kind, Retry};

/// How often something is done again that the server has undone.
const TRIES: u32 = 8;

/// How often to go on trying.
#[derive(Debug, Default)]
pub(super) struct Tries(u32);

impl Tries {
    /// Whether the server has undone all of it because others were at the same rows, and it is
    /// worth another try; if so, waits a moment.
    pub(super) async fn again(&mut self, error: &sqlx::Error) -> bool {
        if self.0 + 1 >= TRIES || !matches!(code(error).as_deref(), Some("40001" | "40P01")) {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5 << self.0)).await;
        self.0 += 1;
        true
    }
}

/// The five characters of SQLSTATE.
fn code(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// The error to show for something that was to be read or written.
pub(super) fn storage(error: sqlx::Error) -> Error {
    let Some(code) = code(&error) else {
        return without_answer(error);
    };
    let told = |kind, message: &'static str, hint: &'static str| {
        Error::new(kind, message).with("sqlstate", &code).hint(hint)
    };
    let failed = |message, hint| told(Kind::StorageFailed, message, hint);
    match code.as_str() {
        "25006" => failed(
            "the data base can only be read",
            "name the primary server, not a standby",
        )
        .with_retry(Retry::Safe),
        "3D000" => told(
            Kind::ConfigurationInvalid,
            "the server has no such data base",
            "make it with CREATE DATABASE, or correct its name in the URL",
        ),
        "40001" | "40P01" | "55P03" | "57014" => failed(
            "others hold what was to be written for too long",
            "try again; nothing was written",
        )
        .with_retry(Retry::Safe),
        "42501" => told(
            Kind::AccessDenied,
            "the data base does not let this user do that",
            "let it use the schema and its tables; the first start also makes them",
        ),
        "42P01" | "42703" | "3F000" => told(
            Kind::StoreMismatch,
            "the store's tables are not there as they should be",
            "open the store anew, or restore it from its backup",
        ),
        "53100" => failed(
            "the data base's disk is full",
            "free some space and try again; what was answered as done is safe",
        )
        .with_retry(Retry::Safe),
        "53300" => failed(
            "the server has too many connections",
            "let it have more, or give each worker fewer",
        )
        .with_retry(Retry::Safe),
        "57P01" | "57P02" | "57P03" => failed(
            "the data base server is stopping or starting",
            "wait for it; what was answered as done is safe",
        ),
        code if code.starts_with("28") => told(
            Kind::AccessDenied,
            "the data base server does not let this user in",
            "look at user and password in the data base's URL",
        ),
        code if ["22", "23", "54"]
            .iter()
            .any(|class| code.starts_with(class)) =>
        {
            failed(
                "the store cannot hold this",
                "split it; if it is not large, report a defect of wom-sdk",
            )
            .with_retry(Retry::Never)
        }
        _ => failed(
            "the data base failed",
            "look at the server's log; what was answered as done is safe",
        ),
    }
}

/// The error to show where no connection could be had: nothing was done.
pub(super) fn unreachable(error: sqlx::Error) -> Error {
    if code(&error).is_some() {
        let error = storage(error);
        let retry = match error.retry() {
            Retry::SameKey => Retry::Safe,
            other => other,
        };
        return error.with_retry(retry);
    }
    match error {
        sqlx::Error::PoolClosed => closed(),
        sqlx::Error::PoolTimedOut => out_of_reach(),
        sqlx::Error::Tls(_) => Error::new(
            Kind::StorageFailed,
            "the data base server cannot be reached by TLS",
        )
        .hint("let the server offer TLS, and name the authority of its certificate with sslrootcert=FILE in the URL")
        .with_retry(Retry::Never)
        .because(error),
        sqlx::Error::Io(_) => out_of_reach().because(error),
        _ => out_of_reach(),
    }
}

/// The server does not answer at all, or not in time.
pub(super) fn out_of_reach() -> Error {
    Error::new(Kind::StorageFailed, "the data base server does not answer")
        .hint("start it, or correct host and port in the data base's URL")
        .with_retry(Retry::Safe)
}

/// The connection broke, and with it the answer: it may have been done.
pub(super) fn unanswered() -> Error {
    Error::new(Kind::StorageFailed, "the data base server has not answered")
        .hint("this may have been done, or not; what was answered as done is safe")
}

/// What every call answers after the store was closed.
pub(super) fn closed() -> Error {
    Error::new(Kind::StorageFailed, "the store is closed").with_retry(Retry::Safe)
}

fn without_answer(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::PoolClosed => closed(),
        sqlx::Error::PoolTimedOut => out_of_reach(),
        sqlx::Error::Io(_) => unanswered().because(error),
        _ => unanswered(),
    }
}
