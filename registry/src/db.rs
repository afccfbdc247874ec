//! The data base file: opening it, its schema, and transactions on it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{
    Sqlite, SqlitePool, Transaction,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use wom_sdk::{Error, Kind, Result, Timestamp};

use crate::files;

/// What makes a data base of each version one of the next; the first makes one from nothing.
const MIGRATIONS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// A transaction that holds the write lock from its beginning, so that what it reads stays true
/// until it commits; dropped, it leaves nothing.
pub(crate) type Write = Transaction<'static, Sqlite>;

/// The pools on one data base file. Other processes may have the same file open.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    /// One connection: writers of this process queue here in order, instead of in SQLite's
    /// busy handler, which sleeps and is not fair.
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Db {
    /// Opens `registry.db` in an existing directory, or creates it for the key with this digest.
    pub(crate) async fn open(dir: &Path, key_digest: &[u8; 32], now: Timestamp) -> Result<Self> {
        let file = dir.join("registry.db");
        files::create_private(&file)?;
        let options = SqliteConnectOptions::new()
            .filename(&file)
            .busy_timeout(Duration::from_secs(20))
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await
            .map_err(|error| at(&file, error))?;
        let reader = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_lazy_with(options);
        let db = Self { writer, reader };
        db.adopt(&file, key_digest, now).await?;
        Ok(db)
    }

    /// Begins a transaction that may write.
    pub(crate) async fn write(&self) -> Result<Write> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)
    }

    /// For reads outside a transaction.
    pub(crate) fn read(&self) -> &SqlitePool {
        &self.reader
    }

    /// Waits for running statements and closes the file.
    pub(crate) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    async fn adopt(&self, file: &Path, key_digest: &[u8; 32], now: Timestamp) -> Result<()> {
        let mut tx = self.write().await?;
        let version: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *tx)
            .await
            .map_err(|error| at(file, error))?;
        let Some(missing) = usize::try_from(version)
            .ok()
            .and_then(|version| MIGRATIONS.get(version..))
        else {
            return Err(
                Error::new(Kind::StoreMismatch, "the data base is of a newer version")
                    .with("file", file.display())
                    .with("version", version)
                    .hint("use the wom-sdk that wrote it, or a newer one"),
            );
        };
        for migration in missing {
            sqlx::raw_sql(*migration)
                .execute(&mut *tx)
                .await
                .map_err(|error| at(file, error))?;
        }
        if version == 0 {
            sqlx::query("INSERT INTO registry (one, key_digest, created_at) VALUES (1, ?1, ?2)")
                .bind(&key_digest[..])
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        let known: Vec<u8> = sqlx::query_scalar("SELECT key_digest FROM registry")
            .fetch_one(&mut *tx)
            .await
            .map_err(|error| at(file, error))?;
        if known != key_digest {
            return Err(Error::new(
                Kind::StoreMismatch,
                "the data base belongs to another Registry key",
            )
            .with("file", file.display())
            .hint("put the key file back that was beside it, or start in an empty directory"));
        }
        tx.commit().await.map_err(failed)
    }
}

/// An error of the data base, without what was bound to its statements.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    let kind = match is_busy(&error) {
        true => Kind::StoreLocked,
        false => Kind::StorageFailed,
    };
    Error::new(kind, "the Registry's data base failed").because(error)
}

/// Whether another process, or too many callers of this one, held the data base for too long.
fn is_busy(error: &sqlx::Error) -> bool {
    /// SQLite's primary code of "busy", the low byte of the code.
    const BUSY: i32 = 5;
    let code = error.as_database_error().and_then(|error| error.code());
    let code = code.and_then(|code| code.parse::<i32>().ok());
    matches!(error, sqlx::Error::PoolTimedOut) || code.is_some_and(|code| code & 0xff == BUSY)
}

fn at(file: &Path, error: sqlx::Error) -> Error {
    failed(error)
        .with("file", PathBuf::from(file).display())
        .hint("is the disk full, or the file not one of this program?")
}
