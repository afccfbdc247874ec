//! Every vector of the protocol: keys, RSA blocks, AES texts, envelopes and filters, with those
//! that have to be refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::Value;
use wom_sdk::{
    Kind,
    protocol::{
        PrivateKey, PublicKey, SessionKey, aes,
        json::{self, Layer, Limits},
        message::{
            ConfirmAnswer, CreateAnswer, CreateBody, CreateReceived, CreateRequest, InfoAnswer,
            MAX_BLOCKS_ANSWER, MAX_BLOCKS_CREATE, MAX_BLOCKS_VERIFY, RedeemAnswer, SealedBody,
            StatusAnswer, VerifyRequest,
        },
        rsa,
    },
};

fn vectors() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/vectors/wom-vectors.json"
    );
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn list<'a>(vectors: &'a Value, name: &str) -> &'a Vec<Value> {
    vectors[name].as_array().unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

fn private(vectors: &Value, name: &str) -> PrivateKey {
    let der = STANDARD
        .decode(text(&vectors["keys"][name], "private_pkcs1_der_base64"))
        .unwrap();
    PrivateKey::from_der(&der, None).unwrap()
}

#[test]
fn keys_are_read_in_every_form() {
    let vectors = vectors();
    for (name, key) in vectors["keys"].as_object().unwrap() {
        let private = private(&vectors, name);
        let pkcs8 = STANDARD
            .decode(text(key, "private_pkcs8_der_base64"))
            .unwrap();
        let public = PublicKey::from_pem(text(key, "public_spki_pem")).unwrap();
        assert_eq!(
            PrivateKey::from_der(&pkcs8, None).unwrap().public(),
            &public
        );
        assert_eq!(private.public(), &public);
        assert_eq!(
            PublicKey::from_pem(text(key, "public_pkcs1_pem")).unwrap(),
            public
        );
        assert_eq!(public.fingerprint(), text(key, "spki_sha256_hex"));
        assert_eq!(public.to_pem(), text(key, "public_spki_pem"));
        assert_eq!(public.bits(), 2048);

        let written = private.to_pkcs1_pem();
        let body: String = written
            .lines()
            .filter(|line| !line.starts_with("---"))
            .collect();
        assert_eq!(body, text(key, "private_pkcs1_der_base64"));
    }
}

#[test]
fn rsa_payloads_are_opened() {
    let vectors = vectors();
    for vector in list(&vectors, "rsa") {
        let key = private(&vectors, text(vector, "key"));
        let plain = text(vector, "plaintext_utf8").as_bytes();
        let count = usize::try_from(vector["blocks"].as_u64().unwrap()).unwrap();
        let payload = text(vector, "ciphertext_base64");
        let name = text(vector, "name");
        assert_eq!(
            rsa::open(&key, payload, count).unwrap().as_slice(),
            plain,
            "{name}"
        );
        assert!(rsa::open(&key, payload, count - 1).is_err(), "{name}");
        assert_eq!(rsa::blocks(key.public(), plain.len()), count, "{name}");

        let ours = rsa::seal(key.public(), plain);
        assert_eq!(ours.len(), payload.len(), "{name}");
        assert_eq!(
            rsa::open(&key, &ours, count).unwrap().as_slice(),
            plain,
            "{name}"
        );
    }
}

#[test]
fn bad_rsa_payloads_are_all_the_same() {
    let vectors = vectors();
    let mut seen = std::collections::BTreeSet::new();
    for vector in list(&vectors, "rsa_negative") {
        let key = private(&vectors, text(vector, "key"));
        let payload = text(vector, "ciphertext_base64");
        let error = rsa::open(&key, payload, MAX_BLOCKS_CREATE)
            .and_then(|text| CreateReceived::from_inner(&text))
            .unwrap_err();
        assert_eq!(
            error.kind(),
            Kind::PayloadInvalid,
            "{}",
            text(vector, "name")
        );
        seen.insert(format!("{error:?}"));
    }
    assert_eq!(seen.len(), 1);
}

#[test]
fn aes_payloads_are_opened() {
    let vectors = vectors();
    for vector in list(&vectors, "aes_cbc") {
        let key = SessionKey::from_base64(text(vector, "key_base64")).unwrap();
        let opened = aes::open(&key, text(vector, "payload_base64")).unwrap();
        let plain = text(vector, "plaintext_utf8")
            .trim_start_matches('\u{feff}')
            .trim_end_matches(['\0', ' ']);
        assert_eq!(
            opened.as_slice(),
            plain.as_bytes(),
            "{}",
            text(vector, "name")
        );
        assert!(json::object(&opened, Layer::Inner, Limits::default()).is_ok());
        match text(vector, "name") {
            "redeem" => {
                let answer = RedeemAnswer::from_inner(&opened).unwrap();
                assert_eq!(answer.vouchers.len(), 2);
                assert_eq!(answer.to_json().as_str(), plain);
            }
            "info" => {
                let answer = InfoAnswer::from_inner(&opened).unwrap();
                assert_eq!((answer.amount, answer.persistent), (10, false));
                assert_eq!(answer.to_json().as_str(), plain);
            }
            "confirm-ack" => {
                let answer = ConfirmAnswer::from_inner(&opened).unwrap();
                assert_eq!(answer.to_json().as_str(), plain);
            }
            _ => (),
        }
    }
}

