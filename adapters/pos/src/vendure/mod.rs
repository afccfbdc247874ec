//! `pos.vendure`: the open source shop Vendure, over its admin API.
//!
//! A discount is a promotion of one use with a coupon code that carries the key, so that whoever died
//! before they heard the answer knows their discount again. Vendure makes a second promotion with the
//! same code without complaint, and both then count: so the code is looked for first, doubles are taken
//! away, and one is made under a lock. A code in an order's list proves nothing: only a discount line
//! with an amount does.

mod api;
mod config;
mod give;
mod hook;
mod list;
mod order;
mod place;
mod promotion;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::json;
use wom_http::Credentials;
use wom_sdk::{
    Clock, Error, Kind, Result, Retry, SystemClock,
    instrument::{Cursor, Info, Proven, Received, Request},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderState},
    webhook::Scheme,
};

pub use config::VendureConfig;

use self::{api::Api, order::Told};
use crate::{code::code, hook::Door, turns::Turns, way_in::credentials};

/// A Vendure shop.
pub struct Vendure {
    api: Api,
    label: String,
    valid_ms: i64,
    fresh_valid_ms: i64,
    clock: Arc<dyn Clock>,
    door: Door,
    turns: Turns,
}

impl Vendure {
    /// What it is.
    pub const INFO: Info = Info {
        name: "pos.vendure",
        summary: "A Vendure shop: single-use coupon codes on drafts, carts and paid orders.",
        rules: "",
        proven: Proven::RealSystem,
    };

    /// What it offers.
    pub const CAPABILITIES: MerchantCapabilities = {
        let mut it = MerchantCapabilities::FULL;
        it.create_is_idempotent = false;
        it.cancel_releases_code = true;
        it
    };

    /// The shop that the settings name.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the address is none or nothing opens it;
    /// [`Kind::InsecureTransport`] for plain http on another machine.
    pub fn new(config: VendureConfig) -> Result<Self> {
        let credentials = credentials(&config.secret_files, &config.secret_variables)?;
        Self::with_credentials(config, credentials)
    }

    /// As [`new`](Self::new), with the administrator's password from a callback.
    ///
    /// # Errors
    /// As there.
    pub fn with_credentials(
        config: VendureConfig,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self> {
        let scheme = Scheme::Hub {
            header: config.signature_header.clone().into(),
        };
        let (files, variables) = (
            &config.webhook_secret_files,
            &config.webhook_secret_variables,
        );
        Ok(Self {
            api: Api::new(&config, credentials)?,
            label: config.label,
            valid_ms: i64::from(config.valid_minutes.max(1)) * 60_000,
            fresh_valid_ms: i64::from(config.fresh_valid_days.max(1)) * 86_400_000,
            clock: Arc::new(SystemClock),
            door: Door::new(scheme, files, variables)?,
            turns: Turns::new(),
        })
    }

    /// Lets codes end by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    async fn told(&self, order: &OrderId) -> Result<Told> {
        if !is_id(&order.0) {
            return Err(unknown());
        }
        let query = format!("query($id:ID!){{order(id:$id){{{}}}}}", order::FIELDS);
        let answer = self.api.call(&query, json!({"id": order.0})).await?;
        Told::of(answer)?.ok_or_else(unknown)
    }

    /// Whether an order shows the discount of this code.
    async fn shows(&self, order: &OrderId, code: &str) -> Result<bool> {
        match self.told(order).await {
            Ok(told) => Ok(told.discounted_by(code) > 0),
            Err(error) if error.kind() == Kind::InputInvalid => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Merchant for Vendure {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        Self::CAPABILITIES
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        self.door.receive(request, hook::order)
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        list::since(&self.api, since).await
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        Ok(self.told(order).await?.into_order())
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        Ok(self.told(order).await?.what_became())
    }

    /// By the reference, or by the key alone: whoever died before they heard the reference has that.
    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let code = code(reference);
        for promotion in promotion::all(&self.api, &code).await? {
            if let Some(order) = promotion.order()
                && self.shows(&order, &code).await?
            {
                return Ok(Some(order));
            }
        }
        Ok(None)
    }

    /// [`Applied::Manual`] for a cart that a shopper has open, and for an order at payment: nobody but
    /// the shopper puts a code on these, so [`code`](Merchant::code) says what to show them.
    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let code = code(key);
        let _changing = self.turns.at(&order.0).await;
        let told = self.told(order).await?;
        if told.what_became() == OrderState::Cancelled {
            // The code lives again once its order is cancelled.
            promotion::withdraw(&self.api, order, &code).await?;
            return Err(Error::new(
                Kind::InputInvalid,
                "the order is cancelled, and takes no discount",
            )
            .hint("give it on another order"));
        }
        let given = self.give(order, told, &code, discount).await;
        // By now something may have been changed, so that only this key may be tried again.
        given.map_err(|error| match error.retry() {
            Retry::Safe => error.with_retry(Retry::SameKey),
            _ => error,
        })
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let code = code(reference);
        let _changing = self.turns.at(&order.0).await;
        let told = self.told(order).await?;
        if told.what_became() == OrderState::Paid && told.discounted_by(&code) > 0 {
            return Err(Error::new(
                Kind::Unsupported,
                "the order was paid with the discount, which cannot be taken back then",
            )
            .hint("cancel or refund the order in the shop first"));
        }
        // First the code, so that nobody takes it again while it leaves the order.
        promotion::withdraw(&self.api, order, &code).await?;
        place::remove(&self.api, &told, &code).await
    }

    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        let code = code(key);
        let _making = self.turns.at(&code).await;
        self.fresh(&code, discount).await?;
        Ok(code)
    }

    fn code(&self, key: &str) -> Option<String> {
        Some(code(key))
    }
}

impl fmt::Debug for Vendure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vendure")
    }
}

fn unknown() -> Error {
    Error::new(Kind::InputInvalid, "the shop has no such order")
        .hint("use the id of an order as the admin API tells it, not the code that customers see")
}

/// Whether this can be an id: a number or a UUID.
fn is_id(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(feature = "testing")]
pub(crate) fn fuzz(data: &[u8]) {
    let _ = hook::order(data);
    if let (Ok(promotion), Ok(five)) = (
        serde_json::from_slice::<promotion::Promotion>(data),
        promotion::Action::of(&Discount::Amount(500)),
    ) {
        let _ = (
            promotion.order(),
            promotion.gives(&five, wom_sdk::Timestamp::EPOCH),
        );
    }
    if let Ok(answer) = serde_json::from_slice(data) {
        let _ = list::read(answer);
    }
    if let Ok(answer) = serde_json::from_slice(data)
        && let Ok(Some(told)) = Told::of(answer)
    {
        let (_, _, _) = (told.payment(), told.what_became(), told.before_modifying());
        let discounted = |key: &str| told.discounted_by(&code(key));
        let _ = discounted("A690F176A690F176A690F176A690F176");
        let cancelled = told.what_became() == OrderState::Cancelled;
        let seen: Vec<_> = told.references().collect();
        assert!(
            seen.iter()
                .all(|it| crate::code::reference(&code(it)).as_ref() == Some(it)),
            "a reference leads to its code, and back"
        );
        let order = told.into_order();
        assert!(!cancelled || order.lines.is_empty() && order.total == 0);
    }
}
