//! RSA private operations: milliseconds of a core each, so counted, bounded and kept off the
//! threads that serve connections.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use wom_sdk::cores::{Cores, Undone};

/// As many workers as asked for, and a queue of bounded length before them.
#[derive(Debug)]
pub(crate) struct RsaPool {
    cores: Cores,
    operations: Arc<AtomicU64>,
}

impl RsaPool {
    pub(crate) fn new(workers: Option<NonZeroUsize>, queue: usize) -> Self {
        let all = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            cores: Cores::new(workers.unwrap_or_else(all), queue),
            operations: Arc::default(),
        }
    }

    /// Runs work that costs this many private operations, when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operations: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let begun = Arc::clone(&self.operations);
        let counted = move || {
            begun.fetch_add(operations as u64, Ordering::Relaxed);
            work()
        };
        self.cores.run(counted).await
    }

    /// Private operations begun since the start.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}
