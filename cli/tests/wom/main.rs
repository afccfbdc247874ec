//! The `wom` program itself, from outside: real processes, real Registries, real HTTP.
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests fail by panicking, and export nothing"
)]

mod audit;
mod inbox;
mod machines;
mod museum;
mod operations;
mod outbox;
mod own_shop;
mod postgres;
#[cfg(target_os = "linux")]
mod process_list;
mod read;
mod samples;
mod schemathesis;
mod selftest;
mod service;
mod serving;
mod spine;
mod subject;
mod till;
mod town;
