//! The service over real HTTP, with a real Registry behind it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod awards;
mod browser;
mod checkouts;
mod claims;
mod limits;
mod openapi;
mod pulls;
mod shops;
mod town;
