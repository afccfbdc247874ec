//! Statements of xAPI and cmi5: the captures, every form of input, and everything that is refused.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod captures;
mod forms;
mod pull;
mod push;
mod refusals;
mod support;
