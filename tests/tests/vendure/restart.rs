//! A restart in every state of a sale: of the till with its store, and of the shop's server where
//! something is under way.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use wom_sdk::{
    merchant::{Merchant as _, OrderId},
    sale::{Resolution, SaleId, State},
};

use crate::bar::{Bar, Till, coffee};

const MINUTE: Duration = Duration::from_secs(60);

/// All of them, by name.
const STATES: [&str; 14] = [
    "applied",
    "applying",
    "attention",
    "granted",
    "lapsed",
    "late",
    "manual",
    "recorded",
    "redeemed",
    "refunded",
    "unclaimed",
    "waiting",
    "withdrawing",
    "withdrawn",
];

/// A till that is started anew again and again.
struct Day {
    bar: Bar,
    dir: PathBuf,
    till: Till,
    seen: BTreeSet<&'static str>,
}

impl Day {
    async fn begin(coffees: u32) -> Self {
        let bar = Bar::open(coffees).await;
        let dir = bar.counter("till", None);
        let till = bar.till(&dir).await;
        Self {
            bar,
            dir,
            till,
            seen: BTreeSet::new(),
        }
    }

    /// The till goes down in this state and comes back with it.
    async fn restart(self, id: SaleId, state: &'static str) -> Self {
        let before = self.till.shop.sale(id).await.unwrap();
        assert_eq!(before.state.name(), state, "{before:?}");
        self.till.close().await;
        let till = self.bar.till(&self.dir).await;
        assert_eq!(till.shop.sale(id).await.unwrap(), before);
        let mut seen = self.seen;
        seen.insert(state);
        Self { till, seen, ..self }
    }

    /// The till and the shop's server go down in this state.
    async fn restart_all(self, id: SaleId, state: &'static str) -> Self {
        let mut day = self.restart(id, state).await;
        day.bar.vendure.restart().await;
        day
    }

    /// Offers a coffee; pays it; the till has not heard of it yet.
    async fn pay_for(&self, order: &OrderId) -> SaleId {
        let offered = self.till.shop.offer(order, "coffee", &coffee()).await;
        let (sale, ticket) = offered.unwrap();
        self.bar.pay(&ticket).await;
        sale.id
    }

    async fn until(&self, id: SaleId, state: &str) {
        self.till.until(id, |it| it.name() == state).await;
    }

    async fn resolve(&self, id: SaleId, resolution: Resolution) {
        let resolved = self.till.shop.resolve(id, resolution, "test").await;
        resolved.unwrap();
    }

