//! From WOM to a discount and back, with a Registry and a Pocket.

use std::sync::Arc;

use wom_sdk::sale::State;

use crate::{counter::Counter, shop::Shop, trouble::Trouble};

async fn sold_and_given_back(lost: bool) {
    let shop = Shop::start().await;
    let counter = Counter::open(shop.dir.path(), Arc::new(shop.adapter())).await;
    let draft = shop.draft("OPEN");
    if lost {
        shop.troubles.next("draftOrderUpdate", Trouble::Lost);
    }
    let sale = counter.sell(&draft).await;
    assert!(shop.troubles.are_over());
    assert_eq!(
        (&sale.state, sale.given),
        (&State::Applied, Some(500)),
        "{:?}",
        sale.failure
    );
    assert_eq!(shop.sold(&draft).total(), 1_900);

    let order = shop.complete(&draft, "PAID", None);
    let sale = counter.look_after(&sale).await;
    assert_eq!(sale.state, State::Redeemed, "{:?}", sale.failure);
    // The order is given back; its draft does not change any more.
    shop.alter(&order, |order| order.status = "REFUNDED".to_owned());
    let sale = counter.look_after(&sale).await;
    assert_eq!(sale.state, State::Refunded, "{:?}", sale.failure);
    counter.close().await;
}

#[tokio::test]
async fn who_pays_gets_one_discount_that_follows_the_draft() {
    sold_and_given_back(false).await;
}

#[tokio::test]
async fn who_pays_gets_one_discount_though_an_answer_is_lost() {
    sold_and_given_back(true).await;
}
