//! Learners: who they are, and what they studied, through every adapter of a learning platform, with
//! records that are good and records that are wrong in each of their fields.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, sync::Arc};

use axum::Router;
use serde_json::{Value, json};
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Clock as _, Result, Span, SystemClock, Timestamp, Zone,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Submission, Watcher},
    instrument::{Input, Refusal},
    privacy::FileKeyStore,
    store::Store,
};
use wom_store::SqliteStore;

use crate::{
    DAY_MS,
    traces::{assert_absent, assert_no_trace, log},
};

const MAILBOX: &str = "canary-mail-4417@example.org";
/// printf 'mailto:canary-mail-4417@example.org' | sha1sum
const MAILBOX_SUM: &str = "365e22d7480ea97bcc34d432dccbd0a005b788e3";
const NAME: &str = "Canary-Name-Pia";
const ACCOUNT: &str = "canary-account-7391";
/// A number of Moodle's and Open edX's.
const USER: u64 = 7_391_552_194_417;
const PUPIL: &str = "canary_pupil_8831";
const FACILITY: &str = "Canary-School-6620";
const PLATFORM: &str = "https://canary-platform.example";
const ITEM: &str = "canary-item-3305";
const SESSION: &str = "canary-session-9078";
const PASSWORD: &str = "canary-password-5512";

/// Keeps all that a watcher is told, and the codes.
#[derive(Default)]
struct Told {
    text: String,
    codes: BTreeSet<&'static str>,
}

impl Watcher for Told {
    fn refused(&mut self, refusal: &Refusal) {
        write!(self.text, "{refusal} {refusal:?}").unwrap();
        self.codes.insert(refusal.code);
    }
}

impl Told {
    fn note(&mut self, submission: Result<Submission>) -> u64 {
        match submission {
            Ok(submission) => {
                write!(self.text, "{submission:?}").unwrap();
                submission.observations
            }
            Err(error) => {
                let context: Vec<_> = error.context().collect();
                let words = (error.to_string(), error.advice(), context);
                write!(self.text, "{error:?} {words:?}").unwrap();
                self.codes.insert("error");
                0
            }
        }
    }

