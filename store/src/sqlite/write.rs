//! The writes, and how each is applied within a transaction.
//!
//! A write that is one statement is a whole by itself. Others stand in a savepoint, so that one
//! that cannot be done leaves its neighbours in the transaction alone.

use sqlx::{
    AssertSqlSafe, Row as _, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments,
};
use wom_sdk::{
    Error, Kind, Result,
    award::Identity,
    store::{Commit, Owner},
};

use super::{
    error::{Severity, damaged, is_duplicate, severity},
    rows::{AWARD, AccountRow, AwardRow, CheckoutRow, EntryRow, number},
};

/// How many rows one statement writes at most.
const ROWS: usize = 64;

/// What is to be written, already in the form of rows.
#[derive(Debug)]
pub(super) enum Write {
    Advance(AwardRow),
    Bind(Owner),
    Commit(CommitRows),
    InboxClose([u8; 16]),
    InboxOpen([u8; 16]),
    PutCheckout(CheckoutRow),
}

#[derive(Debug)]
pub(super) struct CommitRows {
    participant: Option<ParticipantRows>,
    awards: Vec<AwardRow>,
}

#[derive(Debug)]
struct ParticipantRows {
    name: [u8; 32],
    expected: Option<i64>,
    wake: Option<i64>,
    entries: Vec<EntryRow>,
    accounts: Vec<AccountRow>,
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
            Severity::Write => Self::Write(
                Error::new(Kind::StorageFailed, "the store cannot hold this").because(error),
            ),
            Severity::Transaction | Severity::Store => Self::Transaction(error),
        }
    }
}

impl CommitRows {
    pub(super) fn of(commit: Commit) -> Result<Self> {
        let Commit {
            participant,
            expected,
            entries,
            accounts,
            awards,
            wake,
        } = commit;
        let participant = participant.map(|participant| {
            Ok::<_, Error>(ParticipantRows {
                name: participant.0,
                expected: expected.map(number).transpose()?,
                wake: wake.map(wom_sdk::Timestamp::as_millis),
                entries: entries.iter().map(EntryRow::of).collect::<Result<_>>()?,
                accounts: accounts.into_iter().map(AccountRow::of).collect(),
            })
        });
        Ok(Self {
            participant: participant.transpose()?,
            awards: awards.iter().map(AwardRow::of).collect::<Result<_>>()?,
        })
    }

    fn is_one_statement(&self) -> bool {
        self.participant.is_none() && self.awards.len() <= 1
    }
}

