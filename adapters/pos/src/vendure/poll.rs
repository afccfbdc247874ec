//! Orders that changed.

use serde_json::json;
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Cursor, merchant::OrderId};

use super::{
    api::Api,
    wire::{Changed, List},
};

const ORDERS: &str =
    "query($options:OrderListOptions!){it:orders(options:$options){items{id updatedAt}}}";

const PAGE: usize = 100;

/// The most pages at once; the next call goes on.
const PAGES: usize = 50;

/// What is written late has an earlier time: so far back each call begins.
const LOOK_BACK_MS: i64 = 5_000;

/// Orders that changed since the cursor, the longest ago first, some of them again.
pub(super) async fn orders(
    api: &Api,
    since: Option<Cursor>,
) -> Result<(Vec<OrderId>, Option<Cursor>)> {
    let wrong = || Error::new(Kind::InputInvalid, "not a cursor of this adapter");
    let since: Option<Timestamp> = match &since {
        Some(Cursor(text)) => Some(text.parse().map_err(|_| wrong())?),
        None => None,
    };
    let mut found = Vec::new();
    let mut last = since;
    for page in 0..PAGES {
        let mut options = json!({
            "take": PAGE,
            "skip": page * PAGE,
            "sort": {"updatedAt": "ASC"},
        });
        if let Some(since) = since {
            let after = since.plus_millis(-LOOK_BACK_MS).to_string();
            options["filter"] = json!({"updatedAt": {"after": after}});
        }
        let orders: List<Changed> = api.query(ORDERS, json!({"options": options})).await?;
        let is_last = orders.items.len() < PAGE;
        for order in orders.items {
            let at = order.updated_at.parse::<Timestamp>().ok();
            last = last.max(at);
            found.push(OrderId(order.id));
        }
        if is_last {
            break;
        }
    }
    Ok((found, last.map(|last| Cursor(last.to_string()))))
}
