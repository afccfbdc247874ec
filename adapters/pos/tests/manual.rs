//! A till without a connection.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use wom_adapter_pos::Manual;
use wom_sdk::{
    Kind,
    merchant::{Applied, Discount, Merchant, OrderId},
    testing::conformance::merchant::{self, Fixture},
};

#[derive(Default)]
struct Till(AtomicU32);

#[async_trait]
impl Fixture for Till {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(Manual)
    }

    async fn order(&self) -> OrderId {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Manual::order(1_200, "EUR", &number.to_string()).unwrap()
    }
}

#[tokio::test]
async fn a_till_by_hand_conforms() {
    merchant::conforms(&Till::default()).await;
}

/// Another process knows the order by its name, and says the same of it.
#[tokio::test]
async fn an_order_is_known_after_the_process_ended() {
    let order = Manual::order(1_250, "EUR", "bill1007").unwrap();
    let again = OrderId("1250-EUR-bill1007".to_owned());
    assert_eq!(order, again);
    let read = Manual.read(&again).await.unwrap();
    assert_eq!((read.total, read.currency.as_str()), (1_250, "EUR"));
    assert!(read.open && read.lines.is_empty());
    for _ in 0..3 {
        let applied = Manual.apply(&again, &Discount::Amount(500), "key").await;
        assert_eq!(applied.unwrap(), Applied::Manual);
    }
}

#[tokio::test]
async fn what_is_no_order_is_refused_and_says_what_one_is() {
    for (total, currency, name, field) in [
        (0, "EUR", "a", "total"),
        (-1, "EUR", "a", "total"),
        (i64::MAX, "EUR", "a", "total"),
        (1, "eur", "a", "currency"),
        (1, "EU€", "a", "currency"),
        (1, "EUR", "", "name"),
        (1, "EUR", "a-b", "name"),
    ] {
        let error = Manual::order(total, currency, name).unwrap_err();
        let told = error.context().find(|(context, _)| *context == "field");
        assert_eq!(told, Some(("field", field)), "{error}");
    }
    let error = Manual.read(&OrderId("1007".into())).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert!(error.advice().unwrap().contains("1250-EUR-bill1007"));
}
