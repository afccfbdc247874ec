//! `pos.shopify`: a Shopify shop, over its Admin API. Made from its documentation.
//!
//! What is sold at a till is a draft of staff's: the discount is set on it as a whole, with our code as
//! its description, so that setting it twice is setting it once. A draft whose invoice was sent is in
//! its shopper's hands: for it a code of one use is made, which the shopper enters. What a draft became
//! is read through it, for good. A code in an order's list proves nothing: only what it takes off the
//! lines does.

mod api;
mod code;
mod config;
mod draft;
mod fault;
mod give;
mod id;
mod list;
mod tell;
mod told;

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

pub use config::ShopifyConfig;

use self::{
    api::Api,
    id::Id,
    told::{Marks, Told},
};
use crate::{
    answer::unclear,
    code::applied,
    hook::{self, Door},
    turns::Turns,
    way_in::credentials,
};

/// A Shopify shop.
pub struct Shopify {
    api: Api,
    label: String,
    combines: bool,
    valid_ms: i64,
    fresh_valid_ms: i64,
    clock: Arc<dyn Clock>,
    door: Door,
    turns: Turns,
}

impl Shopify {
    /// What it is.
    pub const INFO: Info = Info {
        name: "pos.shopify",
        summary: "A Shopify shop: discounts on drafts of staff's, single-use codes for shoppers.",
        rules: "",
        proven: Proven::Documentation,
    };

    /// What it offers.
    pub const CAPABILITIES: MerchantCapabilities = {
        let mut it = MerchantCapabilities::FULL;
        it.changes_paid_orders = false;
        // Nothing is documented of it, so the worse is taken to be so.
        it.cancel_releases_code = true;
        // A draft has one discount on the whole.
        it.one_per_order = true;
        it
    };

    /// The shop that the settings name.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the address or the version is none or nothing opens it;
    /// [`Kind::InsecureTransport`] for plain http on another machine.
    pub fn new(config: ShopifyConfig) -> Result<Self> {
        let credentials = credentials(&config.secret_files, &config.secret_variables)?;
        Self::with_credentials(config, credentials)
    }

    /// As [`new`](Self::new), with access tokens, or client secrets, from a callback.
    ///
    /// # Errors
    /// As there.
    pub fn with_credentials(
        config: ShopifyConfig,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self> {
        let (files, variables) = (
            &config.webhook_secret_files,
            &config.webhook_secret_variables,
        );
        Ok(Self {
            api: Api::new(&config, credentials)?,
            label: config.label,
            combines: config.combines,
            valid_ms: i64::from(config.valid_minutes.max(1)) * 60_000,
            fresh_valid_ms: i64::from(config.fresh_valid_days.max(1)) * 86_400_000,
            clock: Arc::new(SystemClock),
            door: Door::new(Scheme::Shopify, files, variables)?,
            turns: Turns::new(),
        })
    }

    /// Lets codes begin and end by this clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The version of the Admin API that the shop answered with last. One that is no longer served is
    /// answered with the oldest that is: then `version` is to be set anew.
    pub fn answered_version(&self) -> Option<String> {
        self.api.answered()
    }

    async fn told(&self, order: &OrderId) -> Result<(Id, Told)> {
        let id = Id::parse(&order.0).ok_or_else(unknown)?;
        let told = tell::tell(&self.api, id).await?.ok_or_else(unknown)?;
        Ok((id, told))
    }
}

#[async_trait]
impl Merchant for Shopify {
    fn info(&self) -> Info {
        Self::INFO
    }

    fn capabilities(&self) -> MerchantCapabilities {
        Self::CAPABILITIES
    }

    /// A message only says which order to read: to read it twice does no harm, so nothing rests on the
    /// id of a message, which is not signed.
    fn receive(&self, request: &Request<'_>) -> Received {
        self.door
            .receive(request, |body| hooked(body).map(|id| id.map(Id::gid)))
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        list::since(&self.api, since).await
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let (id, told) = self.told(order).await?;
        told.into_order(id.order_id())
    }

