//! The one writer: a thread that owns the writing connection and the claim on the file.
//!
//! It commits in groups. While one group is being made durable, the next one gathers; so one sync
//! of the disk serves as many callers as happen to wait. Nobody is answered before the sync; but a
//! group of nothing but begun awards is not synced, as the next one's sync serves it too.
//!
//! SQLite runs on this very thread: a caller who is alone waits for two wake-ups, there and back.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};
use wom_sdk::{Error, Kind, Result};

use super::{
    error::{Severity, closed, severity, stopped, storage},
    file::{self, APPLICATION_ID},
    open,
    readers::Readers,
    write::{Failure, Write},
};

/// How many writes stand in one transaction at most.
const GROUP: usize = 256;

/// How many writes may wait; more callers wait for a place.
const QUEUE: usize = 1024;

#[derive(Debug)]
pub(super) struct Writer {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
    state: Arc<State>,
}

/// What writer and readers know of each other.
#[derive(Debug, Default)]
pub(super) struct State {
    stopped: OnceLock<()>,
}

#[derive(Debug)]
struct Job {
    write: Write,
    done: oneshot::Sender<Result<bool>>,
}

impl State {
    /// An error once a write has failed so that the disk is uncertain.
    pub(super) fn check(&self) -> Result<()> {
        match self.stopped.get() {
            Some(()) => Err(stopped()),
            None => Ok(()),
        }
    }
}

impl Writer {
    /// Claims and opens the file. Returns when it is ready for reading and writing.
    pub(super) async fn start(
        path: &std::path::Path,
        patience: Duration,
    ) -> Result<(Self, Arc<Readers>)> {
        let path = path.to_owned();
        let state = Arc::new(State::default());
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (ready, opened) = oneshot::channel();
        let shared = state.clone();
        let thread = thread::Builder::new()
            .name("wom-store".into())
            .spawn(move || run(&path, patience, ready, queue, shared))
            .map_err(|error| no_thread().because(error))?;
        let readers = match opened.await {
            Ok(opened) => opened?,
            Err(_) => return Err(no_thread()),
        };
        let writer = Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            state,
        };
        Ok((writer, readers))
    }

    /// Waits until the write is durable. `false`: it was not done, and left nothing.
    pub(super) async fn write(&self, write: Write) -> Result<bool> {
        let jobs = lock(&self.jobs).clone().ok_or_else(closed)?;
        let (done, answer) = oneshot::channel();
        let sent = jobs.send(Job { write, done }).await;
        drop(jobs);
        if sent.is_err() {
            return Err(self.state.check().err().unwrap_or_else(closed));
        }
        answer.await.unwrap_or_else(|_| {
            let died = Error::new(Kind::StorageFailed, "the store's writer has died");
            Err(died.hint("open the store again; this write may have been done, or not"))
        })
    }

    /// Lets the writer finish what waits, and the file go. Blocks; a second time it does nothing.
    pub(super) fn finish(&self) -> Result<()> {
        drop(lock(&self.jobs).take());
        let Some(thread) = lock(&self.thread).take() else {
            return Ok(());
        };
        thread.join().unwrap_or_else(|_| Err(no_thread()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that is done under these locks can leave them half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_thread() -> Error {
    Error::new(Kind::Internal, "the store's thread cannot run")
}

/// The life of the thread. The claim is let go of last.
fn run(
    path: &std::path::Path,
    patience: Duration,
    ready: oneshot::Sender<Result<Arc<Readers>>>,
    mut queue: mpsc::Receiver<Job>,
    state: Arc<State>,
) -> Result<()> {
    let opened = match file::claim(path, patience) {
        Ok(claimed) => open::open(&claimed).map(|conn| (claimed, Log::new(conn))),
        Err(error) => Err(error),
    };
    let (claimed, mut log) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Ok(());
        }
    };
    let readers = Arc::new(Readers::new(&claimed.path, state.clone()));
    if ready.send(Ok(readers.clone())).is_ok() {
        let mut group = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut group, GROUP) > 0 {
            if serve(&mut log, &mut group, &state).is_err() {
                queue.close();
                while let Some(job) = queue.blocking_recv() {
                    let _ = job.done.send(Err(stopped()));
                }
                break;
            }
        }
    }
    readers.close();
    let ended = end(log.conn, &state);
    drop(claimed);
    ended
}

/// The store may not go on.
struct Stop;

