//! API keys, the issue in one call, and the Registry that forgets.

use serde_json::{Value, json};
use wom_registry::RequestState;
use wom_sdk::{
    Kind,
    protocol::{ApiKey, SessionKey, message::CreateAnswer},
};

use crate::common::{World, created, nonce, redeemed, vouchers};

fn body(count: u32) -> Value {
    json!({"vouchers": [{
        "count": count, "aim": "H", "timestamp": "2026-03-01T12:00:00+01:00",
        "location": {"latitude": 43.72, "longitude": 12.63},
    }]})
}

impl World {
    async fn api_key(&self) -> ApiKey {
        let made = self.registry.add_api_key(&self.instrument.id, "app").await;
        made.unwrap()
    }

    async fn issue(&self, headers: &[(&str, &str)], body: &Value) -> crate::common::Answer {
        let path = format!("v1/source/{}/vouchers", self.instrument.id);
        self.client
            .post_with(&path, headers, body.to_string())
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_makes_a_code_that_is_good_at_once() {
    let world = World::new().await;
    let key = world.api_key().await;
    let answer = world
        .issue(&[("X-WOM-ApiKey", key.reveal())], &body(12))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json()["count"], 12);
    let made = CreateAnswer::from_outer(answer.text.as_bytes()).unwrap();
    assert!(made.link.unwrap().reveal().contains("/vouchers/"));
    let session = SessionKey::random();
    let answer = world
        .client
        .redeem(&made.otc, &made.password, &session)
        .await;
    assert_eq!(redeemed(&session, &answer).vouchers.len(), 12);
    // Later place, and many sorts.
    let sorts = json!({"vouchers": [
        {"count": 2, "aim": "H", "timestamp": "2026-03-01T12:00:00Z", "creationMode": "SetLocationOnRedeem"},
        {"count": 3, "aim": "0", "timestamp": "2026-03-01T12:00:00Z", "location": {"latitude": 1, "longitude": 2}},
    ]});
    let answer = world.issue(&[("x-wom-apikey", key.reveal())], &sorts).await;
    assert_eq!(answer.json()["count"], 5);
    assert_eq!(world.registry.books().await.unwrap().total.issued, 17);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_call_gives_the_same_code_if_it_says_that_it_is_one() {
    let world = World::new().await;
    let key = world.api_key().await;
    let headers = [
        ("x-wom-apikey", key.reveal()),
        ("idempotency-key", "award 1"),
    ];
    let first = world.issue(&headers, &body(5)).await;
    assert_eq!(first.json()["nonce"], "award 1");
    assert_eq!(world.issue(&headers, &body(5)).await.json(), first.json());
    let other = world.issue(&headers, &body(6)).await;
    assert_eq!(other.problem(), (422, "wrong-parameter".to_owned()));
    // A create with the same nonce is another request.
    let mut inner = vouchers(&world.instrument, "H", 5);
    inner["nonce"] = "award 1".into();
    let answer = world.client.create(&world.instrument.id, inner).await;
    let made = created(&world.instrument.key, &answer);
    assert_ne!(made.otc.reveal(), first.json()["otc"]);
    assert_eq!(world.registry.books().await.unwrap().total.issued, 5);
    // Without a name for it each call stands for itself.
    let headers = [("x-wom-apikey", key.reveal())];
    let one = world.issue(&headers, &body(5)).await;
    let two = world.issue(&headers, &body(5)).await;
    assert_ne!(one.json()["otc"], two.json()["otc"]);
    assert_eq!(world.registry.books().await.unwrap().total.issued, 15);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sources_own_key_opens() {
    let world = World::new().await;
    let key = world.api_key().await;
    let aims = ["H".parse().unwrap()];
    let other = world.registry.add_instrument("Other", &aims).await.unwrap();
    let foreign = world.registry.add_api_key(&other.id, "app").await.unwrap();
    let stranger = ApiKey::random();
    for headers in [
        vec![],
        vec![("x-wom-apikey", "")],
        vec![("x-wom-apikey", stranger.reveal())],
        vec![("x-wom-apikey", foreign.reveal())],
        vec![("x-wom-apikey", "not a key")],
    ] {
        let answer = world.issue(&headers, &body(1)).await;
        assert_eq!(answer.problem(), (401, "user-not-logged-in".to_owned()));
    }
    // A new key takes the place of the old one, and one that was taken away is gone.
    let next = world.api_key().await;
    assert_eq!(
        world
            .issue(&[("x-wom-apikey", key.reveal())], &body(1))
            .await
            .status,
        401
    );
    assert_eq!(
        world
            .issue(&[("x-wom-apikey", next.reveal())], &body(1))
            .await
            .status,
        200
    );
    let source = &world.instrument.id;
    assert!(world.registry.remove_api_key(source, "app").await.unwrap());
    assert!(!world.registry.remove_api_key(source, "app").await.unwrap());
    assert_eq!(
        world
            .issue(&[("x-wom-apikey", next.reveal())], &body(1))
            .await
            .status,
        401
    );
    let error = world
        .registry
        .add_api_key(source, "two words")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    let nobody = "65aa0c3be1f0d25c7b9e4411".parse().unwrap();
    let error = world
        .registry
        .add_api_key(&nobody, "app")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::SourceUnknown);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_issued_is_named_and_nothing_is_made() {
    let world = World::new().await;
    let key = world.api_key().await;
    let with = |change: fn(&mut Value)| {
        let mut body = body(1);
        change(&mut body["vouchers"][0]);
        body
    };
    for (wrong, status) in [
        (json!({}), 400),
        (json!({"vouchers": []}), 422),
        (with(|v| v["count"] = 0.into()), 422),
        (with(|v| v["count"] = 10_001.into()), 422),
        (
            with(|v| drop(v.as_object_mut().unwrap().remove("count"))),
            422,
        ),
        (with(|v| v["location"] = Value::Null), 422),
        (with(|v| v["location"]["latitude"] = 91.into()), 422),
        (with(|v| v["aim"] = "UM".into()), 422),
        (with(|v| v["aim"] = "ZZ".into()), 422),
        (
            with(|v| drop(v.as_object_mut().unwrap().remove("aim"))),
            400,
        ),
        (with(|v| v["timestamp"] = "yesterday".into()), 400),
    ] {
        let answer = world.issue(&[("x-wom-apikey", key.reveal())], &wrong).await;
        assert_eq!(answer.status, status, "{wrong} {}", answer.text);
    }
    let long = "x".repeat(257);
    let headers = [("x-wom-apikey", key.reveal()), ("idempotency-key", &long)];
    assert_eq!(world.issue(&headers, &body(1)).await.status, 422);
    assert_eq!(world.registry.books().await.unwrap().total.generated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_tells_whose_it_is() {
    let world = World::new().await;
    let key = world.api_key().await;
    let ask = async |headers: &[(&str, &str)]| {
        world
            .client
            .post_with("v2/auth/apikey", headers, String::new())
            .await
    };
    let answer = ask(&[("X-WOM-ApiKey", key.reveal())]).await.json();
    assert_eq!(answer["entityId"], world.instrument.id.as_str());
    assert_eq!(answer["privateKey"], Value::Null);
    assert_eq!(answer["details"]["enabledAims"], json!(["H", "0"]));
    assert_eq!(ask(&[]).await.status, 400);
    assert_eq!(
        ask(&[("X-WOM-ApiKey", ApiKey::random().reveal())])
            .await
            .status,
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_beside_a_create_has_to_be_the_sources() {
    let world = World::new().await;
    let key = world.api_key().await;
    let create = async |key: &str| {
        let inner = vouchers(&world.instrument, "H", 5);
        let sealed = world.client.seal(&inner);
        let body =
            json!({"sourceId": world.instrument.id, "nonce": inner["nonce"], "payload": sealed});
        let headers = [("X-WOM-ApiKey", key)];
        world
            .client
            .post_with("v1/voucher/create", &headers, body.to_string())
            .await
    };
    assert_eq!(create("0123456789abcdef").await.status, 400);
    for good in [key.reveal(), ""] {
        let made = created(&world.instrument.key, &create(good).await);
        assert_eq!(made.count, Some(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_base_knows_keys_by_their_digest_alone() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path(), |_| ()).await;
    let key = world.api_key().await;
    world
        .issue(&[("x-wom-apikey", key.reveal())], &body(1))
        .await;
    world.registry.close().await;
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let found = bytes
            .windows(32)
            .any(|window| window == key.reveal().as_bytes());
        assert!(!found, "the key itself is in a file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faithful_registry_remembers_no_nonce_and_verifies_once() {
    let world = World::with(|options| options.faithful = true).await;
    let key = world.api_key().await;
    let inner = vouchers(&world.instrument, "H", 5);
    let create = async || {
        let answer = world
            .client
            .create(&world.instrument.id, inner.clone())
            .await;
        created(&world.instrument.key, &answer).otc
    };
    let (first, second) = (create().await, create().await);
    assert_ne!(first, second);
    assert_eq!(world.client.verify("voucher", &first).await.status, 200);
    let unexpected = (500, "unexpected".to_owned());
    assert_eq!(
        world.client.verify("voucher", &first).await.problem(),
        unexpected
    );
    let unknown = nonce().parse().unwrap();
    assert_eq!(
        world.client.verify("voucher", &unknown).await.problem(),
        unexpected
    );
    let state = async |otc| {
        world
            .registry
            .request_book(otc)
            .await
            .unwrap()
            .unwrap()
            .state
    };
    assert_eq!(state(&first).await, RequestState::Verified);
    assert_eq!(state(&second).await, RequestState::Created);
    let headers = [
        ("x-wom-apikey", key.reveal()),
        ("idempotency-key", "award 1"),
    ];
    let (one, two) = (
        world.issue(&headers, &body(3)).await,
        world.issue(&headers, &body(3)).await,
    );
    assert_ne!(one.json()["otc"], two.json()["otc"]);
    assert_eq!(world.registry.books().await.unwrap().total.issued, 11);
    let charged = world.client.charge(&world.pos, 3, vec![]).await;
    assert_eq!(
        world.client.verify("payment", &charged.otc).await.problem(),
        unexpected
    );
}
