//! `[shops.NAME.offers.NAME]`, and offers of the command line: so many WOM, and what is off for them.

use wom_sdk::{
    Result,
    checkout::Charge,
    merchant::{Discount, Offer},
    protocol::{Aim, Bounds, Filter, Position},
};
use wom_service::Currency;

use super::fields::Fields;
use crate::config::invalid;

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

/// An offer, as its table in the file tells it.
pub(super) fn offer(mut table: Fields, currency: Currency) -> Result<Offer> {
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
