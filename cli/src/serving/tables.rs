//! The tables of `wom.toml` that say what is served, as they are written.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use wom_sdk::{Result, Zone, webhook::Scheme};
use wom_service::Tills;
use wom_sinks::WebhookSink;

use crate::config::Settings;

/// `[service]`: where to listen, and who may call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceTable {
    #[serde(default = "listen")]
    pub(super) listen: SocketAddr,
    pub(super) public_url: Option<String>,
    #[serde(default = "tokens")]
    pub(super) tokens: PathBuf,
    #[serde(default)]
    pub(super) programmes: Vec<PathBuf>,
    #[serde(default)]
    pub(super) danger_listen_beyond_loopback: bool,
}

/// `[sources.NAME]`: a system that calls `/in/NAME` or is pulled.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceTable {
    pub(super) adapter: String,
    pub(super) pull_minutes: Option<u32>,
    /// The adapter's own.
    #[serde(flatten)]
    pub(super) settings: Settings,
}

/// A webhook of ours, signed as Standard Webhooks has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTable {
    url: String,
    secret_files: Vec<PathBuf>,
    #[serde(default)]
    danger_allow_private: Vec<String>,
}

/// `[pos]`: the POS of a list, over one store.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PosTable {
    pub(super) registry: String,
    pub(super) registry_fingerprint: Option<String>,
    pub(super) list: PathBuf,
    pub(super) store: Option<PathBuf>,
    pub(super) database_url_file: Option<PathBuf>,
    pub(super) schema: Option<String>,
    #[serde(default = "looks")]
    pub(super) looks_per_second: u32,
    pub(super) webhook: Option<WebhookTable>,
}

impl PosTable {
    /// What a file would say of one POS that no list names.
    pub(super) fn one(registry: String, store: PathBuf) -> Self {
        Self {
            registry,
            registry_fingerprint: None,
            list: PathBuf::new(),
            store: Some(store),
            database_url_file: None,
            schema: None,
            looks_per_second: looks(),
            webhook: None,
        }
    }
}

impl WebhookTable {
    /// The sink that this webhook is.
    pub(super) fn sink(&self, dir: &Path, zone: &Zone) -> Result<Arc<WebhookSink>> {
        let mut options = WebhookSink::options(&self.url).in_zone(zone.clone());
        for file in &self.secret_files {
            options = options.secret(Scheme::StandardWebhooks.secret_from_file(dir.join(file))?);
        }
        for host in &self.danger_allow_private {
            options = options.danger_allow_private(host);
        }
        options.build().map(Arc::new)
    }
}

pub(super) fn listen() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 8480))
}

pub(super) fn tokens() -> PathBuf {
    PathBuf::from("wom-tokens.json")
}

fn looks() -> u32 {
    Tills::RATE.per_second
}
