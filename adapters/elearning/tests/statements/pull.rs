//! Pulling, from a server that does what an LRS may do and what none should.

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use wom_adapter_elearning::{LrsConfig, Xapi, XapiConfig};
use wom_sdk::{
    Error, Kind, Observation, Result,
    instrument::{Cursor, Input, Instrument, Refusal, Sink},
};

use crate::support::*;

/// What the server answers to the query of a request; what it was asked is kept.
type Answers = fn(&str) -> Response;

#[derive(Clone)]
struct Server {
    answers: Answers,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

async fn answer(
    State(server): State<Server>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let authorization = headers.get("authorization").cloned();
    server.asked.lock().unwrap().push((query.clone(), headers));
    // "lms:new", in base64.
    if authorization.is_none_or(|value| value != "Basic bG1zOm5ldw==") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    (server.answers)(&query)
}

#[derive(Debug, Default)]
struct Pulled {
    gathered: Gathered,
    cursor: Option<Cursor>,
}

#[async_trait]
impl Sink for Pulled {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        self.gathered.observe(chunk).await
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.gathered.refuse(refusal).await
    }

    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        self.cursor = Some(cursor);
        Ok(())
    }
}

struct Outcome {
    pulled: Pulled,
    result: Result<()>,
    asked: Vec<(String, HeaderMap)>,
}

async fn pull(answers: Answers, cursor: Option<&str>) -> Outcome {
    let server = Server {
        answers,
        asked: Arc::default(),
    };
    let app = Router::new().fallback(answer).with_state(server.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut secrets = Vec::new();
    for secret in ["old\n", "new\n"] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(secret.as_bytes()).unwrap();
        secrets.push(file);
    }
    let config = XapiConfig {
        lrs: LrsConfig {
            endpoint: Some(format!("http://{address}/data/xAPI/")),
            username: Some("lms".to_owned()),
            secret_files: secrets.iter().map(|file| file.path().to_owned()).collect(),
            page_size: 2,
            ..LrsConfig::default()
        },
        ..XapiConfig::default()
    };
    let adapter = Xapi::new(config).unwrap();
    let mut pulled = Pulled::default();
    let input = Input::Pull(cursor.map(|at| Cursor(at.to_owned())));
    let result = adapter.read(input, NOW.parse().unwrap(), &mut pulled).await;
    let asked = server.asked.lock().unwrap().clone();
    Outcome {
        pulled,
        result,
        asked,
    }
}

fn numbered(n: u32) -> Value {
    let mut statement = statement();
    statement["id"] = json!(format!("{n:08}-1234-4234-8234-123456789012"));
    statement["timestamp"] = json!(format!("2026-11-20T1{n}:00:00Z"));
    statement["stored"] = statement["timestamp"].clone();
    statement
}

fn page(statements: &[Value], more: &str) -> Response {
    let headers = [
        ("X-Experience-API-Version", "1.0.3"),
        (
            "X-Experience-API-Consistent-Through",
            "2026-11-30T23:59:00Z",
        ),
    ];
    (
        headers,
        json!({"statements": statements, "more": more}).to_string(),
    )
        .into_response()
}

#[tokio::test]
async fn pages_are_followed_from_the_hosts_root_and_the_cursor_is_what_the_lrs_can_say() {
    let outcome = pull(
        |query| match query {
            query if query.starts_with("ascending") => page(
                &[numbered(1), numbered(2)],
                "/data/xAPI/statements/more?n=2",
            ),
            "n=2" => page(&[numbered(3)], "/data/xAPI/statements/more?n=3"),
            // The last page may be empty.
            _ => page(&[], ""),
        },
        None,
    )
    .await;
    outcome.result.unwrap();
    assert_eq!(
        outcome.pulled.gathered.seconds(),
        of(&[("anna-1", "2026-11-20", 900)])
    );
    let queries: Vec<_> = outcome
        .asked
        .iter()
        .map(|(query, _)| query.as_str())
        .collect();
    let first = "ascending=true&limit=2";
    // The first secret is an old one: the second is tried.
    assert_eq!(queries, [first, first, "n=2", "n=2", "n=3", "n=3"]);
    assert!(
        outcome
            .asked
            .iter()
            .all(|(_, headers)| headers["x-experience-api-version"] == "1.0.3")
    );
    let Cursor(cursor) = outcome.pulled.cursor.unwrap();
    assert_eq!(cursor, "2026-11-30T23:59:00Z");

    // The next pull looks back a week.
    let again = pull(|_| page(&[numbered(1)], ""), Some(&cursor)).await;
    again.result.unwrap();
    assert_eq!(
        again.asked[0].0,
        "ascending=true&limit=2&since=2026-11-23T23%3A59%3A00Z"
    );
}

