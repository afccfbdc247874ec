//! `pos.vendure`: the open source shop Vendure, over its admin API.
//!
//! A discount is a promotion of one use with a coupon code that follows from the key. Vendure makes a
//! second promotion with the same code without complaint, and both then count: so the code is looked
//! for first, doubles are taken away, and one is made under a lock. A code in an order's list proves
//! nothing: only a discount line with an amount does.

mod api;
mod config;
mod hook;
mod order;
mod place;
mod promotion;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use wom_http::{Credentials, Secrets};
use wom_sdk::{
    Clock, Error, Kind, Result, SystemClock, Timestamp,
    instrument::{Cursor, Hint, Info, Proven, Received, Reply, Request},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderState},
    webhook::{self, Scheme, Secret, Verified},
};

pub use config::VendureConfig;

use self::{api::Api, order::Told};
use crate::code::code;

/// How many orders are asked for at once.
const PAGE: usize = 100;

/// The most pages of one call; the next goes on from there.
const PAGES: usize = 100;

/// How far before the cursor is read again: what was being written then is told later.
const LOOK_BACK_MS: i64 = 5_000;

/// A Vendure shop.
pub struct Vendure {
    api: Api,
    label: String,
    valid_ms: i64,
    clock: Arc<dyn Clock>,
    scheme: Scheme,
    webhook_secrets: Vec<Secret>,
    locks: [Mutex<()>; 64],
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
        let secrets = Secrets::named(&config.secret_files, &config.secret_variables);
        let secrets = secrets.ok_or_else(|| {
            Error::new(Kind::ConfigurationInvalid, "nothing opens the shop")
                .hint("set secret_files or secret_variables")
        })?;
        Self::with_credentials(config, Arc::new(secrets))
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
            clock: Arc::new(SystemClock),
            webhook_secrets: hook::secrets(&scheme, files, variables)?,
            scheme,
            locks: std::array::from_fn(|_| Mutex::default()),
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

    /// One order is changed by one call at a time; some orders share a lock.
    fn lock(&self, order: &OrderId) -> &Mutex<()> {
        let sum = order.0.bytes().fold(0_usize, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        &self.locks[sum % self.locks.len()]
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
        let (headers, body, now) = (request.headers, request.body, request.received_at);
        let verified = webhook::verify(&self.scheme, headers, body, &self.webhook_secrets, now);
        match verified.map(Verified::message) {
            Err(error) => return Received::refuse(401, error),
            Ok(None) => return Received::answer(Reply::status(200)),
            Ok(Some(_)) => {}
        }
        match hook::order(body) {
            Ok(Some(order)) => Received::read(Reply::status(200), Hint(order)),
            Ok(None) => Received::answer(Reply::status(200)),
            Err(()) => Received::refuse(
                400,
                Error::new(
                    Kind::PayloadInvalid,
                    "the message is signed, but no event in JSON",
                ),
            ),
        }
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        let after = since
            .as_ref()
            .map(|since| since.0.parse::<Timestamp>())
            .transpose()?;
        let filter = match after {
            Some(after) => {
                json!({"updatedAt": {"after": after.plus_millis(-LOOK_BACK_MS).to_string()}})
            }
            None => json!({}),
        };
        let query = "query($o:OrderListOptions){orders(options:$o){items{id updatedAt}}}";
        let mut found = Vec::new();
        let mut last = since;
        for page in 0..PAGES {
            let options = json!({"filter": filter, "sort": {"updatedAt": "ASC"}, "take": PAGE, "skip": page * PAGE});
            let answer = self.api.call(query, json!({"o": options})).await?;
            let items = answer
                .get("items")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            for item in items {
                let text = |name| item.get(name).and_then(Value::as_str);
                if let (Some(id), Some(at)) = (text("id"), text("updatedAt")) {
                    let id = OrderId(id.to_owned());
                    if !found.contains(&id) {
                        found.push(id);
                    }
                    let at: Timestamp = at.parse()?;
                    last = Some(Cursor(at.to_string()));
                }
            }
            if items.len() < PAGE {
                break;
            }
        }
        Ok((found, last))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        Ok(self.told(order).await?.into_order())
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        Ok(self.told(order).await?.what_became())
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let promotion = promotion::find(&self.api, reference).await?;
        let Some(order) = promotion.and_then(|promotion| promotion.order()) else {
            return Ok(None);
        };
        let shown = self.told(&order).await?.discounted_by(reference);
        Ok((shown > 0).then_some(order))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let code = code(key);
        let _changing = self.lock(order).lock().await;
        let told = self.told(order).await?;
        if told.what_became() == OrderState::Cancelled {
            // The code lives again once its order is cancelled.
            promotion::switch_off(&self.api, &code).await?;
            return Err(Error::new(
                Kind::InputInvalid,
                "the order is cancelled, and takes no discount",
            )
            .hint("give it on another order, under another key"));
        }
        let known = promotion::find(&self.api, &code).await?;
        let made_before = known.is_some();
        let promotion = match known {
            Some(promotion) => promotion,
            None => {
                let ends_at = self.clock.now().plus_millis(self.valid_ms);
                promotion::create(&self.api, order, &code, discount, &self.label, ends_at).await?
            }
        };
        if promotion.order().as_ref() != Some(order) {
            return Err(
                Error::new(Kind::InputInvalid, "the key was used for another order")
                    .hint("give every order a key of its own"),
            );
        }
        if told.discounted_by(&code) == 0 && !promotion.enabled {
            return Err(Error::new(
                Kind::AlreadyPerformed,
                "the discount of this key was taken back",
            )
            .hint("use another key to give it again"));
        }
        place::place(&self.api, told, &code, made_before).await?;
        let told = self.told(order).await?;
        match told.discounted_by(&code) {
            0 if place::is_cart(&told) => Ok(Applied::Manual),
            0 => Err(not_shown()),
            _ => Ok(Applied::Applied { reference: code }),
        }
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let _changing = self.lock(order).lock().await;
        let told = self.told(order).await?;
        let promotion = promotion::find(&self.api, reference).await?;
        if promotion.is_some_and(|promotion| promotion.order().as_ref() != Some(order)) {
            return Err(Error::new(
                Kind::InputInvalid,
                "the discount belongs to another order",
            ));
        }
        // First the code, so that nobody takes it again while it leaves the order.
        promotion::switch_off(&self.api, reference).await?;
        place::remove(&self.api, told, reference).await
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

pub(super) fn not_shown() -> Error {
    Error::new(
        Kind::InputInvalid,
        "the shop took the code, but gives no discount for it",
    )
    .hint("look at the promotion's dates and at the order's total; nothing was given")
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
    if let Ok(answer) = serde_json::from_slice(data)
        && let Ok(Some(told)) = Told::of(answer)
    {
        let (_, _) = (told.payment(), told.what_became());
        let _ = told.discounted_by("WOM-A690F176");
        let _ = told.into_order();
    }
}
