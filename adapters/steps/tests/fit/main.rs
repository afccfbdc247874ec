//! `steps.fit` on real files and on files made here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod container;
mod corpus;
mod defects;
mod fixtures;
mod peers;
mod support;
mod writer;
