//! `[shops.NAME]` of `wom.toml`: which till system, which POS, which offers.

mod fields;
mod offers;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::Deserialize;
use wom_catalog::{Catalog, Settings, offer as meant};
use wom_sdk::{
    Error, Result, Zone,
    merchant::{Merchant, Offer},
    sale::{Language, Rules},
    store::Store,
};
use wom_service::{Connection, Currency, ServedShop, Shops, Tills};

pub use self::offers::offer_of;
use self::{fields::Fields, offers::offer};
use crate::{config::invalid, serving::ONE};

/// `[shops.NAME]`, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub struct ShopTable(toml::Table);

/// A shop that is read and checked, and waits for its POS.
#[derive(Debug)]
pub struct Shop {
    name: String,
    pos: String,
    merchant: Arc<dyn Merchant>,
    title: Option<String>,
    currency: Currency,
    language: Option<Language>,
    zone: Zone,
    rules: Rules,
    offers: BTreeMap<String, Offer>,
}

const FIELDS: [&str; 8] = [
    "currency", "language", "merchant", "offers", "pos", "rules", "title", "zone",
];
const RULES: [&str; 5] = ["floor", "late", "per_order", "stacking", "take_within_ms"];

impl Shop {
    /// Reads what the file says of a shop. Paths start from this folder.
    pub fn read(name: &str, table: &ShopTable, dir: &Path, catalog: &Catalog) -> Result<Self> {
        let mut table = Fields::new(format!("shops.{name}"), table.0.clone());
        let pos = table.needed("pos", "name one of the POS in the list of [pos]")?;
        let kind: String = table.needed(
            "merchant",
            "such as pos.manual, a till without a connection",
        )?;
        let (title, language) = (table.title()?, table.taken("language")?);
        let code: Option<String> = table.taken("currency")?;
        let currency = Currency::new(code.as_deref().unwrap_or("EUR"));
        let currency = currency.map_err(|error| table.at(error))?;
        let zone: Option<String> = table.taken("zone")?;
        let zone = zone.map_or(Ok(here()), |zone| zone.parse());
        let zone = zone.map_err(|error| table.of("zone", error))?;
        let rules = table.below("rules")?.map_or(Ok(Rules::default()), rules)?;
        let mut offers = BTreeMap::new();
        if let Some(mut table) = table.below("offers")? {
            for name in table.names() {
                let found = table.below(&name)?.map(|fields| offer(fields, currency));
                offers.extend(found.transpose()?.map(|offer| (name, offer)));
            }
        }
        let merchant = merchant(&kind, &table, dir, catalog)?;
        Ok(Self {
            name: name.to_owned(),
            pos,
            merchant,
            title,
            currency,
            language,
            zone,
            rules,
            offers,
        })
    }

    /// A shop with a till that a person works, over the POS that no list names.
    pub fn by_hand(
        title: String,
        currency: Currency,
        offers: Vec<Offer>,
        catalog: &Catalog,
    ) -> Result<Self> {
        // Numbered, so that they stay in this order.
        let named = |(index, offer)| (format!("{:02}", index + 1), offer);
        Ok(Self {
            name: ONE.to_owned(),
            pos: ONE.to_owned(),
            merchant: catalog.merchant("pos.manual", &Settings::none())?,
            title: Some(title),
            currency,
            language: None,
            zone: here(),
            rules: Rules::default(),
            offers: offers.into_iter().enumerate().map(named).collect(),
        })
    }

    fn served(&self, tills: &Tills, connection: &Connection) -> Result<ServedShop> {
        let at = |error: Error| error.with("table", format!("shops.{}", self.name));
        let desk = tills.desk(&self.pos).ok_or_else(|| {
            at(invalid("there is no POS of this name")
                .with("field", "pos")
                .with("pos", self.pos.escape_default())
                .hint(format!(
                    "name one of the list of [pos]; {}",
                    meant(&self.pos, tills.names())
                )))
        })?;
        let mut served = ServedShop::new(
            &self.name,
            &self.pos,
            desk.clone(),
            Arc::clone(&self.merchant),
            self.rules.clone(),
            self.currency,
        )
        .map_err(at)?
        .with_zone(self.zone.clone())
        .with_connection(connection.clone());
        if let Some(title) = &self.title {
            served = served.with_title(title);
        }
        if let Some(language) = self.language {
            served = served.with_language(language);
        }
        for (name, offer) in &self.offers {
            served = served.with_offer(name, offer.clone()).map_err(at)?;
        }
        Ok(served)
    }
}

/// These shops, over the POS that are served. The connection is that of all of these.
pub fn serve(
    shops: &[Shop],
    store: &Arc<dyn Store>,
    tills: &Tills,
    connection: &Connection,
) -> Result<Shops> {
    let served: Result<Vec<_>> = shops
        .iter()
        .map(|shop| shop.served(tills, connection))
        .collect();
    Shops::new(Arc::clone(store), served?)
}

/// The zone of this machine, where it has a name; else UTC.
fn here() -> Zone {
    let zone = jiff::tz::TimeZone::system();
    let named = zone.iana_name().and_then(|name| name.parse().ok());
    named.unwrap_or(Zone::UTC)
}

/// The shop's adapter, with what is left of the table as its settings.
fn merchant(
    kind: &str,
    table: &Fields,
    dir: &Path,
    catalog: &Catalog,
) -> Result<Arc<dyn Merchant>> {
    if let Some(entry) = catalog.merchants().find(|entry| entry.info.name == kind) {
        let own = entry.settings.iter().map(|setting| setting.name);
        table.only(&FIELDS.into_iter().chain(own).collect::<Vec<_>>())?;
    }
    let settings = Settings::from_table(&table.fields)?.in_dir(dir);
    catalog
        .merchant(kind, &settings)
        .map_err(|error| table.at(error).with("field", "merchant"))
}

fn rules(table: Fields) -> Result<Rules> {
    table.only(&RULES)?;
    let rules: Rules = toml::Value::Table(table.fields.clone())
        .try_into()
        .map_err(|error| table.unfit(&error))?;
    rules.checked().map_err(|error| table.at(error))
}
