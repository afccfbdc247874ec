//! From options as JSON to codes, and what is refused on the way.
#![allow(clippy::unwrap_used, reason = "a test")]

use serde_json::{Value, json};
use wom_embed::{
    CashDeskOptions, Client, ClientOptions, Own, Registry, SCHEMES, Seen, SeenRefusal, scheme,
};
use wom_sdk::{Kind, Result, protocol::PrivateKey};

fn options(value: Value) -> ClientOptions {
    serde_json::from_value(value).unwrap()
}

#[tokio::test]
async fn options_open_a_client_that_awards() {
    let registry = Registry::start(None, None, false).await.unwrap();
    let admitted = registry
        .add_instrument("Embedded", &["H".to_owned()])
        .await
        .unwrap();
    let source = json!({
        "registry": admitted.registry,
        "id": admitted.id,
        "key": {"key_file": admitted.key_file},
    });
    let client = Client::open(options(json!({"source": source})), Own::default())
        .await
        .unwrap();
    let award =
        serde_json::from_value(json!({"aim": "H", "minutes": 3, "place": [43.7, 12.6]})).unwrap();
    let code = client.award("walk", &award).await.unwrap();
    assert_eq!(client.award("walk", &award).await.unwrap().link, code.link);
    assert!(!format!("{code:?}").contains(&code.pin));
    let person = serde_json::from_value(json!({"id": "sara"})).unwrap();
    assert_eq!(
        client.claims(person).await.unwrap_err().kind(),
        Kind::ConfigurationInvalid
    );
    assert_eq!(
        client.enqueue_sql("walk", &award).unwrap_err().kind(),
        Kind::Unsupported
    );
    client.close().await.unwrap();
    assert_eq!(registry.books().await.unwrap().total.issued, 3);
    registry.close().await.unwrap();
    registry.close().await.unwrap();
    assert!(registry.down().await.is_err());
}

#[tokio::test]
async fn what_is_owed_is_never_kept_in_memory_for_a_registry_of_others() {
    let key = PrivateKey::generate(2048).unwrap();
    let pem = key.to_pkcs1_pem();
    let source = json!({
        "registry": "https://wom.example",
        "id": "65aa0c3be1f0d25c7b9e4422",
        "key": {"key": pem.as_str()},
    });
    let refused = Client::open(options(json!({"source": source})), Own::default())
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::ConfigurationInvalid);
    let desk: CashDeskOptions = serde_json::from_value(json!({"pos": source})).unwrap();
    let refused = wom_embed::CashDesk::open(desk).await.unwrap_err();
    assert_eq!(refused.kind(), Kind::ConfigurationInvalid);
}

#[tokio::test]
async fn a_key_is_given_once_and_never_shown() {
    for (key, told) in [
        (json!({}), "exactly one key"),
        (
            json!({"key": "canary", "key_file": "canary"}),
            "exactly one key",
        ),
        (json!({"key_file": "/no/such/file"}), "cannot read"),
        (json!({"key_variable": "WOM_NO_SUCH_VARIABLE"}), "not set"),
        (json!({"key": "canary"}), ""),
    ] {
        let source =
            json!({"registry": "http://127.0.0.1:9", "id": "65aa0c3be1f0d25c7b9e4422", "key": key});
        let options = options(json!({"source": source}));
        assert!(!format!("{options:?}").contains("canary"));
        let refused = Client::open(options, Own::default()).await.unwrap_err();
        assert!(refused.to_string().contains(told), "{refused}");
        assert!(!format!("{refused:?}").contains("canary"), "{refused:?}");
    }
}

#[test]
fn observations_come_from_data_and_refusals_quote_nobody() {
    let seen = |value: Value| -> Result<wom_sdk::Observation> {
        let seen: Seen = serde_json::from_value(value).unwrap();
        seen.observation()
    };
    let span = json!(["2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z"]);
    let whole = |body: Value| json!({"person": {"id": "sara"}, "key": "a", "body": body});
    seen(whole(
        json!({"body": "interval", "span": span, "activity": "walking", "steps": null}),
    ))
    .unwrap();
    seen(whole(json!({
        "body": "attendance", "ticket": "t-1", "session": "s-1", "activity": "attending", "slots": [span],
    })))
    .unwrap();
    for body in [
        json!({"body": "interval", "span": ["sara", "sara"], "activity": "walking", "steps": null}),
        json!({"body": "interval", "span": span, "activity": "Sara Rossi", "steps": null}),
        json!({"body": "sara"}),
        json!("sara"),
        json!(null),
    ] {
        let refused = seen(whole(body)).unwrap_err();
        assert_eq!(refused.kind(), Kind::InputInvalid);
        assert!(
            !refused.to_string().to_lowercase().contains("sara"),
            "{refused}"
        );
    }
    let keyless = json!({"person": {"id": "sara"}, "key": "", "body": {"body": "withdrawn"}});
    assert_eq!(seen(keyless).unwrap_err().kind(), Kind::InputInvalid);
    let refusal = |code: &str| {
        let refusal: SeenRefusal = serde_json::from_value(
            json!({"code": code, "message": "is wrong", "at": [["line", 3]]}),
        )
        .unwrap();
        refusal.refusal()
    };
    assert_eq!(refusal("bad_time").unwrap().at, [("line", 3)]);
    assert_eq!(
        refusal("Sara Rossi").unwrap_err().kind(),
        Kind::InputInvalid
    );
}

#[test]
fn every_scheme_has_a_name_of_its_own() {
    let mut opened = Vec::new();
    for name in SCHEMES {
        let header = (*name == "hub").then_some("X-Signature");
        let url = (*name == "square").then_some("https://till.example");
        let scheme = scheme(name, header, url).unwrap();
        assert!(!opened.contains(&scheme), "{name}");
        opened.push(scheme);
    }
    assert!(SCHEMES.is_sorted());
    assert!(scheme("stripe", Some("x"), None).is_err());
    assert!(scheme("square", None, None).is_err());
    assert!(scheme("no", None, None).is_err());
}
