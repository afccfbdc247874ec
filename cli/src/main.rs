//! The `wom` program.
fn main() {}
