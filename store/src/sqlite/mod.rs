//! Everything in one SQLite file.

mod error;
mod file;
mod open;
mod readers;
mod rows;
mod statement;
mod write;
mod writer;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, sqlite::SqliteRow};
use wom_sdk::{
    Result, Timestamp,
    award::AwardKey,
    checkout::{CheckoutId, CheckoutRecord},
    privacy::Participant,
    store::{AwardRecord, Commit, Committed, Delivery, Holding, Owner, Store},
};

use error::{damaged, storage};
use readers::Readers;
use rows::{AWARD, AwardRow, CHECKOUT, CheckoutRow};
use write::{CommitRows, Write};
use writer::Writer;

/// A store in one file of a disk of this machine, with a write-ahead log beside it.
///
/// What a call reports as done is on the disk: it survives a crash of the process, of the system
/// and of the power. Writes of many callers are made durable together; none is answered before.
///
/// One process at a time has the file open; another one is told so. If a write fails in a way
/// that leaves the disk uncertain, the store stops and answers every call with an error, until it
/// is opened again; it never guesses. A full disk is not of that kind: calls fail as long as it
/// is full.
///
/// ```
/// use wom_sdk::store::Store;
/// use wom_store::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> wom_sdk::Result<()> {
/// # let dir = tempfile::tempdir().expect("a temporary folder");
/// let store = SqliteStore::open(dir.path().join("wom.db")).await?;
/// assert!(store.census().await?.is_empty());
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: PathBuf,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

