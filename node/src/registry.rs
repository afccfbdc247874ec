//! The embedded Registry.

use std::path::PathBuf;

use napi_derive::napi;
use wom_embed as embed;

use crate::{held::Held, home::Home};

/// A Registry that serves within this process.
#[derive(Debug)]
#[napi]
pub struct Registry(Held<embed::Registry>);

#[napi]
impl Registry {
    /// One that does not serve yet.
    #[napi(constructor)]
    pub fn new(home: &Home) -> Self {
        Self(Held::new(home, "Registry"))
    }

    /// Starts it.
    #[napi]
    pub fn start(&self, call: u32, folder: Option<String>, key_bits: u32, faithful: bool) {
        let folder = folder.map(PathBuf::from);
        self.0.open(call, async move {
            let bits = usize::try_from(key_bits).ok();
            embed::Registry::start(folder.as_deref(), bits, faithful).await
        });
    }

    /// The address before `/api`.
    #[napi]
    pub fn url(&self, call: u32) {
        self.0.call(
            call,
            |registry| async move { Ok(registry.url().to_owned()) },
        );
    }

    /// Admits an instrument.
    #[napi]
    pub fn add_instrument(&self, call: u32, name: String, aims: Vec<String>) {
        self.0.call(call, move |registry| async move {
            registry.add_instrument(&name, &aims).await
        });
    }

    /// Adds a POS of a merchant.
    #[napi]
    pub fn add_pos(&self, call: u32, merchant: String, name: String) {
        self.0.call(call, move |registry| async move {
            registry.add_pos(&merchant, &name).await
        });
    }

    /// What was issued, redeemed and spent.
    #[napi]
    pub fn books(&self, call: u32) {
        self.0.call(call, |registry| async move {
            registry.books().await.map(|books| books.total)
        });
    }

    /// Lets nobody answer at the address.
    #[napi]
    pub fn down(&self, call: u32) {
        self.0
            .call(call, |registry| async move { registry.down().await });
    }

    /// Answers again.
    #[napi]
    pub fn up(&self, call: u32) {
        self.0
            .call(call, |registry| async move { registry.up().await });
    }

    /// Stops serving.
    #[napi]
    pub fn close(&self, call: u32) {
        self.0
            .close(call, |registry| async move { registry.close().await });
    }
}