/// How a pull failed: the code of the last refusal, the kind of the error, and how much was read.
async fn failing(answers: Answers) -> (Option<&'static str>, Kind, usize) {
    let Outcome { pulled, result, .. } = pull(answers, None).await;
    assert!(pulled.cursor.is_none(), "what failed begins anew");
    let error: Error = result.unwrap_err();
    assert!(!format!("{error:?}").contains("bG1zOm5ldw"));
    let gathered = pulled.gathered;
    (
        gathered.codes().last().copied(),
        error.kind(),
        gathered.observations.len(),
    )
}

#[tokio::test]
async fn what_no_lrs_should_do_ends_the_pull_and_what_was_read_stays() {
    let same: Answers = |_| page(&[numbered(1)], "/again");
    assert_eq!(
        failing(same).await,
        (Some("more_endless"), Kind::InputInvalid, 2)
    );
    for elsewhere in [
        (|_| page(&[numbered(1)], "https://elsewhere.example.org/more")) as Answers,
        |_| page(&[numbered(1)], "//elsewhere.example.org/more"),
        |_| page(&[numbered(1)], "http://127.0.0.1:1/more"),
    ] {
        assert_eq!(
            failing(elsewhere).await,
            (Some("more_elsewhere"), Kind::InputInvalid, 1)
        );
    }
    let version: Answers = |_| {
        (
            [("x-experience-api-version", "0.95")],
            "{\"statements\":[]}",
        )
            .into_response()
    };
    assert_eq!(
        failing(version).await,
        (Some("wrong_version"), Kind::InputInvalid, 0)
    );
    let down: Answers = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    assert_eq!(failing(down).await, (None, Kind::NetworkUnreachable, 0));
    let busy: Answers = |_| (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response();
    assert_eq!(failing(busy).await, (None, Kind::RateLimited, 0));
    let moved: Answers = |_| {
        (
            StatusCode::FOUND,
            [("location", "https://elsewhere.example.org")],
        )
            .into_response()
    };
    assert_eq!(failing(moved).await.1, Kind::NetworkUnreachable);
    let denied: Answers = |_| StatusCode::UNAUTHORIZED.into_response();
    assert_eq!(failing(denied).await, (None, Kind::AccessDenied, 0));
    let page_of_html: Answers = |_| "<html>".into_response();
    assert_eq!(
        pull(page_of_html, None).await.pulled.gathered.codes(),
        ["bad_json"]
    );
}

#[test]
fn an_lrs_that_cannot_be_asked_is_refused_at_once() {
    let made = |lrs: LrsConfig| {
        let config = XapiConfig {
            lrs,
            ..XapiConfig::default()
        };
        Xapi::new(config).map(|_| ()).unwrap_err().kind()
    };
    let good = || LrsConfig {
        endpoint: Some("https://lrs.example.org/xapi".to_owned()),
        secret_variables: vec!["LRS_SECRET".to_owned()],
        ..LrsConfig::default()
    };
    let without_secret = LrsConfig {
        secret_variables: Vec::new(),
        ..good()
    };
    assert_eq!(made(without_secret), Kind::ConfigurationInvalid);
    for endpoint in [
        "lrs",
        "ftp://lrs.example.org",
        "https://a:b@lrs.example.org",
        "https://lrs.example.org/?x",
    ] {
        let config = LrsConfig {
            endpoint: Some(endpoint.to_owned()),
            ..good()
        };
        assert_eq!(made(config), Kind::ConfigurationInvalid, "{endpoint}");
    }
    let plain = LrsConfig {
        endpoint: Some("http://lrs.example.org/xapi".to_owned()),
        ..good()
    };
    assert_eq!(made(plain), Kind::InsecureTransport);
    let old = LrsConfig {
        version: "0.95".to_owned(),
        ..good()
    };
    assert_eq!(made(old), Kind::ConfigurationInvalid);
    let (gathered, outcome) = pull_without_lrs();
    assert!(gathered.observations.is_empty());
    assert_eq!(outcome.unwrap_err().kind(), Kind::ConfigurationInvalid);
}

fn pull_without_lrs() -> (Gathered, Result<()>) {
    let mut gathered = Gathered::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let adapter = Xapi::new(XapiConfig::default()).unwrap();
    let pulling = adapter.read(Input::Pull(None), NOW.parse().unwrap(), &mut gathered);
    let outcome = runtime.block_on(pulling);
    (gathered, outcome)
}
