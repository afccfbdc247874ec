//! A seeded fuzz driver for stable Rust: every decoder of foreign bytes, fed with mutated seeds.
//!
//! It has no eyes for coverage; it makes up for that with good seeds, the words of each format,
//! and as many inputs as time allows. Input number `n` of a target is made from the run's seed,
//! the target's name and `n` alone, so whatever happened at `n` can be made to happen again.

mod drive;
mod mutate;
mod rng;
mod seeds;
mod targets;

pub use drive::{Failure, Limits, Progress, Report, drive, judge};
pub use mutate::input;
pub use rng::Rng;
pub use targets::{TARGETS, Target, target};
