//! Every refusal, in the protocol's order and with its type.

use serde_json::{Value, json};
use wom_sdk::protocol::{Otc, PosId, SessionKey, SourceId, VoucherSecret, rsa};

use crate::common::*;

type Problem = (u16, String);

fn problem(status: u16, kind: &str) -> Problem {
    (status, kind.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn create_refuses_in_order() {
    let world = World::new().await;
    let (client, id) = (&world.client, &world.instrument.id);
    for body in [
        "",
        "x",
        "[]",
        r#"{"sourceId":1}"#,
        r#"{"sourceId":"x","payload":"AAAA"}"#,
    ] {
        assert_eq!(
            client.post("voucher/create", body).await.problem(),
            problem(400, "about:blank")
        );
    }
    let good = vouchers(&world.instrument, "H", 1);
    let nonce = good["nonce"].as_str().unwrap();
    let outer = |source: &str, payload: &str| {
        json!({"sourceId": source, "nonce": nonce, "payload": payload}).to_string()
    };
    let malformed = client.post("voucher/create", outer("x", "AAAA")).await;
    assert_eq!(malformed.problem(), problem(422, "wrong-parameter"));
    for source in ["17", SourceId::random().as_str()] {
        let unknown = client.post("voucher/create", outer(source, "AAAA")).await;
        assert_eq!(unknown.problem(), problem(404, "source-not-found"));
    }
    // Nothing until here was worth an RSA operation.
    assert_eq!(world.registry.rsa_operations(), 0);

    let mut pins = good.clone();
    for pin in ["12", "abcd", "", "１２３４"] {
        pins["password"] = pin.into();
        assert_eq!(
            client.create(id, pins.clone()).await.problem(),
            problem(422, "password-unacceptable")
        );
    }
    pins["password"] = "482100".into();
    let answer = client.create(id, pins).await;
    assert_eq!(
        created(&world.instrument.key, &answer).password.reveal(),
        "482100"
    );
    assert_eq!(world.registry.books().await.unwrap().total.generated, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_in_what_is_asked_for_are_named() {
    let world = World::new().await;
    for (member, value, field) in [
        ("count", json!(0), "count"),
        ("count", json!(-1), "count"),
        ("count", json!(10_001), "count"),
        ("count", json!(9_000_000_000_000_000_i64), "count"),
        ("latitude", json!(91), "latitude, longitude"),
        ("longitude", json!(-180.5), "latitude, longitude"),
        ("aim", json!("QQ"), "aim"),
        ("aim", json!("h"), "aim"),
        ("aim", json!("C"), "aim"),
        ("aim", json!(""), "aim"),
        ("timestamp", Value::Null, "timestamp"),
    ] {
        let mut inner = vouchers(&world.instrument, "H", 1);
        inner["vouchers"][0][member] = value.clone();
        let answer = world.client.create(&world.instrument.id, inner).await;
        assert_eq!(
            answer.problem(),
            problem(422, "wrong-parameter"),
            "{member} {value}"
        );
        assert_eq!(answer.json()["field"], field, "{member} {value}");
        assert!(answer.json()["title"].as_str().unwrap().starts_with(field));
    }
    let one = vouchers(&world.instrument, "H", 1)["vouchers"][0].clone();
    let mut large = one.clone();
    large["count"] = json!(5001);
    for list in [
        json!([]),
        json!(vec![one; 101]),
        json!([large.clone(), large]),
        Value::Null,
    ] {
        let mut inner = vouchers(&world.instrument, "H", 1);
        inner["vouchers"] = list;
        let answer = world.client.create(&world.instrument.id, inner).await;
        assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
        assert_eq!(answer.json()["field"], "vouchers");
    }
    for (member, value, field) in [
        ("amount", json!(0), "amount"),
        ("amount", json!(-5), "amount"),
        ("amount", json!(2000), "amount"),
        (
            "simpleFilter",
            json!({"bounds": {"leftTop": [1.0], "rightBottom": [0, 0]}}),
            "simpleFilter",
        ),
    ] {
        let inner = payment(&world.pos, 1, vec![(member, value)]);
        let answer = world.client.register(&world.pos.id, inner).await;
        assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
        assert_eq!(answer.json()["field"], field);
    }
    assert_eq!(world.registry.books().await.unwrap().total.generated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_that_are_unknown_or_not_verified_are_404_everywhere() {
    let world = World::new().await;
    let client = &world.client;
    let answer = client
        .create(&world.instrument.id, vouchers(&world.instrument, "H", 1))
        .await;
    let vouchers = created(&world.instrument.key, &answer);
    let answer = client
        .register(&world.pos.id, payment(&world.pos, 1, vec![]))
        .await;
    let charge = registered(&world.pos.key, &answer);
    let not_valid = problem(404, "otc-not-valid");

    let unknown = Otc::random();
    for kind in ["voucher", "payment"] {
        assert_eq!(client.verify(kind, &unknown).await.problem(), not_valid);
    }
    // A code of the other kind is unknown too.
    assert_eq!(
        client.verify("payment", &vouchers.otc).await.problem(),
        not_valid
    );
    let session = SessionKey::random();
    for otc in [&unknown, &vouchers.otc, &charge.otc] {
        let answer = client.redeem(otc, &vouchers.password, &session).await;
        assert_eq!(answer.problem(), not_valid);
    }
    for otc in [&unknown, &vouchers.otc, &charge.otc] {
        let answer = client.info(otc, &charge.password).await.unwrap_err();
        assert_eq!(answer.problem(), not_valid);
        let answer = client.confirm(otc, &charge.password, &[]).await;
        assert_eq!(answer.problem(), not_valid);
    }
    let status = |pos: PosId, otc: Otc| async move {
        let payload = client.seal(&json!({"posId": pos, "otc": otc.reveal()}));
        client
            .post(
                "payment/status",
                json!({"posId": pos, "payload": payload}).to_string(),
            )
            .await
    };
    assert_eq!(
        status(world.pos.id.clone(), unknown.clone())
            .await
            .problem(),
        not_valid
    );
    assert_eq!(
        status(PosId::random(), charge.otc.clone()).await.problem(),
        problem(404, "pos-not-found")
    );
    // Another POS learns nothing of the payment.
    let other = world.registry.add_pos("B", "Other").await.unwrap();
    assert_eq!(
        status(other.id, charge.otc.clone()).await.problem(),
        not_valid
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redeem_refuses_in_order() {
    let world = World::new().await;
    let client = &world.client;
    let created = client.issue(&world.instrument, "H", 2).await;
    let wrong = other_than(&created.password);
    for key in ["", "AAAA", "x", &"A".repeat(88)] {
        let mut inner = opening(&created.otc, &wrong, &SessionKey::random());
        inner["sessionKey"] = key.into();
        let answer = client.sealed("voucher/redeem", inner).await;
        assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
    }
    let session = SessionKey::random();
    let answer = client.redeem(&created.otc, &wrong, &session).await;
    assert_eq!(answer.problem(), problem(422, "wrong-password"));
    assert_eq!(
        client
            .redeem(&created.otc, &created.password, &session)
            .await
            .status,
        200
    );
    // Once performed, the PIN plays no part any more.
    for pin in [&created.password, &wrong] {
        let answer = client
            .redeem(&created.otc, pin, &SessionKey::random())
            .await;
        assert_eq!(
            answer.problem(),
            problem(400, "operation-already-performed")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn confirm_refuses_in_order_and_as_a_whole() {
    let world = World::new().await;
    let client = &world.client;
    let purse = client.earn(&world.instrument, "H", 5).await;
    let demo = client.earn(&world.instrument, "0", 2).await;
    let charged = client.charge(&world.pos, 2, vec![]).await;
    let answer = client
        .confirm(&charged.otc, &other_than(&charged.password), &purse[..2])
        .await;
    assert_eq!(answer.problem(), problem(422, "wrong-password"));
    let answer = client
        .confirm(&charged.otc, &charged.password, &purse[..3])
        .await;
    assert_eq!(answer.problem(), problem(400, "wrong-number-of-vouchers"));
    assert_eq!(
        (&answer.json()["required"], &answer.json()["supplied"]),
        (&json!("2"), &json!("3"))
    );

    let mut stranger = purse[1].clone();
    stranger.id = format!("{}/1", SourceId::random()).parse().unwrap();
    let mut forged = purse[1].clone();
    forged.secret = VoucherSecret::random();
    let mut sibling = purse[1].clone();
    sibling.id = purse[2].id.clone();
    let mut beyond = purse[1].clone();
    beyond.id = format!("{}/6", purse[1].id.record()).parse().unwrap();
    let mut shouted = purse[0].clone();
    let (record, n) = (
        purse[0].id.record().to_uppercase(),
        purse[0].id.index().unwrap(),
    );
    shouted.id = format!("{record}/0{n}").parse().unwrap();
    let mut legacy = purse[1].clone();
    legacy.id = "17".parse().unwrap();
    for (second, title) in [
        (&stranger, "One or more voucher(s) not found"),
        (&legacy, "One or more voucher(s) not found"),
        (&forged, "Invalid voucher(s)"),
        (&sibling, "Invalid voucher(s)"),
        (&beyond, "Invalid voucher(s)"),
        (&purse[0], "Invalid voucher(s)"),
        (&shouted, "Invalid voucher(s)"),
        (&demo[0], "Invalid voucher(s)"),
    ] {
        for list in [
            [purse[0].clone(), second.clone()],
            [second.clone(), purse[0].clone()],
        ] {
            let answer = client.confirm(&charged.otc, &charged.password, &list).await;
            assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
            assert_eq!(answer.json()["title"], title);
        }
    }
    assert_eq!(world.registry.books().await.unwrap().total.spent, 0);
    assert_eq!(
        client
            .confirm(&charged.otc, &charged.password, &purse[..2])
            .await
            .status,
        200
    );
    let answer = client
        .confirm(&charged.otc, &charged.password, &purse[2..4])
        .await;
    assert_eq!(
        answer.problem(),
        problem(400, "operation-already-performed")
    );
    let answer = client
        .info(&charged.otc, &charged.password)
        .await
        .unwrap_err();
    assert_eq!(
        answer.problem(),
        problem(400, "operation-already-performed")
    );
    // Demonstration vouchers pay where the filter names them.
    let charged = client
        .charge(&world.pos, 1, vec![("simpleFilter", json!({"aim": "0"}))])
        .await;
    let answer = client
        .confirm(&charged.otc, &charged.password, &purse[2..3])
        .await;
    assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
    assert_eq!(
        client
            .confirm(&charged.otc, &charged.password, &demo[..1])
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_voucher_id_is_named() {
    let world = World::new().await;
    let charged = world.client.charge(&world.pos, 1, vec![]).await;
    let mut inner = opening(&charged.otc, &charged.password, &SessionKey::random());
    inner["vouchers"] = json!([{"id": "x/1", "secret": "AAAA"}]);
    let answer = world.client.sealed("payment/confirm", inner).await;
    assert_eq!(answer.problem(), problem(422, "wrong-parameter"));
}

/// Twelve ways in which a payload can be unreadable have one answer, byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn unreadable_payloads_have_one_answer() {
    let world = World::new().await;
    let client = &world.client;
    let good = json!({"otc": Otc::random().reveal()});
    let sealed = client.seal(&good);
    let bytes = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD
            .decode(&sealed)
            .unwrap()
    };
    let encode = |bytes: &[u8]| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let stranger = wom_sdk::protocol::PrivateKey::generate(2048).unwrap();
    let mut flipped = bytes.clone();
    flipped[100] ^= 1;
    let zeros = vec![0; 256];
    let large = vec![0xff; 256];
    let two = [bytes.clone(), bytes.clone()].concat();
    let payloads = [
        ("not base64", "%%%%".to_owned()),
        ("nothing", String::new()),
        ("the URL alphabet", sealed.replace(['+', '/'], "_")),
        ("half a block", encode(&bytes[..128])),
        (
            "a byte too many",
            encode(&[bytes.clone(), vec![0]].concat()),
        ),
        (
            "another key",
            rsa::seal(stranger.public(), good.to_string().as_bytes()),
        ),
        ("a bit flipped", encode(&flipped)),
        ("zeros", encode(&zeros)),
        ("beyond the modulus", encode(&large)),
        ("twice the same", encode(&two)),
        ("not JSON", rsa::seal(&client.key, b"otc")),
        ("not UTF-8", rsa::seal(&client.key, b"{\"otc\":\"\xff\"}")),
        ("an array", rsa::seal(&client.key, b"[]")),
        ("a member missing", rsa::seal(&client.key, b"{}")),
        ("no GUID", client.seal(&json!({"otc": "x"}))),
        ("truncated", rsa::seal(&client.key, br#"{"otc":""#)),
    ];
    let mut first = None;
    for (name, payload) in payloads {
        for path in [
            "voucher/verify",
            "payment/verify",
            "voucher/redeem",
            "payment/info",
            "payment/confirm",
        ] {
            let answer = client
                .post(path, json!({"payload": payload}).to_string())
                .await;
            assert_eq!(
                answer.problem(),
                problem(403, "payload-verification-failure"),
                "{name}"
            );
            assert_eq!(
                *first.get_or_insert_with(|| answer.clone()),
                answer,
                "{name} {path}"
            );
        }
    }
    // So has a text that says other things than the body around it.
    let first = first.unwrap();
    let inner = vouchers(&world.instrument, "H", 1);
    let body = |nonce: &str, id: &str| {
        json!({"sourceId": id, "nonce": nonce, "payload": client.seal(&inner)}).to_string()
    };
    let id = world.instrument.id.as_str();
    assert_eq!(
        client.post("voucher/create", body("other", id)).await,
        first
    );
    let another = world
        .registry
        .add_instrument("B", &["H".parse().unwrap()])
        .await
        .unwrap();
    let nonce = inner["nonce"].as_str().unwrap();
    assert_eq!(
        client
            .post("voucher/create", body(nonce, another.id.as_str()))
            .await,
        first
    );
    assert_eq!(
        client
            .post("voucher/create", body(nonce, &id.to_uppercase()))
            .await
            .status,
        200
    );
    let payload = client.seal(&json!({"posId": PosId::random(), "otc": Otc::random().reveal()}));
    let body = json!({"posId": world.pos.id, "payload": payload}).to_string();
    assert_eq!(client.post("payment/status", body).await, first);
}
