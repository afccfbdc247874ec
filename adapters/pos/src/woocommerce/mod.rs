//! `pos.woocommerce`: a WooCommerce shop, over its REST API. Made from its documentation and source.
//!
//! A discount is a coupon of one use whose code follows from the key, and whose metadata names the
//! order. Staff's orders take it by a call, which sets all codes of the order at once; a cart takes it
//! from its shopper only. A code in an order's list proves nothing: only its amount does.

mod api;
mod config;
mod coupon;
mod list;
mod order;
mod place;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::Deserialize;
use wom_http::Credentials;
use wom_sdk::{
    Clock, Error, Kind, Result, SystemClock,
    instrument::{Cursor, Info, Proven, Received, Request},
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderState},
    webhook::Scheme,
};

pub use config::WooCommerceConfig;

use self::{api::Api, coupon::Recipe, order::Told};
use crate::{
    answer::{is_over, unclear, used_for_an_order},
    code::applied,
    hook::{self, Door},
    turns::Turns,
    way_in::credentials,
};

/// A WooCommerce shop.
pub struct WooCommerce {
    api: Api,
    label: String,
    individual_use: bool,
    valid_ms: i64,
    fresh_valid_ms: i64,
    clock: Arc<dyn Clock>,
    door: Door,
    turns: Turns,
}

impl WooCommerce {
    /// What it is.
    pub const INFO: Info = Info {
        name: "pos.woocommerce",
        summary: "A WooCommerce shop: single-use coupons on orders that are not paid, and for carts.",
        rules: "",
        proven: Proven::Documentation,
    };

    /// What it offers.
    pub const CAPABILITIES: MerchantCapabilities = {
        let mut it = MerchantCapabilities::FULL;
        it.changes_paid_orders = false;
        it.create_is_idempotent = false;
        it.cancel_releases_code = true;
        it
    };

    /// The shop that the settings name.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the address is none or nothing opens it;
    /// [`Kind::InsecureTransport`] for plain http on another machine.
    pub fn new(config: WooCommerceConfig) -> Result<Self> {
        let credentials = credentials(&config.secret_files, &config.secret_variables)?;
        Self::with_credentials(config, credentials)
    }

    /// As [`new`](Self::new), with keys of the REST API, `ck_…:cs_…`, from a callback.
    ///
    /// # Errors
    /// As there.
    pub fn with_credentials(
        config: WooCommerceConfig,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self> {
        let (files, variables) = (
            &config.webhook_secret_files,
            &config.webhook_secret_variables,
        );
        Ok(Self {
            api: Api::new(&config, credentials)?,
            label: config.label,
            individual_use: config.individual_use,
            valid_ms: i64::from(config.valid_minutes.max(1)) * 60_000,
            fresh_valid_ms: i64::from(config.fresh_valid_days.max(1)) * 86_400_000,
            clock: Arc::new(SystemClock),
            door: Door::new(Scheme::WooCommerce, files, variables)?,
            turns: Turns::new(),
        })
    }

    /// Lets codes end by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    async fn told(&self, order: &OrderId) -> Result<Told> {
        match is_id(&order.0) {
            true => order::tell(&self.api, &order.0).await,
            false => Err(order::unknown()),
        }
    }

    /// Makes the coupon where there is none, and puts it on an order that is not paid.
    async fn give(
        &self,
        order: &OrderId,
        told: Told,
        discount: &Discount,
        code: String,
        is_made: bool,
    ) -> Result<Applied> {
        let now = self.clock.now();
        if !is_made {
            let made = coupon::create(
                &self.api,
                &Recipe {
                    order: Some(order),
                    code: &code,
                    discount,
                    currency: &told.currency,
                    label: &self.label,
                    individual_use: self.individual_use,
                    ends_at: now.plus_millis(self.valid_ms),
                },
            )
            .await?;
            if made.order().as_ref() != Some(order) {
                return Err(used_for_another());
            }
        }
        if told.is_cart() {
            return Ok(match told.discounted_by(&code)? {
                0 => Applied::Manual,
                _ => applied(&code)?,
            });
        }
        place::put(&self.api, told, &code, now).await?;
        applied(&code)
    }

    /// The code of a customer's next order: found, or made in the shop's own currency.
    async fn fresh(&self, discount: &Discount, code: &str) -> Result<()> {
        let now = self.clock.now();
        let coupon = match coupon::only(&self.api, code).await? {
            Some(coupon) => coupon,
            None => {
                let recipe = Recipe {
                    order: None,
                    code,
                    discount,
                    currency: &coupon::currency(&self.api).await?,
                    label: &self.label,
                    individual_use: self.individual_use,
                    ends_at: now.plus_millis(self.fresh_valid_ms),
                };
                let made = coupon::create(&self.api, &recipe).await;
                made.map_err(unclear)?
            }
        };
        match (coupon.is_fresh(), coupon.is_valid(now)) {
            (true, true) => Ok(()),
            (true, false) => Err(is_over()),
            (false, _) => Err(used_for_an_order()),
        }
    }
}

