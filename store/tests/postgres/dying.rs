//! Workers that die: what they had taken to themselves does not wait for them.

use std::time::{Duration, Instant};

use wom_sdk::{
    award::State,
    privacy::Participant,
    store::{AwardRecord, Change, Commit, DeliveryId, DeliveryRecord, DeliveryState, Store},
};
use wom_store::PostgresStore;

use crate::values::{accept, at, connect, database, open};

const SOMEBODY: Participant = Participant([7; 32]);

/// What there is to do for this worker, by number of awards, people and deliveries.
async fn to_do(store: &PostgresStore) -> (usize, usize, usize) {
    let (now, until) = (at(1), at(61));
    (
        store.claim(now, until, 9).await.unwrap().len(),
        store.claim_waking(now, until, 9).await.unwrap().len(),
        store.due_deliveries(now, 9).await.unwrap().len(),
    )
}

#[tokio::test]
async fn what_a_worker_had_taken_is_free_once_it_is_dead_and_not_before() {
    let Some(url) = database().await else { return };
    let (one, other) = (open(&url).await, open(&url).await);
    for n in 0..3 {
        one.commit(accept(n)).await.unwrap();
    }
    let wakes = Change {
        wake: Some(at(0)),
        ..Change::of(SOMEBODY)
    };
    let commit = Commit {
        change: Some(wakes),
        ..Commit::default()
    };
    one.commit(commit).await.unwrap();
    let delivery = |version, due| DeliveryRecord {
        id: DeliveryId(wom_sdk::Digest::of([b"delivery"])),
        version,
        source: "watch".to_owned(),
        state: DeliveryState::Waiting,
        sealed: None,
        received: at(0),
        tries: 0,
        due,
    };
    assert!(one.put_delivery(&delivery(1, at(0))).await.unwrap());
    assert!(one.put_delivery(&delivery(2, at(60))).await.unwrap());
    let taken = one.claim(at(0), at(60), 9).await.unwrap();
    assert_eq!(taken.len(), 3);
    assert_eq!(one.claim_waking(at(0), at(60), 9).await.unwrap().len(), 1);
    // One is under way, one waits for an hour because the Registry has asked for that.
    let moved = |index: usize, state, due| AwardRecord {
        version: taken[index].version + 1,
        state,
        due,
        ..taken[index].clone()
    };
    let creating = moved(0, State::Creating, at(60));
    assert!(one.advance(&creating).await.unwrap());
    let asked_to_wait = moved(1, State::Creating, at(3_600));
    assert!(one.advance(&asked_to_wait).await.unwrap());

    for _ in 0..2 {
        assert_eq!(to_do(&other).await, (0, 0, 0), "it is alive");
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    drop(one);
    let mut found = (0, 0, 0);
    for _ in 0..150 {
        let more = to_do(&other).await;
        found = (found.0 + more.0, found.1 + more.1, more.2.max(found.2));
        if found == (2, 1, 1) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(found, (2, 1, 1));
    let waits = other.award(asked_to_wait.key).await.unwrap().unwrap();
    assert_eq!(waits.due, at(3_600), "nobody is asked before their time");
}

/// A session can be lost without the process: it has another one before anybody takes over.
#[tokio::test]
async fn a_worker_that_only_lost_its_session_keeps_what_it_has() {
    let Some(url) = database().await else { return };
    let (one, other) = (open(&url).await, open(&url).await);
    one.commit(accept(1)).await.unwrap();
    assert_eq!(one.claim(at(0), at(60), 9).await.unwrap().len(), 1);
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let cut: i64 = sqlx::query_scalar(cut)
        .fetch_one(&mut connect(&url).await)
        .await
        .unwrap();
    assert!(cut >= 2, "the sessions of two locks at least: {cut}");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        assert_eq!(to_do(&other).await, (0, 0, 0), "it is alive");
    }
    drop(one);
}
