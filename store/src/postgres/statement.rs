//! The statements with what is bound to them. `s` is the schema, in quotes.

use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::Query};
use wom_sdk::store::Which;

use crate::rows::{
    AWARD, AccountRow, AwardRow, CHECKOUT, CheckoutRow, CursorRow, DELIVERY, DeliveryRow, EntryRow,
    POSTER, ParticipantRows, PosterRow, SALE, SaleRow,
};

pub(super) type Statement = Query<'static, Postgres, PgArguments>;

pub(super) fn query(sql: String) -> Statement {
    sqlx::query(AssertSqlSafe(sql))
}

/// Everything about a participant in one statement, which sees one moment; see
/// [`rows::holding`](crate::rows::holding).
pub(super) fn holding(s: &str) -> String {
    format!(
        "SELECT 0::bigint, handle, NULL::bytea, NULL::bytea, NULL::text, NULL::text, NULL::text,
             version, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint
             FROM {s}.participant WHERE name = $1
         UNION ALL
         SELECT 1, key, rank, stream, device, recording, body, NULL, NULL, NULL, NULL, NULL
             FROM {s}.entry JOIN {s}.participant ON participant = id WHERE name = $1
         UNION ALL
         SELECT 2, NULL, unit, NULL, line, NULL, NULL, awarded, n, settled, refused, returned
             FROM {s}.account JOIN {s}.participant ON participant = id WHERE name = $1"
    )
}

pub(super) fn due_awards(s: &str) -> String {
    format!("SELECT {AWARD} FROM {s}.award WHERE open AND due <= $1 ORDER BY due, id LIMIT $2")
}

/// Takes the awards that are due and that nobody is just taking. The inner select is an array, so
/// that it is made once, whatever the planner thinks of its size.
pub(super) fn claim_awards(s: &str) -> String {
    format!(
        "UPDATE {s}.award SET due = $3, version = version + 1, worker = $4 WHERE id = ANY (ARRAY(
             SELECT id FROM {s}.award WHERE open AND due <= $1 ORDER BY due, id LIMIT $2
             FOR NO KEY UPDATE SKIP LOCKED))
         RETURNING {AWARD}"
    )
}

pub(super) fn unacknowledged_awards(s: &str) -> String {
    format!(
        "SELECT {AWARD} FROM {s}.award WHERE state <> 'acknowledged' AND key > $1
         ORDER BY key LIMIT $2"
    )
}

pub(super) fn awards(s: &str) -> String {
    format!("SELECT {AWARD} FROM {s}.award WHERE key > $1 ORDER BY key LIMIT $2")
}

/// A page of participants with their accounts; see [`rows::listed_accounts`](crate::rows::listed_accounts).
pub(super) fn accounts(s: &str) -> String {
    format!(
        "SELECT CASE WHEN a.line IS NULL THEN 0 ELSE 2 END::bigint, NULL, a.unit, NULL, a.line, NULL,
                NULL, a.awarded, a.n, a.settled, a.refused, a.returned, p.name
         FROM (SELECT id, name FROM {s}.participant WHERE name > $1 ORDER BY name LIMIT $2) p
         LEFT JOIN {s}.account a ON a.participant = p.id
         ORDER BY p.name"
    )
}

pub(super) fn waking(s: &str) -> String {
    format!("SELECT name FROM {s}.participant WHERE wake <= $1 ORDER BY wake, id LIMIT $2")
}

/// As [`claim_awards`], for participants.
pub(super) fn claim_waking(s: &str) -> String {
    format!(
        "UPDATE {s}.participant SET wake = $3, worker = $4 WHERE id = ANY (ARRAY(
             SELECT id FROM {s}.participant WHERE wake <= $1 ORDER BY wake, id LIMIT $2
             FOR NO KEY UPDATE SKIP LOCKED))
         RETURNING name"
    )
}

pub(super) fn due_deliveries(s: &str) -> String {
    format!(
        "SELECT {DELIVERY} FROM {s}.delivery WHERE state = 'waiting' AND due <= $1
         ORDER BY due, id LIMIT $2"
    )
}

pub(super) fn undone_deliveries(s: &str) -> String {
    format!(
        "SELECT {DELIVERY} FROM {s}.delivery WHERE state <> 'done' AND id > $1
         ORDER BY id LIMIT $2"
    )
}

