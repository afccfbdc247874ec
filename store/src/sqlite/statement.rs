//! The writing statements with what is bound to them. Each tells how many rows it wrote.

use rusqlite::{Connection, Params, Result, params};

use super::write::Remove;
use crate::rows::{
    AccountRow, AwardRow, CheckoutRow, CursorRow, DeliveryRow, EntryRow, ParticipantRows,
    PosterRow, SaleRow,
};

/// Accepts an award whose key is new.
pub(super) fn accept(conn: &Connection, row: &AwardRow) -> Result<usize> {
    let sql = "INSERT INTO award
                   (key, version, content, state, reason, sealed, tries, unclear, due, open,
                    participant, accepted)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let bound = params![
        row.key,
        row.version,
        row.content,
        row.state,
        row.reason,
        row.sealed,
        row.tries,
        row.unclear,
        row.due,
        row.open,
        row.participant,
        row.accepted,
    ];
    execute(conn, sql, bound)
}

/// Moves an award on from the version before.
///
/// What is frozen at acceptance is not written again, and columns that stand in an index only where
/// they change: each index that a statement touches costs a page.
pub(super) fn advance(conn: &Connection, row: &AwardRow) -> Result<usize> {
    let sql = if row.is_closed() {
        "UPDATE award SET version = ?2, state = ?3, reason = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, due = ?8, open = ?9, participant = NULL, closed = 1
         WHERE key = ?1 AND version = ?2 - 1"
    } else {
        "UPDATE award SET version = ?2, state = ?3, reason = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, due = ?8, open = ?9
         WHERE key = ?1 AND version = ?2 - 1"
    };
    let bound = params![
        row.key,
        row.version,
        row.state,
        row.reason,
        row.sealed,
        row.tries,
        row.unclear,
        row.due,
        row.open,
    ];
    execute(conn, sql, bound)
}

/// Makes a delivery, or moves it on from the version before.
pub(super) fn put_delivery(conn: &Connection, row: &DeliveryRow) -> Result<usize> {
    let sql = if row.version == 1 {
        "INSERT INTO delivery (id, version, source, state, reason, sealed, received, tries, due)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE delivery SET version = ?2, source = ?3, state = ?4, reason = ?5, sealed = ?6,
             received = ?7, tries = ?8, due = ?9
         WHERE id = ?1 AND version = ?2 - 1"
    };
    let bound = params![
        row.id,
        row.version,
        row.source,
        row.state,
        row.reason,
        row.sealed,
        row.received,
        row.tries,
        row.due,
    ];
    execute(conn, sql, bound)
}

/// Makes a cursor, or moves it on from the version before.
pub(super) fn put_cursor(conn: &Connection, row: &CursorRow) -> Result<usize> {
    let sql = if row.version == 1 {
        "INSERT INTO cursor (source, version, sealed, due, failed)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE cursor SET version = ?2, sealed = ?3, due = ?4, failed = ?5
         WHERE source = ?1 AND version = ?2 - 1"
    };
    let bound = params![row.source, row.version, row.sealed, row.due, row.failed];
    execute(conn, sql, bound)
}

/// Makes a checkout, or moves it on from the version before.
pub(super) fn put_checkout(conn: &Connection, row: &CheckoutRow) -> Result<usize> {
    let sql = if row.version == 1 {
        "INSERT INTO checkout (id, version, charge, state, sealed, tries, unclear, since, due)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE checkout SET version = ?2, charge = ?3, state = ?4, sealed = ?5, tries = ?6,
             unclear = ?7, since = ?8, due = ?9
         WHERE id = ?1 AND version = ?2 - 1"
    };
    let bound = params![
        row.id,
        row.version,
        row.charge,
        row.state,
        row.sealed,
        row.tries,
        row.unclear,
        row.since,
        row.due,
    ];
    execute(conn, sql, bound)
}

