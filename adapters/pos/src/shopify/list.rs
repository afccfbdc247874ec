//! Drafts and orders that changed, by the time of their change.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Cursor, merchant::OrderId};

use super::{
    api::Api,
    code,
    id::Id,
    told::{Marks, Page},
};
use crate::{code::reference, place};

/// How many are asked for at once.
const PAGE: usize = 50;

/// The most pages of each list in one call, which has to end within seconds; the next goes on from there.
const PAGES: usize = 4;

/// How far before the last change is read again: the shop's index lags behind.
/// Where more than one call reads lies within, it is read with every round: that costs, and loses nothing.
const LOOK_BACK_MS: i64 = 120_000;

/// How far both lists are read.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Places {
    drafts: Place,
    orders: Place,
}

/// How far a list is read.
#[derive(Clone, Default, Deserialize, Serialize)]
struct Place {
    /// When the last one that was read changed.
    last: Option<Timestamp>,
    /// Where to go on in a list that is not read to its end.
    next: Option<Next>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Next {
    /// The time from which on changes are asked for.
    from: Option<Timestamp>,
    /// The shop's own word for where the last page ended.
    after: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    nodes: Vec<Listed>,
    page_info: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: String,
    updated_at: String,
    #[serde(default)]
    discount_codes: Vec<String>,
    #[serde(default)]
    custom_attributes: Marks,
}

/// What changed since then, and where to go on.
pub(super) async fn since(
    api: &Api,
    since: Option<Cursor>,
) -> Result<(Vec<OrderId>, Option<Cursor>)> {
    let mut places: Places = place::of(since.as_ref())?;
    let mut found = Vec::new();
    let fields = "discountCodes customAttributes{key value}";
    walk(api, "draftOrders", "", &mut places.drafts, &mut found).await?;
    walk(api, "orders", fields, &mut places.orders, &mut found).await?;
    let is_begun = places.drafts.last.is_some() || places.orders.last.is_some();
    let cursor = is_begun.then(|| place::cursor(&places));
    Ok((found, cursor.transpose()?))
}

/// Turns some pages of one list.
async fn walk(
    api: &Api,
    list: &str,
    fields: &str,
    place: &mut Place,
    found: &mut Vec<OrderId>,
) -> Result<()> {
    let query = format!(
        "query($q:String,$a:String){{{list}(first:{PAGE},after:$a,query:$q,sortKey:UPDATED_AT){{nodes{{id updatedAt {fields}}} pageInfo{{hasNextPage endCursor}}}}}}"
    );
    let afresh = |last: Option<Timestamp>| Next {
        from: last.map(|last| last.plus_millis(-LOOK_BACK_MS)),
        after: None,
    };
    let mut is_resumed = place.next.is_some();
    let mut next = place.next.take().unwrap_or_else(|| afresh(place.last));
    for _ in 0..PAGES {
        // Times are told in whole seconds.
        let from = next.from.map(|at| Timestamp::from_seconds(at.as_seconds()));
        let filter = from.map(|from| format!("updated_at:>='{from}'"));
        let answer = match api
            .call(&query, json!({"q": filter, "a": next.after}))
            .await
        {
            // What was read is not read again.
            Err(error) if error.kind() == Kind::RateLimited && !found.is_empty() => {
                place.next = next.after.is_some().then_some(next);
                return Ok(());
            }
            // The shop may not know the end of an old page any more.
            Err(error) if error.kind() == Kind::OutcomeUnknown && is_resumed => {
                next = afresh(place.last);
                is_resumed = false;
                continue;
            }
            answer => answer?,
        };
        is_resumed = false;
        let (page, end) = read(answer)?;
        for (id, at, origin) in page {
            place.last = place.last.max(Some(at));
            let origin = match origin {
                Origin::None => None,
                Origin::Draft(draft) => Some(draft),
                Origin::Code(code) => code::find(api, &code).await?.and_then(|it| it.draft()),
            };
            for id in [Some(id), origin].into_iter().flatten() {
                let id = id.order_id();
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        if end.is_none() {
            return Ok(());
        }
        next.after = end;
    }
    place.next = Some(next);
    Ok(())
}

/// Where an order comes from: what became of a draft is asked for by the draft's name.
pub(super) enum Origin {
    None,
    Draft(Id),
    Code(String),
}

type Changed = (Id, Timestamp, Origin);

/// A page of a list, and where the next one begins.
pub(super) fn read(answer: Value) -> Result<(Vec<Changed>, Option<String>)> {
    let list = List::deserialize(answer).map_err(|_| {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop lists orders in a form that is not Shopify's",
        )
        .hint("the adapter is made for version 2026-10 of the Admin API")
    })?;
    let mut page = Vec::new();
    for listed in list.nodes {
        let Some(id) = Id::parse(&listed.id) else {
            continue;
        };
        let draft = listed.custom_attributes.draft.as_deref();
        let draft = draft.and_then(Id::parse).filter(|draft| *draft != id);
        let code = listed
            .discount_codes
            .into_iter()
            .find(|it| reference(it).is_some());
        let origin = match (draft, code) {
            (Some(draft), _) => Origin::Draft(draft),
            (None, Some(code)) => Origin::Code(code),
            (None, None) => Origin::None,
        };
        page.push((id, listed.updated_at.parse()?, origin));
    }
    let end = list.page_info.end_cursor;
    Ok((page, end.filter(|_| list.page_info.has_next_page)))
}
