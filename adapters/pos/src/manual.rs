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
        proven: Proven::RealSystem,
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
