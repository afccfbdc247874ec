//! The writing statements with what is bound to them.

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};

use super::rows::{AccountRow, AwardRow, CheckoutRow, EntryRow};

/// How many rows one statement writes at most.
const ROWS: usize = 64;

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
                   (key, version, content, state, reason, sealed, tries, unclear, due, open)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    bind_award(sqlx::query(sql), row)
}

/// Moves an award on from the version before.
pub(super) fn advance(row: &AwardRow) -> Statement {
    let sql = "UPDATE award SET version = ?2, content = ?3, state = ?4, reason = ?5, sealed = ?6,
                   tries = ?7, unclear = ?8, due = ?9, open = ?10
               WHERE key = ?1 AND version = ?2 - 1";
    bind_award(sqlx::query(sql), row)
}

/// Remembers a delivery, and whether it is processed. Gives one row: whether it is not.
pub(super) fn close_or_open(delivery: &[u8; 16], closed: bool) -> Statement {
    let sql = "INSERT INTO inbox (delivery, closed) VALUES (?, ?)
               ON CONFLICT (delivery) DO UPDATE SET closed = max(closed, excluded.closed)
               RETURNING NOT closed";
    sqlx::query(sql).bind(delivery.to_vec()).bind(closed)
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

/// Accepts awards; if one's key is not new, it fails and leaves nothing.
pub(super) fn insert_awards<'r>(rows: impl ExactSizeIterator<Item = &'r AwardRow>) -> Statement {
    let sql = format!(
        "INSERT INTO award
             (key, version, content, state, reason, sealed, tries, unclear, due, open)
         VALUES {}",
        tuples(10, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), bind_award)
}

/// Moves on those of the awards that are at the version before.
pub(super) fn advance_all<'r>(rows: impl ExactSizeIterator<Item = &'r AwardRow>) -> Statement {
    let sql = format!(
        "UPDATE award SET version = column2, content = column3, state = column4,
             reason = column5, sealed = column6, tries = column7, unclear = column8,
             due = column9, open = column10
         FROM (VALUES {}) WHERE key = column1 AND version = column2 - 1",
        tuples(10, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), bind_award)
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
        "INSERT INTO account (participant, line, unit, awarded, n) VALUES {}
         ON CONFLICT (participant, line, unit) DO UPDATE SET awarded = excluded.awarded,
             n = excluded.n",
        tuples(5, rows.len())
    );
    rows.fold(sqlx::query(AssertSqlSafe(sql)), |query, of| {
        query
            .bind(of.participant)
            .bind(of.row.line.clone())
            .bind(of.row.unit.clone())
            .bind(of.row.awarded)
            .bind(of.row.n)
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

/// Binds the ten columns of an award.
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
}

/// `(?,?,?),(?,?,?)`: so many rows of so many columns.
fn tuples(columns: usize, rows: usize) -> String {
    let row = format!("({})", vec!["?"; columns].join(","));
    vec![row; rows].join(",")
}
