//! Work that takes milliseconds of a core, as RSA does: so much of it at a time as there are cores.
//!
//! More at once would be done no sooner: the threads take the cores from each other, and from whoever
//! sends and receives meanwhile.

use std::{
    collections::VecDeque,
    fmt,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tokio::sync::oneshot;

/// Workers with a line before them. Whoever is done takes the next, so that no core waits for a task to
/// be woken. The threads are those of the tokio runtime for blocking work. Clones share the line.
///
/// ```
/// use wom_sdk::cores::Cores;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cores = Cores::all();
/// let sum: u64 = cores.run(|| (1..=1_000_000).sum()).await.unwrap();
/// assert_eq!(sum, 500_000_500_000);
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cores(Arc<Inner>);

/// Why work was not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Undone {
    /// The line is as long as it may be.
    Full,
    /// The runtime shuts down, or the work panicked.
    Ended,
}

#[derive(Debug)]
struct Inner {
    workers: usize,
    places: usize,
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Box<dyn Job>>,
    /// Threads that are at work, or about to be.
    busy: usize,
}

impl Cores {
    /// All cores that this process may use, and a line of any length.
    pub fn all() -> Self {
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(workers, usize::MAX)
    }

    /// So many at a time, and so many who wait.
    pub fn new(workers: NonZeroUsize, places: usize) -> Self {
        Self(Arc::new(Inner {
            workers: workers.get(),
            places,
            line: Mutex::default(),
        }))
    }

    /// Does it when its turn comes, on a thread where no task waits. If nobody waits for it any more by
    /// then, it is left.
    ///
    /// # Errors
    ///
    /// [`Undone::Full`] at once, without a place in the line; [`Undone::Ended`].
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let (done, answer) = oneshot::channel();
        self.queue(Box::new(Task { work, done }))?;
        answer.await.map_err(|_| Undone::Ended)
    }

    fn queue(&self, job: Box<dyn Job>) -> Result<(), Undone> {
        let mut line = self.0.line();
        if line.busy < self.0.workers {
            line.busy += 1;
            drop(line);
            let worker = Worker {
                cores: Arc::clone(&self.0),
                at_work: true,
            };
            tokio::task::spawn_blocking(move || worker.run(job));
            return Ok(());
        }
        if line.waiting.len() >= self.0.places {
            line.waiting.retain(|job| job.is_wanted());
        }
        if line.waiting.len() >= self.0.places {
            return Err(Undone::Full);
        }
        line.waiting.push_back(job);
        Ok(())
    }
}

impl Inner {
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

trait Job: Send {
    fn is_wanted(&self) -> bool;

    fn run(self: Box<Self>);
}

struct Task<F, T> {
    work: F,
    done: oneshot::Sender<T>,
}

impl<F: FnOnce() -> T + Send, T: Send> Job for Task<F, T> {
    fn is_wanted(&self) -> bool {
        !self.done.is_closed()
    }

    fn run(self: Box<Self>) {
        if self.is_wanted() {
            let _ = self.done.send((self.work)());
        }
    }
}

/// A thread's share of the line.
struct Worker {
    cores: Arc<Inner>,
    at_work: bool,
}

impl Worker {
    fn run(mut self, first: Box<dyn Job>) {
        let mut next = Some(first);
        while let Some(job) = next {
            // Whoever waits for a job that panicked hears of it, as its sender is gone.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
            next = self.next();
        }
    }

    /// The next job; without one this thread has left by the time that another may come.
    fn next(&mut self) -> Option<Box<dyn Job>> {
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

    use tokio::{
        runtime::Runtime,
        task::{JoinHandle, JoinSet},
    };

    use super::*;

    fn workers(number: usize, places: usize) -> Cores {
        Cores::new(NonZeroUsize::new(number).unwrap(), places)
    }

    /// Holds a worker until the sender is used.
    fn held(cores: &Cores) -> (mpsc::Sender<()>, JoinHandle<Result<bool, Undone>>) {
        let (release, held) = mpsc::channel();
        let cores = cores.clone();
        let holds = async move { cores.run(move || held.recv().is_ok()).await };
        (release, tokio::spawn(holds))
    }

    async fn until(mut is_so: impl FnMut() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn all_is_done_and_never_more_at_a_time_than_there_are_cores() {
        let cores = workers(2, 62);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for n in 0..64 {
            let (cores, now, most) = (cores.clone(), now.clone(), most.clone());
            tasks.spawn(async move {
                let work = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    now.fetch_sub(1, Ordering::SeqCst);
                    n
                };
                cores.run(work).await.unwrap()
            });
        }
        let mut done = tasks.join_all().await;
        done.sort_unstable();
        assert_eq!(done, (0..64).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), 2);
        // The last result is there a moment before its thread has left.
        until(|| cores.0.line().busy == 0).await;
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_left_and_gives_its_place() {
        let cores = workers(1, 1);
        let (release, first) = held(&cores);
        until(|| cores.0.line().busy == 1).await;
        let begun = Arc::new(AtomicUsize::new(0));
        let second = tokio::spawn({
            let (cores, begun) = (cores.clone(), begun.clone());
            async move {
                cores
                    .run(move || begun.fetch_add(1, Ordering::SeqCst))
                    .await
            }
        });
        until(|| cores.0.line().waiting.len() == 1).await;
        assert_eq!(cores.run(|| 7).await, Err(Undone::Full));
        second.abort();
        assert!(second.await.unwrap_err().is_cancelled());
        let third = tokio::spawn({
            let cores = cores.clone();
            async move { cores.run(|| 7).await }
        });
        tokio::task::yield_now().await;
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        assert_eq!(third.await.unwrap(), Ok(7));
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_its_own_waiters_alone() {
        let cores = workers(1, 1);
        let panics = cores.run(|| -> u8 { panic!("on purpose") });
        let (failed, done) = tokio::join!(panics, cores.run(|| 7));
        assert_eq!((failed, done), (Err(Undone::Ended), Ok(7)));
    }

    #[test]
    fn a_runtime_that_has_ended_leaves_nobody_waiting() {
        let cores = workers(1, 1);
        let ended = Runtime::new().unwrap();
        let handle = ended.handle().clone();
        ended.shutdown_background();
        assert_eq!(handle.block_on(cores.run(|| 7)), Err(Undone::Ended));
        let other = Runtime::new().unwrap();
        assert_eq!(other.block_on(cores.run(|| 7)), Ok(7));
    }
}
