//! Connections for reading, which never wait for the writer.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use wom_sdk::Result;

use super::{
    error::{closed, storage},
    open::{self, Access},
    writer::State,
};

/// How many read at the same time; more callers wait for their turn.
const READERS: u32 = 4;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Held by whoever reads; `false` once nobody may any more.
    open: RwLock<bool>,
    turns: Arc<Semaphore>,
    state: Arc<State>,
}

impl Readers {
    pub(super) fn new(path: &Path, state: Arc<State>) -> Self {
        Self {
            path: path.to_owned(),
            idle: Mutex::default(),
            open: RwLock::new(true),
            turns: Arc::new(Semaphore::new(READERS as usize)),
            state,
        }
    }

    /// Reads what was committed before, on a connection of its own, where waiting for the disk
    /// keeps nobody else from working. Whoever does not wait for it any more disturbs nothing.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        self.state.check()?;
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.map_err(|_| closed())?;
        self.state.check()?;
        let own = Arc::clone(self);
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let open = own.open.read().unwrap_or_else(PoisonError::into_inner);
            if !*open {
                return Err(closed());
            }
            let idle = own.idle().pop();
            let conn = idle.map_or_else(|| open::connect(&own.path, Access::Read), Ok);
            let conn = conn.map_err(storage)?;
            let found = read(&conn).map_err(storage);
            own.idle().push(conn);
            found
        });
        // Where it fails the runtime ends.
        reading.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Waits for those who read, lets nobody read any more, and closes all connections. Blocks.
    pub(super) fn close(&self) {
        self.turns.close();
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
