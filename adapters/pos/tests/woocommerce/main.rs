//! The adapter against a WooCommerce made from its documentation and source.
#![allow(missing_docs, clippy::unwrap_used)]

#[path = "../support/counter.rs"]
mod counter;
#[path = "../support/door.rs"]
mod door;
mod faults;
mod fresh;
mod hooks;
#[path = "../support/listed.rs"]
mod listed;
mod sale;
mod shop;
#[path = "../support/trouble.rs"]
mod trouble;

use std::sync::Arc;

use listed::listed;
use shop::{KEY, Shop};
use trouble::Trouble;
use wom_adapter_pos::{WooCommerce, WooCommerceConfig};
use wom_sdk::{
    Clock as _, Kind, SystemClock, Timestamp,
    instrument::{Cursor, Proven},
    merchant::{Applied, Discount, Merchant as _, OrderId, OrderState},
    testing::conformance::merchant,
};

pub(crate) const FIVE: Discount = Discount::Amount(500);

/// What a discount of this code is known by.
fn known_by(code: &str) -> String {
    code.to_ascii_lowercase().replace("wom-", "")
}

#[tokio::test]
async fn woocommerce_conforms() {
    let shop = Shop::start().await;
    merchant::conforms(&shop).await;
    assert_eq!(shop.adapter().info().proven, Proven::Documentation);
    assert!(!format!("{:?}", shop.adapter()).contains("canary"));
}

#[tokio::test]
async fn an_order_gets_one_coupon_of_one_use_that_ends() {
    let shop = Shop::start().await;
    let adapter = WooCommerce::new(WooCommerceConfig {
        individual_use: true,
        valid_minutes: 60,
        ..shop.config()
    })
    .unwrap();
    let order = shop.make("pending");
    let applied = adapter.apply(&order, &FIVE, "k1").await.unwrap();
    let code = adapter.code("k1").unwrap();
    assert_eq!(
        applied,
        Applied::Applied {
            reference: known_by(&code)
        }
    );
    let read = adapter.read(&order).await.unwrap();
    assert_eq!((read.total, read.open), (1_900, true));
    assert_eq!(
        read.lines.iter().map(|line| line.amount).sum::<i64>(),
        1_900
    );
    let coupon = shop.change(|books| books.coupons[0].clone());
    assert_eq!(
        (coupon.used, coupon.limit, coupon.individual_use),
        (1, 1, true)
    );
    let ends = coupon.expires.unwrap().since(SystemClock.now());
    assert!((3_590_000..=3_600_000).contains(&ends), "{ends}");

    // One key is for one order.
    let other = shop.make("pending");
    let error = adapter.apply(&other, &FIVE, "k1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert_eq!(shop.order(&other).total(), 2_400);
    let error = adapter.revoke(&other, "k1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);

    let share = shop.make("on-hold");
    let percent = Discount::BasisPoints(1_050);
    adapter.apply(&share, &percent, "k2").await.unwrap();
    assert_eq!(adapter.read(&share).await.unwrap().total, 2_148);

    // Whoever was not answered knows the key only.
    adapter.revoke(&order, "k1").await.unwrap();
    assert_eq!(adapter.read(&order).await.unwrap().total, 2_400);
    assert_eq!(
        (shop.count(&code), adapter.find("k1").await.unwrap()),
        (0, None)
    );
    for wrong in [Discount::Amount(0), Discount::BasisPoints(10_001)] {
        let error = adapter.apply(&order, &wrong, "k3").await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
    }
}

#[tokio::test]
async fn eight_at_once_give_one_discount_even_where_the_shop_doubles() {
    for races in [0, 2, 4, 8] {
        let shop = Shop::start().await;
        let order = shop.make("pending");
        shop.change(|books| books.races = races);
        // Eight processes have no lock in common.
        let calls: Vec<_> = (0..8)
            .map(|_| (Arc::new(shop.adapter()), order.clone()))
            .map(|(adapter, order)| {
                tokio::spawn(async move { adapter.apply(&order, &FIVE, "k").await })
            })
            .collect();
        let mut errors = Vec::new();
        for call in calls {
            if let Err(error) = call.await.unwrap() {
                errors.push(error);
            }
        }
        for error in errors {
            // Who was not lucky is told to ask again.
            assert_eq!(error.kind(), Kind::OutcomeUnknown, "{error}");
        }
        let adapter = shop.adapter();
        adapter.apply(&order, &FIVE, "k").await.unwrap();
        let code = adapter.code("k").unwrap();
        assert_eq!(shop.order(&order).total(), 1_900, "with {races} races");
        assert_eq!(shop.order(&order).coupons.len(), 1);
        adapter.revoke(&order, "k").await.unwrap();
        assert_eq!((shop.count(&code), shop.order(&order).total()), (0, 2_400));
    }
}

#[tokio::test]
async fn doubles_that_calls_at_the_same_time_made_are_cleared_up() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.make("pending");
    adapter.apply(&order, &FIVE, "k").await.unwrap();
    let code = adapter.code("k").unwrap();
    // The code stands twice on the order, and twice in the shop; the second one is the one that counts.
    let first = shop.change(|books| {
        let mut double = books.coupons[0].clone();
        (double.id, double.used) = (9_000, 0);
        books.coupons.push(double);
        books.coupons[0].id
    });
    shop.alter(&order, |order| order.coupons.push(order.coupons[0].clone()));
    assert_eq!(shop.order(&order).total(), 1_400);
    adapter.apply(&order, &FIVE, "k").await.unwrap();
    assert_eq!(shop.order(&order).total(), 1_900);
    let left = shop.change(|books| books.coupons.clone());
    assert_eq!((left.len(), left[0].id), (1, first));
    // One that comes to light behind another is taken back, too.
    shop.change(|books| {
        let mut double = books.coupons[0].clone();
        double.id = 9_001;
        books.coupons.push(double);
    });
    adapter.revoke(&order, "k").await.unwrap();
    assert_eq!((shop.count(&code), shop.order(&order).total()), (0, 2_400));
}

#[tokio::test]
async fn a_code_that_has_ended_is_not_shown_to_a_shopper_again() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let cart = shop.make("checkout-draft");
    adapter.apply(&cart, &FIVE, "k").await.unwrap();
    shop.change(|books| books.coupons[0].expires = Some(Timestamp::EPOCH));
    let error = adapter.apply(&cart, &FIVE, "k").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
}

