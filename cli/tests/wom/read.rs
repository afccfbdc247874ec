//! `wom adapters` and `wom read` from outside: the program, its lines, its exit codes.

use std::{
    io::Write as _,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

fn wom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wom"));
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .env_remove("WOM_LANG");
    command
}

fn run(arguments: &[&str]) -> Output {
    wom(arguments).output().unwrap()
}

/// Runs with this on standard input.
fn run_with(arguments: &[&str], input: &str) -> Output {
    let mut child = wom(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

fn example(name: &str) -> String {
    format!("{}/../examples/data/{name}", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_example_comes_to_what_a_person_counts() {
    let file = example("activities.json");
    let output = run(&[
        "read",
        "activity.json",
        &file,
        "--zone",
        "Europe/Rome",
        "--json",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let lines = lines(&output);
    assert_eq!(lines.len(), 14);
    assert!(
        lines[..13]
            .iter()
            .all(|line| line["observation"].is_object())
    );
    assert_eq!(lines[0]["observation"]["participant"], "p1");
    assert_eq!(lines[0]["observation"]["start"], "2026-03-02T06:42:10Z");
    let summary = &lines[13]["summary"];
    let days: Vec<_> = summary["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| {
            let minutes = day["minutes"].as_i64().unwrap();
            (
                day["participant"].as_str().unwrap(),
                day["day"].as_str().unwrap(),
                minutes,
            )
        })
        .collect();
    // 23.5 on the bicycle and 46.5 on foot, seen by two devices; the rest stands in the file.
    assert_eq!(
        days,
        [
            ("p1", "2026-03-02", 70),
            ("p1", "2026-03-05", 15),
            ("p2", "2026-03-02", 45),
            ("p2", "2026-03-04", 45),
            ("p2", "2026-03-08", 70),
            ("p3", "2026-03-03", 20),
            ("p3", "2026-03-04", 25),
            ("p4", "2026-03-06", 20),
            ("p4", "2026-03-07", 35),
        ]
    );
    assert_eq!(summary["minutes"], 345);
    assert_eq!(summary["participants"], 4);
    assert_eq!(summary["observations"], 13);
    assert_eq!(summary["refused"], 0);
    assert_eq!(summary["steps"], 4310 + 4390 + 2140);
    assert_eq!(summary["from"], "2026-03-02T06:42:10Z");
    assert_eq!(summary["to"], "2026-03-08T15:10:20Z");

    let csv = run(&[
        "--json",
        "read",
        "activity.csv",
        &example("activities.csv"),
        "--zone",
        "Europe/Rome",
    ]);
    assert_eq!(csv.stdout, output.stdout, "the two examples say the same");
    // In UTC the run over midnight falls on one day.
    let utc = run(&["--json", "read", "activity.json", &file]);
    assert!(stdout(&utc).contains(r#"{"day":"2026-03-03","minutes":45,"participant":"p3"}"#));
}

#[test]
fn nobody_is_named_unless_asked_for() {
    let file = example("activities.json");
    for arguments in [
        ["read", "activity.json", &file].as_slice(),
        &["read", "activity.json", &file, "--json"],
    ] {
        let hidden = run(arguments);
        assert!(!stdout(&hidden).contains("p-001"));
        let shown = wom(arguments).arg("--show-subjects").output().unwrap();
        assert!(stdout(&shown).contains("p-001"));
    }
}

#[test]
fn people_read_findings_in_their_language() {
    let file = example("activities.csv");
    let english = run(&["read", "activity.csv", &file]);
    let english = stdout(&english);
    assert!(
        english.contains("walking, 4310          40:00  the recorded session counts"),
        "{english}"
    );
    assert!(english.contains("minutes: 345"));
    assert!(!english.contains('\u{1b}'), "no colours into a pipe");
    for command in [wom(&["read", "activity.csv", &file, "--lang", "it"]), {
        let mut command = wom(&["read", "activity.csv", &file]);
        command.env("LC_ALL", "it_IT.UTF-8");
        command
    }] {
        let mut command = command;
        let output = command.output().unwrap();
        assert!(stdout(&output).contains("la sessione registrata conta"));
    }
}

#[test]
fn refused_records_are_told_and_the_rest_is_read() {
    let input = r#"{"participant":"a","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"}
{"participant":"a","start":"2026-03-01T10:00:00Z","stop":"2026-03-01T10:30:00Z"}
{"participant":"b","start":"2026-03-01T10:00:00Z","end":"2026-03-01T09:30:00Z"}
"#;
    let output = run_with(&["read", "activity.json", "-", "--json"], input);
    assert!(output.status.success());
    let all = lines(&output);
    let refused: Vec<_> = all.iter().filter_map(|line| line.get("refused")).collect();
    assert_eq!(refused[0]["code"], "unknown_field");
    assert_eq!(refused[0]["line"], 2);
    assert!(
        refused[0]["message"]
            .as_str()
            .unwrap()
            .contains("did you mean end?")
    );
    assert_eq!(refused[1]["field"], "end");
    assert_eq!(all.last().unwrap()["summary"]["refused"], 2);
    assert_eq!(all.last().unwrap()["summary"]["minutes"], 30);
    let output = run_with(&["read", "activity.json", "-"], input);
    assert!(stdout(&output).contains("line 3, record 3: end: is before start"));
}

#[test]
fn what_was_read_before_the_damage_is_shown_and_the_exit_code_is_1() {
    let input = r#"[{"participant":"a","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"},{"part"#;
    let output = run_with(&["read", "activity.json", "-", "--json"], input);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines(&output).last().unwrap()["summary"]["minutes"], 30);
    let error: Value = serde_json::from_str(stderr(&output)).unwrap();
    assert_eq!(error["error"]["code"], "input_truncated");
    assert_eq!(error["error"]["retry"], "never");
    assert!(error["error"]["hint"].is_string());
}

#[test]
fn wrong_commands_say_what_to_do() {
    for (arguments, code, told) in [
        (
            ["read", "activity.jsn", "x"].as_slice(),
            1,
            "did you mean activity.json?",
        ),
        (
            &["read", "activity.json", "/does/not/exist"],
            1,
            "cannot be opened",
        ),
        (&["read", "activity.json", "/"], 1, "cannot be read"),
        (
            &["read", "activity.json", "-", "--set", "zona=UTC"],
            1,
            "did you mean zone?",
        ),
        (
            &["read", "activity.json", "-", "--set", "zone"],
            2,
            "NAME=VALUE",
        ),
        (
            &["read", "activity.json", "-", "--zone", "Roma"],
            2,
            "no such time zone",
        ),
        (
            &["read", "activity.json", "-", "--now", "today"],
            2,
            "2026-03-01T10:00:00Z",
        ),
        (&["read", "activity.json"], 2, "<FILE>"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn now_decides_what_is_still_to_come() {
    let input =
        r#"[{"participant":"a","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"}]"#;
    let minutes = |now: &str| {
        let output = run_with(
            &["read", "activity.json", "-", "--json", "--now", now],
            input,
        );
        lines(&output).last().unwrap()["summary"]["minutes"].clone()
    };
    assert_eq!(minutes("2026-03-01T10:25:00Z"), 30);
    assert_eq!(minutes("2026-03-01T10:00:00Z"), 0);
}

#[test]
fn settings_come_from_a_file_and_the_command_line_stands_above_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("wom.toml");
    let text = "[adapters.\"activity.json\"]\nzone = \"Europe/Rome\"\n\n[rules.\"active-minutes/1\"]\nkinds = [\"walking\"]\n";
    std::fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let input = r#"[{"participant":"a","activity":"walking","start":"2026-03-01T10:00","end":"2026-03-01T10:30"},{"participant":"a","start":"2026-03-01T11:00","end":"2026-03-01T11:30"}]"#;
    let summary = |more: &[&str]| {
        let arguments = [
            &["read", "activity.json", "-", "--json", "--config", config],
            more,
        ]
        .concat();
        lines(&run_with(&arguments, input)).last().unwrap()["summary"].clone()
    };
    assert_eq!(summary(&[])["from"], "2026-03-01T09:00:00Z");
    assert_eq!(
        summary(&[])["minutes"],
        30,
        "the rule set is told what counts"
    );
    assert_eq!(
        summary(&["--set", "zone=UTC"])["from"],
        "2026-03-01T10:00:00Z"
    );
}

#[test]
fn the_adapters_are_listed_with_their_settings() {
    let output = run(&["adapters", "--json"]);
    let all = &lines(&output)[0];
    let adapters = all["adapters"].as_array().unwrap();
    let csv = adapters
        .iter()
        .find(|adapter| adapter["name"] == "activity.csv")
        .unwrap();
    assert_eq!(csv["capabilities"]["read_file"], true);
    assert_eq!(csv["proven"], "real_system");
    assert_eq!(csv["settings"][1]["name"], "zone");
    assert_eq!(all["rules"][0]["name"], "active-minutes/1");
    let merchants = all["merchants"].as_array().unwrap();
    let vendure = merchants
        .iter()
        .find(|merchant| merchant["name"] == "pos.vendure")
        .unwrap();
    assert_eq!(vendure["capabilities"]["apply"], true);
    assert_eq!(vendure["proven"], "real_system");
    let output = run(&["adapters"]);
    let text = stdout(&output);
    for adapter in adapters.iter().chain(merchants) {
        assert!(text.contains(adapter["name"].as_str().unwrap()));
    }
    assert!(text.contains("--set recording=attested [measured|attested|manual|unknown]"));
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let record =
        r#"{"participant":"a","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"}"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.jsonl");
    std::fs::write(&file, format!("{record}\n").repeat(50_000)).unwrap();
    let mut child = wom(&["read", "activity.json", file.to_str().unwrap(), "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}
