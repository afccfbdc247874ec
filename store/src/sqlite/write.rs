//! The writes, and how they are applied within a transaction.
//!
//! The writes that awards are made of, accepting one and moving one on, are put together into few
//! statements; what cannot be done together is done one by one. A write of several statements
//! stands in a savepoint, so that one that cannot be done leaves its neighbours alone.

use futures_util::TryStreamExt as _;
use sqlx::{Either, Executor as _, Row as _, SqliteConnection};
use wom_sdk::{Error, Result, award::Identity, store::Owner};

use super::{
    error::{Severity, is_duplicate, severity, storage},
    statement::{
        AccountOf, EntryOf, Statement, accept, accept_all, advance, advance_all, close_all,
        insert_accounts, insert_awards, merge_entries, park, powers, put_checkout, put_cursor,
        put_delivery, remove,
    },
};
use crate::rows::{
    AwardRow, CheckoutRow, CommitRows, CursorRow, DeliveryRow, ParticipantRows, damaged,
};

/// What is to be written, already in the form of rows.
#[derive(Debug)]
pub(super) enum Write {
    Advance(AwardRow),
    Bind(Owner),
    Commit(CommitRows),
    Erase([u8; 32]),
    /// An award that cannot be read.
    Park(Vec<u8>),
    PutCheckout(CheckoutRow),
    PutCursor(CursorRow),
    PutDelivery(DeliveryRow),
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
    Transaction(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match severity(&error) {
            Severity::Write => Self::Write(storage(error)),
            Severity::Transaction | Severity::Store => Self::Transaction(error),
        }
    }
}

impl Write {
    /// Applies the write in a transaction of its own, which is at its end after, unless it failed.
    pub(super) async fn apply_alone(&self, conn: &mut SqliteConnection) -> Result<bool, Failure> {
        let rows = match self {
            Self::Commit(rows) if rows.one_award().is_none() => Some(rows),
            Self::Erase(_) => None,
            // One statement is a transaction by itself; binding may be done in two.
            _ => return self.apply(conn).await,
        };
        sqlx::query("BEGIN IMMEDIATE").execute(&mut *conn).await?;
        let done = match rows {
            Some(rows) => commit(conn, rows).await,
            None => self.apply(conn).await,
        };
        let end = match done {
            Ok(true) => "COMMIT",
            Ok(false) | Err(Failure::Write(_)) => "ROLLBACK",
            Err(Failure::Transaction(_)) => return done,
        };
        let ended = sqlx::query(end).execute(conn).await;
        ended.map_err(Failure::Transaction)?;
        done
    }

    /// Whether it accepts one award, or moves one on, and does nothing else.
    fn is_of_one_award(&self) -> bool {
        match self {
            Self::Advance(_) => true,
            Self::Commit(rows) => rows.one_award().is_some(),
            _ => false,
        }
    }

    /// Applies the write. `false`: it was not done, because something else was done before; then,
    /// as after a [`Failure::Write`], nothing of it is left in the transaction.
    async fn apply(&self, conn: &mut SqliteConnection) -> Result<bool, Failure> {
        let statement = match self {
            Self::Advance(row) => advance(row),
            Self::Bind(owner) => return bind(conn, owner).await,
            Self::Commit(rows) => match rows.one_award() {
                Some(award) => accept(award),
                None => return commit_or_nothing(conn, rows).await,
            },
            Self::Erase(participant) => return erase(conn, participant).await,
            Self::Park(key) => park(key),
            Self::PutCheckout(row) => put_checkout(row),
            Self::PutCursor(row) => put_cursor(row),
            Self::PutDelivery(row) => put_delivery(row),
            Self::Remove(what) => {
                return Ok(remove(*what).execute(conn).await?.rows_affected() > 0);
            }
        };
        Ok(statement.execute(conn).await?.rows_affected() == 1)
    }
}

/// Begins a transaction and applies several writes in it, in any order. An error is one of the
/// whole transaction.
pub(super) async fn apply_all(
    conn: &mut SqliteConnection,
    writes: &[&Write],
) -> Result<Vec<Result<bool>>, sqlx::Error> {
    let together = begin_with(conn, writes).await?;
    if !together {
        // Some cannot be done: one by one it shows which.
        sqlx::query("ROLLBACK; BEGIN IMMEDIATE")
            .execute(&mut *conn)
            .await?;
    }
    let mut answers = Vec::with_capacity(writes.len());
    for write in writes {
        if together && write.is_of_one_award() {
            answers.push(Ok(true));
            continue;
        }
        answers.push(match write.apply(conn).await {
            Ok(done) => Ok(done),
            Err(Failure::Write(error)) => Err(error),
            Err(Failure::Transaction(error)) => return Err(error),
        });
    }
    Ok(answers)
}