#[tokio::test]
async fn coupons_of_others_stay_and_one_that_would_be_lost_stops_us() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    shop.coupon("summer", "2.00");
    let order = shop.make("pending");
    shop.enter(&order, "summer");
    adapter.apply(&order, &FIVE, "k").await.unwrap();
    assert_eq!(shop.order(&order).total(), 1_700);
    let read = adapter.read(&order).await.unwrap();
    let ours: Vec<_> = read
        .lines
        .iter()
        .filter(|line| line.reference.is_some())
        .collect();
    assert_eq!((ours.len(), ours[0].amount), (1, -500), "{ours:?}");
    adapter.revoke(&order, "k").await.unwrap();
    assert_eq!(shop.order(&order).total(), 2_200);

    for end in ["expired", "deleted"] {
        let order = shop.make("pending");
        shop.coupon(end, "2.00");
        shop.enter(&order, end);
        shop.change(|books| match end {
            "expired" => {
                let coupon = books.coupons.iter_mut().find(|it| it.code == end);
                coupon.unwrap().expires = Some(Timestamp::EPOCH);
            }
            _ => books.coupons.retain(|it| it.code != end),
        });
        let error = adapter.apply(&order, &FIVE, end).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
        assert_eq!(
            shop.order(&order).total(),
            2_200,
            "the other coupon is lost"
        );
    }
}

#[tokio::test]
async fn a_cart_takes_the_code_from_its_shopper() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let cart = shop.make("checkout-draft");
    assert_eq!(
        adapter.apply(&cart, &FIVE, "k").await.unwrap(),
        Applied::Manual
    );
    assert_eq!(
        adapter.apply(&cart, &FIVE, "k").await.unwrap(),
        Applied::Manual
    );
    assert_eq!(shop.order(&cart).total(), 2_400);
    let code = adapter.code("k").unwrap();
    assert_eq!(shop.count(&code), 1);
    assert_eq!(adapter.find("k").await.unwrap(), None);
    // In the shopper's own spelling.
    shop.enter(&cart, &code.to_uppercase());
    let applied = adapter.apply(&cart, &FIVE, "k").await.unwrap();
    assert_eq!(
        applied,
        Applied::Applied {
            reference: known_by(&code)
        }
    );
    assert_eq!(adapter.find("k").await.unwrap(), Some(cart));
}

