//! `wom audit`: books that agree, and books that somebody wrote into.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use crate::town::Town;

fn execute(file: &Path, sql: &str) {
    let conn = rusqlite::Connection::open(file).unwrap();
    conn.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}"))
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A copy of a data base, for somebody to write into.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_file(to);
    execute(from, &format!("VACUUM INTO '{}'", to.display()));
}

/// The codes of the differences, and what the audit came to.
fn audit(town: &Town, store: &Path, registry: &Path) -> (BTreeSet<String>, Value) {
    let registry = registry.display().to_string();
    let mut wom = town.wom(&["audit", "--registry-dir", &registry]);
    let output = wom.env("WOM_STORE", store).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut codes = BTreeSet::new();
    for line in text.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        match object.get("difference") {
            Some(difference) => {
                assert!(!difference["hint"].as_str().unwrap().is_empty());
                codes.insert(difference["code"].as_str().unwrap().to_owned());
            }
            None => {
                let audit = object["audit"].clone();
                assert_eq!(audit["agrees"], codes.is_empty());
                let code = if codes.is_empty() { 0 } else { 4 };
                assert_eq!(output.status.code(), Some(code));
                return (codes, audit);
            }
        }
    }
    panic!("{}", String::from_utf8_lossy(&output.stderr));
}

fn set(codes: &[&str]) -> BTreeSet<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// One award of 30 minutes collected, two that wait.
async fn books() -> Town {
    let town = Town::new().await;
    for day in ["2026-03-01", "2026-03-02", "2026-04-03"] {
        let walk =
            format!("participant,activity,start,end\nme,walking,{day}T10:00:00Z,{day}T10:30:00Z\n");
        town.write("walks.csv", &walk);
        town.done(&["submit", "activity.csv", "walks.csv"]);
    }
    town.done(&["outbox", "export", "--to", "one.csv", "--limit", "1"]);
    town
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_agree_say_so() {
    let town = books().await;
    assert_eq!(
        town.refused(&["audit", "--registry-dir", "nowhere"]),
        "input_invalid"
    );
    let (codes, audit) = audit(&town, &town.path("local.db"), &town.path("registry"));
    assert_eq!(codes, set(&[]));
    let sums = &audit["sums"];
    assert_eq!(sums["total"]["minutes"], 90);
    assert_eq!(sums["byState"]["acknowledged"]["awards"], 1);
    assert_eq!(sums["byMonth"]["2026-03"]["H"]["minutes"], 60);
    assert_eq!(sums["awardedMinutes"], 90);
    assert_eq!(
        (&audit["orphans"], &audit["givenUp"]),
        (&0.into(), &0.into())
    );
    assert_eq!(audit["source"], "Test");
    // A Registry that is gone is no difference: it was not asked.
    let mut elsewhere = town.wom(&["audit"]);
    elsewhere.env("WOM_REGISTRY", "http://127.0.0.1:1");
    let output = elsewhere.output().unwrap();
    assert!(output.status.success());
    // People see no codes and no names.
    let output = town.wom(&["audit"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!text.contains("vouchers/") && !text.contains("\"me\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_into_the_store_is_found() {
    let town = books().await;
    let (good, bad) = (town.path("local.db"), town.path("bad.db"));
    let one_offered = "(SELECT min(id) FROM award WHERE state = 'offered')";
    let change = |what: &str| format!("UPDATE award SET {what} WHERE id = {one_offered}");
    for (sql, expected) in [
        (change("content = '[]'"), &["award_damaged", "award_missing", "issued_more"][..]),
        (change("state = 'parked', reason = ''"), &["no_reason"]),
        (change("sealed = NULL"), &["code_missing"]),
        (change("sealed = zeroblob(90)"), &["code_sealed"]),
        (
            change("content = replace(content, '\"minutes\":30', '\"minutes\":131')"),
            &["awarded_without_account", "code_miscounted"],
        ),
        (change("state = 'acknowledged'"), &["not_forgotten"]),
        (
            "DELETE FROM award WHERE state = 'acknowledged'".to_owned(),
            &["award_missing", "issued_more"],
        ),
        ("UPDATE account SET awarded = 1".to_owned(), &["awarded_without_account"]),
        (
            "DELETE FROM account; DELETE FROM entry; DELETE FROM participant".to_owned(),
            &["awarded_without_account"],
        ),
        ("UPDATE account SET unit = unit || 'x'".to_owned(), &["account_damaged"]),
        ("UPDATE account SET n = 0".to_owned(), &["account_miscounted"]),
        ("UPDATE account SET n = 31".to_owned(), &["account_miscounted"]),
        ("UPDATE account SET returned = 5".to_owned(), &["account_miscounted"]),
        ("UPDATE account SET refused = 5".to_owned(), &["refused_not_refused"]),
        ("UPDATE account SET settled = 241".to_owned(), &["account_over_cap"]),
        (
            "UPDATE account SET awarded = 40".to_owned(),
            &["account_overdrawn", "award_missing"],
        ),
        (
            "CREATE TABLE other AS SELECT * FROM award; DROP TABLE award; ALTER TABLE other RENAME TO award;
             INSERT INTO award SELECT * FROM award WHERE state = 'acknowledged'"
                .to_owned(),
            &["award_twice", "collected_not_issued"],
        ),
    ] {
        copy(&good, &bad);
        execute(&bad, &sql);
        let (codes, _) = audit(&town, &bad, &town.path("registry"));
        assert_eq!(codes, set(expected), "{sql}");
    }

    // Other keys than those of the store open nothing.
    let other = town.path("other.json");
    wom_sdk::privacy::FileKeyStore::create(&other).unwrap();
    let mut wom = town.wom(&["audit", "--offline"]);
    let output = wom.env("WOM_KEY_STORE", other).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("code_sealed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_into_the_registry_is_found() {
    let town = books().await;
    let (good, copied) = (town.path("registry"), town.path("copied"));
    fs::create_dir(&copied).unwrap();
    fs::copy(
        good.join("registry-key.pem"),
        copied.join("registry-key.pem"),
    )
    .unwrap();
    let bad = copied.join("registry.db");
    for (sql, expected) in [
        (
            "DELETE FROM voucher; DELETE FROM nonce; DELETE FROM request",
            &["code_unknown", "collected_not_issued"][..],
        ),
        (
            "UPDATE request SET verified_at = NULL",
            &["code_not_good", "collected_not_issued"],
        ),
        (
            "UPDATE voucher SET count = count + 5",
            &["code_miscounted", "issued_more"],
        ),
        (
            "INSERT INTO spent SELECT id, 0 FROM voucher",
            &["registry_contradicts"],
        ),
    ] {
        for left in ["registry.db-wal", "registry.db-shm"] {
            let _ = fs::remove_file(copied.join(left));
        }
        copy(&good.join("registry.db"), &bad);
        execute(&bad, sql);
        let (codes, _) = audit(&town, &town.path("local.db"), &copied);
        assert_eq!(codes, set(expected), "{sql}");
    }
    // What the wire tells of any Registry.
    execute(&good.join("registry.db"), "UPDATE source SET aims = 'E'");
    let (codes, _) = audit(&town, &town.path("local.db"), &good);
    assert_eq!(codes, set(&["aim_refused"]));
    let mut wom = town.wom(&["audit"]);
    let output = wom
        .env("WOM_SOURCE", "65aa0c3be1f0d25c7b9e4411")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("source_unknown"));
}
