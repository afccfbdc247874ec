//! Kolibri's own data base: SQLite, read and never written.

use std::path::Path;

use futures_util::{Stream, StreamExt as _};
use sqlx::{
    ConnectOptions as _, Connection as _, Row as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Refusal};

use super::log::{Completion, Learner, Row, Visit, not_staff, stored};

/// What every SQLite file begins with.
pub(super) const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// What is read. A view in the place of a table could be anything.
const TABLES: [&str; 6] = [
    "device_devicepermissions",
    "kolibriauth_collection",
    "kolibriauth_facilityuser",
    "kolibriauth_role",
    "logger_contentsessionlog",
    "logger_contentsummarylog",
];

/// Who a row is about, in the words of Kolibri's export: whoever has a role or runs the device is
/// no learner. No text is taken longer than it can honestly be.
macro_rules! with_learner {
    ($columns:literal, $table:literal, $condition:literal) => {
        concat!(
            "SELECT substr(coalesce(f.name, ''), 1, 300) AS facility,
                    substr(coalesce(u.username, ''), 1, 300) AS username,
                    EXISTS (SELECT 1 FROM kolibriauth_role r WHERE r.user_id = u.id)
                    OR EXISTS (SELECT 1 FROM device_devicepermissions d
                               WHERE d.user_id = u.id AND d.is_superuser) AS staff,
                    substr(l.content_id, 1, 100) AS content,",
            $columns,
            " FROM ",
            $table,
            " l LEFT JOIN kolibriauth_facilityuser u ON u.id = l.user_id
                LEFT JOIN kolibriauth_collection f ON f.id = u.facility_id
             WHERE ",
            $condition
        )
    };
}

const VISITS: &str = with_learner!(
    "substr(l.start_timestamp, 1, 100) AS start,
     substr(l.end_timestamp, 1, 100) AS ended,
     CAST(l.time_spent AS REAL) AS spent",
    "logger_contentsessionlog",
    "l.end_timestamp >= ? ORDER BY l.end_timestamp, l.id"
);

const COMPLETIONS: &str = with_learner!(
    "substr(l.completion_timestamp, 1, 100) AS completed",
    "logger_contentsummarylog",
    "l.completion_timestamp >= ? ORDER BY l.completion_timestamp, l.id"
);

/// The data base, open for reading.
pub(super) struct Database {
    connection: SqliteConnection,
}

impl Database {
    /// Opens the file. While Kolibri runs, what it has not yet moved into the file (`-wal`) is read
    /// with it; a file without that beside it is taken as one that nobody writes.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if it cannot be opened, or is not Kolibri's.
    pub(super) async fn open(path: &Path) -> Result<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let in_use = Path::new(&log).exists();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(!in_use)
            .pragma("trusted_schema", "OFF")
            .pragma("cell_size_check", "ON")
            .disable_statement_logging();
        let connection = options.connect().await.map_err(|error| {
            unreadable(error).hint(
                "give the path of Kolibri's db.sqlite3, which this user may read; or make CSV exports",
            )
        })?;
        let mut database = Self { connection };
        database.check().await?;
        Ok(database)
    }

    async fn check(&mut self) -> Result<()> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
                .fetch_all(&mut self.connection)
                .await
                .map_err(unreadable)?;
        let missing: Vec<_> = TABLES
            .into_iter()
            .filter(|table| !tables.iter().any(|name| name == table))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(
            Error::new(Kind::InputInvalid, "the data base is not Kolibri's")
                .with("missing", missing.join(", "))
                .hint("give the path of db.sqlite3 in Kolibri's home folder"),
        )
    }

    /// The visits that ended at this time (as the data base writes it) or later, in order of it,
    /// each with its end.
    pub(super) fn visits<'a>(
        &'a mut self,
        since: &'a str,
        now: Timestamp,
    ) -> impl Stream<Item = Result<Result<Row, Refusal>>> + 'a {
        sqlx::query(VISITS)
            .bind(since)
            .fetch(&mut self.connection)
            .map(move |row| Ok(visit(&row.map_err(unreadable)?, now)))
    }

    /// The completions at this time or later, in order of it.
    pub(super) fn completions<'a>(
        &'a mut self,
        since: &'a str,
        now: Timestamp,
    ) -> impl Stream<Item = Result<Result<Row, Refusal>>> + 'a {
        sqlx::query(COMPLETIONS)
            .bind(since)
            .fetch(&mut self.connection)
            .map(move |row| Ok(completion(&row.map_err(unreadable)?, now)))
    }

    pub(super) async fn close(self) {
        // Nothing was written, so nothing can be lost.
        let _ = self.connection.close().await;
    }
}

fn visit(row: &SqliteRow, now: Timestamp) -> Result<Row, Refusal> {
    let learner = learner(row)?;
    let start = stored(text(row, "start")?, "start_timestamp")?;
    let end = stored(text(row, "ended")?, "end_timestamp")?;
    let spent = row.try_get("spent").map_err(|_| bad_cell("time_spent"))?;
    Visit::new(learner, text(row, "content")?, start, end, spent, now).map(Row::Visit)
}

fn completion(row: &SqliteRow, now: Timestamp) -> Result<Row, Refusal> {
    let learner = learner(row)?;
    let at = stored(text(row, "completed")?, "completion_timestamp")?;
    Completion::new(learner, text(row, "content")?, at, now).map(Row::Completion)
}

fn learner(row: &SqliteRow) -> Result<Learner, Refusal> {
    let learner = Learner::new(text(row, "facility")?, text(row, "username")?)?;
    not_staff(row.try_get("staff").map_err(|_| bad_cell("role"))?)?;
    Ok(learner)
}

fn text<'r>(row: &'r SqliteRow, column: &'static str) -> Result<&'r str, Refusal> {
    row.try_get(column).map_err(|_| bad_cell(column))
}

fn bad_cell(column: &'static str) -> Refusal {
    Refusal::new("bad_value", "holds something else than Kolibri writes").field(column)
}

fn unreadable(error: sqlx::Error) -> Error {
    Error::new(Kind::InputInvalid, "Kolibri's data base cannot be read").because(error)
}
