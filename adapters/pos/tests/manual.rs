//! A till without a connection.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use async_trait::async_trait;
use wom_adapter_pos::Manual;
use wom_sdk::{
    Kind,
    merchant::{Applied, Discount, Merchant, Order, OrderId},
    testing::conformance::merchant::{self, Fixture},
};

struct Till(Arc<Manual>);

#[async_trait]
impl Fixture for Till {
    fn open(&self) -> Arc<dyn Merchant> {
        self.0.clone()
    }

    async fn order(&self) -> OrderId {
        let id = OrderId(self.0.orders(None).await.unwrap().0.len().to_string());
        let order = Order {
            id: id.clone(),
            version: "1".to_owned(),
            lines: Vec::new(),
            total: 1_200,
            currency: "EUR".to_owned(),
            open: true,
        };
        self.0.enter(order).unwrap();
        id
    }
}

#[tokio::test]
async fn a_till_by_hand_conforms() {
    merchant::conforms(&Till(Arc::new(Manual::new()))).await;
}

#[tokio::test]
async fn the_cashier_is_told_once_for_each_key_and_one_key_is_for_one_order() {
    let till = Till(Arc::new(Manual::new()));
    let (one, other) = (till.order().await, till.order().await);
    let five = Discount::Amount(500);
    for _ in 0..3 {
        let applied = till.0.apply(&one, &five, "key").await.unwrap();
        assert_eq!(applied, Applied::Manual);
    }
    assert_eq!(till.0.told(&one), [("key".to_owned(), five.clone())]);
    let reused = till.0.apply(&other, &five, "key").await.unwrap_err();
    assert_eq!(reused.kind(), Kind::InputInvalid);
    till.0.forget(&one);
    assert_eq!(till.0.told(&one), []);
    assert!(till.0.read(&one).await.is_err());
}
