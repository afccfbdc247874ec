//! Orders that changed, by the time of their change.

use serde::Deserialize;
use serde_json::Value;
use wom_sdk::{Error, Kind, Result, Timestamp, merchant::OrderId};

use super::{api::Api, coupon::instant};

/// How many orders are asked for at once: the most that the shop gives.
const PAGE: usize = 100;

/// The most pages of one call; the next goes on from there.
const PAGES: usize = 20;

/// How far before the cursor is read again: an order's time is taken before it is written.
const LOOK_BACK_MS: i64 = 60_000;

#[derive(Deserialize)]
struct Listed {
    id: u64,
    date_modified_gmt: String,
}

/// The orders that changed since then, and when the last one did.
pub(super) async fn since(
    api: &Api,
    since: Option<Timestamp>,
) -> Result<(Vec<OrderId>, Option<Timestamp>)> {
    let mut after = since.map(|since| since.plus_millis(-LOOK_BACK_MS));
    let (mut found, mut last, mut number) = (Vec::new(), since, 1);
    for _ in 0..PAGES {
        let listed = page(api, after, number).await?;
        for (id, at) in &listed {
            if !found.contains(id) {
                found.push(id.clone());
            }
            last = last.max(Some(*at));
        }
        let Some((_, youngest)) = listed.last().filter(|_| listed.len() >= PAGE) else {
            break;
        };
        // An order that changes meanwhile goes to the end, and the others move up: so each page is
        // asked for by time. Only where one second fills it, by number.
        let next = Some(youngest.plus_millis(-1_000));
        (after, number) = match next > after {
            true => (next, 1),
            false => (after, number + 1),
        };
    }
    Ok((found, last))
}

async fn page(
    api: &Api,
    after: Option<Timestamp>,
    number: usize,
) -> Result<Vec<(OrderId, Timestamp)>> {
    let after = after.map(|at| Timestamp::from_seconds(at.as_seconds()).to_string());
    let (number, per_page) = (number.to_string(), PAGE.to_string());
    let mut query = vec![
        ("orderby", "modified"),
        ("order", "asc"),
        ("dates_are_gmt", "true"),
        ("_fields", "id,date_modified_gmt"),
        ("per_page", &per_page),
        ("page", &number),
    ];
    if let Some(after) = &after {
        // With a Z the shop would move the time into its own zone before it compares.
        query.push(("modified_after", after.trim_end_matches('Z')));
    }
    let answer = api.get(&["orders"], &query).await?;
    read(answer.said("the shop does not list orders")?)
}

pub(super) fn read(list: Value) -> Result<Vec<(OrderId, Timestamp)>> {
    let listed = Vec::<Listed>::deserialize(list).map_err(|_| {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop lists orders in a form that is not WooCommerce's",
        )
        .hint("check endpoint; the adapter is made for WooCommerce 5.8 and later")
    })?;
    let listed = listed.into_iter();
    listed
        .map(|it| Ok((OrderId(it.id.to_string()), instant(&it.date_modified_gmt)?)))
        .collect()
}
