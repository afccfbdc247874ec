//! Statements that are posted: who may, and what is read of it.

use std::io::Write as _;

use serde_json::Value;
use wom_adapter_elearning::{PushConfig, XapiPush};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Input, Instrument, Received, Request, Verdict},
};

use crate::support::*;

fn door(username: Option<&str>) -> XapiPush {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"secret\n").unwrap();
    let config = PushConfig {
        secret_files: vec![file.path().to_owned()],
        username: username.map(str::to_owned),
        ..PushConfig::default()
    };
    XapiPush::new(config).unwrap()
}

fn post(door: &XapiPush, headers: &[(&str, &[u8])], body: &[u8]) -> Received {
    door.receive(&Request {
        method: "POST",
        query: "",
        headers,
        body,
        received_at: Timestamp::EPOCH,
    })
}

#[test]
fn a_batch_with_the_secret_is_read_and_is_the_same_message_again() {
    let body = Value::from(store()).to_string();
    // "lms:secret", in base64.
    for (door, header) in [
        (door(None), "Bearer secret"),
        (door(Some("lms")), "Basic bG1zOnNlY3JldA=="),
    ] {
        let headers = [
            ("authorization", header.as_bytes()),
            ("X-Experience-API-Version", b"2.0.0".as_slice()),
        ];
        let told = |body: &str| match post(&door, &headers, body.as_bytes()).verdict {
            Verdict::Once { id, hint } => (id, hint),
            other => panic!("{other:?}"),
        };
        let (id, hint) = told(&body);
        assert_eq!(told(&body).0, id);
        assert_ne!(told("[]").0, id);
        let mut gathered = Gathered::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let reading = door.read(Input::Hint(hint), NOW.parse().unwrap(), &mut gathered);
        runtime.block_on(reading).unwrap();
        assert_eq!(gathered.seconds(), xapi(body.as_bytes()).seconds());
    }
}

#[test]
fn whoever_has_no_secret_or_speaks_otherwise_is_turned_away() {
    let door = door(None);
    let good = ("authorization", b"Bearer secret".as_slice());
    let status = |headers: &[(&str, &[u8])], body: &[u8]| {
        let received = post(&door, headers, body);
        assert!(matches!(received.verdict, Verdict::Refused(_)));
        assert!(!format!("{received:?}").contains("secret"));
        received.reply.status
    };
    assert_eq!(status(&[], b"[]"), 401);
    for header in [
        "",
        "secret",
        "Bearer secre",
        "Bearer secret ",
        "bearer secret",
        "Basic secret",
    ] {
        assert_eq!(
            status(&[("authorization", header.as_bytes())], b"[]"),
            401,
            "{header}"
        );
    }
    assert_eq!(
        status(&[good, ("x-experience-api-version", b"0.95")], b"[]"),
        400
    );
    assert_eq!(status(&[good], b"\xFF"), 400);
    assert_eq!(status(&[good], &vec![b' '; XapiPush::LARGEST + 1]), 413);
    let get = Request {
        method: "GET",
        query: "",
        headers: &[good],
        body: b"",
        received_at: Timestamp::EPOCH,
    };
    assert_eq!(door.receive(&get).reply.status, 405);
    let error = XapiPush::new(PushConfig::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
}
