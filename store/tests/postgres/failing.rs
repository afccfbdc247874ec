//! Connections that break, and servers that crash: nothing that was answered as done is lost.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use sqlx::{AssertSqlSafe, Connection as _};
use wom_sdk::{
    Kind, Retry,
    store::{Committed, Store},
};
use wom_store::{DatabaseUrl, PostgresSettings, testing::PgServer};

use crate::values::{accept, at, award, connect, database, open};

#[tokio::test]
async fn a_connection_that_is_cut_in_the_middle_leaves_nothing_half_done() {
    let Some(url) = database().await else { return };
    let store = Arc::new(open(&url).await);
    store.commit(accept(1)).await.unwrap();

    // Somebody holds the table; the commit waits in the server, and its connection is cut there.
    let mut holder = connect(&url).await;
    let mut held = holder.begin().await.unwrap();
    sqlx::query("LOCK TABLE wom.award IN EXCLUSIVE MODE")
        .execute(&mut *held)
        .await
        .unwrap();
    let waiting = tokio::spawn({
        let store = Arc::clone(&store);
        async move { store.commit(accept(2)).await }
    });
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let mut killer = connect(&url).await;
    while sqlx::query_scalar::<_, i64>(cut)
        .fetch_one(&mut killer)
        .await
        .unwrap()
        == 0
    {
        tokio::task::yield_now().await;
    }
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::StorageFailed, Retry::SameKey),
        "{error:?}"
    );
    held.rollback().await.unwrap();
    assert_eq!(store.award(award(2).key).await.unwrap(), None);
    assert_eq!(store.commit(accept(2)).await.unwrap(), Committed::Done);

    // All others are cut while nobody uses them: the next calls do not notice.
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(cut).execute(&mut killer).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(store.commit(accept(3)).await.unwrap(), Committed::Done);
    assert_eq!(store.due(at(0), 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn two_who_wait_for_each_other_are_sorted_out() {
    let Some(url) = database().await else { return };
    let store = Arc::new(open(&url).await);
    // Two awards in opposite orders, many times over, by many at a time.
    let tasks: Vec<_> = (0..32_u64)
        .map(|racer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut done = 0_u32;
                for n in 0..20 {
                    let mut commit = accept(2 * n);
                    commit.awards.push(award(2 * n + 1));
                    if racer % 2 == 0 {
                        commit.awards.reverse();
                    }
                    done += u32::from(store.commit(commit).await.unwrap() == Committed::Done);
                }
                done
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    assert_eq!(done, 20);
}

#[tokio::test]
async fn what_was_answered_is_there_after_the_server_has_crashed() {
    let Some(server) = PgServer::own() else {
        return;
    };
    let url = DatabaseUrl::new(server.url("postgres")).unwrap();
    let settings = PostgresSettings::new(url.clone()).patience(std::time::Duration::from_secs(2));
    let store = Arc::new(settings.open().await.unwrap());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..8_u64)
        .map(|writer| {
            let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut done, mut unknown) = (Vec::new(), 0_u32);
                for n in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let n = writer * 1_000_000 + n;
                    match store.commit(accept(n)).await {
                        Ok(committed) => {
                            assert_eq!(committed, Committed::Done, "each key is new");
                            done.push(n);
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), Kind::StorageFailed, "{error:?}");
                            assert_ne!(error.retry(), Retry::Never, "{error:?}");
                            unknown += 1;
                            tokio::task::yield_now().await;
                        }
                    }
                }
                (done, unknown)
            })
        })
        .collect();
    let server = Arc::new(server);
    for _ in 0..3 {
        let before = accepted(&*store).await;
        while accepted(&*store).await < before + 100 {
            tokio::task::yield_now().await;
        }
        let own = Arc::clone(&server);
        tokio::task::spawn_blocking(move || {
            own.crash();
            own.start();
        })
        .await
        .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut failed = 0;
    for writer in writers {
        let (done, unknown) = writer.await.unwrap();
        assert!(!done.is_empty());
        failed += unknown;
        for n in done {
            let held = store.award(award(n).key).await.unwrap();
            assert_eq!(held, Some(award(n)), "it was answered as done");
        }
    }
    assert!(failed > 0, "the crashes came in the middle");
}

/// How many awards there are; as long as the server is away, none.
async fn accepted(store: &impl Store) -> u64 {
    let numbers = store.numbers().await.unwrap_or_default();
    numbers.awards.iter().map(|count| count.count).sum()
}

/// The indexes are there for these statements; a plan that sorts the backlog is 300 times slower.
#[tokio::test]
async fn what_is_due_is_read_off_an_index() {
    let Some(url) = database().await else { return };
    drop(open(&url).await);
    let mut conn = connect(&url).await;
    for (sql, index) in [
        (
            "award WHERE open AND due <= 1 ORDER BY due, id LIMIT 50 FOR NO KEY UPDATE SKIP LOCKED",
            "award_due",
        ),
        (
            "participant WHERE wake <= 1 ORDER BY wake, id LIMIT 50 FOR NO KEY UPDATE SKIP LOCKED",
            "participant_wake",
        ),
        (
            "delivery WHERE state = 'waiting' AND due <= 1 ORDER BY due, id LIMIT 50",
            "delivery_due",
        ),
        (
            "checkout WHERE due <= 1 ORDER BY due, id LIMIT 50",
            "checkout_due",
        ),
        (
            "award WHERE state <> 'acknowledged' AND key > '\\x00' ORDER BY key LIMIT 50",
            "award_unacknowledged",
        ),
    ] {
        let explain = format!("EXPLAIN SELECT id FROM wom.{sql}");
        // As the store's sessions have it; the empty tables alone would be read as a whole.
        sqlx::raw_sql("SET enable_bitmapscan = off; SET enable_seqscan = off")
            .execute(&mut conn)
            .await
            .unwrap();
        let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(explain))
            .fetch_all(&mut conn)
            .await
            .unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("using {index} ")), "{plan}");
        assert!(!plan.contains("Sort"), "{plan}");
    }
}
