//! `pos.manual`: the cashier lowers the price by hand, and the adapter only says that they are to.
//!
//! For a till that no program can reach. Nothing is known of an order but what was entered, and its
//! name says all of that: nothing is kept, so nothing is lost when the process ends, and any number of
//! processes may serve one till.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId},
};

/// The most that an order may come to, in the currency's smallest unit.
const MOST: i64 = 1_000_000_000_000;
/// The longest name of an order, bytes.
const NAME: usize = 64;

/// A till that a person works.
///
/// ```
/// # use wom_adapter_pos::Manual;
/// # use wom_sdk::merchant::Merchant;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let order = Manual::order(1_250, "EUR", "bill1007")?;
/// assert_eq!(order.0, "1250-EUR-bill1007");
/// assert_eq!(Manual.read(&order).await?.total, 1_250);
/// # Ok::<(), wom_sdk::Error>(())
/// # }).unwrap();
/// ```
///
/// What became of an order nobody but the cashier knows: a sale is over once they say so, with
/// [`Resolution::Redeemed`](wom_sdk::sale::Resolution::Redeemed).
#[derive(Clone, Copy, Debug, Default)]
pub struct Manual;

/// Settings of [`Manual`]: there are none.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManualConfig {}

impl Manual {
    /// What it is.
    pub const INFO: Info = Info {
        name: "pos.manual",
        summary: "A till without a connection: the cashier lowers the price by hand.",
        rules: "",
        proven: Proven::Documentation,
    };

    /// What it offers: nothing by itself.
    pub const CAPABILITIES: MerchantCapabilities = MerchantCapabilities::NONE;

    /// The name of an order of this total, in the currency's smallest unit (1 to a million millions),
    /// and this currency (ISO 4217). `name` tells it from others of the same total, and is 1 to 64
    /// letters or digits of ASCII: each order has one of its own, and the same one again is the same
    /// order.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] where one of them is not so.
    pub fn order(total: i64, currency: &str, name: &str) -> Result<OrderId> {
        let refused = |field: &'static str, message: &'static str| {
            Err(Error::new(Kind::InputInvalid, message).with("field", field))
        };
        if !(1..=MOST).contains(&total) {
            return refused(
                "total",
                "a total is 1 to 1000000000000 of the currency's smallest unit",
            );
        }
        if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return refused("currency", "a currency is three capital letters, as EUR is");
        }
        if !(1..=NAME).contains(&name.len())
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            return refused("name", "the name of an order is 1 to 64 letters or digits");
        }
        Ok(OrderId(format!("{total}-{currency}-{name}")))
    }
}

/// The total and the currency that an order's name says. Only the form that [`Manual::order`] writes
/// is one, so that no order has two names.
fn said(order: &OrderId) -> Option<(i64, &str)> {
    let mut parts = order.0.splitn(3, '-');
    let (total, currency, name) = (parts.next()?, parts.next()?, parts.next()?);
    let total = total.parse().ok()?;
    let written = Manual::order(total, currency, name).ok()?;
    (written == *order).then_some((total, currency))
}

#[async_trait]
impl Merchant for Manual {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        Self::CAPABILITIES
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Err(Error::new(
            Kind::Unsupported,
            "nobody but the cashier knows the orders",
        ))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let (total, currency) = said(order).ok_or_else(unknown)?;
        Ok(Order {
            id: order.clone(),
            version: "1".to_owned(),
            lines: Vec::new(),
            total,
            currency: currency.to_owned(),
            open: true,
        })
    }

    /// Always `None`: whether the cashier lowered the price is nowhere to be read.
    async fn find(&self, _reference: &str) -> Result<Option<OrderId>> {
        Ok(None)
    }

    async fn apply(&self, order: &OrderId, _discount: &Discount, _key: &str) -> Result<Applied> {
        said(order).map(|_| Applied::Manual).ok_or_else(unknown)
    }

    async fn revoke(&self, _order: &OrderId, _reference: &str) -> Result<()> {
        Err(Error::new(
            Kind::Unsupported,
            "nobody but the cashier can take the discount back",
        ))
    }
}

fn unknown() -> Error {
    Error::new(
        Kind::InputInvalid,
        "this is no order of a till that is worked by hand",
    )
    .hint("an order is named by its total, currency and a name of its own: 1250-EUR-bill1007")
}

/// What is read as an order says what it was written from.
#[cfg(feature = "testing")]
pub(crate) fn fuzz(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let order = OrderId(text.to_owned());
    if let Some((total, currency)) = said(&order) {
        assert!((1..=MOST).contains(&total) && currency.len() == 3);
        assert!(order.0.starts_with(&format!("{total}-{currency}-")));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_order_has_one_name() {
        for text in [
            "",
            "1250",
            "1250-EUR",
            "1250-EUR-",
            "01250-EUR-a",
            "+1250-EUR-a",
            "0-EUR-a",
            "-5-EUR-a",
            "1250-eur-a",
            "1250-EURO-a",
            "1250-EUR-a-b",
            "1250-EUR-a b",
            "1000000000001-EUR-a",
            "99999999999999999999-EUR-a",
        ] {
            assert_eq!(said(&OrderId(text.to_owned())), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(total in 1..=MOST, currency in "[A-Z]{3}", name in "[0-9A-Za-z]{1,64}") {
            let order = Manual::order(total, &currency, &name).unwrap();
            prop_assert!(order.0.len() <= 128);
            prop_assert_eq!(said(&order), Some((total, currency.as_str())));
        }

        #[test]
        fn no_text_is_an_order_by_another_name(text in "[-+0-9A-Z]{0,16}") {
            let order = OrderId(text);
            if let Some((total, currency)) = said(&order) {
                let name = order.0.splitn(3, '-').nth(2).unwrap();
                prop_assert_eq!(Manual::order(total, currency, name).unwrap(), order.clone());
            }
        }
    }
}
