//! Connections for reading, which never wait for the writer.

use std::{
    ops::{Deref, DerefMut},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Semaphore, SemaphorePermit};
use wom_sdk::Result;

use super::{
    error::{closed, storage},
    open,
    writer::State,
};

/// How many read at the same time; more callers wait for their turn.
const READERS: u32 = 4;

#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    idle: Mutex<Vec<SqliteConnection>>,
    turns: Semaphore,
    state: Arc<State>,
}

/// A connection in use. Dropped before [`done`](Self::done), it is closed: whoever was reading
/// gave up in the middle.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    conn: Option<SqliteConnection>,
    readers: &'a Readers,
    _turn: SemaphorePermit<'a>,
}

impl Readers {
    pub(super) fn new(path: &Path, state: Arc<State>) -> Self {
        Self {
            options: open::options(path).read_only(true),
            idle: Mutex::default(),
            turns: Semaphore::new(READERS as usize),
            state,
        }
    }

    /// A connection that reads what was committed before.
    pub(super) async fn reader(&self) -> Result<Reader<'_>> {
        self.state.check()?;
        let turn = self.turns.acquire().await.map_err(|_| closed())?;
        self.state.check()?;
        let idle = self.idle().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.options.connect().await.map_err(storage)?,
        };
        Ok(Reader {
            conn: Some(conn),
            readers: self,
            _turn: turn,
        })
    }

    /// Waits for those who read, lets nobody read any more, and closes all connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.turns.acquire_many(READERS).await {
            all.forget();
        }
        self.turns.close();
        let idle = std::mem::take(&mut *self.idle());
        for conn in idle {
            // Nothing was written on it: whatever it says at its end does not matter.
            let _ = conn.close().await;
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Gives the connection back for the next one to read.
    pub(super) fn done(mut self) {
        if let Some(conn) = self.conn.take() {
            self.readers.idle().push(conn);
        }
    }
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.conn
            .as_ref()
            .expect("a reader has its connection until it is done")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.conn
            .as_mut()
            .expect("a reader has its connection until it is done")
    }
}
