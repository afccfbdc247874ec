//! What the tests of wom-sdk share.

pub mod fuzz;
