//! The whole way of a sale: an order in a real shop, a code to scan, a wallet that pays at a real
//! Registry, and a discount that the order's own lines and total show.

use std::time::Duration;

use wom_sdk::{
    Kind,
    checkout::Charge,
    merchant::{Merchant as _, Offer, OrderId, OrderState},
    sale::{After, Language, Resolution, SaleId, State},
};

use crate::{
    bar::{Bar, Till, coffee},
    hooks::Hooks,
    shop::Shop,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Offers a coffee on the order, which is paid, and waits for the discount.
async fn buy(bar: &Bar, till: &Till, order: &OrderId) -> SaleId {
    let (sale, ticket) = till.shop.offer(order, "coffee", &coffee()).await.unwrap();
    bar.pay(&ticket).await;
    let sale = till.shop.wait(sale.id, MINUTE).await.unwrap();
    assert_eq!(sale.state, State::Applied, "{sale:?}");
    sale.id
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_from_an_order_to_its_discount() {
    let bar = Bar::open(1).await;
    let till = bar.till(&bar.counter("till", None)).await;
    let order = bar.vendure.draft().await;
    let (sale, ticket) = till.shop.offer(&order, "coffee", &coffee()).await.unwrap();
    let again = till.shop.offer(&order, "coffee", &coffee()).await.unwrap();
    assert_eq!(again.1, ticket, "the same code");
    till.round().await;
    assert_eq!(
        bar.told(&order).await,
        (vec![], 2400),
        "nobody has paid yet"
    );
    bar.pay(&ticket).await;
    let sale = till.shop.wait(sale.id, MINUTE).await.unwrap();
    assert_eq!(
        (&sale.state, sale.given, sale.total),
        (&State::Applied, Some(500), Some(1900))
    );
    assert_eq!(bar.told(&order).await, (vec![-500], 1900));
    let receipt = sale.receipt(Language::Italian).unwrap();
    assert_eq!((receipt.amount, receipt.total), (-500, Some(1900)));
    let error = till.shop.offer(&order, "coffee", &coffee()).await;
    assert_eq!(error.unwrap_err().kind(), Kind::AlreadyPerformed);
    // The customer pays the rest in money. No webhook tells of it.
    bar.vendure.pay(&order).await;
    let sale = till.until(sale.id, |it| *it == State::Redeemed).await;
    assert_eq!((sale.given, sale.total), (Some(500), Some(1900)));
    assert_eq!(bar.told(&order).await, (vec![-500], 1900));
    assert_eq!(bar.paid().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_of_an_order_that_is_cancelled() {
    let bar = Bar::open(3).await;
    let till = bar.till(&bar.counter("till", None)).await;

    // Before it is paid: the code can be paid all the same, and is good for another order.
    let order = bar.vendure.draft().await;
    let (sale, ticket) = till.shop.offer(&order, "coffee", &coffee()).await.unwrap();
    bar.vendure.cancel_unpaid(&order).await;
    till.shop.cancel(&order).await.unwrap();
    bar.pay(&ticket).await;
    let late = till.until(sale.id, |it| matches!(it, State::Late(_))).await;
    assert_eq!(late.state, State::Late(After::Cancel));
    let instead = bar.vendure.draft().await;
    till.shop.replace(sale.id, &instead).await.unwrap();
    till.until(sale.id, |it| *it == State::Applied).await;
    assert_eq!(bar.told(&instead).await, (vec![-500], 1900));
    let code = till.adapter.code(&late.key()).unwrap();
    assert_eq!(bar.vendure.promotions(&code).await, 1);

    // With the discount on it: that is taken back, and its code with it.
    let order = bar.vendure.draft().await;
    let id = buy(&bar, &till, &order).await;
    till.shop.cancel(&order).await.unwrap();
    let sale = till.until(id, |it| *it == State::Withdrawn).await;
    assert_eq!(bar.told(&order).await, (vec![], 2400));
    let code = till.adapter.code(&sale.key()).unwrap();
    assert_eq!(bar.vendure.promotions(&code).await, 0);

    // After it was paid in money: the shop would let the code live again.
    let order = bar.vendure.draft().await;
    let id = buy(&bar, &till, &order).await;
    bar.vendure.pay(&order).await;
    let sale = till.until(id, |it| *it == State::Redeemed).await;
    let code = till.adapter.code(&sale.key()).unwrap();
    assert_eq!(bar.vendure.promotions(&code).await, 1);
    bar.vendure.cancel(&order).await;
    till.clock.forward(61 * MINUTE);
    till.until(id, |it| *it == State::Refunded).await;
    assert_eq!(bar.vendure.promotions(&code).await, 0);
    let thief = bar.vendure.cart().await;
    let told = bar.vendure.enter(&thief, &code).await;
    assert_eq!(told["errorCode"], "COUPON_CODE_INVALID_ERROR");
    assert_eq!(bar.paid().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_that_is_paid_late_is_good_for_another_order_once() {
    let bar = Bar::open(1).await;
    let till = bar.till(&bar.counter("till", None)).await;
    let order = bar.vendure.draft().await;
    let hasty = Offer {
        charge: Charge {
            patience_ms: 1_500,
            ..coffee().charge
        },
        ..coffee()
    };
    let (sale, ticket) = till.shop.offer(&order, "coffee", &hasty).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    till.until(sale.id, |it| *it == State::Lapsed).await;
    bar.pay(&ticket).await;
    till.clock.forward(5 * MINUTE);
    let late = till.until(sale.id, |it| matches!(it, State::Late(_))).await;
    assert_eq!(late.state, State::Late(After::Expiry));
    assert_eq!(bar.told(&order).await, (vec![], 2400));
    let next = bar.vendure.draft().await;
    till.shop.replace(sale.id, &next).await.unwrap();
    till.until(sale.id, |it| *it == State::Applied).await;
    assert!(till.shop.replace(sale.id, &order).await.is_err());
    assert_eq!(bar.told(&next).await, (vec![-500], 1900));
    assert_eq!(bar.told(&order).await, (vec![], 2400));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_of_a_cart_whose_code_eight_carts_race_for() {
    let bar = Bar::open(1).await;
    let till = bar.till(&bar.counter("till", None)).await;
    let mut carts = Vec::new();
    for _ in 0..8 {
        carts.push(bar.vendure.cart().await);
    }
    let mine = carts[0].order.clone();
    let (sale, ticket) = till.shop.offer(&mine, "coffee", &coffee()).await.unwrap();
    bar.pay(&ticket).await;
    let sale = till.shop.wait(sale.id, MINUTE).await.unwrap();
    assert_eq!(sale.state, State::Manual, "only the shopper can enter it");
    assert_eq!(bar.told(&mine).await, (vec![], 1200));
    let code = till.adapter.code(&sale.key()).unwrap();
    // The shopper has shown it to seven others.
    for cart in &carts {
        assert_eq!(bar.vendure.enter(cart, &code).await["totalWithTax"], 700);
    }
    // Now the shop's own reading shows it, so nobody has to confirm by hand.
    let read = Resolution::Retry;
    till.shop.resolve(sale.id, read, "entered").await.unwrap();
    let sale = till.until(sale.id, |it| *it == State::Applied).await;
    assert_eq!(
        (sale.given, sale.total, sale.by_hand),
        (Some(500), Some(700), false)
    );
    for cart in carts.iter().rev() {
        bar.vendure.arrange(cart).await;
        for _ in 0..3 {
            if bar.vendure.pay_cart(cart).await["__typename"] == "Order" {
                break;
            }
        }
    }
    // The last one was first, and ours pays the whole.
    let mut prices = Vec::new();
    for cart in &carts {
        let (ours, total) = bar.told(&cart.order).await;
        assert_eq!(total, 1200 + ours.iter().sum::<i64>());
        prices.push(total);
    }
    assert_eq!(prices, [1200, 1200, 1200, 1200, 1200, 1200, 1200, 700]);
    let sale = till
        .until(sale.id, |it| matches!(it, State::Attention(_)))
        .await;
    assert_eq!(sale.state, State::Attention("discount_lost".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sales_of_eight_orders_that_are_paid_at_once() {
    let bar = Bar::open(8).await;
    let dir = bar.counter("till", None);
    let till = bar.till(&dir).await;
    let mut sales = Vec::new();
    for _ in 0..8 {
        let order = bar.vendure.draft().await;
        let (sale, ticket) = till.shop.offer(&order, "coffee", &coffee()).await.unwrap();
        bar.pay(&ticket).await;
        sales.push((order, sale.id));
    }
    let waiting = sales.iter().map(|(_, id)| {
        let (shop, id) = (till.shop.clone(), *id);
        tokio::spawn(async move { shop.wait(id, MINUTE).await.unwrap() })
    });
    for waiting in waiting.collect::<Vec<_>>() {
        let sale = waiting.await.unwrap();
        assert_eq!(sale.state, State::Applied, "{sale:?}");
    }
    for (order, _) in &sales {
        assert_eq!(bar.told(order).await, (vec![-500], 1900));
    }
    assert_eq!(bar.paid().await, 8);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_goes_on_when_webhooks_are_lost_and_sooner_when_they_come() {
    let hooks = Hooks::listen().await;
    let bar = Bar::open_with(2, Shop::start_with(hooks.env()).await).await;
    let till = bar.till(&bar.counter("till", None)).await;
    let hearing = hooks.adapter(&bar.vendure);

    // What the plugin tells is a reason to read the order now.
    let order = bar.vendure.draft().await;
    let id = buy(&bar, &till, &order).await;
    bar.vendure.pay(&order).await;
    let events = hooks.until("OrderPlacedEvent").await;
    for told in hooks.orders(&hearing) {
        till.shop.changed(&told).await.unwrap();
    }
    let sale = till.shop.sale(id).await.unwrap();
    assert_eq!((&sale.state, sale.total), (&State::Redeemed, Some(1900)));
    // Each of them told twice, and what is told of the order before it was paid late.
    let version = sale.version;
    for told in hooks.orders(&hearing).iter().chain(&hooks.orders(&hearing)) {
        till.shop.changed(told).await.unwrap();
    }
    let sale = till.shop.sale(id).await.unwrap();
    assert_eq!((&sale.state, sale.given), (&State::Redeemed, Some(500)));
    assert!(sale.version > version && events.len() > 3);

    // Nobody hears the plugin: what is due is read all the same.
    let order = bar.vendure.draft().await;
    let id = buy(&bar, &till, &order).await;
    bar.vendure.pay(&order).await;
    till.until(id, |it| *it == State::Redeemed).await;
    assert_eq!(bar.told(&order).await, (vec![-500], 1900));
    let state = till.adapter.state(&order).await.unwrap();
    assert_eq!(state, OrderState::Paid);
}
