//! The SQLite store: what every store must do, and what this one promises beyond.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod child;
mod common;
mod conformance;
mod disk;
mod ending;
mod kill;
mod migration;
mod opening;
mod sales;
