//! Awards accepted within a transaction of the application's own.

use sqlx::{PgConnection, Row as _};
use wom_sdk::{
    Error, Kind, Result,
    award::{AwardKey, Content, Request},
    dispatcher::Dispatcher,
};

use super::{
    PostgresStore,
    error::storage,
    statement::{accept, query},
    write::owner,
};
use crate::rows::{AwardRow, damaged};

impl PostgresStore {
    /// Accepts an award under the caller's own key, within the caller's transaction: the
    /// application's own rows and the award are committed together, or neither is. Once they are,
    /// the dispatcher's [`run`](Dispatcher::run) drives it; [`award`](Dispatcher::award) with the
    /// same key and request gives its code.
    ///
    /// ```no_run
    /// use sqlx::{Connection, PgConnection};
    /// use wom_sdk::{award::Request, dispatcher::Dispatcher};
    /// use wom_store::PostgresStore;
    ///
    /// # async fn example(
    /// #     mut conn: PgConnection,
    /// #     store: PostgresStore,
    /// #     dispatcher: Dispatcher,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request::new("H".parse()?, 30, "43.7263,12.6366".parse()?);
    /// let mut tx = conn.begin().await?;
    /// sqlx::query("INSERT INTO run (id, minutes) VALUES (42, 30)")
    ///     .execute(&mut *tx)
    ///     .await?;
    /// store.enqueue(&mut tx, &dispatcher, "run 42", &request).await?;
    /// tx.commit().await?;
    /// let ticket = dispatcher.award("run 42", &request).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// `conn` is a connection to the data base that the store is in, by a user who may read and
    /// write the store's tables; `dispatcher` is one over this store.
    ///
    /// # Errors
    ///
    /// The same key with the same content is fine, in whatever transaction; with other content it
    /// is [`Kind::AwardKeyReused`], and the caller's transaction can go on.
    /// [`Kind::StoreMismatch`] where this data base holds another store, or none.
    pub async fn enqueue(
        &self,
        conn: &mut PgConnection,
        dispatcher: &Dispatcher,
        key: &str,
        request: &Request,
    ) -> Result<AwardKey> {
        let record = dispatcher.prepare(key, request)?;
        self.check_owner(conn, dispatcher).await?;
        let row = AwardRow::of(&record)?;
        let new = accept(self.s(), self.worker.number, &[row])
            .execute(&mut *conn)
            .await
            .map_err(storage)?;
        if new.rows_affected() == 1 {
            return Ok(record.key);
        }
        let held = query(format!(
            "SELECT content FROM {}.award WHERE key = $1",
            self.s()
        ))
        .bind(record.key.0.as_slice())
        .fetch_one(conn)
        .await
        .map_err(storage)?;
        let content: &str = held.try_get(0).map_err(storage)?;
        let content: Content = serde_json::from_str(content).map_err(|_| damaged("award"))?;
        request.check_repeated(&content)?;
        Ok(record.key)
    }

    /// An award in another data base's store would wait there for ever.
    async fn check_owner(&self, conn: &mut PgConnection, dispatcher: &Dispatcher) -> Result<()> {
        let sql = format!("SELECT registry, source, keys FROM {}.owner", self.s());
        let row = query(sql).fetch_optional(conn).await.map_err(storage)?;
        let held = row.as_ref().and_then(owner);
        if held.is_some_and(|held| held.identity == *dispatcher.identity()) {
            return Ok(());
        }
        Err(Error::new(
            Kind::StoreMismatch,
            "the transaction is one of another data base, or the dispatcher one of another store",
        )
        .hint("lend a connection to the data base that the store is in"))
    }
}
