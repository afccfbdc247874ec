//! The adapter in a real Vendure shop. `WOM_VENDURE` names the folder with the packages of
//! `tests/vendure`.
#![allow(clippy::unwrap_used, reason = "a test")]

mod shop;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::json;
use wom_sdk::{
    Kind, Retry,
    merchant::{Applied, Discount, Merchant, OrderId},
    testing::conformance::merchant as conformance,
};

use shop::{Shop, given};

const FIVE: Discount = Discount::Amount(500);

fn applied(key: &str) -> Applied {
    Applied::Applied {
        reference: key.to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Vendure: WOM_VENDURE"]
async fn vendure_drafts_get_each_discount_once() {
    // Sessions that lapse all the time.
    let shop = Shop::start("2s").await;
    let adapter = shop.adapter();
    let (none, begin) = adapter.orders(None).await.unwrap();
    assert_eq!((none, begin.clone()), (vec![], None));

    let draft = shop.draft(2).await;
    assert_eq!(given(&adapter, &draft).await, (vec![], 2400));
    assert_eq!(adapter.find("d1a").await.unwrap(), None);
    assert_eq!(
        adapter.apply(&draft, &FIVE, "d1a").await.unwrap(),
        applied("d1a")
    );
    assert_eq!(given(&adapter, &draft).await, (vec![-500], 1900));
    let seen = shop.see(&draft).await;
    assert_eq!(seen["totalWithTax"], 1900);
    assert_eq!(seen["couponCodes"], json!(["WOM-D1A"]));

    // A repetition changes nothing, not even after the session has lapsed.
    let version = adapter.read(&draft).await.unwrap().version;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        adapter.apply(&draft, &FIVE, "d1a").await.unwrap(),
        applied("d1a")
    );
    assert_eq!(
        adapter.apply(&draft, &FIVE, "D1A").await.unwrap(),
        applied("d1a")
    );
    assert_eq!(adapter.read(&draft).await.unwrap().version, version);
    assert_eq!(adapter.find("d1A").await.unwrap(), Some(draft.clone()));
    let other = shop.draft(1).await;
    let refused = adapter.apply(&other, &FIVE, "d1a").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::AlreadyPerformed);

    // Five at once, by two processes that know nothing of each other.
    let second = shop.adapter();
    let crowd = shop.draft(2).await;
    let asked = (0..5).map(|n| {
        let adapter = if n % 2 == 0 { &adapter } else { &second };
        adapter.apply(&crowd, &FIVE, "d2")
    });
    for answer in join_all(asked).await {
        // One may have taken away what another had just made, and may be asked again.
        if let Err(error) = answer {
            assert_ne!(error.retry(), Retry::Safe, "{error:?}");
        }
    }
    assert_eq!(
        adapter.apply(&crowd, &FIVE, "d2").await.unwrap(),
        applied("d2")
    );
    assert_eq!(given(&adapter, &crowd).await, (vec![-500], 1900));
    assert_eq!(shop.promotions("WOM-D2").await.len(), 1);

    // Five at once by one.
    let crowd = shop.draft(2).await;
    let asked = (0..5).map(|_| adapter.apply(&crowd, &FIVE, "d3"));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), applied("d3"));
    }
    assert_eq!(given(&adapter, &crowd).await, (vec![-500], 1900));
    assert_eq!(shop.promotions("WOM-D3").await.len(), 1);

    // Doubles that are there already, and count five times, are cleared up.
    let doubled = shop.draft(3).await;
    for _ in 0..5 {
        shop.promote("WOM-D4", json!({"translations": [{"languageCode": "en", "name": "x", "description": format!("order/{}", doubled.0)}], "endsAt": "2099-01-01T00:00:00.000Z"})).await;
    }
    shop.put_on_draft(&doubled, "WOM-D4").await;
    assert_eq!(given(&adapter, &doubled).await.1, 1100);
    assert_eq!(
        adapter.apply(&doubled, &FIVE, "d4").await.unwrap(),
        applied("d4")
    );
    assert_eq!(given(&adapter, &doubled).await, (vec![-500], 3100));

    // A code that is listed and not valid yet is no discount, and is made one.
    let early = shop.draft(2).await;
    shop.promote("WOM-D5", json!({"startsAt": "2099-01-01T00:00:00.000Z"}))
        .await;
    shop.put_on_draft(&early, "WOM-D5").await;
    assert_eq!(shop.see(&early).await["couponCodes"], json!(["WOM-D5"]));
    assert_eq!(given(&adapter, &early).await, (vec![], 2400));
    assert_eq!(adapter.find("d5").await.unwrap(), None);
    assert_eq!(
        adapter.apply(&early, &FIVE, "d5").await.unwrap(),
        applied("d5")
    );
    assert_eq!(given(&adapter, &early).await, (vec![-500], 1900));

    // What staff gave stays theirs, and a percentage is of what it leaves.
    let stacked = shop.draft(2).await;
    shop.promote("SUMMER", json!({"usageLimit": null})).await;
    shop.put_on_draft(&stacked, "SUMMER").await;
    assert_eq!(given(&adapter, &stacked).await, (vec![], 1900));
    adapter
        .apply(&stacked, &Discount::BasisPoints(1050), "d6")
        .await
        .unwrap();
    let (ours, total) = given(&adapter, &stacked).await;
    assert_eq!((ours.len(), total), (1, 1900 + ours[0]));
    let read = adapter.read(&stacked).await.unwrap();
    let sum: i64 = read.lines.iter().map(|line| line.amount).sum();
    assert_eq!(
        (sum, read.currency.as_str(), read.open),
        (total, "EUR", true)
    );
    let texts: Vec<_> = read.lines.iter().map(|line| line.text.as_str()).collect();
    assert!(
        texts.contains(&"Sconto WOM") && texts.contains(&"By hand"),
        "{texts:?}"
    );

    // More than the total is clipped.
    let small = shop.draft(1).await;
    adapter
        .apply(&small, &Discount::Amount(5000), "d7")
        .await
        .unwrap();
    assert_eq!(given(&adapter, &small).await, (vec![-1200], 0));

    // Nothing to be reduced: no success, and nothing is left.
    let empty = shop.draft(1).await;
    adapter
        .apply(&empty, &Discount::BasisPoints(10_000), "d8")
        .await
        .unwrap();
    let refused = adapter.apply(&empty, &FIVE, "d9").await.unwrap_err();
    assert_eq!(
        (refused.kind(), refused.retry()),
        (Kind::Unsupported, Retry::Never)
    );
    assert_eq!(shop.promotions("WOM-D9").await, [""; 0]);
    assert_eq!(given(&adapter, &empty).await, (vec![-1200], 0));

    // Revoking takes it off, and the code with it.
    adapter.revoke(&draft, "d1a").await.unwrap();
    adapter.revoke(&draft, "d1a").await.unwrap();
    assert_eq!(given(&adapter, &draft).await, (vec![], 2400));
    assert_eq!(shop.promotions("WOM-D1A").await, [""; 0]);
    assert_eq!(adapter.find("d1a").await.unwrap(), None);
    assert_eq!(
        adapter.apply(&other, &FIVE, "d1a").await.unwrap(),
        applied("d1a")
    );
    // Late word of the first order leaves the second one's alone.
    adapter.revoke(&draft, "d1a").await.unwrap();
    assert_eq!(given(&adapter, &other).await, (vec![-500], 700));

    let (all, cursor) = adapter.orders(begin).await.unwrap();
    assert!(all.contains(&draft) && all.contains(&other), "{all:?}");
    tokio::time::sleep(Duration::from_secs(7)).await;
    let last = shop.draft(1).await;
    let (new, cursor) = adapter.orders(cursor).await.unwrap();
    assert!(new.contains(&last) && !new.contains(&early), "{new:?}");
    assert!(cursor.is_some());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Vendure: WOM_VENDURE"]