#[test]
fn bad_aes_payloads_are_all_the_same() {
    let vectors = vectors();
    let mut seen = std::collections::BTreeSet::new();
    for vector in list(&vectors, "aes_negative") {
        let key = SessionKey::from_base64(text(vector, "key_base64")).unwrap();
        let error = aes::open(&key, text(vector, "payload_base64"))
            .and_then(|text| ConfirmAnswer::from_inner(&text))
            .unwrap_err();
        seen.insert(format!("{error:?}"));
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[test]
fn envelopes_are_read_and_written() {
    let vectors = vectors();
    for vector in list(&vectors, "envelopes") {
        let body = vector["body"].to_string();
        let inner = &vector["inner"];
        let registry = private(&vectors, "registry");
        match text(vector, "name") {
            "voucher-create-request" => {
                let body = CreateBody::from_outer(body.as_bytes()).unwrap();
                let opened = rsa::open(&registry, &body.payload, MAX_BLOCKS_CREATE).unwrap();
                let received = CreateReceived::from_inner(&opened).unwrap();
                assert_eq!(received.source_id, body.source_id);
                assert_eq!(received.nonce, body.nonce);
                let vouchers = received.check().unwrap();
                let again =
                    CreateRequest::new(received.source_id, received.nonce, None, vouchers).unwrap();
                assert_eq!(again.to_json().as_bytes(), opened.as_slice());
            }
            "voucher-create-response" => {
                let source = private(&vectors, text(vector, "decrypt_with"));
                let body = SealedBody::from_answer(body.as_bytes()).unwrap();
                let opened = rsa::open(&source, &body.payload, MAX_BLOCKS_ANSWER).unwrap();
                let answer = CreateAnswer::from_inner(&opened).unwrap();
                assert_eq!(answer.to_json().as_bytes(), opened.as_slice());
                assert_eq!(answer.otc.reveal(), text(inner, "otc"));
                assert_eq!(answer.count, Some(27));
            }
            "voucher-verify-request" => {
                let body = SealedBody::from_outer(body.as_bytes()).unwrap();
                let opened = rsa::open(&registry, &body.payload, MAX_BLOCKS_VERIFY).unwrap();
                let request = VerifyRequest::from_inner(&opened).unwrap();
                assert_eq!(request.to_json().as_bytes(), opened.as_slice());
                assert_eq!(request.otc.reveal(), text(inner, "otc"));
            }
            name => panic!("an envelope without a test: {name}"),
        }
    }
}

#[test]
fn status_answers_are_read_and_written() {
    let vectors = vectors();
    let vector = list(&vectors, "rsa")
        .iter()
        .find(|vector| text(vector, "name") == "status-response")
        .unwrap();
    let plain = text(vector, "plaintext_utf8");
    let answer = StatusAnswer::from_inner(plain.as_bytes()).unwrap();
    assert_eq!(answer.confirmations.len(), 2);
    assert_eq!(answer.to_json().as_str(), plain);
}

#[test]
fn filters_judge_as_the_registry_does() {
    let vectors = vectors();
    let cases = list(&vectors, "filter_cases");
    assert_eq!(cases.len(), 23);
    for case in cases {
        let info = serde_json::json!({
            "posId": "65aa0c3be1f0d25c7b9e4422",
            "amount": 1,
            "simpleFilter": case["filter"],
        });
        let info = InfoAnswer::from_inner(info.to_string().as_bytes()).unwrap();
        let voucher = &case["voucher"];
        let position = wom_sdk::protocol::Position::new(
            voucher["latitude"].as_f64().unwrap(),
            voucher["longitude"].as_f64().unwrap(),
        )
        .unwrap();
        let accepted = info.filter.unwrap_or_default().accepts(
            text(voucher, "aim"),
            position,
            text(voucher, "timestamp").parse().unwrap(),
            text(case, "now").parse().unwrap(),
        );
        assert_eq!(
            Some(accepted),
            case["accepted"].as_bool(),
            "{}",
            text(case, "name")
        );
    }
}
