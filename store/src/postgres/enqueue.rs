//! Awards accepted within a transaction of the application's own.

use std::fmt;

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
        check_held(request, held.try_get(0).map_err(storage)?)?;
        Ok(record.key)
    }

    /// As [`enqueue`](Self::enqueue), as statements for a driver that is not ours: whoever runs them
    /// does what that does.
    ///
    /// # Errors
    ///
    /// As of [`Dispatcher::prepare`].
    pub fn enqueue_sql(
        &self,
        dispatcher: &Dispatcher,
        key: &str,
        request: &Request,
    ) -> Result<EnqueueSql> {
        let record = dispatcher.prepare(key, request)?;
        let row = AwardRow::of(&record)?;
        let (s, identity) = (self.s(), dispatcher.identity());
        let key = bytes(&row.key);
        Ok(EnqueueSql {
            key: record.key,
            owned: format!(
                "SELECT count(*) FROM {s}.owner WHERE registry = {} AND source = {}",
                text(&identity.registry),
                text(&identity.source),
            ),
            accept: format!(
                "INSERT INTO {s}.award (key, version, participant, content, accepted, state, reason, \
                 sealed, tries, unclear, due, open, worker) VALUES ({key}, {}, NULL, {}, {}, {}, NULL, \
                 {}, {}, {}, {}, {}, NULL) ON CONFLICT (key) DO NOTHING RETURNING 1",
                row.version,
                text(&row.content),
                row.accepted,
                text(row.state),
                row.sealed.as_deref().map_or("NULL".to_owned(), bytes),
                row.tries,
                row.unclear,
                row.due,
                row.open,
            ),
            held: format!("SELECT content FROM {s}.award WHERE key = {key}"),
        })
    }

    /// An award in another data base's store would wait there for ever.
    async fn check_owner(&self, conn: &mut PgConnection, dispatcher: &Dispatcher) -> Result<()> {
        let sql = format!("SELECT registry, source, keys FROM {}.owner", self.s());
        let row = query(sql).fetch_optional(conn).await.map_err(storage)?;
        let held = row.as_ref().and_then(owner);
        if held.is_some_and(|held| held.identity == *dispatcher.identity()) {
            return Ok(());
        }
        Err(EnqueueSql::not_owned())
    }
}

/// What accepts an award within a transaction of the application's own, as plain SQL. There is
/// nothing to bind, as each driver writes parameters in its own way.
#[derive(Clone)]
pub struct EnqueueSql {
    /// The award.
    pub key: AwardKey,
    /// First: gives 1. If it gives another number, the answer is [`not_owned`](Self::not_owned).
    pub owned: String,
    /// Second: gives a row if the award is new.
    pub accept: String,
    /// Third, if it is not: gives the content that was accepted before, for
    /// [`check_held`](Self::check_held).
    pub held: String,
}

impl EnqueueSql {
    /// The store in this data base is another, or there is none.
    pub fn not_owned() -> Error {
        Error::new(
            Kind::StoreMismatch,
            "the transaction is one of another data base, or the dispatcher one of another store",
        )
        .hint("lend a connection to the data base that the store is in")
    }

    /// The same key with the same content is fine.
    ///
    /// # Errors
    ///
    /// [`Kind::AwardKeyReused`] where the content that is held is another.
    pub fn check_held(request: &Request, content: &str) -> Result<()> {
        check_held(request, content)
    }
}

/// The handle is in it, sealed.
impl fmt::Debug for EnqueueSql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnqueueSql({:?})", self.key)
    }
}

fn check_held(request: &Request, content: &str) -> Result<()> {
    let content: Content = serde_json::from_str(content).map_err(|_| damaged("award"))?;
    request.check_repeated(&content)
}

/// A text as SQL has it, whatever `standard_conforming_strings` says.
fn text(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('\'', "''");
    format!("E'{plain}'")
}

fn bytes(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a text does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    format!("decode('{hex}', 'hex')")
}
