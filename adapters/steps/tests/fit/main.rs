//! `steps.fit` on real files and on files made here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod container;
mod corpus;
mod defects;
mod support;
mod writer;
