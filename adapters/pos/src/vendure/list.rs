//! Orders that changed, by the time of their change.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Cursor, merchant::OrderId};

use super::api::Api;
use crate::place;

const QUERY: &str = "query($o:OrderListOptions){orders(options:$o){items{id updatedAt}}}";

/// How many orders are asked for at once: a shop may be set to give no more.
const PAGE: usize = 100;

/// The most pages of one call, which has to end within seconds; the next goes on from there.
const PAGES: usize = 4;

/// How far before the last change is read again: what was being written then is told later.
/// Where more than one call reads lies within, it is read with every round: that costs, and loses nothing.
const LOOK_BACK_MS: i64 = 5_000;

/// How far the list is read.
#[derive(Default, Deserialize, Serialize)]
struct Place {
    /// When the last order that was read changed.
    last: Option<Timestamp>,
    /// Where to go on in a list that is not read to its end.
    next: Option<Next>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Next {
    /// With the orders that changed after this; without a time, with all.
    After(Option<Timestamp>),
    /// Among the orders of one instant, which fill a page.
    Within(Within),
}

/// The orders of one instant, by id: the shop orders equal times as it likes, each time anew.
#[derive(Clone, Deserialize, Serialize)]
struct Within {
    at: Timestamp,
    /// How many of them were read.
    read: usize,
    /// The last of these. An order that changes leaves the instant, and those behind it move up: what
    /// was read last tells that.
    last_id: Option<OrderId>,
}

#[derive(Deserialize)]
struct List {
    items: Vec<Listed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    updated_at: String,
}

type Changed = (OrderId, Timestamp);

/// The orders that changed since then, and where to go on.
pub(super) async fn since(
    api: &Api,
    since: Option<Cursor>,
) -> Result<(Vec<OrderId>, Option<Cursor>)> {
    let mut place: Place = place::of(since.as_ref())?;
    let look_back = |last: Timestamp| last.plus_millis(-LOOK_BACK_MS);
    let afresh = || Next::After(place.last.map(look_back));
    let mut next = Some(place.next.take().unwrap_or_else(afresh));
    let mut found = Vec::new();
    for _ in 0..PAGES {
        let Some(from) = next.take() else {
            break;
        };
        let listed = page(api, &from).await?;
        for (id, at) in &listed {
            if !found.contains(id) {
                found.push(id.clone());
            }
            place.last = place.last.max(Some(*at));
        }
        next = match from {
            Next::After(after) => further(after, &listed),
            Next::Within(within) => Some(within.further(&listed)),
        };
    }
    place.next = next;
    let cursor = place.last.is_some().then(|| place::cursor(&place));
    Ok((found, cursor.transpose()?))
}

/// Where to go on after a page of those that changed after a time. An order that changes meanwhile goes
/// to the end, and the others move up: so each page is asked for by time.
fn further(after: Option<Timestamp>, listed: &[Changed]) -> Option<Next> {
    let (_, at) = listed.last().filter(|_| listed.len() >= PAGE)?;
    // Of the last instant there may be more.
    let before = Some(at.plus_millis(-1));
    Some(match before > after {
        true => Next::After(before),
        false => Next::Within(Within {
            at: *at,
            read: 0,
            last_id: None,
        }),
    })
}

impl Within {
    /// How many orders are passed over: all that were read but the last.
    fn skip(&self) -> usize {
        self.read.saturating_sub(1)
    }

    fn further(self, listed: &[Changed]) -> Next {
        let is_known = |last: &OrderId| listed.iter().any(|(id, _)| id == last);
        if !self.last_id.as_ref().is_none_or(is_known) && self.skip() > 0 {
            // It moved up, or left: back to where it is, or to the beginning.
            let read = self.read.saturating_sub(PAGE);
            let last_id = self.last_id.filter(|_| read > 0);
            return Next::Within(Self {
                read,
                last_id,
                ..self
            });
        }
        match listed.last().filter(|_| listed.len() >= PAGE) {
            Some((id, _)) => Next::Within(Self {
                read: self.skip() + listed.len(),
                last_id: Some(id.clone()),
                ..self
            }),
            None => Next::After(Some(self.at.plus_millis(1))),
        }
    }
}

async fn page(api: &Api, next: &Next) -> Result<Vec<Changed>> {
    let options = match next {
        Next::After(after) => {
            let after = after.map(|after| json!({"updatedAt": {"after": after.to_string()}}));
            json!({"filter": after.unwrap_or(json!({})), "sort": {"updatedAt": "ASC"}, "take": PAGE})
        }
        // Some data bases keep more digits than are told. SQLite keeps whole seconds without a fraction,
        // and compares texts, so they come before themselves. A millisecond around covers both.
        Next::Within(within) => json!({
            "filter": {"updatedAt": {"between": {
                "start": within.at.plus_millis(-1).to_string(),
                "end": within.at.plus_millis(1).to_string(),
            }}},
            "sort": {"id": "ASC"},
            "take": PAGE,
            "skip": within.skip(),
        }),
    };
    read(api.call(QUERY, json!({"o": options})).await?)
}

/// The orders of a list, and when each changed.
pub(super) fn read(list: Value) -> Result<Vec<Changed>> {
    let list = List::deserialize(list).map_err(|_| {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop lists orders in a form that is not Vendure's",
        )
        .hint("check endpoint; the adapter is proven with Vendure 3.7")
    })?;
    let listed = list.items.into_iter();
    listed
        .map(|it| Ok((OrderId(it.id), it.updated_at.parse()?)))
        .collect()
}