    /// The code of a sale's discount.
    async fn code(&self, id: SaleId) -> String {
        let sale = self.till.shop.sale(id).await.unwrap();
        self.till.adapter.code(&sale.key()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the packages of tests/vendure, see ./test --all"]
async fn vendure_sale_survives_a_restart_in_every_state() {
    let mut day = Day::begin(7).await;

    // The way of a discount, and of one whose order is cancelled after it was paid.
    let order = day.bar.vendure.draft().await;
    let offered = day.till.shop.offer(&order, "coffee", &coffee()).await;
    let (sale, ticket) = offered.unwrap();
    let id = sale.id;
    day = day.restart_all(id, "waiting").await;
    let again = day.till.shop.offer(&order, "coffee", &coffee()).await;
    assert_eq!(again.unwrap().1, ticket, "the same code");
    day.bar.pay(&ticket).await;
    day = day.restart(id, "waiting").await;
    day.bar.vendure.stop();
    day.until(id, "applying").await;
    day.till.round().await;
    day = day.restart(id, "applying").await;
    day.bar.vendure.start_again().await;
    assert_eq!(day.bar.told(&order).await, (vec![], 2400));
    day.until(id, "applied").await;
    assert_eq!(day.bar.told(&order).await, (vec![-500], 1900));
    day = day.restart_all(id, "applied").await;
    day.till.round().await;
    day.bar.vendure.pay(&order).await;
    day.until(id, "redeemed").await;
    day = day.restart_all(id, "redeemed").await;
    assert_eq!(day.bar.told(&order).await, (vec![-500], 1900));
    let code = day.code(id).await;
    assert_eq!(day.bar.vendure.promotions(&code).await, 1);
    day.bar.vendure.cancel(&order).await;
    day.till.clock.forward(61 * MINUTE);
    day.till.shop.changed(&order).await.unwrap();
    day = day.restart(id, "withdrawing").await;
    day.bar.vendure.stop();
    day.till.round().await;
    day = day.restart(id, "withdrawing").await;
    day.bar.vendure.start_again().await;
    day.until(id, "refunded").await;
    day = day.restart(id, "refunded").await;
    assert_eq!(day.bar.vendure.promotions(&code).await, 0);

    // A discount that is taken back.
    let order = day.bar.vendure.draft().await;
    let id = day.pay_for(&order).await;
    day.until(id, "applied").await;
    day.till.shop.cancel(&order).await.unwrap();
    day = day.restart(id, "withdrawing").await;
    day.until(id, "withdrawn").await;
    day = day.restart(id, "withdrawn").await;
    assert_eq!(day.bar.told(&order).await, (vec![], 2400));

    // One that somebody in the shop takes off, and that is given again.
    let order = day.bar.vendure.draft().await;
    let id = day.pay_for(&order).await;
    day.until(id, "applied").await;
    let code = day.code(id).await;
    day.bar.vendure.take_off(&order, &code).await;
    day.until(id, "attention").await;
    day = day.restart(id, "attention").await;
    day.resolve(id, Resolution::Retry).await;
    day = day.restart(id, "applying").await;
    day.until(id, "applied").await;
    assert_eq!(day.bar.told(&order).await, (vec![-500], 1900));
    assert_eq!(day.bar.vendure.promotions(&code).await, 1);

    // A cart, which only the shopper can put the code on.
    let cart = day.bar.vendure.cart().await;
    let id = day.pay_for(&cart.order).await;
    day.until(id, "manual").await;
    day = day.restart(id, "manual").await;
    let code = day.code(id).await;
    assert_eq!(
        day.bar.vendure.enter(&cart, &code).await["totalWithTax"],
        700
    );
    day.resolve(id, Resolution::Retry).await;
    day.until(id, "applied").await;
    assert_eq!(day.bar.told(&cart.order).await, (vec![-500], 700));

    // Paid too late, for which the merchant gives something else, or nothing.
    for resolution in [
        Resolution::Granted("WOM-GIFT".to_owned()),
        Resolution::Recorded,
    ] {
        let state = match resolution {
            Resolution::Recorded => "recorded",
            _ => "granted",
        };
        let order = day.bar.vendure.draft().await;
        let offered = day.till.shop.offer(&order, "coffee", &coffee()).await;
        let (sale, ticket) = offered.unwrap();
        day.till.shop.call_off(sale.id).await.unwrap();
        day.until(sale.id, "lapsed").await;
        day = day.restart(sale.id, "lapsed").await;
        day.bar.pay(&ticket).await;
        day.till.clock.forward(10 * MINUTE);
        day.until(sale.id, "late").await;
        day = day.restart(sale.id, "late").await;
        day.resolve(sale.id, resolution).await;
        day = day.restart(sale.id, state).await;
        assert_eq!(day.bar.told(&order).await, (vec![], 2400));
    }

    // A poster.
    let (poster, ticket) = day.till.shop.print("counter", &coffee()).await.unwrap();
    day.bar.pay(&ticket).await;
    day.till.clock.forward(6 * MINUTE);
    day.till.round().await;
    let unclaimed = day.till.shop.unclaimed(poster.id).await.unwrap();
    let id = unclaimed[0].id;
    day = day.restart(id, "unclaimed").await;
    let order = day.bar.vendure.draft().await;
    day.till
        .shop
        .take(poster.id, &order, Some(id))
        .await
        .unwrap();
    day.until(id, "applied").await;
    assert_eq!(day.bar.told(&order).await, (vec![-500], 1900));

    assert_eq!(day.bar.paid().await, 7);
    assert_eq!(day.seen.into_iter().collect::<Vec<_>>(), STATES);
    let sale = day.till.shop.sale(id).await.unwrap();
    assert_eq!(sale.state, State::Applied);
}
