//! One instrument with everything that it needs.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Error, Kind, Result, Zone,
    claim::{ClaimSink, Claims},
    collector::Collector,
    dispatcher::Dispatcher,
    instrument::Instrument,
    privacy::KeyStore,
    store::Store,
};

/// An instrument: where it awards, by which campaign, and from what.
#[derive(Clone, Debug)]
pub struct Programme {
    pub(crate) name: String,
    title: Option<String>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) collector: Collector,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) zone: Zone,
    pub(crate) sources: Vec<Source>,
    pub(crate) adapters: BTreeMap<String, Settings>,
    pub(crate) sink: Option<Arc<dyn ClaimSink>>,
}

/// A system that calls webhooks or is pulled.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name in `/in/{source}`; it never changes.
    pub name: String,
    /// What reads from it.
    pub adapter: Arc<dyn Instrument>,
    /// How often to pull, where it is pulled.
    pub pull: Option<Duration>,
}

impl Programme {
    /// The instrument of this name, with its campaign in `collector` and its Registry in
    /// `dispatcher`, both over this store and these keys. `zone` is the campaign's.
    pub fn new(
        name: impl Into<String>,
        store: Arc<dyn Store>,
        keys: Arc<dyn KeyStore>,
        collector: Collector,
        dispatcher: Dispatcher,
        zone: Zone,
    ) -> Self {
        Self {
            name: name.into(),
            title: None,
            store,
            keys,
            collector,
            dispatcher,
            zone,
            sources: Vec::new(),
            adapters: BTreeMap::new(),
            sink: None,
        }
    }

    /// Its store, to be closed when it is no longer served.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// What people call it, on the claim page; its name where nothing is said. It may change.
    #[must_use]
    pub fn with_title(self, title: impl Into<String>) -> Self {
        Self {
            title: Some(title.into()),
            ..self
        }
    }

    /// Adds a system that calls webhooks or is pulled.
    #[must_use]
    pub fn with_source(mut self, source: Source) -> Self {
        self.collector = self
            .collector
            .with_source(source.name.clone(), Arc::clone(&source.adapter));
        self.sources.push(source);
        self
    }

    /// Lets callers bring in what this adapter of the catalogue reads, with these settings.
    #[must_use]
    pub fn with_adapter(mut self, name: impl Into<String>, settings: Settings) -> Self {
        self.adapters.insert(name.into(), settings);
        self
    }

    /// Hands claims over to this sink as soon as their codes are good; without one they wait for a tap.
    #[must_use]
    pub fn with_sink(self, sink: Arc<dyn ClaimSink>) -> Self {
        Self {
            sink: Some(sink),
            ..self
        }
    }

    /// The Registry's base address.
    pub(crate) fn registry(&self) -> String {
        self.dispatcher.identity().registry.clone()
    }

    pub(crate) fn claims(&self) -> Claims {
        Claims::new(self.collector.clone(), self.dispatcher.clone())
    }

    /// As [`claims`](Self::claims), waiting no longer than this for a code.
    pub(crate) fn claims_within(&self, patience: Duration) -> Claims {
        let dispatcher = self.dispatcher.clone().with_patience(patience);
        Claims::new(self.collector.clone(), dispatcher)
    }

    /// What people call it.
    pub(crate) fn title(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    /// The adapter of this name with its settings, and with whose recordings they are where the
    /// adapter has to be told.
    pub(crate) fn adapter(
        &self,
        catalog: &Catalog,
        name: &str,
        subject: Option<&str>,
    ) -> Result<Arc<dyn Instrument>> {
        let entry = catalog.adapters().find(|entry| entry.info.name == name);
        let readable = entry.filter(|entry| entry.capabilities.read_file);
        let entry = readable.ok_or_else(|| {
            let names: Vec<_> = catalog
                .adapters()
                .filter(|entry| entry.capabilities.read_file)
                .map(|entry| entry.info.name)
                .collect();
            Error::new(Kind::InputInvalid, "no adapter of this name reads files")
                .with("parameter", "adapter")
                .hint(format!("use one of: {}", names.join(", ")))
        })?;
        let asks = entry
            .settings
            .iter()
            .any(|setting| setting.name == "subject");
        let settings = self.adapters.get(name).cloned().unwrap_or_default();
        let settings = match subject {
            Some(subject) if asks => {
                settings.overridden_by(Settings::from_texts([("subject", subject)]))
            }
            Some(_) => {
                return Err(Error::new(
                    Kind::InputInvalid,
                    "this adapter finds the subjects in what it reads",
                )
                .with("header", "wom-subject")
                .hint("leave the header out"));
            }
            None => settings,
        };
        catalog.instrument(name, &settings)
    }
}
