//! Webhooks: how the sender signs, how the receiver checks, and when to try again.
//!
//! A signature is made over raw bytes, so it is checked before anything reads them. What is
//! checked once is right, but may come again: the receiver remembers the ids of at least ten
//! minutes (twice [`TOLERANCE_MS`]), durably, before it acts.

mod schedule;
mod secret;
mod standard;

pub use schedule::{TRIES, pause_ms};
pub use secret::Secret;
pub use standard::{ID, Message, SIGNATURE, Signed, TIMESTAMP, TOLERANCE_MS, sign, verify};
