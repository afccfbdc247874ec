//! Settings of Shopify.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a Shopify shop is reached. Each setting is documented in `docs.md`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShopifyConfig {
    /// The app's client id, where the secrets are its client secrets, and tokens are fetched with them.
    pub client_id: Option<String>,
    /// Whether our codes can be used together with other discounts.
    pub combines: bool,
    /// Accepts plain http to another machine, over which anybody on the way reads the token.
    pub danger_accept_plain_http: bool,
    /// The shop's own address, such as `https://name.myshopify.com`.
    pub endpoint: String,
    /// How long a code for a customer's next order can be used, in days.
    pub fresh_valid_days: u16,
    /// What stands on the receipt.
    pub label: String,
    /// Files with an access token of the Admin API in each, or a client secret.
    pub secret_files: Vec<PathBuf>,
    /// Variables with an access token of the Admin API in each, or a client secret.
    pub secret_variables: Vec<String>,
    /// How long the shop may take for one answer, in seconds.
    pub timeout_seconds: u32,
    /// How long a code can be used, in minutes.
    pub valid_minutes: u32,
    /// The version of the Admin API, by year and month.
    pub version: String,
    /// Files with a client secret of the app in each, which signs webhooks.
    pub webhook_secret_files: Vec<PathBuf>,
    /// Variables with a client secret of the app in each, which signs webhooks.
    pub webhook_secret_variables: Vec<String>,
}

impl Default for ShopifyConfig {
    fn default() -> Self {
        Self {
            client_id: None,
            combines: true,
            danger_accept_plain_http: false,
            endpoint: String::new(),
            fresh_valid_days: 90,
            label: "Sconto WOM".to_owned(),
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            timeout_seconds: 15,
            valid_minutes: 1_440,
            version: "2026-10".to_owned(),
            webhook_secret_files: Vec::new(),
            webhook_secret_variables: Vec::new(),
        }
    }
}
