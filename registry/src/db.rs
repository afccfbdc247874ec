//! The data base file: opening it, its schema, what writes it and what reads it.

mod readers;
mod sql;
mod writer;

use std::{path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags};
use wom_sdk::{Error, Kind, Result, Timestamp};

pub(crate) use self::sql::Sql;
use self::{readers::Readers, writer::Writer};
use crate::files;

/// What makes a data base of each version one of the next; the first makes one from nothing.
const MIGRATIONS: [&str; 2] = [include_str!("schema_1.sql"), include_str!("schema_2.sql")];

/// How long a writer waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(20);

/// More statements than there are, so that each is prepared once for a connection.
const STATEMENTS: usize = 64;

/// One data base file. Other processes may have it open too.
#[derive(Clone, Debug)]
pub(crate) struct Db {
    /// Writers of this process queue before one thread, in order, and not in SQLite's busy
    /// handler, which sleeps and is not fair.
    writer: Arc<Writer>,
    readers: Arc<Readers>,
}

/// What is written as one: all of it if it is [kept](Self::keep), else nothing.
#[derive(Debug)]
pub(crate) struct Write<'a> {
    sql: Sql<'a>,
    kept: bool,
}

impl<'a> Write<'a> {
    fn new(conn: &'a Connection) -> Self {
        Self {
            sql: Sql::new(conn),
            kept: false,
        }
    }

    /// What was written up to the end stays, also where the end is a refusal.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
    }
}

impl<'a> std::ops::Deref for Write<'a> {
    type Target = Sql<'a>;

    fn deref(&self) -> &Sql<'a> {
        &self.sql
    }
}

impl Db {
    /// Opens `registry.db` in an existing directory, or creates it for the key with this digest.
    pub(crate) async fn open(dir: &Path, key_digest: &[u8; 32], now: Timestamp) -> Result<Self> {
        let file = dir.join("registry.db");
        let (path, digest) = (file.clone(), *key_digest);
        let opened = crate::registry::blocking(move || {
            files::create_private(&path)?;
            let opened = connect(&path).and_then(|conn| adopt(&conn, &digest, now).map(|()| conn));
            opened.map_err(|error| {
                let error = error.with("file", path.display());
                match error.advice() {
                    Some(_) => error,
                    None => error.hint("is the disk full, or the file not one of this program?"),
                }
            })
        });
        let conn = opened.await?;
        Ok(Self {
            writer: Arc::new(Writer::start(conn)?),
            readers: Arc::new(Readers::new(file)),
        })
    }

    /// Does something in a transaction that holds the write lock from its beginning, so that what it
    /// reads stays true until it commits. When this returns, what was [kept](Write::keep) is durable.
    /// Whoever does not wait any more before it began wrote nothing.
    pub(crate) async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.write(work).await
    }

    /// Reads from one consistent view, which waits for no writer.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Sql<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.readers.read(work).await
    }

    /// Waits for what is under way and closes the file. Later calls fail.
    pub(crate) async fn close(&self) {
        let own = self.clone();
        let closed = crate::registry::blocking(move || {
            own.readers.close();
            own.writer.finish();
            Ok(())
        });
        // It fails only where the runtime ends.
        let _ = closed.await;
    }
}

/// A connection with the settings that all have.
fn connect(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let settings = |conn: &Connection| {
        conn.busy_timeout(PATIENCE)?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS);
        let wal = conn
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))?;
        conn.execute_batch(
            "PRAGMA synchronous = FULL;
             -- On macOS a plain sync does not reach the disk; elsewhere this changes nothing.
             PRAGMA fullfsync = ON;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;",
        )?;
        Ok(wal)
    };
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    match settings(&conn).map_err(failed)?.as_str() {
        "wal" => Ok(conn),
        _ => Err(Error::new(
            Kind::StorageFailed,
            "this file system does not allow a write-ahead log",
        )),
    }
}

/// Brings the schema up to date, and refuses the data base of another key.
fn adopt(conn: &Connection, key_digest: &[u8; 32], now: Timestamp) -> Result<()> {
    writer::begin(conn).map_err(failed)?;
    let sql = Sql::new(conn);
    let version: i64 = sql.value("PRAGMA user_version", [])?;
    let missing = usize::try_from(version)
        .ok()
        .and_then(|version| MIGRATIONS.get(version..));
    let Some(missing) = missing else {
        return Err(
            Error::new(Kind::StoreMismatch, "the data base is of a newer version")
                .with("version", version)
                .hint("use the wom-sdk that wrote it, or a newer one"),
        );
    };
    for migration in missing {
        conn.execute_batch(migration).map_err(failed)?;
    }
    if version == 0 {
        sql.execute(
            "INSERT INTO registry (one, key_digest, created_at) VALUES (1, ?1, ?2)",
            (key_digest, now.as_millis()),
        )?;
    }
    let known: Vec<u8> = sql.value("SELECT key_digest FROM registry", [])?;
    if known != key_digest {
        return Err(Error::new(
            Kind::StoreMismatch,
            "the data base belongs to another Registry key",
        )
        .hint("put the key file back that was beside it, or start in an empty directory"));
    }
    conn.execute_batch("COMMIT").map_err(failed)
}

/// An error of the data base, without what was bound to its statements.
fn failed(error: rusqlite::Error) -> Error {
    /// SQLite's primary code of "busy", the low byte of the code: another process held the data base
    /// for too long.
    const BUSY: i32 = 5;
    let code = error.sqlite_error().map(|error| error.extended_code & 0xff);
    let kind = match code == Some(BUSY) {
        true => Kind::StoreLocked,
        false => Kind::StorageFailed,
    };
    Error::new(kind, "the Registry's data base failed").because(error)
}

fn closed() -> Error {
    Error::new(Kind::StorageFailed, "the Registry is closed")
}
