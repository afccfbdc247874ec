//! `pos.manual`: the cashier lowers the price by hand, and the adapter records that they were told to.
//!
//! For a till that no program can reach. Orders are what the embedder enters; nothing is known of them
//! but what was entered, and all of it is forgotten when the process ends.

use std::{collections::BTreeMap, fmt, sync::Mutex};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId},
};

/// The most orders that are kept.
const ORDERS: usize = 10_000;

/// A till that a person works.
#[derive(Default)]
pub struct Manual {
    till: Mutex<Till>,
}

#[derive(Default)]
struct Till {
    orders: BTreeMap<OrderId, Order>,
    /// Which order a discount was told for, by its key.
    told: BTreeMap<String, (OrderId, Discount)>,
}

impl Manual {
    /// What it is.
    pub const INFO: Info = Info {
        name: "pos.manual",
        summary: "A till without a connection: the cashier lowers the price by hand.",
        rules: "",
        proven: Proven::Documentation,
    };

    /// A till without orders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Enters an order, or what became of one that was entered before.
    ///
    /// # Errors
    /// [`Kind::LimitExceeded`] if 10000 are there: [`forget`](Self::forget) those that are done.
    pub fn enter(&self, order: Order) -> Result<()> {
        let mut till = self.till();
        if till.orders.len() >= ORDERS && !till.orders.contains_key(&order.id) {
            return Err(Error::new(Kind::LimitExceeded, "too many orders are kept")
                .with("limit", ORDERS)
                .hint("forget those that are done"));
        }
        till.orders.insert(order.id.clone(), order);
        Ok(())
    }

    /// Forgets an order that is done, and what was told for it.
    pub fn forget(&self, order: &OrderId) {
        let mut till = self.till();
        till.orders.remove(order);
        till.told.retain(|_, (told, _)| told != order);
    }

    /// What the cashier was told to give on this order, by key.
    pub fn told(&self, order: &OrderId) -> Vec<(String, Discount)> {
        let till = self.till();
        let ours = till.told.iter().filter(|(_, (told, _))| told == order);
        ours.map(|(key, (_, discount))| (key.clone(), discount.clone()))
            .collect()
    }

    fn till(&self) -> std::sync::MutexGuard<'_, Till> {
        self.till
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Merchant for Manual {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        let mut offers = MerchantCapabilities::NONE;
        offers.orders = true;
        offers
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Ok((self.till().orders.keys().cloned().collect(), None))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        self.till().orders.get(order).cloned().ok_or_else(unknown)
    }

    /// Always `None`: whether the cashier lowered the price is nowhere to be read.
    async fn find(&self, _reference: &str) -> Result<Option<OrderId>> {
        Ok(None)
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let mut till = self.till();
        if !till.orders.contains_key(order) {
            return Err(unknown());
        }
        let asked = (order.clone(), discount.clone());
        let told = till
            .told
            .entry(key.to_owned())
            .or_insert_with(|| asked.clone());
        match *told == asked {
            true => Ok(Applied::Manual),
            false => Err(Error::new(
                Kind::InputInvalid,
                "the key was used for another order or discount",
            )
            .hint("give every order a key of its own")),
        }
    }

    async fn revoke(&self, _order: &OrderId, _reference: &str) -> Result<()> {
        Err(Error::new(
            Kind::Unsupported,
            "nobody but the cashier can take the discount back",
        ))
    }
}

impl fmt::Debug for Manual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manual({} orders)", self.till().orders.len())
    }
}

fn unknown() -> Error {
    Error::new(Kind::InputInvalid, "no such order was entered").hint("enter it first")
}
