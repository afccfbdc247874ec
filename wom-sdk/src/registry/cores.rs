//! Work that takes milliseconds of a core: as much of it at a time as there are cores.
//!
//! More at once would be done no sooner: the threads take the cores from each other, and from
//! whoever sends and receives meanwhile.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

use crate::{Error, Kind, Result};

/// Whoever is done takes the next in the line, so that a core never waits for a task to be woken.
#[derive(Debug)]
pub(super) struct Cores {
    line: Mutex<Line>,
    number: usize,
}

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    /// Threads that are at it, or about to be.
    busy: usize,
}

impl Cores {
    /// All that this process may use.
    pub(super) fn all() -> Arc<Self> {
        let number = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Arc::new(Self::new(number))
    }

    fn new(number: usize) -> Self {
        Self {
            line: Mutex::default(),
            number,
        }
    }

    /// Does it when its turn comes, on a thread where no task waits. If nobody waits for it any more
    /// by then, it is left.
    pub(super) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, answer) = oneshot::channel();
        self.queue(Box::new(move || {
            if !done.is_closed() {
                let _ = done.send(work());
            }
        }));
        answer
            .await
            .unwrap_or_else(|_| Err(Error::new(Kind::Cancelled, "the process is shutting down")))
    }

    fn queue(self: &Arc<Self>, job: Job) {
        let mut line = self.line();
        line.waiting.push_back(job);
        if line.busy < self.number {
            line.busy += 1;
            let worker = Worker {
                cores: Arc::clone(self),
                at_work: true,
            };
            drop(line);
            tokio::task::spawn_blocking(move || worker.run());
        }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Nothing that is done under this lock can leave it half done.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("waiting", &self.waiting.len())
            .field("busy", &self.busy)
            .finish()
    }
}

/// A thread's share of the line.
struct Worker {
    cores: Arc<Cores>,
    at_work: bool,
}

impl Worker {
    fn run(mut self) {
        while let Some(job) = self.next() {
            // Whoever waits for a job that panicked hears of it, as its sender is gone.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job; without one this thread has left by the time that another may come.
    fn next(&mut self) -> Option<Job> {
        let mut line = self.cores.line();
        let job = line.waiting.pop_front();
        if job.is_none() {
            line.busy -= 1;
            self.at_work = false;
        }
        job
    }
}

impl Drop for Worker {
    /// A runtime that shuts down drops what has not begun. Nobody may wait for it for ever.
    fn drop(&mut self) {
        if !self.at_work {
            return;
        }
        let mut line = self.cores.line();
        line.busy -= 1;
        if line.busy == 0 {
            line.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            atomic::{AtomicUsize, Ordering},
            mpsc,
        },
        time::Duration,
    };

    use tokio::{runtime::Runtime, task::JoinSet};

    use super::*;

    #[tokio::test]
    async fn all_is_done_and_never_more_at_a_time_than_there_are_cores() {
        let cores = Arc::new(Cores::new(2));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for n in 0..64 {
            let (cores, now, most) = (cores.clone(), now.clone(), most.clone());
            tasks.spawn(async move {
                let work = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    now.fetch_sub(1, Ordering::SeqCst);
                    Ok(n)
                };
                cores.run(work).await.unwrap()
            });
        }
        let mut done = tasks.join_all().await;
        done.sort_unstable();
        assert_eq!(done, (0..64).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 2);
        // The last result is there a moment before its thread has left.
        while cores.line().busy > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_left() {
        let cores = Arc::new(Cores::new(1));
        let (release, held) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let cores = cores.clone();
            async move { cores.run(move || Ok(held.recv())).await }
        });
        let begun = Arc::new(AtomicUsize::new(0));
        let second = tokio::spawn({
            let (cores, begun) = (cores.clone(), begun.clone());
            let work = move || Ok(begun.fetch_add(1, Ordering::SeqCst));
            async move { cores.run(work).await }
        });
        while cores.line().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        release.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        assert_eq!(cores.run(|| Ok(7)).await.unwrap(), 7);
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_its_own_waiters_alone() {
        let cores = Arc::new(Cores::new(1));
        let work = || -> Result<()> { panic!("on purpose") };
        let (failed, done) = tokio::join!(cores.run(work), cores.run(|| Ok(7)));
        assert_eq!(failed.unwrap_err().kind(), Kind::Cancelled);
        assert_eq!(done.unwrap(), 7);
    }

    #[test]
    fn a_runtime_that_has_ended_leaves_nobody_waiting() {
        let cores = Arc::new(Cores::new(1));
        let ended = Runtime::new().unwrap();
        let handle = ended.handle().clone();
        ended.shutdown_background();
        let left = handle.block_on(cores.run(|| Ok(())));
        assert_eq!(left.unwrap_err().kind(), Kind::Cancelled);
        let other = Runtime::new().unwrap();
        assert_eq!(other.block_on(cores.run(|| Ok(7))).unwrap(), 7);
    }
}