/// Begins a transaction, and does in it what is of one award. `false` if not all of that can be
/// done: then nothing that is in the transaction may stay.
///
/// Each query is a way to the connection's thread and back, which takes longer than most
/// statements: so the transaction begins with the first of them.
async fn begin_with(conn: &mut SqliteConnection, writes: &[&Write]) -> Result<bool, sqlx::Error> {
    let (mut accepts, mut advances, mut closes) = (Vec::new(), Vec::new(), Vec::new());
    for write in writes {
        match write {
            Write::Advance(row) if row.is_closed() => closes.push(row),
            Write::Advance(row) => advances.push(row),
            Write::Commit(rows) => accepts.extend(rows.one_award()),
            _ => {}
        }
    }
    let mut begin = "BEGIN IMMEDIATE; ";
    for (rows, statement) in [
        (accepts, accept_all as fn(_, &[&AwardRow]) -> _),
        (advances, advance_all),
        (closes, close_all),
    ] {
        if rows.is_empty() {
            continue;
        }
        match last_affected(conn, statement(begin, &rows)).await {
            Ok(count) if count == rows.len() as u64 => {}
            Ok(_) => return Ok(false),
            Err(error) if severity(&error) == Severity::Write => return Ok(false),
            Err(error) => return Err(error),
        }
        begin = "";
    }
    if !begin.is_empty() {
        sqlx::query(begin).execute(conn).await?;
    }
    Ok(true)
}

/// How many rows the last statement of a query wrote.
async fn last_affected(conn: &mut SqliteConnection, query: Statement) -> Result<u64, sqlx::Error> {
    let mut results = conn.fetch_many(query);
    let mut last = 0;
    while let Some(result) = results.try_next().await? {
        if let Either::Left(done) = result {
            last = done.rows_affected();
        }
    }
    Ok(last)
}

async fn bind(conn: &mut SqliteConnection, owner: &Owner) -> Result<bool, Failure> {
    let Owner { identity, keys } = owner;
    sqlx::query(
        "INSERT INTO owner (one, registry, source, keys) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING",
    )
    .bind(identity.registry.clone())
    .bind(identity.source.clone())
    .bind(keys.clone())
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query("SELECT registry, source, keys FROM owner")
        .fetch_one(conn)
        .await?;
    let text = |index| {
        row.try_get(index)
            .map_err(|_| Failure::Write(damaged("owner")))
    };
    let held = Owner {
        identity: Identity {
            registry: text(0)?,
            source: text(1)?,
        },
        keys: text(2)?,
    };
    owner.check(&held).map_err(Failure::Write)?;
    Ok(true)
}

async fn erase(conn: &mut SqliteConnection, name: &[u8; 32]) -> Result<bool, Failure> {
    let id: Option<i64> = sqlx::query_scalar(
        "UPDATE participant SET version = version + 1, wake = NULL, handle = NULL
         WHERE name = ? RETURNING id",
    )
    .bind(name.to_vec())
    .fetch_optional(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM entry WHERE participant = ?")
        .bind(id)
        .execute(conn)
        .await?;
    Ok(id.is_some())
}

async fn commit_or_nothing(
    conn: &mut SqliteConnection,
    rows: &CommitRows,
) -> Result<bool, Failure> {
    sqlx::query("SAVEPOINT one").execute(&mut *conn).await?;
    let done = commit(conn, rows).await;
    if matches!(done, Err(Failure::Transaction(_))) {
        return done;
    }
    if !matches!(done, Ok(true)) {
        let undone = sqlx::query("ROLLBACK TO one").execute(&mut *conn).await;
        undone.map_err(Failure::Transaction)?;
    }
    let released = sqlx::query("RELEASE one").execute(conn).await;
    released.map_err(Failure::Transaction)?;
    done
}

async fn commit(conn: &mut SqliteConnection, rows: &CommitRows) -> Result<bool, Failure> {
    if let Some(participant) = &rows.participant
        && !write_participant(conn, participant).await?
    {
        return Ok(false);
    }
    for some in powers(&rows.awards) {
        match insert_awards(some.iter()).execute(&mut *conn).await {
            Err(error) if is_duplicate(&error) => return Ok(false),
            done => done?,
        };
    }
    Ok(true)
}

async fn write_participant(
    conn: &mut SqliteConnection,
    rows: &ParticipantRows,
) -> Result<bool, Failure> {
    let row = sqlx::query(
        "INSERT INTO participant (name, version, wake, handle) VALUES (?, 1, ?, ?)
         ON CONFLICT (name) DO UPDATE SET version = version + 1, wake = excluded.wake,
             handle = coalesce(excluded.handle, handle)
         RETURNING id, version - 1",
    )
    .bind(rows.name.to_vec())
    .bind(rows.wake)
    .bind(rows.handle.clone())
    .fetch_one(&mut *conn)
    .await?;
    let (participant, before): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if rows.expected.is_some_and(|expected| expected != before) {
        return Ok(false);
    }
    for some in powers(&rows.entries) {
        let rows = some.iter().map(|row| EntryOf { participant, row });
        merge_entries(rows).execute(&mut *conn).await?;
    }
    for some in powers(&rows.accounts) {
        let rows = some.iter().map(|row| AccountOf { participant, row });
        insert_accounts(rows).execute(&mut *conn).await?;
    }
    Ok(true)
}
