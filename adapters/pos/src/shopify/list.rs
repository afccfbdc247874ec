//! Drafts and orders that changed, by the time of their change.

use serde::Deserialize;
use serde_json::{Value, json};
use wom_sdk::{Error, Kind, Result, Timestamp, instrument::Cursor, merchant::OrderId};

use super::{api::Api, code, id::Id, told::Marks};
use crate::answer::is_code;

/// How many are asked for at once.
const PAGE: usize = 50;

/// The most pages of one call; the next goes on from there.
const PAGES: usize = 20;

/// How far before the cursor is read again: the shop's index lags behind.
const LOOK_BACK_MS: i64 = 120_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    nodes: Vec<Listed>,
    page_info: Page,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    has_next_page: bool,
    end_cursor: Option<String>,
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

/// What changed since then. The cursor has a time for drafts and one for orders, as either list may be
/// broken off.
pub(super) async fn since(
    api: &Api,
    since: Option<Cursor>,
) -> Result<(Vec<OrderId>, Option<Cursor>)> {
    let (drafts, orders) = match &since {
        None => (None, None),
        Some(Cursor(text)) => times(text)?,
    };
    let mut found = Vec::new();
    let drafts = walk(api, "draftOrders", "", drafts, &mut found).await?;
    let fields = "discountCodes customAttributes{key value}";
    let orders = walk(api, "orders", fields, orders, &mut found).await?;
    let text = |at: Option<Timestamp>| at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let next = match (drafts, orders) {
        (None, None) => None,
        _ => Some(Cursor(format!("{} {}", text(drafts), text(orders)))),
    };
    Ok((found, next))
}

fn times(text: &str) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let time = |text: &str| match text {
        "-" => Ok(None),
        _ => text.parse().map(Some),
    };
    let (drafts, orders) = text
        .split_once(' ')
        .ok_or_else(|| Error::new(Kind::InputInvalid, "not a cursor of this adapter"))?;
    Ok((time(drafts)?, time(orders)?))
}

/// Turns the pages of one list, and gives the time of the last change.
async fn walk(
    api: &Api,
    list: &str,
    fields: &str,
    since: Option<Timestamp>,
    found: &mut Vec<OrderId>,
) -> Result<Option<Timestamp>> {
    let query = format!(
        "query($q:String,$a:String){{{list}(first:{PAGE},after:$a,query:$q,sortKey:UPDATED_AT){{nodes{{id updatedAt {fields}}} pageInfo{{hasNextPage endCursor}}}}}}"
    );
    let after = since.map(|since| since.plus_millis(-LOOK_BACK_MS));
    // Times are told in whole seconds.
    let after = after.map(|after| Timestamp::from_seconds(after.as_seconds()));
    let filter = after.map(|after| format!("updated_at:>='{after}'"));
    let (mut last, mut cursor) = (since, None);
    for _ in 0..PAGES {
        let answer = api.call(&query, json!({"q": filter, "a": cursor})).await?;
        let (page, end) = read(answer)?;
        for (id, at, origin) in page {
            last = last.max(Some(at));
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
        match end {
            Some(end) => cursor = Some(end),
            None => break,
        }
    }
    Ok(last)
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
        let code = listed.discount_codes.into_iter().find(|it| is_code(it));
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
