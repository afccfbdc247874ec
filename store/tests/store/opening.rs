//! Opening: one at a time, and only what is ours.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    time::Duration,
};

use wom_sdk::{Error, Kind, store::Store};
use wom_store::SqliteStore;

use crate::{
    child,
    common::{accept, accepted, award},
};

async fn refused(path: &Path) -> Error {
    let error = SqliteStore::open(path).await.unwrap_err();
    assert!(error.advice().is_some(), "say what to do: {error}");
    error
}

fn sql(path: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_second_store_of_this_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let error = refused(&path).await;
    assert_eq!(error.kind(), Kind::StoreLocked);
    assert!(error.to_string().contains("wom.db"), "{error}");
    #[cfg(unix)]
    {
        // Another name for the same file is no way around.
        let link = dir.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(refused(&link).await.kind(), Kind::StoreLocked);
    }
    accept(&store, award(1, 0)).await.unwrap();
    store.close().await.unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(accepted(&store, 1).await, 1);
}

#[test]
fn child_holds_the_store() {
    let Some(path) = child::file() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _store = runtime.block_on(SqliteStore::open(path)).unwrap();
    child::say("open");
    // Until the parent lets go of us, or kills us.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_waits_until_the_store_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let mut holder = child::start("opening::child_holds_the_store", &path);
    let output = BufReader::new(holder.stdout.take().unwrap());
    let opened = output
        .lines()
        .map_while(Result::ok)
        .any(|line| line == ">open");
    assert!(opened, "the child opened the store");
    assert_eq!(refused(&path).await.kind(), Kind::StoreLocked);
    let soon = Duration::from_millis(30);
    let error = SqliteStore::open_waiting(&path, soon).await.unwrap_err();
    assert_eq!(error.kind(), Kind::StoreLocked);

    let late = Duration::from_secs(60);
    let waiting = tokio::spawn({
        let path = path.clone();
        async move { SqliteStore::open_waiting(path, late).await }
    });
    tokio::task::yield_now().await;
    holder.kill().unwrap();
    holder.wait().unwrap();
    let store = waiting.await.unwrap().unwrap();
    assert!(store.numbers().await.unwrap().awards.is_empty());
}

#[tokio::test]
async fn files_of_others_are_refused_and_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let check = async |name: &str| {
        let path = dir.path().join(name);
        let before = fs::read(&path).unwrap();
        let error = refused(&path).await;
        assert_eq!(error.kind(), Kind::StoreMismatch, "{name}: {error}");
        assert_eq!(fs::read(&path).unwrap(), before, "{name}");
        for beside in ["-wal", "-shm", "-journal"] {
            assert!(!dir.path().join(format!("{name}{beside}")).exists());
        }
        error.to_string()
    };
    let other = "CREATE TABLE t (a); INSERT INTO t VALUES (1);";
    sql(&dir.path().join("plain.db"), other);
    assert!(check("plain.db").await.contains("another program"));
    let marked = format!("{other} PRAGMA application_id = 77;");
    sql(&dir.path().join("marked.db"), &marked);
    check("marked.db").await;
    let wal = format!("PRAGMA journal_mode = WAL; {other}");
    sql(&dir.path().join("wal.db"), &wal);
    check("wal.db").await;

    let mut bytes = vec![0x5a; 5000];
    for (name, length) in [("long", 5000), ("page", 4096), ("short", 7), ("one", 1)] {
        fs::write(dir.path().join(name), &bytes[..length]).unwrap();
        assert!(check(name).await.contains("not a store"));
    }
    bytes[..16].copy_from_slice(b"SQLite format 3\0");
    fs::write(dir.path().join("magic"), &bytes).unwrap();
    check("magic").await;
    bytes[68..72].copy_from_slice(b"WOMS");
    fs::write(dir.path().join("mark"), &bytes).unwrap();
    assert!(check("mark").await.contains("not a store"));
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    SqliteStore::open(&path)
        .await
        .unwrap()
        .close()
        .await
        .unwrap();
    sql(&path, "PRAGMA user_version = 99");
    let before = fs::read(&path).unwrap();
    let error = refused(&path).await;
    assert_eq!(error.kind(), Kind::StoreMismatch);
    assert!(error.to_string().contains("version 99, known 5"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    sql(&path, "PRAGMA user_version = -1");
    assert_eq!(refused(&path).await.kind(), Kind::StoreMismatch);
    sql(&path, "PRAGMA user_version = 5");
    SqliteStore::open(&path).await.unwrap();
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    fs::write(&path, "").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    accept(&store, award(1, 0)).await.unwrap();
    drop(store);
    // The mark is in the file itself, not only in its log.
    assert_eq!(fs::read(&path).unwrap()[68..72], *b"WOMS");
    assert_eq!(
        accepted(&SqliteStore::open(&path).await.unwrap(), 1).await,
        1
    );
}

#[tokio::test]
async fn a_folder_that_is_missing_or_may_not_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let error = refused(&dir.path().join("none/wom.db")).await;
    assert_eq!(error.kind(), Kind::StorageFailed);
    assert!(error.to_string().contains("make the folder"), "{error}");
    assert_eq!(refused(dir.path()).await.kind(), Kind::StorageFailed);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o555)).unwrap();
        let anybody_may = fs::write(folder.join("probe"), "").is_ok();
        // The superuser is let in everywhere, but the kernel's own folder takes no file of anybody.
        let folder = if anybody_may {
            Path::new("/sys/kernel")
        } else {
            &folder
        };
        if !folder.exists() {
            println!("LEFT OUT: there is no folder here that may not be written");
            return;
        }
        let error = refused(&folder.join("wom.db")).await;
        assert_eq!(error.kind(), Kind::StorageFailed);
        assert!(
            error.to_string().contains("let this program write"),
            "{error}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(dir.path().join("wom.db")).await.unwrap();
    accept(&store, award(1, 0)).await.unwrap();
    for name in ["wom.db", "wom.db-wal", "wom.db-shm"] {
        let mode = fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}
