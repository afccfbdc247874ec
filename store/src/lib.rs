//! Durable stores for `wom-sdk`.
//!
//! [`SqliteStore`] keeps everything in one file of this machine, for one process at a time. It
//! passes the suite that every store must pass, `wom_sdk::testing::conformance::store`.

mod sqlite;

pub use sqlite::SqliteStore;
