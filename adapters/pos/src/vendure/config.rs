//! The settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wom_sdk::{Error, Kind};

/// Settings of [`Vendure`](crate::Vendure). `address`, `username` and a password are needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct VendureConfig {
    /// The address of the shop's server, such as `https://shop.example.org`.
    pub address: String,
    /// Below the address, where staff is served. Default `admin-api`.
    pub admin_path: String,
    /// Whether an order that is paid gets the discount too, by a refund that staff has to settle.
    /// Default `true`.
    pub change_paid: bool,
    /// What every code begins with: 1 to 16 capitals, digits and hyphens. It never changes: by it the
    /// discounts of WOM are known from others. Default `WOM-`.
    pub code_prefix: String,
    /// For how many hours a code can be used, 1 to 8760. Default 48.
    pub code_hours: u32,
    /// Whether plain http to another machine is accepted, over which anybody on the way can read the
    /// password and orders. Default `false`.
    pub danger_accept_plain_http: bool,
    /// Files with the staff member's password in each. While it changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with the staff member's password in each.
    pub secret_variables: Vec<String>,
    /// What stands on the receipt, 1 to 100 characters. Default `Sconto WOM`.
    pub text: String,
    /// The staff member by whose rights it is done.
    pub username: String,
    /// The header with a webhook's signature. Default `X-Signature-256`.
    pub webhook_header: String,
    /// Files with the webhook's secret in each. Without any every call is refused.
    pub webhook_secret_files: Vec<PathBuf>,
    /// Variables of the environment with the webhook's secret in each.
    pub webhook_secret_variables: Vec<String>,
}

impl Default for VendureConfig {
    fn default() -> Self {
        Self {
            address: String::new(),
            admin_path: "admin-api".to_owned(),
            change_paid: true,
            code_prefix: "WOM-".to_owned(),
            code_hours: 48,
            danger_accept_plain_http: false,
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            text: "Sconto WOM".to_owned(),
            username: String::new(),
            webhook_header: "X-Signature-256".to_owned(),
            webhook_secret_files: Vec::new(),
            webhook_secret_variables: Vec::new(),
        }
    }
}

/// A setting that is not of its form.
pub(super) fn wrong(setting: &'static str, form: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, "a setting is not of its form")
        .with("setting", setting)
        .hint(form)
}
