//! The embedded Registry.

use std::path::PathBuf;

use pyo3::prelude::*;
use wom_embed as embed;

use crate::{call::Call, errors::raise, here::Here};

/// A Registry that serves within this process.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct Registry(Here<embed::Registry>);

/// Starts a Registry.
#[pyfunction]
pub(crate) fn start_registry(
    dir: Option<PathBuf>,
    key_bits: Option<usize>,
    faithful: bool,
) -> PyResult<Call> {
    Call::object(async move {
        let started = embed::Registry::start(dir.as_deref(), key_bits, faithful).await?;
        Ok(Registry(Here::new("Registry", started)))
    })
}

#[pymethods]
impl Registry {
    fn url(&self) -> PyResult<String> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Ok(registry.url().to_owned())
    }

    fn add_instrument(&self, name: String, aims: Vec<String>) -> PyResult<Call> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { registry.add_instrument(&name, &aims).await })
    }

    fn add_pos(&self, merchant: String, name: String) -> PyResult<Call> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { registry.add_pos(&merchant, &name).await })
    }

    fn books(&self) -> PyResult<Call> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { registry.books().await.map(|books| books.total) })
    }

    fn down(&self) -> PyResult<Call> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { registry.down().await })
    }

    fn up(&self) -> PyResult<Call> {
        let registry = self.0.get().map_err(|error| raise(&error))?;
        Call::data(async move { registry.up().await })
    }

    fn close(&self) -> PyResult<Call> {
        let registry = self.0.take();
        Call::data(async move {
            match registry {
                Some(registry) => registry.close().await,
                None => Ok(()),
            }
        })
    }
}
