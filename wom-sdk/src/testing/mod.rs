//! What tests of the SDK, and of software built on it, share. Behind the feature `testing`.

mod clock;
pub mod conformance;
mod fault;
mod fuzz;
pub mod killing;
mod layer;
mod seeded;

pub use clock::TokioClock;
pub use fault::{Fault, FaultTransport};
pub use fuzz::*;
pub use layer::{Layered, StoreLayer};
pub(crate) use seeded::next_jitter;
pub use seeded::seed_jitter;
