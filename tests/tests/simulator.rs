//! The simulator: so many seeds without a broken promise, every planted bug caught, and the same seed
//! twice is the same run. `wom-sim` runs more, and in CI both of the first; see `docs/reliability.md`.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::thread;

use wom_tests::sim::{catch_all, run, run_all};

fn jobs() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[test]
fn no_seed_breaks_a_promise() {
    let (seeds, from) = (number("WOM_SIM_SEEDS", 2_000), number("WOM_SIM_FROM", 0));
    println!(
        "seeds {from} to {}: WOM_SIM_FROM and WOM_SIM_SEEDS choose others",
        from + seeds - 1
    );
    let failures = run_all(from, seeds, jobs());
    for (seed, failure) in &failures {
        println!(
            "seed {seed}: {failure}; its trace: cargo run -p wom-tests --bin wom-sim -- --seed {seed}"
        );
    }
    assert!(failures.is_empty(), "{} seeds failed", failures.len());
}

#[test]
fn every_planted_bug_is_caught() {
    let caught = catch_all(0, 1_000, jobs());
    println!("| Planted bug | First seed | Check |\n| --- | --- | --- |");
    caught.iter().for_each(|caught| println!("{caught}"));
    let missed = caught.iter().filter(|caught| caught.by.is_none()).count();
    assert_eq!(missed, 0, "{missed} planted bugs were not caught");
}

#[test]
fn a_seed_gives_the_same_run_again() {
    for seed in 0..40 {
        let (one, other) = (run(seed, None), run(seed, None));
        assert!(one.trace == other.trace, "seed {seed} is not repeatable");
        assert!(one.trace.lines().count() > 10, "seed {seed} does nothing");
    }
}
