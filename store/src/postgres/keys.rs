//! Keys in a PostgreSQL data base of their own, for processes on several machines.

use std::{fmt, future::Future, sync::mpsc, time::Duration};

use sqlx::{
    AssertSqlSafe, Connection as _, PgConnection, PgPool, Postgres, Row as _, pool::PoolConnection,
    postgres::PgRow,
};
use tokio::runtime::{Builder, Runtime};
use wom_sdk::{
    Error, Kind, Result,
    privacy::{KeyStore, purpose_key, random_key},
};
use zeroize::Zeroizing;

use super::{
    DatabaseUrl, PostgresSettings,
    error::{storage, unanswered, unreachable},
    schema::Schema,
    statement::{Statement, query},
};

/// The form of the tables that this program knows.
const VERSION: i32 = 1;
/// Connections at a time: each call is one short question.
const CONNECTIONS: u32 = 4;
/// How long a call waits for a connection, and for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keys of any number of processes on any number of machines, in a PostgreSQL data base (13 or
/// newer) that is **not** the one of the awards: whoever takes a copy of one has nothing without the
/// other. A data base that holds a store of awards is refused.
///
/// Each key is a row: it is made once, whoever asks for it first, and it is gone for all once one has
/// destroyed it. Nothing is remembered outside of the data base, so every call asks it, and holds its
/// thread up meanwhile: keep it near. In its files, its log and its backups a destroyed key lasts
/// until the server reuses the space: keep backups of it no longer than the campaign's grace.
///
/// The rows are keys in clear. Put a [`RootedKeyStore`](wom_sdk::privacy::RootedKeyStore) above it,
/// with a root that every process gets from elsewhere, and they are worth nothing alone.
///
/// ```no_run
/// use wom_store::{DatabaseUrl, PostgresKeyStore};
///
/// # fn example() -> wom_sdk::Result<()> {
/// let url = DatabaseUrl::from_file("/run/secrets/wom-key-database")?;
/// let keys = PostgresKeyStore::open(&url)?;
/// # Ok(())
/// # }
/// ```
pub struct PostgresKeyStore {
    root: Zeroizing<[u8; 32]>,
    schema: Schema,
    pool: PgPool,
    /// Where the driver runs. Keys are asked for in the middle of anything, also where nothing may
    /// be awaited.
    runtime: Option<Runtime>,
}

impl PostgresKeyStore {
    /// The schema unless told otherwise.
    pub const SCHEMA: &str = "wom_keys";

    /// Opens the keys in the schema `wom_keys` of this data base, or makes them where there are
    /// none: a store of awards knows its keys, and refuses new ones.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::open`](super::PostgresStore::open);
    /// [`Kind::ConfigurationInvalid`] for a data base with a store of awards in it.
    pub fn open(url: &DatabaseUrl) -> Result<Self> {
        PostgresSettings::new(url.clone())
            .schema(Self::SCHEMA)
            .open_keys()
    }

    pub(super) fn open_in(settings: PostgresSettings, schema: Schema) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("wom-keys")
            .enable_all()
            .build()
            .map_err(|error| {
                Error::new(Kind::Internal, "the system gives no thread").because(error)
            })?;
        let settings = settings.connections(CONNECTIONS).patience(PATIENCE);
        let opened = wait(&runtime, async move {
            let (mut conn, options) = settings.first().await?;
            let root = prepare(&mut conn, &schema).await?;
            // Nothing is written on it any more.
            let _ = conn.close().await;
            Ok((root, schema, settings.pool(options)))
        });
        match opened {
            Ok((root, schema, pool)) => Ok(Self {
                root,
                schema,
                pool,
                runtime: Some(runtime),
            }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    fn rows(&self, statement: Statement) -> Result<Vec<PgRow>> {
        let pool = self.pool.clone();
        self.wait(async move {
            let mut conn = connection(&pool).await?;
            statement.fetch_all(&mut *conn).await.map_err(storage)
        })
    }

    /// Lets the driver do it, and waits for that.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let runtime = self.runtime.as_ref().ok_or_else(super::error::closed)?;
        wait(runtime, work)
    }

    fn table(&self) -> String {
        format!("{}.key", self.schema.quoted())
    }
}

impl KeyStore for PostgresKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let select = format!("SELECT key FROM {} WHERE name = $1", self.table());
        let held = self.rows(query(select).bind(name.as_bytes().to_vec()))?;
        if let Some(row) = held.first() {
            return key(row).map(Some);
        }
        if !create {
            return Ok(None);
        }
        // Who comes second is told the key of the first.
        let insert = format!(
            "INSERT INTO {} AS held (name, key) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET key = held.key RETURNING key",
            self.table()
        );
        let new = random_key()?;
        let made = self.rows(
            query(insert)
                .bind(name.as_bytes().to_vec())
                .bind(new.to_vec()),
        )?;
        let row = made.first().ok_or_else(damaged)?;
        key(row).map(Some)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let select = format!(
            "SELECT name FROM {} WHERE name >= $1 AND substring(name FROM 1 FOR length($1)) = $1
             ORDER BY name",
            self.table()
        );
        let rows = self.rows(query(select).bind(prefix.as_bytes().to_vec()))?;
        let name = |row: &PgRow| {
            let bytes: Vec<u8> = row.try_get(0).map_err(storage)?;
            String::from_utf8(bytes).map_err(|_| damaged())
        };
        rows.iter().map(name).collect()
    }

    fn destroy(&self, name: &str) -> Result<()> {
        let delete = format!("DELETE FROM {} WHERE name = $1", self.table());
        self.rows(query(delete).bind(name.as_bytes().to_vec()))
            .map(drop)
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        Ok(purpose_key(&self.root, purpose))
    }
}

