//! `[shops.NAME]` of `wom.toml`: which till system, which POS, which offers.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde::{Deserialize, de::DeserializeOwned};
use wom_catalog::{Catalog, Settings, offer as meant};
use wom_sdk::{
    Error, Result, Zone,
    checkout::Charge,
    merchant::{Discount, Merchant, Offer},
    protocol::{Aim, Bounds, Filter, Position},
    sale::{Language, Rules},
    store::Store,
};
use wom_service::{Connection, Currency, ServedShop, Shops, Tills};

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
const OFFER: [&str; 7] = [
    "aim",
    "amount",
    "bounds",
    "discount",
    "max_age_days",
    "patience_seconds",
    "title",
];
const DISCOUNT: [&str; 2] = ["amount", "percent"];

impl Shop {
    /// Reads what the file says of a shop. Paths start from this folder.
    pub fn read(name: &str, table: &ShopTable, dir: &Path) -> Result<Self> {
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
        let merchant = merchant(&kind, &table, dir)?;
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
    pub fn by_hand(title: String, currency: Currency, offers: Vec<Offer>) -> Result<Self> {
        // Numbered, so that they stay in this order.
        let named = |(index, offer)| (format!("{:02}", index + 1), offer);
        Ok(Self {
            name: ONE.to_owned(),
            pos: ONE.to_owned(),
            merchant: Catalog::merchant("pos.manual", &Settings::none())?,
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

/// `15=2.00` or `30=10%`: so many WOM, and what is off for them. `off` is how a title says that.
pub fn offer_of(text: &str, currency: Currency, off: &str) -> Result<Offer> {
    let refused = || {
        invalid("this is no offer")
            .with("offer", text.escape_default())
            .hint("write so many WOM, =, and what is off: 15=2.00 or 30=10%")
    };
    let (amount, brings) = text.split_once('=').ok_or_else(refused)?;
    let charge = Charge::new(amount.trim().parse().map_err(|_| refused())?)?;
    let (title, discount) = match brings.trim().strip_suffix('%') {
        Some(percent) => {
            let points = basis_points(percent.trim()).ok_or_else(refused)?;
            let title = format!("{}% {off}", percent.trim());
            (title, Discount::BasisPoints(points))
        }
        None => {
            let units = currency.read(brings)?;
            let title = format!("{} {currency} {off}", currency.plain(units));
            (title, Discount::Amount(units))
        }
    };
    Ok(Offer {
        title,
        charge,
        discount,
    })
}

/// The zone of this machine, where it has a name; else UTC.
fn here() -> Zone {
    let zone = jiff::tz::TimeZone::system();
    let named = zone.iana_name().and_then(|name| name.parse().ok());
    named.unwrap_or(Zone::UTC)
}

/// The shop's adapter, with what is left of the table as its settings.
fn merchant(kind: &str, table: &Fields, dir: &Path) -> Result<Arc<dyn Merchant>> {
    let merchants = Catalog::merchants();
    if let Some(entry) = merchants.iter().find(|entry| entry.info.name == kind) {
        let own = entry.settings.iter().map(|setting| setting.name);
        table.only(&FIELDS.into_iter().chain(own).collect::<Vec<_>>())?;
    }
    let settings = Settings::from_table(&table.fields)?.in_dir(dir);
    Catalog::merchant(kind, &settings).map_err(|error| table.at(error).with("field", "merchant"))
}

fn rules(table: Fields) -> Result<Rules> {
    table.only(&RULES)?;
    let rules: Rules = toml::Value::Table(table.fields.clone())
        .try_into()
        .map_err(|error| table.unfit(&error))?;
    rules.checked().map_err(|error| table.at(error))
}

fn offer(mut table: Fields, currency: Currency) -> Result<Offer> {
    table.only(&OFFER)?;
    let title = table.title()?.ok_or_else(|| {
        table
            .wrong("title", "an offer needs a title")
            .hint("say what stands beside the code, such as \"1.00 off\"")
    })?;
    let amount = table.needed("amount", "how many WOM are to be paid, 1 to 1500")?;
    let mut charge = Charge::new(amount).map_err(|error| table.at(error))?;
    if let Some(seconds) = table.taken::<i64>("patience_seconds")? {
        if !(10..=3_600).contains(&seconds) {
            return Err(table
                .wrong(
                    "patience_seconds",
                    "a code is waited for 10 to 3600 seconds",
                )
                .hint("300, five minutes, unless set"));
        }
        charge.patience_ms = seconds * 1_000;
    }
    let filter = filter(&mut table)?;
    charge.filter = (!filter.is_empty()).then_some(filter);
    let below = table.below("discount")?.ok_or_else(|| {
        table
            .wrong("discount", "an offer needs a discount")
            .hint("write discount.percent = 10 or discount.amount = \"2.00\"")
    })?;
    Ok(Offer {
        title,
        charge,
        discount: discount(below, currency)?,
    })
}

fn filter(table: &mut Fields) -> Result<Filter> {
    let mut filter = Filter::default();
    if let Some(aim) = table.taken::<String>("aim")? {
        let aim: Aim = aim.parse().map_err(|error| table.of("aim", error))?;
        filter = filter.aim(aim);
    }
    if let Some(days) = table.taken("max_age_days")? {
        let aged = filter.max_age_days(days);
        filter = aged.map_err(|error| table.of("max_age_days", error))?;
    }
    if let Some(corners) = table.taken::<[String; 2]>("bounds")? {
        let [north_west, south_east] = corners.map(|corner| corner.parse::<Position>());
        let bounds = north_west.and_then(|north_west| Bounds::new(north_west, south_east?));
        let bounds = bounds.map_err(|error| {
            let hint = "write [\"43.80,12.50\", \"43.60,12.70\"]: the north-west and the south-east corner";
            table.of("bounds", error).hint(hint)
        })?;
        filter = filter.bounds(bounds);
    }
    Ok(filter)
}

fn discount(mut table: Fields, currency: Currency) -> Result<Discount> {
    table.only(&DISCOUNT)?;
    let (amount, percent) = (
        table.fields.remove("amount"),
        table.fields.remove("percent"),
    );
    match (amount, percent) {
        (Some(toml::Value::String(text)), None) => currency
            .read(&text)
            .map(Discount::Amount)
            .map_err(|error| table.of("amount", error)),
        (Some(_), None) => Err(table
            .wrong("amount", "money is written as text")
            .hint(format!("such as amount = \"{}\"", currency.plain(200)))),
        (None, Some(percent)) => {
            let percent = match percent {
                toml::Value::Integer(whole) => whole.to_string(),
                toml::Value::Float(part) => part.to_string(),
                _ => String::new(),
            };
            let points = basis_points(&percent).ok_or_else(|| {
                table
                    .wrong("percent", "a percentage is more than 0 and at most 100")
                    .hint("with two digits after the point at most, such as 12.5")
            })?;
            Ok(Discount::BasisPoints(points))
        }
        (Some(_), Some(_)) => Err(table
            .wrong(
                "percent",
                "a discount is an amount or a percentage, not both",
            )
            .hint("leave one of them out")),
        (None, None) => Err(table
            .wrong("percent", "a discount is an amount or a percentage")
            .hint("write percent = 10 or amount = \"2.00\"")),
    }
}

/// `12.5` as 1250: hundredths of a percent, exactly.
fn basis_points(percent: &str) -> Option<u32> {
    let (whole, part) = percent.split_once('.').unwrap_or((percent, ""));
    if part.len() > 2 || whole.len() > 3 {
        return None;
    }
    let points: u32 = format!("{whole}{part:0<2}").parse().ok()?;
    (1..=10_000).contains(&points).then_some(points)
}

/// The fields of a table that are not read yet, and where it stands.
struct Fields {
    table: String,
    fields: toml::Table,
}

impl Fields {
    fn new(table: String, fields: toml::Table) -> Self {
        Self { table, fields }
    }

    fn names(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    /// Takes a field out, if it is there.
    fn taken<T: DeserializeOwned>(&mut self, field: &'static str) -> Result<Option<T>> {
        let Some(value) = self.fields.remove(field) else {
            return Ok(None);
        };
        let value = value.try_into();
        value
            .map(Some)
            .map_err(|error| self.unfit(&error).with("field", field))
    }

    fn needed<T: DeserializeOwned>(
        &mut self,
        field: &'static str,
        hint: &'static str,
    ) -> Result<T> {
        let taken = self.taken(field)?;
        taken.ok_or_else(|| self.wrong(field, "a field is missing").hint(hint))
    }

    /// What people read: one line.
    fn title(&mut self) -> Result<Option<String>> {
        let title: Option<String> = self.taken("title")?;
        let reads = |title: &String| {
            title.trim() == title
                && (1..=80).contains(&title.chars().count())
                && !title.chars().any(char::is_control)
        };
        match title {
            Some(title) if !reads(&title) => Err(self
                .wrong("title", "a title is one line of 1 to 80 signs")
                .hint("shorten it, and leave out spaces at its ends")),
            title => Ok(title),
        }
    }

    /// Takes a table within this one out, if it is there.
    fn below(&mut self, name: &str) -> Result<Option<Self>> {
        let table = format!("{}.{name}", self.table);
        match self.fields.remove(name) {
            None => Ok(None),
            Some(toml::Value::Table(fields)) => Ok(Some(Self { table, fields })),
            Some(_) => Err(invalid("this is to be a table")
                .with("table", &table)
                .hint(format!("write [{table}] and its fields below"))),
        }
    }

    /// Refuses what is not among these.
    fn only(&self, known: &[&str]) -> Result<()> {
        let unknown = self
            .fields
            .keys()
            .find(|name| !known.contains(&name.as_str()));
        unknown.map_or(Ok(()), |name| {
            Err(self
                .at(invalid("no such setting"))
                .with("field", name.escape_default())
                .hint(meant(name, known.iter().copied())))
        })
    }

    fn at(&self, error: Error) -> Error {
        error.with("table", self.table.escape_default())
    }

    fn of(&self, field: &'static str, error: Error) -> Error {
        self.at(error).with("field", field)
    }

    fn wrong(&self, field: &'static str, message: &'static str) -> Error {
        self.of(field, invalid(message))
    }

    /// The parser's own words tell the form only, never what was written.
    fn unfit(&self, error: &toml::de::Error) -> Error {
        self.at(invalid("a setting does not fit"))
            .with("reason", error.message().replace('\n', " "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        pos = "till"
        merchant = "pos.manual"
        title = "Bar Ducale"
        language = "it"
        [rules]
        floor = 50
        late = ["record_only"]
        [offers.coffee]
        title = "Un caffè in meno"
        amount = 15
        aim = "H"
        max_age_days = 30
        bounds = ["43.80,12.50", "43.60,12.70"]
        patience_seconds = 60
        discount.amount = "1.20"
        [offers.all]
        title = "12.5 % off"
        amount = 60
        discount.percent = 12.5
    "#;

    fn read(text: &str) -> Result<Shop> {
        let table = ShopTable(text.parse().unwrap());
        Shop::read("bar", &table, Path::new("/town"))
    }

    #[test]
    fn a_shop_is_read_with_all_that_it_can_say() {
        let shop = read(GOOD).unwrap();
        assert_eq!((shop.pos.as_str(), shop.currency.code()), ("till", "EUR"));
        assert_eq!(shop.language, Some(Language::Italian));
        assert_eq!(shop.rules.floor, 50);
        let coffee = &shop.offers["coffee"];
        assert_eq!(coffee.discount, Discount::Amount(120));
        assert_eq!(
            (coffee.charge.amount, coffee.charge.patience_ms),
            (15, 60_000)
        );
        let filter = coffee.charge.filter.as_ref().unwrap();
        assert_eq!(filter.aim_prefix(), Some("H"));
        assert!(filter.within().is_some() && filter.max_age().is_some());
        let all = &shop.offers["all"];
        assert_eq!(all.discount, Discount::BasisPoints(1_250));
        assert_eq!(all.charge.filter, None);
    }

    #[test]
    fn a_command_line_tells_of_offers() {
        let euro = Currency::new("EUR").unwrap();
        let read = |text| offer_of(text, euro, "off");
        let two = read("15=2").unwrap();
        assert_eq!(
            (two.title.as_str(), two.charge.amount),
            ("2.00 EUR off", 15)
        );
        assert_eq!(two.discount, Discount::Amount(200));
        let tenth = read(" 30 = 12.5% ").unwrap();
        assert_eq!(
            (tenth.title.as_str(), tenth.discount),
            ("12.5% off", Discount::BasisPoints(1_250))
        );
        for text in [
            "", "15", "15=", "=2", "0=2", "x=2", "15=0", "15=101%", "15=%", "2000=1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_table_its_field_and_what_to_do() {
        for (good, bad, table, field, hint) in [
            (
                "pos = \"till\"",
                "",
                "shops.bar",
                "pos",
                "name one of the POS",
            ),
            (
                "language =",
                "langage =",
                "shops.bar",
                "langage",
                "did you mean language?",
            ),
            ("\"it\"", "\"de\"", "shops.bar", "language", ""),
            (
                "pos.manual",
                "pos.manuel",
                "shops.bar",
                "merchant",
                "did you mean pos.manual?",
            ),
            (
                "title = \"Bar Ducale\"",
                "currency = \"euro\"",
                "shops.bar",
                "currency",
                "such as EUR",
            ),
            (
                "floor = 50",
                "flor = 50",
                "shops.bar.rules",
                "flor",
                "did you mean floor?",
            ),
            ("floor = 50", "floor = -1", "shops.bar.rules", "floor", ""),
            (
                "amount = 15",
                "amunt = 15",
                "shops.bar.offers.coffee",
                "amunt",
                "did you mean amount?",
            ),
            (
                "amount = 15",
                "amount = 0",
                "shops.bar.offers.coffee",
                "amount",
                "",
            ),
            (
                "amount = 15",
                "amount = \"x\"",
                "shops.bar.offers.coffee",
                "amount",
                "",
            ),
            (
                "aim = \"H\"",
                "aim = \"!\"",
                "shops.bar.offers.coffee",
                "aim",
                "",
            ),
            (
                "\"43.80,12.50\"",
                "\"43.20,12.50\"",
                "shops.bar.offers.coffee",
                "bounds",
                "north-west",
            ),
            (
                "patience_seconds = 60",
                "patience_seconds = 1",
                "shops.bar.offers.coffee",
                "patience_seconds",
                "300",
            ),
            (
                "discount.amount = \"1.20\"",
                "discount.amount = 1.2",
                "shops.bar.offers.coffee.discount",
                "amount",
                "amount = \"2.00\"",
            ),
            (
                "discount.amount = \"1.20\"",
                "discount.amount = \"1,234\"",
                "shops.bar.offers.coffee.discount",
                "amount",
                "12.50",
            ),
            (
                "discount.amount = \"1.20\"",
                "",
                "shops.bar.offers.coffee",
                "discount",
                "discount.percent = 10",
            ),
            (
                "discount.amount = \"1.20\"",
                "discount = 5",
                "shops.bar.offers.coffee.discount",
                "",
                "[shops.bar.offers.coffee.discount]",
            ),
            (
                "discount.percent = 12.5",
                "discount = {percent = 5, amount = \"1\"}",
                "shops.bar.offers.all.discount",
                "percent",
                "leave one",
            ),
            (
                "discount.percent = 12.5",
                "discount.percent = 101",
                "shops.bar.offers.all.discount",
                "percent",
                "12.5",
            ),
            (
                "discount.percent = 12.5",
                "discount.percent = 0.001",
                "shops.bar.offers.all.discount",
                "percent",
                "two digits",
            ),
            (
                "discount.percent = 12.5",
                "discount.percent = -5",
                "shops.bar.offers.all.discount",
                "percent",
                "two digits",
            ),
            (
                "discount.percent = 12.5",
                "discount.percent = nan",
                "shops.bar.offers.all.discount",
                "percent",
                "two digits",
            ),
            (
                "title = \"12.5 % off\"",
                "title = \" x\"",
                "shops.bar.offers.all",
                "title",
                "one line",
            ),
            (
                "title = \"12.5 % off\"",
                "",
                "shops.bar.offers.all",
                "title",
                "beside the code",
            ),
        ] {
            assert!(GOOD.contains(good), "{good}");
            let error = read(&GOOD.replacen(good, bad, 1)).unwrap_err();
            let told = |name| error.context().find(|(context, _)| *context == name);
            assert_eq!(told("table"), Some(("table", table)), "{bad}: {error}");
            assert_eq!(
                told("field").map_or("", |(_, field)| field),
                field,
                "{bad}: {error}"
            );
            let all = format!("{error} {}", error.advice().unwrap_or_default());
            assert!(all.contains(hint), "{bad}: {all}");
        }
    }
}
