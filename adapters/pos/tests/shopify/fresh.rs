//! A code for a customer's next order.

use std::sync::Arc;

use wom_sdk::{
    Kind, Retry,
    merchant::{Discount, Merchant as _},
};

use crate::{FIVE, known_by, shop::Shop, trouble::Trouble};

#[tokio::test]
async fn a_fresh_code_is_one_however_many_ask_at_once() {
    let shop = Shop::start().await;
    let calls: Vec<_> = (0..8)
        .map(|_| Arc::new(shop.adapter()))
        .map(|adapter| tokio::spawn(async move { adapter.issue(&FIVE, "f").await }))
        .collect();
    let mut codes = Vec::new();
    for call in calls {
        codes.push(call.await.unwrap().unwrap());
    }
    codes.dedup();
    assert_eq!(codes.len(), 1);
    assert_eq!(shop.codes(&codes[0]).len(), 1);
}

#[tokio::test]
async fn a_fresh_code_is_good_for_one_order_of_whoever_has_it() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let code = adapter.issue(&FIVE, "f").await.unwrap();
    assert_eq!(adapter.find("f").await.unwrap(), None);
    let draft = shop.draft("INVOICE_SENT");
    let order = shop.complete(&draft, "PAID", Some(&code));
    assert_eq!(shop.codes(&code)[0].used, 1);
    let read = adapter.read(&order).await.unwrap();
    let known: Vec<_> = read
        .lines
        .iter()
        .filter_map(|it| it.reference.clone())
        .collect();
    assert_eq!((read.total, known), (1_900, vec![known_by(&code)]));
    // It is not the discount of a sale on that order, and the order has its own name.
    for key in ["f", "sale"] {
        assert_eq!(adapter.find(key).await.unwrap(), None);
    }
    assert!(adapter.orders(None).await.unwrap().0.contains(&order));
    let open = shop.draft("OPEN");
    let refused = adapter.apply(&open, &FIVE, "f").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    let refused = adapter.revoke(&order, "f").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    assert_eq!(adapter.issue(&FIVE, "f").await.unwrap(), code);
    assert_eq!(shop.codes(&code).len(), 1);
    shop.change(|books| books.codes[0].lives = false);
    let over = adapter.issue(&FIVE, "f").await.unwrap_err();
    assert_eq!(over.kind(), Kind::AlreadyPerformed);

    // A key of an order's own discount makes no code beside it.
    adapter.apply(&open, &FIVE, "sale").await.unwrap();
    let refused = adapter.issue(&FIVE, "sale").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    let share = Discount::BasisPoints(1_000);
    assert_ne!(adapter.issue(&share, "g").await.unwrap(), code);
}

#[tokio::test]
async fn a_fresh_code_whose_answer_is_lost_is_found_again() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    shop.troubles.next("discountCodeBasicCreate", Trouble::Lost);
    let error = adapter.issue(&FIVE, "f").await.unwrap_err();
    assert_eq!(error.retry(), Retry::SameKey);
    assert!(shop.troubles.are_over());
    let code = adapter.issue(&FIVE, "f").await.unwrap();
    assert_eq!(shop.codes(&code).len(), 1);
}
