//! Ending: what was handed over is finished, and nothing is promised after.

use std::task::{Context, Waker};

use wom_sdk::{
    Kind, Timestamp,
    award::State,
    store::{AwardRecord, Commit, Store},
};
use wom_store::SqliteStore;

use crate::common::{accept, accepted, award, award_key, participant};

#[tokio::test]
async fn dropping_the_store_finishes_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut waiting: Vec<_> = (0..100)
        .map(|n| {
            let commit = Commit {
                awards: vec![award(1, n)],
                ..Commit::default()
            };
            store.commit(commit)
        })
        .collect();
    let mut context = Context::from_waker(Waker::noop());
    for commit in &mut waiting {
        // Once: the write is handed over, and the caller gives up before the answer.
        let _ = commit.as_mut().poll(&mut context);
    }
    drop(waiting);
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(accepted(&store, 1).await, 100);
}

#[tokio::test]
async fn closing_brings_everything_into_the_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    for n in 0..10 {
        accept(&store, award(1, n)).await.unwrap();
    }
    assert_eq!(accepted(&store, 1).await, 10);
    store.close().await.unwrap();
    store.close().await.unwrap();
    let error = accept(&store, award(1, 10)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFailed);
    let error = store.participant(participant(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::StorageFailed);
    assert!(!dir.path().join("wom.db-wal").exists());

    // A copy of the one file is the whole store.
    let copy = dir.path().join("copy.db");
    std::fs::copy(&path, &copy).unwrap();
    let store = SqliteStore::open(&copy).await.unwrap();
    assert_eq!(accepted(&store, 1).await, 10);
}

#[tokio::test]
async fn a_call_that_died_with_its_process_goes_on_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let later = Timestamp::from_seconds(4_000_000_000);
    let states = [
        State::Creating,
        State::Verifying,
        State::Accepted,
        State::VerifyUnknown,
        State::Offered,
    ];
    for (n, state) in (0..).zip(&states) {
        accept(&store, award(1, n)).await.unwrap();
        let moved = AwardRecord {
            version: 2,
            state: state.clone(),
            due: later,
            ..award(1, n)
        };
        assert!(store.advance(&moved).await.unwrap());
    }
    let now = Timestamp::from_seconds(3_000_000_000);
    assert!(store.due(now, 9).await.unwrap().is_empty());
    drop(store);
    let store = SqliteStore::open(&path).await.unwrap();
    let mut due: Vec<_> = store.due(now, 9).await.unwrap();
    due.sort_by_key(|award| award.state.name());
    let due: Vec<_> = due.iter().map(|award| (award.key, &award.state)).collect();
    let expected = [2, 0, 1].map(|n| (award_key(1, n as u64), &states[n]));
    assert_eq!(due, expected);
}

#[test]
fn a_store_outlives_the_runtime_that_opened_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let store = runtime().block_on(SqliteStore::open(&path)).unwrap();
    runtime().block_on(accept(&store, award(1, 0))).unwrap();
    assert_eq!(runtime().block_on(accepted(&store, 1)), 1);
}
