//! Webhooks: how senders sign, how the receiver checks, and when to try again.
//!
//! One [`verify`] knows all [`Scheme`]s, ours ([Standard Webhooks](Scheme::StandardWebhooks)) and
//! those of shops, tills, watches and ticket offices; [`sign`] makes what each of them sends, for
//! our own messages and for your tests. A signature is made over raw bytes, so it is checked
//! before anything reads them. What is checked once is right, but may come again: the receiver
//! remembers what it has seen, durably, before it acts, and acts so that twice is as good as once.

mod proof;
mod schedule;
mod scheme;
mod secret;
mod sign;
mod verify;

pub use schedule::{TRIES, pause_ms};
pub use scheme::{ID, SIGNATURE, Scheme, TIMESTAMP};
pub use secret::Secret;
pub use sign::{Signed, sign};
pub use verify::{Message, TOLERANCE_MS, Verified, verify};
