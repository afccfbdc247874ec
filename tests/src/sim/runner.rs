//! Many seeds, on as many threads as there are cores; each run stays on its own.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use super::{Bug, Failure, run, world::lock};

/// Runs so many seeds from one on, and gives those that failed.
pub fn run_all(from: u64, seeds: u64, jobs: usize) -> Vec<(u64, Failure)> {
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= seeds {
                        return;
                    }
                    let seed = from + number;
                    if let Some(failure) = run(seed, None).failure {
                        lock(&failures).push((seed, failure));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort_by_key(|(seed, _)| *seed);
    failures
}

/// What became of a planted bug.
#[derive(Debug)]
pub struct Caught {
    /// Which.
    pub bug: Bug,
    /// The first seed that caught it, and the check that did; none if no seed did.
    pub by: Option<(u64, &'static str)>,
}

/// A line of the table.
impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bug, by } = self;
        match by {
            Some((seed, check)) => write!(f, "| `{bug:?}`: {} | {seed} | {check} |", bug.words()),
            None => write!(f, "| `{bug:?}`: {} | not caught | |", bug.words()),
        }
    }
}

/// Plants each bug in turn, until a seed catches it: at most `seeds` from one on.
pub fn catch_all(from: u64, seeds: u64, jobs: usize) -> Vec<Caught> {
    let next = AtomicUsize::new(0);
    let caught = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(&bug) = Bug::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut all = from..from + seeds;
                    let by = all.find_map(|seed| {
                        let failure = run(seed, Some(bug)).failure?;
                        Some((seed, failure.check))
                    });
                    lock(&caught).push(Caught { bug, by });
                }
            });
        }
    });
    let mut caught = caught.into_inner().unwrap_or_default();
    caught.sort_by_key(|caught| caught.bug);
    caught
}
