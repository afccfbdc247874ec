//! `ticketing.eventbrite`, against an imitation that answers as its documentation says.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::{Value, json};
use wom_adapter_ticketing::{Eventbrite, EventbriteConfig};
use wom_sdk::{
    Kind, Subject,
    instrument::{Input, Instrument as _, Received, Request, Verdict},
};

use crate::support::{Kept, now};

type Answer = Arc<Mutex<Value>>;

fn authorized(headers: &HeaderMap) -> Result<(), StatusCode> {
    match headers.get("authorization").map(|it| it.as_bytes()) {
        Some(b"Bearer t0ken") => Ok(()),
        _ => Err(StatusCode::UNAUTHORIZED),
    }
}

async fn attendee(
    State(answer): State<Answer>,
    Path((event, attendee)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, StatusCode> {
    authorized(&headers)?;
    match (event.as_str(), attendee.as_str()) {
        ("64", "7") => Ok(Json(answer.lock().unwrap().clone())),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

async fn event(headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    authorized(&headers)?;
    let moment = |utc| json!({"timezone": "Europe/Rome", "utc": utc});
    Ok(Json(json!({
        "id": "64", "status": "completed",
        "start": moment("2026-11-20T19:30:00Z"), "end": moment("2026-11-20T21:45:00Z"),
    })))
}

struct Scene {
    adapter: Eventbrite,
    address: String,
    answer: Answer,
    _folder: tempfile::TempDir,
}

async fn scene(token: &str) -> Scene {
    let answer = Arc::new(Mutex::new(checked_in()));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v3", listener.local_addr().unwrap());
    let app = Router::new()
        .route("/v3/events/{event}/attendees/{attendee}/", get(attendee))
        .route("/v3/events/{event}/", get(event))
        .with_state(answer.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, token).unwrap();
    let config = EventbriteConfig {
        address: address.clone(),
        secret_files: vec![file],
        ..EventbriteConfig::default()
    };
    Scene {
        adapter: Eventbrite::new(config).unwrap(),
        address,
        answer,
        _folder: folder,
    }
}

fn checked_in() -> Value {
    json!({
        "id": "7", "checked_in": true, "cancelled": false, "refunded": false, "status": "Checked In",
        "profile": {"name": "Ada", "email": "ada@example.org"},
        "barcodes": [{"status": "used", "barcode": "64000007001", "changed": "2026-11-20T20:05:40Z"}],
    })
}

fn call(scene: &Scene, api_url: &str, action: &str) -> Received {
    let body =
        json!({"api_url": api_url, "config": {"action": action, "webhook_id": "1"}}).to_string();
    scene.adapter.receive(&Request {
        method: "POST",
        query: "",
        headers: &[],
        body: body.as_bytes(),
        received_at: now(),
    })
}

#[tokio::test]
async fn an_attendee_counts_as_the_last_look_finds_them() {
    let scene = scene("t0ken").await;
    let url = format!("{}/events/64/attendees/7/", scene.address);
    let mut kept = Kept::default();
    let mut later = now();
    let cases = [
        (json!({}), 99),
        // Let in by mistake, or gone again: what it was is not told.
        (json!({"checked_in": false}), 0),
        (json!({"refunded": true}), 0),
        (json!({"cancelled": true}), 0),
        (json!({}), 99),
    ];
    for (change, expected) in cases {
        let mut answer = checked_in();
        for (name, value) in change.as_object().unwrap() {
            answer[name] = value.clone();
        }
        *scene.answer.lock().unwrap() = answer;
        // Twice, as deliveries come.
        for _ in 0..2 {
            let Verdict::Read(hint) = call(&scene, &url, "barcode.checked_in").verdict else {
                panic!("nothing to read");
            };
            later = later.plus_millis(1);
            scene
                .adapter
                .read(Input::Hint(hint), later, &mut kept)
                .await
                .unwrap();
        }
        assert_eq!(kept.minutes()["64/7"], expected);
    }
    // Cancelled in silence, and found before it is settled.
    scene.answer.lock().unwrap()["cancelled"] = true.into();
    let unit = (
        Subject::new("eventbrite", "64/7").unwrap(),
        wom_sdk::Span::starting(now(), 0),
    );
    scene
        .adapter
        .refresh(&[unit], later.plus_millis(1), &mut kept)
        .await
        .unwrap();
    assert_eq!(kept.minutes()["64/7"], 0);
    assert!(kept.refusals.is_empty());
}

#[tokio::test]
async fn no_address_of_a_call_is_ever_asked() {
    let scene = scene("t0ken").await;
    let own = &scene.address;
    for wrong in [
        "https://evil.example/v3/events/64/attendees/7/".to_owned(),
        format!("{own}/events/64/attendees/7/?x=1"),
        format!("{own}/events/64/attendees/../7/"),
        format!("{own}/events/64/orders/7/"),
        format!("{own}@evil.example/events/64/attendees/7/"),
        format!("{own}/events/x/attendees/7/"),
        format!("{own}/events//attendees/7/"),
        "{api-endpoint-to-fetch-object-details}".to_owned(),
    ] {
        let received = call(&scene, &wrong, "test");
        assert_eq!(received.reply.status, 204);
        assert!(matches!(received.verdict, Verdict::Answered), "{wrong}");
    }
}

#[tokio::test]
async fn a_wrong_token_and_a_lost_attendee_are_told_apart() {
    let scene = scene("wrong").await;
    let hint = || Input::Hint(wom_sdk::instrument::Hint("64/7".to_owned()));
    let error = scene
        .adapter
        .read(hint(), now(), &mut Kept::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert!(!format!("{error} {error:?}").contains("wrong"));
    let scene = self::scene("t0ken").await;
    let gone = Input::Hint(wom_sdk::instrument::Hint("64/8".to_owned()));
    let mut kept = Kept::default();
    scene.adapter.read(gone, now(), &mut kept).await.unwrap();
    assert_eq!(kept.observations[0].body, wom_sdk::Body::Withdrawn);
}
