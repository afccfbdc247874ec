//! What the tests of wom-sdk share.

pub mod fuzz;
pub mod sim;
pub mod still;
