//! The whole way over real HTTP, and what belongs to it.

use crate::common::*;
use serde_json::{Value, json};
use wom_registry::{RequestState, Sums};
use wom_sdk::protocol::{Otc, SessionKey, aes, message::ConfirmAnswer};

#[tokio::test(flavor = "multi_thread")]
async fn from_award_to_discount_and_the_books_close() {
    let world = World::new().await;
    let (client, registry) = (&world.client, &world.registry);

    let inner = vouchers(&world.instrument, "H", 27);
    let answer = client.create(&world.instrument.id, inner.clone()).await;
    let created = created(&world.instrument.key, &answer);
    assert_eq!(created.nonce, inner["nonce"]);
    assert_eq!(created.count, Some(27));
    assert_eq!(created.registry_url, registry.url());
    let link = format!("{}/vouchers/{}", registry.url(), created.otc.reveal());
    assert_eq!(created.link, Some(link.into()));
    let book = registry.request_book(&created.otc).await.unwrap().unwrap();
    assert_eq!((book.state, book.count), (RequestState::Created, 27));

    // Verify may be repeated.
    for _ in 0..2 {
        let answer = client.verify("voucher", &created.otc).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    }
    let session = SessionKey::random();
    let answer = client
        .redeem(&created.otc, &created.password, &session)
        .await;
    let redeemed = redeemed(&session, &answer);
    assert_eq!(redeemed.source_id, world.instrument.id);
    assert_eq!(redeemed.source_name, "Steps");
    assert_eq!(redeemed.vouchers.len(), 27);
    let ids: std::collections::BTreeSet<_> = redeemed.vouchers.iter().map(|v| &v.id).collect();
    assert_eq!(ids.len(), 27);
    assert!(
        redeemed
            .vouchers
            .iter()
            .all(|v| v.aim == "H" && v.position.latitude() == 43.72)
    );

    let charged = client
        .charge(
            &world.pos,
            10,
            vec![("simpleFilter", json!({"aim": "H", "maxAge": 14}))],
        )
        .await;
    let link = format!("{}/payment/{}", registry.url(), charged.otc.reveal());
    assert_eq!(charged.link, Some(link.into()));
    let info = client.info(&charged.otc, &charged.password).await.unwrap();
    assert_eq!(
        (info.pos_name.as_str(), info.amount, info.persistent),
        ("A shop", 10, false)
    );
    assert_eq!(info.filter.unwrap().aim_prefix(), Some("H"));
    assert!(
        !client
            .status(&world.pos, &charged.otc)
            .await
            .has_been_performed
    );

    let session = SessionKey::random();
    let answer = client
        .confirm_with(
            &charged.otc,
            &charged.password,
            &redeemed.vouchers[..10],
            &session,
        )
        .await;
    let text = aes::open(&session, &answer.payload()).unwrap();
    let acknowledged = ConfirmAnswer::from_inner(&text).unwrap();
    assert_eq!(
        acknowledged.ack_url.as_deref(),
        Some("https://shop.example/thanks")
    );
    let status = client.status(&world.pos, &charged.otc).await;
    assert!(status.has_been_performed && !status.persistent);
    assert_eq!(status.confirmations.len(), 1);

    // One that nobody verified is generated and not issued.
    client
        .create(&world.instrument.id, vouchers(&world.instrument, "0", 5))
        .await
        .payload();
    let books = registry.books().await.unwrap();
    let expected = Sums {
        generated: 32,
        issued: 27,
        redeemed: 27,
        spent: 10,
    };
    assert_eq!(books.total, expected);
    assert_eq!((expected.unredeemed(), expected.left()), (0, 17));
    assert_eq!(
        books.by_aim["H"],
        Sums {
            generated: 27,
            ..expected
        }
    );
    assert_eq!(
        books.by_aim["0"],
        Sums {
            generated: 5,
            ..Sums::default()
        }
    );
    assert_eq!(books.by_source[&world.instrument.id], expected);
    assert_eq!((books.paid, books.payments), (10, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn careless_senders_are_understood() {
    let world = World::new().await;
    let client = &world.client;
    // PascalCase, numbers in texts, nulls, comments, trailing commas, dashless OTC.
    let nonce = nonce();
    let id = world.instrument.id.as_str();
    let inner = format!(
        r#"{{"SourceId":"{id}","Nonce":"{nonce}","Password":null, /* two walks */
            "Vouchers":[{{"Aim":"H","Latitude":"43.5","Longitude":12,"Timestamp":"2026-03-01T11:00:00+01:00","Count":"3","creationmode":0,}},
            {{"aim":"H","latitude":0,"longitude":0,"timestamp":"2026-03-01T10:00:00","creationMode":"setLocationOnRedeem"}}],}}"#
    );
    let payload = wom_sdk::protocol::rsa::seal(&client.key, inner.as_bytes());
    let body =
        format!(r#"{{"SourceId":"{id}","NONCE":"{nonce}","Payload":"{payload}","extra":[],}}"#);
    let created = created(
        &world.instrument.key,
        &client.post("voucher/create", body).await,
    );
    assert_eq!(created.count, Some(4));
    let otc = created.otc.reveal().replace('-', "").to_uppercase();
    assert_eq!(
        client
            .sealed("voucher/verify", json!({"OTC": otc}))
            .await
            .status,
        200
    );

    let session = SessionKey::random();
    let mut opening = opening(&created.otc, &created.password, &session);
    let answer = client.sealed("voucher/redeem", opening.clone()).await;
    assert_eq!(answer.problem(), (400, "location-not-provided".into()));
    opening["redeemLocation"] = json!({"latitude": 91, "longitude": 0});
    let answer = client.sealed("voucher/redeem", opening.clone()).await;
    assert_eq!(answer.problem(), (422, "wrong-parameter".into()));
    opening["redeemLocation"] = json!({"latitude": 44.5, "longitude": 11.25});
    let answer = client.sealed("voucher/redeem", opening).await;
    let redeemed = redeemed(&session, &answer);
    let places: Vec<_> = redeemed
        .vouchers
        .iter()
        .map(|v| v.position.latitude())
        .collect();
    assert_eq!(places, [43.5, 43.5, 43.5, 44.5]);
    assert!(
        redeemed
            .vouchers
            .iter()
            .all(|v| v.timestamp.to_string() == "2026-03-01T10:00:00Z")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_public_can_be_read() {
    let world = World::new().await;
    let client = &world.client;
    assert_eq!(client.get("/health").await.json(), json!({"status": "ok"}));
    let key = client.get("/api/v2/auth/key").await;
    assert!(key.text.starts_with("-----BEGIN PUBLIC KEY-----"));
    let aims = client.get("/api/v2/aims").await.json();
    assert_eq!(aims["aims"][0]["code"], "0");
    let nested = client.get("/api/v2/aims/nested").await.json();
    let roots = nested["aims"].as_array().unwrap();
    assert!(
        roots
            .iter()
            .any(|root| root["code"] == "H" && root["children"][0]["code"] == "HE")
    );

    let about = client
        .get(&format!("/api/v1/source/{}", world.instrument.id))
        .await
        .json();
    assert_eq!(about["name"], "Steps");
    assert_eq!(about["enabledAims"], json!(["H", "0"]));
    for (path, status) in [
        ("/api/v1/source/65aa0c3be1f0d25c7b9e4411", 404),
        ("/api/v1/source/x", 400),
        ("/api/v3/aims", 404),
        ("/api/v1/voucher/create", 405),
    ] {
        let answer = client.get(path).await;
        assert_eq!(
            (answer.status, &answer.json()["status"]),
            (status, &Value::from(status)),
            "{path}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn landing_pages_do_not_tell_whether_a_code_exists() {
    let world = World::new().await;
    let created = world.client.issue(&world.instrument, "H", 1).await;
    let (real, made_up) = (created.otc.reveal(), Otc::random().reveal());
    for path in ["vouchers", "payment"] {
        let known = world.client.get(&format!("/{path}/{real}")).await;
        let unknown = world.client.get(&format!("/{path}/{made_up}")).await;
        assert_eq!(known.status, 200);
        assert_eq!(
            known.text.replace(&real, ""),
            unknown.text.replace(&made_up, "")
        );
        assert_eq!(known.headers, unknown.headers);
        assert_eq!(known.header("referrer-policy"), Some("no-referrer"));
        assert!(known.text.contains("wom pocket --wallet"));
        let broken = world.client.get(&format!("/{path}/%3Cscript%3E")).await;
        assert_eq!(broken.status, 400);
        assert!(!broken.text.contains("script"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instruments_and_pos_can_be_added_while_another_process_serves() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::at(dir.path(), |_| ()).await;
    let options = wom_registry::RegistryOptions::new().key_bits(2048);
    let admin = wom_registry::Registry::open(dir.path(), options)
        .await
        .unwrap();
    assert_eq!(admin.public_key(), world.registry.public_key());
    let instrument = admin
        .add_instrument("Later", &["H".parse().unwrap()])
        .await
        .unwrap();
    let pos = admin.add_pos("M", "P").await.unwrap();
    assert_eq!(world.client.earn(&instrument, "HE", 2).await.len(), 2);
    world.client.charge(&pos, 1, vec![]).await;
    for (name, aims) in [
        ("", vec!["H"]),
        ("x", vec![]),
        ("x", vec!["Q"]),
        ("a\nb", vec!["H"]),
    ] {
        let aims: Vec<_> = aims.iter().map(|aim| aim.parse().unwrap()).collect();
        assert!(admin.add_instrument(name, &aims).await.is_err());
    }
}
