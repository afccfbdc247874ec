//! `wom selftest`: a small run of it, where the store lies.

use std::fs;

use crate::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn workers_stores_and_registries_are_killed_and_nothing_is_lost() {
    let town = Town::new().await;
    let names = || {
        let entries = fs::read_dir(town.path(".")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let shown = town.done(&["selftest", "--kills", "4", "--seed", "7"]);
    let shown = &shown.last().unwrap()["selftest"];
    assert_eq!(shown["seed"], 7);
    assert_eq!(
        (&shown["kills"], &shown["writerKills"]),
        (&4.into(), &2.into())
    );
    assert!(shown["awards"].as_u64().unwrap() >= 60, "{shown}");
    assert!(shown["minutes"].as_u64() > shown["awards"].as_u64());
    assert_eq!(names(), before, "it tidies up after itself");
    assert_eq!(
        town.refused(&["selftest", "--dir", "nowhere"]),
        "storage_failed"
    );
}
