//! A till system that calls: one order of 10.00, which is cancelled once somebody says so.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Hint, Info, Proven, Received, Reply, Request},
    merchant::{
        Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderLine, OrderState,
    },
};

/// What its webhooks are signed with.
pub(crate) const SECRET: &str = "knock";

#[derive(Debug, Default)]
pub(crate) struct Corner {
    cancelled: AtomicBool,
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

    /// `cancelled` or the order's name, after the secret.
    fn receive(&self, request: &Request<'_>) -> Received {
        let text = std::str::from_utf8(request.body).unwrap_or("");
        match text.strip_prefix(SECRET) {
            None => Received::refuse(401, Error::new(Kind::WebhookRefused, "not signed")),
            Some("") => Received::answer(Reply::status(204)),
            Some(order) => {
                self.cancelled.store(true, Ordering::SeqCst);
                Received::read(Reply::status(202), Hint(order.to_owned()))
            }
        }
    }

    async fn orders(&self, _: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Ok((Vec::new(), None))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let cancelled = self.cancelled.load(Ordering::SeqCst);
        Ok(Order {
            id: order.clone(),
            version: cancelled.to_string(),
            lines: vec![OrderLine {
                text: "bread".to_owned(),
                amount: 1_000,
                reference: None,
            }],
            total: if cancelled { 0 } else { 1_000 },
            currency: "EUR".to_owned(),
            open: !cancelled,
        })
    }

    async fn find(&self, _: &str) -> Result<Option<OrderId>> {
        Ok(None)
    }

    async fn apply(&self, _: &OrderId, _: &Discount, key: &str) -> Result<Applied> {
        Ok(Applied::Applied {
            reference: key.to_owned(),
        })
    }

    async fn revoke(&self, _: &OrderId, _: &str) -> Result<()> {
        Ok(())
    }

    async fn state(&self, _: &OrderId) -> Result<OrderState> {
        Ok(match self.cancelled.load(Ordering::SeqCst) {
            true => OrderState::Cancelled,
            false => OrderState::Open,
        })
    }

    async fn issue(&self, _: &Discount, key: &str) -> Result<String> {
        Ok(key[..8].to_uppercase())
    }
}