/// Commits a group of writes and answers everybody in it.
fn serve(log: &mut Log, group: &mut Vec<Job>, state: &State) -> Result<(), Stop> {
    let failed = match log.commit(group) {
        Ok(answers) => {
            for (job, answer) in group.drain(..).zip(answers) {
                // Whoever does not wait any more does not want to know.
                let _ = job.done.send(answer);
            }
            return Ok(());
        }
        Err(failed) => failed,
    };
    // It was rolled back, unless that failed too.
    let stop = !log.conn.is_autocommit() || severity(&failed) == Severity::Store;
    if !stop && group.len() > 1 {
        // One of them may be too large for the disk: the others go on without it.
        let mut jobs = std::mem::take(group).into_iter();
        while let Some(job) = jobs.next() {
            if serve(log, &mut vec![job], state).is_err() {
                jobs.for_each(|job| drop(job.done.send(Err(stopped()))));
                return Err(Stop);
            }
        }
        return Ok(());
    }
    if stop {
        // Before anybody hears of it: whoever does asks nothing more of this store.
        let _ = state.stopped.set(());
    }
    let failed = storage(failed);
    for job in group.drain(..) {
        let _ = job.done.send(Err(failed.clone()));
    }
    if stop { Err(Stop) } else { Ok(()) }
}

/// The writing connection, and what of its write-ahead log is on the disk.
#[derive(Debug)]
struct Log {
    conn: Connection,
    /// Whether each commit is synced.
    syncs: bool,
    /// Whether something was committed that was not synced yet.
    behind: bool,
}

impl Log {
    fn new(conn: Connection) -> Self {
        Self {
            conn,
            syncs: true,
            behind: false,
        }
    }

    /// Applies a group in one transaction, and syncs it if anybody in it waits for that. An error
    /// means that nothing of it may be relied on.
    fn commit(&mut self, group: &[Job]) -> rusqlite::Result<Vec<Result<bool>>> {
        let lasts = group.iter().any(|job| job.write.lasts());
        self.set_syncs(lasts)?;
        let (answers, wrote) = self.transact(group)?;
        if wrote {
            self.behind = !lasts;
        } else if lasts && self.behind {
            // SQLite syncs nothing for who has written nothing; and yet somebody is told of what is
            // there.
            self.conn
                .pragma_update(None, "application_id", APPLICATION_ID)?;
            self.behind = false;
        }
        Ok(answers)
    }

    /// The answers, and whether anything was written.
    fn transact(&mut self, group: &[Job]) -> rusqlite::Result<(Vec<Result<bool>>, bool)> {
        // Dropped before its commit it is rolled back.
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (mut answers, mut wrote) = (Vec::with_capacity(group.len()), false);
        for job in group {
            let before = transaction.total_changes();
            answers.push(match job.write.apply(&transaction) {
                Ok(done) => {
                    wrote |= done && transaction.total_changes() > before;
                    Ok(done)
                }
                Err(Failure::Write(error)) => Err(error),
                Err(Failure::Transaction(error)) => return Err(error),
            });
        }
        transaction.commit()?;
        Ok((answers, wrote))
    }

    fn set_syncs(&mut self, syncs: bool) -> rusqlite::Result<()> {
        if self.syncs != syncs {
            let level = if syncs { "FULL" } else { "NORMAL" };
            self.conn.pragma_update(None, "synchronous", level)?;
            self.syncs = syncs;
        }
        Ok(())
    }
}

/// Brings everything into the one file and closes it.
fn end(conn: Connection, state: &State) -> Result<()> {
    if state.check().is_ok() {
        let read = |_: &rusqlite::Row<'_>| Ok(());
        conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], read)
            .map_err(storage)?;
    }
    conn.close().map_err(|(_, error)| storage(error))
}

#[cfg(test)]
mod tests {
    use wom_sdk::{
        Timestamp,
        award::{AwardKey, Content, State as AwardState, Vouchers},
        privacy::Participant,
        protocol::Position,
        store::{AwardRecord, Change, Commit},
    };

    use super::*;
    use crate::rows::{AwardRow, CommitRows};

    type Answer = oneshot::Receiver<Result<bool>>;

    fn award(n: u8, sealed: usize) -> AwardRecord {
        let vouchers = Vouchers {
            aim: "H".parse().unwrap(),
            minutes: 1,
            place: Position::ZERO,
            at: Timestamp::EPOCH,
        };
        AwardRecord {
            key: AwardKey([n; 32]),
            version: 1,
            participant: None,
            accepted: Timestamp::EPOCH,
            content: Content::new(vec![vouchers]).unwrap(),
            state: AwardState::Accepted,
            sealed: Some(vec![n; sealed]),
            tries: 0,
            unclear: false,
            due: Timestamp::EPOCH,
        }
    }

    fn job(commit: Commit) -> (Job, Answer) {
        let (done, answer) = oneshot::channel();
        let write = Write::Commit(CommitRows::of(commit).unwrap());
        (Job { write, done }, answer)
    }

    fn accept(awards: Vec<AwardRecord>) -> (Job, Answer) {
        job(Commit {
            awards,
            ..Commit::default()
        })
    }

    fn begin(n: u8) -> (Job, Answer) {
        let (done, answer) = oneshot::channel();
        let write = Write::Begin(AwardRow::of(&award(n, 100)).unwrap());
        (Job { write, done }, answer)
    }

    fn opened() -> (tempfile::TempDir, file::Claimed, Log) {
        let dir = tempfile::tempdir().unwrap();
        let claimed = file::claim(&dir.path().join("wom.db"), Duration::ZERO).unwrap();
        let conn = open::open(&claimed).unwrap();
        (dir, claimed, Log::new(conn))
    }

