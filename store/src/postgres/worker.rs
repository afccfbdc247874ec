//! Who is at work: a number that is locked for as long as the process lives.
//!
//! What a process takes is its own for a minute, so that no two ask the same thing of a Registry at
//! the same time. When it dies, the server ends its sessions, and with them the lock: then others take
//! over at once. A process that only lost the session of its lock goes on, and finds another version
//! where somebody was faster.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::task::JoinHandle;
use wom_sdk::{Error, Kind, Result, Timestamp, privacy::random_key};

use super::{
    error::{storage, unreachable},
    statement::{Statement, query},
};

/// How often to look whether a lock of ours still stands.
const LOOK: Duration = Duration::from_secs(5);
/// How often to look for those who died.
const DEAD: Duration = Duration::from_secs(1);
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

/// This process among those who work on the store.
#[derive(Debug)]
pub(super) struct Worker {
    /// What its rows are marked with.
    pub(super) number: i32,
    looked: [Mutex<Option<Instant>>; 4],
    holding: JoinHandle<()>,
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
                    Some(session) => session.ping().await.is_ok(),
                    None => false,
                };
                if !stands {
                    session = hold(&options, &schema, number).await.ok().flatten();
                }
            }
        });
        Ok(Self {
            number,
            looked: Default::default(),
            holding,
        })
    }

    /// Makes due what those had taken who are dead; `None` where somebody has just looked.
    pub(super) fn release(&self, s: &str, what: Taken, now: Timestamp) -> Option<String> {
        let mut looked = self.looked[what as usize].lock().ok()?;
        if looked.is_some_and(|looked| looked.elapsed() < DEAD) {
            return None;
        }
        *looked = Some(Instant::now());
        let (table, due) = match what {
            Taken::Award => ("award", "due"),
            Taken::Participant => ("participant", "wake"),
            Taken::Delivery => ("delivery", "due"),
            Taken::Checkout => ("checkout", "due"),
        };
        let (now, own) = (now.as_millis(), self.number);
        let ends = now.saturating_add(TAKEN_MS);
        Some(format!(
            "UPDATE {s}.{table} SET worker = NULL, {due} = least({due}, {now})
             WHERE worker IS NOT NULL AND worker <> {own} AND {due} <= {ends}
                 AND worker NOT IN (SELECT objid::bigint FROM pg_locks
                     WHERE locktype = 'advisory' AND objsubid = 2 AND granted
                         AND classid = {class}::oid
                         AND database = (SELECT oid FROM pg_database
                             WHERE datname = current_database()))",
            class = class(s)
        ))
    }
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
