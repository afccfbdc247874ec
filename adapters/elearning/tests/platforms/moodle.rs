//! `elearning.moodle`.

use serde_json::{Value, json};
use wom_adapter_elearning::{Moodle, MoodleConfig};
use wom_sdk::{
    Kind,
    observation::{Goal, Trace},
};

use crate::support::{read_text, sorted};

const COLUMNS: [&str; 14] = [
    "id",
    "eventname",
    "objectid",
    "edulevel",
    "contextlevel",
    "contextinstanceid",
    "userid",
    "courseid",
    "relateduserid",
    "anonymous",
    "other",
    "timecreated",
    "origin",
    "realuserid",
];

const VIEWED: &str = "\\mod_page\\event\\course_module_viewed";
const COMPLETED: &str = "\\core\\event\\course_module_completion_updated";

/// Rows as the table has them: a morning of user 5, and what does not count.
fn rows() -> Vec<[&'static str; 14]> {
    let passed = r#"{"relateduserid":5,"overrideby":null,"completionstate":2}"#;
    let ticked = r#"{"relateduserid":5,"overrideby":null,"completionstate":1}"#;
    let by_teacher = r#"{"relateduserid":6,"overrideby":2,"completionstate":2}"#;
    let by_task = "\\core\\event\\course_completed";
    vec![
        [
            "1",
            "\\core\\event\\course_viewed",
            "",
            "2",
            "50",
            "31",
            "5",
            "3",
            "",
            "0",
            "N;",
            "1772442000",
            "web",
            "",
        ],
        [
            "2",
            VIEWED,
            "4",
            "2",
            "70",
            "17",
            "5",
            "3",
            "",
            "0",
            "N;",
            "1772442060",
            "web",
            "",
        ],
        [
            "5",
            VIEWED,
            "4",
            "2",
            "70",
            "18",
            "5",
            "3",
            "",
            "0",
            "null",
            "1772442660",
            "ws",
            "",
        ],
        [
            "4",
            VIEWED,
            "4",
            "2",
            "70",
            "17",
            "5",
            "3",
            "",
            "0",
            "N;",
            "1772442120",
            "cli",
            "",
        ],
        [
            "6",
            VIEWED,
            "4",
            "2",
            "70",
            "17",
            "1",
            "3",
            "",
            "0",
            "N;",
            "1772442180",
            "web",
            "",
        ],
        [
            "7",
            VIEWED,
            "4",
            "2",
            "70",
            "17",
            "5",
            "3",
            "",
            "0",
            "N;",
            "1772442180",
            "web",
            "2",
        ],
        [
            "8",
            "\\core\\event\\user_graded",
            "4",
            "1",
            "50",
            "31",
            "2",
            "3",
            "5",
            "0",
            "N;",
            "1772442180",
            "web",
            "",
        ],
        [
            "9",
            COMPLETED,
            "4",
            "2",
            "70",
            "18",
            "2",
            "3",
            "5",
            "0",
            passed,
            "1772442661",
            "web",
            "",
        ],
        [
            "10",
            COMPLETED,
            "4",
            "2",
            "70",
            "17",
            "5",
            "3",
            "5",
            "0",
            ticked,
            "1772442662",
            "web",
            "",
        ],
        [
            "11",
            COMPLETED,
            "4",
            "2",
            "70",
            "18",
            "2",
            "3",
            "6",
            "0",
            by_teacher,
            "1772442663",
            "web",
            "",
        ],
        [
            "12",
            by_task,
            "4",
            "2",
            "50",
            "31",
            "0",
            "3",
            "5",
            "0",
            "N;",
            "1772442900",
            "cli",
            "",
        ],
    ]
}

fn csv() -> String {
    let quoted = |cell: &&str| format!("\"{}\"", cell.replace('"', "\"\""));
    let row = |row: &[&str; 14]| row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\r\n";
    COLUMNS.join(",") + "\r\n" + &rows().iter().map(row).collect::<String>()
}

