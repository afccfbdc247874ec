//! `wom subject`: what is kept about a person is shown to them, and forgotten when they ask.

use std::fs;

use crate::town::{Town, objects};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_and_erases_what_is_kept() {
    let town = Town::new().await;
    let person = |action: &str, id: &str| town.told(&["subject", action, "-"], id);
    let activity = r#"[{"participant": "canary-anna", "key": "walk-1", "activity": "walking",
        "start": "2026-11-02T09:00:00Z", "end": "2026-11-02T09:30:00Z"}]"#;
    town.write("activity.json", activity);
    town.done(&["submit", "activity.json", "activity.json"]);

    let kept = &objects(&person("export", "canary-anna\n"))[0];
    assert_eq!(kept["epochs"][0]["epoch"], "2026-11");
    assert_eq!(kept["epochs"][0]["accounts"][0]["awarded"], 30);
    let none = person("erase", "nobody");
    assert_eq!(none.status.code(), Some(1));
    let refused = town.run(&["subject", "erase", "canary-anna"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("command line"));

    let erased = &objects(&person("erase", "canary-anna"))[0];
    assert_eq!(erased["erased"]["codesGivenUp"], 1);
    let kept = &objects(&person("export", "canary-anna"))[0];
    assert_eq!(kept["epochs"][0]["observations"], serde_json::json!([]));
    // Nothing that was on the disk names the person: not the store, its log, or the keys.
    for entry in fs::read_dir(town.path(".")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() || path.file_name().is_some_and(|name| name == "activity.json") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(6).any(|part| part == b"canary");
        assert!(!found, "{}", path.display());
    }
    // The same file under another name of delivery: the minutes are not awarded again.
    town.write("activity.json", &format!("{activity}\n"));
    let again = town.run(&["submit", "activity.json", "activity.json"]);
    assert!(!String::from_utf8_lossy(&again.stdout).contains("\"otc\""));
}
