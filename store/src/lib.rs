//! Durable stores for `wom-sdk`.
//!
//! [`SqliteStore`] keeps everything in one file of this machine, for one process at a time.
//! `PostgresStore`, with the feature `postgres`, is for any number of processes. Both pass the suite
//! that every store must pass, `wom_sdk::testing::conformance::store`.

#[cfg(feature = "postgres")]
mod postgres;
mod rows;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "postgres")]
pub use postgres::{DatabaseUrl, EnqueueSql, PostgresKeyStore, PostgresSettings, PostgresStore};
pub use sqlite::SqliteStore;
