//! A real Vendure in the folder that `WOM_VENDURE` names: every trap of it, and the adapter in it.
#![allow(missing_docs, clippy::unwrap_used)]

mod bar;
mod death;
mod fresh;
mod hooks;
mod mortal;
mod restart;
mod sale;
mod shop;
mod traps;

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use shop::Shop;
use wom_adapter_pos::Vendure;
use wom_sdk::{
    Kind,
    instrument::Cursor,
    merchant::{Applied, Discount, Merchant, OrderId, OrderState},
    testing::conformance::merchant::{self, Fixture},
};

const FIVE: Discount = Discount::Amount(500);

fn applied(adapter: &Vendure, key: &str) -> Applied {
    let code = adapter.code(key).unwrap();
    Applied::Applied {
        reference: code.to_ascii_lowercase().replace("wom-", ""),
    }
}

/// The discounts of ours on an order, and what is to be paid.
async fn given(adapter: &Vendure, order: &OrderId) -> (Vec<i64>, i64) {
    let order = adapter.read(order).await.unwrap();
    let ours = order.lines.iter().filter(|line| line.reference.is_some());
    (ours.map(|line| line.amount).collect(), order.total)
}

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
    let done = adapter.apply(&order, &FIVE, "k1").await.unwrap();
    let Applied::Applied { reference } = done.clone() else {
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
    assert_eq!(adapter.apply(&order, &FIVE, "k1").await.unwrap(), done);
    assert_eq!(adapter.read(&order).await.unwrap().total, 1900);
    assert_eq!(adapter.find(&reference).await.unwrap(), Some(order.clone()));
    let (told, place) = adapter.orders(None).await.unwrap();
    assert!(told.contains(&order));
    // As where the orders of one instant fill more than a page: by their ids.
    let place: Value = serde_json::from_str(&place.unwrap().0).unwrap();
    let within = json!({"within": {"at": place["last"], "read": 0, "last_id": null}});
    let place = json!({"last": place["last"], "next": within}).to_string();
    let (told, _) = adapter.orders(Some(Cursor(place))).await.unwrap();
    assert_eq!(told, std::slice::from_ref(&order));

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
        Kind::AlreadyPerformed
    );
    // It is known by the key alone to whoever died before they heard the answer.
    assert_eq!(adapter.find("k1").await.unwrap(), Some(order.clone()));
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
    // What was taken back can be given on another order.
    let instead = shop.draft().await;
    assert_eq!(
        adapter.apply(&instead, &FIVE, "k1").await.unwrap(),
        applied(&adapter, "k1")
    );

    for unknown in ["99999", "abc", "", "1 or 1", "è"] {
        let error = adapter.read(&OrderId(unknown.to_owned())).await;
        assert_eq!(error.unwrap_err().kind(), Kind::InputInvalid, "{unknown}");
    }
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
}
