//! Dying, and disks that fail: nothing is lost, nothing is doubled, on SQLite and on PostgreSQL.
//!
//! Workers and the Registry are this test binary itself, started again with a variable set: real
//! processes on a real disk, with real HTTP between them.
#![allow(clippy::unwrap_used, reason = "a test")]

#[cfg(target_os = "linux")]
mod disk;
mod ground;
mod instants;
mod mortal;
mod points;
#[cfg(target_os = "linux")]
mod power;
mod recovery;
mod renewal;
#[cfg(target_os = "linux")]
mod shim;
#[cfg(target_os = "linux")]
mod upgrade;
mod way;
