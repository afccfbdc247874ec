//! One file for each command: its arguments and what it does.

pub mod adapters;
pub mod init;
pub mod read;
pub mod registry;
