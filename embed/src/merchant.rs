//! Shops and tills that are written in another language, driven as ours are.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Cursor, Info, Proven, Received, Request},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderState},
};

use crate::{
    host::{aside, name, text},
    read,
};

/// A shop or till in another language. Its calls block, and come on a thread where blocking is
/// allowed.
pub trait HostMerchant: fmt::Debug + Send + Sync {
    /// Asks for something by the name of the [`Merchant`]'s method, with its arguments as an array.
    ///
    /// * `orders` `[cursor or null]`: `[[order, …], cursor or null]`
    /// * `read` `[order]`: the order, as [`Order`] is written
    /// * `find` `[reference]`: an order or null
    /// * `apply` `[order, money, key]`: the discount's reference, or null where a person types it in
    /// * `revoke` `[order, reference]`: null
    /// * `issue` `[money or null, hundredths of a percent or null, key]`: the code, for a customer's next
    ///   order
    /// * `state` `[order]`: `open`, `paid`, `cancelled`, `refunded` or `closed`
    fn ask(&self, what: &'static str, with: Value) -> Result<Value>;

    /// What is typed in for this key. It comes on any thread, and waits for nothing.
    fn code(&self, key: &str) -> Result<Option<String>>;

    /// Verifies a webhook; see [`Merchant::receive`].
    fn receive(&self, request: &Request<'_>) -> Received;
}

/// What a shop in another language says of itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MerchantInfo {
    /// The name, such as `town.till`.
    name: String,
    /// One sentence for people.
    summary: String,
    /// Whether it was proven on the real system.
    proven: bool,
    webhook: bool,
    webhook_signed: bool,
    orders: bool,
    apply: bool,
    revoke: bool,
    /// Whether it tells what became of an order, beyond open and closed.
    state: bool,
    creates_codes: bool,
    changes_open_orders: bool,
    changes_paid_orders: bool,
    create_is_idempotent: bool,
    cancel_releases_code: bool,
    one_per_order: bool,
}

impl MerchantInfo {
    fn capabilities(&self) -> MerchantCapabilities {
        let mut offers = MerchantCapabilities::NONE;
        offers.webhook = self.webhook;
        offers.webhook_signed = self.webhook_signed;
        offers.orders = self.orders;
        offers.apply = self.apply;
        offers.revoke = self.revoke;
        offers.creates_codes = self.creates_codes;
        offers.changes_open_orders = self.changes_open_orders;
        offers.changes_paid_orders = self.changes_paid_orders;
        offers.create_is_idempotent = self.create_is_idempotent;
        offers.cancel_releases_code = self.cancel_releases_code;
        offers.one_per_order = self.one_per_order;
        offers
    }
}

/// A [`HostMerchant`] as a merchant.
#[derive(Clone, Debug)]
pub struct HostedMerchant {
    info: Info,
    capabilities: MerchantCapabilities,
    tells_state: bool,
    host: Arc<dyn HostMerchant>,
}

impl HostedMerchant {
    /// The merchant that this host is.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if its name is none.
    pub fn new(info: &MerchantInfo, host: Arc<dyn HostMerchant>) -> Result<Self> {
        Ok(Self {
            info: Info {
                name: name(&info.name)?,
                summary: text(&info.summary)?,
                rules: "",
                proven: match info.proven {
                    true => Proven::RealSystem,
                    false => Proven::Documentation,
                },
            },
            capabilities: info.capabilities(),
            tells_state: info.state,
            host,
        })
    }

    async fn ask<T: DeserializeOwned>(&self, what: &'static str, with: Value) -> Result<T> {
        let host = Arc::clone(&self.host);
        let told = aside(move || host.ask(what, with)).await?;
        read(told).map_err(|error| error.with("answer", what))
    }

    fn offers(&self, offered: bool, message: &'static str) -> Result<()> {
        match offered {
            true => Ok(()),
            false => Err(Error::new(Kind::Unsupported, message)),
        }
    }
}

#[async_trait]
impl Merchant for HostedMerchant {
    fn info(&self) -> Info {
        self.info.clone()
    }

    fn capabilities(&self) -> MerchantCapabilities {
        self.capabilities
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        match self.capabilities.webhook {
            true => self.host.receive(request),
            false => Received::refuse(
                404,
                Error::new(Kind::Unsupported, "this adapter takes no webhooks"),
            ),
        }
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        self.offers(
            self.capabilities.orders,
            "this adapter does not list orders",
        )?;
        let since = since.map(|cursor| cursor.0);
        let (orders, next): (_, Option<String>) = self.ask("orders", json!([since])).await?;
        Ok((orders, next.map(Cursor)))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let read: Order = self.ask("read", json!([order])).await?;
        match read.id == *order {
            true => Ok(read),
            false => Err(Error::new(
                Kind::Internal,
                "the adapter read another order than was asked for",
            )
            .hint("an order has one id: give orders, and ask for them, by that")),
        }
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        self.ask("find", json!([reference])).await
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let money = match discount {
            Discount::Amount(money) => *money,
            discount => discount.of(self.read(order).await?.total),
        };
        let told: Option<String> = self.ask("apply", json!([order, money, key])).await?;
        Ok(match told {
            Some(reference) if reference.is_empty() || reference.len() > 256 => {
                return Err(
                    Error::new(Kind::InputInvalid, "a reference has 1 to 256 bytes")
                        .with("answer", "apply"),
                );
            }
            Some(reference) => Applied::Applied { reference },
            None => Applied::Manual,
        })
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        self.offers(
            self.capabilities.revoke,
            "this adapter does not take discounts back",
        )?;
        self.ask("revoke", json!([order, reference])).await
    }

    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        self.offers(
            self.capabilities.creates_codes,
            "this adapter makes no codes",
        )?;
        let given = match discount {
            Discount::Amount(money) => json!([money, null, key]),
            Discount::BasisPoints(points) => json!([null, points, key]),
            _ => {
                return Err(Error::new(
                    Kind::Unsupported,
                    "a discount that no adapter of another language knows",
                ));
            }
        };
        let code: String = self.ask("issue", given).await?;
        match (1..=256).contains(&code.len()) {
            true => Ok(code),
            false => {
                Err(Error::new(Kind::InputInvalid, "a code has 1 to 256 bytes")
                    .with("answer", "issue"))
            }
        }
    }

    /// A code that cannot be told is none: the cashier lowers the price.
    fn code(&self, key: &str) -> Option<String> {
        self.host.code(key).unwrap_or_else(|error| {
            tracing::warn!(code = error.code(), "an adapter could not tell a code");
            None
        })
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        let told = match self.tells_state {
            true => self.ask::<String>("state", json!([order])).await?,
            false if self.read(order).await?.open => "open".to_owned(),
            false => "closed".to_owned(),
        };
        Ok(match told.as_str() {
            "open" => OrderState::Open,
            "paid" => OrderState::Paid,
            "cancelled" => OrderState::Cancelled,
            "refunded" => OrderState::Refunded,
            "closed" => OrderState::Closed,
            _ => {
                return Err(Error::new(Kind::InputInvalid, "not the state of an order")
                    .with("answer", "state")
                    .hint("answer open, paid, cancelled, refunded or closed"));
            }
        })
    }
}