pub(super) fn due_checkouts(s: &str) -> String {
    format!("SELECT {CHECKOUT} FROM {s}.checkout WHERE due <= $1 ORDER BY due, id LIMIT $2")
}

/// What waits, of one moment: awards, deliveries, and minutes.
pub(super) fn numbers(s: &str) -> String {
    format!(
        "SELECT state, reason, count(*), min(accepted), 0::bigint FROM {s}.award
             GROUP BY state, reason
         UNION ALL
         SELECT state, reason, count(*), min(received), 1 FROM {s}.delivery GROUP BY state, reason
         UNION ALL
         SELECT '', NULL, coalesce(sum(settled + returned - awarded), 0)::bigint, 0, 2
             FROM {s}.account WHERE settled + returned > awarded
         ORDER BY 5, 1, 2 NULLS FIRST"
    )
}

/// Whether one of the participants between two names has something to collect.
pub(super) fn uncollected(s: &str) -> String {
    format!(
        "SELECT EXISTS (SELECT FROM {s}.participant JOIN {s}.account ON participant = id
                 WHERE name >= $1 AND name <= $2 AND settled + returned > awarded)
             OR EXISTS (SELECT FROM {s}.award
                 WHERE participant >= $1 AND participant <= $2 AND state <> 'acknowledged')"
    )
}

/// Removes some of the participants between two names, so that no transaction grows without bound.
pub(super) fn forget(s: &str) -> String {
    format!(
        "DELETE FROM {s}.participant WHERE id = ANY (ARRAY(
             SELECT id FROM {s}.participant WHERE name >= $1 AND name <= $2 ORDER BY name LIMIT 200
             FOR UPDATE))"
    )
}

/// Removes some of the deliveries that were done with before a time.
pub(super) fn forget_deliveries(s: &str) -> String {
    format!(
        "DELETE FROM {s}.delivery WHERE id = ANY (ARRAY(
             SELECT id FROM {s}.delivery WHERE state = 'done' AND received < $1
             ORDER BY received LIMIT 1000 FOR UPDATE))"
    )
}

/// Makes the participant or moves it on, holds its row from then on, and tells its id and the
/// version before.
pub(super) fn touch(s: &str, rows: &ParticipantRows) -> Statement {
    query(format!(
        "INSERT INTO {s}.participant AS held (name, version, wake, handle) VALUES ($1, 1, $2, $3)
         ON CONFLICT (name) DO UPDATE SET version = held.version + 1, wake = excluded.wake,
             worker = NULL, handle = coalesce(excluded.handle, held.handle)
         RETURNING id, version - 1"
    ))
    .bind(rows.name.as_slice())
    .bind(rows.wake)
    .bind(rows.handle.as_deref())
}

/// Merges entries: of two with one key the greater rank holds.
pub(super) fn merge_entries(s: &str, participant: i64, rows: &[EntryRow]) -> Statement {
    // One statement writes no row twice: of those with one key only the greatest goes in.
    query(format!(
        "INSERT INTO {s}.entry AS held (participant, key, rank, stream, device, recording, body)
         SELECT DISTINCT ON (key) $1, key, rank, stream, device, recording, body
             FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $6::text[], $7::text[])
             AS new (key, rank, stream, device, recording, body)
             ORDER BY key, rank DESC
         ON CONFLICT (participant, key) DO UPDATE SET rank = excluded.rank,
             stream = excluded.stream, device = excluded.device,
             recording = excluded.recording, body = excluded.body
         WHERE excluded.rank > held.rank"
    ))
    .bind(participant)
    .bind(all(rows, |row| row.key.as_slice()))
    .bind(all(rows, |row| row.rank.as_slice()))
    .bind(all(rows, |row| row.stream.as_slice()))
    .bind(all(rows, |row| row.device.as_str()))
    .bind(all(rows, |row| row.recording.as_str()))
    .bind(all(rows, |row| row.body.as_str()))
}

