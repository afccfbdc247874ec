//! Windows of time, limits, and what they let through.

use std::{num::NonZeroUsize, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use wom_registry::{RegistryOptions, RequestState};
use wom_sdk::protocol::SessionKey;

use crate::common::*;

const DAY: i64 = 86_400;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_redemption_is_repeated_for_its_session_key_for_a_day() {
    let world = World::new().await;
    let client = &world.client;
    let created = client.issue(&world.instrument, "H", 30).await;
    let session = SessionKey::random();
    let first = redeemed(
        &session,
        &client
            .redeem(&created.otc, &created.password, &session)
            .await,
    );
    world.clock.forward(DAY - 60);
    let again = redeemed(
        &session,
        &client
            .redeem(&created.otc, &created.password, &session)
            .await,
    );
    assert!(first == again);
    let wrong_pin = client
        .redeem(&created.otc, &other_than(&created.password), &session)
        .await;
    assert_eq!(
        wrong_pin.problem(),
        (400, "operation-already-performed".into())
    );
    world.clock.forward(120);
    let late = client
        .redeem(&created.otc, &created.password, &session)
        .await;
    assert_eq!(late.problem(), (400, "operation-already-performed".into()));
    assert_eq!(world.registry.books().await.unwrap().total.redeemed, 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_nonce_with_the_same_contents_is_the_same_request() {
    let world = World::new().await;
    let (client, id, key) = (&world.client, &world.instrument.id, &world.instrument.key);
    let inner = vouchers(&world.instrument, "H", 3);
    let first = created(key, &client.create(id, inner.clone()).await);
    let again = created(key, &client.create(id, inner.clone()).await);
    assert!(first == again);
    client.verify("voucher", &first.otc).await;
    assert!(created(key, &client.create(id, inner.clone()).await) == first);
    let mut other = inner.clone();
    other["vouchers"][0]["count"] = json!(4);
    let refused = client.create(id, other.clone()).await;
    assert_eq!(refused.problem(), (422, "wrong-parameter".into()));
    assert_eq!(refused.json()["field"], "nonce");
    // Another source's nonces are its own, and after the window a nonce is fresh.
    let second = world
        .registry
        .add_instrument("B", &["H".parse().unwrap()])
        .await
        .unwrap();
    let mut same_nonce = vouchers(&second, "H", 9);
    same_nonce["nonce"] = inner["nonce"].clone();
    assert_eq!(client.create(&second.id, same_nonce).await.status, 200);
    world.clock.forward(DAY + 1);
    let fresh = created(key, &client.create(id, other).await);
    assert!(fresh.otc != first.otc);

    let inner = payment(&world.pos, 3, vec![]);
    let first = registered(
        &world.pos.key,
        &client.register(&world.pos.id, inner.clone()).await,
    );
    let again = registered(
        &world.pos.key,
        &client.register(&world.pos.id, inner.clone()).await,
    );
    assert!(first == again);
    let mut other = inner;
    other["amount"] = json!(4);
    assert_eq!(client.register(&world.pos.id, other).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_never_verified_is_forgotten_after_a_day() {
    let world = World::new().await;
    let client = &world.client;
    let inner = vouchers(&world.instrument, "H", 3);
    let old = created(
        &world.instrument.key,
        &client.create(&world.instrument.id, inner.clone()).await,
    );
    let kept = client.issue(&world.instrument, "H", 1).await;
    world.clock.forward(DAY + 1);
    assert_eq!(
        client.verify("voucher", &old.otc).await.problem(),
        (404, "otc-not-valid".into())
    );
    assert_eq!(client.verify("voucher", &kept.otc).await.status, 200);
    client.issue(&world.instrument, "H", 1).await;
    assert!(
        world
            .registry
            .request_book(&old.otc)
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        world
            .registry
            .request_book(&kept.otc)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(world.registry.books().await.unwrap().total.generated, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_codes_expire_if_the_setting_says_so() {
    let world =
        World::with(|options| options.verified_expiry = Some(Duration::from_secs(3600))).await;
    let client = &world.client;
    let created = client.issue(&world.instrument, "H", 3).await;
    let charged = client.charge(&world.pos, 1, vec![]).await;
    world.clock.forward(3601);
    let answer = client
        .redeem(&created.otc, &created.password, &SessionKey::random())
        .await;
    assert_eq!(answer.problem(), (410, "request-void".into()));
    let answer = client
        .info(&charged.otc, &charged.password)
        .await
        .unwrap_err();
    assert_eq!(answer.problem(), (410, "request-void".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn open_requests_are_bounded_and_the_oldest_make_room() {
    let world = World::with(|options| options.unverified_limit = 3).await;
    let (client, id) = (&world.client, &world.instrument.id);
    let mut codes = Vec::new();
    for _ in 0..3 {
        let answer = client.create(id, vouchers(&world.instrument, "H", 1)).await;
        codes.push(created(&world.instrument.key, &answer).otc);
    }
    let full = client.create(id, vouchers(&world.instrument, "H", 1)).await;
    assert_eq!(full.status, 429);
    let wait: i64 = full.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=601).contains(&wait), "{wait}");
    // Verifying makes room, and so does age; others are not concerned.
    client.verify("voucher", &codes[0]).await;
    assert_eq!(
        client
            .create(id, vouchers(&world.instrument, "H", 1))
            .await
            .status,
        200
    );
    assert_eq!(
        client
            .create(id, vouchers(&world.instrument, "H", 1))
            .await
            .status,
        429
    );
    assert_eq!(
        client
            .register(&world.pos.id, payment(&world.pos, 1, vec![]))
            .await
            .status,
        200
    );
    world.clock.forward(wait + 1);
    assert_eq!(
        client
            .create(id, vouchers(&world.instrument, "H", 1))
            .await
            .status,
        200
    );
    assert!(
        world
            .registry
            .request_book(&codes[1])
            .await
            .unwrap()
            .is_none()
    );
    let book = world
        .registry
        .request_book(&codes[0])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(book.state, RequestState::Verified);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_void_a_payment_whether_asked_or_paid_with() {
    let world = World::new().await;
    let client = &world.client;
    let charged = client.charge(&world.pos, 1, vec![]).await;
    let wrong = other_than(&charged.password);
    // A right PIN costs nothing.
    for _ in 0..5 {
        client.info(&charged.otc, &charged.password).await.unwrap();
    }
    let wrong_password = (422, "wrong-password".to_owned());
    assert_eq!(
        client
            .info(&charged.otc, &wrong)
            .await
            .unwrap_err()
            .problem(),
        wrong_password
    );
    assert_eq!(
        client.confirm(&charged.otc, &wrong, &[]).await.problem(),
        wrong_password
    );
    assert_eq!(
        client
            .info(&charged.otc, &wrong)
            .await
            .unwrap_err()
            .problem(),
        wrong_password
    );
    let void = (410, "request-void".to_owned());
    assert_eq!(
        client
            .info(&charged.otc, &charged.password)
            .await
            .unwrap_err()
            .problem(),
        void
    );
    assert_eq!(
        client
            .confirm(&charged.otc, &charged.password, &[])
            .await
            .problem(),
        void
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_pause_a_payment_for_many() {
    let world = World::new().await;
    let client = &world.client;
    let charged = client
        .charge(&world.pos, 1, vec![("persistent", true.into())])
        .await;
    let purse = client.earn(&world.instrument, "H", 2).await;
    let wrong = other_than(&charged.password);
    for _ in 0..2 {
        for _ in 0..3 {
            assert_eq!(
                client.info(&charged.otc, &wrong).await.unwrap_err().status,
                422
            );
        }
        let paused = client
            .confirm(&charged.otc, &charged.password, &purse[..1])
            .await;
        assert_eq!(paused.status, 429);
        let wait: i64 = paused.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=901).contains(&wait), "{wait}");
        world.clock.forward(wait + 1);
    }
    let answer = client
        .confirm(&charged.otc, &charged.password, &purse[..1])
        .await;
    assert_eq!(answer.status, 200);
    // Two may be mistaken again, the third is not yet out.
    for _ in 0..2 {
        assert_eq!(
            client.info(&charged.otc, &wrong).await.unwrap_err().status,
            422
        );
    }
    assert_eq!(
        client
            .confirm(&charged.otc, &charged.password, &purse[1..])
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_a_payment_for_many_is_repeated() {
    let world = World::new().await;
    let client = &world.client;
    let charged = client
        .charge(&world.pos, 2, vec![("persistent", true.into())])
        .await;
    let purse = client.earn(&world.instrument, "H", 5).await;
    let session = SessionKey::random();
    let (otc, pin) = (&charged.otc, &charged.password);
    for _ in 0..3 {
        let answer = client.confirm_with(otc, pin, &purse[..2], &session).await;
        assert_eq!(answer.status, 200);
    }
    // Another key, or other vouchers, are another payment.
    let answer = client.confirm(otc, pin, &purse[..2]).await;
    assert_eq!(answer.problem(), (422, "wrong-parameter".into()));
    let answer = client.confirm_with(otc, pin, &purse[2..4], &session).await;
    assert_eq!(answer.status, 200);
    let books = world.registry.books().await.unwrap();
    assert_eq!((books.total.spent, books.payments), (4, 2));
    assert_eq!(client.status(&world.pos, otc).await.confirmations.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_blocks_cost_no_rsa_operation() {
    let world = World::new().await;
    let blocks = |count| blocks(&world, count);
    for (path, limit) in [
        ("voucher/create", 128),
        ("voucher/verify", 8),
        ("voucher/redeem", 8),
        ("payment/register", 16),
        ("payment/verify", 8),
        ("payment/info", 8),
        ("payment/status", 8),
        ("payment/confirm", 256),
    ] {
        for count in [limit + 1, 700, 1000] {
            let answer = world.client.post(path, blocks(count)).await;
            assert_eq!(answer.status, 413, "{path} {count}");
        }
    }
    assert_eq!(world.registry.rsa_operations(), 0);
    assert_eq!(
        world.client.post("voucher/verify", blocks(8)).await.status,
        403
    );
    assert_eq!(world.registry.rsa_operations(), 8);
    let endless = world
        .client
        .post("voucher/verify", vec![b' '; 3_000_000])
        .await;
    assert_eq!(endless.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_queue_full_callers_are_asked_to_come_back() {
    let set = |options: &mut RegistryOptions| {
        options.rsa_workers = NonZeroUsize::new(1);
        options.rsa_queue = 0;
    };
    let world = World::with(set).await;
    let held = world.client.post("payment/confirm", blocks(&world, 256));
    let refused = async {
        while world.registry.rsa_operations() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.client.sealed("voucher/verify", json!({})).await
    };
    let (held, refused) = tokio::join!(held, refused);
    assert_eq!(held.status, 403);
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("1"));
}

/// A body whose payload has so many blocks, and is nothing that can be read.
fn blocks(world: &World, count: usize) -> String {
    let payload = STANDARD.encode(vec![1; 256 * count]);
    json!({"payload": payload, "posId": world.pos.id, "sourceId": world.instrument.id, "nonce": "n"})
        .to_string()
}