impl SqliteStore {
    /// Opens the file, or makes it where there is none; its folder must exist. Only its owner may
    /// read a new file.
    ///
    /// An older store is brought to the present version. Awards whose call to the Registry was
    /// under way when the last process ended are due at once.
    ///
    /// # Errors
    ///
    /// [`Kind::StoreLocked`](wom_sdk::Kind::StoreLocked) if another process, or another
    /// `SqliteStore` of this one, has it open; [`Kind::StoreMismatch`](wom_sdk::Kind::StoreMismatch)
    /// for a file that is no store, or one of a newer version, which is left as it is;
    /// [`Kind::StorageFailed`](wom_sdk::Kind::StorageFailed) if the disk does not allow it.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_waiting(path, Duration::ZERO).await
    }

    /// Opens the file as [`open`](Self::open) does, but waits at most this long for another
    /// process to let it go.
    pub async fn open_waiting(path: impl AsRef<Path>, patience: Duration) -> Result<Self> {
        let (writer, readers) = Writer::start(path.as_ref(), patience).await?;
        Ok(Self {
            path: path.as_ref().to_owned(),
            writer: Arc::new(writer),
            readers,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Finishes the writes that wait, brings the write-ahead log into the file and lets it go.
    /// Later calls answer that the store is closed.
    ///
    /// Dropping the store does the same, blocks meanwhile, and tells of no error.
    pub async fn close(&self) -> Result<()> {
        let writer = self.writer.clone();
        let finished = tokio::task::spawn_blocking(move || writer.finish()).await;
        finished.unwrap_or_else(|_| Err(error::closed()))
    }

    async fn rows<T>(
        &self,
        sql: String,
        until: Option<Timestamp>,
        limit: usize,
        read: impl Fn(&SqliteRow) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut reader = self.readers.reader().await?;
        let mut query = sqlx::query(AssertSqlSafe(sql));
        if let Some(until) = until {
            query = query.bind(until.as_millis());
        }
        let rows = query
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        rows.iter().map(read).collect()
    }

    async fn row<T>(
        &self,
        sql: String,
        key: &[u8],
        read: impl Fn(&SqliteRow) -> Result<T>,
    ) -> Result<Option<T>> {
        let mut reader = self.readers.reader().await?;
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(key.to_vec())
            .fetch_optional(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        row.as_ref().map(read).transpose()
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        if let Err(error) = self.writer.finish() {
            tracing::error!(%error, "the store was not closed cleanly; nothing that was done is lost");
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqliteStore({})", self.path.display())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.writer
            .write(Write::Bind(owner.clone()))
            .await
            .map(drop)
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        let mut reader = self.readers.reader().await?;
        let holding = holding(&mut reader, participant).await?;
        reader.done();
        Ok(holding)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let rows = CommitRows::of(commit)?;
        Ok(match self.writer.write(Write::Commit(rows)).await? {
            true => Committed::Done,
            false => Committed::Conflict,
        })
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        let sql = format!("SELECT {AWARD} FROM award WHERE key = ?");
        self.row(sql, &key.0, rows::award).await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let row = AwardRow::of(record)?;
        self.writer.write(Write::Advance(row)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        self.rows(due_awards(), Some(now), limit, rows::award).await
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<AwardRecord>> {
        let sql = unacknowledged_awards();
        self.rows(sql, None, limit, rows::award).await
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let sql = waking_participants().to_owned();
        self.rows(sql, Some(now), limit, rows::participant).await
    }

    async fn census(&self) -> Result<Vec<(String, Option<String>, u64)>> {
        let mut reader = self.readers.reader().await?;
        let rows = sqlx::query(
            "SELECT state, reason, count(*) FROM award GROUP BY state, reason
             ORDER BY state, reason",
        )
        .fetch_all(&mut *reader)
        .await
        .map_err(storage)?;
        reader.done();
        let count = |row: &SqliteRow| {
            let count: i64 = row.try_get(2).ok()?;
            Some((
                row.try_get(0).ok()?,
                row.try_get(1).ok()?,
                count.try_into().ok()?,
            ))
        };
        rows.iter()
            .map(|row| count(row).ok_or_else(|| damaged("award")))
            .collect()
    }

    async fn inbox_open(&self, delivery: Delivery) -> Result<bool> {
        self.writer.write(Write::InboxOpen(delivery.0.0)).await
    }

    async fn inbox_close(&self, delivery: Delivery) -> Result<()> {
        let write = Write::InboxClose(delivery.0.0);
        self.writer.write(write).await.map(drop)
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        let sql = format!("SELECT {CHECKOUT} FROM checkout WHERE id = ?");
        self.row(sql, &id.0, rows::checkout).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let row = CheckoutRow::of(record)?;
        self.writer.write(Write::PutCheckout(row)).await
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        self.rows(due_checkouts(), Some(now), limit, rows::checkout)
            .await
    }
}

/// Everything about a participant, as of one moment.
async fn holding(conn: &mut sqlx::SqliteConnection, participant: Participant) -> Result<Holding> {
    sqlx::query("BEGIN")
        .execute(&mut *conn)
        .await
        .map_err(storage)?;
    let known = sqlx::query("SELECT id, version FROM participant WHERE name = ?")
        .bind(participant.0.to_vec())
        .fetch_optional(&mut *conn)
        .await
        .map_err(storage)?;
    let mut holding = Holding::default();
    if let Some(known) = known {
        let id: i64 = known.try_get(0).map_err(storage)?;
        let version: i64 = known.try_get(1).map_err(storage)?;
        let entries = sqlx::query(
            "SELECT key, rank, stream, device, recording, body FROM entry
             WHERE participant = ? ORDER BY key",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await
        .map_err(storage)?;
        let accounts = sqlx::query(
            "SELECT line, unit, awarded, n FROM account WHERE participant = ?
             ORDER BY line, unit",
        )
        .bind(id)
        .fetch_all(&mut *conn)
        .await
        .map_err(storage)?;
        holding = Holding {
            version: version.try_into().map_err(|_| damaged("participant"))?,
            entries: entries.iter().map(rows::entry).collect::<Result<_>>()?,
            accounts: accounts.iter().map(rows::account).collect::<Result<_>>()?,
        };
    }
    sqlx::query("COMMIT").execute(conn).await.map_err(storage)?;
    Ok(holding)
}

fn due_awards() -> String {
    format!("SELECT {AWARD} FROM award WHERE open AND due <= ? ORDER BY due, award.id LIMIT ?")
}

fn unacknowledged_awards() -> String {
    format!("SELECT {AWARD} FROM award WHERE state <> 'acknowledged' ORDER BY key LIMIT ?")
}

fn due_checkouts() -> String {
    format!("SELECT {CHECKOUT} FROM checkout WHERE due <= ? ORDER BY due, id LIMIT ?")
}

fn waking_participants() -> &'static str {
    "SELECT name FROM participant WHERE wake <= ? ORDER BY wake, id LIMIT ?"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// However many wait: what is due is read off an index, in order, and nothing is sorted.
    #[tokio::test]
    async fn what_is_due_is_read_off_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("wom.db")).await.unwrap();
        let mut reader = store.readers.reader().await.unwrap();
        for (sql, index) in [
            (due_awards(), "award_due"),
            (due_checkouts(), "checkout_due"),
            (waking_participants().to_owned(), "participant_wake"),
        ] {
            let plan = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .bind(0)
                .bind(1)
                .fetch_all(&mut *reader)
                .await
                .unwrap();
            let steps: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let [step] = &steps[..] else {
                panic!("more than one step: {steps:?}");
            };
            assert!(step.contains(&format!("USING INDEX {index}")), "{step}");
        }
    }

    #[tokio::test]
    async fn a_damaged_row_is_told_and_its_content_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        SqliteStore::open(&path)
            .await
            .unwrap()
            .close()
            .await
            .unwrap();
        let mut conn = sqlx::ConnectOptions::connect(&open::options(&path))
            .await
            .unwrap();
        sqlx::raw_sql(
            "INSERT INTO award VALUES (1, zeroblob(32), 1, 'canary', 'accepted', NULL, NULL, 0, 0, 0, 1)",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        drop(conn);
        let store = SqliteStore::open(&path).await.unwrap();
        let error = store.award(AwardKey([0; 32])).await.unwrap_err();
        assert_eq!(error.kind(), wom_sdk::Kind::StorageFailed);
        assert!(!format!("{error:?}").contains("canary"));
        assert!(store.due(Timestamp::EPOCH, 9).await.is_err());
    }
}
