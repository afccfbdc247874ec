//! `ticketing.hi-events`, against messages that are signed as its source signs them.

use aws_lc_rs::hmac;
use wom_adapter_ticketing::{HiEvents, HiEventsConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Input, Instrument as _, Received, Request, Verdict},
};

use crate::support::{Kept, now};

const SECRET: &str = "s3cret-for-tests";

struct Folder {
    adapter: HiEvents,
    _files: tempfile::TempDir,
}

fn folder() -> Folder {
    let files = tempfile::tempdir().unwrap();
    let (secret, programme) = (files.path().join("secret"), files.path().join("p.csv"));
    std::fs::write(&secret, SECRET).unwrap();
    std::fs::write(
        &programme,
        "Titolo;Data;Inizio;Fine\nConcerto;20/11/2026;20.30;22.45\n",
    )
    .unwrap();
    let config = HiEventsConfig {
        events: vec!["64".to_owned()],
        programme: vec![programme],
        secret_files: vec![secret],
        zone: Some("Europe/Rome".parse().unwrap()),
        ..HiEventsConfig::default()
    };
    Folder {
        adapter: HiEvents::new(config).unwrap(),
        _files: files,
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sign(body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let tag = hmac::sign(&key, body.as_bytes());
    tag.as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn call(adapter: &HiEvents, body: &str, signature: &str, received_at: Timestamp) -> Received {
    adapter.receive(&Request {
        method: "POST",
        query: "",
        headers: &[
            ("X-Webhook-Source", b"Hi.Events"),
            ("signature", signature.as_bytes()),
        ],
        body: body.as_bytes(),
        received_at,
    })
}

fn message(kind: &str, sent: &str, payload: &str) -> String {
    format!(
        r#"{{"event_type":"{kind}","event_sent_at":"2026-11-{sent}+00:00","payload":{payload}}}"#
    )
}

fn checkin(id: u64, attendee: u64) -> String {
    format!(
        r#"{{"id":{id},"attendee_id":{attendee},"check_in_list_id":3,"product_id":9,"event_id":64,"short_id":"ci_x","created_at":"2026-11-20 20:05:40","attendee":{{"first_name":"Ada","email":"ada@example.org"}}}}"#
    )
}

async fn minutes(adapter: &HiEvents, messages: &[String]) -> i64 {
    let mut kept = Kept::default();
    for body in messages {
        let received = call(adapter, body, &sign(body), at("2026-11-22T10:00:00Z"));
        let Verdict::Once { hint, .. } = received.verdict else {
            panic!("{received:?}");
        };
        adapter
            .read(Input::Hint(hint), now(), &mut kept)
            .await
            .unwrap();
    }
    kept.minutes().values().sum()
}

#[tokio::test]
async fn a_checkin_counts_once_until_it_is_taken_back() {
    let folder = folder();
    let adapter = &folder.adapter;
    let came = message("checkin.created", "20T20:05:41", &checkin(7, 1));
    let again = message("checkin.created", "20T20:06:00", &checkin(7, 1));
    let gone = message("checkin.deleted", "20T20:10:00", &checkin(7, 1));
    let back = message("checkin.created", "20T20:15:00", &checkin(8, 1));
    let cancelled = message(
        "attendee.cancelled",
        "21T09:00:00",
        r#"{"id":1,"event_id":64}"#,
    );
    let all =
        |messages: &[&String]| -> Vec<String> { messages.iter().map(|it| (*it).clone()).collect() };
    assert_eq!(minutes(adapter, &all(&[&came])).await, 99);
    assert_eq!(minutes(adapter, &all(&[&came, &again, &came])).await, 99);
    assert_eq!(minutes(adapter, &all(&[&came, &gone])).await, 0);
    assert_eq!(minutes(adapter, &all(&[&gone, &again, &came])).await, 0);
    assert_eq!(minutes(adapter, &all(&[&gone, &came, &back])).await, 99);
    assert_eq!(minutes(adapter, &all(&[&cancelled, &came, &back])).await, 0);
    let elsewhere = message("checkin.created", "20T20:05:41", &checkin(7, 1)).replace("64", "65");
    assert_eq!(minutes(adapter, &[elsewhere]).await, 0);
}

#[test]
fn the_vector_of_a_signature_holds_and_nothing_else_does() {
    let folder = folder();
    let body = r#"{"event_type":"checkin.created","event_sent_at":"2026-11-20T19:48:12+00:00","payload":{"id":7}}"#;
    let vector = "a7f79a975b1c3baf3bab26f79a575d62ed7c4a5bde476d775729c4be7ffbb581";
    assert_eq!(sign(body), vector);
    let sent = at("2026-11-20T19:48:12Z");
    let status = |body: &str, signature: &str, received| {
        call(&folder.adapter, body, signature, received)
            .reply
            .status
    };
    assert_eq!(status(body, vector, sent), 204);
    assert_eq!(status(body, vector, sent.plus_millis(7 * 86_400_000)), 204);
    assert_eq!(
        status(body, vector, sent.plus_millis(7 * 86_400_000 + 1)),
        401
    );
    assert_eq!(status(body, vector, sent.plus_millis(-300_001)), 401);
    assert_eq!(status(&body.replace('7', "8"), vector, sent), 401);
    for wrong in ["", "sha256=", &vector[1..], &vector.replace('a', "b")] {
        assert_eq!(status(body, wrong, sent), 401, "{wrong}");
    }
    let other = message("order.created", "20T19:48:12", r#"{"id":1}"#);
    let received = call(&folder.adapter, &other, &sign(&other), sent);
    assert!(matches!(received.verdict, Verdict::Answered));
    let long = " ".repeat(HiEvents::LARGEST + 1);
    assert_eq!(status(&long, &sign(&long), sent), 413);
}

#[test]
fn nothing_starts_without_a_secret_a_zone_and_a_programme() {
    let error = HiEvents::new(HiEventsConfig::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}
