//! Shops and tills that are written in Python.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use pyo3::prelude::*;
use serde_json::{Value, json};
use wom_catalog::Catalog;
use wom_embed::{HostMerchant, HostedMerchant, MerchantInfo};
use wom_sdk::{
    Result,
    instrument::{Proven, Received, Request},
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::{
    call::Call,
    errors::raise,
    host::{in_python, received},
    values,
};

/// A shop in Python: an object of the face, with `_info`, `_ask`, `_code` and `_receive`.
pub(crate) struct PyMerchant(Py<PyAny>);

impl PyMerchant {
    /// The object as a merchant.
    pub(crate) fn merchant(adapter: &Bound<'_, PyAny>) -> PyResult<HostedMerchant> {
        let info: MerchantInfo = values::read(&adapter.call_method0("_info")?)?;
        let host = Arc::new(Self(adapter.clone().unbind()));
        HostedMerchant::new(&info, host).map_err(|error| raise(&error))
    }
}

impl fmt::Debug for PyMerchant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PyMerchant")
    }
}

impl HostMerchant for PyMerchant {
    fn ask(&self, what: &'static str, with: Value) -> Result<Value> {
        in_python(|py| {
            let with = values::to_py(py, &with)?;
            values::to_value(&self.0.bind(py).call_method1("_ask", (what, with))?)
        })
    }

    fn code(&self, key: &str) -> Result<Option<String>> {
        in_python(|py| self.0.bind(py).call_method1("code", (key,))?.extract())
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        received(&self.0, request)
    }
}

/// The shops and tills of the catalogue, as data.
#[pyfunction]
pub(crate) fn merchants(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let catalog = Catalog::standard();
    let rows = catalog.merchants().map(|entry| {
        let offers = entry.capabilities;
        json!({
            "name": entry.info.name,
            "summary": entry.info.summary,
            "proven": entry.info.proven == Proven::RealSystem,
            "webhook": offers.webhook,
            "orders": offers.orders,
            "apply": offers.apply,
            "revoke": offers.revoke,
            "settings": entry.settings,
        })
    });
    values::to_py(py, &rows.collect())
}

/// Runs the conformance suite with shops that `open` opens and orders that `order` makes; gives
/// topics, and what failed.
#[pyfunction]
pub(crate) fn check_merchant(open: Py<PyAny>, order: Py<PyAny>) -> PyResult<Call> {
    let fixture = Arc::new(PyFixture {
        open,
        order: Arc::new(order),
    });
    Call::data(async move { Ok(wom_embed::conform_merchant(fixture).await) })
}

/// Shops in Python for the conformance suite.
struct PyFixture {
    open: Py<PyAny>,
    order: Arc<Py<PyAny>>,
}

#[async_trait]
impl Fixture for PyFixture {
    fn open(&self) -> Arc<dyn Merchant> {
        let made = in_python(|py| PyMerchant::merchant(&self.open.bind(py).call0()?));
        match made {
            Ok(made) => Arc::new(made),
            // A topic fails by panicking.
            Err(error) => panic!("the adapter cannot be made: {error}"),
        }
    }

    async fn order(&self) -> OrderId {
        let order = Arc::clone(&self.order);
        let made = tokio::task::spawn_blocking(move || {
            in_python(|py| order.bind(py).call0()?.extract::<String>())
        });
        match made.await {
            Ok(Ok(id)) => OrderId(id),
            Ok(Err(error)) => panic!("an order cannot be made: {error}"),
            Err(_) => panic!("making an order ended in a panic"),
        }
    }
}
