//! The PostgreSQL store: what every store must do, and what this one promises beyond. The tests
//! start a real server; see [`wom_store::testing::PgServer`].

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod dying;
mod enqueue;
mod failing;
mod keys;
mod opening;
mod values;
