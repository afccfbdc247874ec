//! Shops and tills that are written in JavaScript.

use std::sync::Arc;

use async_trait::async_trait;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Value, json};
use wom_embed::{HostMerchant, HostedMerchant, MerchantInfo};
use wom_sdk::{
    Result,
    instrument::{Received, Request},
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::{
    home::{Home, Thread, gone},
    host::received,
    text::read,
};

/// A shop in JavaScript: the face's number of it, and what it says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    of: u32,
    info: MerchantInfo,
}

impl Told {
    /// The object as a merchant.
    pub(crate) fn merchant(self, thread: &Arc<Thread>) -> Result<HostedMerchant> {
        let host = JsMerchant {
            thread: Arc::clone(thread),
            of: self.of,
        };
        HostedMerchant::new(&self.info, Arc::new(host))
    }
}

/// A shop in JavaScript.
#[derive(Debug)]
struct JsMerchant {
    thread: Arc<Thread>,
    of: u32,
}

impl HostMerchant for JsMerchant {
    fn ask(&self, what: &'static str, with: Value) -> Result<Value> {
        let (told, _) = self
            .thread
            .ask_blocking(what, self.of, with.to_string(), None)?;
        read(&told)
    }

    fn code(&self, key: &str) -> Result<Option<String>> {
        let with = json!([key]).to_string();
        let (told, _) = self.thread.ask_blocking("code", self.of, with, None)?;
        read(&told)
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        received(&self.thread, self.of, request)
    }
}

#[napi]
impl Home {
    /// Runs the conformance suite with shops that the face opens and orders that it makes, under this
    /// number; tells topics, and what failed.
    #[napi]
    pub fn check_merchant(&self, call: u32, maker: u32) {
        let thread = Arc::clone(&self.0);
        self.0.begin(call, async move {
            let fixture = Arc::new(JsFixture { thread, maker });
            Ok(wom_embed::conform_merchant(fixture).await)
        });
    }
}

/// Shops in JavaScript for the conformance suite.
struct JsFixture {
    thread: Arc<Thread>,
    maker: u32,
}

impl JsFixture {
    fn make(&self) -> Result<HostedMerchant> {
        let made = self
            .thread
            .ask_blocking("make", self.maker, "null".to_owned(), None)?;
        read::<Told>(&made.0)?.merchant(&self.thread)
    }

    async fn new_order(&self) -> Result<String> {
        let asked = self
            .thread
            .ask("order", self.maker, "null".to_owned(), None)?;
        read(&asked.await.unwrap_or_else(|_| Err(gone()))?.0)
    }
}

#[async_trait]
impl Fixture for JsFixture {
    fn open(&self) -> Arc<dyn Merchant> {
        match self.make() {
            Ok(made) => Arc::new(made),
            // A topic fails by panicking.
            Err(error) => panic!("the adapter cannot be made: {error}"),
        }
    }

    async fn order(&self) -> OrderId {
        match self.new_order().await {
            Ok(id) => OrderId(id),
            Err(error) => panic!("an order cannot be made: {error}"),
        }
    }
}
