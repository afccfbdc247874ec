//! A real Vendure in the folder that `WOM_VENDURE` names: every trap of it, and the adapter in it.
#![allow(missing_docs, clippy::unwrap_used)]

mod shop;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use shop::Shop;
use wom_sdk::{
    Kind,
    merchant::{Applied, Discount, Merchant, OrderId, OrderState},
    testing::conformance::merchant::{self, Fixture},
};

const FIVE: Discount = Discount::Amount(500);

#[async_trait]
impl Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.draft().await
    }
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_conforms() {
    merchant::conforms(&Shop::start().await).await;
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_drafts_get_one_discount_however_often_and_by_however_many() {
    let shop = Shop::start().await;
    let adapter = Arc::new(shop.adapter());
    let order = shop.draft().await;
    let applied = adapter.apply(&order, &FIVE, "k1").await.unwrap();
    let Applied::Applied { reference } = applied.clone() else {
        panic!("staff puts it on a draft");
    };
    let read = adapter.read(&order).await.unwrap();
    assert_eq!((read.total, read.open), (1900, true));
    assert_eq!(read.lines.iter().map(|line| line.amount).sum::<i64>(), 1900);
    let line = read
        .lines
        .iter()
        .find(|line| line.reference.is_some())
        .unwrap();
    assert_eq!(
        (line.amount, line.reference.as_ref()),
        (-500, Some(&reference))
    );
    assert_eq!(adapter.apply(&order, &FIVE, "k1").await.unwrap(), applied);
    assert_eq!(adapter.read(&order).await.unwrap().total, 1900);
    assert_eq!(adapter.find(&reference).await.unwrap(), Some(order.clone()));
    assert!(adapter.orders(None).await.unwrap().0.contains(&order));

    // Another process of ours has no lock in common with this one.
    let raced = shop.draft().await;
    let other = Arc::new(shop.adapter());
    let mut calls = Vec::new();
    for call in 0..5 {
        let adapter = if call % 2 == 0 {
            adapter.clone()
        } else {
            other.clone()
        };
        let raced = raced.clone();
        calls.push(tokio::spawn(async move {
            adapter.apply(&raced, &FIVE, "k2").await
        }));
    }
    for call in calls {
        let call = call.await.unwrap();
        assert!(matches!(call, Ok(Applied::Applied { .. })), "{call:?}");
    }
    assert_eq!(adapter.read(&raced).await.unwrap().total, 1900);
    assert_eq!(shop.promotions(&adapter.code("k2").unwrap()).await, 1);

    // One key is for one order.
    assert_eq!(
        adapter.apply(&raced, &FIVE, "k1").await.unwrap_err().kind(),
        Kind::InputInvalid
    );
    let share = shop.draft().await;
    adapter
        .apply(&share, &Discount::BasisPoints(1_050), "k3")
        .await
        .unwrap();
    assert_eq!(adapter.read(&share).await.unwrap().total, 2148);

    adapter.revoke(&order, &reference).await.unwrap();
    adapter.revoke(&order, &reference).await.unwrap();
    assert_eq!(adapter.read(&order).await.unwrap().total, 2400);
    assert_eq!(adapter.find(&reference).await.unwrap(), None);
    let again = adapter.apply(&order, &FIVE, "k1").await.unwrap_err();
    assert_eq!(again.kind(), Kind::AlreadyPerformed);

    let unknown = adapter
        .read(&OrderId("99999".to_owned()))
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), Kind::InputInvalid);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_paid_orders_give_the_difference_back_and_survive_a_restart() {
    let mut shop = Shop::start().await;
    let adapter = shop.adapter();
    let order = shop.draft().await;
    shop.pay(&order).await;
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Paid);
    // The session dies with the server: the adapter logs in again by itself.
    shop.restart().await;
    for _ in 0..3 {
        adapter.apply(&order, &FIVE, "late").await.unwrap();
    }
    let told = shop.tell(&order).await;
    assert_eq!(
        (told["state"].as_str(), told["totalWithTax"].as_i64()),
        (Some("PaymentSettled"), Some(1900))
    );
    let refunds = told["payments"][0]["refunds"].as_array().unwrap();
    assert_eq!(
        (refunds.len(), refunds[0]["total"].as_i64()),
        (1, Some(500))
    );

    // A call that died between the change and the way back is finished by the next.
    shop.go(&order, "Modifying").await;
    adapter.apply(&order, &FIVE, "late").await.unwrap();
    assert_eq!(shop.tell(&order).await["state"], "PaymentSettled");
    // An order that somebody is changing is left to them.
    shop.go(&order, "Modifying").await;
    assert!(adapter.apply(&order, &FIVE, "other").await.is_err());
    assert_eq!(shop.tell(&order).await["totalWithTax"], 1900);
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_codes_that_give_nothing_are_no_success() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    for pay in [false, true] {
        let order = shop.draft().await;
        let key = format!("future {pay}");
        let code = adapter.code(&key).unwrap();
        let input = json!({
            "enabled": true, "couponCode": code, "usageLimit": 1, "startsAt": "2099-01-01T00:00:00Z", "conditions": [],
            "actions": [{"code": "order_fixed_discount", "arguments": [{"name": "discount", "value": "500"}]}],
            "translations": [{"languageCode": "en", "name": "n", "description": format!("WOM order:{}", order.0)}],
        });
        let create = "mutation($i:CreatePromotionInput!){createPromotion(input:$i){__typename}}";
        // Doubles are cleared up too.
        shop.staff(create, json!({"i": input})).await;
        shop.staff(create, json!({"i": input})).await;
        if pay {
            shop.pay(&order).await;
        }
        let error = adapter.apply(&order, &FIVE, &key).await.unwrap_err();
        assert_eq!(error.kind(), Kind::InputInvalid, "{error}");
        let told = shop.tell(&order).await;
        assert_eq!(told["totalWithTax"], 2400);
        assert_eq!(told["state"], if pay { "PaymentSettled" } else { "Draft" });
        assert_eq!(shop.promotions(&code).await, 1);
    }

    // A cancelled order lets its code live again: it is withdrawn.
    let order = shop.draft().await;
    adapter.apply(&order, &FIVE, "gone").await.unwrap();
    shop.pay(&order).await;
    shop.cancel(&order).await;
    assert_eq!(adapter.state(&order).await.unwrap(), OrderState::Cancelled);
    let code = adapter.code("gone").unwrap();
    let (session, _) = shop.cart().await;
    assert_eq!(shop.enter(&session, &code).await["__typename"], "Order");
    adapter.revoke(&order, &code).await.unwrap();
    assert_eq!(shop.promotions(&code).await, 0);
    let (session, _) = shop.cart().await;
    assert_eq!(
        shop.enter(&session, &code).await["__typename"],
        "CouponCodeInvalidError"
    );
    assert!(adapter.apply(&order, &FIVE, "gone").await.is_err());
}

