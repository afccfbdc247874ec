//! Each trap of Vendure, sprung in a real shop, and the adapter beside it. `docs.md` lists them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use wom_sdk::{
    Kind,
    merchant::{Applied, Discount, Merchant as _, OrderId, OrderState},
};

use crate::{
    FIVE, applied, given,
    hooks::Hooks,
    shop::{Cart, Shop},
};

async fn total(shop: &Shop, order: &OrderId) -> i64 {
    shop.tell(order).await["totalWithTax"].as_i64().unwrap()
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_repeated_create_makes_a_second_promotion_and_both_count() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft_of(3).await;
    let code = adapter.code("d1").unwrap();
    for _ in 0..5 {
        shop.promote(&code, &order, json!({})).await;
    }
    shop.put(&order, &code).await;
    assert_eq!(total(&shop, &order).await, 3600 - 5 * 500, "the trap");
    // What is there already is cleared up.
    assert_eq!(
        adapter.apply(&order, &FIVE, "d1").await.unwrap(),
        applied(&adapter, "d1")
    );
    assert_eq!(given(&adapter, &order).await, (vec![-500], 3100));
    assert_eq!(shop.promotions(&code).await, 1);

    // Parallel tries, by processes that know nothing of each other, make one.
    let order = shop.draft().await;
    let mut calls = Vec::new();
    for _ in 0..5 {
        let (adapter, order) = (shop.adapter(), order.clone());
        calls.push(tokio::spawn(async move {
            adapter.apply(&order, &FIVE, "d2").await
        }));
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), applied(&adapter, "d2"));
    }
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    assert_eq!(shop.promotions(&adapter.code("d2").unwrap()).await, 1);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_two_carts_hold_one_code_and_one_keeps_it() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let (mine, other) = (shop.cart().await, shop.cart().await);
    for _ in 0..2 {
        let manual = adapter.apply(&mine.order, &FIVE, "cart").await.unwrap();
        assert_eq!(manual, Applied::Manual, "a cart is the shopper's");
    }
    let code = adapter.code("cart").unwrap();
    assert_eq!(shop.promotions(&code).await, 1);
    assert_eq!(adapter.find("cart").await.unwrap(), None);
    for cart in [&mine, &other, &mine] {
        // In the shopper's own spelling, and again.
        let told = shop.enter(cart, &code.to_lowercase()).await;
        assert_eq!(told["totalWithTax"], 700, "the trap: both hold it");
    }
    let done = adapter.apply(&mine.order, &FIVE, "cart").await.unwrap();
    assert_eq!(done, applied(&adapter, "cart"));
    assert_eq!(
        adapter.find("cart").await.unwrap(),
        Some(mine.order.clone())
    );
    shop.arrange(&other).await;
    assert_eq!(shop.pay_cart(&other).await["totalWithTax"], 700);
    // The code was for the first cart; the second one used it up.
    shop.arrange(&mine).await;
    assert_eq!(shop.pay_cart(&mine).await["totalWithTax"], 1200);
    assert_eq!(given(&adapter, &mine.order).await, (vec![], 1200));
    assert_eq!(
        adapter.find("cart").await.unwrap(),
        None,
        "it is not on its order"
    );
    let late = shop.cart().await;
    let told = shop.enter(&late, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_LIMIT_ERROR");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_eight_carts_race_for_one_code() {
    let shop = Arc::new(Shop::start().await);
    let adapter = shop.adapter();
    let mut carts = Vec::new();
    for _ in 0..8 {
        carts.push(shop.cart().await);
    }
    adapter.apply(&carts[0].order, &FIVE, "race").await.unwrap();
    let code = adapter.code("race").unwrap();
    at_once(&shop, &carts, |shop, cart| {
        let code = code.clone();
        async move {
            let told = shop.enter(&cart, &code).await;
            assert_eq!(told["totalWithTax"], 700, "the trap: all of them hold it");
        }
    })
    .await;
    at_once(&shop, &carts, async |shop, cart| {
        shop.arrange(&cart).await;
        // Who is refused once is charged the whole the second time.
        for _ in 0..3 {
            if shop.pay_cart(&cart).await["__typename"] == "Order" {
                return;
            }
        }
        panic!("a cart cannot be paid");
    })
    .await;
    let mut prices = Vec::new();
    for cart in &carts {
        let (ours, total) = given(&adapter, &cart.order).await;
        assert_eq!(total, 1200 + ours.iter().sum::<i64>());
        prices.push(total);
    }
    prices.sort_unstable();
    assert_eq!(prices, [700, 1200, 1200, 1200, 1200, 1200, 1200, 1200]);
}

