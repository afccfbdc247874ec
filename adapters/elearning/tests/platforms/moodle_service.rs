//! `elearning.moodle` pulling from a web service that does what Moodle's does.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{Router, extract::State, routing::post};
use serde_json::{Value, json};
use wom_adapter_elearning::{Moodle, MoodleConfig};
use wom_sdk::{
    Error, Kind,
    instrument::Input,
    observation::{Goal, Trace},
};

use crate::support::{NOW, Outcome, read};

/// What the site answers to a function with these arguments; what it was asked is kept.
type Answers = fn(&str, &BTreeMap<String, String>) -> String;

#[derive(Clone)]
struct Site {
    answers: Answers,
    asked: Arc<Mutex<Vec<BTreeMap<String, String>>>>,
}

async fn answer(State(site): State<Site>, body: String) -> String {
    let arguments: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    site.asked.lock().unwrap().push(arguments.clone());
    assert_eq!(arguments["moodlewsrestformat"], "json");
    if arguments["wstoken"] != "canary-token-new" {
        return json!({
            "exception": "core\\exception\\moodle_exception", "errorcode": "invalidtoken",
            "message": "Invalid token - token not found",
        })
        .to_string();
    }
    (site.answers)(&arguments["wsfunction"], &arguments)
}

struct Pulled {
    outcome: Outcome,
    asked: Vec<BTreeMap<String, String>>,
}

async fn pull(answers: Answers) -> Pulled {
    let site = Site {
        answers,
        asked: Arc::default(),
    };
    let router = Router::new().route("/moodle/webservice/rest/server.php", post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = axum::serve(listener, router.with_state(site.clone()));
    let server = tokio::spawn(server.into_future());
    let dir = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| {
        let file = dir.path().join(name);
        std::fs::write(&file, format!("canary-token-{name}\n")).unwrap();
        file
    });
    let config = MoodleConfig {
        home_page: format!("http://{address}/moodle/"),
        courses: ["3".to_owned()].into(),
        milestones: true,
        secret_files: vec![old, new],
        ..MoodleConfig::default()
    };
    let adapter = Moodle::new(config).unwrap();
    let outcome = read(&adapter, Input::Pull(None)).await;
    server.abort();
    let told = format!("{} {adapter:?}", outcome.told());
    assert!(!told.contains("canary"), "{told}");
    let asked = site.asked.lock().unwrap().clone();
    Pulled { outcome, asked }
}

