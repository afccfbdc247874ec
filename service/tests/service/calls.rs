//! Shops that call: what they say is read in the shop, and acted upon.

use std::sync::Arc;

use serde_json::{Value, json};
use wom_sdk::merchant::OrderState;

use crate::{
    corner::{Corner, SECRET, call},
    later::Later,
    town::{BIKES, Town, until},
};

async fn offer(town: &Town, shop: &str, order: &str) -> Value {
    let asked = json!({"order": order, "offer": "coffee"});
    let path = format!("/shops/{shop}/sales");
    town.post("chain", &path, &asked).await.ok(201)
}

fn path(sale: &Value) -> String {
    let (shop, id) = (&sale["shop"], &sale["id"]);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    format!("/shops/{}/sales/{}", text(shop), text(id))
}

/// How it stands, as it is.
async fn state(town: &Town, sale: &Value) -> Value {
    town.get("chain", &path(sale)).await.ok(200)["state"].clone()
}

/// Waits until it stands so.
async fn becomes(town: &Town, sale: &Value, state: &str) -> Value {
    until(async || {
        let now = town.get("chain", &path(sale)).await.ok(200);
        (now["state"] == state).then_some(now)
    })
    .await
}

/// Tells, as another program of the shop does, that an order changed.
async fn told(town: &Town, shop: &str, order: &str) -> Value {
    let path = format!("/shops/{shop}/orders/changed");
    let told = town.post("chain", &path, &json!({"order": order})).await;
    told.ok(200)
}

/// A discount that was paid for and is on its order, so long that nobody looks at it for an hour unless
/// the shop says so.
async fn given(town: &Town, clock: &Later, order: &str) -> Value {
    let sale = offer(town, "corner", order).await;
    town.pay("sara", &sale["code"]).await;
    let sale = becomes(town, &sale, "applied").await;
    assert_eq!(
        (&sale["given"], town.corner.discount(order)),
        (&json!(200), 200)
    );
    for _ in 0..7 {
        let reads = town.corner.reads(order);
        clock.minutes(60);
        until(async || (town.corner.reads(order) > reads).then_some(())).await;
    }
    sale
}

#[tokio::test]
async fn a_shop_that_calls_is_heard_at_once_and_its_late_payment_gets_a_fresh_code() {
    let clock = Arc::new(Later::default());
    let town = Town::with_chain(clock.clone()).await;
    town.earn("sara", 20).await;
    let sale = offer(&town, "corner", "7").await;
    assert_eq!(call(&town, "corner", "knack", "7").await, 401);
    assert_eq!(call(&town, "corner", SECRET, "").await, 204);
    let long = "7".repeat(300_000);
    assert_eq!(call(&town, "corner", SECRET, &long).await, 413);
    // Of any number of calls each is looked into; there is nothing to do.
    for _ in 0..20 {
        let reads = town.corner.reads("7");
        assert_eq!(call(&town, "corner", SECRET, "7").await, 202);
        until(async || (town.corner.reads("7") > reads).then_some(())).await;
    }
    assert_eq!(state(&town, &sale).await, "waiting");

    // The order was cancelled: its code is called off without anybody asking.
    town.corner.becomes("7", OrderState::Cancelled);
    assert_eq!(call(&town, "corner", SECRET, "7").await, 202);
    becomes(&town, &sale, "lapsed").await;
    town.pay("sara", &sale["code"]).await;
    until(async || {
        // The code is looked after for a day.
        clock.minutes(1);
        (state(&town, &sale).await == "late").then_some(())
    })
    .await;
    let late = "/shops/corner/sales?which=for_person";
    let late = town.get("chain", late).await.ok(200);
    assert_eq!((&late[0]["id"], &late[1]), (&sale["id"], &Value::Null));
    let grant = format!("{}/grant", path(&sale));
    let note = json!({"note": "cancelled at the till"});
    let granted = town.post("chain", &grant, &note).await.ok(200);
    assert_eq!(granted["sale"]["state"], "granted");
    assert_eq!(granted["fresh_code"].as_str().unwrap().len(), 8);
    let again = town.post("chain", &grant, &note).await;
    assert_eq!(again.ok(200), granted);
    town.stop().await;
}

