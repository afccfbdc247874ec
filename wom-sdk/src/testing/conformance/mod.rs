//! What every implementation of a trait of the SDK must do, as tests that anybody can run on
//! their own: a test fails by panicking, and says what it expected.

pub mod key_store;
pub mod merchant;
pub mod store;
