//! Killing the writer at any instant: what it reported is there, and nothing is there by half.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use wom_sdk::{
    Timestamp,
    award::{Account, State},
    campaign::Unit,
    store::{AwardRecord, Change, Commit, Committed, Store},
};
use wom_store::SqliteStore;

use crate::{
    child,
    common::{accept, award, award_key, entry, participant},
};

const WORKERS: u64 = 8;
const ROUNDS: u64 = 50;

#[test]
fn child_settles_until_it_is_killed() {
    let Some(path) = child::file() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Arc::new(SqliteStore::open(path).await.unwrap());
        child::say("open");
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| tokio::spawn(settle_for_ever(store.clone(), worker)))
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

/// Settles one participant minute after minute: an entry, the account and an award together, and
/// then a step of the award. Reports each as soon as the store has said that it is done.
async fn settle_for_ever(store: Arc<SqliteStore>, worker: u64) {
    loop {
        let holding = store.participant(participant(worker)).await.unwrap();
        let awarded = holding
            .accounts
            .first()
            .map_or(0, |account| account.awarded);
        let n = u64::from(awarded);
        let commit = Commit {
            change: Some(Change {
                expected: Some(holding.version),
                entries: vec![entry(n)],
                accounts: vec![account(awarded + 1)],
                wake: Some(Timestamp::from_seconds(i64::from(awarded) + 1)),
                ..Change::of(participant(worker))
            }),
            awards: vec![award(worker, n)],
            ..Commit::default()
        };
        assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
        child::say(&format!("settled {worker} {}", awarded + 1));
        let created = AwardRecord {
            version: 2,
            state: State::Created,
            sealed: Some(vec![1; 200]),
            ..award(worker, n)
        };
        assert!(store.advance(&created).await.unwrap());
        child::say(&format!("created {worker} {}", awarded + 1));
        // Besides, a commit that is one statement.
        accept(&store, award(100 + worker, n)).await.unwrap();
        child::say(&format!("accepted {worker} {}", awarded + 1));
    }
}

fn account(awarded: u32) -> Account {
    Account {
        settled: awarded,
        awarded,
        n: awarded,
        ..Account::new("health", Unit::Named("once".into()))
    }
}

/// What children reported: by kind and worker, the numbers.
type Reported = BTreeMap<(String, u64), BTreeSet<u64>>;

#[tokio::test(flavor = "multi_thread")]
async fn kill_at_any_instant_loses_and_halves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let mut numbers = Numbers::seeded();
    let (mut reported, mut died_opening) = (Reported::new(), 0);
    let mut held = vec![0; usize::try_from(WORKERS).unwrap()];
    for round in 0..ROUNDS {
        // Some die while they open, and recover what the one before left; some with the first
        // commits, some with hundreds behind them.
        let lines = if round % 5 == 0 {
            0
        } else {
            1 + numbers.below(300)
        };
        let pause = Duration::from_micros(numbers.below(if lines == 0 { 20_000 } else { 2_000 }));
        let before = reported.clone();
        if !run_and_kill(&path, lines, pause, &mut reported) {
            died_opening += 1;
            assert_eq!(reported, before);
        }
        check(&path, &reported, &mut held).await;
    }
    let commits: usize = reported.values().map(BTreeSet::len).sum();
    println!("{ROUNDS} kills, {died_opening} while opening; {commits} commits reported, 0 lost");
    assert!(commits > 1_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_during_the_first_opening_leaves_a_file_that_opens() {
    let mut numbers = Numbers::seeded();
    for _ in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        let pause = Duration::from_micros(numbers.below(20_000));
        run_and_kill(&path, 0, pause, &mut Reported::new());
        SqliteStore::open(&path).await.unwrap();
    }
}

/// Lets a child write until it has reported so much, and a little longer, and kills it. Returns
/// whether it had opened the store.
fn run_and_kill(path: &Path, lines: u64, pause: Duration, reported: &mut Reported) -> bool {
    let mut writer = child::start("kill::child_settles_until_it_is_killed", path);
    let mut output = BufReader::new(writer.stdout.take().unwrap());
    let (mut opened, mut killed, mut seen) = (false, false, 0);
    let mut line = String::new();
    loop {
        if !killed && seen >= lines {
            std::thread::sleep(pause);
            writer.kill().unwrap();
            killed = true;
        }
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        let Some(said) = child::said(&line) else {
            continue;
        };
        opened = true;
        if let [kind, worker, count] = said.split(' ').collect::<Vec<_>>()[..] {
            seen += 1;
            let name = (kind.to_owned(), worker.parse().unwrap());
            let count = count.parse().unwrap();
            let numbers = reported.entry(name).or_default();
            assert!(
                numbers.last() < Some(&count),
                "it goes on from where it was"
            );
            numbers.insert(count);
        }
    }
    writer.wait().unwrap();
    assert!(killed, "the child ended by itself");
    opened
}

/// Everything that was reported is there, each as a whole, and at most one more of each than was
/// there before or was reported: what a child was doing when it died. `held` is what was there.
async fn check(path: &Path, reported: &Reported, held: &mut [u64]) {
    let store = SqliteStore::open(path).await.unwrap();
    let none = BTreeSet::new();
    let said = |kind: &str, worker| reported.get(&(kind.to_owned(), worker)).unwrap_or(&none);
    for worker in 0..WORKERS {
        let holding = store.participant(participant(worker)).await.unwrap();
        let settled = holding.version;
        let before = &mut held[usize::try_from(worker).unwrap()];
        let known = *said("settled", worker).last().unwrap_or(&0).max(before);
        assert!(
            (known..=known + 1).contains(&settled),
            "{settled} of {known}"
        );
        *before = settled;
        let mut expected: Vec<_> = (0..settled).map(entry).collect();
        expected.sort_by_key(|entry| entry.key);
        assert_eq!(holding.entries, expected);
        let awarded = u32::try_from(settled).unwrap();
        let accounts = (settled > 0).then(|| account(awarded));
        assert_eq!(holding.accounts, Vec::from_iter(accounts));
        let waking = store.waking(Timestamp::from_seconds(i64::from(awarded)), 99);
        let listed = waking.await.unwrap().contains(&participant(worker));
        assert_eq!(listed, settled > 0);

        for n in 1..=settled {
            let held = store
                .award(award_key(worker, n - 1))
                .await
                .unwrap()
                .unwrap();
            match (held.version, &held.state, held.sealed.as_deref()) {
                (1, State::Accepted, None) if !said("created", worker).contains(&n) => {}
                (2, State::Created, Some(sealed)) if sealed == [1; 200] => {}
                _ => panic!("lost, or half a step: {held:?}"),
            }
        }
        let missing = store.award(award_key(worker, settled)).await.unwrap();
        assert_eq!(missing, None, "an award without its account");
        for n in said("accepted", worker) {
            let key = award_key(100 + worker, n - 1);
            assert!(
                store.award(key).await.unwrap().is_some(),
                "an award is lost"
            );
        }
    }
    store.close().await.unwrap();
    assert_sound(path);
}

fn assert_sound(path: &Path) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    let verdict: String = conn.query_row("PRAGMA integrity_check", [], read).unwrap();
    assert_eq!(verdict, "ok");
}

/// Numbers from a seed (SplitMix64), which is printed.
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn seeded() -> Self {
        use std::hash::{BuildHasher as _, RandomState};
        let given = std::env::var("WOM_TEST_SEED").ok();
        let seed = given.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one(()));
        println!("seed {seed}: repeat with WOM_TEST_SEED={seed}");
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