impl Drop for PostgresKeyStore {
    fn drop(&mut self) {
        // Where this is dropped nothing may be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for PostgresKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresKeyStore(schema {})", self.schema.quoted())
    }
}

fn wait<T: Send + 'static>(
    runtime: &Runtime,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (tell, heard) = mpsc::sync_channel(1);
    runtime.spawn(async move {
        let done = tokio::time::timeout(PATIENCE * 2, work).await;
        // Whoever asked waits below.
        let _ = tell.send(done.unwrap_or_else(|_| Err(unanswered())));
    });
    heard
        .recv()
        .unwrap_or_else(|_| Err(Error::new(Kind::Internal, "the driver of the keys died")))
}

async fn connection(pool: &PgPool) -> Result<PoolConnection<Postgres>> {
    pool.acquire().await.map_err(unreachable)
}

/// The root key, made with the tables where there are none. Many may try at the same time.
async fn prepare(conn: &mut PgConnection, schema: &Schema) -> Result<Zeroizing<[u8; 32]>> {
    if holds_awards(conn).await? {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            "the data base of the keys holds a store of awards",
        )
        .hint("make another data base for the keys: who copies one must not have both"));
    }
    if !schema.has(conn, "key_store").await? {
        make(conn, schema).await?;
    }
    let select = format!("SELECT version, root FROM {}.key_store", schema.quoted());
    let row = query(select).fetch_one(conn).await.map_err(storage)?;
    let version: i32 = row.try_get(0).map_err(storage)?;
    if version != VERSION {
        return Err(
            Error::new(Kind::StoreMismatch, "the key store is of a newer version")
                .with("version", version)
                .hint("use the newer wom-sdk that wrote it"),
        );
    }
    read(&row, 1)
}

async fn make(conn: &mut PgConnection, schema: &Schema) -> Result<()> {
    let s = schema.quoted();
    let mut tx = conn.begin().await.map_err(storage)?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("wom-keys {s}"))
        .execute(&mut *tx)
        .await
        .map_err(storage)?;
    if schema.has(&mut tx, "key_store").await? {
        return Ok(());
    }
    if schema.is_used(&mut tx).await? {
        return Err(super::schema::no_store());
    }
    // Dead rows are cleared away soon: they are keys that were destroyed.
    let sql = format!(
        "CREATE SCHEMA IF NOT EXISTS {s};
         CREATE TABLE {s}.key_store (
             one boolean PRIMARY KEY DEFAULT true CHECK (one),
             version integer NOT NULL,
             root bytea NOT NULL
         );
         CREATE TABLE {s}.key (name bytea PRIMARY KEY, key bytea NOT NULL)
             WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 0);
         COMMENT ON COLUMN {s}.key.name IS 'UTF-8, such as epoch/walk/2026-03'"
    );
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *tx)
        .await
        .map_err(storage)?;
    let root = random_key()?;
    query(format!(
        "INSERT INTO {s}.key_store (version, root) VALUES ($1, $2)"
    ))
    .bind(VERSION)
    .bind(root.to_vec())
    .execute(&mut *tx)
    .await
    .map_err(storage)?;
    tx.commit().await.map_err(storage)
}

/// Whether some schema of the data base is a store of awards.
async fn holds_awards(conn: &mut PgConnection) -> Result<bool> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM pg_class
             WHERE relkind = 'r' AND relname IN ('award', 'participant', 'entry', 'schema_version')
             GROUP BY relnamespace HAVING count(*) = 4)",
    )
    .fetch_one(conn)
    .await
    .map_err(unreachable)
}

fn key(row: &PgRow) -> Result<Zeroizing<[u8; 32]>> {
    read(row, 0)
}

fn read(row: &PgRow, column: usize) -> Result<Zeroizing<[u8; 32]>> {
    let bytes: &[u8] = row.try_get(column).map_err(storage)?;
    bytes.try_into().map(Zeroizing::new).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::new(Kind::KeyInvalid, "a key in the key store is damaged")
        .hint("restore the data base of the keys from its backup")
}
