//! A till that no program reaches: the cashier types the discount in.

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId},
};

/// Tells the cashier to type the discount in. It knows no orders, so a sale is ended by whoever gave
/// the discount.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

impl Manual {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "pos.manual",
        summary: "Any till: the cashier types the discount in, and confirms it",
        rules: "",
        proven: Proven::Documentation,
    };
}

#[async_trait]
impl Merchant for Manual {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities::default()
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Err(unknown())
    }

    async fn read(&self, _order: &OrderId) -> Result<Order> {
        Err(unknown())
    }

    /// None: nobody can look.
    async fn find(&self, _reference: &str) -> Result<Option<OrderId>> {
        Ok(None)
    }

    /// Always [`Applied::Manual`], however often it is asked.
    async fn apply(&self, _order: &OrderId, _discount: &Discount, _key: &str) -> Result<Applied> {
        Ok(Applied::Manual)
    }

    async fn revoke(&self, _order: &OrderId, _reference: &str) -> Result<()> {
        Err(unknown().hint("take the discount off at the till"))
    }
}

fn unknown() -> Error {
    Error::new(
        Kind::Unsupported,
        "a till that is worked by hand tells no orders",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wom_sdk::testing::conformance::merchant as conformance;

    use super::*;

    #[async_trait]
    impl conformance::Fixture for Manual {
        fn open(&self) -> Arc<dyn Merchant> {
            Arc::new(*self)
        }

        async fn order(&self) -> OrderId {
            self.unknown()
        }

        fn unknown(&self) -> OrderId {
            OrderId("7".to_owned())
        }
    }

    #[tokio::test]
    async fn the_cashier_is_told_whatever_is_asked_and_nothing_is_claimed() {
        conformance::what_it_is_and_what_it_offers_agree(&Manual).await;
        let order = OrderId("7".to_owned());
        for _ in 0..2 {
            let applied = Manual.apply(&order, &Discount::Amount(500), "k").await;
            assert_eq!(applied.unwrap(), Applied::Manual);
        }
        assert_eq!(Manual.find("k").await.unwrap(), None);
        let refused = Manual.revoke(&order, "k").await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unsupported);
        let refused = Manual.read(&order).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Unsupported);
    }
}
