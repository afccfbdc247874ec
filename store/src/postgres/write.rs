//! The writes of more than one statement, each in one transaction.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, postgres::PgRow};
use wom_sdk::{
    Result, Timestamp,
    award::Identity,
    privacy::Participant,
    store::{Drawn, Owner, Rate, Spent},
};

use super::{
    PostgresStore,
    error::{Tries, storage},
    statement::{accept, advance, merge_entries, put_accounts, query, touch},
    within,
};
use crate::rows::{CommitRows, damaged};

impl PostgresStore {
    pub(super) async fn bind_to(&self, owner: &Owner) -> Result<()> {
        let Owner { identity, keys } = owner;
        let insert = format!(
            "INSERT INTO {}.owner (registry, source, keys) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            self.s()
        );
        self.execute(|| {
            query(insert.clone())
                .bind(&identity.registry)
                .bind(&identity.source)
                .bind(keys)
        })
        .await?;
        let select = format!("SELECT registry, source, keys FROM {}.owner", self.s());
        let rows = self.fetch(|| query(select.clone())).await?;
        let held = rows.first().and_then(self::owner);
        owner.check(&held.ok_or_else(|| damaged("owner"))?)
    }

    /// Writes all of it, or nothing: then `false`.
    pub(super) async fn write(&self, rows: &CommitRows) -> Result<bool> {
        if rows.one_award().is_some() {
            let new = self
                .execute(|| accept(self.s(), self.worker.number, &rows.awards))
                .await?;
            return Ok(new == 1);
        }
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            match within(commit(&mut conn, self.s(), self.worker.number, rows)).await? {
                Ok(done) => return Ok(done),
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }

    pub(super) async fn erase_all(&self, participant: Participant) -> Result<()> {
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            match within(erase(&mut conn, self.s(), participant)).await? {
                Ok(()) => return Ok(()),
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }

    pub(super) async fn draw_from(
        &self,
        name: &str,
        rate: Rate,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Drawn> {
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            let drawn = draw(&mut conn, self.s(), name, |spent| {
                spent.draw(rate, wanted, now)
            });
            match within(drawn).await? {
                Ok(drawn) => return Ok(drawn),
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }
}

async fn commit(
    conn: &mut PgConnection,
    s: &str,
    worker: i32,
    rows: &CommitRows,
) -> Result<bool, sqlx::Error> {
    // Dropped before its end, the transaction is rolled back.
    let mut tx = conn.begin().await?;
    if let Some(of) = &rows.participant {
        let row = touch(s, of).fetch_one(&mut *tx).await?;
        let (participant, before): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if of.expected.is_some_and(|expected| expected != before) {
            tx.rollback().await?;
            return Ok(false);
        }
        if !of.entries.is_empty() {
            let merge = merge_entries(s, participant, &of.entries);
            merge.execute(&mut *tx).await?;
        }
        if !of.accounts.is_empty() {
            let put = put_accounts(s, participant, &of.accounts);
            put.execute(&mut *tx).await?;
        }
    }
    if !rows.awards.is_empty() {
        let new = accept(s, worker, &rows.awards).execute(&mut *tx).await?;
        if new.rows_affected() != rows.awards.len() as u64 {
            tx.rollback().await?;
            return Ok(false);
        }
    }
    if let Some(award) = &rows.moved
        && advance(s, worker, award)
            .execute(&mut *tx)
            .await?
            .rows_affected()
            != 1
    {
        tx.rollback().await?;
        return Ok(false);
    }
    tx.commit().await?;
    Ok(true)
}

async fn erase(
    conn: &mut PgConnection,
    s: &str,
    participant: Participant,
) -> Result<(), sqlx::Error> {
    let mut tx = conn.begin().await?;
    // The row is held first: the second statement then sees all that others have written before.
    let held: Option<PgRow> = query(format!(
        "UPDATE {s}.participant SET version = version + 1, wake = NULL, handle = NULL
         WHERE name = $1 RETURNING id"
    ))
    .bind(participant.0.as_slice())
    .fetch_optional(&mut *tx)
    .await?;
    if let Some(row) = held {
        query(format!("DELETE FROM {s}.entry WHERE participant = $1"))
            .bind(row.try_get::<i64, _>(0)?)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// Holds the budget's row while it is drawn from. That the disk has it is not waited for: what a
/// crash forgets is a burst.
async fn draw(
    conn: &mut PgConnection,
    s: &str,
    name: &str,
    take: impl FnOnce(&mut Spent) -> Drawn,
) -> Result<Drawn, sqlx::Error> {
    let mut tx = conn.begin().await?;
    let spent: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
        "INSERT INTO {s}.budget AS held (name, spent) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET spent = held.spent
         RETURNING spent, set_config('synchronous_commit', 'off', true)"
    )))
    .bind(name)
    .bind(Spent::default().0)
    .fetch_one(&mut *tx)
    .await?;
    let mut spent = Spent(spent);
    let drawn = take(&mut spent);
    query(format!("UPDATE {s}.budget SET spent = $2 WHERE name = $1"))
        .bind(name)
        .bind(spent.0)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(drawn)
}

/// The owner from registry, source and keys.
pub(super) fn owner(row: &PgRow) -> Option<Owner> {
    Some(Owner {
        identity: Identity {
            registry: row.try_get(0).ok()?,
            source: row.try_get(1).ok()?,
        },
        keys: row.try_get(2).ok()?,
    })
}
