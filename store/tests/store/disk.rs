//! Disks that fail: nothing is reported that is not there, and what is there is never altered.

use std::{fs, path::Path};

use wom_sdk::{Kind, store::Store};
use wom_store::SqliteStore;

use crate::{
    child,
    common::{accept, accepted, award, participant},
    kill::Numbers,
};

/// Writes until the disk says no; reports each commit, then how the store behaves from there.
#[test]
fn child_writes_until_the_disk_fails() {
    let Some(path) = child::file() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(&path).await.unwrap();
        let mut done = 0;
        let error = loop {
            match accept(&store, award(1, done)).await {
                Ok(()) => done += 1,
                Err(error) => break error,
            }
            assert!(done < 100_000, "the disk does not fail");
        };
        assert_eq!(error.kind(), Kind::StorageFailed);
        let next = accept(&store, award(2, 0)).await.unwrap_err();
        let read = match store.participant(participant(1)).await {
            Ok(_) => "read".to_owned(),
            Err(error) => error.message().to_owned(),
        };
        // Where there is something to throw away, there is space again.
        let _ = fs::remove_file(path.with_file_name("ballast"));
        let after = match accept(&store, award(3, 0)).await {
            Ok(()) => "done".to_owned(),
            Err(error) => error.message().to_owned(),
        };
        let (error, next) = (error.message(), next.message());
        child::say(&format!("{done}|{error}|{next}|{read}|{after}"));
    });
}

/// What the child said about its end.
fn outcome(child: std::process::Child) -> (u64, [String; 4]) {
    let output = child.wait_with_output().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let said = output.lines().find_map(|line| line.strip_prefix('>'));
    let said: Vec<_> = said.expect("an outcome").split('|').collect();
    let [done, error, next, read, after] = said[..] else {
        panic!("not an outcome: {said:?}");
    };
    (
        done.parse().unwrap(),
        [error, next, read, after].map(str::to_owned),
    )
}

/// A write that fails otherwise than by a full disk: here the limit on a file's size, which the
/// kernel enforces in the middle of a write.
#[cfg(unix)]
#[tokio::test]
async fn after_a_failed_write_the_store_stops_until_it_is_opened_again() {
    for blocks in [450, 451, 500, 850] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        let limits = format!("trap '' XFSZ; ulimit -f {blocks}");
        let part = "disk::child_writes_until_the_disk_fails";
        let (done, [error, next, read, after]) = outcome(child::start_after(&limits, part, &path));
        assert_eq!(error, "the data base failed");
        assert!(next.starts_with("the store has stopped"), "{next}");
        assert_eq!((&read, &after), (&next, &next), "nothing is read either");
        assert!(done > 0);
        let store = SqliteStore::open(&path).await.unwrap();
        let held = accepted(&store, 1).await;
        assert!((done..=done + 1).contains(&held), "{held} of {done}");
        assert_eq!(accepted(&store, 2).await, 0);
        accept(&store, award(2, 0)).await.unwrap();
    }
}

/// A disk that is really full, where the system lets us make a small one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn on_a_full_disk_reads_go_on_and_writes_once_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("disk");
    fs::create_dir(&disk).unwrap();
    let name = disk.display();
    // The small disk is seen by this child and its children only, and goes with them.
    let small = format!(
        "mount -t tmpfs -o size=400k none '{name}' && head -c 100000 /dev/zero > '{name}/ballast'"
    );
    let may = std::process::Command::new("unshare")
        .args(["-rm", "sh", "-c", &small])
        .output();
    if !may.is_ok_and(|output| output.status.success()) {
        println!("LEFT OUT: this system lets us mount no small disk");
        return;
    }
    let first = format!(
        "[ -n \"$SMALL\" ] || SMALL=1 exec unshare -rm sh -c \"{small} && exec \\\"\\$0\\\" \\\"\\$@\\\"\" \"$0\" \"$@\""
    );
    let part = "disk::child_writes_until_the_disk_fails";
    let (done, [error, next, read, after]) =
        outcome(child::start_after(&first, part, &disk.join("wom.db")));
    assert!(done > 0);
    assert_eq!((&*error, &*next), ("the disk is full", "the disk is full"));
    assert_eq!((&*read, &*after), ("read", "done"));
}

/// The log ends where the power went, or was damaged: what is read is what was written up to some
/// point, and never anything else.
#[tokio::test]
async fn a_torn_or_damaged_log_gives_the_commits_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut ends = Vec::new();
    for n in 0..20 {
        accept(&store, award(1, n)).await.unwrap();
        ends.push(log(&path).len());
    }
    let (file, whole) = (fs::read(&path).unwrap(), log(&path));
    drop(store);

    let reads = async |log: &[u8]| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wom.db");
        fs::write(&path, &file).unwrap();
        fs::write(dir.path().join("wom.db-wal"), log).unwrap();
        let store = SqliteStore::open(&path).await.unwrap();
        let held = accepted(&store, 1).await;
        for n in 0..held {
            let key = crate::common::award_key(1, n);
            assert_eq!(store.award(key).await.unwrap(), Some(award(1, n)));
        }
        // It goes on from there.
        accept(&store, award(1, held)).await.unwrap();
        usize::try_from(held).unwrap()
    };
    assert_eq!(reads(&whole).await, 20);
    let mut numbers = Numbers::seeded();
    let mut place = || usize::try_from(numbers.below(whole.len() as u64)).unwrap();
    for _ in 0..40 {
        // Cut off: every commit that ends before the cut is there.
        let cut = place();
        let before = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(reads(&whole[..cut]).await, before, "cut at {cut}");
        // Cut off, and the rest zeros or a repetition of what was before.
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        assert_eq!(reads(&torn).await, before, "zeros from {cut}");
        let mut doubled = whole.clone();
        doubled.extend_from_slice(&whole[whole.len() - whole.len().min(cut + 1)..]);
        assert_eq!(reads(&doubled).await, 20, "a tail of {cut} again");
        // One bit: what is before it stays, and it is never taken for an award.
        let mut flipped = whole.clone();
        flipped[cut] ^= 1 << (cut % 8);
        let held = reads(&flipped).await;
        assert!(held >= before, "{held} of {before}, bit flipped at {cut}");
    }
}

fn log(path: &Path) -> Vec<u8> {
    fs::read(path.with_extension("db-wal")).unwrap()
}