    /// What was refused, since it was last asked.
    fn codes(&mut self) -> Vec<&'static str> {
        std::mem::take(&mut self.codes).into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_learner_is_logged_told_or_kept() {
    let lines = log();
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("sdk");
    fs::create_dir(&dir).unwrap();
    let sqlite = Arc::new(SqliteStore::open(dir.join("wom.db")).await.unwrap());
    let collector = collector(Arc::clone(&sqlite) as _, &dir);
    let served = serve().await;
    let secret = folder.path().join("secret");
    fs::write(&secret, PASSWORD).unwrap();
    let mut told = Told::default();

    let home_page = ("home_page", "https://site.example".to_owned());
    let milestones = ("milestones", "true".to_owned());
    let credentials = ("secret_files", secret.display().to_string());
    let endpoint = ("endpoint", format!("{served}/lrs"));
    let username = ("username", ACCOUNT.to_owned());
    let lrs = [milestones.clone(), endpoint, credentials.clone(), username];
    let courses = ("courses", "3".to_owned());
    let site = ("home_page", served);
    let moodle = [milestones.clone(), site, credentials, courses];
    let kolibri = kolibri_database(folder.path());

    for (adapter, settings, inputs, refused) in [
        (
            "elearning.xapi",
            lrs.to_vec(),
            vec![statements(), cut_off(), Input::Pull(None)],
            vec![
                "bad_actor",
                "bad_duration",
                "bad_json",
                "bad_statement",
                "bad_time",
                "error",
                "future",
                "group_actor",
                "missing_field",
                "more_elsewhere",
            ],
        ),
        (
            "elearning.cmi5",
            lrs.to_vec(),
            vec![statements(), Input::Pull(None)],
            vec![
                "bad_actor",
                "bad_duration",
                "bad_json",
                "bad_statement",
                "bad_time",
                "error",
                "future",
                "group_actor",
                "missing_field",
                "more_elsewhere",
                "not_cmi5",
            ],
        ),
        (
            "elearning.scorm",
            vec![milestones.clone(), home_page.clone()],
            vec![commits()],
            vec![
                "bad_duration",
                "bad_json",
                "bad_time",
                "bad_value",
                "missing_field",
            ],
        ),
        (
            "elearning.kolibri",
            vec![milestones.clone()],
            vec![visits(), kolibri, other_database(folder.path())],
            vec!["bad_time", "bad_value", "error", "missing_field"],
        ),
        (
            "elearning.openedx",
            vec![milestones, home_page],
            vec![tracking()],
            vec!["bad_json", "bad_time", "future"],
        ),
        (
            "elearning.moodle",
            moodle.to_vec(),
            vec![views(), Input::Pull(None)],
            vec!["bad_json", "bad_time", "bad_value", "error"],
        ),
    ] {
        let adapter = Catalog::standard()
            .instrument(adapter, &Settings::from_texts(settings))
            .unwrap();
        write!(told.text, "{adapter:?}").unwrap();
        let name = adapter.info().name;
        let pulling = collector.clone().with_source(name, Arc::clone(&adapter));
        let mut observations = 0;
        for input in inputs {
            observations += match input {
                Input::Pull(_) => {
                    // What is refused there is only counted.
                    let submission = pulling.submit(&*adapter, input, None, &mut told).await;
                    told.note(pulling.pull(name).await);
                    told.note(submission)
                }
                input => {
                    let submission = collector.submit(&*adapter, input, None, &mut told).await;
                    told.note(submission)
                }
            };
        }
        assert!(observations > 0, "{name}");
        assert_eq!(told.codes(), refused, "{name}");
    }

    let secrets: Vec<(&str, String)> = [
        ("mailbox", MAILBOX),
        ("mailbox's sum", MAILBOX_SUM),
        ("name", NAME),
        ("account", ACCOUNT),
        ("user", &USER.to_string()),
        ("pupil", PUPIL),
        ("facility", FACILITY),
        ("platform", PLATFORM),
        ("item", ITEM),
        ("session", SESSION),
        ("password", PASSWORD),
    ]
    .map(|(what, secret)| (what, secret.to_owned()))
    .to_vec();
    let log = lines.so_far();
    assert!(log.len() > 2_000, "nothing was logged at all");
    for (what, secret) in &secrets {
        assert_absent(&log, what, secret, "the log");
        assert_absent(told.text.as_bytes(), what, secret, "what was told");
    }
    assert_no_trace(&dir, &secrets);
    sqlite.close().await.unwrap();
    assert_no_trace(&dir, &secrets);
}

fn collector(store: Arc<dyn Store>, dir: &Path) -> Collector {
    let now = SystemClock.now();
    let campaign = Campaign {
        name: "study".to_owned(),
        zone: Zone::UTC,
        runs: Span::new(now.plus_millis(-30 * DAY_MS), now.plus_millis(30 * DAY_MS)).unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("study", "E".parse().unwrap())],
        collect: Collect::AtOnce,
    };
    let rules = Settings::from_texts([("passed_minutes", "60"), ("completed_minutes", "60")]);
    Collector::new(
        store,
        Arc::new(FileKeyStore::create(dir.join("keys.json")).unwrap()),
        Arc::new(SystemClock),
        Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        campaign,
        Catalog::standard()
            .rule_set("study-minutes/1", &rules)
            .unwrap(),
    )
}

/// So many minutes after midnight, the day before yesterday.
fn time(minutes: i64) -> Timestamp {
    let day = Zone::UTC.day(SystemClock.now().plus_millis(-2 * DAY_MS));
    Zone::UTC.start_of(day).plus_millis(minutes * 60_000)
}

