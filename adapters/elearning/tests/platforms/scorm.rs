//! `elearning.scorm`.

use std::process::Command;

use serde_json::{Value, json};
use wom_adapter_elearning::{Scorm, ScormConfig, StudyMinutes};
use wom_sdk::{
    observation::{Goal, Merged, Trace},
    rules::RuleSet as _,
};

use crate::support::{NOW, data, read_text};

fn adapter(milestones: bool) -> Scorm {
    let config = ScormConfig {
        milestones,
        ..ScormConfig::default()
    };
    Scorm::new(config).unwrap()
}

/// A line of the LMS about a launch at nine.
fn line(session: &str, end: &str, commit: &Value) -> String {
    let line = json!({
        "learner": "42", "activity": "safety/sco-1", "session": session,
        "start": "2026-03-02T09:00:00Z", "end": format!("2026-03-02T{end}Z"), "commit": commit,
    });
    format!("{line}\n")
}

/// What the learner's time is worth at most, and what was reached.
fn worth(traces: &[Trace]) -> (Vec<i64>, Vec<Goal>) {
    let (mut seconds, mut goals) = (Vec::new(), Vec::new());
    for trace in traces {
        match trace {
            Trace::Seconds { within, millis } => seconds.push(within.millis().min(*millis) / 1000),
            Trace::Milestone { goal, .. } => goals.push(*goal),
            other => panic!("{other:?}"),
        }
    }
    goals.sort_unstable();
    (seconds, goals)
}

#[tokio::test]
async fn what_a_runtime_commits_is_worth_what_the_session_took() {
    let capture: Value = serde_json::from_str(&data("scorm-again-capture.json")).unwrap();
    for (commit, end, expected) in [
        (
            "scorm12_commit_json",
            "09:26:00",
            (1500, vec![Goal::Passed]),
        ),
        ("scorm12_object", "09:26:00", (1500, vec![Goal::Passed])),
        ("scorm12_cmi", "09:20:00", (1200, vec![Goal::Passed])),
        (
            "scorm2004_object",
            "10:30:00",
            (3930, vec![Goal::Completed, Goal::Passed]),
        ),
        (
            "scorm2004_commit_json",
            "09:30:00",
            (1800, vec![Goal::Completed, Goal::Passed]),
        ),
    ] {
        let line = line("s", end, &capture[commit]);
        let outcome = read_text(&adapter(true), line.clone()).await;
        let found = worth(&outcome.traces()["42"]);
        assert_eq!(found, (vec![expected.0], expected.1), "{commit}");
        let outcome = read_text(&adapter(false), line).await;
        assert_eq!(outcome.clean().len(), 1);
    }
}

#[tokio::test]
async fn the_last_commit_of_a_session_holds_and_sessions_add_up() {
    let commit = |time: &str| json!({"cmi": {"core": {"session_time": time}}});
    let first = line("a", "09:12:40", &commit("0000:12:30.50"));
    let last = line("a", "09:25:10", &commit("0000:25:00"));
    let other = line("b", "09:12:40", &commit("0000:05:00"));
    for order in [
        [&first, &last, &other],
        [&last, &other, &first],
        [&other, &last, &last],
    ] {
        let text: String = order.into_iter().map(String::as_str).collect();
        let outcome = read_text(&adapter(false), text).await;
        let (mut seconds, _) = worth(&outcome.traces()["42"]);
        seconds.sort_unstable();
        assert_eq!(seconds, [300, 1500]);
    }
}

#[tokio::test]
async fn bad_lines_are_refused_and_the_rest_is_read() {
    let good = line("a", "09:25:10", &json!({"cmi": {"session_time": "PT25M"}}));
    let long = line(
        "a",
        "09:25:10",
        &json!({"cmi": {"suspend_data": "x".repeat(1 << 20)}}),
    );
    let colon = good.replace("PT25M", "00:25:00");
    let text = format!("{{\n{good}\n{long}{colon}{good}");
    let outcome = read_text(&adapter(false), text).await;
    assert_eq!(
        outcome.codes(),
        [("bad_json", 1), ("too_large", 4), ("bad_duration", 5)]
    );
    assert_eq!(outcome.observations.len(), 2);
}

/// Content and LMS are ours, the runtime between them is the one that many LMSs use.
#[tokio::test]
#[ignore = "needs Node and scorm-again: see tests/scorm/runtime.mjs"]
async fn scorm_a_real_runtimes_commits_are_worth_what_the_launches_lasted() {
    let modules = std::env::var("WOM_SCORM").expect("WOM_SCORM names the folder with scorm-again");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scorm/runtime.mjs");
    let output = Command::new("node")
        .args([script, &modules])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let outcome = read_text(&adapter(true), output.stdout).await;
    let (seconds, goals) = worth(&outcome.traces()["canary-lea"]);
    // 25 minutes, whose commit in between was replaced; of a claim of an hour the ten that passed.
    assert_eq!(seconds, [1500, 600]);
    assert_eq!(goals, [Goal::Completed, Goal::Passed]);
    let told = outcome.told();
    assert!(!told.contains("canary"), "{told}");
    let entries = outcome.clean().into_iter().map(|one| one.into_entry().1);
    let merged: Merged = entries.collect();
    let judgement = StudyMinutes::default().judge(&merged.open(), NOW.parse().unwrap());
    assert_eq!(judgement.time().minutes(), 35);
}
