//! A code for a customer's next order.

use std::sync::Arc;

use wom_sdk::{Kind, merchant::Merchant as _};

use crate::{FIVE, given, shop::Shop};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_fresh_code_is_one_and_good_for_one_order() {
    let shop = Shop::start().await;
    let adapter = shop.adapter();
    let calls: Vec<_> = (0..8)
        .map(|_| Arc::new(shop.adapter()))
        .map(|adapter| tokio::spawn(async move { adapter.issue(&FIVE, "fresh").await }))
        .collect();
    for call in calls {
        // Two that clear up at the same time may be in each other's way, and ask again.
        let _ = call.await.unwrap();
    }
    let code = adapter.issue(&FIVE, "fresh").await.unwrap();
    assert_eq!(shop.promotions(&code).await, 1);
    assert_eq!(adapter.find("fresh").await.unwrap(), None);

    let (mine, other) = (shop.cart().await, shop.cart().await);
    assert_eq!(shop.enter(&mine, &code).await["totalWithTax"], 700);
    shop.arrange(&mine).await;
    assert_eq!(shop.pay_cart(&mine).await["totalWithTax"], 700);
    assert_eq!(given(&adapter, &mine.order).await, (vec![-500], 700));
    let told = shop.enter(&other, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_LIMIT_ERROR");

    // It is not the discount of a sale, on that order or another.
    for key in ["fresh", "sale"] {
        assert_eq!(adapter.find(key).await.unwrap(), None);
    }
    let draft = shop.draft().await;
    let refused = adapter.apply(&draft, &FIVE, "fresh").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::AlreadyPerformed);
    adapter.revoke(&draft, "fresh").await.unwrap();
    assert_eq!(shop.promotions(&code).await, 1, "it is not an order's");
    // The same key is the same code, though it was used, and cannot be used again.
    assert_eq!(adapter.issue(&FIVE, "fresh").await.unwrap(), code);
    let told = shop.enter(&other, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_LIMIT_ERROR");

    adapter.apply(&draft, &FIVE, "sale").await.unwrap();
    let refused = adapter.issue(&FIVE, "sale").await.unwrap_err();
    assert_eq!(refused.kind(), Kind::InputInvalid);
    assert_eq!(given(&adapter, &draft).await, (vec![-500], 1_900));
}
