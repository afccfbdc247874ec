//! A till with one order, for the demo.

use std::sync::Mutex;

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderLine},
};

/// One open order, in memory.
#[derive(Debug)]
pub struct SampleTill(Mutex<Order>);

impl SampleTill {
    pub fn with_an_order() -> Self {
        let line = |text: &str, amount| OrderLine {
            text: text.to_owned(),
            amount,
            reference: None,
        };
        Self(Mutex::new(Order {
            id: OrderId("1001".to_owned()),
            version: "1".to_owned(),
            lines: vec![line("Cappuccino", 180), line("Crescia sfogliata", 650)],
            total: 830,
            currency: "EUR".to_owned(),
            open: true,
        }))
    }

    fn order(&self, id: &OrderId) -> Result<std::sync::MutexGuard<'_, Order>> {
        let order = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if order.id == *id {
            return Ok(order);
        }
        Err(Error::new(Kind::InputInvalid, "the till has no such order"))
    }
}

#[async_trait]
impl Merchant for SampleTill {
    fn info(&self) -> Info {
        Info {
            name: "demo.till",
            summary: "One order, in memory.",
            rules: "",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities::FULL
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Ok((vec![OrderId("1001".to_owned())], None))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        Ok(self.order(order)?.clone())
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let order = self.order(&OrderId("1001".to_owned()))?;
        let found = order
            .lines
            .iter()
            .any(|line| line.reference.as_deref() == Some(reference));
        Ok(found.then(|| order.id.clone()))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let applied = Applied::Applied {
            reference: key.to_owned(),
        };
        if self.find(key).await?.is_some() {
            return Ok(applied);
        }
        let mut order = self.order(order)?;
        let amount = discount.of(order.total);
        order.lines.push(OrderLine {
            text: "Sconto WOM".to_owned(),
            amount: -amount,
            reference: Some(key.to_owned()),
        });
        order.total -= amount;
        order.version = "2".to_owned();
        Ok(applied)
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let mut order = self.order(order)?;
        let given: i64 = order
            .lines
            .iter()
            .filter(|line| line.reference.as_deref() == Some(reference))
            .map(|line| line.amount)
            .sum();
        order
            .lines
            .retain(|line| line.reference.as_deref() != Some(reference));
        order.total -= given;
        Ok(())
    }
}
