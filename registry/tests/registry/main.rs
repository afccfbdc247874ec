//! The Registry over real HTTP, from outside.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

mod api_keys;
mod common;
mod limits;
mod peers;
mod problems;
mod races;
mod round_trip;
mod temporary;