fn statement(n: u32, change: impl FnOnce(&mut Value)) -> Value {
    let mut statement = json!({
        "id": format!("{n:08x}-1234-4234-8234-123456789012"),
        "actor": {"name": NAME, "account": {"homePage": PLATFORM, "name": ACCOUNT}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/terminated"},
        "object": {"id": format!("{PLATFORM}/{ITEM}")},
        "timestamp": time(600).to_string(),
        "result": {"duration": "PT30M"},
        "context": {
            "registration": SESSION,
            "extensions": {"https://w3id.org/xapi/cmi5/context/extensions/sessionid": SESSION},
        },
    });
    change(&mut statement);
    statement
}

fn some_statements() -> Vec<Value> {
    let mailbox = format!("mailto:{MAILBOX}");
    vec![
        statement(1, |_| {}),
        statement(2, |s| s["actor"] = json!({"name": NAME, "mbox": mailbox})),
        statement(3, |s| s["actor"] = json!({"mbox_sha1sum": MAILBOX_SUM})),
        statement(4, |s| {
            s["verb"]["id"] = json!("http://adlnet.gov/expapi/verbs/passed")
        }),
        statement(5, |s| s["actor"] = json!({"mbox": MAILBOX})),
        statement(6, |s| s["actor"]["mbox"] = json!(mailbox)),
        statement(7, |s| {
            s["actor"] = json!({"objectType": "Group", "member": [{"mbox": mailbox}]})
        }),
        statement(8, |s| s["timestamp"] = json!(MAILBOX)),
        statement(9, |s| {
            s["timestamp"] = json!(SystemClock.now().plus_millis(DAY_MS).to_string())
        }),
        statement(10, |s| s["result"]["duration"] = json!(NAME)),
        statement(11, |s| s["result"] = json!(ACCOUNT)),
        statement(12, |s| s["verb"] = Value::Null),
    ]
}

fn statements() -> Input {
    let mut text: String = some_statements().iter().map(|s| format!("{s}\n")).collect();
    text += &format!("{{\"actor\": {{\"mbox\": \"mailto:{MAILBOX}\" {NAME}}}}}\n");
    text += &format!("{{\"actor\": \"\\q{ACCOUNT}\"}}\n");
    Input::Bytes(text.into_bytes())
}

/// An array that ends within a statement.
fn cut_off() -> Input {
    let text = Value::from(some_statements()).to_string();
    Input::Bytes(text.as_bytes()[..text.len() - 20].to_vec())
}

/// An LRS whose next page is elsewhere, and a Moodle that refuses, saying who asked.
async fn serve() -> String {
    let page = json!({
        "statements": some_statements(), "more": format!("https://elsewhere.example/{ACCOUNT}"),
    });
    let refused = json!({
        "exception": "moodle_exception", "errorcode": ACCOUNT, "message": format!("{NAME} {MAILBOX}"),
    });
    let router = Router::new()
        .route(
            "/lrs/statements",
            axum::routing::get(move || async move { page.to_string() }),
        )
        .route(
            "/webservice/rest/server.php",
            axum::routing::post(move || async move { refused.to_string() }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn commits() -> Input {
    let commit = |change: fn(&mut Value)| {
        let mut line = json!({
            "learner": ACCOUNT, "activity": ITEM, "session": SESSION,
            "start": time(600).to_string(), "end": time(630).to_string(),
            "commit": {"cmi": {"core": {
                "session_time": "0000:25:00", "lesson_status": "passed",
                "student_id": ACCOUNT, "student_name": NAME,
            }}},
        });
        change(&mut line);
        format!("{line}\n")
    };
    let mut text = [
        commit(|_| {}),
        commit(|line| line["commit"]["cmi"]["core"]["session_time"] = json!(NAME)),
        commit(|line| line["commit"] = json!(NAME)),
        commit(|line| line["start"] = json!(MAILBOX)),
        commit(|line| line["session"] = Value::Null),
        commit(|line| line["activity"] = json!({ NAME: MAILBOX })),
    ]
    .concat();
    text += &format!("{{\"learner\": \"{ACCOUNT}\", {NAME}\n");
    Input::Bytes(text.into_bytes())
}

const KOLIBRI_COLUMNS: &str = "Facility name,Username,User type,Content id,Time of first interaction,Time of last interaction,Time Spent (sec)\n";

fn visits() -> Input {
    let stamp = |minutes| {
        time(minutes)
            .to_string()
            .replace('T', " ")
            .replace('Z', ".000000+00:00")
    };
    let (from, until) = (stamp(600), stamp(630));
    let text = format!(
        "{KOLIBRI_COLUMNS}\
         {FACILITY},{PUPIL},Learner,{ITEM},{from},{until},900.0\n\
         {FACILITY},{PUPIL},Learner,{ITEM},{NAME},{until},900.0\n\
         {FACILITY},{PUPIL},Learner,{ITEM},{from},{until},{MAILBOX}\n\
         {FACILITY},{PUPIL},Learner,,{from},{until},900.0\n"
    );
    Input::Bytes(text.into_bytes())
}

/// Kolibri's data base, as far as it is read.
fn kolibri_database(dir: &Path) -> Input {
    let file = dir.join("db.sqlite3");
    let stamp = |minutes| {
        time(minutes)
            .to_string()
            .replace('T', " ")
            .replace('Z', ".000000(UTC)")
    };
    let (from, until) = (stamp(700), stamp(730));
    let script = format!(
        "CREATE TABLE device_devicepermissions (user_id TEXT, is_superuser INTEGER);
         CREATE TABLE kolibriauth_role (user_id TEXT);
         CREATE TABLE kolibriauth_collection (id TEXT, name TEXT);
         CREATE TABLE kolibriauth_facilityuser (id TEXT, username TEXT, facility_id TEXT);
         CREATE TABLE logger_contentsessionlog (id TEXT, user_id TEXT, content_id TEXT, start_timestamp TEXT, end_timestamp TEXT, time_spent REAL);
         CREATE TABLE logger_contentsummarylog (id TEXT, user_id TEXT, content_id TEXT, start_timestamp TEXT, completion_timestamp TEXT);
         INSERT INTO kolibriauth_collection VALUES ('f', '{FACILITY}');
         INSERT INTO kolibriauth_facilityuser VALUES ('u', '{PUPIL}', 'f');
         INSERT INTO logger_contentsessionlog VALUES
            ('1', 'u', '{ITEM}', '{from}', '{until}', 900), ('2', 'u', '{ITEM}', '{NAME}', '{until}', 900);
         INSERT INTO logger_contentsummarylog VALUES ('3', 'u', '{ITEM}', '{from}', '{until}');"
    );
    let conn = rusqlite::Connection::open(&file).unwrap();
    conn.execute_batch(&script).unwrap();
    conn.close().unwrap();
    Input::Path(file)
}

/// Something that only begins as a data base does.
fn other_database(dir: &Path) -> Input {
    let file = dir.join("other.sqlite3");
    fs::write(&file, format!("SQLite format 3\0{PUPIL} {NAME}")).unwrap();
    Input::Path(file)
}

fn tracking() -> Input {
    let line = |change: fn(&mut Value)| {
        let mut line = json!({
            "username": ACCOUNT, "event_source": "server", "event_type": "problem_check",
            "time": time(600).to_string(), "ip": "192.0.2.77", "session": SESSION,
            "page": format!("{PLATFORM}/{ITEM}"), "event": {"problem_id": ITEM, "success": "correct"},
            "context": {"user_id": USER, "course_id": ITEM, "module": {"usage_key": ITEM}},
        });
        change(&mut line);
        format!("{line}\n")
    };
    let mut text = [
        line(|_| {}),
        line(|line| line["time"] = json!(time(605).to_string())),
        line(|line| line["time"] = json!(MAILBOX)),
        line(|line| line["time"] = json!(SystemClock.now().plus_millis(DAY_MS).to_string())),
        line(|line| line["event_source"] = json!({ NAME: MAILBOX })),
    ]
    .concat();
    text += &format!("{{\"username\": \"{ACCOUNT}\", {NAME}\n");
    Input::Bytes(text.into_bytes())
}

fn views() -> Input {
    let row = |change: fn(&mut Value)| {
        let mut row = json!({
            "id": 11, "eventname": "\\mod_page\\event\\course_module_viewed", "objectid": 4, "edulevel": 2,
            "contextlevel": 70, "contextinstanceid": 17, "userid": USER, "courseid": 3, "relateduserid": null,
            "anonymous": 0, "other": {"name": NAME}, "origin": "web", "realuserid": null, "ip": "192.0.2.77",
            "timecreated": time(600).as_millis() / 1_000,
        });
        change(&mut row);
        format!("{row}\n")
    };
    let mut text = [
        row(|_| {}),
        row(|row| {
            row["id"] = json!(12);
            row["timecreated"] = json!(time(605).as_millis() / 1_000);
        }),
        row(|row| row["timecreated"] = json!(MAILBOX)),
        row(|row| row["userid"] = json!(NAME)),
        row(|row| row["courseid"] = json!({ NAME: MAILBOX })),
    ]
    .concat();
    text += &format!("{{\"userid\": {USER}, {NAME}\n");
    Input::Bytes(text.into_bytes())
}