/// Does it with all carts at the same time.
async fn at_once<F>(shop: &Arc<Shop>, carts: &[Cart], act: impl Fn(Arc<Shop>, Cart) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let acts = carts.iter().map(|cart| act(shop.clone(), cart.clone()));
    for act in acts.map(tokio::spawn).collect::<Vec<_>>() {
        act.await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_code_that_begins_later_is_taken_and_gives_nothing() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let later = json!({"startsAt": "2099-01-01T00:00:00Z", "endsAt": null});
    for pay in [false, true] {
        let (order, key) = (shop.draft().await, format!("later-{pay}"));
        let code = adapter.code(&key).unwrap();
        shop.promote(&code, &order, later.clone()).await;
        assert_eq!(shop.put(&order, &code).await["__typename"], "Order");
        assert_eq!(shop.tell(&order).await["couponCodes"], json!([code]));
        assert_eq!(given(&adapter, &order).await, (vec![], 2400), "the trap");
        assert_eq!(
            adapter.find(&key).await.unwrap(),
            None,
            "listed is not given"
        );
        if pay {
            shop.pay(&order).await;
        }
        assert_eq!(
            adapter.apply(&order, &FIVE, &key).await.unwrap(),
            applied(&adapter, &key)
        );
        assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
        assert_eq!(shop.promotions(&code).await, 1);
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_an_expired_code_is_refused() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    let code = adapter.code("old").unwrap();
    shop.promote(&code, &order, json!({"endsAt": "2020-01-01T00:00:00Z"}))
        .await;
    let told = shop.put(&order, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_EXPIRED_ERROR", "the trap");
    // A try that died long ago left it: a new one is made in its place.
    assert_eq!(
        adapter.apply(&order, &FIVE, "old").await.unwrap(),
        applied(&adapter, "old")
    );
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    assert_eq!(shop.promotions(&code).await, 1);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_code_that_is_made_anew_can_be_used_anew() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "used").await.unwrap();
    shop.pay(&order).await;
    let code = adapter.code("used").unwrap();
    let [first] = &shop.promotion_ids(&code).await[..] else {
        panic!("one promotion");
    };
    shop.expire(first).await;
    // So one that an order was paid with is never made anew, in whatever state that is.
    for state in ["PaymentSettled", "Modifying"] {
        if state == "Modifying" {
            shop.go(&order, state).await;
        }
        let done = adapter.apply(&order, &FIVE, "used").await.unwrap();
        assert_eq!(done, applied(&adapter, "used"));
        assert_eq!(shop.tell(&order).await["state"], "PaymentSettled");
        assert_eq!(shop.promotions(&code).await, 1);
        let thief = shop.cart().await;
        let told = shop.enter(&thief, &code).await;
        assert_eq!(told["errorCode"], "COUPON_CODE_EXPIRED_ERROR");
    }
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    // The trap: with a new promotion in its place the same code counts from nothing.
    shop.forget_promotion(first).await;
    shop.promote(&code, &order, json!({})).await;
    let thief = shop.cart().await;
    assert_eq!(shop.enter(&thief, &code).await["totalWithTax"], 700);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_disabled_code_is_refused() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    let code = adapter.code("off").unwrap();
    let id = shop.promote(&code, &order, json!({"enabled": false})).await;
    let told = shop.put(&order, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_INVALID_ERROR", "the trap");
    // Somebody in the shop wants it so.
    let error = adapter.apply(&order, &FIVE, "off").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed, "{error}");
    assert_eq!(given(&adapter, &order).await, (vec![], 2400));
    assert_eq!(shop.promotions(&code).await, 0);
    shop.forget_promotion(&id).await;
    assert_eq!(
        adapter.apply(&order, &FIVE, "off").await.unwrap(),
        applied(&adapter, "off")
    );
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_code_in_the_list_without_a_discount_line_is_no_success() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    for pay in [false, true] {
        let order = shop.draft().await;
        let whole = Discount::BasisPoints(10_000);
        adapter
            .apply(&order, &whole, &format!("whole-{pay}"))
            .await
            .unwrap();
        if pay {
            shop.pay(&order).await;
        }
        let key = format!("nothing-{pay}");
        // The shop takes the code, and there is nothing left to lower.
        let error = adapter.apply(&order, &FIVE, &key).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
        assert_eq!(given(&adapter, &order).await, (vec![-2400], 0));
        let told = shop.tell(&order).await;
        assert_eq!(told["state"], if pay { "PaymentSettled" } else { "Draft" });
        let listed = told["couponCodes"].as_array().unwrap();
        let code = adapter.code(&key).unwrap();
        assert!(!listed.contains(&json!(code)), "it is off again: {told}");
        assert_eq!(shop.promotions(&code).await, 0, "nothing is left");
        assert_eq!(adapter.find(&key).await.unwrap(), None);
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_code_falls_away_silently_on_the_way_to_payment() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let (mine, other) = (shop.cart().await, shop.cart().await);
    adapter.apply(&mine.order, &FIVE, "fall").await.unwrap();
    let code = adapter.code("fall").unwrap();
    for cart in [&mine, &other] {
        assert_eq!(shop.enter(cart, &code).await["totalWithTax"], 700);
    }
    let done = adapter.apply(&mine.order, &FIVE, "fall").await.unwrap();
    assert_eq!(done, applied(&adapter, "fall"));
    shop.arrange(&other).await;
    // No error, and another price.
    let told = shop.arrange(&mine).await;
    assert_eq!(told, json!({"__typename": "Order", "totalWithTax": 1200}));
    assert_eq!(given(&adapter, &mine.order).await, (vec![], 1200));
    assert_eq!(adapter.find("fall").await.unwrap(), None);
    let again = adapter.apply(&mine.order, &FIVE, "fall").await.unwrap();
    assert_eq!(again, Applied::Manual, "it is not said to be there");
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_coupon_removed_during_checkout_is_charged_the_second_time() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let cart = shop.cart().await;
    adapter.apply(&cart.order, &FIVE, "gone").await.unwrap();
    let code = adapter.code("gone").unwrap();
    shop.enter(&cart, &code).await;
    assert_eq!(shop.arrange(&cart).await["totalWithTax"], 700);
    adapter.revoke(&cart.order, "gone").await.unwrap();
    // The cart still shows it.
    assert_eq!(given(&adapter, &cart.order).await, (vec![-500], 700));
    let told = shop.pay_cart(&cart).await;
    assert_eq!(told["errorCode"], "COUPON_REMOVED_DURING_CHECKOUT_ERROR");
    assert_eq!(adapter.state(&cart.order).await.unwrap(), OrderState::Open);
    assert_eq!(given(&adapter, &cart.order).await, (vec![], 1200));
    assert_eq!(shop.pay_cart(&cart).await["totalWithTax"], 1200);
    assert_eq!(given(&adapter, &cart.order).await, (vec![], 1200));
    assert_eq!(adapter.find("gone").await.unwrap(), None);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_withdrawn_promotion_shows_on_a_cart_until_its_next_step() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let cart = shop.cart().await;
    adapter.apply(&cart.order, &FIVE, "back").await.unwrap();
    let code = adapter.code("back").unwrap();
    shop.enter(&cart, &code).await;
    adapter.revoke(&cart.order, "back").await.unwrap();
    assert_eq!(shop.promotions(&code).await, 0);
    assert_eq!(given(&adapter, &cart.order).await, (vec![-500], 700));
    assert_eq!(shop.arrange(&cart).await["totalWithTax"], 1200);
    assert_eq!(given(&adapter, &cart.order).await, (vec![], 1200));
    let other = shop.cart().await;
    let told = shop.enter(&other, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_INVALID_ERROR");
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_cancelled_order_frees_its_code() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    for pay in [false, true] {
        let (order, key) = (shop.draft().await, format!("free-{pay}"));
        adapter.apply(&order, &FIVE, &key).await.unwrap();
        match pay {
            true => {
                shop.pay(&order).await;
                shop.cancel(&order).await;
            }
            false => {
                shop.check_out(&order).await;
                shop.go(&order, "Cancelled").await;
            }
        }
        let state = adapter.state(&order).await.unwrap();
        assert_eq!(state, OrderState::Cancelled);
        let code = adapter.code(&key).unwrap();
        assert_eq!(shop.tell(&order).await["couponCodes"], json!([code]));
        let read = adapter.read(&order).await.unwrap();
        // Staff still sees the lines of one that was not paid.
        assert_eq!((read.total, read.open, read.lines.len()), (0, false, 0));
        assert_eq!(adapter.find(&key).await.unwrap(), None);
        let thief = shop.cart().await;
        let told = shop.enter(&thief, &code).await;
        assert_eq!(told["totalWithTax"], 700, "the trap: it lives again");
        adapter.revoke(&order, &key).await.unwrap();
        assert_eq!(shop.promotions(&code).await, 0);
        assert_eq!(shop.arrange(&thief).await["totalWithTax"], 1200);
        let error = adapter.apply(&order, &FIVE, &key).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid);
        // The payment is good for the order that takes its place.
        let instead = shop.draft().await;
        let done = adapter.apply(&instead, &FIVE, &key).await.unwrap();
        assert_eq!(done, applied(&adapter, &key));
        // Late word of the cancelled one leaves that alone.
        adapter.revoke(&order, &key).await.unwrap();
        assert!(adapter.apply(&order, &FIVE, &key).await.is_err());
        assert_eq!(given(&adapter, &instead).await, (vec![-500], 1900));
        assert_eq!(shop.promotions(&code).await, 1);
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_partial_cancel_gives_part_of_the_discount_back() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "part").await.unwrap();
    shop.pay(&order).await;
    shop.cancel_one(&order).await;
    let (ours, total) = given(&adapter, &order).await;
    assert_eq!((ours, total), (vec![-250], 950));
    assert_eq!(adapter.find("part").await.unwrap(), Some(order));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_an_order_at_arranging_payment_blocks_a_code() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let (mine, other) = (shop.cart().await, shop.cart().await);
    adapter.apply(&mine.order, &FIVE, "block").await.unwrap();
    let code = adapter.code("block").unwrap();
    shop.enter(&other, &code).await;
    shop.arrange(&other).await;
    let told = shop.enter(&mine, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_LIMIT_ERROR", "the trap");
    let waits = adapter.apply(&mine.order, &FIVE, "block").await.unwrap();
    assert_eq!(waits, Applied::Manual);
    // Once the other one goes back, it is free.
    shop.go(&other.order, "AddingItems").await;
    assert_eq!(shop.enter(&mine, &code).await["totalWithTax"], 700);
    let done = adapter.apply(&mine.order, &FIVE, "block").await.unwrap();
    assert_eq!(done, applied(&adapter, "block"));

    // At payment nobody but a shopper puts a code on, so that of a draft is not for us.
    let draft = shop.draft().await;
    shop.check_out(&draft).await;
    let manual = adapter.apply(&draft, &FIVE, "till").await.unwrap();
    assert_eq!(manual, Applied::Manual);
    assert_eq!(given(&adapter, &draft).await, (vec![], 2400));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_refund_on_sqlite_needs_lines_shipping_and_adjustment() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "refund").await.unwrap();
    shop.pay(&order).await;
    let told = shop.tell(&order).await;
    let payment = &told["payments"][0]["id"];
    let bare = json!({"paymentId": payment, "amount": 1900, "reason": "test"});
    assert_eq!(
        shop.refund(bare.clone()).await,
        None,
        "the trap: a fault of the data base"
    );
    let mut full = bare;
    for (name, value) in [
        ("lines", json!([])),
        ("shipping", json!(0)),
        ("adjustment", json!(0)),
    ] {
        full[name] = value;
    }
    let refund = shop.refund(full).await.unwrap();
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Paid);
    shop.settle_refund(&refund).await;
    // Money goes back as it was paid; the discount stays on the order.
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Refunded);
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    // Then its code is taken away.
    adapter.revoke(&order, "refund").await.unwrap();
    assert_eq!(shop.promotions(&adapter.code("refund").unwrap()).await, 0);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_surcharge_of_a_paid_order_is_not_idempotent() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    shop.pay(&order).await;
    let told = shop.tell(&order).await;
    let surcharge = json!({
        "dryRun": false,
        "orderId": order.0,
        "surcharges": [{"sku": "WOM", "description": "WOM", "price": -500, "priceIncludesTax": true}],
        "refund": {"paymentId": told["payments"][0]["id"], "reason": "test"},
    });
    let code = shop.modify(&surcharge).await["errorCode"].clone();
    assert_eq!(code, "ORDER_MODIFICATION_STATE_ERROR", "only in Modifying");
    shop.go(&order, "Modifying").await;
    for _ in 0..2 {
        shop.modify(&surcharge).await;
    }
    shop.go(&order, "PaymentSettled").await;
    assert_eq!(total(&shop, &order).await, 2400 - 2 * 500, "the trap");

    // So the adapter changes the order's codes, of which each counts once.
    let order = shop.draft().await;
    shop.pay(&order).await;
    for _ in 0..3 {
        let done = adapter.apply(&order, &FIVE, "paid").await.unwrap();
        assert_eq!(done, applied(&adapter, "paid"));
    }
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    let told = shop.tell(&order).await;
    let refunds = told["payments"][0]["refunds"].as_array().unwrap();
    let refunds: Vec<_> = refunds
        .iter()
        .map(|it| (&it["total"], &it["state"]))
        .collect();
    assert_eq!(refunds, [(&json!(500), &json!("Pending"))]);
    assert_eq!(told["state"], "PaymentSettled");
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_order_placed_and_payment_settled_are_one_order_and_totals_are_0_at_created() {
    let hooks = Hooks::listen().await;
    let shop = Shop::start_with(hooks.env()).await;
    let adapter = hooks.adapter(&shop);
    let cart = shop.cart().await;
    adapter.apply(&cart.order, &FIVE, "event").await.unwrap();
    shop.enter(&cart, &adapter.code("event").unwrap()).await;
    shop.arrange(&cart).await;
    assert_eq!(shop.pay_cart(&cart).await["totalWithTax"], 700);
    let events = hooks.until("OrderPlacedEvent").await;
    let is = |event: &Value, to: &str| event["toState"] == to;
    let placed = |event: &&Value| event["type"] == "OrderPlacedEvent";
    let settled = |event: &&Value| {
        event["type"] == "OrderStateTransitionEvent" && is(event, "PaymentSettled")
    };
    let created = events.iter().find(|event| event["fromState"] == "Created");
    let created = created.unwrap();
    assert_eq!(created["order"]["totalWithTax"], 0, "the trap");
    assert_eq!(events.iter().filter(placed).count(), 1);
    assert_eq!(
        events.iter().filter(settled).count(),
        1,
        "the trap: twice told"
    );
    // Each is a reason to read the order, and says nothing by itself.
    let orders = hooks.orders(&adapter);
    assert!(orders.len() > 4, "{orders:?}");
    assert!(
        orders.iter().all(|order| *order == cart.order),
        "{orders:?}"
    );
    for order in orders {
        assert_eq!(given(&adapter, &order).await, (vec![-500], 700));
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_fixed_coupons_come_first_and_a_percentage_is_of_what_they_leave() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let nobodys = OrderId("0".to_owned());
    let tenth = json!({
        "couponCode": null,
        "usageLimit": null,
        "conditions": [{"code": "minimum_order_amount", "arguments": [{"name": "amount", "value": "100"}, {"name": "taxInclusive", "value": "true"}]}],
        "actions": [{"code": "order_percentage_discount", "arguments": [{"name": "discount", "value": "10"}]}],
    });
    shop.promote("", &nobodys, tenth).await;
    let order = shop.draft().await;
    assert_eq!(
        total(&shop, &order).await,
        2160,
        "the shop's own ten percent"
    );
    adapter.apply(&order, &FIVE, "one").await.unwrap();
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1710));
    adapter.apply(&order, &FIVE, "two").await.unwrap();
    assert_eq!(given(&adapter, &order).await, (vec![-500, -500], 1260));
    let read = adapter.read(&order).await.unwrap();
    let sum: i64 = read.lines.iter().map(|line| line.amount).sum();
    assert_eq!(sum, 1260, "lines of others stand beside ours: {read:?}");
    adapter.revoke(&order, "one").await.unwrap();
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1710));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_fixed_discount_is_clipped_at_the_total() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft_of(1).await;
    let large = Discount::Amount(5_000);
    adapter.apply(&order, &large, "large").await.unwrap();
    assert_eq!(given(&adapter, &order).await, (vec![-1200], 0));
    // An order of 0 can be paid, and is not taken for a cancelled one.
    shop.pay(&order).await;
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Paid);
    assert_eq!(given(&adapter, &order).await, (vec![-1200], 0));
    assert_eq!(adapter.find("large").await.unwrap(), Some(order));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_second_payment_is_refused() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "once").await.unwrap();
    shop.pay(&order).await;
    let told = shop.pay_by_hand(&order).await;
    assert_eq!(told["errorCode"], "MANUAL_PAYMENT_STATE_ERROR");
    let error = adapter.revoke(&order, "once").await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "it was paid so");
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_a_login_that_lapsed_is_told_with_http_200() {
    let mut shop = Shop::start_with([("SESSION", "2s".to_owned())]).await;
    let adapter = shop.adapter();
    shop.log_in().await;
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "lapse").await.unwrap();
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let again = adapter.apply(&order, &FIVE, "lapse").await.unwrap();
        assert_eq!(again, applied(&adapter, "lapse"));
    }
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    let stranger = shop.adapter_of("nobody");
    let error = stranger.read(&order).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert!(!format!("{error:?}").contains("nobody"));
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_trap_an_order_left_in_modifying_is_brought_back() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    shop.pay(&order).await;
    // A try died before the change, and another after it.
    let code = adapter.code("died").unwrap();
    shop.promote(&code, &order, json!({})).await;
    for _ in 0..2 {
        shop.go(&order, "Modifying").await;
        let done = adapter.apply(&order, &FIVE, "died").await.unwrap();
        assert_eq!(done, applied(&adapter, "died"));
        let told = shop.tell(&order).await;
        assert_eq!(told["state"], "PaymentSettled");
        assert_eq!(told["payments"][0]["refunds"].as_array().unwrap().len(), 1);
        assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
    }
    // One that somebody else is changing is left to them.
    shop.go(&order, "Modifying").await;
    assert!(adapter.apply(&order, &FIVE, "other").await.is_err());
    assert_eq!(shop.tell(&order).await["state"], "Modifying");
    assert_eq!(given(&adapter, &order).await, (vec![-500], 1900));
}
