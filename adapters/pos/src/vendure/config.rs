//! Settings of Vendure.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a Vendure shop is reached. Each setting is documented in `docs.md`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct VendureConfig {
    /// The token of the channel, in a shop with more than one.
    pub channel: Option<String>,
    /// Accepts plain http to another machine, over which anybody on the way reads the password.
    pub danger_accept_plain_http: bool,
    /// The shop's address; its `admin-api` is below it.
    pub endpoint: String,
    /// How long a code for a customer's next order can be used, in days.
    pub fresh_valid_days: u16,
    /// What stands on the receipt.
    pub label: String,
    /// Files with the administrator's password in each.
    pub secret_files: Vec<PathBuf>,
    /// Variables with the administrator's password in each.
    pub secret_variables: Vec<String>,
    /// The header with a webhook's signature.
    pub signature_header: String,
    /// The administrator's name. It needs the right to read and change orders and promotions.
    pub username: String,
    /// How long a code can be used, in minutes.
    pub valid_minutes: u32,
    /// Files with a secret of the webhooks in each.
    pub webhook_secret_files: Vec<PathBuf>,
    /// Variables with a secret of the webhooks in each.
    pub webhook_secret_variables: Vec<String>,
}

impl Default for VendureConfig {
    fn default() -> Self {
        Self {
            channel: None,
            danger_accept_plain_http: false,
            endpoint: String::new(),
            fresh_valid_days: 90,
            label: "Sconto WOM".to_owned(),
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            signature_header: "x-signature-256".to_owned(),
            username: String::new(),
            valid_minutes: 1_440,
            webhook_secret_files: Vec::new(),
            webhook_secret_variables: Vec::new(),
        }
    }
}
