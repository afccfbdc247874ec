//! `elearning.kolibri`.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode},
};
use wom_adapter_elearning::{Kolibri, KolibriConfig};
use wom_sdk::{
    Kind,
    instrument::{Cursor, Input},
    observation::{Goal, Trace},
};

use crate::support::{Outcome, data, read, read_text, sorted};

const HEADER: &str = "Facility name,Username,User type,Channel id,Content id,Time of first interaction,Time of last interaction,Time Spent (sec)\n";

fn adapter() -> Kolibri {
    Kolibri::new(KolibriConfig::default()).unwrap()
}

fn with_milestones() -> Kolibri {
    let config = KolibriConfig {
        milestones: true,
        ..KolibriConfig::default()
    };
    Kolibri::new(config).unwrap()
}

/// What each learner's visits are worth at most, in milliseconds.
fn worth(outcome: &Outcome) -> BTreeMap<String, Vec<i64>> {
    let worth = |trace: Trace| match trace {
        Trace::Seconds { within, millis } => within.millis().min(millis),
        other => panic!("{other:?}"),
    };
    let traces = outcome.traces();
    traces
        .into_iter()
        .map(|(learner, traces)| (learner, traces.into_iter().map(worth).collect()))
        .collect()
}

/// The rows of the captured data base in a file of SQLite, as Kolibri has them.
async fn data_base(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Delete);
    let mut db = options.connect().await.unwrap();
    // Columns, types and constraints as in Kolibri 0.19.5, but for those of its synchronisation.
    let schema = "
        CREATE TABLE kolibriauth_collection (id char(32) NOT NULL PRIMARY KEY, name varchar(100) NOT NULL, kind varchar(20) NOT NULL, dataset_id char(32) NOT NULL, parent_id char(32) NULL);
        CREATE TABLE kolibriauth_facilityuser (id char(32) NOT NULL PRIMARY KEY, username varchar(254) NOT NULL, full_name varchar(120) NOT NULL, dataset_id char(32) NOT NULL, facility_id char(32) NOT NULL, date_deleted varchar NULL);
        CREATE TABLE kolibriauth_role (id char(32) NOT NULL PRIMARY KEY, collection_id char(32) NOT NULL, dataset_id char(32) NOT NULL, user_id char(32) NOT NULL, kind varchar(26) NOT NULL);
        CREATE TABLE device_devicepermissions (user_id char(32) NOT NULL PRIMARY KEY, is_superuser bool NOT NULL, can_manage_content bool NOT NULL);
        CREATE TABLE logger_contentsessionlog (id char(32) NOT NULL PRIMARY KEY, content_id char(32) NOT NULL, start_timestamp varchar NOT NULL, end_timestamp varchar NULL, time_spent real NOT NULL, progress real NOT NULL, kind varchar(200) NOT NULL, extra_fields text NOT NULL, dataset_id char(32) NOT NULL, user_id char(32) NULL, visitor_id char(32) NULL, channel_id char(32) NULL);
        CREATE TABLE logger_contentsummarylog (id char(32) NOT NULL PRIMARY KEY, content_id char(32) NOT NULL, start_timestamp varchar NOT NULL, end_timestamp varchar NULL, completion_timestamp varchar NULL, time_spent real NOT NULL, progress real NOT NULL, kind varchar(200) NOT NULL, extra_fields text NOT NULL, dataset_id char(32) NOT NULL, user_id char(32) NOT NULL, channel_id char(32) NULL);
        INSERT INTO kolibriauth_collection VALUES ('f', 'Ridge School', 'facility', 'd', NULL);
        INSERT INTO device_devicepermissions VALUES ('88e7a8a2d7c9481d8cb82f5eb3c1465b', 1, 1);
    ";
    sqlx::raw_sql(schema).execute(&mut db).await.unwrap();
    let rows: Value = serde_json::from_str(&data("kolibri-sqlite-rows.json")).unwrap();
    for user in rows["facilityuser"].as_array().unwrap() {
        let mut user = user.clone();
        user["dataset_id"] = "d".into();
        user["facility_id"] = "f".into();
        insert(&mut db, "kolibriauth_facilityuser", &user).await;
    }
    for log in ["contentsessionlog", "contentsummarylog"] {
        for row in rows[log].as_array().unwrap() {
            insert(&mut db, &format!("logger_{log}"), row).await;
        }
    }
    db
}

