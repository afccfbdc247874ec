//! The writing connection: its settings, the schema, and what the last process left behind.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
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
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
];

/// How many statements a connection keeps prepared; there are fewer.
const STATEMENTS: usize = 64;

/// Opens a claimed file for writing, as the only writer there is.
pub(super) fn open(claimed: &Claimed) -> Result<Connection> {
    let path = &claimed.path;
    let opened = prepare(path, MIGRATIONS);
    opened.map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Sqlite(error) if is_no_data_base(&error) => {
            file::no_data_base(path).because(error)
        }
        Failure::Sqlite(error) => storage(error).with("file", path.display()),
    })
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Read,
    Write,
}

/// A connection with the settings that all have.
pub(super) fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let access = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    // One thread at a time has it.
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.execute_batch(
        "PRAGMA foreign_keys = ON;
         PRAGMA synchronous = FULL;
         -- On macOS a plain sync does not reach the disk; elsewhere this changes nothing.
         PRAGMA fullfsync = ON;
         -- What is deleted is overwritten, not only unlinked: erasing means erasing.
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;",
    )?;
    Ok(conn)
}

enum Failure {
    Refused(Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn prepare(path: &Path, migrations: &[&'static str]) -> Result<Connection, Failure> {
    let conn = connect(path, Access::Write)?;
    let version = recognise(&conn, path, migrations.len())?;
    // The mark of the file is durable before anything depends on it, and before the journal
    // changes its form.
    // Read to its end: only there it commits, and tells if it could not.
    let mode: Vec<String> = conn
        .prepare("PRAGMA journal_mode = WAL")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if mode != ["wal"] {
        let message = "this file system does not allow a write-ahead log";
        return Err(Failure::Refused(
            Error::new(Kind::StorageFailed, message)
                .with("file", path.display())
                .hint("name a file on a disk of this machine"),
        ));
    }
    // Keys are random: 8 MiB hold the pages of the last hundred thousand. A page that changes often
    // is copied back once for 16 MiB of log, not once for 4.
    conn.execute_batch(
        "PRAGMA cache_size = -8192;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA wal_autocheckpoint = 4096;",
    )?;
    migrate(&conn, version, migrations)?;
    take_over(&conn)?;
    // SQLite syncs the folder when it makes the log, and does not heed a failure.
    file::sync_folder_of(path).map_err(|error| Failure::Refused(file::unusable(path, error)))?;
    Ok(conn)
}

/// Marks a new file as ours, and refuses those of others. Returns the version of the schema.
fn recognise(conn: &Connection, path: &Path, newest: usize) -> Result<usize, Failure> {
    let number = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    if application != i64::from(APPLICATION_ID) {
        let things = number("SELECT count(*) FROM sqlite_schema")?;
        if (application, version, things) != (0, 0, 0) {
            return Err(Failure::Refused(file::foreign(path)));
        }
        conn.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}"))?;
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
fn migrate(conn: &Connection, version: usize, migrations: &[&'static str]) -> rusqlite::Result<()> {
    for (before, migration) in migrations.iter().enumerate().skip(version) {
        let whole = format!(
            "BEGIN IMMEDIATE; {migration}; PRAGMA user_version = {}; COMMIT",
            before + 1
        );
        if let Err(error) = conn.execute_batch(&whole) {
            // Whether that works or not, it is the first failure that tells what is wrong.
            let _ = conn.execute_batch("ROLLBACK");
            return Err(error);
        }
    }
    Ok(())
}

/// Whoever made a call that is under way has died, since the file is ours: what waits for the end
/// of such a call goes on at once.
fn take_over(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "BEGIN IMMEDIATE;
         UPDATE award SET due = 0 WHERE open AND due > 0
             AND (state IN ('creating', 'verifying') OR state = 'accepted' AND version > 1 AND tries = 0);
         UPDATE delivery SET due = received WHERE state = 'waiting' AND sealed IS NOT NULL
             AND tries = 0;
         UPDATE checkout SET due = 0 WHERE due > 0
             AND (state ->> 'state' IN ('created', 'verifying', 'shown') OR state ->> 'state' LIKE 'paid%' AND tries = 0);
         COMMIT;",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_is_done_as_a_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let conn = Connection::open(dir.path().join("wom.db")).unwrap();
        let version = || {
            let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            conn.query_row("PRAGMA user_version", [], read).unwrap()
        };
        let first = "CREATE TABLE a (x); INSERT INTO a VALUES (1);";
        migrate(&conn, 0, &[first]).unwrap();
        assert_eq!(version(), 1);
        let broken = "CREATE TABLE b (x); INSERT INTO a VALUES (2); INSERT INTO none VALUES (1);";
        assert!(migrate(&conn, 1, &[first, broken]).is_err());
        assert_eq!(version(), 1);
        let good = "CREATE TABLE b (x); INSERT INTO a VALUES (3);";
        migrate(&conn, 1, &[first, good, "DROP TABLE b"]).unwrap();
        assert_eq!(version(), 3);
        let mut held = conn.prepare("SELECT x FROM a").unwrap();
        let held: Result<Vec<i64>, _> = held.query_map([], |row| row.get(0)).unwrap().collect();
        assert_eq!(held.unwrap(), [1, 3]);
    }

    #[test]
    fn the_writing_connection_is_set_for_durability() {
        let dir = tempfile::tempdir().unwrap();
        let claimed = file::claim(&dir.path().join("wom.db"), Duration::ZERO).unwrap();
        let conn = open(&claimed).unwrap();
        // 2 is FULL.
        for (pragma, expected) in [
            ("synchronous", 2_i64),
            ("foreign_keys", 1),
            ("secure_delete", 1),
            ("trusted_schema", 0),
            ("temp_store", 2),
            ("cache_size", -8192),
            ("journal_size_limit", 67_108_864),
            ("wal_autocheckpoint", 4096),
            ("busy_timeout", 5000),
        ] {
            let held: i64 = conn
                .pragma_query_value(None, pragma, |row| row.get(0))
                .unwrap();
            assert_eq!(held, expected, "{pragma}");
        }
        let mode: String = conn
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }
}