#[tokio::test]
async fn a_call_is_about_its_shops_order_and_no_other() {
    let town = Town::with_chain(Arc::new(Later::default())).await;
    let sales = [
        offer(&town, "corner", "7").await,
        offer(&town, "corner", "8").await,
        offer(&town, "market", "7").await,
    ];
    let cancelled = |till: &Corner, order| till.becomes(order, OrderState::Cancelled);
    cancelled(&town.corner, "7");
    cancelled(&town.corner, "8");
    cancelled(&town.market, "7");
    for (shop, order, lapsed) in [("market", "7", [2].as_slice()), ("corner", "7", &[0, 2])] {
        assert_eq!(call(&town, shop, "knack", order).await, 401);
        assert_eq!(call(&town, shop, SECRET, order).await, 202);
        becomes(&town, &sales[lapsed[0]], "lapsed").await;
        for (at, sale) in sales.iter().enumerate() {
            let expected = match lapsed.contains(&at) {
                true => "lapsed",
                false => "waiting",
            };
            assert_eq!(state(&town, sale).await, expected, "{at} after {shop}");
        }
    }
    town.stop().await;
}

/// More than are looked at together.
#[tokio::test]
async fn of_many_calls_at_once_none_is_forgotten() {
    let town = Town::with_chain(Arc::new(Later::default())).await;
    let mut sales = Vec::new();
    for n in 0..20 {
        let order = n.to_string();
        sales.push(offer(&town, "corner", &order).await);
        town.corner.becomes(&order, OrderState::Cancelled);
    }
    town.corner.slows_down();
    for n in 0..20 {
        assert_eq!(call(&town, "corner", SECRET, &n.to_string()).await, 202);
    }
    for sale in sales {
        becomes(&town, &sale, "lapsed").await;
    }
    town.stop().await;
}

#[tokio::test]
async fn a_discount_goes_with_the_order_that_the_shop_cancels() {
    let clock = Arc::new(Later::default());
    let town = Town::with_chain(clock.clone()).await;
    town.earn("sara", 20).await;
    let sale = given(&town, &clock, "7").await;
    town.corner.becomes("7", OrderState::Cancelled);
    assert_eq!(call(&town, "corner", "knack", "7").await, 401);
    assert_eq!(state(&town, &sale).await, "applied");
    assert_eq!(call(&town, "corner", SECRET, "7").await, 202);
    let sale = becomes(&town, &sale, "withdrawn").await;
    assert_eq!(
        (&sale["turn"], sale.get("receipt")),
        (&json!("nobody"), None)
    );
    assert_eq!(town.corner.discount("7"), 0);
    town.stop().await;
}

#[tokio::test]
async fn an_order_that_is_told_to_have_changed_is_read_before_the_answer() {
    let clock = Arc::new(Later::default());
    let town = Town::with_chain(clock.clone()).await;
    town.earn("sara", 20).await;
    let waiting = offer(&town, "corner", "7").await;
    let reads = town.corner.reads("7");
    assert_eq!(told(&town, "corner", "7").await[0]["state"], "waiting");
    assert!(town.corner.reads("7") > reads);
    // Nobody can pay for what was closed without them.
    town.corner.becomes("7", OrderState::Paid);
    let read = told(&town, "corner", "7").await;
    assert_eq!(
        (&read[0]["id"], &read[0]["state"], &read[1]),
        (&waiting["id"], &json!("lapsed"), &Value::Null)
    );

    let sale = given(&town, &clock, "8").await;
    town.corner.becomes("8", OrderState::Paid);
    assert_eq!(state(&town, &sale).await, "applied");
    told(&town, "corner", "8").await;
    let sale = becomes(&town, &sale, "redeemed").await;
    assert_eq!((&sale["given"], &sale["total"]), (&json!(200), &json!(800)));
    assert_eq!(told(&town, "corner", "nobody's").await, json!([]));
    town.stop().await;
}

#[tokio::test]
async fn a_sale_is_in_its_own_shop_only() {
    let town = Town::with_chain(Arc::new(Later::default())).await;
    let sale = offer(&town, "market", "7").await;
    let id = sale["id"].as_str().unwrap();
    let elsewhere = format!("/shops/corner/sales/{id}");
    town.get("chain", &elsewhere)
        .await
        .refused(404, "input_invalid");
    for (what, body) in [
        ("cancel", Value::Null),
        ("confirm", Value::Null),
        ("grant", json!({"note": "x"})),
        ("replace", json!({"order": "8"})),
        ("resolve", json!({"resolution": "recorded", "note": "x"})),
    ] {
        let path = format!("{elsewhere}/{what}");
        town.post("chain", &path, &body)
            .await
            .refused(404, "input_invalid");
    }
    town.get(BIKES, &path(&sale))
        .await
        .refused(404, "input_invalid");
    assert_eq!(town.get("chain", &path(&sale)).await.ok(200), sale);
    town.stop().await;
}
