//! Calls that a plugin in a real Vendure made, at the adapter's door.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::fs;

use serde_json::Value;
use wom_adapter_pos::{Vendure, VendureConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::{Hint, Received, Request, Verdict},
    merchant::Merchant as _,
};

const CAPTURES: &str = include_str!("captures/vendure_hooks.json");

fn adapter(secrets: &[&str]) -> Vendure {
    let folder = tempfile::tempdir().unwrap();
    let write = |(n, secret): (usize, &&str)| {
        let file = folder.path().join(n.to_string());
        fs::write(&file, secret).unwrap();
        file
    };
    let files = secrets.iter().enumerate().map(write).collect();
    Vendure::new(VendureConfig {
        address: "https://shop.example.org".to_owned(),
        username: "wom".to_owned(),
        secret_variables: vec!["WOM_TEST_NOT_READ".to_owned()],
        webhook_secret_files: files,
        ..VendureConfig::default()
    })
    .unwrap()
}

fn call(adapter: &Vendure, method: &str, signature: &str, body: &[u8]) -> Received {
    adapter.receive(&Request {
        method,
        query: "",
        headers: &[("x-signature-256", signature.as_bytes())],
        body,
        received_at: Timestamp::EPOCH,
    })
}

#[test]
fn every_captured_call_leads_to_its_order_and_no_altered_one_does() {
    let captures: Value = serde_json::from_str(CAPTURES).unwrap();
    let secret = captures["secret"].as_str().unwrap();
    let (known, changing, other) = (
        adapter(&[secret]),
        adapter(&["the next one", secret]),
        adapter(&["another"]),
    );
    let nobody = adapter(&[]);
    let mut read = 0;
    for delivery in captures["deliveries"].as_array().unwrap() {
        let body = delivery["body"].as_str().unwrap();
        let signature = delivery["headers"]["x-signature-256"].as_str().unwrap();
        let event: Value = serde_json::from_str(body).unwrap();
        let id = [&event["order"]["id"], &event["orderId"]]
            .into_iter()
            .find(|id| !id.is_null())
            .unwrap();
        for adapter in [&known, &changing] {
            let received = call(adapter, "POST", signature, body.as_bytes());
            assert_eq!(received.reply.status, 200);
            let Verdict::Read(Hint(hint)) = received.verdict else {
                panic!("{body}");
            };
            assert_eq!(hint, id.to_string());
            read += 1;
        }
        let altered = body.replacen('1', "2", 1);
        for (adapter, signature, body) in [
            (&known, signature, altered.as_str()),
            (&known, "", body),
            (&other, signature, body),
            (&nobody, signature, body),
        ] {
            let received = call(adapter, "POST", signature, body.as_bytes());
            assert_eq!(received.reply.status, 401);
            let Verdict::Refused(error) = received.verdict else {
                panic!("{body}");
            };
            assert_eq!(error.kind(), Kind::WebhookRefused);
            assert!(!format!("{error:?}").contains(secret));
        }
    }
    assert!(read > 100, "{read}");
    assert_eq!(call(&known, "GET", "", b"").reply.status, 405);
    let long = vec![b' '; Vendure::LARGEST + 1];
    assert_eq!(call(&known, "POST", "", &long).reply.status, 413);
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    let refused = |change: fn(&mut VendureConfig)| {
        let mut config = VendureConfig {
            address: "https://shop.example.org".to_owned(),
            username: "wom".to_owned(),
            secret_variables: vec!["WOM_TEST_NOT_READ".to_owned()],
            ..VendureConfig::default()
        };
        change(&mut config);
        Vendure::new(config).map(drop).map_err(|error| error.kind())
    };
    assert_eq!(refused(|_| ()), Ok(()));
    assert_eq!(
        refused(|config| config.address = "http://shop.example.org".to_owned()),
        Err(Kind::InsecureTransport)
    );
    let wrong: [fn(&mut VendureConfig); 10] = [
        |config| config.address.clear(),
        |config| config.username.clear(),
        |config| config.secret_variables.clear(),
        |config| config.admin_path = "../x?".to_owned(),
        |config| config.code_prefix = "wom".to_owned(),
        |config| config.code_hours = 0,
        |config| config.text.clear(),
        |config| config.text = "a\nb".to_owned(),
        |config| config.webhook_header = "a b".to_owned(),
        |config| config.webhook_secret_files = vec!["/no/such/file".into()],
    ];
    for (n, change) in wrong.into_iter().enumerate() {
        assert_eq!(refused(change), Err(Kind::ConfigurationInvalid), "{n}");
    }
}
