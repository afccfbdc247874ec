//! The writing connection: its settings, the schema, and what the last process left behind.

use std::{path::Path, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use wom_sdk::{Error, Kind, Result};

use super::{
    error::{is_no_data_base, storage},
    file::{self, APPLICATION_ID, Claimed},
};

/// Each brings the schema from its index to the next version.
const MIGRATIONS: &[&str] = &[
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
];

/// Opens a claimed file for writing, as the only writer there is.
pub(super) async fn open(claimed: &Claimed) -> Result<SqliteConnection> {
    let path = &claimed.path;
    let opened = prepare(path, MIGRATIONS).await;
    opened.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Sqlite(error) if is_no_data_base(&error) => {
            file::no_data_base(path).because(error)
        }
        Failure::Sqlite(error) => storage(error).with("file", path.display()),
    })
}

/// Settings of every connection.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .synchronous(SqliteSynchronous::Full)
        // On macOS a plain sync does not reach the disk; elsewhere this changes nothing.
        .pragma("fullfsync", "ON")
        // What is deleted is overwritten, not only unlinked: erasing means erasing.
        .pragma("secure_delete", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
        .row_buffer_size(512)
        .disable_statement_logging()
}

enum Failure {
    Refused(Error),
    Sqlite(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(error)
    }
}

async fn prepare(path: &Path, migrations: &[&'static str]) -> Result<SqliteConnection, Failure> {
    let mut conn = options(path)
        // Keys are random: 8 MiB hold the pages of the last hundred thousand.
        .pragma("cache_size", "-8192")
        .connect()
        .await?;
    let version = recognise(&mut conn, path, migrations.len()).await?;
    // The mark of the file is durable before anything depends on it, and before the journal
    // changes its form.
    // Read to its end: only there it commits, and tells if it could not.
    let mode: Vec<String> = sqlx::query_scalar("PRAGMA journal_mode = WAL")
        .fetch_all(&mut conn)
        .await?;
    if mode != ["wal"] {
        let message = "this file system does not allow a write-ahead log";
        return Err(Failure::Refused(
            Error::new(Kind::StorageFailed, message)
                .with("file", path.display())
                .hint("name a file on a disk of this machine"),
        ));
    }
    // A page that changes often is copied back once for 16 MiB of log, not once for 4.
    sqlx::raw_sql("PRAGMA journal_size_limit = 67108864; PRAGMA wal_autocheckpoint = 4096")
        .execute(&mut conn)
        .await?;
    migrate(&mut conn, version, migrations).await?;
    take_over(&mut conn).await?;
    Ok(conn)
}

/// Marks a new file as ours, and refuses those of others. Returns the version of the schema.
async fn recognise(
    conn: &mut SqliteConnection,
    path: &Path,
    newest: usize,
) -> Result<usize, Failure> {
    let application: i32 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *conn)
        .await?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *conn)
        .await?;
    if application != APPLICATION_ID {
        let things: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut *conn)
            .await?;
        if (application, version, things) != (0, 0, 0) {
            return Err(Failure::Refused(file::foreign(path)));
        }
        let mark = format!("PRAGMA application_id = {APPLICATION_ID}");
        sqlx::raw_sql(AssertSqlSafe(mark))
            .execute(&mut *conn)
            .await?;
    }
    match usize::try_from(version) {
        Ok(version) if version <= newest => Ok(version),
        _ => Err(Failure::Refused(
            Error::new(Kind::StoreMismatch, "the store is of a newer version")
                .with("file", path.display())
                .with("version", version)
                .with("known", newest)
                .hint("use the wom-sdk that wrote it, or a newer one; it was left as it is"),
        )),
    }
}

/// Brings the schema to the newest version, each step as a whole.
async fn migrate(
    conn: &mut SqliteConnection,
    version: usize,
    migrations: &[&'static str],
) -> Result<(), sqlx::Error> {
    for (before, migration) in migrations.iter().enumerate().skip(version) {
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        let done = format!("PRAGMA user_version = {}", before + 1);
        sqlx::raw_sql(AssertSqlSafe(done))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    Ok(())
}

/// Whoever made a call that is under way has died, since the file is ours: what waits for the end
/// of such a call goes on at once.
async fn take_over(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(
        "BEGIN IMMEDIATE;
         UPDATE award SET due = 0 WHERE open AND due > 0
             AND (state IN ('creating', 'verifying') OR state = 'accepted' AND version > 1 AND tries = 0);
         UPDATE delivery SET due = received WHERE state = 'waiting' AND sealed IS NOT NULL
             AND tries = 0;
         UPDATE checkout SET due = 0 WHERE due > 0
             AND (state ->> 'state' IN ('created', 'verifying', 'shown') OR state ->> 'state' LIKE 'paid%' AND tries = 0);
         COMMIT;",
    )
    .execute(conn)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_migration_is_done_as_a_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        let mut conn = options(&path)
            .create_if_missing(true)
            .connect()
            .await
            .unwrap();
        let version = async |conn: &mut SqliteConnection| {
            sqlx::query_scalar::<_, i64>("PRAGMA user_version")
                .fetch_one(conn)
                .await
                .unwrap()
        };
        let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1);";
        migrate(&mut conn, 0, &[first]).await.unwrap();
        assert_eq!(version(&mut conn).await, 1);
        let broken = "CREATE TABLE b (x); INSERT INTO a VALUES (2); INSERT INTO none VALUES (1);";
        assert!(migrate(&mut conn, 1, &[first, broken]).await.is_err());
        assert_eq!(version(&mut conn).await, 1);
        let good = "CREATE TABLE b (x); INSERT INTO a VALUES (3);";
        migrate(&mut conn, 1, &[first, good, "DROP TABLE b"])
            .await
            .unwrap();
        assert_eq!(version(&mut conn).await, 3);
        let held: Vec<i64> = sqlx::query_scalar("SELECT x FROM a")
            .fetch_all(&mut conn)
            .await
            .unwrap();
        assert_eq!(held, [1, 3]);
    }

    #[tokio::test]
    async fn the_writing_connection_is_set_for_durability() {
        let dir = tempfile::tempdir().unwrap();
        let claimed = file::claim(&dir.path().join("wom.db"), Duration::ZERO).unwrap();
        let mut conn = open(&claimed).await.unwrap();
        // 2 is FULL.
        for (pragma, expected) in [
            ("synchronous", 2),
            ("foreign_keys", 1),
            ("secure_delete", 1),
        ] {
            let held: i64 = sqlx::query_scalar(AssertSqlSafe(format!("PRAGMA {pragma}")))
                .fetch_one(&mut conn)
                .await
                .unwrap();
            assert_eq!(held, expected, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(&mut conn)
            .await
            .unwrap();
        assert_eq!(mode, "wal");
    }
}
