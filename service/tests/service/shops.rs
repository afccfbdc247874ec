//! Shops, whose sales the service looks after.

use wom_adapter_pos::Manual;
use wom_sdk::sale::{Sale, State};

use crate::town::{Town, until};

/// How many sales of the bar wait in a state, as operators see it.
async fn waiting(town: &Town, state: &str) -> u64 {
    let numbers = town.get("reader", "/metrics").await.ok(200);
    let begins = format!("wom_sales_waiting{{shop=\"bar\",state=\"{state}\"}} ");
    let mut lines = numbers.as_str().unwrap().lines();
    let line = lines.find_map(|line| line.strip_prefix(begins.as_str()));
    line.unwrap().parse().unwrap()
}

/// Nobody asks for anything but the offer and the payment: the service does the rest.
#[tokio::test]
async fn a_payment_becomes_a_discount_to_type_in_by_itself() {
    let town = Town::new().await;
    town.earn("sara", 20).await;
    let bar = town.shops.named("bar").unwrap();
    let order = Manual::order(1_250, "EUR", "bill1007").unwrap();
    let coffee = bar.offer("coffee").unwrap();
    let (sale, ticket) = bar.shop().offer(&order, "coffee", coffee).await.unwrap();
    assert_eq!(waiting(&town, "manual").await, 0);
    let (pocket, client) = town.wallet("sara");
    let link = wom_sdk::protocol::parse_link_or_otc(ticket.link.reveal()).unwrap();
    pocket.pay(&client, &link, &ticket.pin).await.unwrap();
    let paid: Sale = until(async || {
        let sale = bar.shop().sale(sale.id).await.unwrap();
        (sale.state == State::Manual).then_some(sale)
    })
    .await;
    assert_eq!(paid.terms.agreed, 200);
    assert_eq!(waiting(&town, "manual").await, 1);
    // Nothing of the till can be read, so what the cashier says ends it.
    let done = bar.confirm(sale.id).await.unwrap();
    assert_eq!((done.state, done.given), (State::Redeemed, Some(200)));
    assert_eq!(waiting(&town, "manual").await, 0);
    town.stop().await;
}
