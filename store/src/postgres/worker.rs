//! Who is at work: a number that is locked for as long as the process lives.
//!
//! What a process takes is its own for a minute, so that no two ask the same thing of a Registry at
//! the same time. When it dies, the server ends its sessions, and with them the lock: then others take
//! over. A process that only lost the session of its lock, as when the server starts anew, has
//! another one before they do.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::{task::JoinHandle, time::timeout};
use wom_sdk::{Error, Kind, Result, Timestamp, privacy::random_key};

use super::{
    error::{storage, unreachable},
    statement::{Statement, query},
};

/// How often to look whether our lock still stands, and how long the server may take over that.
const LOOK: Duration = Duration::from_secs(2);
/// How often to look for those who died.
const LOOK_FOR_DEAD: Duration = Duration::from_secs(1);
/// How long a lock has to be gone before its holder counts as dead.
const GRACE: Duration = Duration::from_secs(6);
/// For how long anything is taken at the most, milliseconds. What waits for longer waits on its own.
const TAKEN_MS: i64 = 60_000;
/// A machine that is cut off is given up by the server in a quarter of a minute.
const CUT_OFF: &str = "SELECT set_config('tcp_keepalives_idle', '5', false),
    set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '2', false)";

/// What a process can take to itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taken {
    Award,
    Participant,
    Delivery,
    Checkout,
}

impl Taken {
    /// The table, and its column that says when it is due.
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Award => ("award", "due"),
            Self::Participant => ("participant", "wake"),
            Self::Delivery => ("delivery", "due"),
            Self::Checkout => ("checkout", "due"),
        }
    }
}

/// This process among those who work on the store.
#[derive(Debug)]
pub(super) struct Worker {
    /// What its rows are marked with.
    pub(super) number: i32,
    missing: [Mutex<Missing>; 4],
    holding: JoinHandle<()>,
}

/// Who has rows of a table and holds no lock, and since when that is known.
#[derive(Debug, Default)]
struct Missing {
    looked: Option<Instant>,
    since: BTreeMap<i32, Instant>,
}

impl Worker {
    /// Takes a number and holds it from now on.
    pub(super) async fn begin(options: &PgConnectOptions, schema: &str) -> Result<Self> {
        let (number, session) = loop {
            let number = number()?;
            if let Some(session) = hold(options, schema, number).await? {
                break (number, session);
            }
        };
        let (options, schema) = (options.clone(), schema.to_owned());
        let holding = tokio::spawn(async move {
            let mut session = Some(session);
            loop {
                tokio::time::sleep(LOOK).await;
                let stands = match &mut session {
                    Some(session) => timeout(LOOK, session.ping())
                        .await
                        .is_ok_and(|it| it.is_ok()),
                    None => false,
                };
                if !stands {
                    let again = timeout(LOOK, hold(&options, &schema, number)).await;
                    session = again.ok().and_then(Result::ok).flatten();
                }
            }
        });
        Ok(Self {
            number,
            missing: Default::default(),
            holding,
        })
    }

    /// Asks who has rows and holds no lock; `None` where that was just asked.
    pub(super) fn look(&self, s: &str, what: Taken) -> Option<String> {
        let mut missing = self.missing[what as usize].lock().ok()?;
        let looked = missing.looked.replace(Instant::now());
        if looked.is_some_and(|looked| looked.elapsed() < LOOK_FOR_DEAD) {
            missing.looked = looked;
            return None;
        }
        let ((table, _), own) = (what.table(), self.number);
        Some(format!(
            "SELECT DISTINCT worker FROM {s}.{table}
             WHERE worker IS NOT NULL AND worker <> {own} AND worker NOT IN ({})",
            holders(s)
        ))
    }

    /// Makes due what those had taken who are missing for so long that they are dead; `None` where
    /// nobody is.
    pub(super) fn release(
        &self,
        s: &str,
        what: Taken,
        missing: &[i32],
        now: Timestamp,
    ) -> Option<String> {
        let mut known = self.missing[what as usize].lock().ok()?;
        known.since.retain(|worker, _| missing.contains(worker));
        for worker in missing {
            known.since.entry(*worker).or_insert_with(Instant::now);
        }
        let dead: Vec<_> = known
            .since
            .iter()
            .filter(|(_, since)| since.elapsed() >= GRACE)
            .map(|(worker, _)| worker.to_string())
            .collect();
        if dead.is_empty() {
            return None;
        }
        let ((table, due), now) = (what.table(), now.as_millis());
        let ends = now.saturating_add(TAKEN_MS);
        Some(format!(
            "UPDATE {s}.{table} SET worker = NULL, {due} = least({due}, {now})
             WHERE worker IN ({}) AND {due} <= {ends} AND worker NOT IN ({})",
            dead.join(", "),
            holders(s)
        ))
    }
}

/// The numbers that somebody holds.
fn holders(s: &str) -> String {
    format!(
        "SELECT objid::bigint FROM pg_locks
         WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = {}::oid
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        class(s)
    )
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Its session goes with it, and with that the lock.
        self.holding.abort();
    }
}

/// A session that holds the number; `None` if somebody else does.
async fn hold(
    options: &PgConnectOptions,
    schema: &str,
    number: i32,
) -> Result<Option<PgConnection>> {
    let mut session = options.connect().await.map_err(unreachable)?;
    run(&mut session, query(CUT_OFF.to_owned())).await?;
    let lock = format!("SELECT pg_try_advisory_lock({}, $1)", class(schema));
    let row = query(lock)
        .bind(number)
        .fetch_one(&mut session)
        .await
        .map_err(storage)?;
    let held: bool = sqlx::Row::try_get(&row, 0).map_err(storage)?;
    Ok(held.then_some(session))
}

async fn run(session: &mut PgConnection, statement: Statement) -> Result<()> {
    statement.execute(session).await.map(drop).map_err(storage)
}

/// The first half of the lock's name: which store of the data base it is about. Not negative, so that
/// it is the same as an `integer` and as an `oid`.
fn class(schema: &str) -> i32 {
    let digest = wom_sdk::Digest::of([b"worker/1".as_slice(), schema.as_bytes()]).0;
    i32::from_be_bytes([digest[0] & 0x7f, digest[1], digest[2], digest[3]])
}

fn number() -> Result<i32> {
    let random = random_key()?;
    let bytes = random
        .first_chunk::<4>()
        .ok_or_else(|| Error::new(Kind::Internal, "a key has 32 bytes"))?;
    Ok(i32::from_be_bytes(*bytes) & i32::MAX)
}
