//! The service over real HTTP, with a real Registry behind it.
#![allow(clippy::unwrap_used, reason = "a test")]

mod awards;
mod browser;
mod calls;
mod cashier;
mod checkouts;
mod claims;
mod corner;
mod later;
mod limits;
mod openapi;
mod pulls;
mod sales;
mod shops;
mod till;
mod town;
