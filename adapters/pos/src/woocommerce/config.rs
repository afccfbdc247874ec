//! Settings of WooCommerce.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a WooCommerce shop is reached. Each setting is documented in `docs.md`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct WooCommerceConfig {
    /// Accepts plain http to another machine, over which anybody on the way reads the key.
    pub danger_accept_plain_http: bool,
    /// The shop's address; its `wp-json` is below it.
    pub endpoint: String,
    /// How long a code for a customer's next order can be used, in days.
    pub fresh_valid_days: u16,
    /// Whether a cart takes no other coupon beside ours.
    pub individual_use: bool,
    /// What stands in a coupon's description, which staff reads.
    pub label: String,
    /// Files with a key of the REST API in each, written `ck_…:cs_…`. It needs to read and write.
    pub secret_files: Vec<PathBuf>,
    /// Variables with a key of the REST API in each.
    pub secret_variables: Vec<String>,
    /// How long the shop may take for one answer, in seconds.
    pub timeout_seconds: u32,
    /// How long a code can be used, in minutes.
    pub valid_minutes: u32,
    /// Files with a secret of the webhooks in each.
    pub webhook_secret_files: Vec<PathBuf>,
    /// Variables with a secret of the webhooks in each.
    pub webhook_secret_variables: Vec<String>,
}

impl Default for WooCommerceConfig {
    fn default() -> Self {
        Self {
            danger_accept_plain_http: false,
            endpoint: String::new(),
            fresh_valid_days: 90,
            individual_use: false,
            label: "Sconto WOM".to_owned(),
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            timeout_seconds: 15,
            valid_minutes: 1_440,
            webhook_secret_files: Vec::new(),
            webhook_secret_variables: Vec::new(),
        }
    }
}
