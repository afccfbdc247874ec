#![doc = include_str!("docs.md")]

mod api;
mod code;
mod config;
mod credentials;
mod door;
#[cfg(feature = "testing")]
pub(crate) mod fuzz;
mod locks;
mod poll;
mod promotion;
mod reading;
mod till;
mod wire;

pub use config::VendureConfig;
pub use credentials::Passwords;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use wom_sdk::{
    Clock, Error, Kind, Result, SystemClock,
    instrument::{Cursor, Info, Proven, Received, Request},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId},
};

use api::Api;
use code::Codes;
use config::wrong;
use credentials::Settled;
use door::Door;
use locks::Locks;
use till::Till;

/// How long applying or revoking may take in all: less than after which a sale would ask again.
const WHOLE: Duration = Duration::from_secs(25);

/// Puts discounts on orders of a Vendure shop by coupon codes.
#[derive(Debug)]
pub struct Vendure {
    door: Door,
    till: Till,
}

impl Vendure {
    /// What this adapter is.
    pub const INFO: Info = Info {
        name: "pos.vendure",
        summary: "Discounts in a Vendure shop: drafts of the till, orders that are paid, codes for carts",
        rules: "",
        proven: Proven::RealSystem,
    };

    /// The longest body of a webhook, in bytes: 64 KiB.
    pub const LARGEST: usize = door::LARGEST;

    /// The adapter with these settings. Passwords are read when they are needed; the webhook's secrets
    /// now.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] without an address, a user name or a password, or for a setting
    /// that is not of its form; [`Kind::InsecureTransport`] for plain http to another machine.
    pub fn new(config: VendureConfig) -> Result<Self> {
        let passwords = Settled::new(&config.secret_files, &config.secret_variables);
        if passwords.is_empty() {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "there is no password for Vendure",
            )
            .hint("set secret_files or secret_variables"));
        }
        Self::with_passwords(config, Arc::new(passwords))
    }

    /// As [`new`](Self::new), with passwords from elsewhere.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_passwords(config: VendureConfig, passwords: Arc<dyn Passwords>) -> Result<Self> {
        let text = config.text.trim();
        if !(1..=100).contains(&text.chars().count()) || text.chars().any(char::is_control) {
            return Err(wrong("text", "1 to 100 characters"));
        }
        if !(1..=8760).contains(&config.code_hours) {
            return Err(wrong("code_hours", "1 to 8760 hours"));
        }
        Ok(Self {
            door: Door::new(&config)?,
            till: Till {
                api: Api::new(&config, passwords)?,
                codes: Codes::new(&config.code_prefix)?,
                clock: Arc::new(SystemClock),
                change_paid: config.change_paid,
                hours: config.code_hours,
                text: text.to_owned(),
                locks: Locks::default(),
            },
        })
    }

    /// With another clock, which says until when codes can be used.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.till.clock = clock;
        self
    }
}

#[async_trait]
impl Merchant for Vendure {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        let mut capabilities = MerchantCapabilities::FULL;
        capabilities.codes = true;
        capabilities.change_paid = self.till.change_paid;
        capabilities.cancel_frees_code = true;
        capabilities
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        self.door.receive(request)
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        poll::orders(&self.till.api, since).await
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let order = self.till.order(order).await?;
        Ok(order.read(&self.till.codes, self.till.change_paid))
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        self.till.find(reference).await
    }

    /// [`Applied::Manual`] for a cart that a shopper has open, which staff cannot put a code on: then
    /// [`code`](Merchant::code) says what to show to the shopper.
    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        within(self.till.apply(order, discount, key)).await
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        within(self.till.revoke(order, reference)).await
    }

    fn code(&self, key: &str) -> Option<String> {
        self.till.codes.code(key).ok()
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(WHOLE, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::new(Kind::DeadlineExceeded, "Vendure takes too long")
            .with("seconds", WHOLE.as_secs())
            .hint("asking again with the same key does no harm")),
    }
}
