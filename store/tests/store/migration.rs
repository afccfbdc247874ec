//! A store of every earlier version opens in the newest, with everything that was in it.

use wom_sdk::{
    Timestamp,
    award::{Account, State},
    campaign::Unit,
    store::{DeliveryId, DeliveryState, Store},
};
use wom_store::SqliteStore;

use crate::common::{award, participant};

/// What a store of version 1 held: a participant with an account, an award, two deliveries.
const VERSION_1: &str = include_str!("version_1.sql");

#[tokio::test]
async fn a_store_of_version_1_opens_with_everything_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let conn = rusqlite::Connection::open(&path).unwrap();
    let schema = include_str!("../../src/sqlite/schema_1.sql");
    conn.execute_batch(schema).unwrap();
    conn.execute_batch(VERSION_1).unwrap();
    let sara = "INSERT INTO participant VALUES (1, ?, 7, 1772000000000)";
    conn.execute(sara, [participant(1).0]).unwrap();
    let key = award(1, 0).key.0;
    conn.execute("UPDATE award SET key = ?", [key]).unwrap();
    conn.close().unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let held = store.participant(participant(1)).await.unwrap();
    let account = Account {
        settled: 30,
        awarded: 30,
        n: 2,
        ..Account::new("health", Unit::Day("2026-03-01".parse().unwrap()))
    };
    assert_eq!(
        (held.version, held.accounts, held.handle),
        (7, vec![account], None)
    );
    let held = store.award(award(1, 0).key).await.unwrap().unwrap();
    assert_eq!(
        (held.state, held.sealed),
        (State::Offered, Some(vec![1, 2, 3]))
    );
    assert_eq!(held.content, award(1, 0).content);
    let waking = store
        .waking(Timestamp::from_seconds(1_772_000_000), 9)
        .await;
    assert_eq!(waking.unwrap(), [participant(1)]);
    for (first, state) in [(1, DeliveryState::Done), (2, DeliveryState::Waiting)] {
        let id = DeliveryId(wom_sdk::Digest([first; 16]));
        assert_eq!(store.delivery(id).await.unwrap().unwrap().state, state);
    }
    assert_eq!(store.numbers().await.unwrap().uncollected_minutes, 0);
    let none = store.due_sales(Timestamp::MAX, 9).await.unwrap();
    assert_eq!(none, []);
    assert_eq!(store.due_posters(Timestamp::MAX, 9).await.unwrap(), []);
    store.close().await.unwrap();
    SqliteStore::open(&path).await.unwrap();
}