impl Write {
    /// Applies the write. `false`: it was not done, because something else was done before; then,
    /// as after a [`Failure::Write`], nothing of it is left in the transaction.
    pub(super) async fn apply(&self, conn: &mut SqliteConnection) -> Result<bool, Failure> {
        match self {
            Self::Advance(row) => advance(conn, row).await,
            Self::Bind(owner) => bind(conn, owner).await,
            Self::Commit(rows) if rows.is_one_statement() => commit(conn, rows).await,
            Self::Commit(rows) => {
                sqlx::query("SAVEPOINT one").execute(&mut *conn).await?;
                let done = commit(conn, rows).await;
                if !matches!(done, Ok(true) | Err(Failure::Transaction(_))) {
                    let undo = sqlx::query("ROLLBACK TO one").execute(&mut *conn).await;
                    undo.map_err(Failure::Transaction)?;
                }
                if !matches!(done, Err(Failure::Transaction(_))) {
                    let end = sqlx::query("RELEASE one").execute(conn).await;
                    end.map_err(Failure::Transaction)?;
                }
                done
            }
            Self::InboxClose(delivery) => inbox(conn, delivery, true).await,
            Self::InboxOpen(delivery) => inbox(conn, delivery, false).await,
            Self::PutCheckout(row) => put_checkout(conn, row).await,
        }
    }
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

async fn commit(conn: &mut SqliteConnection, rows: &CommitRows) -> Result<bool, Failure> {
    if let Some(participant) = &rows.participant
        && !write_participant(conn, participant).await?
    {
        return Ok(false);
    }
    for some in powers(&rows.awards) {
        let sql = format!(
            "INSERT INTO award ({AWARD}, open) VALUES {}",
            tuples(10, some.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in some {
            query = bind_award(query, row);
        }
        match query.execute(&mut *conn).await {
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
        "INSERT INTO participant (name, version, wake) VALUES (?, 1, ?)
         ON CONFLICT (name) DO UPDATE SET version = version + 1, wake = excluded.wake
         RETURNING id, version - 1",
    )
    .bind(rows.name.to_vec())
    .bind(rows.wake)
    .fetch_one(&mut *conn)
    .await?;
    let (id, before): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    if rows.expected.is_some_and(|expected| expected != before) {
        return Ok(false);
    }
    for some in powers(&rows.entries) {
        let sql = format!(
            "INSERT INTO entry (participant, key, rank, stream, device, recording, body)
             VALUES {}
             ON CONFLICT (participant, key) DO UPDATE SET rank = excluded.rank,
                 stream = excluded.stream, device = excluded.device,
                 recording = excluded.recording, body = excluded.body
             WHERE excluded.rank > rank",
            tuples(7, some.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in some {
            query = query
                .bind(id)
                .bind(row.key.to_vec())
                .bind(row.rank.to_vec())
                .bind(row.stream.to_vec())
                .bind(row.device.clone())
                .bind(row.recording.clone())
                .bind(row.body.clone());
        }
        query.execute(&mut *conn).await?;
    }
    for some in powers(&rows.accounts) {
        let sql = format!(
            "INSERT INTO account (participant, line, unit, awarded, n) VALUES {}
             ON CONFLICT (participant, line, unit) DO UPDATE SET awarded = excluded.awarded,
                 n = excluded.n",
            tuples(5, some.len())
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for row in some {
            query = query
                .bind(id)
                .bind(row.line.clone())
                .bind(row.unit.clone())
                .bind(row.awarded)
                .bind(row.n);
        }
        query.execute(&mut *conn).await?;
    }
    Ok(true)
}

async fn advance(conn: &mut SqliteConnection, row: &AwardRow) -> Result<bool, Failure> {
    let query = sqlx::query(
        "UPDATE award SET version = ?2, content = ?3, state = ?4, reason = ?5, sealed = ?6,
             tries = ?7, unclear = ?8, due = ?9, open = ?10
         WHERE key = ?1 AND version = ?2 - 1",
    );
    let done = bind_award(query, row).execute(conn).await?;
    Ok(done.rows_affected() == 1)
}

async fn inbox(
    conn: &mut SqliteConnection,
    delivery: &[u8; 16],
    closed: bool,
) -> Result<bool, Failure> {
    let row = sqlx::query(
        "INSERT INTO inbox (delivery, closed) VALUES (?, ?)
         ON CONFLICT (delivery) DO UPDATE SET closed = max(closed, excluded.closed)
         RETURNING closed",
    )
    .bind(delivery.to_vec())
    .bind(closed)
    .fetch_one(conn)
    .await?;
    let is_closed: bool = row.try_get(0)?;
    Ok(!is_closed)
}

async fn put_checkout(conn: &mut SqliteConnection, row: &CheckoutRow) -> Result<bool, Failure> {
    let sql = if row.version == 1 {
        "INSERT INTO checkout (id, version, charge, state, sealed, tries, unclear, since, due)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE checkout SET version = ?2, charge = ?3, state = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, since = ?8, due = ?9
         WHERE id = ?1 AND version = ?2 - 1"
    };
    let done = sqlx::query(sql)
        .bind(row.id.to_vec())
        .bind(row.version)
        .bind(row.charge.clone())
        .bind(row.state.clone())
        .bind(row.sealed.clone())
        .bind(row.tries)
        .bind(row.unclear)
        .bind(row.since)
        .bind(row.due)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn bind_award<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    row: &AwardRow,
) -> Query<'q, Sqlite, SqliteArguments> {
    query
        .bind(row.key.to_vec())
        .bind(row.version)
        .bind(row.content.clone())
        .bind(row.state)
        .bind(row.reason.clone())
        .bind(row.sealed.clone())
        .bind(row.tries)
        .bind(row.unclear)
        .bind(row.due)
        .bind(row.open)
}

/// Rows in groups whose lengths are powers of two, so that few statements are ever prepared.
fn powers<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let largest = 1_usize << rows.len().checked_ilog2()?;
        let (some, rest) = rows.split_at(largest.min(ROWS));
        rows = rest;
        Some(some)
    })
}

/// `(?,?,?),(?,?,?)`: so many rows of so many columns.
fn tuples(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}
