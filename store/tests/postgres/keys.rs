//! Keys in a data base of their own, for processes on several machines.

use std::{future::Future, sync::Arc};

use sqlx::Row as _;
use wom_sdk::{
    Kind, Retry,
    privacy::{KeyStore, RootedKeyStore},
    testing::conformance::key_store::Fixture,
};
use wom_store::{
    DatabaseUrl, PostgresKeyStore, PostgresSettings, PostgresStore, testing::PgServer,
};

use crate::values::connect;

const ROOT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

struct KeyDatabase {
    url: DatabaseUrl,
    rooted: bool,
}

impl KeyDatabase {
    fn here(rooted: bool) -> Option<Self> {
        let server = PgServer::shared()?;
        let url = wait(async { DatabaseUrl::new(server.database().await).unwrap() });
        Some(Self { url, rooted })
    }
}

impl Fixture for KeyDatabase {
    fn open(&self) -> Arc<dyn KeyStore> {
        let keys = Arc::new(PostgresKeyStore::open(&self.url).unwrap());
        match self.rooted {
            true => Arc::new(RootedKeyStore::new(ROOT, keys).unwrap()),
            false => keys,
        }
    }
}

mod in_clear {
    wom_sdk::key_store_conformance!(match super::KeyDatabase::here(false) {
        Some(keys) => keys,
        None => return,
    });
}

mod under_a_root {
    wom_sdk::key_store_conformance!(match super::KeyDatabase::here(true) {
        Some(keys) => keys,
        None => return,
    });
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// Keys are asked for in the middle of anything: also on the one thread that there is.
#[tokio::test]
async fn keys_are_had_where_nothing_may_be_awaited() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let url = DatabaseUrl::new(server.database().await).unwrap();
    let keys = PostgresKeyStore::open(&url).unwrap();
    let key = keys.key("a", true).unwrap();
    drop(keys);
    assert_eq!(
        PostgresKeyStore::open(&url)
            .unwrap()
            .key("a", false)
            .unwrap(),
        key
    );
}

#[tokio::test]
async fn the_data_base_of_the_awards_takes_no_keys_and_other_tables_are_left_alone() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let url = DatabaseUrl::new(server.database().await).unwrap();
    let store = PostgresSettings::new(url.clone()).schema("town");
    store.open().await.unwrap();
    let error = PostgresKeyStore::open(&url).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{error}");
    assert!(
        error.advice().unwrap().contains("another data base"),
        "{error}"
    );
    let made: i64 =
        sqlx::query_scalar("SELECT count(*) FROM pg_namespace WHERE nspname = 'wom_keys'")
            .fetch_one(&mut connect(&url).await)
            .await
            .unwrap();
    assert_eq!(made, 0);

    let url = DatabaseUrl::new(server.database().await).unwrap();
    sqlx::raw_sql("CREATE SCHEMA wom_keys; CREATE TABLE wom_keys.key (theirs text)")
        .execute(&mut connect(&url).await)
        .await
        .unwrap();
    let error = PostgresKeyStore::open(&url).unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch, "{error}");
    let keys = PostgresSettings::new(url.clone()).schema("own");
    keys.clone().open_keys().unwrap();
    // What holds keys is no store of awards.
    let error = PostgresSettings::new(url.clone())
        .schema("own")
        .open()
        .await;
    assert_eq!(error.unwrap_err().kind(), Kind::StoreMismatch);
    sqlx::raw_sql("UPDATE own.key_store SET version = 2")
        .execute(&mut connect(&url).await)
        .await
        .unwrap();
    let error = keys.open_keys().unwrap_err();
    assert_eq!(error.kind(), Kind::StoreMismatch, "{error}");
    assert!(PostgresStore::open(&url).await.is_ok());
}

#[tokio::test]
async fn what_the_data_base_holds_is_worth_nothing_without_the_root() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let url = DatabaseUrl::new(server.database().await).unwrap();
    let plain = Arc::new(PostgresKeyStore::open(&url).unwrap());
    let keys = RootedKeyStore::new(ROOT, plain).unwrap();
    let key = keys.key("epoch/walk/2026-03", true).unwrap().unwrap();
    let purpose = keys.purpose_key("cursor/1").unwrap();
    let rows =
        sqlx::query("SELECT key FROM wom_keys.key UNION SELECT root FROM wom_keys.key_store")
            .fetch_all(&mut connect(&url).await)
            .await
            .unwrap();
    assert_eq!(rows.len(), 2);
    for row in rows {
        let held: Vec<u8> = row.get(0);
        assert!(held != *key && held != *purpose);
    }
    keys.destroy("epoch/walk/2026-03").unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM wom_keys.key")
        .fetch_one(&mut connect(&url).await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

/// A server that goes away and comes back: an error that says so meanwhile, and the same keys after.
#[test]
fn a_server_that_is_away_is_told_and_comes_back_with_the_same_keys() {
    let Some(server) = PgServer::own() else {
        return;
    };
    let url = DatabaseUrl::new(server.url("postgres")).unwrap();
    let keys = PostgresKeyStore::open(&url).unwrap();
    let key = keys.key("a", true).unwrap();
    server.crash();
    let error = keys.key("a", false).unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFailed, "{error}");
    assert_ne!(error.retry(), Retry::Never);
    assert!(error.advice().is_some());
    server.start();
    // One call may still find a connection that has ended.
    let again = keys.key("a", false).or_else(|_| keys.key("a", false));
    assert_eq!(again.unwrap(), key);
}
