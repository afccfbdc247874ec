//! A POS.

use napi_derive::napi;
use wom_embed as embed;

use crate::{held::Held, home::Home, text::read};

/// A POS over its store.
#[derive(Debug)]
#[napi]
pub struct CashDesk(Held<embed::CashDesk>);

#[napi]
impl CashDesk {
    /// One that is not open yet.
    #[napi(constructor)]
    pub fn new(home: &Home) -> Self {
        Self(Held::new(home, "CashDesk"))
    }

    /// Opens it with these options.
    #[napi]
    pub fn open(&self, call: u32, options: String) {
        self.0.open(
            call,
            async move { embed::CashDesk::open(read(&options)?).await },
        );
    }

    /// Asks for a payment.
    #[napi]
    pub fn charge(&self, call: u32, reference: String, charge: String) {
        self.0.call(call, move |desk| async move {
            desk.charge(&reference, &read(&charge)?).await
        });
    }

    /// How a checkout stands.
    #[napi]
    pub fn state(&self, call: u32, reference: String) {
        self.0.call(
            call,
            move |desk| async move { desk.state(&reference).await },
        );
    }

    /// Waits until a checkout is decided, at most so many seconds.
    #[napi]
    pub fn wait(&self, call: u32, reference: String, at_most: f64) {
        self.0.call(call, move |desk| async move {
            desk.wait(&reference, at_most).await
        });
    }

    /// Calls a checkout off.
    #[napi]
    pub fn cancel(&self, call: u32, reference: String) {
        self.0.call(
            call,
            move |desk| async move { desk.cancel(&reference).await },
        );
    }

    /// Looks after checkouts that are due.
    #[napi]
    pub fn work(&self, call: u32, limit: u32) {
        self.0.call(call, move |desk| async move {
            desk.work(usize::try_from(limit).unwrap_or(usize::MAX))
                .await
        });
    }

    /// Closes the store.
    #[napi]
    pub fn close(&self, call: u32) {
        self.0.close(call, |desk| async move { desk.close().await });
    }
}
