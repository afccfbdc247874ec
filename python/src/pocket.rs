//! The wallet.

use std::path::PathBuf;

use pyo3::prelude::*;
use wom_embed as embed;

use crate::{call::Call, errors::raise, here::Here};

/// A wallet in a file.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct Pocket(Here<embed::Pocket>);

/// Opens the wallet in a file, towards a Registry.
#[pyfunction]
pub(crate) fn open_pocket(registry: String, path: PathBuf) -> PyResult<Call> {
    Call::object(async move {
        Ok(Pocket(Here::new(
            "Pocket",
            embed::Pocket::open(&registry, &path)?,
        )))
    })
}

#[pymethods]
impl Pocket {
    fn redeem(&self, link: String, pin: String, place: Option<(f64, f64)>) -> PyResult<Call> {
        let pocket = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { pocket.redeem(&link, &pin, place).await })
    }

    fn pay(&self, link: String, pin: String) -> PyResult<Call> {
        let pocket = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { pocket.pay(&link, &pin).await })
    }

    fn balance(&self) -> PyResult<Call> {
        let pocket = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { pocket.balance() })
    }

    fn close(&self) -> PyResult<Call> {
        let pocket = self.0.take();
        Call::data(async move {
            if let Some(pocket) = pocket {
                pocket.close();
            }
            Ok(())
        })
    }
}