/// Puts accounts in the place of those with their line and unit; of two the later one.
pub(super) fn put_accounts(s: &str, participant: i64, rows: &[AccountRow]) -> Statement {
    query(format!(
        "INSERT INTO {s}.account (participant, line, unit, settled, awarded, n, refused, returned)
         SELECT DISTINCT ON (line, unit) $1, line, unit, settled, awarded, n, refused, returned
             FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bigint[], $8::bigint[])
             WITH ORDINALITY AS new (line, unit, settled, awarded, n, refused, returned, place)
             ORDER BY line, unit, place DESC
         ON CONFLICT (participant, line, unit) DO UPDATE SET settled = excluded.settled,
             awarded = excluded.awarded, n = excluded.n, refused = excluded.refused,
             returned = excluded.returned"
    ))
    .bind(participant)
    .bind(all(rows, |row| row.line.as_str()))
    .bind(all(rows, |row| row.unit.as_bytes()))
    .bind(all(rows, |row| i64::from(row.settled)))
    .bind(all(rows, |row| i64::from(row.awarded)))
    .bind(all(rows, |row| i64::from(row.n)))
    .bind(all(rows, |row| i64::from(row.refused)))
    .bind(all(rows, |row| i64::from(row.returned)))
}

/// Accepts those of the awards whose keys are new, in the order of their keys, so that two who
/// bring the same ones never wait for each other.
/// One that is begun already is the worker's own.
pub(super) fn accept(s: &str, worker: i32, rows: &[AwardRow]) -> Statement {
    query(format!(
        "INSERT INTO {s}.award (key, version, participant, content, accepted, state, reason,
             sealed, tries, unclear, due, open, worker)
         SELECT *, CASE WHEN state <> 'accepted' AND open THEN {worker} END
             FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::text[], $5::bigint[],
             $6::text[], $7::text[], $8::bytea[], $9::bigint[], $10::boolean[], $11::bigint[],
             $12::boolean[]) AS new (key, version, participant, content, accepted, state, reason,
             sealed, tries, unclear, due, open) ORDER BY key
         ON CONFLICT (key) DO NOTHING"
    ))
    .bind(all(rows, |row| row.key.as_slice()))
    .bind(all(rows, |row| row.version))
    .bind(all(rows, |row| {
        row.participant.as_ref().map(<[u8; 32]>::as_slice)
    }))
    .bind(all(rows, |row| row.content.as_str()))
    .bind(all(rows, |row| row.accepted))
    .bind(all(rows, |row| row.state))
    .bind(all(rows, |row| row.reason.as_deref()))
    .bind(all(rows, |row| row.sealed.as_deref()))
    .bind(all(rows, |row| i64::from(row.tries)))
    .bind(all(rows, |row| row.unclear))
    .bind(all(rows, |row| row.due))
    .bind(all(rows, |row| row.open))
}

/// Moves an award on from the version before; one that is not at its end is the worker's own.
pub(super) fn advance(s: &str, worker: i32, row: &AwardRow) -> Statement {
    query(format!(
        "UPDATE {s}.award SET version = $2, participant = $3, content = $4, accepted = $5,
             state = $6, reason = $7, sealed = $8, tries = $9, unclear = $10, due = $11, open = $12,
             worker = CASE WHEN $12 THEN {worker} END
         WHERE key = $1 AND version = $2 - 1"
    ))
    .bind(row.key.as_slice())
    .bind(row.version)
    .bind(row.participant.as_ref().map(<[u8; 32]>::as_slice))
    .bind(row.content.as_str())
    .bind(row.accepted)
    .bind(row.state)
    .bind(row.reason.as_deref())
    .bind(row.sealed.as_deref())
    .bind(i64::from(row.tries))
    .bind(row.unclear)
    .bind(row.due)
    .bind(row.open)
}

/// Takes an award that cannot be read out of the way, and keeps it as it is.
pub(super) fn park(s: &str, key: &[u8]) -> Statement {
    query(format!(
        "UPDATE {s}.award SET state = 'parked', reason = 'storage_failed', open = false
         WHERE key = $1"
    ))
    .bind(key)
}

/// Makes a delivery, or moves it on from the version before: then it is the worker's own while it
/// waits.
pub(super) fn put_delivery(s: &str, worker: i32, row: &DeliveryRow) -> Statement {
    query(if row.version == 1 {
        format!(
            "INSERT INTO {s}.delivery
                 (id, version, source, state, reason, sealed, received, tries, due)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
        )
    } else {
        format!(
            "UPDATE {s}.delivery SET version = $2, source = $3, state = $4, reason = $5,
                 sealed = $6, received = $7, tries = $8, due = $9,
                 worker = CASE WHEN $4 = 'waiting' THEN {worker} END
             WHERE id = $1 AND version = $2 - 1"
        )
    })
    .bind(row.id.as_slice())
    .bind(row.version)
    .bind(row.source.as_str())
    .bind(row.state)
    .bind(row.reason.as_deref())
    .bind(row.sealed.as_deref())
    .bind(row.received)
    .bind(i64::from(row.tries))
    .bind(row.due)
}

