//! Awards that nobody collects by a tap: listed, shown, and written to files.

use std::{fs, path::Path};

use crate::town::Town;

#[cfg(unix)]
fn private(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
}

#[cfg(not(unix))]
fn private(path: &Path) -> bool {
    path.exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_listed_shown_and_written_to_a_file_once() {
    let town = Town::new().await;
    assert_eq!(town.refused(&["outbox", "list"]), "input_invalid");
    town.submit();
    let waiting = town.waiting();
    assert_eq!(waiting.len(), 3);
    let award = &waiting[0]["award"];
    assert_eq!(award["reasons"][0]["aim"], "H");
    let key = award["key"].as_str().unwrap();

    // No code without being asked for by name.
    let shown = String::from_utf8(town.run(&["outbox", "show", &key[..8]]).stdout).unwrap();
    assert!(shown.contains(key) && !shown.contains("pin") && !shown.contains("vouchers/"));
    let revealed = town.done(&["outbox", "show", key, "--reveal"]);
    let pin = revealed[0]["pin"].as_str().unwrap();
    assert_eq!(town.refused(&["outbox", "show", "abc"]), "input_invalid");
    assert_eq!(
        town.refused(&["outbox", "list", "--state", "late"]),
        "input_invalid"
    );

    let kept = town.done(&[
        "outbox", "export", "--to", "kept.csv", "--keep", "--limit", "2",
    ]);
    assert_eq!(kept.last().unwrap()["exported"]["count"], 2);
    assert_eq!(town.waiting().len(), 3);
    let written = town.done(&["outbox", "export", "--to", "all.csv"]);
    assert_eq!(written.last().unwrap()["exported"]["count"], 3);
    let lines = fs::read_to_string(town.path("all.csv")).unwrap();
    assert_eq!(lines.lines().count(), 4);
    assert!(lines.contains(key) && lines.contains(pin));
    assert!(private(&town.path("all.csv")));
    assert!(town.waiting().is_empty());
    assert_eq!(
        town.refused(&["outbox", "show", key, "--reveal"]),
        "input_invalid"
    );
    let none = town.done(&["outbox", "export", "--to", "all.csv"]);
    assert_eq!(none.last().unwrap()["exported"]["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn slips_are_never_written_over() {
    let town = Town::new().await;
    town.submit();
    assert_eq!(
        town.refused(&["outbox", "export", "--to", "codes.txt"]),
        "input_invalid"
    );
    fs::write(town.path("old.pdf"), "%PDF").unwrap();
    assert_eq!(
        town.refused(&["outbox", "export", "--to", "old.pdf"]),
        "input_invalid"
    );
    assert_eq!(town.waiting().len(), 3);
    let exported = town.done(&[
        "outbox",
        "export",
        "--to",
        "new.pdf",
        "--title",
        "Camminate",
        "--language",
        "it",
    ]);
    assert_eq!(exported.last().unwrap()["exported"]["count"], 3);
    let pdf = fs::read(town.path("new.pdf")).unwrap();
    assert!(pdf.starts_with(b"%PDF") && private(&town.path("new.pdf")));
    assert!(town.waiting().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_rules_hold_waits_for_a_person_and_is_kept_when_it_is_refused() {
    let town = Town::new().await;
    // Half an hour of walking, and two days of a rhythm as even as a machine's.
    let mut file = String::from("participant,activity,start,end,steps\n");
    file.push_str("me,walking,2026-03-01T08:00:00Z,2026-03-01T08:30:00Z,\n");
    for day in ["2026-03-01", "2026-03-02"] {
        for minute in 10..50 {
            let end = minute + 1;
            file.push_str(&format!(
                "me,stepping,{day}T10:{minute}:00Z,{day}T10:{end}:00Z,117\n"
            ));
        }
    }
    fs::write(town.path("steps.csv"), file).unwrap();
    let submitted = town.done(&["submit", "activity.csv", "steps.csv"]);
    let summary = &submitted.last().unwrap()["summary"];
    assert_eq!(
        (&summary["awarded"], &summary["held"]),
        (&30.into(), &80.into()),
        "{summary}"
    );

    let held = town.done(&["review", "list"]);
    assert_eq!(held.len(), 2, "{held:?}");
    for award in &held {
        assert_eq!(award["award"]["reason"], "equal_values");
        assert_eq!(award["award"]["minutes"], 40);
    }
    let key = |index: usize| held[index]["award"]["key"].as_str().unwrap();
    // People read why, in their language.
    for (language, words) in [
        ("en", "exactly the same number"),
        ("it", "lo stesso numero"),
    ] {
        for shown in [
            &["--lang", language, "review", "list"][..],
            &["--lang", language, "outbox", "list"],
            &["--lang", language, "outbox", "show", key(0)],
        ] {
            let told = String::from_utf8(town.for_people(shown).stdout).unwrap();
            assert!(told.contains(words), "{shown:?}: {told}");
            assert!(!told.contains("equal_values"), "{told}");
        }
    }
    assert_eq!(town.refused(&["outbox", "retry", key(0)]), "input_invalid");
    assert_eq!(
        town.refused(&["review", "accept", key(0), "000000000"]),
        "input_invalid"
    );

    town.done(&["review", "refuse", key(0)]);
    town.done(&["review", "accept", key(1)]);
    assert!(town.done(&["review", "list"]).is_empty());
    assert_eq!(town.refused(&["outbox", "retry", key(0)]), "input_invalid");
    // The same file changes nothing, and hands over what was accepted.
    town.done(&["submit", "activity.csv", "steps.csv"]);
    let exported = town.done(&["outbox", "export", "--to", "codes.csv"]);
    assert_eq!(exported.last().unwrap()["exported"]["minutes"], 70);

    let refused = town.done(&["review", "list", "--refused"]);
    assert_eq!(refused[0]["award"]["key"], key(0));
    town.done(&["review", "accept", key(0)]);
    let exported = town.done(&["outbox", "export", "--to", "codes.csv"]);
    assert_eq!(exported.last().unwrap()["exported"]["minutes"], 40);
    assert_eq!(town.registry.books().await.unwrap().total.issued, 110);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_paid_if_other_records_show_it_and_not_twice() {
    let town = Town::new().await;
    let mut file = String::from("participant,activity,start,end,steps\n");
    for minute in 10..50 {
        let end = minute + 1;
        file.push_str(&format!(
            "me,stepping,2026-03-01T10:{minute}:00Z,2026-03-01T10:{end}:00Z,117\n"
        ));
    }
    fs::write(town.path("steps.csv"), file).unwrap();
    town.done(&["submit", "activity.csv", "steps.csv"]);
    let held = town.done(&["review", "list"]);
    let key = held[0]["award"]["key"].as_str().unwrap();
    town.done(&["review", "refuse", key]);

    // A watch saw most of the same walk: nothing in doubt. It comes twice.
    town.write(
        "watch.csv",
        "participant,activity,start,end\nme,walking,2026-03-01T10:10:00Z,2026-03-01T10:40:00Z\n",
    );
    for awarded in [30, 0] {
        let submitted = town.done(&["submit", "activity.csv", "watch.csv", "--acknowledge"]);
        assert_eq!(submitted.last().unwrap()["summary"]["awarded"], awarded);
        assert!(town.done(&["review", "list"]).is_empty());
    }
    assert_eq!(town.refused(&["review", "accept", key]), "input_invalid");
    assert_eq!(town.registry.books().await.unwrap().total.issued, 30);
    let audit = town.done(&["audit", "--registry-dir", "registry"]);
    assert_eq!(audit.last().unwrap()["audit"]["agrees"], true);
}
