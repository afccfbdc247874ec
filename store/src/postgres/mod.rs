//! Everything in a PostgreSQL data base.

mod enqueue;
mod error;
mod keys;
mod open;
mod schema;
mod statement;
mod url;
mod worker;
mod write;

pub use enqueue::EnqueueSql;
pub use keys::PostgresKeyStore;
pub use open::PostgresSettings;
pub use url::DatabaseUrl;

use std::{fmt, future::Future, time::Duration};

use async_trait::async_trait;
use sqlx::{
    PgPool, Postgres, Row as _,
    pool::PoolConnection,
    postgres::{PgQueryResult, PgRow},
};
use wom_sdk::{
    Result, Timestamp,
    award::{Account, AwardKey},
    checkout::{CheckoutId, CheckoutRecord},
    privacy::{Cohort, Participant},
    sale::{OrderKey, Poster, Sale, SaleId, ShopId},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, Numbers, Owner, Rate, Store, Which,
    },
};

use crate::rows::{
    self, AWARD, AwardRow, CHECKOUT, CheckoutRow, Columns, CommitRows, CursorRow, DELIVERY,
    DeliveryRow, POSTER, PosterRow, SALE, SaleRow, damaged,
};
use error::{Tries, storage, unanswered, unreachable};
use schema::Schema;
use statement::{Statement, query};
use worker::{Taken, Worker};

/// A store in a PostgreSQL data base (13 or newer), for any number of processes at a time.
///
/// Everything stands in a schema of its own, `wom` unless told otherwise, beside the application's
/// own tables; [`enqueue`](Self::enqueue) accepts an award within the application's own
/// transaction. What a call reports as done is committed, and as durable as the server makes it.
/// Workers are stateless: each claims what is due and nobody else has.
///
/// ```no_run
/// use wom_store::{DatabaseUrl, PostgresStore};
///
/// # async fn example() -> wom_sdk::Result<()> {
/// let url = DatabaseUrl::from_file("/run/secrets/wom-database")?;
/// let store = PostgresStore::open(&url).await?;
/// # Ok(())
/// # }
/// ```
///
/// A pool between store and server must keep a session to one connection (PgBouncer:
/// `pool_mode = session`), since the store sets what its sessions promise.
pub struct PostgresStore {
    pool: PgPool,
    schema: Schema,
    worker: Worker,
}

impl PostgresStore {
    /// How long the server may take for one answer. It gives up itself before.
    const PATIENCE: Duration = Duration::from_secs(45);

