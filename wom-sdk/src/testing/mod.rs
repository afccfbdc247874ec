//! What tests of the SDK, and of software built on it, share. Behind the feature `testing`.

pub mod conformance;
mod fuzz;

pub use fuzz::*;