/// 250 learners and a teacher; each learner did one activity by hand and another by its rules.
fn school(function: &str, arguments: &BTreeMap<String, String>) -> String {
    assert_eq!(arguments["courseid"], "3");
    match function {
        "core_enrol_get_enrolled_users" => {
            assert_eq!(arguments["options[1][value]"], "id,roles");
            let from: u64 = arguments["options[2][value]"].parse().unwrap();
            let count: u64 = arguments["options[3][value]"].parse().unwrap();
            let role = |id| if id == 2 { "editingteacher" } else { "student" };
            let users = (2..=252).skip(from as usize).take(count as usize);
            let users: Vec<_> = users
                .map(|id| json!({"id": id, "roles": [{"shortname": role(id)}]}))
                .collect();
            Value::from(users).to_string()
        }
        "core_completion_get_activities_completion_status" => {
            let status = |cmid: u64, state: u64, tracking: u64| {
                json!({"cmid": cmid, "modname": "quiz", "instance": 1, "state": state,
                    "timecompleted": 1_772_442_000, "tracking": tracking, "overrideby": null})
            };
            let statuses = [status(17, 2, 2), status(18, 1, 1), status(19, 0, 2)];
            json!({"statuses": statuses, "warnings": []}).to_string()
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn every_learners_completions_are_pulled_page_by_page() {
    let Pulled { outcome, asked } = pull(school).await;
    assert_eq!(outcome.cursor.as_ref().unwrap().0, NOW);
    let traces = outcome.traces();
    assert_eq!(traces.len(), 250);
    assert!(!traces.contains_key("2"), "a teacher");
    for traces in traces.values() {
        let [Trace::Milestone { at, goal }] = traces.as_slice() else {
            panic!("{traces:?}");
        };
        assert_eq!((at.as_seconds(), *goal), (1_772_442_000, Goal::Passed));
    }
    assert!(
        outcome
            .clean()
            .iter()
            .all(|one| one.subject.namespace().ends_with("/moodle/"))
    );
    let pages = asked
        .iter()
        .filter(|one| one["wsfunction"] == "core_enrol_get_enrolled_users");
    // Both tokens were tried for each of two pages.
    assert_eq!(pages.count(), 4);
}

#[tokio::test]
async fn what_moodle_refuses_of_one_learner_does_not_stop_the_others() {
    let Pulled { outcome, .. } = pull(|function, arguments| {
        match arguments.get("userid").map(String::as_str) {
            Some("5") => json!({"exception": "moodle_exception", "errorcode": "notenroled", "message": "canary anna is not enrolled"}).to_string(),
            Some("6") => json!({"exception": "moodle_exception", "errorcode": "canary ANNA", "message": ""}).to_string(),
            Some("7") => json!({"warnings": []}).to_string(),
            Some("8") => json!({"statuses": [{"cmid": 1}]}).to_string(),
            _ => school(function, arguments),
        }
    })
    .await;
    assert!(outcome.error.is_none());
    let codes: Vec<_> = outcome
        .refusals
        .iter()
        .map(|refusal| refusal.code)
        .collect();
    assert_eq!(
        codes,
        [
            "service_refused",
            "service_refused",
            "bad_answer",
            "bad_value"
        ]
    );
    assert!(outcome.refusals[0].message.contains("notenroled"));
    assert_eq!(outcome.observations.len(), 246);
}

/// The error of a pull that ends with one.
async fn failed(answers: Answers) -> Error {
    let Pulled { outcome, .. } = pull(answers).await;
    assert!(outcome.cursor.is_none());
    outcome.error.unwrap()
}

#[tokio::test]
async fn a_pull_that_cannot_go_on_says_why_and_keeps_no_cursor() {
    let denied = failed(|_, _| {
        json!({"exception": "webservice_access_exception", "errorcode": "accessexception", "message": ""}).to_string()
    });
    assert_eq!(denied.await.kind(), Kind::AccessDenied);
    let other =
        failed(|_, _| json!({"exception": "e", "errorcode": "invalidparameter"}).to_string()).await;
    assert_eq!(other.kind(), Kind::InputInvalid);
    assert!(other.to_string().contains("invalidparameter"), "{other}");
    for answers in [
        (|_, _| "<html>".to_owned()) as Answers,
        |_, _| "{}".to_owned(),
        |_, _| "[".repeat(1_000_000),
    ] {
        assert_eq!(failed(answers).await.kind(), Kind::InputInvalid);
    }
    let large = failed(|_, _| format!("\"{}\"", "x".repeat(17 << 20))).await;
    assert_eq!(large.kind(), Kind::LimitExceeded);
    // A list without an end ends.
    let endless = pull(|function, arguments| match function {
        "core_enrol_get_enrolled_users" => Value::from(vec![json!({"id": 7}); 200]).to_string(),
        _ => school(function, arguments),
    });
    assert_eq!(endless.await.outcome.observations.len(), 1);
}

#[test]
fn settings_that_cannot_work_are_refused_when_they_are_made() {
    let good = || MoodleConfig {
        home_page: "https://moodle.example.org".to_owned(),
        courses: ["3".to_owned()].into(),
        milestones: true,
        secret_variables: vec!["WOM_NO_SUCH_TOKEN".to_owned()],
        ..MoodleConfig::default()
    };
    let kind = |change: fn(&mut MoodleConfig)| {
        let mut config = good();
        change(&mut config);
        Moodle::new(config).err().map(|error| error.kind())
    };
    assert_eq!(kind(|_| {}), None);
    let bad = Some(Kind::ConfigurationInvalid);
    assert_eq!(
        kind(|config| config.courses = ["three".to_owned()].into()),
        bad
    );
    assert_eq!(kind(|config| config.milestones = false), bad);
    assert_eq!(kind(|config| config.secret_variables.clear()), bad);
    assert_eq!(
        kind(|config| config.home_page = "moodle:site".to_owned()),
        bad
    );
    assert_eq!(
        kind(|config| config.home_page = "https://a:b@moodle.example.org".to_owned()),
        bad
    );
    assert_eq!(
        kind(|config| config.home_page = "https://moodle.example.org/?x".to_owned()),
        bad
    );
    let plain = kind(|config| config.home_page = "http://moodle.example.org".to_owned());
    assert_eq!(plain, Some(Kind::InsecureTransport));
    let danger = kind(|config| {
        config.home_page = "http://moodle.example.org".to_owned();
        config.danger_accept_plain_http = true;
    });
    assert_eq!(danger, None);
}

#[tokio::test]
async fn without_courses_or_a_token_nothing_is_pulled() {
    let adapter = Moodle::new(MoodleConfig::default()).unwrap();
    let error = read(&adapter, Input::Pull(None)).await.error.unwrap();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    let config = MoodleConfig {
        home_page: "https://moodle.example.org".to_owned(),
        courses: ["3".to_owned()].into(),
        milestones: true,
        secret_files: vec![Path::new("/nowhere/token").to_owned()],
        ..MoodleConfig::default()
    };
    let adapter = Moodle::new(config).unwrap();
    let error = read(&adapter, Input::Pull(None)).await.error.unwrap();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}
