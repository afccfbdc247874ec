//! Everything in one SQLite file.

mod error;
mod file;
mod open;
mod readers;
mod statement;
mod write;
mod writer;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row as _, sqlite::SqliteRow};
use wom_sdk::{
    Result, Timestamp,
    award::{Account, AwardKey},
    checkout::{CheckoutId, CheckoutRecord},
    privacy::{Cohort, Participant},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, Numbers, Owner, Rate, Spent, Store,
    },
};

use crate::rows::{
    self, AWARD, AwardRow, CHECKOUT, CheckoutRow, Columns, CommitRows, CursorRow, DELIVERY,
    DeliveryRow,
};
use error::storage;
use readers::Readers;
use write::{Remove, Write};
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
/// assert!(store.numbers().await?.awards.is_empty());
/// store.close().await?;
/// # Ok(())
/// # }
/// ```
pub struct SqliteStore {
    path: PathBuf,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    spent: Mutex<BTreeMap<String, Spent>>,
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
            spent: Mutex::default(),
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

    async fn remove(&self, what: Remove) -> Result<()> {
        while self.writer.write(Write::Remove(what)).await? {}
        Ok(())
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

    /// Rows after a name, in its order.
    async fn page(&self, sql: String, after: Vec<u8>, limit: usize) -> Result<Vec<SqliteRow>> {
        let mut reader = self.readers.reader().await?;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        Ok(rows)
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
        let rows = sqlx::query(HOLDING)
            .bind(participant.0.to_vec())
            .fetch_all(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        rows::holding(&rows)
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
        let mut reader = self.readers.reader().await?;
        let rows = sqlx::query(AssertSqlSafe(due_awards()))
            .bind(now.as_millis())
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            match rows::award(row) {
                Ok(award) => due.push(award),
                // One that cannot be read must not stand in the way of the others.
                Err(error) => {
                    tracing::error!(code = error.code(), "a damaged award is parked");
                    let key: Vec<u8> = row.try_get(0).map_err(storage)?;
                    self.writer.write(Write::Park(key)).await?;
                }
            }
        }
        Ok(due)
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        // Each alone, and all at once: the writer makes few transactions of them.
        let claims = self
            .due(now, limit)
            .await?
            .into_iter()
            .map(async |mut record| {
                record.version += 1;
                record.due = until;
                Ok(self.advance(&record).await?.then_some(record))
            });
        let claimed = futures_util::future::try_join_all(claims).await?;
        Ok(claimed.into_iter().flatten().collect())
    }

    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>> {
        let sql = format!(
            "SELECT {AWARD} FROM award WHERE participant = ? AND state <> 'acknowledged' ORDER BY key"
        );
        let mut reader = self.readers.reader().await?;
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(participant.0.to_vec())
            .fetch_all(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        rows.iter().map(rows::award).collect()
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
        let rows = self.page(unacknowledged_awards(), after, limit).await?;
        rows.iter().map(rows::award).collect()
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        let sql = format!("SELECT {AWARD} FROM award WHERE key > ? ORDER BY key LIMIT ?");
        let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
        rows::listed_awards(&self.page(sql, after, limit).await?)
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        let after = after.map_or_else(Vec::new, |participant| participant.0.to_vec());
        rows::listed_accounts(&self.page(ACCOUNTS.to_owned(), after, limit).await?)
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let sql = waking_participants().to_owned();
        self.rows(sql, Some(now), limit, rows::participant).await
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM participant JOIN account ON participant = id
                       WHERE name >= ?1 AND name <= ?2 AND settled > awarded)
                   OR EXISTS (SELECT 1 FROM award WHERE participant >= ?1 AND participant <= ?2)";
        let mut last = cohort.0.to_vec();
        last.extend([0xff; 25]);
        let mut reader = self.readers.reader().await?;
        let found = sqlx::query_scalar(sql)
            .bind(cohort.0.to_vec())
            .bind(last)
            .fetch_one(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        Ok(found)
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        let count = "SELECT count(*) FROM participant WHERE name >= ? AND name <= ?";
        let mut last = cohort.0.to_vec();
        last.extend([0xff; 25]);
        let mut reader = self.readers.reader().await?;
        let count: i64 = sqlx::query_scalar(count)
            .bind(cohort.0.to_vec())
            .bind(last)
            .fetch_one(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        self.remove(Remove::Cohort(cohort.0)).await?;
        Ok(count.unsigned_abs())
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        let write = Write::Erase(participant.0);
        self.writer.write(write).await.map(drop)
    }

    async fn numbers(&self) -> Result<Numbers> {
        let mut reader = self.readers.reader().await?;
        let awards = sqlx::query(
            "SELECT state, reason, count(*), min(accepted) FROM award GROUP BY state, reason
             ORDER BY state, reason",
        )
        .fetch_all(&mut *reader)
        .await
        .map_err(storage)?;
        let deliveries = sqlx::query(
            "SELECT state, reason, count(*), min(received) FROM delivery GROUP BY state, reason
             ORDER BY state, reason",
        )
        .fetch_all(&mut *reader)
        .await
        .map_err(storage)?;
        let uncollected: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(settled - awarded), 0) FROM account WHERE settled > awarded",
        )
        .fetch_one(&mut *reader)
        .await
        .map_err(storage)?;
        reader.done();
        Ok(Numbers {
            awards: awards.iter().map(rows::count).collect::<Result<_>>()?,
            deliveries: deliveries.iter().map(rows::count).collect::<Result<_>>()?,
            uncollected_minutes: uncollected.unsigned_abs(),
        })
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        let sql = format!("SELECT {DELIVERY} FROM delivery WHERE id = ?");
        self.row(sql, &id.0.0, rows::delivery).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let row = DeliveryRow::of(record)?;
        self.writer.write(Write::PutDelivery(row)).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        self.rows(due_deliveries(), Some(now), limit, rows::delivery)
            .await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        let count = "SELECT count(*) FROM delivery WHERE state = 'done' AND received < ?";
        let mut reader = self.readers.reader().await?;
        let count: i64 = sqlx::query_scalar(count)
            .bind(before.as_millis())
            .fetch_one(&mut *reader)
            .await
            .map_err(storage)?;
        reader.done();
        self.remove(Remove::Deliveries(before.as_millis())).await?;
        Ok(count.unsigned_abs())
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        let mut reader = self.readers.reader().await?;
        let row =
            sqlx::query("SELECT source, version, sealed, due, failed FROM cursor WHERE source = ?")
                .bind(source.to_owned())
                .fetch_optional(&mut *reader)
                .await
                .map_err(storage)?;
        reader.done();
        row.as_ref().map(rows::cursor).transpose()
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        let row = CursorRow::of(record)?;
        self.writer.write(Write::PutCursor(row)).await
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        // All workers of this store are in this process.
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.entry(name.to_owned()).or_default();
        Ok(spent.draw(rate, wanted, now))
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

    async fn close(&self) -> Result<()> {
        Self::close(self).await
    }
}

/// Everything about a participant in one statement, which sees one moment; see [`rows::holding`].
const HOLDING: &str = "
    SELECT 0, handle, NULL, NULL, NULL, NULL, NULL, version, NULL, NULL
        FROM participant WHERE name = ?1
    UNION ALL
    SELECT 1, key, rank, stream, device, recording, body, NULL, NULL, NULL FROM entry
        WHERE participant = (SELECT id FROM participant WHERE name = ?1)
    UNION ALL
    SELECT 2, NULL, unit, NULL, line, NULL, NULL, awarded, n, settled FROM account
        WHERE participant = (SELECT id FROM participant WHERE name = ?1)";

/// A page of participants with their accounts; see [`rows::listed_accounts`].
const ACCOUNTS: &str = "
    SELECT iif(a.line IS NULL, 0, 2), NULL, a.unit, NULL, a.line, NULL, NULL, a.awarded, a.n, a.settled,
           p.name
        FROM (SELECT id, name FROM participant WHERE name > ? ORDER BY name LIMIT ?) p
        LEFT JOIN account a ON a.participant = p.id
        ORDER BY p.name";

impl Columns for SqliteRow {
    fn bytes(&self, index: usize) -> Option<Option<&[u8]>> {
        self.try_get(index).ok()
    }

    fn text(&self, index: usize) -> Option<Option<&str>> {
        self.try_get(index).ok()
    }

    fn number(&self, index: usize) -> Option<Option<i64>> {
        self.try_get(index).ok()
    }

    fn flag(&self, index: usize) -> Option<bool> {
        self.try_get(index).ok()
    }
}

fn due_awards() -> String {
    format!("SELECT {AWARD} FROM award WHERE open AND due <= ? ORDER BY due, award.id LIMIT ?")
}

fn unacknowledged_awards() -> String {
    format!(
        "SELECT {AWARD} FROM award
         WHERE NOT closed AND award.id > coalesce((SELECT id FROM award WHERE key = ?), 0)
         ORDER BY award.id LIMIT ?"
    )
}

fn due_checkouts() -> String {
    format!("SELECT {CHECKOUT} FROM checkout WHERE due <= ? ORDER BY due, id LIMIT ?")
}

fn due_deliveries() -> String {
    format!(
        "SELECT {DELIVERY} FROM delivery WHERE state = 'waiting' AND due <= ? ORDER BY due, id LIMIT ?"
    )
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
            (due_deliveries(), "delivery_due"),
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
            "INSERT INTO award VALUES (1, zeroblob(32), 1, 'canary', 'accepted', NULL, NULL, 0, 0, 0, 1, NULL, 0, 0)",
        )
        .execute(&mut conn)
        .await
        .unwrap();
        drop(conn);
        let store = SqliteStore::open(&path).await.unwrap();
        let error = store.award(AwardKey([0; 32])).await.unwrap_err();
        assert_eq!(error.kind(), wom_sdk::Kind::StorageFailed);
        assert!(!format!("{error:?}").contains("canary"));
        // It does not stand in the way of others, and is not forgotten.
        assert_eq!(store.due(Timestamp::EPOCH, 9).await.unwrap(), []);
        let parked = store.numbers().await.unwrap().awards;
        assert_eq!(parked[0].reason.as_deref(), Some("storage_failed"));
    }
}
