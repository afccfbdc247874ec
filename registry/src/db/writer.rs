//! The one writer of this process: a thread with a connection of its own.
//!
//! It commits in groups. While one group is being made durable, the next one gathers; so one sync of
//! the disk serves as many requests as happen to wait. Each stands in a savepoint, so that what is not
//! kept of one leaves its neighbours alone. Nobody is answered before the sync.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use wom_sdk::{Error, Kind, Result};

use super::{Write, closed, failed};

/// How many requests stand in one transaction at most.
const GROUP: usize = 64;

/// How many requests may wait; more callers wait for a place.
const QUEUE: usize = 1024;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(conn: Connection) -> Result<Self> {
        let (jobs, mut queue) = mpsc::channel(QUEUE);
        let thread = thread::Builder::new()
            .name("wom-registry".into())
            .spawn(move || {
                let mut group = Vec::with_capacity(GROUP);
                while queue.blocking_recv_many(&mut group, GROUP) > 0 {
                    serve(&conn, &mut group);
                }
            })
            .map_err(|error| {
                Error::new(Kind::Internal, "the system gives no threads").because(error)
            })?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(super) async fn write<T, E>(
        &self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let jobs = lock(&self.jobs).clone().ok_or_else(closed)?;
        let (done, answer) = oneshot::channel();
        let task = Task {
            work: Some(work),
            result: None,
            done,
        };
        jobs.send(Box::new(task)).await.map_err(|_| closed())?;
        drop(jobs);
        let died = |_| {
            Error::new(
                Kind::Internal,
                "a write of the Registry ended before its result",
            )
        };
        answer.await.map_err(died)?
    }

    /// Lets the thread finish what waits, and closes its connection. Blocks.
    pub(super) fn finish(&self) {
        drop(lock(&self.jobs).take());
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can leave them half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the write lock. Other processes may hold it for a while.
pub(super) fn begin(conn: &Connection) -> rusqlite::Result<()> {
    run(conn, "BEGIN IMMEDIATE")
}

fn run(conn: &Connection, sql: &'static str) -> rusqlite::Result<()> {
    conn.prepare_cached(sql)?.execute([]).map(drop)
}

/// Writes a group and answers everybody in it.
fn serve(conn: &Connection, group: &mut Vec<Box<dyn Job>>) {
    let written = transact(conn, group);
    if written.is_err() && !conn.is_autocommit() {
        let _ = run(conn, "ROLLBACK");
    }
    let written = written.map_err(failed);
    for job in group.drain(..) {
        job.answer(written.clone());
    }
}

fn transact(conn: &Connection, group: &mut [Box<dyn Job>]) -> rusqlite::Result<()> {
    begin(conn)?;
    for job in group {
        run(conn, "SAVEPOINT one")?;
        if !job.perform(&mut Write::new(conn)) {
            // Fails where SQLite has rolled everything back, as on a full disk.
            run(conn, "ROLLBACK TO one")?;
        }
        run(conn, "RELEASE one")?;
    }
    run(conn, "COMMIT")
}

/// Something to write, and somebody who waits for it.
trait Job: Send {
    /// Whether what it wrote stays.
    fn perform(&mut self, write: &mut Write<'_>) -> bool;

    /// Tells what came of it, once it is durable or known not to be written.
    fn answer(self: Box<Self>, written: Result<()>);
}

struct Task<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    done: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Task<F, T, E>
where
    F: FnOnce(&mut Write<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn perform(&mut self, write: &mut Write<'_>) -> bool {
        let Some(work) = self.work.take().filter(|_| !self.done.is_closed()) else {
            return false;
        };
        // Whoever waits for one that panicked hears of it, as its sender goes without a result.
        let Ok(result) = catch_unwind(AssertUnwindSafe(|| work(write))) else {
            return false;
        };
        self.result = Some(result);
        write.kept
    }

    fn answer(self: Box<Self>, written: Result<()>) {
        // Whoever does not wait any more does not want to know.
        let _ = match (written, self.result) {
            (Ok(()), Some(result)) => self.done.send(result),
            (Ok(()), None) => return,
            (Err(error), _) => self.done.send(Err(error.into())),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::refusal::Refusal;

    type Answer<T = ()> = oneshot::Receiver<Result<T, Refusal>>;

    fn opened() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        let schema = "CREATE TABLE note (n INTEGER PRIMARY KEY, text BLOB) STRICT;";
        conn.execute_batch(schema).unwrap();
        conn
    }

    fn job<T: Send + 'static>(
        work: impl FnOnce(&mut Write<'_>) -> Result<T, Refusal> + Send + 'static,
    ) -> (Box<dyn Job>, Answer<T>) {
        let (done, answer) = oneshot::channel();
        let task = Task {
            work: Some(work),
            result: None,
            done,
        };
        (Box::new(task), answer)
    }

    /// Writes a number, and so many bytes beside it; keeps them or not.
    fn note(n: i64, bytes: i64, kept: bool) -> (Box<dyn Job>, Answer) {
        job(move |write| {
            write.execute("INSERT INTO note VALUES (?1, zeroblob(?2))", (n, bytes))?;
            match kept {
                true => write.keep(),
                false => return Err(Refusal::busy()),
            }
            Ok(())
        })
    }

    fn notes(conn: &Connection) -> Vec<i64> {
        let mut found = conn.prepare("SELECT n FROM note ORDER BY n").unwrap();
        let found = found.query_map([], |row| row.get(0)).unwrap();
        found.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn what_is_not_kept_leaves_its_neighbours_alone() {
        let conn = opened();
        let (first, one) = note(1, 0, true);
        let (refused, two) = note(2, 0, false);
        let (again, one_again) = note(1, 0, true);
        let (panics, none) = job::<()>(|write| {
            write.execute("INSERT INTO note VALUES (3, NULL)", [])?;
            write.keep();
            panic!("on purpose")
        });
        let (left, gone) = note(4, 0, true);
        drop(gone);
        let (wrong, five) = job(|write| {
            write.execute("INSERT INTO note VALUES (5, NULL)", [])?;
            write.keep();
            Err::<(), _>(Refusal::payload())
        });
        let (reads, count) = job(|write| Ok(write.value::<i64>("SELECT count(*) FROM note", [])?));
        serve(
            &conn,
            &mut vec![first, refused, again, panics, left, wrong, reads],
        );
        assert!(one.blocking_recv().unwrap().is_ok());
        assert_eq!(two.blocking_recv().unwrap(), Err(Refusal::busy()));
        assert!(one_again.blocking_recv().unwrap().is_err());
        assert!(none.blocking_recv().is_err());
        assert_eq!(five.blocking_recv().unwrap(), Err(Refusal::payload()));
        assert_eq!(count.blocking_recv().unwrap(), Ok(2));
        assert_eq!(notes(&conn), [1, 5]);
    }

    #[test]
    fn where_the_disk_is_full_nobody_hears_of_a_success() {
        let conn = opened();
        conn.execute_batch("PRAGMA max_page_count = 20").unwrap();
        let (small, one) = note(1, 0, true);
        let (large, two) = note(2, 1 << 20, true);
        let (after, three) = note(3, 0, true);
        serve(&conn, &mut vec![small, large, after]);
        for answer in [one, two, three] {
            assert!(answer.blocking_recv().unwrap().is_err());
        }
        assert!(conn.is_autocommit() && notes(&conn).is_empty());
        let (next, four) = note(4, 0, true);
        serve(&conn, &mut vec![next]);
        assert_eq!(four.blocking_recv().unwrap(), Ok(()));
        assert_eq!(notes(&conn), [4]);
    }

    #[tokio::test]
    async fn who_comes_after_the_end_is_told() {
        let writer = Writer::start(opened()).unwrap();
        let work = |_: &mut Write<'_>| Ok::<_, Error>(());
        writer.write(work).await.unwrap();
        writer.finish();
        let error = writer.write(work).await.unwrap_err();
        assert_eq!(error.kind(), Kind::StorageFailed);
    }
}
