//! What SQLite says, as errors that tell what to do.

use rusqlite::Error as SqliteError;
use wom_sdk::{Error, Kind, Retry};

/// What a failure means for the rest of the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Severity {
    /// Only this write cannot be done: it is too large, or breaks a rule of the schema.
    Write,
    /// Nothing of the transaction was written; the next one may succeed.
    Transaction,
    /// What is on the disk is not certain any more: the store has to be opened anew.
    Store,
}

/// SQLite's primary result code.
fn primary(error: &SqliteError) -> Option<i32> {
    error.sqlite_error().map(|error| error.extended_code & 0xff)
}

/// How far a failed write reaches.
pub(super) fn severity(error: &SqliteError) -> Severity {
    match primary(error) {
        // ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE.
        Some(1 | 18 | 19 | 20 | 25) => Severity::Write,
        // BUSY, LOCKED, NOMEM, INTERRUPT, FULL: SQLite has told before it wrote the commit.
        Some(5 | 6 | 7 | 9 | 13) => Severity::Transaction,
        // Above all IOERR. After a failed sync the system may have dropped what it could not
        // write, and a second try would succeed without it: so there is no second try.
        _ => Severity::Store,
    }
}

/// Whether the file is not a data base at all, or a damaged one.
pub(super) fn is_no_data_base(error: &SqliteError) -> bool {
    matches!(primary(error), Some(11 | 26))
}

/// The error to show. Neither SQLite's messages nor ours hold what was to be written.
pub(super) fn storage(error: SqliteError) -> Error {
    let (message, hint) = match primary(&error) {
        Some(1 | 18 | 19 | 20 | 25) => (
            "the store cannot hold this",
            "split it; if it is not large, report a defect of wom-sdk",
        ),
        Some(5 | 6) => {
            let busy = "another program holds the data base";
            return Error::new(Kind::StorageFailed, busy)
                .hint("let it finish; only one program may use a store")
                .with_retry(Retry::Safe)
                .because(error);
        }
        Some(8) => (
            "the data base cannot be written",
            "let this program write the file and its folder",
        ),
        Some(11 | 26) => (
            "the data base is damaged",
            "restore it from its backup, together with the files beside it",
        ),
        Some(13) => (
            "the disk is full",
            "free some space and try again; what was answered as done is safe",
        ),
        Some(14) => (
            "the data base cannot be opened",
            "look whether the folder is there and may be written",
        ),
        _ => (
            "the data base failed",
            "look at the disk; what was answered as done is safe",
        ),
    };
    Error::new(Kind::StorageFailed, message)
        .hint(hint)
        .because(error)
}

/// What every call answers once a write has failed in a way that leaves the disk uncertain.
pub(super) fn stopped() -> Error {
    Error::new(
        Kind::StorageFailed,
        "the store has stopped, because a write to the disk failed",
    )
    .hint("look at the disk, then open the store again; what was answered as done is safe")
}

/// What every call answers after the store was closed.
pub(super) fn closed() -> Error {
    Error::new(Kind::StorageFailed, "the store is closed").with_retry(Retry::Safe)
}