async fn insert(db: &mut SqliteConnection, table: &str, row: &Value) {
    let row = row.as_object().unwrap();
    let names: Vec<_> = row.keys().map(String::as_str).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({marks})",
        names.join(", ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for value in row.values() {
        query = match value {
            Value::Null => query.bind(None::<String>),
            Value::Number(number) => query.bind(number.as_f64()),
            Value::String(text) => query.bind(text.clone()),
            other => panic!("{other}"),
        };
    }
    query.execute(db).await.unwrap();
}

#[tokio::test]
async fn the_captured_sessions_are_worth_what_was_seen() {
    let outcome = read_text(&adapter(), data("kolibri-session-log.csv")).await;
    assert!(outcome.error.is_none());
    // A video and a document with 15 minutes hidden, later an exercise; of claims of 37.5 s and 220 s
    // the time that passed.
    let expected = [
        ("amarad".to_owned(), vec![600_000, 545_000, 219_964]),
        ("benk".to_owned(), vec![37_477, 250_000]),
    ];
    assert_eq!(worth(&outcome), expected.into());
    assert_eq!(outcome.codes(), [("unattributed", 7)]);
}

#[tokio::test]
async fn the_export_and_the_data_base_say_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite3");
    data_base(&path).await.close().await.unwrap();
    let before = fs::read(&path).unwrap();
    let adapter = with_milestones();
    let from_db = read(&adapter, Input::Path(path.clone())).await;
    assert!(from_db.error.is_none(), "{:?}", from_db.error);
    assert_eq!(from_db.codes(), [("unattributed", 6)]);
    let sessions = read_text(&adapter, data("kolibri-session-log.csv")).await;
    let summaries = read_text(&adapter, data("kolibri-summary-log.csv")).await;
    let mut exported = sessions.observations;
    exported.extend(summaries.clean());
    assert_eq!(exported.len(), 7);
    assert_eq!(sorted(from_db.observations), sorted(exported));
    // Nothing was written, not even beside it.
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn completions_are_handed_on_if_they_are_asked_for() {
    let summary = data("kolibri-summary-log.csv");
    assert_eq!(read_text(&adapter(), summary.clone()).await.clean(), []);
    let outcome = read_text(&with_milestones(), summary).await;
    let traces = outcome.traces();
    let goals: Vec<_> = traces["amarad"]
        .iter()
        .map(|trace| match trace {
            Trace::Milestone { at, goal } => (at.to_string(), *goal),
            other => panic!("{other:?}"),
        })
        .collect();
    let completed = |at: &str| (at.to_owned(), Goal::Completed);
    assert_eq!(
        goals,
        [
            completed("2026-03-02T08:10:10.02Z"),
            completed("2026-03-02T18:03:45.02Z")
        ]
    );
    assert_eq!(traces.len(), 1);
}

#[tokio::test]
async fn a_visit_that_goes_on_replaces_itself() {
    let row = |end: &str, spent: &str| {
        format!(
            "Ridge,ann,Learner,,c1,2026-03-02 11:00:00.5+03:00,2026-03-02 {end}+03:00,{spent}\n"
        )
    };
    let (first, second) = (row("11:02:00", "119.5"), row("11:10:00", "590.0"));
    for order in [
        [&first, &second, &first],
        [&second, &first, &second],
        [&second, &second, &second],
    ] {
        let rows: String = order.into_iter().map(String::as_str).collect();
        let outcome = read_text(&adapter(), format!("{HEADER}{rows}")).await;
        assert_eq!(worth(&outcome), [("ann".to_owned(), vec![590_000])].into());
    }
}