/// Makes a sale, or moves it on from the version before; nothing where another one has its slot.
pub(super) fn put_sale(conn: &Connection, row: &SaleRow) -> Result<usize> {
    let sql = if row.version == 1 {
        "INSERT INTO sale (id, version, turn, order_key, slot, checkout, due, content)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE OR IGNORE sale SET version = ?2, turn = ?3, order_key = ?4, slot = ?5,
             checkout = ?6, due = ?7, content = ?8
         WHERE id = ?1 AND version = ?2 - 1"
    };
    let bound = params![
        row.id,
        row.version,
        row.turn,
        row.order_key,
        row.slot,
        row.checkout,
        row.due,
        row.content,
    ];
    execute(conn, sql, bound)
}

/// Makes a poster, or moves it on from the version before.
pub(super) fn put_poster(conn: &Connection, row: &PosterRow) -> Result<usize> {
    let sql = if row.version == 1 {
        "INSERT INTO poster (id, version, shop, due, content)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING"
    } else {
        "UPDATE poster SET version = ?2, shop = ?3, due = ?4, content = ?5
         WHERE id = ?1 AND version = ?2 - 1"
    };
    let bound = params![row.id, row.version, row.shop, row.due, row.content];
    execute(conn, sql, bound)
}

/// Takes an award that cannot be read out of the way, and keeps it as it is.
pub(super) fn park(conn: &Connection, key: &[u8]) -> Result<usize> {
    let sql =
        "UPDATE award SET state = 'parked', reason = 'storage_failed', open = 0 WHERE key = ?";
    execute(conn, sql, params![key])
}

/// Removes a part of what is to be removed, so that no transaction grows without bound.
pub(super) fn remove(conn: &Connection, what: Remove) -> Result<usize> {
    match what {
        Remove::Cohort(cohort) => {
            let sql = "DELETE FROM participant WHERE id IN
                           (SELECT id FROM participant WHERE name >= ? AND name <= ? LIMIT 200)";
            execute(conn, sql, super::names_of(&cohort))
        }
        Remove::Deliveries(before) => {
            let sql = "DELETE FROM delivery WHERE id IN
                           (SELECT id FROM delivery WHERE state = 'done' AND received < ? LIMIT 1000)";
            execute(conn, sql, params![before])
        }
    }
}

/// Makes a participant, or moves it on. Returns its number and the version before.
pub(super) fn put_participant(conn: &Connection, rows: &ParticipantRows) -> Result<(i64, i64)> {
    conn.prepare_cached(
        "INSERT INTO participant (name, version, wake, handle) VALUES (?, 1, ?, ?)
         ON CONFLICT (name) DO UPDATE SET version = version + 1, wake = excluded.wake,
             handle = coalesce(excluded.handle, handle)
         RETURNING id, version - 1",
    )?
    .query_row(params![rows.name, rows.wake, rows.handle], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

/// Merges an entry: of two with one key the greater rank holds.
pub(super) fn merge_entry(conn: &Connection, participant: i64, row: &EntryRow) -> Result<usize> {
    let sql = "INSERT INTO entry (participant, key, rank, stream, device, recording, body)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (participant, key) DO UPDATE SET rank = excluded.rank,
                   stream = excluded.stream, device = excluded.device,
                   recording = excluded.recording, body = excluded.body
               WHERE excluded.rank > rank";
    let bound = params![
        participant,
        row.key,
        row.rank,
        row.stream,
        row.device,
        row.recording,
        row.body,
    ];
    execute(conn, sql, bound)
}

/// Puts an account in the place of the one with its line and unit.
pub(super) fn put_account(conn: &Connection, participant: i64, row: &AccountRow) -> Result<usize> {
    let sql =
        "INSERT INTO account (participant, line, unit, awarded, n, settled, refused, returned)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (participant, line, unit) DO UPDATE SET awarded = excluded.awarded,
                   n = excluded.n, settled = excluded.settled, refused = excluded.refused,
                   returned = excluded.returned";
    let bound = params![
        participant,
        row.line,
        row.unit,
        row.awarded,
        row.n,
        row.settled,
        row.refused,
        row.returned,
    ];
    execute(conn, sql, bound)
}

fn execute(conn: &Connection, sql: &str, bound: impl Params) -> Result<usize> {
    conn.prepare_cached(sql)?.execute(bound)
}
