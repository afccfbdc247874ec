//! Orders that changed, by the time of their change.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Cursor, merchant::OrderId};

use super::{api::Api, coupon::instant};
use crate::place;

/// How many orders are asked for at once: the most that the shop gives.
const PAGE: usize = 100;

/// The most pages of one call, which has to end within seconds; the next goes on from there.
const PAGES: usize = 4;

/// How far before the last change is read again: an order's time is taken before it is written.
/// Where more than one call reads lies within, it is read with every round: that costs, and loses nothing.
const LOOK_BACK_MS: i64 = 60_000;

/// How far the list is read.
#[derive(Default, Deserialize, Serialize)]
struct Place {
    /// When the last order that was read changed.
    last: Option<Timestamp>,
    /// Where to go on in a list that is not read to its end.
    next: Option<Next>,
}

#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
struct Next {
    /// The time after which orders are asked for.
    after: Option<Timestamp>,
    /// The number of the page.
    page: usize,
}

#[derive(Deserialize)]
struct Listed {
    id: u64,
    date_modified_gmt: String,
}

/// The orders that changed since then, and where to go on.
pub(super) async fn since(
    api: &Api,
    since: Option<Cursor>,
) -> Result<(Vec<OrderId>, Option<Cursor>)> {
    let mut place: Place = place::of(since.as_ref())?;
    let mut next = place.next.unwrap_or(Next {
        after: place.last.map(|last| last.plus_millis(-LOOK_BACK_MS)),
        page: 1,
    });
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let listed = match page(api, next).await {
            // What was read is not read again.
            Err(error) if error.kind() == Kind::RateLimited && !found.is_empty() => break,
            listed => listed?,
        };
        for (id, at) in &listed {
            if !found.contains(id) {
                found.push(id.clone());
            }
            place.last = place.last.max(Some(*at));
        }
        let Some((_, youngest)) = listed.last().filter(|_| listed.len() >= PAGE) else {
            place.next = None;
            break;
        };
        // An order that changes meanwhile goes to the end, and the others move up: so each page is
        // asked for by time. Only where one second fills it, by number.
        let after = Some(youngest.plus_millis(-1_000));
        next = match after > next.after {
            true => Next { after, page: 1 },
            false => Next {
                page: next.page + 1,
                ..next
            },
        };
        place.next = Some(next);
    }
    let cursor = place.last.is_some().then(|| place::cursor(&place));
    Ok((found, cursor.transpose()?))
}

async fn page(api: &Api, next: Next) -> Result<Vec<(OrderId, Timestamp)>> {
    let after = next.after;
    let after = after.map(|at| Timestamp::from_seconds(at.as_seconds()).to_string());
    let (number, per_page) = (next.page.to_string(), PAGE.to_string());
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