#[tokio::test]
async fn orders_become_what_the_shop_says() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    for (status, state, total) in [
        ("pending", OrderState::Open, 2_400),
        ("on-hold", OrderState::Open, 2_400),
        ("failed", OrderState::Open, 2_400),
        ("checkout-draft", OrderState::Open, 2_400),
        ("processing", OrderState::Paid, 2_400),
        ("completed", OrderState::Paid, 2_400),
        ("cancelled", OrderState::Cancelled, 0),
        ("trash", OrderState::Cancelled, 0),
        ("refunded", OrderState::Refunded, 0),
        ("packed-by-a-plugin", OrderState::Closed, 2_400),
    ] {
        let order = shop.make(status);
        assert_eq!(adapter.state(&order).await.unwrap(), state, "{status}");
        let read = adapter.read(&order).await.unwrap();
        assert_eq!(
            (read.total, read.open),
            (total, state == OrderState::Open),
            "{status}"
        );
        if state != OrderState::Open {
            let error = adapter.apply(&order, &FIVE, status).await.unwrap_err();
            assert_eq!(error.kind(), Kind::InputInvalid, "{status}");
            assert_eq!(shop.order(&order).total(), 2_400);
            assert_eq!(shop.count(&adapter.code(status).unwrap()), 0, "{status}");
        }
    }
    // To be paid on delivery.
    let order = shop.make("processing");
    shop.alter(&order, |order| order.paid = false);
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Closed);
    shop.alter(&order, |order| (order.paid, order.refunded) = (true, 2_399));
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Paid);
    shop.alter(&order, |order| order.refunded = 2_400);
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Refunded);

    // A cancelled order lets its code live again: it is withdrawn by either call.
    for with_apply in [true, false] {
        let key = format!("gone {with_apply}");
        let order = shop.make("pending");
        adapter.apply(&order, &FIVE, &key).await.unwrap();
        shop.alter(&order, |order| order.status = "cancelled".to_owned());
        let read = adapter.read(&order).await.unwrap();
        assert_eq!((read.total, read.lines.len()), (0, 0));
        match with_apply {
            true => drop(adapter.apply(&order, &FIVE, &key).await.unwrap_err()),
            false => adapter.revoke(&order, &key).await.unwrap(),
        }
        assert_eq!(shop.count(&adapter.code(&key).unwrap()), 0);
    }
    // Who has paid keeps the price.
    let order = shop.make("pending");
    adapter.apply(&order, &FIVE, "paid").await.unwrap();
    shop.alter(&order, |order| {
        (order.status, order.paid) = ("processing".to_owned(), true)
    });
    adapter.apply(&order, &FIVE, "paid").await.unwrap();
    adapter.revoke(&order, "paid").await.unwrap();
    assert_eq!(adapter.read(&order).await.unwrap().total, 1_900);
}

#[tokio::test]
async fn amounts_are_of_their_currency() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    for (currency, decimals, gross, off) in [("JPY", 0, 2_400, 500), ("KWD", 3, 24_005, 5)] {
        let order = shop.make_in("pending", currency, decimals, gross);
        adapter
            .apply(&order, &Discount::Amount(off), currency)
            .await
            .unwrap();
        let read = adapter.read(&order).await.unwrap();
        assert_eq!(
            (read.total, read.currency.as_str()),
            (gross - off, currency)
        );
    }
    // The shop counts in tenths of a cent.
    let order = shop.make_in("pending", "EUR", 3, 24_005);
    let error = adapter.read(&order).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error}");
}

#[tokio::test]
async fn orders_that_changed_are_listed_however_many_and_none_is_passed_over() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    assert_eq!(adapter.orders(None).await.unwrap(), (Vec::new(), None));
    let mut all: Vec<_> = (0..250).map(|_| shop.make("pending")).collect();
    // More than a page within one second.
    let crowd: Vec<_> = (0..150).map(|_| shop.make("pending")).collect();
    for order in &crowd {
        shop.change(|books| {
            books
                .orders
                .get_mut(&order.0.parse().unwrap())
                .unwrap()
                .modified = 1_000;
        });
    }
    all.extend(crowd);
    let (found, last) = listed(&adapter, None).await;
    assert_eq!(found.len(), all.len());
    assert!(all.iter().all(|order| found.contains(order)));
    // What is read again is the last minute only; what was late in it is found.
    let late = shop.make("pending");
    shop.change(|books| {
        books
            .orders
            .get_mut(&late.0.parse().unwrap())
            .unwrap()
            .modified = 990;
    });
    let (found, next) = adapter.orders(last.clone()).await.unwrap();
    assert!(found.contains(&late) && !found.contains(&all[0]));
    assert_eq!(next, last);
    // More than is read again fills a minute, and more than one call takes a second.
    let flood: Vec<_> = (0..600).map(|_| shop.make("pending")).collect();
    for order in &flood {
        shop.change(|books| {
            books
                .orders
                .get_mut(&order.0.parse().unwrap())
                .unwrap()
                .modified = 1_001;
        });
    }
    // The shop wants to be asked less often, and what was read is not read again.
    shop.troubles
        .next("page=3", Trouble::Status(429, Some(1), ""));
    let (found, last) = listed(&adapter, last).await;
    assert!(flood.iter().all(|order| found.contains(order)));
    assert!(shop.troubles.are_over());
    assert!(last.is_some());
    let error = adapter
        .orders(Some(Cursor("x".to_owned())))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    // Nothing of a customer is asked for.
    let asked = shop.change(|books| books.asked.clone());
    assert!(
        asked.iter().all(|asked| asked.contains("_fields=")),
        "{asked:?}"
    );
}

