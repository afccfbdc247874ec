//! A wallet.

use std::path::PathBuf;

use napi_derive::napi;
use wom_embed as embed;

use crate::{held::Held, home::Home};

/// A wallet in a file, towards one Registry.
#[derive(Debug)]
#[napi]
pub struct Pocket(Held<embed::Pocket>);

#[napi]
impl Pocket {
    /// One that is not open yet.
    #[napi(constructor)]
    pub fn new(home: &Home) -> Self {
        Self(Held::new(home, "Pocket"))
    }

    /// Opens the wallet in this file.
    #[napi]
    pub fn open(&self, call: u32, registry: String, path: String) {
        self.0.open(call, async move {
            embed::Pocket::open(&registry, &PathBuf::from(path))
        });
    }

    /// Takes the vouchers of a code.
    #[napi]
    pub fn redeem(&self, call: u32, link: String, pin: String, place: Option<(f64, f64)>) {
        self.0.call(call, move |pocket| async move {
            pocket.redeem(&link, &pin, place).await
        });
    }

    /// Pays.
    #[napi]
    pub fn pay(&self, call: u32, link: String, pin: String) {
        self.0.call(
            call,
            move |pocket| async move { pocket.pay(&link, &pin).await },
        );
    }

    /// How many vouchers can be spent, by the code of their aim.
    #[napi]
    pub fn balance(&self, call: u32) {
        self.0
            .call(call, move |pocket| async move { pocket.balance() });
    }

    /// Closes the wallet.
    #[napi]
    pub fn close(&self, call: u32) {
        self.0.close(call, |pocket| async move {
            pocket.close();
            Ok(())
        });
    }
}
