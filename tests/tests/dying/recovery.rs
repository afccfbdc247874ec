//! How soon a worker is at work again whose predecessor died with ten thousand awards in its hands.

use std::{
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use wom_registry::TestRegistry;
use wom_sdk::{
    Clock as _, MINUTE_MS, SystemClock,
    dispatcher::Dispatcher,
    store::{Commit, Committed, Store},
    testing::killing::{award_key, request},
};

use crate::ground::{self, Base, said, say};

const WORKER: &str = "WOM_RECOVERY_WORKER";
const OPEN: u32 = 10_000;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_open_awards_are_taken_up_within_two_seconds() {
    let root = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(root.path().join("registry")).await;
    let registry = registry.unwrap();
    let aims = ["H".parse().unwrap()];
    let instrument = registry.registry().add_instrument("mortal", &aims).await;
    let dir = root.path().join("worker");
    let url = registry.url();
    Base::Sqlite.prepare(&dir, &instrument.unwrap(), url).await;

    let died = run(&dir, "recovery::child_takes_everything_and_dies");
    assert_eq!(died, ["taken 10000"]);
    let started = Instant::now();
    let again = run(&dir, "recovery::child_takes_up_what_the_dead_had");
    let took = started.elapsed();
    let [opened, due] = &again[..] else {
        panic!("{again:?}");
    };
    assert_eq!(due, "due 10000");
    println!("{opened} ms until the store was open; {took:?} with the process, until all were due");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

fn run(dir: &Path, part: &str) -> Vec<String> {
    let output = ground::again(part)
        .env(WORKER, dir)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(said).map(str::to_owned).collect()
}

/// Accepts everything, takes it, and is gone before a single call.
#[test]
fn child_takes_everything_and_dies() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (store, dispatcher) = open(Path::new(&dir)).await;
        let record = |n| dispatcher.prepare(&award_key(n), &request(n).unwrap());
        let records: Vec<_> = (0..OPEN).map(|n| record(n).unwrap()).collect();
        for records in records.chunks(500) {
            let commit = Commit {
                awards: records.to_vec(),
                ..Commit::default()
            };
            assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        }
        let now = SystemClock.now();
        let until = now.plus_millis(60 * MINUTE_MS);
        let taken = store.claim(now, until, OPEN as usize).await.unwrap();
        say(&format!("taken {}", taken.len()));
        std::process::abort();
    });
}

#[test]
fn child_takes_up_what_the_dead_had() {
    let Ok(dir) = std::env::var(WORKER) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let started = Instant::now();
        let (store, _dispatcher) = open(Path::new(&dir)).await;
        say(&started.elapsed().as_millis().to_string());
        let due = store.due(SystemClock.now(), OPEN as usize).await.unwrap();
        say(&format!("due {}", due.len()));
    });
}

async fn open(dir: &Path) -> (Arc<dyn Store>, Dispatcher) {
    let (store, keys) = (
        ground::store(dir).await.unwrap(),
        ground::keys(dir).unwrap(),
    );
    let (issuer, clock) = (Arc::new(ground::issuer(dir)), Arc::new(SystemClock));
    let opened = Dispatcher::open(Arc::clone(&store), issuer, Arc::new(keys), clock).await;
    (store, opened.unwrap())
}