    async fn state(&self, order: &OrderId) -> Result<OrderState> {
        Ok(self.told(order).await?.1.what_became())
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let found = self.find_code(&crate::code::code(reference)).await?;
        Ok(found.map(Id::order_id))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let code = crate::code::code(key);
        let _changing = self.turns.at(&order.0).await;
        let (id, told) = self.told(order).await?;
        let state = told.what_became();
        if told.discounted_by(&code)? > 0 && state != OrderState::Cancelled {
            return applied(&code);
        }
        if state != OrderState::Open || !told.is_draft() {
            if let Some(node) = code::find(&self.api, &code).await?
                && node.draft() == Some(id)
            {
                code::switch_off(&self.api, &node).await?;
            }
            return Err(closed());
        }
        if told.marks().code.as_deref() == Some(code.as_str()) {
            return Err(taken_back());
        }
        let node = code::find(&self.api, &code).await?;
        if node.as_ref().is_some_and(|node| node.draft() != Some(id)) {
            return Err(used_for_another());
        }
        for other in draft::tagged(&self.api, &code).await? {
            if other != id && self.shows(other, &code).await? {
                return Err(used_for_another());
            }
        }
        let given = self.give(id, &told, node, discount, code);
        given.await.map_err(unclear)
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let code = crate::code::code(reference);
        let _changing = self.turns.at(&order.0).await;
        let id = Id::parse(&order.0).ok_or_else(unknown)?;
        // First the code, so that nobody takes it again while it leaves the order.
        if let Some(node) = code::find(&self.api, &code).await? {
            if node.draft() != Some(id) {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "the discount belongs to another order",
                ));
            }
            code::switch_off(&self.api, &node).await?;
        }
        let (_, told) = self.told(order).await?;
        let is_open = told.is_draft() && told.what_became() == OrderState::Open;
        let is_set = told.discounted_by(&code)? > 0 && !told.has_discount_of_others(&code);
        match is_open && is_set && told.marks().code.as_deref() == Some(code.as_str()) {
            true => draft::remove(&self.api, id).await,
            false => Ok(()),
        }
    }

    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        let code = crate::code::code(key);
        let _making = self.turns.at(&code).await;
        self.fresh(discount, &code).await?;
        Ok(code)
    }

    fn code(&self, key: &str) -> Option<String> {
        Some(crate::code::code(key))
    }
}

impl fmt::Debug for Shopify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shopify")
    }
}

/// What a message is about: an order or a draft, or the order of a refund. An order that was a draft of
/// ours is called by the draft's name.
fn hooked(body: &[u8]) -> Result<Option<Id>, ()> {
    #[derive(Deserialize)]
    struct Message {
        admin_graphql_api_id: Option<String>,
        order_id: Option<u64>,
        #[serde(default)]
        note_attributes: Marks,
    }
    let message: Message = hook::read(body)?;
    let itself = message.admin_graphql_api_id.as_deref().and_then(Id::parse);
    let draft = message.note_attributes.draft.as_deref().and_then(Id::parse);
    // A draft that became an order names it, too.
    let of_refund = message.order_id.filter(|_| itself.is_none()).map(Id::Order);
    Ok(draft.or(itself).or(of_refund))
}

fn unknown() -> Error {
    Error::new(Kind::InputInvalid, "the shop has no such order").hint(
        "use the id of a draft or an order as the Admin API tells it: gid://shopify/DraftOrder/1",
    )
}

fn closed() -> Error {
    Error::new(
        Kind::InputInvalid,
        "the order is placed or cancelled, and takes no discount any more",
    )
    .hint("give the discount by hand, or on another order, under another key")
}

fn taken_back() -> Error {
    Error::new(
        Kind::AlreadyPerformed,
        "the discount of this key was taken back, or has ended",
    )
    .hint("use another key to give it again")
}

fn used_for_another() -> Error {
    Error::new(Kind::InputInvalid, "the key was used for another order")
        .hint("give every order a key of its own")
}

#[cfg(feature = "testing")]
pub(crate) fn fuzz(data: &[u8]) {
    let _ = hooked(data);
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(data) else {
        return;
    };
    let _ = fault::faults(&answer);
    let _ = fault::user_errors(&answer);
    let _ = list::read(answer.clone());
    if let Ok(Some(node)) = code::read(answer.clone()) {
        let _ = (node.draft(), node.lives());
    }
    if let Ok(Some(told)) = Told::of(answer) {
        let _ = (
            told.what_became(),
            told.discounted_by("WOM-A690F176A690F176A690F176A690F176"),
        );
        let _ = told.into_order(OrderId("1".to_owned()));
    }
}
