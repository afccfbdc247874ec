//! Everything in one SQLite file.

mod error;
mod file;
mod open;
mod readers;
mod row;
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
use rusqlite::Params;
use wom_sdk::{
    Result, Timestamp,
    award::{Account, AwardKey},
    checkout::{CheckoutId, CheckoutRecord},
    privacy::{Cohort, Participant},
    sale::{OrderKey, Poster, Sale, SaleId, ShopId},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, Numbers, Owner, Rate, Spent, Store, Which,
    },
};

use crate::rows::{
    self, AWARD, AwardRow, CHECKOUT, CheckoutRow, Columns as _, CommitRows, CursorRow, DELIVERY,
    DeliveryRow, POSTER, PosterRow, SALE, SaleRow,
};
use readers::Readers;
use row::Row;
use write::{Remove, Write};
use writer::Writer;

/// A store in one file of a disk of this machine, with a write-ahead log beside it.
///
/// What a call reports as done is on the disk: it survives a crash of the process, of the system
/// and of the power. Writes of many callers are made durable together; none is answered before.
/// An award that was only [begun](Store::begin) is there once any later write is done.
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

    /// All rows that a statement reads.
    async fn rows(
        &self,
        sql: impl AsRef<str> + Send + 'static,
        bound: impl Params + Send + 'static,
    ) -> Result<Vec<Row>> {
        let read = move |conn: &_| row::rows(conn, sql.as_ref(), bound);
        self.readers.read(read).await
    }

    /// The one row, where there is one.
    async fn row<T>(
        &self,
        sql: impl AsRef<str> + Send + 'static,
        bound: impl Params + Send + 'static,
        read: impl Fn(&Row) -> Result<T>,
    ) -> Result<Option<T>> {
        self.rows(sql, bound).await?.first().map(read).transpose()
    }

    /// The number that a statement reads.
    async fn number(&self, sql: &'static str, bound: impl Params + Send + 'static) -> Result<i64> {
        let rows = self.rows(sql, bound).await?;
        let number = rows.first().and_then(|row| row.number(0)?);
        number.ok_or_else(|| rows::damaged("count"))
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
        rows::holding(&self.rows(HOLDING, (participant.0,)).await?)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let rows = CommitRows::of(commit)?;
        Ok(match self.writer.write(Write::Commit(rows)).await? {
            true => Committed::Done,
            false => Committed::Conflict,
        })
    }

    async fn begin(&self, record: &AwardRecord) -> Result<bool> {
        let row = AwardRow::of(record)?;
        self.writer.write(Write::Begin(row)).await
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        let sql = format!("SELECT {AWARD} FROM award WHERE key = ?");
        self.row(sql, (key.0,), rows::award).await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let row = AwardRow::of(record)?;
        self.writer.write(Write::Advance(row)).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        let rows = self
            .rows(due_awards(), (now.as_millis(), at_most(limit)))
            .await?;
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            match rows::award(row) {
                Ok(award) => due.push(award),
                // One that cannot be read must not stand in the way of the others.
                Err(error) => {
                    tracing::error!(code = error.code(), "a damaged award is parked");
                    let key = row
                        .bytes(0)
                        .flatten()
                        .ok_or_else(|| rows::damaged("award"))?;
                    self.writer.write(Write::Park(key.to_vec())).await?;
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
        let rows = self.rows(sql, (participant.0,)).await?;
        rows.iter().map(rows::award).collect()
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let after = after.map(|key| key.0);
        let rows = self
            .rows(unacknowledged_awards(), (after, at_most(limit)))
            .await?;
        rows.iter().map(rows::award).collect()
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        let sql = format!("SELECT {AWARD} FROM award WHERE key > ? ORDER BY key LIMIT ?");
        let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
        rows::listed_awards(&self.rows(sql, (after, at_most(limit))).await?)
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        let after = after.map_or_else(Vec::new, |participant| participant.0.to_vec());
        rows::listed_accounts(&self.rows(ACCOUNTS, (after, at_most(limit))).await?)
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let bound = (now.as_millis(), at_most(limit));
        let rows = self.rows(waking_participants(), bound).await?;
        rows.iter().map(rows::participant).collect()
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM participant JOIN account ON participant = id
                       WHERE name >= ?1 AND name <= ?2 AND settled + returned > awarded)
                   OR EXISTS (SELECT 1 FROM award WHERE participant >= ?1 AND participant <= ?2)";
        Ok(self.number(sql, names_of(&cohort.0)).await? != 0)
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        let count = "SELECT count(*) FROM participant WHERE name >= ? AND name <= ?";
        let count = self.number(count, names_of(&cohort.0)).await?;
        self.remove(Remove::Cohort(cohort.0)).await?;
        Ok(count.unsigned_abs())
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        let write = Write::Erase(participant.0);
        self.writer.write(write).await.map(drop)
    }

    async fn numbers(&self) -> Result<Numbers> {
        let awards = "SELECT state, reason, count(*), min(accepted) FROM award
                      GROUP BY state, reason ORDER BY state, reason";
        let deliveries = "SELECT state, reason, count(*), min(received) FROM delivery
                          GROUP BY state, reason ORDER BY state, reason";
        let uncollected = "SELECT coalesce(sum(settled + returned - awarded), 0) FROM account
                           WHERE settled + returned > awarded";
        let (awards, deliveries) = (
            self.rows(awards, []).await?,
            self.rows(deliveries, []).await?,
        );
        let uncollected = self.number(uncollected, []).await?;
        Ok(Numbers {
            awards: awards.iter().map(rows::count).collect::<Result<_>>()?,
            deliveries: deliveries.iter().map(rows::count).collect::<Result<_>>()?,
            uncollected_minutes: uncollected.unsigned_abs(),
        })
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        let sql = format!("SELECT {DELIVERY} FROM delivery WHERE id = ?");
        self.row(sql, (id.0.0,), rows::delivery).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let row = DeliveryRow::of(record)?;
        self.writer.write(Write::PutDelivery(row)).await
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        let bound = (now.as_millis(), at_most(limit));
        let rows = self.rows(due_deliveries(), bound).await?;
        rows.iter().map(rows::delivery).collect()
    }

    async fn undone_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>> {
        let sql = format!(
            "SELECT {DELIVERY} FROM delivery WHERE state <> 'done' AND id > ? ORDER BY id LIMIT ?"
        );
        let after = after.map_or_else(Vec::new, |id| id.0.0.to_vec());
        let rows = self.rows(sql, (after, at_most(limit))).await?;
        rows.iter().map(rows::delivery).collect()
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        let count = "SELECT count(*) FROM delivery WHERE state = 'done' AND received < ?";
        let count = self.number(count, (before.as_millis(),)).await?;
        self.remove(Remove::Deliveries(before.as_millis())).await?;
        Ok(count.unsigned_abs())
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        let sql = "SELECT source, version, sealed, due, failed FROM cursor WHERE source = ?";
        self.row(sql, (source.to_owned(),), rows::cursor).await
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
        self.row(sql, (id.0,), rows::checkout).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let row = CheckoutRow::of(record)?;
        self.writer.write(Write::PutCheckout(row)).await
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        let bound = (now.as_millis(), at_most(limit));
        let rows = self.rows(due_checkouts(), bound).await?;
        rows.iter().map(rows::checkout).collect()
    }

    async fn sale(&self, id: SaleId) -> Result<Option<Sale>> {
        let sql = format!("SELECT {SALE} FROM sale WHERE id = ?");
        self.row(sql, (id.0,), rows::sale).await
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        let row = SaleRow::of(sale)?;
        self.writer.write(Write::PutSale(row)).await
    }

    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<Sale>> {
        let bound = (now.as_millis(), at_most(limit));
        let rows = self.rows(due_sales(), bound).await?;
        Ok(rows::readable(&rows, rows::sale))
    }

    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        let (first, last) = names_of(&shop.0);
        let after = after.map_or(first.clone(), |after| after.0.to_vec());
        let bound = (after.max(first), last, at_most(limit));
        let rows = self.rows(listed_sales(which), bound).await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn sales_of(&self, order: OrderKey) -> Result<Vec<Sale>> {
        let rows = self.rows(sales_of_order(), (order.0,)).await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn sales_paid_by(&self, checkout: CheckoutId) -> Result<Vec<Sale>> {
        let rows = self.rows(sales_of_checkout(), (checkout.0,)).await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn poster(&self, id: CheckoutId) -> Result<Option<Poster>> {
        let sql = format!("SELECT {POSTER} FROM poster WHERE id = ?");
        self.row(sql, (id.0,), rows::poster).await
    }

    async fn put_poster(&self, poster: &Poster) -> Result<bool> {
        let row = PosterRow::of(poster)?;
        self.writer.write(Write::PutPoster(row)).await
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<Poster>> {
        let bound = (now.as_millis(), at_most(limit));
        let rows = self.rows(due_posters(), bound).await?;
        rows.iter().map(rows::poster).collect()
    }

    async fn posters(&self, shop: ShopId) -> Result<Vec<Poster>> {
        let sql = format!("SELECT {POSTER} FROM poster WHERE shop = ? ORDER BY id");
        let rows = self.rows(sql, (shop.0,)).await?;
        rows.iter().map(rows::poster).collect()
    }

    async fn close(&self) -> Result<()> {
        Self::close(self).await
    }
}

/// Everything about a participant in one statement, which sees one moment; see [`rows::holding`].
const HOLDING: &str = "
    SELECT 0, handle, NULL, NULL, NULL, NULL, NULL, version, NULL, NULL, NULL, NULL
        FROM participant WHERE name = ?1
    UNION ALL
    SELECT 1, key, rank, stream, device, recording, body, NULL, NULL, NULL, NULL, NULL FROM entry
        WHERE participant = (SELECT id FROM participant WHERE name = ?1)
    UNION ALL
    SELECT 2, NULL, unit, NULL, line, NULL, NULL, awarded, n, settled, refused, returned FROM account
        WHERE participant = (SELECT id FROM participant WHERE name = ?1)";

/// A page of participants with their accounts; see [`rows::listed_accounts`].
const ACCOUNTS: &str = "
    SELECT iif(a.line IS NULL, 0, 2), NULL, a.unit, NULL, a.line, NULL, NULL, a.awarded, a.n, a.settled,
           a.refused, a.returned, p.name
        FROM (SELECT id, name FROM participant WHERE name > ? ORDER BY name LIMIT ?) p
        LEFT JOIN account a ON a.participant = p.id
        ORDER BY p.name";

/// The first and the last name of 32 bytes that may begin so.
fn names_of(beginning: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut last = beginning.to_vec();
    last.resize(32, 0xff);
    (beginning.to_vec(), last)
}

/// A limit as the data base's integer.
fn at_most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
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

fn due_sales() -> String {
    format!("SELECT {SALE} FROM sale WHERE due <= ? ORDER BY due, id LIMIT ?")
}

fn due_posters() -> String {
    format!("SELECT {POSTER} FROM poster WHERE due <= ? ORDER BY due, id LIMIT ?")
}

fn listed_sales(which: Which) -> String {
    let turn = match which {
        Which::All => "",
        Which::Open => "turn > 0 AND",
        Which::ForPerson => "turn > 1 AND",
    };
    format!("SELECT {SALE} FROM sale WHERE {turn} id > ? AND id <= ? ORDER BY id LIMIT ?")
}

fn sales_of_order() -> String {
    format!("SELECT {SALE} FROM sale WHERE order_key = ? ORDER BY id")
}

fn sales_of_checkout() -> String {
    format!("SELECT {SALE} FROM sale WHERE checkout = ? AND turn > 0 ORDER BY id")
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
        for (sql, index) in [
            (due_awards(), "award_due"),
            (due_checkouts(), "checkout_due"),
            (due_deliveries(), "delivery_due"),
            (due_posters(), "poster_due"),
            (due_sales(), "sale_due"),
            (waking_participants().to_owned(), "participant_wake"),
        ] {
            let plan = format!("EXPLAIN QUERY PLAN {sql}");
            let [step] = &store.rows(plan, (0, 1)).await.unwrap()[..] else {
                panic!("more than one step: {sql}");
            };
            let step = step.text(3).unwrap().unwrap();
            assert!(step.contains(&format!("USING INDEX {index}")), "{step}");
        }
    }

    #[tokio::test]
    async fn sales_are_found_by_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path().join("wom.db")).await.unwrap();
        let one = || ([0_u8; 32],);
        let range = || ([0_u8; 32], [1_u8; 32], 1);
        for (rows, index) in [
            (
                store.rows(plan(sales_of_order()), one()).await,
                "sale_order",
            ),
            (
                store.rows(plan(sales_of_checkout()), one()).await,
                "sale_checkout",
            ),
            (
                store.rows(plan(listed_sales(Which::Open)), range()).await,
                "sale_open",
            ),
            (
                store
                    .rows(plan(listed_sales(Which::ForPerson)), range())
                    .await,
                "sale_for_person",
            ),
        ] {
            let rows = rows.unwrap();
            let step = rows[0].text(3).unwrap().unwrap();
            assert!(step.contains(&format!("USING INDEX {index}")), "{step}");
            assert_eq!(rows.len(), 1, "nothing is sorted");
        }
    }

    fn plan(sql: String) -> String {
        format!("EXPLAIN QUERY PLAN {sql}")
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
        let conn = open::connect(&path, open::Access::Write).unwrap();
        conn.execute(
            "INSERT INTO award VALUES (1, zeroblob(32), 1, 'canary', 'accepted', NULL, NULL, 0, 0, 0, 1, NULL, 0, 0)",
            [],
        )
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
