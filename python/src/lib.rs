//! The native half of the Python package `wom-sdk`. Private: `wom_sdk` is the typed face of it.
//!
//! Every method that has to wait answers with a `Call` at once; the face waits for it,
//! or bridges it to asyncio. So there is one method for both faces, and no thread per call.

mod call;
mod cash_desk;
mod client;
mod errors;
mod here;
mod host;
mod log;
mod merchant;
mod minutes;
mod pocket;
mod registry;
mod runtime;
mod shop;
mod values;
mod webhook;

use std::ffi::OsString;

use pyo3::prelude::*;
use serde_json::json;
use wom_catalog::Catalog;

/// The version of the SDK.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Rows of the one table of errors: code, retry advice, meaning.
#[pyfunction]
fn error_table() -> Vec<(&'static str, &'static str, &'static str)> {
    wom_embed::ErrorTable::rows().collect()
}

/// The adapters of the catalogue, as data.
#[pyfunction]
fn adapters(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let catalog = Catalog::standard();
    let rows = catalog.adapters().map(|entry| {
        json!({
            "name": entry.info.name,
            "summary": entry.info.summary,
            "rules": entry.info.rules,
            "proven": entry.info.proven == wom_sdk::instrument::Proven::RealSystem,
            "read_file": entry.capabilities.read_file,
            "pull": entry.capabilities.pull,
            "webhook": entry.capabilities.webhook,
            "refresh": entry.capabilities.refresh,
            "withdraws": entry.capabilities.withdraws,
            "settings": entry.settings,
        })
    });
    values::to_py(py, &rows.collect())
}

/// The rule sets of the catalogue, as data.
#[pyfunction]
fn rule_sets(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let catalog = Catalog::standard();
    let rows = catalog.rules().map(
        |entry| json!({"name": entry.name, "summary": entry.summary, "settings": entry.settings}),
    );
    values::to_py(py, &rows.collect())
}

/// Runs the `wom` program with these arguments, of which the first is its name. `again` starts it once
/// more: a program, and the arguments before its own.
#[pyfunction]
fn run_program(py: Python<'_>, again: Vec<OsString>, args: Vec<OsString>) -> u8 {
    py.detach(|| wom_cli::run_in(again, args))
}

/// Does nothing: what a call across the boundary costs.
#[pyfunction]
fn nothing() {}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    log::listen();
    module.add("VERSION", VERSION)?;
    let aims = wom_sdk::protocol::AIMS.iter();
    let aims: Vec<_> = aims.map(|aim| (aim.code, aim.en, aim.it)).collect();
    module.add("AIMS", aims)?;
    module.add("SCHEMES", wom_embed::SCHEMES.to_vec())?;
    module.add_class::<call::Call>()?;
    module.add_class::<cash_desk::CashDesk>()?;
    module.add_class::<client::Client>()?;
    module.add_class::<pocket::Pocket>()?;
    module.add_class::<registry::Registry>()?;
    module.add_class::<shop::Shop>()?;
    for function in [
        wrap_pyfunction!(adapters, module)?,
        wrap_pyfunction!(error_table, module)?,
        wrap_pyfunction!(host::check_instrument, module)?,
        wrap_pyfunction!(merchant::check_merchant, module)?,
        wrap_pyfunction!(merchant::merchants, module)?,
        wrap_pyfunction!(nothing, module)?,
        wrap_pyfunction!(rule_sets, module)?,
        wrap_pyfunction!(run_program, module)?,
        wrap_pyfunction!(cash_desk::open_cash_desk, module)?,
        wrap_pyfunction!(client::open_client, module)?,
        wrap_pyfunction!(pocket::open_pocket, module)?,
        wrap_pyfunction!(registry::start_registry, module)?,
        wrap_pyfunction!(runtime::shut_down, module)?,
        wrap_pyfunction!(shop::open_shop, module)?,
        wrap_pyfunction!(webhook::sign_webhook, module)?,
        wrap_pyfunction!(webhook::verify_webhook, module)?,
    ] {
        module.add_function(function)?;
    }
    let atexit = module.py().import("atexit")?;
    atexit.call_method1("register", (module.getattr("shut_down")?,))?;
    Ok(())
}
