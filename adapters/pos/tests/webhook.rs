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

/// Captured from a local run with made-up orders.
const CAPTURES: &str = include_str!("captures/vendure_hooks.json");

fn adapter(secrets: &[&str]) -> Vendure {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, secret: &str| {
        let file = folder.path().join(name);
        fs::write(&file, secret).unwrap();
        file
    };
    let webhook = secrets.iter().enumerate();
    let webhook = webhook.map(|(n, secret)| write(n.to_string(), secret));
    Vendure::new(VendureConfig {
        endpoint: "https://shop.example.org".to_owned(),
        username: "wom".to_owned(),
        webhook_secret_files: webhook.collect(),
        secret_files: vec![write("password".to_owned(), "not used here")],
        ..VendureConfig::default()
    })
    .unwrap()
}

fn call(adapter: &Vendure, signature: &str, body: &[u8]) -> Received {
    adapter.receive(&Request {
        method: "POST",
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
    let known = adapter(&[secret]);
    let changing = adapter(&["the next one", secret]);
    let (other, nobody) = (adapter(&["another"]), adapter(&[]));
    let mut read = 0;
    for delivery in captures["deliveries"].as_array().unwrap() {
        let body = delivery["body"].as_str().unwrap();
        let signature = delivery["headers"]["x-signature-256"].as_str().unwrap();
        let event: Value = serde_json::from_str(body).unwrap();
        let ids = [&event["order"]["id"], &event["orderId"]];
        let id = ids.into_iter().find(|id| !id.is_null()).unwrap();
        for adapter in [&known, &changing] {
            let received = call(adapter, signature, body.as_bytes());
            assert!((200..300).contains(&received.reply.status), "{body}");
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
            let received = call(adapter, signature, body.as_bytes());
            assert!(received.reply.status >= 400, "{body}");
            let Verdict::Refused(error) = received.verdict else {
                panic!("{body}");
            };
            assert_ne!(error.kind(), Kind::Internal);
            assert!(!format!("{error:?}").contains(secret));
        }
    }
    assert!(read > 100, "{read}");
}
