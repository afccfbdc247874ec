//! From WOM to a discount and back, with a Registry and a Pocket.

use std::sync::Arc;

use wom_sdk::{merchant::Merchant as _, sale::State};

use crate::{counter::Counter, shop::Shop, trouble::Trouble};

async fn sold_and_cancelled(lost: bool) {
    let shop = Shop::start().await;
    let counter = Counter::open(shop.dir.path(), Arc::new(shop.adapter())).await;
    let order = shop.make("pending");
    if lost {
        let call = "POST /wp-json/wc/v3/orders/";
        shop.troubles.next(call, Trouble::Lost);
    }
    let sale = counter.sell(&order).await;
    assert!(shop.troubles.are_over());
    assert_eq!(
        (&sale.state, sale.given),
        (&State::Applied, Some(500)),
        "{:?}",
        sale.failure
    );
    assert_eq!(shop.order(&order).total(), 1_900);
    assert_eq!(shop.count(&shop.adapter().code(&sale.key()).unwrap()), 1);

    shop.alter(&order, |order| order.status = "cancelled".to_owned());
    let sale = counter.look_after(&sale).await;
    assert_eq!(sale.state, State::Withdrawn, "{:?}", sale.failure);
    assert_eq!(shop.count(&shop.adapter().code(&sale.key()).unwrap()), 0);
    counter.close().await;
}

#[tokio::test]
async fn who_pays_gets_one_discount_and_loses_it_with_the_order() {
    sold_and_cancelled(false).await;
}

#[tokio::test]
async fn who_pays_gets_one_discount_though_an_answer_is_lost() {
    sold_and_cancelled(true).await;
}

#[tokio::test]
async fn a_shopper_enters_the_code_that_was_paid_for() {
    let shop = Shop::start().await;
    let counter = Counter::open(shop.dir.path(), Arc::new(shop.adapter())).await;
    let cart = shop.make("checkout-draft");
    let sale = counter.sell(&cart).await;
    assert_eq!(sale.state, State::Manual, "{:?}", sale.failure);
    shop.enter(&cart, &shop.adapter().code(&sale.key()).unwrap());
    let sale = counter.shop.confirm(sale.id).await.unwrap();
    assert_eq!((&sale.state, sale.given), (&State::Applied, Some(500)));
    assert_eq!(shop.order(&cart).total(), 1_900);
    counter.close().await;
}