#[tokio::test]
async fn columns_are_found_by_name_and_others_are_passed_over() {
    let text = "\u{feff}Content kind;Username;Folder level 1;Facility name;Time Spent (sec);Content id;Time of first interaction;Time of last interaction\r\n\
        video;ann;\"a; \"\"b\"\"\nc\";Ridge;60;c1;2026-03-02 08:00:00+00:00;2026-03-02 08:02:00+00:00\r\n";
    let outcome = read_text(&adapter(), text).await;
    assert_eq!(worth(&outcome), [("ann".to_owned(), vec![60_000])].into());
}

#[tokio::test]
async fn every_bad_row_is_refused_with_its_line_and_the_rest_is_read() {
    let good = "Ridge,ann,Learner,,c1,2026-03-02 08:00:00+00:00,2026-03-02 08:02:00+00:00,60.0";
    let (start, end) = ("2026-03-02 08:00:00+00:00", "2026-03-02 08:02:00+00:00");
    let long = format!("{good}{}", "x".repeat(70_000));
    let cases = [
        (good.replace("ann", ""), "unattributed"),
        (good.replace("Learner", "Coach"), "not_a_learner"),
        (good.replace("Learner", "Super admin"), "not_a_learner"),
        (good.replace("c1", ""), "missing_field"),
        (good.replace("c1", "c 1"), "bad_value"),
        (good.replace("60.0", ""), "missing_field"),
        (good.replace("60.0", "one"), "bad_value"),
        (good.replace("60.0", "-1"), "bad_value"),
        (good.replace("60.0", "NaN"), "bad_value"),
        (good.replace(start, ""), "missing_field"),
        (good.replace(start, "2026-03-02 08:00:00"), "no_zone"),
        (good.replace(start, "02/03/2026"), "bad_time"),
        (good.replace(start, "2026-03-02 08:02:01+00:00"), "bad_time"),
        (good.replace(start, "2026-01-02 08:00:00+00:00"), "too_long"),
        (good.replace(end, "2026-03-12 00:02:01+00:00"), "future"),
        (good.replace(",,", ","), "bad_csv"),
        (good.replace("Ridge", "\"Ridge"), "bad_csv"),
        (long, "too_large"),
    ];
    let rows: String = cases
        .iter()
        .map(|(row, _)| format!("{row}\n{good}\n"))
        .collect();
    let outcome = read_text(&adapter(), format!("{HEADER}{rows}")).await;
    let expected: Vec<_> = (2..)
        .step_by(2)
        .zip(&cases)
        .map(|(line, (_, code))| (*code, line))
        .collect();
    assert_eq!(outcome.codes(), expected);
    assert_eq!(outcome.observations.len(), cases.len());
    assert!(!outcome.told().contains("ann"), "{}", outcome.told());
    // What has only begun says nothing yet.
    let begun = good.replace(end, "");
    assert_eq!(
        read_text(&adapter(), format!("{HEADER}{begun}"))
            .await
            .clean(),
        []
    );
    // What a browser claims is handed on, for the rules to bound.
    let claimed = good.replace("60.0", "86400");
    let outcome = read_text(&adapter(), format!("{HEADER}{claimed}")).await;
    assert_eq!(worth(&outcome), [("ann".to_owned(), vec![120_000])].into());
}

#[tokio::test]
async fn another_table_is_an_error_that_says_how_to_make_the_right_one() {
    for text in [
        "Nombre del centro,Usuario\nRidge,ann\n",
        "a,b\n",
        "not a table",
        "{\"a\": 1}",
    ] {
        let outcome = read_text(&adapter(), text).await;
        let error = outcome.error.unwrap();
        assert_eq!(error.kind(), Kind::InputInvalid);
        assert!(error.advice().unwrap().contains("--locale en"), "{error}");
    }
    let error = read_text(&adapter(), "").await.error.unwrap();
    assert_eq!(error.kind(), Kind::InputTruncated);
    let error = read_text(&adapter(), [0xff; 9].as_slice())
        .await
        .error
        .unwrap();
    assert_eq!(error.kind(), Kind::InputInvalid);
}