#[tokio::test]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_carts_that_race_for_a_code_get_one_discount() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let (session, mine) = shop.cart().await;
    // A cart is the shopper's: they are shown the code.
    assert_eq!(
        adapter.apply(&mine, &FIVE, "cart").await.unwrap(),
        Applied::Manual
    );
    let code = adapter.code("cart").unwrap();
    let mut carts = vec![(session, mine.clone())];
    for _ in 0..7 {
        carts.push(shop.cart().await);
    }
    for (session, _) in &carts {
        // In the shopper's own spelling.
        let entered = shop.enter(session, &code.to_lowercase()).await;
        assert_eq!(entered["totalWithTax"], 700);
    }
    assert!(matches!(
        adapter.apply(&mine, &FIVE, "cart").await.unwrap(),
        Applied::Applied { .. }
    ));
    let pay = async |session: String| {
        shop.shopper(&session, r#"mutation{setCustomerForOrder(input:{firstName:"A",lastName:"B",emailAddress:"a@example.org"}){__typename}}"#, json!({})).await;
        shop.shopper(&session, r#"mutation{setOrderShippingAddress(input:{streetLine1:"Via 1",city:"Urbino",postalCode:"61029",countryCode:"IT"}){__typename}}"#, json!({})).await;
        shop.shopper(
            &session,
            "mutation{setOrderShippingMethod(shippingMethodId:[1]){__typename}}",
            json!({}),
        )
        .await;
        shop.shopper(
            &session,
            r#"mutation{transitionOrderToState(state:"ArrangingPayment"){__typename}}"#,
            json!({}),
        )
        .await;
        for _ in 0..2 {
            let paid = shop.shopper(&session, r#"mutation{addPaymentToOrder(input:{method:"till",metadata:{}}){__typename ... on Order{totalWithTax}}}"#, json!({})).await;
            if paid["__typename"] == "Order" {
                return paid["totalWithTax"].as_i64().unwrap();
            }
        }
        panic!("the second try pays the full price");
    };
    let mut prices = Vec::new();
    for (session, _) in &carts {
        prices.push(pay(session.clone()).await);
    }
    prices.sort_unstable();
    assert_eq!(prices, [700, 1200, 1200, 1200, 1200, 1200, 1200, 1200]);
}
