//! Connections for reading, which never wait for a writer.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use rusqlite::Connection;
use tokio::sync::Semaphore;
use wom_sdk::Result;

use super::{Sql, closed, connect, failed};
use crate::registry::blocking;

/// How many read at the same time; more callers wait for their turn.
const READERS: usize = 4;

#[derive(Debug)]
pub(super) struct Readers {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    /// Held by whoever reads; `false` once nobody may any more.
    open: RwLock<bool>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            idle: Mutex::default(),
            open: RwLock::new(true),
            turns: Arc::new(Semaphore::new(READERS)),
        }
    }

    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Sql<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let turns = Arc::clone(&self.turns);
        let turn = turns.acquire_owned().await.map_err(|_| closed())?;
        let own = Arc::clone(self);
        blocking(move || {
            let _turn = turn;
            let open = own.open.read().unwrap_or_else(PoisonError::into_inner);
            if !*open {
                return Err(closed());
            }
            let idle = own.idle().pop();
            let conn = idle.map_or_else(|| connect(&own.file), Ok)?;
            let view = conn.unchecked_transaction().map_err(failed)?;
            let found = work(&Sql::new(&view));
            drop(view);
            own.idle().push(conn);
            found
        })
        .await
    }

    /// Waits for those who read, lets nobody read any more, and closes all connections. Blocks.
    pub(super) fn close(&self) {
        self.turns.close();
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = false;
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
