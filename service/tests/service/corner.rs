//! A till system that calls: any order is of 10.00, until its till closes or cancels it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use wom_sdk::{
    Clock as _, Error, Kind, Result, SystemClock,
    instrument::{Hint, Info, Proven, Received, Reply, Request},
    merchant::{
        Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderLine, OrderState,
    },
    webhook::{self, Scheme},
};

use crate::town::Town;

const PRICE: i64 = 1_000;
/// What its calls are signed with.
pub(crate) const SECRET: &str = "knock";

#[derive(Clone, Debug, Default)]
pub(crate) struct Corner {
    bills: Arc<Mutex<BTreeMap<String, Bill>>>,
    is_slow: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Bill {
    state: OrderState,
    /// A key, and how much less is paid.
    discount: Option<(String, i64)>,
    reads: usize,
}

impl Corner {
    /// Somebody at the till closes or cancels an order. It tells nobody.
    pub(crate) fn becomes(&self, order: &str, state: OrderState) {
        self.bill(order, |bill| bill.state = state);
    }

    /// From now on it takes half a second to tell an order.
    pub(crate) fn slows_down(&self) {
        self.is_slow.store(true, Ordering::Relaxed);
    }

    /// How much less is paid for an order.
    pub(crate) fn discount(&self, order: &str) -> i64 {
        self.bill(order, |bill| {
            bill.discount.as_ref().map_or(0, |(_, off)| *off)
        })
    }

    /// How often an order was read.
    pub(crate) fn reads(&self, order: &str) -> usize {
        self.bill(order, |bill| bill.reads)
    }

    fn bill<T>(&self, order: &str, see: impl FnOnce(&mut Bill) -> T) -> T {
        let mut bills = self.bills.lock().unwrap();
        see(bills.entry(order.to_owned()).or_insert(Bill {
            state: OrderState::Open,
            discount: None,
            reads: 0,
        }))
    }
}

/// The till of a shop calls the service about an order, or about none; the answer's status.
pub(crate) async fn call(town: &Town, shop: &str, secret: &str, order: &str) -> u16 {
    let scheme = Scheme::Shopify;
    let secrets = [scheme.secret(secret).unwrap()];
    let signed = webhook::sign(&scheme, "1", SystemClock.now(), order.as_bytes(), &secrets);
    let url = format!("{}/shops/{shop}/in", town.url);
    let mut request = town.http().post(url).body(order.to_owned());
    for (name, value) in signed.unwrap().headers() {
        request = request.header(name, value);
    }
    request.send().await.unwrap().status().as_u16()
}

#[async_trait]
impl Merchant for Corner {
    fn info(&self) -> Info {
        Info {
            name: "corner",
            summary: "A till that calls.",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        let mut offers = MerchantCapabilities::FULL;
        // Nobody asks it what changed: it has to call.
        offers.orders = false;
        offers
    }

    /// The body is the order's name.
    fn receive(&self, request: &Request<'_>) -> Received {
        let secrets = [Scheme::Shopify.secret(SECRET).unwrap()];
        let (headers, body, at) = (request.headers, request.body, request.received_at);
        if let Err(error) = webhook::verify(&Scheme::Shopify, headers, body, &secrets, at) {
            return Received::refuse(401, error);
        }
        match std::str::from_utf8(body) {
            Ok("") => Received::answer(Reply::status(204)),
            Ok(order) => Received::read(Reply::status(202), Hint(order.to_owned())),
            Err(_) => Received::refuse(400, Error::new(Kind::PayloadInvalid, "no order")),
        }
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        if self.is_slow.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Ok(self.bill(&order.0, |bill| {
            bill.reads += 1;
            let line = |text: &str, amount, reference| OrderLine {
                text: text.to_owned(),
                amount,
                reference,
            };
            let mut lines = vec![line("bread", PRICE, None)];
            if let Some((key, off)) = &bill.discount {
                lines.push(line("WOM", -off, Some(key.clone())));
            }
            if bill.state == OrderState::Cancelled {
                lines.clear();
            }
            Order {
                id: order.clone(),
                version: format!("{:?} {}", bill.state, lines.len()),
                total: lines.iter().map(|line| line.amount).sum(),
                lines,
                currency: "EUR".to_owned(),
                open: bill.state == OrderState::Open,
            }
        }))
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let bills = self.bills.lock().unwrap();
        let is = |bill: &Bill| matches!(&bill.discount, Some((key, _)) if key == reference);
        let found = bills.iter().find(|(_, bill)| is(bill));
        Ok(found.map(|(name, _)| OrderId(name.clone())))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let Discount::Amount(off) = *discount else {
            return Err(Error::new(Kind::Unsupported, "amounts only"));
        };
        let reference = key.to_owned();
        self.bill(&order.0, |bill| {
            bill.discount = Some((reference.clone(), off));
        });
        Ok(Applied::Applied { reference })
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        self.bill(&order.0, |bill| {
            bill.discount.take_if(|(key, _)| key == reference);
        });
        Ok(())
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        Ok(self.bill(&order.0, |bill| bill.state))
    }

    async fn issue(&self, _: &Discount, key: &str) -> Result<String> {
        Ok(key[..8].to_uppercase())
    }
}
