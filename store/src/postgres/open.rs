//! How a store is opened: settings, and what every session promises.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use wom_sdk::{Error, Kind, Result};

use super::{
    PostgresKeyStore, PostgresStore,
    error::{out_of_reach, unreachable},
    schema::Schema,
    url::DatabaseUrl,
    worker::Worker,
};

/// After how long without use a connection is asked whether it still stands.
const IDLE: Duration = Duration::from_secs(1);

/// What each session is set to, whatever the server's defaults are. Answered means durable: a
/// commit waits for the disk at least. A session that hangs holds nobody else up for long. What is
/// due is read off its index, in order, even where the server's statistics are old and tell it to
/// gather and sort the backlog; and none of the statements is worth compiling.
const SESSION: &str = "SELECT
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('statement_timeout', '40s', false),
    set_config('lock_timeout', '20s', false),
    set_config('idle_in_transaction_session_timeout', '60s', false),
    set_config('enable_bitmapscan', 'off', false),
    set_config('jit', 'off', false)";

/// What a session is set to besides that only reads.
const READ_ONLY: &str = "    set_config('default_transaction_read_only', 'on', false)";

/// How to open a [`PostgresStore`] or a [`PostgresKeyStore`].
#[derive(Clone, Debug)]
pub struct PostgresSettings {
    url: DatabaseUrl,
    schema: String,
    connections: u32,
    patience: Duration,
    plain: bool,
    may: May,
}

/// What opening may change.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum May {
    /// Make a store, and bring an older one to the present version.
    Make,
    /// Bring an older one to the present version.
    Migrate,
    /// Nothing, nor may anybody who uses the store then.
    Read,
}

impl PostgresSettings {
    /// The data base with this URL, in the schema `wom`, with at most 10 connections, each of which
    /// is waited for at most 10 seconds.
    pub fn new(url: DatabaseUrl) -> Self {
        Self {
            url,
            schema: "wom".to_owned(),
            connections: 10,
            patience: Duration::from_secs(10),
            plain: false,
            may: May::Make,
        }
    }

    /// Makes no store where there is none: that is refused with [`Kind::InputInvalid`].
    #[must_use]
    pub fn existing(self) -> Self {
        let may = May::Migrate;
        Self { may, ..self }
    }

    /// Changes nothing: no store is made, none is brought to another version, and the server refuses
    /// whatever would write.
    #[must_use]
    pub fn read_only(self) -> Self {
        let may = May::Read;
        Self { may, ..self }
    }

    /// Keeps everything in another schema: 1 to 63 of a-z, 0-9 and _, the first a letter.
    #[must_use]
    pub fn schema(self, name: impl Into<String>) -> Self {
        Self {
            schema: name.into(),
            ..self
        }
    }

    /// Uses at most so many connections at a time, 1 or more.
    #[must_use]
    pub fn connections(self, most: u32) -> Self {
        Self {
            connections: most.max(1),
            ..self
        }
    }

    /// Waits at most this long for a connection.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Does as the URL's `sslmode` says towards other machines too, even if that is to speak in
    /// clear or to anybody who answers. Whoever listens then reads what the store holds.
    #[must_use]
    pub fn danger_plain_transport(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// Opens the store; see [`PostgresStore::open`].
    pub async fn open(self) -> Result<PostgresStore> {
        let schema = Schema::new(&self.schema)?;
        let (mut conn, options) = self.first().await?;
        match self.may {
            May::Make => schema.prepare(&mut conn).await?,
            May::Migrate => {
                schema.find(&mut conn).await?;
                schema.prepare(&mut conn).await?;
            }
            May::Read => schema.find_present(&mut conn).await?,
        }
        // Nothing is written on it any more: whatever it says at its end does not matter.
        let _ = conn.close().await;
        let worker = Worker::begin(&options, schema.quoted()).await?;
        let pool = self.pool(options);
        Ok(PostgresStore {
            pool,
            schema,
            worker,
        })
    }

    /// Opens a key store; see [`PostgresKeyStore::open`](super::PostgresKeyStore::open).
    /// Connections and patience are a key store's own.
    pub fn open_keys(self) -> Result<PostgresKeyStore> {
        let schema = Schema::new(&self.schema)?;
        PostgresKeyStore::open_in(self, schema)
    }

    /// A first connection to a server that is as it should be, and how to make more.
    pub(super) async fn first(&self) -> Result<(PgConnection, PgConnectOptions)> {
        let options = self.url.secured(self.plain)?;
        let place = (options.get_host().to_owned(), options.get_port());
        let here = |error: Error| error.with("host", &place.0).with("port", place.1);
        let mut conn = self.connect(&options).await.map_err(here)?;
        warn_of_lost_syncs(&mut conn).await?;
        Ok((conn, options))
    }

    /// Connections that are made when they are wanted.
    pub(super) fn pool(&self, options: PgConnectOptions) -> PgPool {
        let session = match self.may {
            May::Read => format!("{SESSION},\n{READ_ONLY}"),
            May::Make | May::Migrate => SESSION.to_owned(),
        };
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.patience)
            .test_before_acquire(false)
            .before_acquire(|conn, last| {
                Box::pin(async move { Ok(last.idle_for < IDLE || conn.ping().await.is_ok()) })
            })
            .after_connect(move |conn, _| {
                let set = sqlx::query(AssertSqlSafe(session.clone()));
                Box::pin(async move { set.execute(conn).await.map(drop) })
            })
            .connect_lazy_with(options)
    }

    async fn connect(&self, options: &PgConnectOptions) -> Result<PgConnection> {
        let connected = tokio::time::timeout(self.patience, options.connect()).await;
        match connected {
            Ok(connected) => connected.map_err(unreachable),
            Err(_) => Err(out_of_reach()),
        }
    }
}

/// Tells the server's log, and ours, where the server is set to lose what it has answered.
async fn warn_of_lost_syncs(conn: &mut PgConnection) -> Result<()> {
    let safe: bool = sqlx::query_scalar(
        "SELECT current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on'",
    )
    .fetch_one(&mut *conn)
    .await
    .map_err(unreachable)?;
    if !safe {
        tracing::warn!(
            "the data base server runs without fsync or full_page_writes: what was answered as done can be lost when it crashes"
        );
    }
    let version: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::integer")
        .fetch_one(conn)
        .await
        .map_err(unreachable)?;
    if version < 130_000 {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            "the data base server is too old",
        )
        .with("version", version / 10_000)
        .hint("use PostgreSQL 13 or newer"));
    }
    Ok(())
}
