//! A shop.

use std::sync::Arc;

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use wom_embed as embed;
use wom_sdk::{Result, merchant::Merchant};

use crate::{
    held::Held,
    home::{Home, Thread},
    merchant::Told,
    text::read,
    webhook::{Arrived, Replied, pairs},
};

/// A shop over its store.
#[derive(Debug)]
#[napi]
pub struct Shop(Held<embed::Shop>);

fn own(told: &str, thread: &Arc<Thread>) -> Result<Arc<dyn Merchant>> {
    Ok(Arc::new(read::<Told>(told)?.merchant(thread)?))
}

#[napi]
impl Shop {
    /// One that is not open yet.
    #[napi(constructor)]
    pub fn new(home: &Home) -> Self {
        Self(Held::new(home, "Shop"))
    }

    /// Opens it with these options, and with a system of its own in JavaScript where one is given.
    #[napi]
    pub fn open(&self, call: u32, options: String, merchant: Option<String>) {
        let thread = Arc::clone(&self.0.thread);
        self.0.open(call, async move {
            let own = match merchant {
                Some(told) => Some(own(&told, &thread)?),
                None => None,
            };
            embed::Shop::open(read(&options)?, own).await
        });
    }

    /// Offers a discount on an order.
    #[napi]
    pub fn offer(&self, call: u32, order: String, offer: String) {
        self.0.call(
            call,
            move |shop| async move { shop.offer(&order, &offer).await },
        );
    }

    /// Waits until a discount is on the order or somebody has to decide, at most so many seconds.
    #[napi]
    pub fn wait(&self, call: u32, sale: String, at_most: f64) {
        self.0.call(
            call,
            move |shop| async move { shop.wait(&sale, at_most).await },
        );
    }

    /// A sale as it stands.
    #[napi]
    pub fn sale(&self, call: u32, sale: String) {
        self.0
            .call(call, move |shop| async move { shop.sale(&sale).await });
    }

    /// All sales of an order.
    #[napi]
    pub fn sales_of(&self, call: u32, order: String) {
        self.0
            .call(call, move |shop| async move { shop.sales_of(&order).await });
    }

    /// Sales by id.
    #[napi]
    pub fn sales(&self, call: u32, which: String, after: Option<String>, limit: u32) {
        self.0.call(call, move |shop| async move {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            shop.sales(&which, after.as_deref(), limit).await
        });
    }

    /// Calls an offer off.
    #[napi]
    pub fn call_off(&self, call: u32, sale: String) {
        self.0
            .call(call, move |shop| async move { shop.call_off(&sale).await });
    }

    /// The shop cancelled or replaced an order.
    #[napi]
    pub fn cancel(&self, call: u32, order: String) {
        self.0
            .call(call, move |shop| async move { shop.cancel(&order).await });
    }

    /// The cashier has typed the discount in.
    #[napi]
    pub fn confirm(&self, call: u32, sale: String) {
        self.0
            .call(call, move |shop| async move { shop.confirm(&sale).await });
    }

    /// A person decides about a sale.
    #[napi]
    pub fn resolve(&self, call: u32, sale: String, decision: String) {
        self.0.call(call, move |shop| async move {
            shop.resolve(&sale, &read(&decision)?).await
        });
    }

    /// Gives a fresh code for a payment that came too late.
    #[napi]
    pub fn grant(&self, call: u32, sale: String, note: String) {
        self.0.call(
            call,
            move |shop| async move { shop.grant(&sale, &note).await },
        );
    }

    /// Gives the discount of a late payment on another order.
    #[napi]
    pub fn replace(&self, call: u32, sale: String, order: String) {
        self.0.call(call, move |shop| async move {
            shop.replace(&sale, &order).await
        });
    }

    /// The shop says that an order changed.
    #[napi]
    pub fn changed(&self, call: u32, order: String) {
        self.0
            .call(call, move |shop| async move { shop.changed(&order).await });
    }

    /// Takes a webhook call of the shop's system.
    #[napi]
    pub fn receive(
        &self,
        call: u32,
        method: String,
        query: String,
        headers: String,
        body: Uint8Array,
    ) {
        let arrived = Arrived::new(method, query, headers, &body);
        self.0.call(call, move |shop| async move {
            let headers = arrived.headers()?;
            let headers = pairs(&headers);
            let reply = shop.receive(&arrived.request(&headers)).await?;
            Ok(Replied::from(reply))
        });
    }

    /// Makes a poster for an offer.
    #[napi]
    pub fn print(&self, call: u32, poster: String, offer: String) {
        self.0.call(call, move |shop| async move {
            shop.print(&poster, &offer).await
        });
    }

    /// All posters.
    #[napi]
    pub fn posters(&self, call: u32) {
        self.0
            .call(call, move |shop| async move { shop.posters().await });
    }

    /// Payments of a poster that no cashier has taken yet.
    #[napi]
    pub fn unclaimed(&self, call: u32, poster: String) {
        self.0.call(
            call,
            move |shop| async move { shop.unclaimed(&poster).await },
        );
    }

    /// Takes a payment of a poster for an order.
    #[napi]
    pub fn take(&self, call: u32, poster: String, order: String, chosen: Option<String>) {
        self.0.call(call, move |shop| async move {
            shop.take(&poster, &order, chosen.as_deref()).await
        });
    }

    /// Ends a poster's offer.
    #[napi]
    pub fn end(&self, call: u32, poster: String) {
        self.0
            .call(call, move |shop| async move { shop.end(&poster).await });
    }

    /// The line for the receipt, in this language.
    #[napi]
    pub fn receipt(&self, call: u32, sale: String, language: String) {
        self.0.call(call, move |shop| async move {
            shop.receipt(&sale, wom_embed::read(language.into())?).await
        });
    }

    /// The report.
    #[napi]
    pub fn report(&self, call: u32, of: String) {
        self.0.call(
            call,
            move |shop| async move { shop.report(&read(&of)?).await },
        );
    }

    /// One round of the work that nobody asks for.
    #[napi]
    pub fn work(&self, call: u32, limit: u32) {
        self.0.call(call, move |shop| async move {
            shop.work(usize::try_from(limit).unwrap_or(usize::MAX))
                .await
        });
    }

    /// Works until the shop is closed.
    #[napi]
    pub fn run(&self, call: u32) {
        self.0
            .call(call, move |shop| async move { shop.run().await });
    }

    /// Ends the work in the background, and closes the store.
    #[napi]
    pub fn close(&self, call: u32) {
        self.0.close(call, |shop| async move { shop.close().await });
    }
}
