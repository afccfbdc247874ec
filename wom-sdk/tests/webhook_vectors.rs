//! Signatures made elsewhere: `tests/vectors/README.md` says by what.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use wom_sdk::{
    Kind, Result, Timestamp,
    webhook::{self, Scheme, Secret, Verified},
};

#[test]
fn every_case_is_decided_as_it_should_be() {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().unwrap();
    let mut decided: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases {
        let (id, expected) = (text(case, "id"), text(case, "expect"));
        let found = match decide(case) {
            Ok(Verified::Message(_)) => "valid",
            Ok(Verified::Handshake { code: None }) => "unsigned_ping",
            Ok(Verified::Handshake { code: Some(_) }) => "verification_request",
            Ok(_) => "unknown",
            Err(error) if error.kind() == Kind::WebhookRefused => "invalid",
            // A secret that nobody may configure.
            Err(error) if error.kind() == Kind::KeyInvalid => "invalid",
            Err(error) => panic!("{id}: {error:?}"),
        };
        // Vendors' libraries differ there: what counts is that there is an answer.
        if expected != "valid_or_invalid" && expected != found {
            wrong.push(format!("{id}: {found} and not {expected}"));
        }
        *decided.entry(expected).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(decided.values().sum::<usize>(), 234);
    assert_eq!(
        decided,
        BTreeMap::from([
            ("invalid", 137),
            ("unsigned_ping", 2),
            ("valid", 84),
            ("valid_or_invalid", 10),
            ("verification_request", 1),
        ])
    );
}

/// What each of these senders would have sent is what we make, byte for byte.
#[test]
fn what_we_sign_is_what_the_senders_sign() {
    let vectors = vectors();
    let mut compared = 0;
    for case in vectors["cases"].as_array().unwrap() {
        let id = text(case, "id");
        let scheme = scheme(case);
        // Others are rotations and spellings of the same.
        if !id.ends_with("-ok") || text(case, "expect") != "valid" {
            continue;
        }
        let headers = headers(case);
        let given = |name: &str| {
            let found = headers
                .iter()
                .find(|(other, _)| other.eq_ignore_ascii_case(name));
            found.map(|(_, value)| std::str::from_utf8(value).unwrap())
        };
        let at = match decide(case).unwrap().message().unwrap().at {
            Some(at) => at,
            None => now(case),
        };
        let message = given("webhook-id").unwrap_or("id");
        let secrets = secrets(case).unwrap();
        let signed = webhook::sign(&scheme, message, at, &body(case), &secrets).unwrap();
        let (name, value) = signed.headers().next().unwrap();
        assert_eq!(Some(value), given(name), "{id}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}

fn vectors() -> Value {
    let text = include_str!("../../tests/vectors/webhook-vectors.json");
    serde_json::from_str(text).unwrap()
}

fn decide(case: &Value) -> Result<Verified> {
    let secrets = secrets(case)?;
    webhook::verify(
        &scheme(case),
        &headers(case),
        &body(case),
        &secrets,
        now(case),
    )
}

fn scheme(case: &Value) -> Scheme {
    match text(case, "scheme") {
        "clover-token" => Scheme::Clover,
        "fitbit" => Scheme::Fitbit,
        "hub-sha256" => Scheme::GITHUB,
        "lightspeed-x" => Scheme::LightspeedX,
        "loyverse" => Scheme::Loyverse,
        "polar" => Scheme::Polar,
        "shopify" => Scheme::Shopify,
        "square" => Scheme::Square {
            url: text(case, "notification_url").to_owned(),
        },
        "standard-webhooks" => Scheme::StandardWebhooks,
        "stripe" => Scheme::Stripe,
        "ticket-tailor" => Scheme::TicketTailor,
        "woocommerce" => Scheme::WooCommerce,
        other => panic!("no such scheme: {other}"),
    }
}

fn secrets(case: &Value) -> Result<Vec<Secret>> {
    let scheme = scheme(case);
    let secrets = case["secrets"].as_array().unwrap().iter();
    secrets
        .map(|secret| scheme.secret(secret.as_str().unwrap()))
        .collect()
}

fn headers(case: &Value) -> Vec<(&str, &[u8])> {
    let headers = case["headers"].as_object().unwrap().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes()))
        .collect()
}

fn body(case: &Value) -> Vec<u8> {
    STANDARD.decode(text(case, "body_base64")).unwrap()
}

fn now(case: &Value) -> Timestamp {
    if let Some(tolerance) = case.get("tolerance_seconds") {
        assert_eq!(tolerance.as_i64(), Some(webhook::TOLERANCE_MS / 1000));
    }
    Timestamp::from_seconds(case["now_unix"].as_i64().unwrap())
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}