    /// Serves them as one group. `None`: the answer was an error.
    fn serve_all(log: &mut Log, jobs: Vec<(Job, Answer)>) -> Vec<Result<bool>> {
        let (mut group, answers): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
        let state = State::default();
        assert!(serve(log, &mut group, &state).is_ok());
        assert!(group.is_empty() && state.check().is_ok());
        let results = answers.into_iter().map(|answer| answer.blocking_recv());
        results.collect::<Result<_, _>>().unwrap()
    }

    fn number(conn: &Connection, sql: &str) -> i64 {
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn members_of_a_group_roll_back_alone() {
        let (_dir, _claimed, mut log) = opened();
        let settle = |expected, awards| {
            job(Commit {
                change: Some(Change {
                    expected: Some(expected),
                    ..Change::of(Participant([1; 32]))
                }),
                awards,
                ..Commit::default()
            })
        };
        let answers = serve_all(
            &mut log,
            vec![
                accept(vec![award(1, 0)]),
                settle(7, vec![award(2, 0)]),
                accept(vec![award(3, 0), award(1, 0)]),
                settle(0, vec![award(4, 0)]),
                // Decided from what a neighbour in the group has changed meanwhile.
                settle(0, vec![award(5, 0)]),
                settle(1, vec![award(1, 0)]),
                accept(vec![award(6, 0)]),
            ],
        );
        let done: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(done, [true, false, false, true, false, false, true]);
        let mut keys = log
            .conn
            .prepare("SELECT key FROM award ORDER BY key")
            .unwrap();
        let keys: Result<Vec<Vec<u8>>, _> = keys.query_map([], |row| row.get(0)).unwrap().collect();
        assert_eq!(keys.unwrap(), [1, 4, 6].map(|n| vec![n; 32]));
        assert_eq!(number(&log.conn, "SELECT version FROM participant"), 1);
    }

    #[test]
    fn a_write_too_large_for_the_disk_leaves_the_others_alone() {
        let (_dir, _claimed, mut log) = opened();
        let limit = |conn: &Connection, pages| {
            conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        };
        limit(&log.conn, 60).unwrap();
        let group = || {
            vec![
                accept(vec![award(1, 100)]),
                accept(vec![award(2, 1_000_000)]),
                accept(vec![award(3, 100)]),
            ]
        };
        let answers = serve_all(&mut log, group());
        assert!(matches!(answers[..], [Ok(true), Err(_), Ok(true)]));
        let error = answers[1].as_ref().unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::StorageFailed, "the disk is full")
        );
        assert_eq!(number(&log.conn, "SELECT count(*) FROM award"), 2);

        // There is space again, and it goes on.
        limit(&log.conn, 10_000).unwrap();
        let answers = serve_all(&mut log, group());
        assert!(matches!(answers[..], [Ok(false), Ok(true), Ok(false)]));
        assert_eq!(number(&log.conn, "SELECT count(*) FROM award"), 3);
    }

    #[test]
    fn what_is_begun_is_durable_before_anybody_is_told_of_it() {
        let (dir, _claimed, mut log) = opened();
        let length = || {
            std::fs::metadata(dir.path().join("wom.db-wal"))
                .unwrap()
                .len()
        };
        let served = |log: &mut Log, job| serve_all(log, vec![job]).remove(0).unwrap();

        assert!(served(&mut log, begin(1)));
        assert!(log.behind);
        // Its key is used, and whoever hears so keeps no promise by it.
        assert!(!served(&mut log, begin(1)));
        assert!(log.behind);
        // Another write's sync serves it too.
        assert!(served(&mut log, accept(vec![award(2, 0)])));
        assert!(!log.behind);

        // Nothing is written for whoever only asks, and yet it is synced, once.
        let asks: [fn() -> (Job, Answer); 2] =
            [|| accept(Vec::new()), || accept(vec![award(1, 0)])];
        for (n, ask) in asks.into_iter().enumerate() {
            assert!(served(&mut log, begin(3 + u8::try_from(n).unwrap())));
            let before = length();
            served(&mut log, ask());
            assert!(!log.behind && length() > before);
            let before = length();
            served(&mut log, ask());
            assert_eq!(length(), before);
        }
    }

    #[test]
    fn a_store_that_may_not_be_written_stops() {
        let (_dir, _claimed, mut log) = opened();
        log.conn.pragma_update(None, "query_only", true).unwrap();
        let state = State::default();
        let (one, first) = accept(vec![award(1, 0)]);
        let (two, second) = accept(vec![award(2, 0)]);
        assert!(serve(&mut log, &mut vec![one, two], &state).is_err());
        for answer in [first, second] {
            let error = answer.blocking_recv().unwrap().unwrap_err();
            assert_eq!(error.message(), "the data base cannot be written");
        }
        assert!(state.check().is_err());
        assert_eq!(number(&log.conn, "SELECT count(*) FROM award"), 0);
    }
}
