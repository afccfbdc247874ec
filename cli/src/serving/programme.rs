//! An instrument that is served: its sources, its adapters and its sink.

use std::time::Duration;

use wom_catalog::{Catalog, Settings};
use wom_sdk::{Error, Result, campaign::Collect};
use wom_service::{Programme as Served, Source};

use crate::{
    config::{Config, invalid},
    programme::Programme,
};

/// Opens the instrument of this file.
pub(super) async fn programme(mut config: Config, catalog: &Catalog) -> Result<Served> {
    // Without a word about it: people tap, unless a webhook takes the claims away.
    if !config.collect_is_said && config.webhook.is_none() {
        config.campaign.collect = Collect::OnTap;
    }
    let (name, zone) = (config.campaign.name.clone(), config.campaign.zone.clone());
    let at = |error: Error| error.with("instrument", &name);
    let mut sources = Vec::new();
    for (source, table) in std::mem::take(&mut config.sources) {
        let at = |error: Error| at(error).with("source", &source);
        let settings = Settings::from_table(&table.settings)
            .map_err(at)?
            .in_dir(&config.dir);
        let adapter = catalog.instrument(&table.adapter, &settings).map_err(at)?;
        let offers = adapter.capabilities();
        let called = offers.webhook && table.pull_minutes.is_none();
        if !offers.pull && !called {
            return Err(at(invalid(
                "the adapter neither takes webhooks nor can be pulled",
            )
            .with("adapter", &table.adapter)
            .hint("files are brought in through /activities")));
        }
        sources.push(Source {
            name: source.clone(),
            adapter,
            pull: table
                .pull_minutes
                .map(|minutes| Duration::from_secs(u64::from(minutes.max(1)) * 60)),
        });
    }
    let sink = config
        .webhook
        .as_ref()
        .map(|webhook| webhook.sink(&config.dir, &zone).map_err(at))
        .transpose()?;
    let adapters = std::mem::take(&mut config.adapters);
    let title = config.title.take();
    let Programme {
        store,
        collector,
        dispatcher,
        keys,
    } = Programme::open(config, catalog).await.map_err(at)?;
    for source in &sources {
        collector
            .suits(&*source.adapter)
            .map_err(|error| at(error).with("source", &source.name))?;
    }
    let mut served = Served::new(&name, store, keys, collector, dispatcher, zone);
    if let Some(title) = title {
        served = served.with_title(title);
    }
    for source in sources {
        served = served.with_source(source);
    }
    for (adapter, settings) in adapters {
        served = served.with_adapter(adapter, Settings::from_table(&settings)?);
    }
    Ok(match sink {
        Some(sink) => served.with_sink(sink),
        None => served,
    })
}
