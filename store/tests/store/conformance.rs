//! The SQLite store does what every store must do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Mutex;

use async_trait::async_trait;
use tempfile::TempDir;
use wom_sdk::testing::conformance::store::Fixture;
use wom_store::SqliteStore;

/// Each store in a folder of its own, all removed at the end.
#[derive(Default)]
struct Files(Mutex<Vec<TempDir>>);

#[async_trait]
impl Fixture for Files {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        self.0.lock().unwrap().push(dir);
        SqliteStore::open(path).await.unwrap()
    }

    async fn reopen(&self, store: SqliteStore) -> SqliteStore {
        let path = store.path().to_owned();
        drop(store);
        SqliteStore::open(path).await.unwrap()
    }
}

wom_sdk::store_conformance!(Files::default());
