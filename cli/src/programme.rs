//! What a configuration describes, opened: store, keys, Registry, campaign.

use std::sync::Arc;

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Result, SystemClock, collector::Collector, dispatcher::Dispatcher, privacy::KeyStore,
    rules::RuleSet, store::Store,
};

use crate::config::Config;

/// Everything that awarding needs. Close it at the end.
pub struct Programme {
    /// Remembers awards.
    pub store: Arc<dyn Store>,
    /// Takes activity in.
    pub collector: Collector,
    /// Brings awards to the Registry.
    pub dispatcher: Dispatcher,
    /// Hide who is who.
    pub keys: Arc<dyn KeyStore>,
}

impl Programme {
    /// Opens what the configuration describes.
    pub async fn open(config: Config, catalog: &Catalog) -> Result<Self> {
        let rules = rule_set(&config, catalog)?;
        let issuer = config.profile.issuer()?;
        // First the store: a data base that holds awards takes no keys.
        let store = config.profile.store.open().await?;
        let keys = config.keys.open()?;
        let clock = Arc::new(SystemClock);
        let opened = Dispatcher::open(Arc::clone(&store), issuer, Arc::clone(&keys), clock);
        let dispatcher = opened.await?;
        let collector = Collector::beside(&dispatcher, config.campaign, rules);
        let collector = match config.exact_place {
            true => collector.exact_place(),
            false => collector,
        };
        Ok(Self {
            store,
            collector,
            dispatcher,
            keys,
        })
    }
}

/// The rule set that a configuration names.
pub fn rule_set(config: &Config, catalog: &Catalog) -> Result<Arc<dyn RuleSet>> {
    let settings = Settings::from_table(&config.rule_settings)?;
    catalog.rule_set(&config.rules, &settings)
}
