//! The native half of the Node package `wom-sdk`. Private: `src/*.ts` beside it is the typed face.
//!
//! Every method that has to wait takes the number of a call, and its answer is posted to the face; see
//! `home`. Values cross as JSON; see `text`.

mod cash_desk;
mod client;
mod conformance;
mod held;
mod home;
mod host;
mod log;
mod merchant;
mod minutes;
mod pocket;
mod raised;
mod registry;
mod runtime;
mod shop;
mod text;
mod webhook;

use std::ffi::OsString;

use napi_derive::napi;
use serde_json::{Value, json};
use wom_catalog::Catalog;

pub use webhook::{sign_webhook, verify_webhook};

/// What there is, as JSON: the SDK's version, aims, adapters, merchants, rule sets, schemes of webhooks, and the
/// one table of errors.
#[napi]
pub fn catalogue() -> String {
    let catalog = Catalog::standard();
    let adapters = catalog.adapters().map(|entry| {
        json!({
            "name": entry.info.name,
            "summary": entry.info.summary,
            "rules": entry.info.rules,
            "proven": entry.info.proven == wom_sdk::instrument::Proven::RealSystem,
            "readFile": entry.capabilities.read_file,
            "pull": entry.capabilities.pull,
            "webhook": entry.capabilities.webhook,
            "refresh": entry.capabilities.refresh,
            "withdraws": entry.capabilities.withdraws,
            "settings": entry.settings,
        })
    });
    let merchants = catalog.merchants().map(|entry| {
        let offers = entry.capabilities;
        json!({
            "name": entry.info.name,
            "summary": entry.info.summary,
            "proven": entry.info.proven == wom_sdk::instrument::Proven::RealSystem,
            "webhook": offers.webhook,
            "orders": offers.orders,
            "apply": offers.apply,
            "revoke": offers.revoke,
            "settings": entry.settings,
        })
    });
    let rule_sets = catalog.rules().map(
        |entry| json!({"name": entry.name, "summary": entry.summary, "settings": entry.settings}),
    );
    let aims = wom_sdk::protocol::AIMS.iter();
    let aims = aims.map(|aim| json!({"code": aim.code, "en": aim.en, "it": aim.it}));
    let errors: Vec<_> = wom_embed::ErrorTable::rows().collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "aims": aims.collect::<Vec<Value>>(),
        "adapters": adapters.collect::<Vec<Value>>(),
        "merchants": merchants.collect::<Vec<Value>>(),
        "ruleSets": rule_sets.collect::<Vec<Value>>(),
        "schemes": wom_embed::SCHEMES,
        "errors": errors,
    })
    .to_string()
}

/// Does nothing: what a call across the boundary costs.
#[napi]
pub fn nothing() {}

/// Runs the `wom` program with these arguments, of which the first is its name; gives its exit code.
/// `again` starts it once more: a program, and the arguments before its own.
#[napi]
pub fn run_program(again: Vec<String>, args: Vec<String>) -> u8 {
    let again = again.into_iter().map(OsString::from).collect();
    wom_cli::run_in(again, args.into_iter().map(OsString::from))
}
