//! The writes, and how they are applied within a transaction.
//!
//! A write of several statements stands in a savepoint, so that one that cannot be done leaves its
//! neighbours alone. A single statement that fails leaves nothing by itself.

use rusqlite::{Connection, OptionalExtension as _, params};
use wom_sdk::{Error, Result, award::Identity, store::Owner};

use super::{
    error::{Severity, severity, storage},
    statement,
};
use crate::rows::{
    AwardRow, CheckoutRow, CommitRows, CursorRow, DeliveryRow, ParticipantRows, PosterRow, SaleRow,
    damaged,
};

/// What is to be written, already in the form of rows.
#[derive(Debug)]
pub(super) enum Write {
    Advance(AwardRow),
    /// A new award that need not be durable before another write is.
    Begin(AwardRow),
    Bind(Owner),
    Commit(CommitRows),
    Erase([u8; 32]),
    /// An award that cannot be read.
    Park(Vec<u8>),
    PutCheckout(CheckoutRow),
    PutCursor(CursorRow),
    PutDelivery(DeliveryRow),
    PutPoster(PosterRow),
    PutSale(SaleRow),
    Remove(Remove),
}

/// What is removed, a part at a time: `true` as long as there may be more.
#[derive(Clone, Copy, Debug)]
pub(super) enum Remove {
    /// Participants of a cohort.
    Cohort([u8; 7]),
    /// Deliveries that were done with, and came in before this time.
    Deliveries(i64),
}

/// Why a write was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// This write alone: it left nothing behind.
    Write(Error),
    /// The transaction that it stood in.
    Transaction(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        match severity(&error) {
            Severity::Write => Self::Write(storage(error)),
            Severity::Transaction | Severity::Store => Self::Transaction(error),
        }
    }
}

impl Write {
    /// Whether its caller is answered only once it is durable.
    pub(super) fn lasts(&self) -> bool {
        !matches!(self, Self::Begin(_))
    }

    /// Applies the write within the transaction that is open. `false`: it was not done, because
    /// something else was done before; then, as after a [`Failure::Write`], nothing of it is left.
    pub(super) fn apply(&self, conn: &Connection) -> Result<bool, Failure> {
        let written = match self {
            Self::Advance(row) => statement::advance(conn, row)?,
            Self::Begin(row) => statement::accept(conn, row)?,
            Self::Bind(owner) => return or_nothing(conn, |conn| bind(conn, owner)),
            Self::Commit(rows) => match rows.one_award() {
                Some(award) => statement::accept(conn, award)?,
                None => return or_nothing(conn, |conn| commit(conn, rows)),
            },
            Self::Erase(participant) => return or_nothing(conn, |conn| erase(conn, participant)),
            Self::Park(key) => statement::park(conn, key)?,
            Self::PutCheckout(row) => statement::put_checkout(conn, row)?,
            Self::PutCursor(row) => statement::put_cursor(conn, row)?,
            Self::PutDelivery(row) => statement::put_delivery(conn, row)?,
            Self::PutPoster(row) => statement::put_poster(conn, row)?,
            Self::PutSale(row) => statement::put_sale(conn, row)?,
            Self::Remove(what) => statement::remove(conn, *what)?,
        };
        Ok(written > 0)
    }
}

/// Does several statements as one: all of them, or none.
fn or_nothing(
    conn: &Connection,
    work: impl FnOnce(&Connection) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let run = |sql| conn.prepare_cached(sql)?.execute([]);
    run("SAVEPOINT one").map_err(Failure::Transaction)?;
    let done = work(conn);
    if matches!(done, Err(Failure::Transaction(_))) {
        return done;
    }
    if !matches!(done, Ok(true)) {
        run("ROLLBACK TO one").map_err(Failure::Transaction)?;
    }
    run("RELEASE one").map_err(Failure::Transaction)?;
    done
}

fn bind(conn: &Connection, owner: &Owner) -> Result<bool, Failure> {
    let Owner { identity, keys } = owner;
    conn.execute(
        "INSERT INTO owner (one, registry, source, keys) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING",
        params![identity.registry, identity.source, keys],
    )?;
    let held = conn.query_row("SELECT registry, source, keys FROM owner", [], |row| {
        Ok(Owner {
            identity: Identity {
                registry: row.get(0)?,
                source: row.get(1)?,
            },
            keys: row.get(2)?,
        })
    });
    let held = held.map_err(|_| Failure::Write(damaged("owner")))?;
    owner.check(&held).map_err(Failure::Write)?;
    Ok(true)
}

fn erase(conn: &Connection, name: &[u8; 32]) -> Result<bool, Failure> {
    let sql = "UPDATE participant SET version = version + 1, wake = NULL, handle = NULL
               WHERE name = ? RETURNING id";
    let id: Option<i64> = conn
        .query_row(sql, params![name], |row| row.get(0))
        .optional()?;
    conn.execute("DELETE FROM entry WHERE participant = ?", params![id])?;
    Ok(id.is_some())
}

fn commit(conn: &Connection, rows: &CommitRows) -> Result<bool, Failure> {
    if let Some(participant) = &rows.participant
        && !write_participant(conn, participant)?
    {
        return Ok(false);
    }
    for award in &rows.awards {
        if statement::accept(conn, award)? == 0 {
            return Ok(false);
        }
    }
    if let Some(award) = &rows.moved {
        return Ok(statement::advance(conn, award)? == 1);
    }
    Ok(true)
}

fn write_participant(conn: &Connection, rows: &ParticipantRows) -> Result<bool, Failure> {
    let (participant, before) = statement::put_participant(conn, rows)?;
    if rows.expected.is_some_and(|expected| expected != before) {
        return Ok(false);
    }
    for entry in &rows.entries {
        statement::merge_entry(conn, participant, entry)?;
    }
    for account in &rows.accounts {
        statement::put_account(conn, participant, account)?;
    }
    Ok(true)
}
