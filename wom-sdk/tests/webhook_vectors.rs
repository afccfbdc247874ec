//! Signatures made elsewhere: `tests/vectors/README.md` says by what.
#![allow(clippy::unwrap_used, reason = "a test")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use wom_sdk::{
    Kind, Timestamp,
    webhook::{self, Secret},
};

#[test]
fn every_case_of_standard_webhooks_is_decided_as_it_should_be() {
    let text = include_str!("../../tests/vectors/webhook-vectors.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let mut decided = [0; 3];
    for case in vectors["cases"].as_array().unwrap() {
        if case["scheme"] != "standard-webhooks" {
            continue;
        }
        let name = case["id"].as_str().unwrap();
        let body = STANDARD
            .decode(case["body_base64"].as_str().unwrap())
            .unwrap();
        let secrets = case["secrets"].as_array().unwrap().iter();
        let secrets: Vec<_> = secrets
            .map(|secret| Secret::parse(secret.as_str().unwrap()).unwrap())
            .collect();
        let headers = case["headers"].as_object().unwrap().iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes()))
            .collect();
        let now = Timestamp::from_seconds(case["now_unix"].as_i64().unwrap());
        let result = webhook::verify(&headers, &body, &secrets, now);
        if let Err(error) = &result {
            assert_eq!(error.kind(), Kind::WebhookRefused, "{name}");
        }
        match case["expect"].as_str().unwrap() {
            "valid" => {
                assert!(result.is_ok(), "{name}: {result:?}");
                decided[0] += 1;
            }
            "invalid" => {
                assert!(result.is_err(), "{name}");
                decided[1] += 1;
            }
            // The standard leaves these open: what counts is that there is an answer.
            _ => decided[2] += 1,
        }
    }
    assert_eq!(decided, [8, 14, 4]);
}
