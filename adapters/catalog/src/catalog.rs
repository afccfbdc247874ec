//! The catalogue itself.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::de::DeserializeOwned;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Capabilities, Info, Instrument},
    merchant::Merchant,
    rules::RuleSet,
};

use crate::{
    MerchantEntry, Setting, Settings,
    merchants::standard_merchants,
    settings::offer,
    standard::{standard_adapters, standard_rules},
};

/// Adapters, merchants and rule sets by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    adapters: BTreeMap<&'static str, Entry>,
    merchants: BTreeMap<&'static str, MerchantEntry>,
    rules: BTreeMap<&'static str, RulesEntry>,
}

impl Catalog {
    /// A catalogue of nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The adapters, merchants and rule sets that come with the SDK.
    pub fn standard() -> Self {
        let by_name = |entry: Entry| (entry.info.name, entry);
        let merchant_by_name = |entry: MerchantEntry| (entry.info.name, entry);
        let rules_by_name = |entry: RulesEntry| (entry.name, entry);
        Self {
            adapters: standard_adapters().into_iter().map(by_name).collect(),
            merchants: standard_merchants()
                .into_iter()
                .map(merchant_by_name)
                .collect(),
            rules: standard_rules().into_iter().map(rules_by_name).collect(),
        }
    }

    /// Adds an adapter.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the name is taken.
    pub fn register(&mut self, entry: Entry) -> Result<()> {
        let name = entry.info.name;
        if self.adapters.contains_key(name) {
            return Err(taken(name));
        }
        self.adapters.insert(name, entry);
        Ok(())
    }

    /// Adds a shop's or till's adapter.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the name is taken.
    pub fn register_merchant(&mut self, entry: MerchantEntry) -> Result<()> {
        let name = entry.info.name;
        if self.merchants.contains_key(name) {
            return Err(taken(name));
        }
        self.merchants.insert(name, entry);
        Ok(())
    }

    /// Adds a rule set.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the name is taken.
    pub fn register_rules(&mut self, entry: RulesEntry) -> Result<()> {
        let name = entry.name;
        if self.rules.contains_key(name) {
            return Err(taken(name));
        }
        self.rules.insert(name, entry);
        Ok(())
    }

    /// The adapters, by name.
    pub fn adapters(&self) -> impl Iterator<Item = &Entry> {
        self.adapters.values()
    }

    /// The shops and tills that need no embedder, by name.
    pub fn merchants(&self) -> impl Iterator<Item = &MerchantEntry> {
        self.merchants.values()
    }

    /// The rule sets, by name.
    pub fn rules(&self) -> impl Iterator<Item = &RulesEntry> {
        self.rules.values()
    }

    /// The adapter of this name, with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if there is no such adapter or a setting does not fit; the
    /// hint names what there is.
    pub fn instrument(&self, name: &str, settings: &Settings) -> Result<Arc<dyn Instrument>> {
        let entry = self.adapters.get(name).ok_or_else(|| {
            missing("no such adapter", "adapter", name)
                .hint(offer(name, self.adapters.keys().copied()))
        })?;
        (entry.make)(settings, &entry.settings)
    }

    /// The shop or till of this name, with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if there is none of that name or a setting does not fit; the
    /// hint names what there is.
    pub fn merchant(&self, name: &str, settings: &Settings) -> Result<Arc<dyn Merchant>> {
        let entry = self.merchants.get(name).ok_or_else(|| {
            missing("no such merchant adapter", "adapter", name)
                .hint(offer(name, self.merchants.keys().copied()))
        })?;
        (entry.make)(settings, &entry.settings)
    }

    /// The rule set of this name, with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if there is no such rule set or a setting does not fit; the
    /// hint names what there is.
    pub fn rule_set(&self, name: &str, settings: &Settings) -> Result<Arc<dyn RuleSet>> {
        let entry = self.rules.get(name).ok_or_else(|| {
            missing("no such rule set", "rules", name).hint(offer(name, self.rules.keys().copied()))
        })?;
        (entry.make)(settings, &entry.settings)
    }
}

pub(crate) type Make<T> = Arc<dyn Fn(&Settings, &[Setting]) -> Result<Arc<T>> + Send + Sync>;

/// An adapter in the catalogue.
#[derive(Clone)]
pub struct Entry {
    /// What it is.
    pub info: Info,
    /// What it offers.
    pub capabilities: Capabilities,
    /// What it can be told.
    pub settings: Vec<Setting>,
    make: Make<dyn Instrument>,
}

impl Entry {
    /// An adapter whose settings are a `C`, made by `make`.
    ///
    /// `settings` must name what `C` takes; a name that is not there is refused before `C` sees
    /// it.
    pub fn new<C: DeserializeOwned + 'static>(
        info: Info,
        capabilities: Capabilities,
        settings: Vec<Setting>,
        make: impl Fn(C) -> Result<Arc<dyn Instrument>> + Send + Sync + 'static,
    ) -> Self {
        let name = info.name;
        Self {
            info,
            capabilities,
            settings,
            make: Arc::new(move |settings, known| make(settings.resolve(name, known)?)),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({})", self.info.name)
    }
}

/// A rule set in the catalogue.
#[derive(Clone)]
pub struct RulesEntry {
    /// Name and version, such as `active-minutes/1`.
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// What it can be told.
    pub settings: Vec<Setting>,
    make: Make<dyn RuleSet>,
}

impl RulesEntry {
    /// A rule set whose settings are a `C`, made by `make`.
    pub fn new<C: DeserializeOwned + 'static>(
        name: &'static str,
        summary: &'static str,
        settings: Vec<Setting>,
        make: impl Fn(C) -> Result<Arc<dyn RuleSet>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            summary,
            settings,
            make: Arc::new(move |settings, known| make(settings.resolve(name, known)?)),
        }
    }
}

impl fmt::Debug for RulesEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RulesEntry({})", self.name)
    }
}

fn taken(name: &'static str) -> Error {
    Error::new(Kind::ConfigurationInvalid, "the name is taken")
        .with("name", name)
        .hint("put a word of your own before the dot")
}

fn missing(message: &'static str, what: &'static str, name: &str) -> Error {
    Error::new(Kind::ConfigurationInvalid, message).with(what, name.escape_default())
}