#[tokio::test]
async fn an_order_that_changes_while_pages_are_turned_hides_no_other() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let all: Vec<_> = (0..150).map(|_| shop.make("pending")).collect();
    // After the first page its first order goes to the end.
    let first = all[0].0.parse().unwrap();
    shop.change(|books| books.touched = Some(first));
    let (found, _) = adapter.orders(None).await.unwrap();
    for order in all {
        assert!(found.contains(&order), "{order:?}");
    }
}

#[tokio::test]
async fn keys_change_while_it_runs_and_stay_out_of_sight() {
    let shop = Shop::start().await;
    let next = shop.dir.path().join("next");
    std::fs::write(&next, "ck_next:cs_next").unwrap();
    let mut config = shop.config();
    config.secret_files.push(next);
    let both = WooCommerce::new(config).unwrap();
    let order = shop.make("pending");
    both.read(&order).await.unwrap();
    shop.change(|books| books.keys = vec!["ck_next:cs_next".to_owned()]);
    both.apply(&order, &FIVE, "k").await.unwrap();
    let old = shop.adapter();
    let error = old.read(&order).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    // The file is read anew for each call.
    std::fs::write(shop.dir.path().join("key"), "ck_next:cs_next").unwrap();
    old.read(&order).await.unwrap();
    std::fs::write(shop.dir.path().join("key"), KEY.replace(':', " ")).unwrap();
    let error = old.read(&order).await.unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[test]
fn a_key_does_not_go_over_an_open_wire() {
    let make = |endpoint: &str, danger| {
        WooCommerce::new(WooCommerceConfig {
            endpoint: endpoint.to_owned(),
            danger_accept_plain_http: danger,
            secret_variables: vec!["NOT_READ_YET".to_owned()],
            ..WooCommerceConfig::default()
        })
        .map(drop)
    };
    let error = make("http://shop.example.org", false).unwrap_err();
    assert_eq!(error.kind(), Kind::InsecureTransport);
    make("http://shop.example.org", true).unwrap();
    make("https://shop.example.org/it", false).unwrap();
    let error = make("https://ck_1:cs_1@shop.example.org", false).unwrap_err();
    assert_eq!(error.kind(), Kind::ConfigurationInvalid);
    let none = WooCommerce::new(WooCommerceConfig {
        endpoint: "https://shop.example.org".to_owned(),
        ..WooCommerceConfig::default()
    });
    assert_eq!(none.unwrap_err().kind(), Kind::ConfigurationInvalid);
}

pub(crate) fn unknown() -> OrderId {
    OrderId("999999999".to_owned())
}

#[tokio::test]
async fn two_changes_within_a_second_are_two_versions() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.make("pending");
    let number: u64 = order.0.parse().unwrap();
    let first = adapter.read(&order).await.unwrap().version;
    assert_eq!(adapter.read(&order).await.unwrap().version, first);
    shop.change(|books| books.orders.get_mut(&number).unwrap().gross += 100);
    let dearer = adapter.read(&order).await.unwrap().version;
    assert_ne!(dearer, first);
    shop.change(|books| books.orders.get_mut(&number).unwrap().status = "failed".to_owned());
    assert_ne!(adapter.read(&order).await.unwrap().version, dearer);
}

#[tokio::test]
async fn a_code_that_stands_on_its_order_is_not_made_again() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.make("pending");
    let done = adapter.apply(&order, &FIVE, "k1").await.unwrap();
    // Staff has deleted the coupon since then.
    shop.change(|books| books.coupons.clear());
    assert_eq!(adapter.apply(&order, &FIVE, "k1").await.unwrap(), done);
    assert!(shop.change(|books| books.coupons.is_empty()));
}
