//! The writing statements with what is bound to them.

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};

use super::write::Remove;
use crate::rows::{AccountRow, AwardRow, CheckoutRow, CursorRow, DeliveryRow, EntryRow};

/// How many rows one statement writes at most.
const ROWS: usize = 256;

pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// An entry and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct EntryOf<'r> {
    pub(super) participant: i64,
    pub(super) row: &'r EntryRow,
}

/// An account and whose it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccountOf<'r> {
    pub(super) participant: i64,
    pub(super) row: &'r AccountRow,
}

/// Accepts an award whose key is new.
pub(super) fn accept(row: &AwardRow) -> Statement {
    let sql = "INSERT INTO award
                   (key, version, content, state, reason, sealed, tries, unclear, due, open,
                    participant, accepted)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    bind_award(sqlx::query(sql), row)
}

/// Moves an award on from the version before.
///
/// What is frozen at acceptance is not written again, and columns that stand in an index only where
/// they change: each index that a statement touches costs a page.
pub(super) fn advance(row: &AwardRow) -> Statement {
    let sql = if row.is_closed() {
        "UPDATE award SET version = ?2, state = ?3, reason = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, due = ?8, open = ?9, participant = NULL, closed = 1
         WHERE key = ?1 AND version = ?2 - 1"
    } else {
        "UPDATE award SET version = ?2, state = ?3, reason = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, due = ?8, open = ?9
         WHERE key = ?1 AND version = ?2 - 1"
    };
    bind_step(sqlx::query(sql), row)
}

/// Makes a delivery, or moves it on from the version before.
pub(super) fn put_delivery(row: &DeliveryRow) -> Statement {
    let sql = if row.version == 1 {
        "INSERT INTO delivery (id, version, source, state, reason, sealed, received, tries, due)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE delivery SET version = ?2, source = ?3, state = ?4, reason = ?5, sealed = ?6,
             received = ?7, tries = ?8, due = ?9
         WHERE id = ?1 AND version = ?2 - 1"
    };
    sqlx::query(sql)
        .bind(row.id.to_vec())
        .bind(row.version)
        .bind(row.source.clone())
        .bind(row.state)
        .bind(row.reason.clone())
        .bind(row.sealed.clone())
        .bind(row.received)
        .bind(row.tries)
        .bind(row.due)
}

/// Makes a cursor, or moves it on from the version before.
pub(super) fn put_cursor(row: &CursorRow) -> Statement {
    let sql = if row.version == 1 {
        "INSERT INTO cursor (source, version, sealed, due, failed)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE cursor SET version = ?2, sealed = ?3, due = ?4, failed = ?5
         WHERE source = ?1 AND version = ?2 - 1"
    };
    sqlx::query(sql)
        .bind(row.source.clone())
        .bind(row.version)
        .bind(row.sealed.clone())
        .bind(row.due)
        .bind(row.failed.clone())
}

/// Makes a checkout, or moves it on from the version before.
pub(super) fn put_checkout(row: &CheckoutRow) -> Statement {
    let sql = if row.version == 1 {
        "INSERT INTO checkout (id, version, charge, state, sealed, tries, unclear, since, due)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE checkout SET version = ?2, charge = ?3, state = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, since = ?8, due = ?9
         WHERE id = ?1 AND version = ?2 - 1"
    };
    sqlx::query(sql)
        .bind(row.id.to_vec())
        .bind(row.version)
        .bind(row.charge.clone())
        .bind(row.state.clone())
        .bind(row.sealed.clone())
        .bind(row.tries)
        .bind(row.unclear)
        .bind(row.since)
        .bind(row.due)
}

/// Takes an award that cannot be read out of the way, and keeps it as it is.
pub(super) fn park(key: &[u8]) -> Statement {
    let sql =
        "UPDATE award SET state = 'parked', reason = 'storage_failed', open = 0 WHERE key = ?";
    sqlx::query(sql).bind(key.to_vec())
}

/// Removes a part of what is to be removed, so that no transaction grows without bound.
pub(super) fn remove(what: Remove) -> Statement {
    match what {
        Remove::Cohort(cohort) => {
            let sql = "DELETE FROM participant WHERE id IN
                           (SELECT id FROM participant WHERE name >= ? AND name <= ? LIMIT 200)";
            let mut last = cohort.to_vec();
            last.extend([0xff; 25]);
            sqlx::query(sql).bind(cohort.to_vec()).bind(last)
        }
        Remove::Deliveries(before) => {
            let sql = "DELETE FROM delivery WHERE id IN
                           (SELECT id FROM delivery WHERE state = 'done' AND received < ? LIMIT 1000)";
            sqlx::query(sql).bind(before)
        }
    }
}