    /// Opens the store with the usual [settings](PostgresSettings), or makes it where there is
    /// none.
    ///
    /// An older store is brought to the present version, while others go on working with it.
    ///
    /// # Errors
    ///
    /// [`Kind::StoreMismatch`](wom_sdk::Kind::StoreMismatch) for a store of a version that is too
    /// new, or a schema that is no store; both are left as they are.
    /// [`Kind::AccessDenied`](wom_sdk::Kind::AccessDenied) and
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind::ConfigurationInvalid) for a wrong user,
    /// password or data base; [`Kind::InsecureTransport`](wom_sdk::Kind::InsecureTransport) for
    /// another machine without TLS; [`Kind::StorageFailed`](wom_sdk::Kind::StorageFailed) if the
    /// server does not answer.
    pub async fn open(url: &DatabaseUrl) -> Result<Self> {
        PostgresSettings::new(url.clone()).open().await
    }

    /// Lets all connections go. Later calls answer that the store is closed.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    fn s(&self) -> &str {
        self.schema.quoted()
    }

    async fn connection(&self) -> Result<PoolConnection<Postgres>> {
        self.pool.acquire().await.map_err(unreachable)
    }

    /// Executes one statement, which is a transaction by itself, and tells how many rows it wrote.
    async fn execute(&self, statement: impl Fn() -> Statement + Send + Sync) -> Result<u64> {
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            match within(statement().execute(&mut *conn)).await? {
                Ok(done) => return Ok(PgQueryResult::rows_affected(&done)),
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }

    /// Rows after a name, in its order.
    async fn page(&self, sql: String, after: &[u8], limit: usize) -> Result<Vec<PgRow>> {
        self.fetch(|| query(sql.clone()).bind(after.to_vec()).bind(whole(limit)))
            .await
    }

    /// The rows of one statement.
    async fn fetch(&self, statement: impl Fn() -> Statement + Send + Sync) -> Result<Vec<PgRow>> {
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            match within(statement().fetch_all(&mut *conn)).await? {
                Ok(rows) => return Ok(rows),
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }

    /// Makes due what somebody had taken who is dead.
    async fn take_over(&self, what: Taken, now: Timestamp) -> Result<()> {
        let Some(sql) = self.worker.look(self.s(), what) else {
            return Ok(());
        };
        let rows = self.fetch(|| query(sql.clone())).await?;
        let missing: Result<Vec<i32>, _> = rows.iter().map(|row| row.try_get(0)).collect();
        let missing = missing.map_err(storage)?;
        let Some(sql) = self.worker.release(self.s(), what, &missing, now) else {
            return Ok(());
        };
        let released = self.execute(|| query(sql.clone())).await?;
        tracing::info!(released, "what a worker had taken that died is taken over");
        Ok(())
    }

    /// What is due by a time, at most so many.
    async fn due_rows(&self, sql: String, now: Timestamp, limit: usize) -> Result<Vec<PgRow>> {
        self.fetch(|| query(sql.clone()).bind(now.as_millis()).bind(whole(limit)))
            .await
    }

    /// Takes what is due by a time until another.
    async fn claim_rows(
        &self,
        sql: String,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<PgRow>> {
        self.fetch(|| {
            query(sql.clone())
                .bind(now.as_millis())
                .bind(whole(limit))
                .bind(until.as_millis())
                .bind(self.worker.number)
        })
        .await
    }

    async fn by_key<T>(
        &self,
        sql: String,
        key: &[u8],
        read: impl Fn(&PgRow) -> Result<T>,
    ) -> Result<Option<T>> {
        let rows = self.fetch(|| query(sql.clone()).bind(key)).await?;
        rows.first().map(read).transpose()
    }

    /// Awards that can be read. One that cannot must not stand in the way of the others.
    async fn readable(&self, rows: Vec<PgRow>) -> Result<Vec<AwardRecord>> {
        let mut awards = Vec::with_capacity(rows.len());
        for row in rows {
            match rows::award(&row) {
                Ok(award) => awards.push(award),
                Err(error) => {
                    tracing::error!(code = error.code(), "a damaged award is parked");
                    let key: Vec<u8> = row.try_get(0).map_err(storage)?;
                    self.execute(|| statement::park(self.s(), &key)).await?;
                }
            }
        }
        Ok(awards)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresStore(schema {})", self.s())
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.bind_to(owner).await
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        let sql = statement::holding(self.s());
        let rows = self
            .fetch(|| query(sql.clone()).bind(participant.0.as_slice()))
            .await?;
        rows::holding(&rows)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let rows = CommitRows::of(commit)?;
        Ok(match self.write(&rows).await? {
            true => Committed::Done,
            false => Committed::Conflict,
        })
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        let sql = format!("SELECT {AWARD} FROM {}.award WHERE key = $1", self.s());
        self.by_key(sql, &key.0, rows::award).await
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let row = AwardRow::of(record)?;
        let moved = self
            .execute(|| statement::advance(self.s(), self.worker.number, &row))
            .await?;
        Ok(moved == 1)
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        let sql = statement::due_awards(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        self.readable(rows).await
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        self.take_over(Taken::Award, now).await?;
        let sql = statement::claim_awards(self.s());
        let rows = self.claim_rows(sql, now, until, limit).await?;
        self.readable(rows).await
    }

    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>> {
        let sql = format!(
            "SELECT {AWARD} FROM {}.award WHERE participant = $1 AND state <> 'acknowledged'
             ORDER BY key",
            self.s()
        );
        let rows = self
            .fetch(|| query(sql.clone()).bind(participant.0.as_slice()))
            .await?;
        rows.iter().map(rows::award).collect()
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let sql = statement::unacknowledged_awards(self.s());
        let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
        let rows = self.page(sql, &after, limit).await?;
        rows.iter().map(rows::award).collect()
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        let sql = statement::awards(self.s());
        let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
        rows::listed_awards(&self.page(sql, &after, limit).await?)
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        let after = after.map_or_else(Vec::new, |participant| participant.0.to_vec());
        let sql = statement::accounts(self.s());
        rows::listed_accounts(&self.page(sql, &after, limit).await?)
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let sql = statement::waking(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        rows.iter().map(rows::participant).collect()
    }

    async fn claim_waking(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Participant>> {
        self.take_over(Taken::Participant, now).await?;
        let sql = statement::claim_waking(self.s());
        let rows = self.claim_rows(sql, now, until, limit).await?;
        rows.iter().map(rows::participant).collect()
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        let (first, last) = ends(&cohort.0);
        let sql = statement::uncollected(self.s());
        let rows = self
            .fetch(|| query(sql.clone()).bind(&first).bind(&last))
            .await?;
        let found = rows.first().and_then(|row| row.flag(0));
        found.ok_or_else(|| damaged("account"))
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        let (first, last) = ends(&cohort.0);
        let sql = statement::forget(self.s());
        let mut count = 0;
        loop {
            let some = self
                .execute(|| query(sql.clone()).bind(&first).bind(&last))
                .await?;
            if some == 0 {
                return Ok(count);
            }
            count += some;
        }
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        self.erase_all(participant).await
    }

    async fn numbers(&self) -> Result<Numbers> {
        let sql = statement::numbers(self.s());
        let rows = self.fetch(|| query(sql.clone())).await?;
        let mut numbers = Numbers::default();
        for row in &rows {
            let of = row.number(4).flatten();
            match of {
                Some(0) => numbers.awards.push(rows::count(row)?),
                Some(1) => numbers.deliveries.push(rows::count(row)?),
                _ => numbers.uncollected_minutes = rows::count(row)?.count,
            }
        }
        Ok(numbers)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        let sql = format!("SELECT {DELIVERY} FROM {}.delivery WHERE id = $1", self.s());
        self.by_key(sql, &id.0.0, rows::delivery).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let row = DeliveryRow::of(record)?;
        let put = self
            .execute(|| statement::put_delivery(self.s(), self.worker.number, &row))
            .await?;
        Ok(put == 1)
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        self.take_over(Taken::Delivery, now).await?;
        let sql = statement::due_deliveries(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        rows.iter().map(rows::delivery).collect()
    }

    async fn undone_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>> {
        let sql = statement::undone_deliveries(self.s());
        let after = after.map_or_else(Vec::new, |id| id.0.0.to_vec());
        let rows = self.page(sql, &after, limit).await?;
        rows.iter().map(rows::delivery).collect()
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        let sql = statement::forget_deliveries(self.s());
        let mut count = 0;
        loop {
            let some = self
                .execute(|| query(sql.clone()).bind(before.as_millis()))
                .await?;
            if some == 0 {
                return Ok(count);
            }
            count += some;
        }
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        let sql = format!(
            "SELECT source, version, sealed, due, failed FROM {}.cursor WHERE source = $1",
            self.s()
        );
        let rows = self.fetch(|| query(sql.clone()).bind(source)).await?;
        rows.first().map(rows::cursor).transpose()
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        let row = CursorRow::of(record)?;
        let put = self
            .execute(|| statement::put_cursor(self.s(), &row))
            .await?;
        Ok(put == 1)
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        self.draw_from(name, rate, wanted, now).await
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        let sql = format!("SELECT {CHECKOUT} FROM {}.checkout WHERE id = $1", self.s());
        self.by_key(sql, &id.0, rows::checkout).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let row = CheckoutRow::of(record)?;
        let put = self
            .execute(|| statement::put_checkout(self.s(), self.worker.number, &row))
            .await?;
        Ok(put == 1)
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        self.take_over(Taken::Checkout, now).await?;
        let sql = statement::due_checkouts(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        rows.iter().map(rows::checkout).collect()
    }

    async fn sale(&self, id: SaleId) -> Result<Option<Sale>> {
        let sql = format!("SELECT {SALE} FROM {}.sale WHERE id = $1", self.s());
        self.by_key(sql, &id.0, rows::sale).await
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        let row = SaleRow::of(sale)?;
        let mut tries = Tries::default();
        loop {
            let mut conn = self.connection().await?;
            let put = statement::put_sale(self.s(), &row);
            match within(put.execute(&mut *conn)).await? {
                Ok(done) => return Ok(PgQueryResult::rows_affected(&done) == 1),
                // Another one has its slot.
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => {
                    return Ok(false);
                }
                Err(error) if tries.again(&error).await => {}
                Err(error) => return Err(storage(error)),
            }
        }
    }

    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<Sale>> {
        let sql = statement::due_sales(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        Ok(rows::readable(&rows, rows::sale))
    }

    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        let (first, last) = ends(&shop.0);
        let after = after.map_or(first.clone(), |after| after.0.to_vec());
        let after = after.max(first);
        let sql = statement::sales(self.s(), which);
        let rows = self
            .fetch(|| {
                query(sql.clone())
                    .bind(after.clone())
                    .bind(last.clone())
                    .bind(whole(limit))
            })
            .await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn sales_of(&self, order: OrderKey) -> Result<Vec<Sale>> {
        let sql = format!(
            "SELECT {SALE} FROM {}.sale WHERE order_key = $1 ORDER BY id",
            self.s()
        );
        let rows = self
            .fetch(|| query(sql.clone()).bind(order.0.to_vec()))
            .await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn sales_paid_by(&self, checkout: CheckoutId) -> Result<Vec<Sale>> {
        let sql = format!(
            "SELECT {SALE} FROM {}.sale WHERE checkout = $1 AND turn > 0 ORDER BY id",
            self.s()
        );
        let rows = self
            .fetch(|| query(sql.clone()).bind(checkout.0.to_vec()))
            .await?;
        rows.iter().map(rows::sale).collect()
    }

    async fn poster(&self, id: CheckoutId) -> Result<Option<Poster>> {
        let sql = format!("SELECT {POSTER} FROM {}.poster WHERE id = $1", self.s());
        self.by_key(sql, &id.0, rows::poster).await
    }

    async fn put_poster(&self, poster: &Poster) -> Result<bool> {
        let row = PosterRow::of(poster)?;
        let put = self
            .execute(|| statement::put_poster(self.s(), &row))
            .await?;
        Ok(put == 1)
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<Poster>> {
        let sql = statement::due_posters(self.s());
        let rows = self.due_rows(sql, now, limit).await?;
        rows.iter().map(rows::poster).collect()
    }

    async fn posters(&self, shop: ShopId) -> Result<Vec<Poster>> {
        let sql = format!(
            "SELECT {POSTER} FROM {}.poster WHERE shop = $1 ORDER BY id",
            self.s()
        );
        let rows = self
            .fetch(|| query(sql.clone()).bind(shop.0.to_vec()))
            .await?;
        rows.iter().map(rows::poster).collect()
    }

    async fn close(&self) -> Result<()> {
        Self::close(self).await;
        Ok(())
    }
}

impl Columns for PgRow {
    fn bytes(&self, index: usize) -> Option<Option<&[u8]>> {
        self.try_get(index).ok()
    }

    /// Text that may hold a NUL stands as bytes.
    fn text(&self, index: usize) -> Option<Option<&str>> {
        self.try_get(index).ok().or_else(|| {
            let bytes: Option<&[u8]> = self.try_get(index).ok()?;
            bytes.map(std::str::from_utf8).transpose().ok()
        })
    }

    fn number(&self, index: usize) -> Option<Option<i64>> {
        self.try_get(index).ok()
    }

    fn flag(&self, index: usize) -> Option<bool> {
        self.try_get(index).ok()
    }
}

/// Waits for the server's answer, but not for ever.
async fn within<T>(answer: impl Future<Output = T>) -> Result<T> {
    let answer = tokio::time::timeout(PostgresStore::PATIENCE, answer).await;
    answer.map_err(|_| unanswered())
}

fn whole(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The first and the last name of 32 bytes that may begin so.
fn ends(beginning: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut last = beginning.to_vec();
    last.resize(32, 0xff);
    (beginning.to_vec(), last)
}
