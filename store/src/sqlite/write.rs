//! The writes, and how they are applied within a transaction.
//!
//! The writes that awards are made of, accepting one and moving one on, are put together into few
//! statements; what cannot be done together is done one by one. A write of several statements
//! stands in a savepoint, so that one that cannot be done leaves its neighbours alone.

use sqlx::{Row as _, SqliteConnection};
use wom_sdk::{
    Error, Result,
    award::Identity,
    store::{Commit, Owner},
};

use super::{
    error::{Severity, damaged, is_duplicate, severity, storage},
    rows::{AccountRow, AwardRow, CheckoutRow, EntryRow, number},
    statement::{
        AccountOf, EntryOf, accept, advance, advance_all, close_or_open, insert_accounts,
        insert_awards, merge_entries, powers, put_checkout,
    },
};

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
            Severity::Write => Self::Write(storage(error)),
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
}

impl Write {
    /// Whether one statement does it: that is a transaction by itself.
    pub(super) fn is_one_statement(&self) -> bool {
        match self {
            Self::Bind(_) => false,
            Self::Commit(rows) => rows.one_award().is_some(),
            _ => true,
        }
    }

    /// Applies the write. `false`: it was not done, because something else was done before; then,
    /// as after a [`Failure::Write`], nothing of it is left in the transaction.
    pub(super) async fn apply(&self, conn: &mut SqliteConnection) -> Result<bool, Failure> {
        let statement = match self {
            Self::Advance(row) => advance(row),
            Self::Bind(owner) => return bind(conn, owner).await,
            Self::Commit(rows) => match rows.one_award() {
                Some(award) => accept(award),
                None => return commit_or_nothing(conn, rows).await,
            },
            Self::InboxClose(delivery) => return inbox(conn, delivery, true).await,
            Self::InboxOpen(delivery) => return inbox(conn, delivery, false).await,
            Self::PutCheckout(row) => put_checkout(row),
        };
        Ok(statement.execute(conn).await?.rows_affected() == 1)
    }
}

impl CommitRows {
    /// The award, if this accepts one and does nothing else.
    fn one_award(&self) -> Option<&AwardRow> {
        match (&self.participant, &self.awards[..]) {
            (None, [award]) => Some(award),
            _ => None,
        }
    }
}

/// Applies several writes, in any order. An error is one of the whole transaction.
pub(super) async fn apply_all(
    conn: &mut SqliteConnection,
    writes: &[&Write],
) -> Result<Vec<Result<bool>>, sqlx::Error> {
    let (mut accepts, mut advances) = (Vec::new(), Vec::new());
    for (place, write) in writes.iter().enumerate() {
        match write {
            Write::Advance(row) => advances.push((place, row)),
            Write::Commit(rows) => accepts.extend(rows.one_award().map(|row| (place, row))),
            _ => {}
        }
    }
    let mut done = vec![false; writes.len()];
    for some in powers(&accepts) {
        let all = match insert_awards(some.iter().map(|(_, row)| *row))
            .execute(&mut *conn)
            .await
        {
            Ok(_) => true,
            // The statement has left nothing behind.
            Err(error) if severity(&error) == Severity::Write => false,
            Err(error) => return Err(error),
        };
        some.iter().for_each(|(place, _)| done[*place] = all);
    }
    for some in powers(&advances) {
        let all = all_advance(conn, some.iter().map(|(_, row)| *row)).await?;
        some.iter().for_each(|(place, _)| done[*place] = all);
    }
    let mut answers = Vec::with_capacity(writes.len());
    for (write, done) in writes.iter().zip(done) {
        answers.push(match done {
            true => Ok(true),
            false => match write.apply(conn).await {
                Ok(done) => Ok(done),
                Err(Failure::Write(error)) => Err(error),
                Err(Failure::Transaction(error)) => return Err(error),
            },
        });
    }
    Ok(answers)
}

/// Moves all of them on, or none.
async fn all_advance<'r>(
    conn: &mut SqliteConnection,
    rows: impl ExactSizeIterator<Item = &'r AwardRow> + Clone,
) -> Result<bool, sqlx::Error> {
    sqlx::query("SAVEPOINT all_of_them")
        .execute(&mut *conn)
        .await?;
    let count = rows.len() as u64;
    let all = match advance_all(rows).execute(&mut *conn).await {
        Ok(done) => done.rows_affected() == count,
        Err(error) if severity(&error) == Severity::Write => false,
        Err(error) => return Err(error),
    };
    if !all {
        sqlx::query("ROLLBACK TO all_of_them")
            .execute(&mut *conn)
            .await?;
    }
    sqlx::query("RELEASE all_of_them").execute(conn).await?;
    Ok(all)
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

async fn inbox(
    conn: &mut SqliteConnection,
    delivery: &[u8; 16],
    closed: bool,
) -> Result<bool, Failure> {
    // All rows are asked for: only then has the statement come to its end.
    let rows = close_or_open(delivery, closed).fetch_all(conn).await?;
    match rows.first() {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(Failure::Write(damaged("inbox"))),
    }
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
        "INSERT INTO participant (name, version, wake) VALUES (?, 1, ?)
         ON CONFLICT (name) DO UPDATE SET version = version + 1, wake = excluded.wake
         RETURNING id, version - 1",
    )
    .bind(rows.name.to_vec())
    .bind(rows.wake)
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