/// Accepts awards; if one's key is not new, it fails and leaves nothing.
pub(super) fn insert_awards<'r>(rows: impl ExactSizeIterator<Item = &'r AwardRow>) -> Statement {
    let sql = format!(
        "INSERT INTO award
             (key, version, content, state, reason, sealed, tries, unclear, due, open,
              participant, accepted)
         VALUES {}",
        tuples(12, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), bind_award)
}

/// Accepts those of the awards whose keys are new.
pub(super) fn accept_all(begin: &str, rows: &[&AwardRow]) -> Statement {
    let sql = format!(
        "{begin}INSERT INTO award
             (key, version, content, state, reason, sealed, tries, unclear, due, open,
              participant, accepted)
         SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING",
        tuples(12, padded(rows))
    );
    let rows = rows.iter();
    rows.fold(sqlx::query(AssertSqlSafe(sql)), |query, row| {
        bind_award(query, row)
    })
}

/// Moves on those of the awards that are at the version before. None of them is closed by it.
pub(super) fn advance_all(begin: &str, rows: &[&AwardRow]) -> Statement {
    step_all(begin, "", rows)
}

/// Closes those of the awards that are at the version before.
pub(super) fn close_all(begin: &str, rows: &[&AwardRow]) -> Statement {
    step_all(begin, ", participant = NULL, closed = 1", rows)
}

fn step_all(begin: &str, closing: &str, rows: &[&AwardRow]) -> Statement {
    let sql = format!(
        "{begin}UPDATE award SET version = column2, state = column3, reason = column4,
             sealed = column5, tries = column6, unclear = column7, due = column8,
             open = column9{closing}
         FROM (VALUES {}) WHERE key = column1 AND version = column2 - 1",
        tuples(9, padded(rows))
    );
    let rows = rows.iter();
    rows.fold(sqlx::query(AssertSqlSafe(sql)), |query, row| {
        bind_step(query, row)
    })
}

/// Rows up to the next power of two, so that few statements are ever prepared. What is not bound
/// is NULL, and no award.
fn padded(rows: &[&AwardRow]) -> usize {
    rows.len().next_power_of_two()
}

/// Merges entries: of two with one key the greater rank holds.
pub(super) fn merge_entries<'r>(rows: impl ExactSizeIterator<Item = EntryOf<'r>>) -> Statement {
    let sql = format!(
        "INSERT INTO entry (participant, key, rank, stream, device, recording, body) VALUES {}
         ON CONFLICT (participant, key) DO UPDATE SET rank = excluded.rank,
             stream = excluded.stream, device = excluded.device,
             recording = excluded.recording, body = excluded.body
         WHERE excluded.rank > rank",
        tuples(7, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), |query, of| {
        query
            .bind(of.participant)
            .bind(of.row.key.to_vec())
            .bind(of.row.rank.to_vec())
            .bind(of.row.stream.to_vec())
            .bind(of.row.device.clone())
            .bind(of.row.recording.clone())
            .bind(of.row.body.clone())
    })
}

/// Puts accounts in the place of those with their line and unit.
pub(super) fn insert_accounts<'r>(rows: impl ExactSizeIterator<Item = AccountOf<'r>>) -> Statement {
    let sql = format!(
        "INSERT INTO account (participant, line, unit, awarded, n, settled) VALUES {}
         ON CONFLICT (participant, line, unit) DO UPDATE SET awarded = excluded.awarded,
             n = excluded.n, settled = excluded.settled",
        tuples(6, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), |query, of| {
        query
            .bind(of.participant)
            .bind(of.row.line.clone())
            .bind(of.row.unit.clone())
            .bind(of.row.awarded)
            .bind(of.row.n)
            .bind(of.row.settled)
    })
}

/// Rows in groups whose lengths are powers of two, so that few statements are ever prepared.
pub(super) fn powers<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let largest = 1_usize << rows.len().checked_ilog2()?;
        let (some, rest) = rows.split_at(largest.min(ROWS));
        rows = rest;
        Some(some)
    })
}

/// Binds the twelve columns of an award.
fn bind_award(statement: Statement, row: &AwardRow) -> Statement {
    statement
        .bind(row.key.to_vec())
        .bind(row.version)
        .bind(row.content.clone())
        .bind(row.state)
        .bind(row.reason.clone())
        .bind(row.sealed.clone())
        .bind(row.tries)
        .bind(row.unclear)
        .bind(row.due)
        .bind(row.open)
        .bind(row.participant.map(|participant| participant.to_vec()))
        .bind(row.accepted)
}

/// Binds the nine columns of an award that its steps change, with its key.
fn bind_step(statement: Statement, row: &AwardRow) -> Statement {
    statement
        .bind(row.key.to_vec())
        .bind(row.version)
        .bind(row.state)
        .bind(row.reason.clone())
        .bind(row.sealed.clone())
        .bind(row.tries)
        .bind(row.unclear)
        .bind(row.due)
        .bind(row.open)
}

/// `(?,?,?),(?,?,?)`: so many rows of so many columns.
fn tuples(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}