#[tokio::test]
async fn a_data_base_that_is_not_kolibris_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite3");
    let mut db = data_base(&path).await;
    sqlx::raw_sql(
        "ALTER TABLE kolibriauth_role RENAME TO r; CREATE VIEW kolibriauth_role AS SELECT * FROM r",
    )
    .execute(&mut db)
    .await
    .unwrap();
    db.close().await.unwrap();
    let outcome = read(&adapter(), Input::Path(path.clone())).await;
    let error = outcome.error.unwrap();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert!(
        error.to_string().contains("missing kolibriauth_role"),
        "{error}"
    );

    let bytes = fs::read(&path).unwrap();
    let error = read_text(&adapter(), bytes.clone()).await.error.unwrap();
    assert_eq!(error.kind(), Kind::Unsupported);

    fs::write(&path, &bytes[..5000]).unwrap();
    let error = read(&adapter(), Input::Path(path)).await.error.unwrap();
    assert_eq!(error.kind(), Kind::InputInvalid);
    let nowhere = Input::Path(dir.path().join("nowhere"));
    let error = read(&adapter(), nowhere).await.error.unwrap();
    assert_eq!(error.kind(), Kind::InputInvalid);
}

#[tokio::test]
async fn rows_that_are_not_a_learners_or_hold_nonsense_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite3");
    let mut db = data_base(&path).await;
    let changes = "
        INSERT INTO kolibriauth_role VALUES ('r', 'f', 'd', 'c8eda2b4dac35a7802c4d17e11f179f5', 'coach');
        UPDATE logger_contentsessionlog SET end_timestamp = '2026-03-02 18:03:45' WHERE kind = 'exercise';
        UPDATE logger_contentsessionlog SET time_spent = 'long' WHERE kind = 'document';
        UPDATE logger_contentsessionlog SET start_timestamp = x'ff00' WHERE user_id IS NULL;
    ";
    sqlx::raw_sql(changes).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    let outcome = read(&adapter(), Input::Path(path)).await;
    assert!(outcome.error.is_none(), "{:?}", outcome.error);
    let codes = outcome.codes();
    assert_eq!(
        codes,
        [
            ("no_zone", 3),
            ("not_a_learner", 4),
            ("not_a_learner", 5),
            ("unattributed", 6)
        ]
    );
    // A text where seconds must be is none.
    assert_eq!(
        worth(&outcome),
        [("amarad".to_owned(), vec![600_000, 0])].into()
    );
}

#[tokio::test]
async fn pulling_reads_what_kolibri_has_not_yet_moved_and_looks_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("db.sqlite3");
    let mut db = data_base(&path).await;
    // Kolibri keeps its data base in this mode, and runs.
    sqlx::raw_sql("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0;")
        .execute(&mut db)
        .await
        .unwrap();
    sqlx::raw_sql("UPDATE logger_contentsessionlog SET end_timestamp = '2026-03-03 09:10:00.000000(UTC)', time_spent = 290 WHERE time_spent = 250")
        .execute(&mut db)
        .await
        .unwrap();
    let config = KolibriConfig {
        database: Some(path.clone()),
        ..KolibriConfig::default()
    };
    let adapter = Kolibri::new(config).unwrap();
    let all = read(&adapter, Input::Pull(None)).await;
    assert!(all.error.is_none(), "{:?}", all.error);
    assert_eq!(worth(&all)["benk"], [37_477, 290_000]);
    assert_eq!(all.observations.len(), 5);
    // Eight days back from the last pull: the second day is in, the first is not.
    let since = Cursor("2026-03-11T00:00:00Z".to_owned());
    let again = read(&adapter, Input::Pull(Some(since))).await;
    assert_eq!(worth(&again).into_keys().collect::<Vec<_>>(), ["benk"]);
    assert_eq!(again.cursor.unwrap().0, crate::support::NOW);
    db.close().await.unwrap();

    let error = read(&self::adapter(), Input::Pull(None))
        .await
        .error
        .unwrap();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}
