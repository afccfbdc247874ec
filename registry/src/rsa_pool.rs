//! RSA private operations: milliseconds of a core each, so counted, bounded and kept off the
//! threads that serve connections.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::Semaphore;

/// As many workers as asked for, and a queue of bounded length before them.
#[derive(Debug)]
pub(crate) struct RsaPool {
    permits: Arc<Semaphore>,
    queue: usize,
    waiting: AtomicUsize,
    operations: AtomicU64,
}

/// The queue is full.
#[derive(Debug)]
pub(crate) struct Busy;

impl RsaPool {
    pub(crate) fn new(workers: Option<NonZeroUsize>, queue: usize) -> Self {
        let workers = workers
            .or_else(|| std::thread::available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        Self {
            permits: Arc::new(Semaphore::new(workers)),
            queue,
            waiting: AtomicUsize::new(0),
            operations: AtomicU64::new(0),
        }
    }

    /// Runs work that costs this many private operations, when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operations: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let permit = {
            let _place = Place::take(self)?;
            Arc::clone(&self.permits)
                .acquire_owned()
                .await
                .map_err(|_| Busy)?
        };
        self.operations
            .fetch_add(operations as u64, Ordering::Relaxed);
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, even if nobody waits for its result any more.
            let _permit = permit;
            work()
        });
        done.await.map_err(|_| Busy)
    }

    /// Private operations begun since the start.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }
}

/// A place in the queue, given back when the turn comes or the caller gives up.
struct Place<'a>(&'a RsaPool);

impl<'a> Place<'a> {
    fn take(pool: &'a RsaPool) -> Result<Self, Busy> {
        let place = Self(pool);
        if pool.waiting.fetch_add(1, Ordering::Relaxed) >= pool.queue {
            return Err(Busy);
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn beyond_workers_and_queue_callers_are_sent_away() {
        let pool = Arc::new(RsaPool::new(NonZeroUsize::new(1), 1));
        let (release, held) = std::sync::mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(1, move || {
                    let _ = started.send(());
                    held.recv()
                })
                .await
                .is_ok()
            }
        });
        running.await.unwrap();
        let second = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(1, || ()).await.is_ok() }
        });
        while pool.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert!(pool.run(1, || ()).await.is_err());
        assert_eq!(pool.operations(), 1);
        release.send(()).unwrap();
        assert!(first.await.unwrap() && second.await.unwrap());
        assert_eq!(pool.operations(), 2);
        assert_eq!(pool.waiting.load(Ordering::Relaxed), 0);
    }
}