/// Makes a cursor, or moves it on from the version before.
pub(super) fn put_cursor(s: &str, row: &CursorRow) -> Statement {
    query(if row.version == 1 {
        format!(
            "INSERT INTO {s}.cursor (source, version, sealed, due, failed)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
        )
    } else {
        format!(
            "UPDATE {s}.cursor SET version = $2, sealed = $3, due = $4, failed = $5
             WHERE source = $1 AND version = $2 - 1"
        )
    })
    .bind(row.source.as_str())
    .bind(row.version)
    .bind(row.sealed.as_deref())
    .bind(row.due)
    .bind(row.failed.as_deref())
}

/// Makes a checkout, or moves it on from the version before; while it is open it is the worker's own.
pub(super) fn put_checkout(s: &str, worker: i32, row: &CheckoutRow) -> Statement {
    query(if row.version == 1 {
        format!(
            "INSERT INTO {s}.checkout
                 (id, version, charge, state, sealed, tries, unclear, since, due, worker)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
                 CASE WHEN $9 IS NOT NULL THEN {worker} END) ON CONFLICT DO NOTHING"
        )
    } else {
        format!(
            "UPDATE {s}.checkout SET version = $2, charge = $3, state = $4, sealed = $5,
                 tries = $6, unclear = $7, since = $8, due = $9,
                 worker = CASE WHEN $9 IS NOT NULL THEN {worker} END
             WHERE id = $1 AND version = $2 - 1"
        )
    })
    .bind(row.id.as_slice())
    .bind(row.version)
    .bind(row.charge.as_str())
    .bind(row.state.as_str())
    .bind(row.sealed.as_deref())
    .bind(i64::from(row.tries))
    .bind(row.unclear)
    .bind(row.since)
    .bind(row.due)
}

/// Makes a sale, or moves it on from the version before. Where another one has its slot, or gets it at
/// the same moment, it writes nothing or fails as a unique index makes it.
pub(super) fn put_sale(s: &str, row: &SaleRow) -> Statement {
    query(if row.version == 1 {
        format!(
            "INSERT INTO {s}.sale (id, version, turn, order_key, slot, checkout, due, content)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING"
        )
    } else {
        format!(
            "UPDATE {s}.sale SET version = $2, turn = $3, order_key = $4, slot = $5,
                 checkout = $6, due = $7, content = $8
             WHERE id = $1 AND version = $2 - 1"
        )
    })
    .bind(row.id.as_slice())
    .bind(row.version)
    .bind(row.turn)
    .bind(row.order_key.as_ref().map(<[u8; 32]>::as_slice))
    .bind(row.slot.as_ref().map(<[u8; 32]>::as_slice))
    .bind(row.checkout.as_slice())
    .bind(row.due)
    .bind(row.content.as_str())
}

pub(super) fn due_sales(s: &str) -> String {
    format!("SELECT {SALE} FROM {s}.sale WHERE due <= $1 ORDER BY due, id LIMIT $2")
}

/// Sales whose names lie between two.
pub(super) fn sales(s: &str, which: Which) -> String {
    let turn = match which {
        Which::All => "",
        Which::Open => "turn > 0 AND",
        Which::ForPerson => "turn > 1 AND",
    };
    format!("SELECT {SALE} FROM {s}.sale WHERE {turn} id > $1 AND id <= $2 ORDER BY id LIMIT $3")
}

/// Makes a poster, or moves it on from the version before.
pub(super) fn put_poster(s: &str, row: &PosterRow) -> Statement {
    query(if row.version == 1 {
        format!(
            "INSERT INTO {s}.poster (id, version, shop, due, content)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
        )
    } else {
        format!(
            "UPDATE {s}.poster SET version = $2, shop = $3, due = $4, content = $5
             WHERE id = $1 AND version = $2 - 1"
        )
    })
    .bind(row.id.as_slice())
    .bind(row.version)
    .bind(row.shop.as_slice())
    .bind(row.due)
    .bind(row.content.as_str())
}

pub(super) fn due_posters(s: &str) -> String {
    format!("SELECT {POSTER} FROM {s}.poster WHERE due <= $1 ORDER BY due, id LIMIT $2")
}

fn all<'r, R, T>(rows: &'r [R], column: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(column).collect()
}