fn json_lines() -> String {
    let value = |cell: &str| match cell.parse::<u64>() {
        Ok(number) => json!(number),
        Err(_) if cell.is_empty() => Value::Null,
        Err(_) => json!(cell),
    };
    let row = |row: &[&str; 14]| {
        let members = COLUMNS.iter().zip(row);
        let object: Value = members
            .map(|(name, cell)| ((*name).to_owned(), value(cell)))
            .collect();
        format!("{object}\n")
    };
    rows().iter().map(row).collect()
}

fn adapter(milestones: bool) -> Moodle {
    let config = MoodleConfig {
        milestones,
        ..MoodleConfig::default()
    };
    Moodle::new(config).unwrap()
}

#[tokio::test]
async fn a_morning_is_its_points_whichever_way_the_log_was_exported() {
    let from_csv = read_text(&adapter(false), csv()).await;
    let traces = from_csv.traces();
    let seconds: Vec<_> = traces["5"]
        .iter()
        .map(|trace| trace.span().start().as_seconds() - 1_772_442_000)
        .collect();
    assert_eq!(seconds, [0, 60, 660]);
    assert_eq!(traces.len(), 1);
    let from_json = read_text(&adapter(false), json_lines()).await.clean();
    assert_eq!(sorted(from_json), sorted(from_csv.clean()));
}

#[tokio::test]
async fn milestones_are_what_no_learner_can_tick() {
    let outcome = read_text(&adapter(true), csv()).await;
    let goals: Vec<_> = outcome.traces()["5"]
        .iter()
        .filter_map(|trace| match trace {
            Trace::Milestone { goal, .. } => Some(*goal),
            _ => None,
        })
        .collect();
    assert_eq!(goals, [Goal::Passed, Goal::Course]);
    assert!(!outcome.traces().contains_key("6"));
}

#[tokio::test]
async fn order_and_repetition_change_nothing() {
    let once = read_text(&adapter(true), csv()).await.traces();
    let text = csv();
    let (header, rows) = text.split_once("\r\n").unwrap();
    let mut turned: Vec<_> = rows.lines().chain(rows.lines()).collect();
    turned.reverse();
    let turned = format!("{header}\n{}", turned.join("\n"));
    assert_eq!(read_text(&adapter(true), turned).await.traces(), once);
}

#[tokio::test]
async fn the_download_of_a_report_is_refused_with_what_to_export() {
    let report = "Time,\"User full name\",\"Affected user\",\"Event context\",Component,\"Event name\",Description,Origin,\"IP address\"\n";
    for text in [report, "id,eventname\n", "nothing"] {
        let error = read_text(&adapter(false), text).await.error.unwrap();
        assert_eq!(error.kind(), Kind::InputInvalid);
        assert!(
            error.advice().unwrap().contains("logstore_standard_log"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn bad_rows_are_refused_and_the_rest_is_read() {
    let good = "3,\\e,,2,70,17,5,3,,0,N;,1772442000,web,";
    let cases = [
        (good.replace("17,5,", "17,anna,"), "bad_value"),
        (good.replace("1772442000", "02/03/26, 09:00"), "bad_csv"),
        (good.replace("1772442000", "2026-03-02"), "bad_time"),
        (good.replace("1772442000", "1872442000"), "future"),
        (good.replace("3,\\e", "3,"), "missing_field"),
        (good.replace("N;", &"x".repeat(70_000)), "too_large"),
    ];
    let rows: String = cases
        .iter()
        .map(|(row, _)| format!("{row}\n{good}\n"))
        .collect();
    let outcome = read_text(&adapter(false), format!("{}\n{rows}", COLUMNS.join(","))).await;
    let codes: Vec<_> = outcome.codes().into_iter().map(|(code, _)| code).collect();
    assert_eq!(
        codes,
        cases.iter().map(|(_, code)| *code).collect::<Vec<_>>()
    );
    assert_eq!(outcome.observations.len(), cases.len());
    assert!(!outcome.told().contains("anna"));

    let lines = format!(
        "{{\"id\": 1\n{}\n{{\"a\": [}}\n",
        json_lines().lines().next().unwrap()
    );
    let outcome = read_text(&adapter(false), lines).await;
    assert_eq!(outcome.codes(), [("bad_json", 1), ("bad_json", 3)]);
    assert_eq!(outcome.observations.len(), 1);
}