#[async_trait]
impl Merchant for WooCommerce {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        Self::CAPABILITIES
    }

    /// A message only says which order to read. It brings the whole order, and its customer: none of
    /// that is looked at.
    fn receive(&self, request: &Request<'_>) -> Received {
        // Not signed: at worst an order is read in vain.
        let is_of_order = request
            .header("x-wc-webhook-resource")
            .is_none_or(|resource| resource == b"order");
        self.door.receive(request, |body| {
            hooked(body).map(|order| is_of_order.then_some(order))
        })
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        list::since(&self.api, since).await
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        self.told(order).await?.into_order()
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        Ok(self.told(order).await?.what_became())
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let code = code(reference);
        let coupon = coupon::find(&self.api, &code).await?;
        let Some(order) = coupon.and_then(|coupon| coupon.order()) else {
            return Ok(None);
        };
        let shown = self.told(&order).await?.discounted_by(&code)?;
        Ok((shown > 0).then_some(order))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let code = code(key);
        let _changing = self.turns.at(&order.0).await;
        let told = self.told(order).await?;
        let known = coupon::only(&self.api, &code).await?;
        if known
            .as_ref()
            .is_some_and(|coupon| coupon.order().as_ref() != Some(order))
        {
            return Err(used_for_another());
        }
        let state = told.what_became();
        if matches!(state, OrderState::Cancelled | OrderState::Refunded) {
            // The code lives again once its order is cancelled.
            coupon::delete(&self.api, &code).await?;
            return Err(Error::new(
                Kind::InputInvalid,
                "the order is cancelled, and takes no discount",
            )
            .hint("give it on another order, under another key"));
        }
        if state != OrderState::Open {
            return match told.discounted_by(&code)? {
                0 => Err(Error::new(
                    Kind::InputInvalid,
                    "the order is paid or being prepared, and takes no discount any more",
                )
                .hint("give the discount by hand, or on another order")),
                _ => applied(&code),
            };
        }
        let is_shown = told.count(&code) > 0;
        if known
            .as_ref()
            .is_some_and(|it| !it.is_valid(self.clock.now()))
            && !is_shown
        {
            return Err(Error::new(
                Kind::AlreadyPerformed,
                "the code of this key has ended, and was not used on the order",
            )
            .hint("use another key to give the discount again"));
        }
        let is_made = known.is_some() || is_shown;
        let given = self.give(order, told, discount, code, is_made);
        given.await.map_err(unclear)
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let code = code(reference);
        let _changing = self.turns.at(&order.0).await;
        let told = self.told(order).await?;
        let known = coupon::find(&self.api, &code).await?;
        if known.is_some_and(|coupon| coupon.order().as_ref() != Some(order)) {
            return Err(Error::new(
                Kind::InputInvalid,
                "the discount belongs to another order",
            ));
        }
        // First the coupon, so that nobody takes it again while it leaves the order.
        coupon::delete(&self.api, &code).await?;
        let is_staffs = told.what_became() == OrderState::Open && !told.is_cart();
        if is_staffs && told.count(&code) > 0 {
            place::remove(&self.api, &told, &code, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        let code = code(key);
        let _making = self.turns.at(&code).await;
        self.fresh(discount, &code).await?;
        Ok(code)
    }

    fn code(&self, key: &str) -> Option<String> {
        Some(code(key))
    }
}

impl fmt::Debug for WooCommerce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WooCommerce")
    }
}

/// The order of a message.
fn hooked(body: &[u8]) -> Result<String, ()> {
    #[derive(Deserialize)]
    struct Message {
        id: u64,
    }
    let message: Message = hook::read(body)?;
    Ok(message.id.to_string())
}

/// The shop keeps codes in lower case, and compares them without regard to it.
fn code(key: &str) -> String {
    crate::code::code(key).to_ascii_lowercase()
}

fn used_for_another() -> Error {
    Error::new(Kind::InputInvalid, "the key was used for another order")
        .hint("give every order a key of its own")
}

fn is_id(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(feature = "testing")]
pub(crate) fn fuzz(data: &[u8]) {
    let _ = hooked(data);
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let _ = list::read(answer.clone());
    if let Ok(found) = coupon::read(answer.clone(), "wom-a690f176a690f176a690f176a690f176") {
        let _ = found.iter().filter_map(coupon::Coupon::order).count();
    }
    if let Ok(told) = Told::of(answer) {
        let _ = (
            told.what_became(),
            told.discounted_by("wom-a690f176a690f176a690f176a690f176"),
        );
        let _ = told.into_order();
    }
}
