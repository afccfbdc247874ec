//! What a configuration describes, opened: store, keys, Registry, campaign.

use std::{path::Path, sync::Arc};

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Result, SystemClock,
    collector::Collector,
    dispatcher::Dispatcher,
    privacy::{FileKeyStore, KeyStore, RootedKeyStore},
    rules::RuleSet,
    store::Store,
};

use crate::config::Config;

/// The variable that holds a root key: without it the key store's file is worth nothing.
const ROOT_KEY: &str = "WOM_ROOT_KEY";

/// Everything that awarding needs. Close it at the end.
pub struct Programme {
    /// Remembers awards.
    pub store: Arc<dyn Store>,
    /// Takes activity in.
    pub collector: Collector,
    /// Brings awards to the Registry.
    pub dispatcher: Dispatcher,
}

impl Programme {
    /// Opens what the configuration describes.
    pub async fn open(config: Config) -> Result<Self> {
        let rules = rule_set(&config)?;
        let keys = key_store(&config.key_store)?;
        let issuer = config.profile.issuer()?;
        let store = config.profile.store.open().await?;
        let clock = Arc::new(SystemClock);
        let identity = issuer.identity().clone();
        let dispatcher =
            Dispatcher::open(Arc::clone(&store), issuer, keys.clone(), clock.clone()).await?;
        let collector = Collector::new(
            Arc::clone(&store),
            keys,
            clock,
            identity,
            config.campaign,
            rules,
        );
        let collector = match config.exact_place {
            true => collector.exact_place(),
            false => collector,
        };
        Ok(Self {
            store,
            collector,
            dispatcher,
        })
    }
}

/// The rule set that a configuration names.
pub fn rule_set(config: &Config) -> Result<Arc<dyn RuleSet>> {
    let settings = Settings::from_table(&config.rule_settings)?;
    Catalog::standard().rule_set(&config.rules, &settings)
}

/// The key store at this path, under the root key from the environment where there is one.
pub fn key_store(path: &Path) -> Result<Arc<dyn KeyStore>> {
    let file = Arc::new(FileKeyStore::open(path)?);
    match std::env::var_os(ROOT_KEY) {
        None => Ok(file),
        Some(_) => Ok(Arc::new(RootedKeyStore::from_env(ROOT_KEY, file)?)),
    }
}
