//! A POS.

use pyo3::prelude::*;
use wom_embed as embed;

use crate::{call::Call, errors::raise, here::Here, values};

/// A POS over its store.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct CashDesk(Here<embed::CashDesk>);

/// Opens a POS with these options.
#[pyfunction]
pub(crate) fn open_cash_desk(options: &Bound<'_, PyAny>) -> PyResult<Call> {
    let options: embed::CashDeskOptions = values::read(options)?;
    Call::object(async move {
        Ok(CashDesk(Here::new(
            "CashDesk",
            embed::CashDesk::open(options).await?,
        )))
    })
}

#[pymethods]
impl CashDesk {
    fn charge(&self, reference: String, charge: &Bound<'_, PyAny>) -> PyResult<Call> {
        let charge: embed::ChargeOptions = values::read(charge)?;
        let desk = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { desk.charge(&reference, &charge).await })
    }

    fn state(&self, reference: String) -> PyResult<Call> {
        let desk = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { desk.state(&reference).await })
    }

    fn wait(&self, reference: String, at_most: f64) -> PyResult<Call> {
        let desk = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { desk.wait(&reference, at_most).await })
    }

    fn cancel(&self, reference: String) -> PyResult<Call> {
        let desk = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { desk.cancel(&reference).await })
    }

    fn work(&self, limit: usize) -> PyResult<Call> {
        let desk = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { desk.work(limit).await })
    }

    fn close(&self) -> PyResult<Call> {
        let desk = self.0.take();
        Call::data(async move {
            match desk {
                Some(desk) => desk.close().await,
                None => Ok(()),
            }
        })
    }
}
