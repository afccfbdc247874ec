//! A shop.

use std::sync::Arc;

use pyo3::{prelude::*, types::PyString};
use wom_embed as embed;
use wom_sdk::{Clock as _, SystemClock, instrument::Request, merchant::Merchant, sale::Language};

use crate::{
    call::{Answer, Call},
    client::reply,
    errors::raise,
    here::Here,
    merchant::PyMerchant,
    values,
};

/// A shop over its store.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct Shop(Here<embed::Shop>);

/// Opens a shop with these options, and with a system of its own in Python where one is given.
#[pyfunction]
pub(crate) fn open_shop(
    options: &Bound<'_, PyAny>,
    merchant: Option<&Bound<'_, PyAny>>,
) -> PyResult<Call> {
    let options: embed::ShopOptions = values::read(options)?;
    let own = merchant.map(PyMerchant::merchant).transpose()?;
    let own = own.map(|own| Arc::new(own) as Arc<dyn Merchant>);
    Call::object(async move {
        let shop = embed::Shop::open(options, own).await?;
        Ok(Shop(Here::new("Shop", shop)))
    })
}

impl Shop {
    fn open(&self) -> PyResult<Arc<embed::Shop>> {
        self.0.get().map_err(|error| raise(&error))
    }
}

#[pymethods]
impl Shop {
    fn offer(&self, order: String, offer: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.offer(&order, &offer).await })
    }

    fn wait(&self, sale: String, at_most: f64) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.wait(&sale, at_most).await })
    }

    fn sale(&self, sale: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.sale(&sale).await })
    }

    fn sales_of(&self, order: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.sales_of(&order).await })
    }

    fn sales(&self, which: String, after: Option<String>, limit: usize) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.sales(&which, after.as_deref(), limit).await })
    }

    fn call_off(&self, sale: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.call_off(&sale).await })
    }

    fn cancel(&self, order: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.cancel(&order).await })
    }

    fn confirm(&self, sale: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.confirm(&sale).await })
    }

    fn resolve(&self, sale: String, decision: &Bound<'_, PyAny>) -> PyResult<Call> {
        let decision: embed::Resolve = values::read(decision)?;
        let shop = self.open()?;
        Call::data(async move { shop.resolve(&sale, &decision).await })
    }

    fn grant(&self, sale: String, note: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.grant(&sale, &note).await })
    }

    fn replace(&self, sale: String, order: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.replace(&sale, &order).await })
    }

    fn changed(&self, order: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.changed(&order).await })
    }

    /// Takes a webhook call, and gives status, headers and body of the answer.
    fn receive(
        &self,
        method: String,
        query: String,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> PyResult<Call> {
        let shop = self.open()?;
        Call::begin(async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect();
            let request = Request {
                method: &method,
                query: &query,
                headers: &headers,
                body: &body,
                received_at: SystemClock.now(),
            };
            let answer = shop.receive(&request).await?;
            Ok(Box::new(move |py: Python<'_>| reply(py, answer)) as Answer)
        })
    }

    fn print(&self, poster: String, offer: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.print(&poster, &offer).await })
    }

    fn posters(&self) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.posters().await })
    }

    fn unclaimed(&self, poster: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.unclaimed(&poster).await })
    }

    fn take(&self, poster: String, order: String, chosen: Option<String>) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.take(&poster, &order, chosen.as_deref()).await })
    }

    fn end(&self, poster: String) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.end(&poster).await })
    }

    fn receipt(&self, sale: String, language: &Bound<'_, PyString>) -> PyResult<Call> {
        let language: Language = values::read(language)?;
        let shop = self.open()?;
        Call::data(async move { shop.receipt(&sale, language).await })
    }

    fn report(&self, of: &Bound<'_, PyAny>) -> PyResult<Call> {
        let of: embed::ReportOptions = values::read(of)?;
        let shop = self.open()?;
        Call::data(async move { shop.report(&of).await })
    }

    fn work(&self, limit: usize) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.work(limit).await })
    }

    /// Works until the shop is closed.
    fn run(&self) -> PyResult<Call> {
        let shop = self.open()?;
        Call::data(async move { shop.run().await })
    }

    fn close(&self) -> PyResult<Call> {
        let shop = self.0.take();
        Call::data(async move {
            match shop {
                Some(shop) => shop.close().await,
                None => Ok(()),
            }
        })
    }
}
