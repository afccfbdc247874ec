//! The matrix of faults: twenty faults at eight calls and three tries, each in a cell of its own,
//! against a real Registry behind a real proxy that spoils what passes.
//!
//! In each cell nothing is lost and nothing doubled, by the Registry's own books; no call takes
//! longer than its deadline or sends more than eight requests; and its error gives the right
//! advice. `WOM_SEED` chooses among the variants of a fault; `WOM_CELL="F7 Create"` runs only the
//! cells whose names begin so.
#![allow(clippy::unwrap_used, reason = "a test")]

mod calls;
mod cell;
mod ground;
mod proxy;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use calls::Seen;
use cell::{Call, Cell, FAULTS, Position};
use ground::Ground;

/// How long a cell may take, of real time.
const STUCK: Duration = Duration::from_secs(60);
/// Cells at a time: most of them wait.
const WORKERS: usize = 8;

#[test]
fn no_fault_loses_or_doubles_anything() {
    let cells = run(false);
    assert!(cells == 480 || std::env::var("WOM_CELL").is_ok());
}

#[test]
fn no_fault_loses_or_doubles_anything_at_a_registry_that_forgets() {
    run(true);
}

/// Runs all cells and gives their number.
fn run(faithful: bool) -> usize {
    let seed = std::env::var("WOM_SEED").map_or(1, |seed| seed.parse().unwrap());
    let only = std::env::var("WOM_CELL").unwrap_or_default();
    let started = Instant::now();
    let ground = Arc::new(Ground::new(faithful, WORKERS));
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for worker in &ground.workers {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((fault, call, position)) = place(index) else {
                        return;
                    };
                    let cell = Cell {
                        fault,
                        call,
                        position,
                        variant: variant(seed, index),
                        ground: Arc::clone(&ground),
                        worker: Arc::clone(worker),
                    };
                    if !cell.to_string().starts_with(&only) || !cell.applies() {
                        continue;
                    }
                    let ended = alone(&cell);
                    seen.lock().unwrap().push((cell, ended));
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    summary(&seen, seed, started);
    let wrong: Vec<_> = seen
        .iter()
        .filter(|(_, seen)| !seen.wrong.is_empty())
        .map(|(cell, seen)| format!("{cell}: {}: {}", seen.gave, seen.wrong.join("; ")))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} cells:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    seen.len()
}

fn place(index: usize) -> Option<(u8, Call, Position)> {
    let positions = [Position::First, Position::Middle, Position::All];
    let (fault, rest) = (index / (Call::ALL.len() * 3), index % (Call::ALL.len() * 3));
    let fault = u8::try_from(fault + 1).unwrap();
    (usize::from(fault) <= FAULTS.len()).then(|| (fault, Call::ALL[rest / 3], positions[rest % 3]))
}

/// A number that is as good as random, and the same for the same seed.
fn variant(seed: u64, index: usize) -> usize {
    let mixed = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(index as u64);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    usize::try_from(mixed >> 40).unwrap()
}

/// Runs a cell in a time of its own, which passes at once where nothing is under way.
fn alone(cell: &Cell) -> Seen {
    let (over, waiting) = std::sync::mpsc::channel::<()>();
    let name = cell.to_string();
    // A cell whose time stands still while it is busy would never end.
    std::thread::spawn(move || {
        if waiting.recv_timeout(STUCK) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            eprintln!("{name} does not end");
            std::process::exit(101);
        }
    });
    let seen = timeless(cell);
    drop(over);
    seen
}

fn timeless(cell: &Cell) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(calls::run(cell))
}

fn summary(seen: &[(Cell, Seen)], seed: u64, started: Instant) {
    let mut table: BTreeMap<(u8, Call), BTreeSet<&str>> = BTreeMap::new();
    for (cell, seen) in seen {
        let gave = table.entry((cell.fault, cell.call)).or_default();
        gave.insert(&seen.gave);
    }
    for ((fault, call), gave) in table {
        let gave: Vec<_> = gave.into_iter().collect();
        println!(
            "F{fault:<2} {:<34} {:<8} {}",
            FAULTS[usize::from(fault) - 1],
            format!("{call:?}"),
            gave.join(", ")
        );
    }
    let most = seen
        .iter()
        .map(|(_, seen)| seen.sent)
        .max()
        .unwrap_or_default();
    let longest = seen
        .iter()
        .map(|(_, seen)| seen.took)
        .max()
        .unwrap_or_default();
    let wrong = seen
        .iter()
        .filter(|(_, seen)| !seen.wrong.is_empty())
        .count();
    println!(
        "{} cells, {wrong} wrong; at most {most} requests and {longest:?} a call; seed {seed}; {:.1} s",
        seen.len(),
        started.elapsed().as_secs_f64()
    );
}
