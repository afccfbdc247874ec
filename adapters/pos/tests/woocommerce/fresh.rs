//! A code for a customer's next order.

use std::sync::Arc;

use wom_sdk::{
    Kind, Retry, Timestamp,
    merchant::{Applied, Discount, Merchant as _},
};

use crate::{FIVE, known_by, shop::Shop, trouble::Trouble};

#[tokio::test]
async fn a_fresh_code_is_one_however_many_ask_at_once() {
    for races in [0, 2, 8] {
        let shop = Shop::start().await;
        shop.change(|books| books.races = races);
        let calls: Vec<_> = (0..8)
            .map(|_| Arc::new(shop.adapter()))
            .map(|adapter| tokio::spawn(async move { adapter.issue(&FIVE, "f").await }))
            .collect();
        let mut codes = Vec::new();
        for call in calls {
            codes.extend(call.await.unwrap());
        }
        codes.push(shop.adapter().issue(&FIVE, "f").await.unwrap());
        codes.dedup();
        assert_eq!(codes.len(), 1);
        assert_eq!(shop.count(&codes[0]), 1, "with {races} races");
    }
}

#[tokio::test]
async fn a_fresh_code_is_good_for_one_order_of_whoever_has_it() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let code = adapter.issue(&FIVE, "f").await.unwrap();
    let ends = shop.change(|books| books.coupons[0].expires).unwrap();
    let days = ends.since(wom_sdk::Clock::now(&wom_sdk::SystemClock)) / 86_400_000;
    assert!((89..=90).contains(&days), "{days}");
    assert_eq!(adapter.find("f").await.unwrap(), None);
    let cart = shop.make("checkout-draft");
    shop.enter(&cart, &code);
    shop.change(|books| books.coupons[0].used = 1);
    let read = adapter.read(&cart).await.unwrap();
    assert_eq!(read.total, 1_900);
    let known: Vec<_> = read
        .lines
        .iter()
        .filter_map(|it| it.reference.clone())
        .collect();
    assert_eq!(known, [known_by(&code)]);
    // It is not the discount of a sale on that order.
    assert_eq!(adapter.find("f").await.unwrap(), None);
    assert_eq!(adapter.find("sale").await.unwrap(), None);
    let refused = adapter.apply(&cart, &FIVE, "f").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    let refused = adapter.revoke(&cart, "f").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    assert_eq!(shop.count(&code), 1);
    // The same key is the same code, used or not, and no second one.
    assert_eq!(adapter.issue(&FIVE, "f").await.unwrap(), code);
    assert_eq!(shop.count(&code), 1);
    shop.change(|books| books.coupons[0].expires = Some(Timestamp::EPOCH));
    let over = adapter.issue(&FIVE, "f").await.unwrap_err();
    assert_eq!(over.kind(), Kind::AlreadyPerformed);

    // A key of an order's own discount makes no code beside it.
    let order = shop.make("pending");
    let applied = adapter.apply(&order, &FIVE, "sale").await.unwrap();
    assert!(matches!(applied, Applied::Applied { .. }));
    let refused = adapter.issue(&FIVE, "sale").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    let share = Discount::BasisPoints(1_000);
    assert_ne!(adapter.issue(&share, "g").await.unwrap(), code);
}

#[tokio::test]
async fn a_fresh_code_whose_answer_is_lost_is_found_again() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    shop.troubles
        .next("POST /wp-json/wc/v3/coupons?", Trouble::Lost);
    let error = adapter.issue(&FIVE, "f").await.unwrap_err();
    assert_eq!(error.retry(), Retry::SameKey);
    assert!(shop.troubles.are_over());
    let code = adapter.issue(&FIVE, "f").await.unwrap();
    assert_eq!(shop.count(&code), 1);
}