async fn vendure_carts_are_shown_a_code_that_one_of_them_can_use() {
    let shop = Shop::start("1h").await;
    let adapter = shop.adapter();
    let shoppers: Vec<_> = (0..8).map(|_| shop.shopper()).collect();
    let first = shoppers[0].shop(2).await;

    // Staff cannot put it on: the shopper does.
    for _ in 0..3 {
        assert_eq!(
            adapter.apply(&first, &FIVE, "c1").await.unwrap(),
            Applied::Manual
        );
    }
    assert_eq!(given(&adapter, &first).await, (vec![], 2400));
    assert_eq!(adapter.find("c1").await.unwrap(), None);
    let code = adapter.code("c1").unwrap();
    assert_eq!(shop.promotions(&code).await.len(), 1);

    // Eight carts with one code: all have it, one keeps it.
    let mut carts = vec![first.clone()];
    for shopper in &shoppers[1..] {
        carts.push(shopper.shop(2).await);
    }
    let typed = join_all(shoppers.iter().map(|shopper| shopper.type_in(&code))).await;
    assert!(
        typed.iter().all(|it| it["totalWithTax"] == 1900),
        "{typed:?}"
    );
    assert_eq!(
        adapter.apply(&first, &FIVE, "c1").await.unwrap(),
        applied("c1")
    );
    assert_eq!(adapter.find("c1").await.unwrap(), Some(first.clone()));
    for shopper in &shoppers {
        shopper.check_out().await;
    }
    join_all(shoppers.iter().map(|shopper| shopper.pay())).await;
    for shopper in &shoppers {
        // Who was refused once is charged the whole the second time.
        let open = shopper.ask("{it:activeOrder{id}}", json!({})).await;
        if !open.is_null() {
            shopper.pay().await;
        }
    }
    let mut with = 0;
    for cart in &carts {
        let (ours, total) = given(&adapter, cart).await;
        match ours.as_slice() {
            [] => assert_eq!(total, 2400),
            [-500] => with += usize::from(total == 1900),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(with, 1);

    // A cart whose code was taken back loses it at its next step.
    let late = shop.shopper();
    let cart = late.shop(1).await;
    assert_eq!(
        adapter.apply(&cart, &FIVE, "c2").await.unwrap(),
        Applied::Manual
    );
    late.type_in("wom-c2").await;
    assert_eq!(given(&adapter, &cart).await, (vec![-500], 700));
    adapter.revoke(&cart, "c2").await.unwrap();
    late.check_out().await;
    assert_eq!(given(&adapter, &cart).await, (vec![], 1200));
    assert_eq!(
        late.type_in("wom-c2").await["__typename"],
        "CouponCodeInvalidError"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Vendure: WOM_VENDURE"]
async fn vendure_orders_that_are_paid_or_cancelled_are_dealt_with() {
    let shop = Shop::start("1h").await;
    let adapter = shop.adapter();

    // Paid: the difference is paid back, once.
    let paid = shop.draft(2).await;
    shop.pay(&paid).await;
    assert!(adapter.read(&paid).await.unwrap().open);
    let asked = (0..3).map(|_| adapter.apply(&paid, &FIVE, "p1"));
    for answer in join_all(asked).await {
        assert_eq!(answer.unwrap(), applied("p1"));
    }
    let seen = shop.see(&paid).await;
    assert_eq!(
        (&seen["state"], &seen["totalWithTax"]),
        (&json!("PaymentSettled"), &json!(1900))
    );
    assert_eq!(
        seen["payments"][0]["refunds"],
        json!([{"total": 500, "state": "Pending"}])
    );
    let read = adapter.read(&paid).await.unwrap();
    assert_eq!((read.total, read.open), (1900, false));
    assert_eq!(adapter.find("p1").await.unwrap(), Some(paid.clone()));
    assert_eq!(
        adapter.revoke(&paid, "p1").await.unwrap_err().kind(),
        Kind::Unsupported
    );

    // Left in between by a try that died: before the change, and after it.
    let left = shop.draft(2).await;
    shop.pay(&left).await;
    shop.go(&left.0, "Modifying").await;
    assert_eq!(
        adapter.apply(&left, &FIVE, "p2").await.unwrap(),
        applied("p2")
    );
    assert_eq!(shop.see(&left).await["state"], "PaymentSettled");
    shop.go(&left.0, "Modifying").await;
    assert_eq!(
        adapter.apply(&left, &FIVE, "p2").await.unwrap(),
        applied("p2")
    );
    let seen = shop.see(&left).await;
    assert_eq!(
        (&seen["state"], &seen["totalWithTax"]),
        (&json!("PaymentSettled"), &json!(1900))
    );
    assert_eq!(seen["payments"][0]["refunds"].as_array().unwrap().len(), 1);

    // Where that is not wanted, nothing is done.
    let strict = shop.adapter_with(|config| config.change_paid = false);
    let kept = shop.draft(2).await;
    shop.pay(&kept).await;
    assert!(!strict.read(&kept).await.unwrap().open);
    assert_eq!(
        strict.apply(&kept, &FIVE, "p3").await.unwrap_err().kind(),
        Kind::Unsupported
    );
    assert_eq!(shop.see(&kept).await["totalWithTax"], 2400);
    assert_eq!(shop.promotions("WOM-P3").await, [""; 0]);

    // Cancelled: the code would live again, and is taken back.
    let cancelled = shop.draft(2).await;
    adapter.apply(&cancelled, &FIVE, "p4").await.unwrap();
    shop.pay(&cancelled).await;
    shop.cancel(&cancelled).await;
    let read = adapter.read(&cancelled).await.unwrap();
    assert_eq!((read.total, read.open, read.lines.len()), (0, false, 0));
    assert_eq!(shop.see(&cancelled).await["couponCodes"], json!(["WOM-P4"]));
    assert_eq!(adapter.find("p4").await.unwrap(), None);
    let thief = shop.shopper();
    thief.shop(1).await;
    assert_eq!(
        thief.type_in("WOM-P4").await["totalWithTax"],
        700,
        "it lives again"
    );
    adapter.revoke(&cancelled, "p4").await.unwrap();
    assert_eq!(shop.promotions("WOM-P4").await, [""; 0]);
    let other = shop.shopper();
    other.shop(1).await;
    assert_eq!(
        other.type_in("WOM-P4").await["__typename"],
        "CouponCodeInvalidError"
    );
    assert_eq!(
        adapter
            .apply(&cancelled, &FIVE, "p5")
            .await
            .unwrap_err()
            .kind(),
        Kind::Unsupported
    );
    assert_eq!(shop.promotions("WOM-P5").await, [""; 0]);
    // The same payment is good for another order.
    let replacement = shop.draft(2).await;
    assert_eq!(
        adapter.apply(&replacement, &FIVE, "p4").await.unwrap(),
        applied("p4")
    );

    // At the till with payment begun: the code has to be typed in.
    let begun = shop.draft(2).await;
    shop.check_out(&begun).await;
    assert_eq!(
        adapter.apply(&begun, &FIVE, "p6").await.unwrap(),
        Applied::Manual
    );

    for unknown in ["999", "abc", "", "1 or 1", "è"] {
        let id = OrderId(unknown.to_owned());
        let error = adapter.read(&id).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (Kind::InputInvalid, Retry::Never)
        );
    }
    let intruder = shop.adapter_with(|config| config.username = "nobody".to_owned());
    let error = intruder.read(&paid).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::AccessDenied, Retry::Safe)
    );
    assert!(!format!("{error:?}").contains("nobody"));
}

#[async_trait]
impl conformance::Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.draft(2).await
    }

    fn unknown(&self) -> OrderId {
        OrderId("999999".to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real Vendure: WOM_VENDURE"]
async fn vendure_is_a_merchant() {
    conformance::all(&Shop::start("1h").await).await;
}
