//! What it answers, and what it refuses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use wom_sdk::Timestamp;

use super::{Books, CANARY, Code, number, units};
use crate::{
    graph::Selection,
    trouble::{Troubles, after, before},
};

/// The versions that are served.
const VERSIONS: [&str; 4] = ["2026-01", "2026-04", "2026-07", "2026-10"];

type Shared = (Arc<Mutex<Books>>, Arc<Troubles>);

pub(super) async fn call(State((books, troubles)): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let is = |kind: &str| {
        parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|it| it == kind)
    };
    let path = parts.uri.path().to_owned();
    assert_eq!((parts.method.as_str(), parts.uri.query()), ("POST", None));
    if path == "/admin/oauth/access_token" {
        let trouble = troubles.take("access_token");
        if let Some(answer) = before(trouble.as_ref()).await {
            return answer;
        }
        if !is("application/x-www-form-urlencoded") {
            return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
        }
        return after(trouble.as_ref(), grant(&mut books.lock().unwrap(), &body));
    }
    let version = path
        .strip_prefix("/admin/api/")
        .and_then(|it| it.strip_suffix("/graphql.json"));
    let Some(version) = version else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let version = VERSIONS
        .iter()
        .find(|it| **it == version)
        .unwrap_or(&VERSIONS[0]);
    let shown = parts.headers.get("x-shopify-access-token").cloned();
    let is_known = {
        let books = books.lock().unwrap();
        books
            .tokens
            .iter()
            .any(|it| shown.as_ref().is_some_and(|shown| shown == it))
    };
    if !is_known {
        let words = json!({"errors": "[API] Invalid API key or access token"});
        return (StatusCode::UNAUTHORIZED, axum::Json(words)).into_response();
    }
    if !is("application/json") {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let asked: Value = serde_json::from_slice(&body).unwrap();
    let query = asked["query"].as_str().unwrap();
    let trouble = troubles.take(query);
    if let Some(answer) = before(trouble.as_ref()).await {
        return answer;
    }
    let answer = serve(&mut books.lock().unwrap(), query, &asked["variables"]);
    let answer = ([("x-shopify-api-version", *version)], axum::Json(answer)).into_response();
    after(trouble.as_ref(), answer)
}

/// A token for a client secret.
fn grant(books: &mut Books, body: &[u8]) -> Response {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(body).into_owned().collect();
    let known = form["grant_type"] == "client_credentials"
        && form["client_id"] == "client"
        && books.clients.contains(&form["client_secret"]);
    if !known {
        let words = json!({"error": "invalid_client", "error_description": CANARY});
        return (StatusCode::BAD_REQUEST, axum::Json(words)).into_response();
    }
    books.last += 1;
    let token = format!("shpat_canary_{}", books.last);
    books.tokens = vec![token.clone()];
    axum::Json(json!({"access_token": token, "scope": "", "expires_in": 86_399})).into_response()
}

fn fault(code: &str) -> Value {
    json!({"errors": [{"message": format!("Sorry, {CANARY}"), "extensions": {"code": code}}]})
}

fn serve(books: &mut Books, query: &str, variables: &Value) -> Value {
    let Some((name, selection)) = Selection::of(query) else {
        return fault("parseError");
    };
    books.asked.push((name.clone(), selection.names()));
    let answer = match operate(books, &name, query, variables) {
        Ok(answer) => answer,
        Err(code) => return fault(code),
    };
    match selection.of_value(&answer) {
        Ok(kept) => {
            json!({"data": {name: kept}, "extensions": {"cost": {"requestedQueryCost": 12}}})
        }
        Err(_) => fault("undefinedField"),
    }
}

fn operate(
    books: &mut Books,
    name: &str,
    query: &str,
    variables: &Value,
) -> Result<Value, &'static str> {
    let text = |name: &str| variables[name].as_str().unwrap_or_default();
    let after = || text("a").parse().unwrap_or(0);
    let told = |books: &Books, id: &str| {
        let of = match id.contains("/DraftOrder/") {
            true => &books.drafts,
            false => &books.orders,
        };
        let sold = of.get(&number(id));
        sold.map_or(Value::Null, |sold| sold.told(books, id, after()))
    };
    Ok(match name {
        "draftOrder" | "order" => told(books, text("id")),
        "draftOrders" | "orders" => {
            let (of, kind) = match name {
                "orders" => (&books.orders, "Order"),
                _ => (&books.drafts, "DraftOrder"),
            };
            let filter = text("q");
            let tag = filter
                .strip_prefix("tag:'")
                .and_then(|it| it.strip_suffix('\''));
            let since = filter
                .strip_prefix("updated_at:>='")
                .and_then(|it| it.strip_suffix('\''));
            if !filter.is_empty() && tag.is_none() && since.is_none() {
                return Err("INVALID_QUERY");
            }
            let since = since.map(|it| it.parse::<Timestamp>().unwrap());
            let mut found: Vec<_> = of
                .iter()
                .filter(|(_, it)| {
                    let at = Timestamp::from_seconds(1_790_000_000 + it.updated);
                    let has = |tag: &str| it.tags.iter().any(|it| it == tag) && !books.lags;
                    tag.is_none_or(has) && since.is_none_or(|since| at >= since)
                })
                .map(|(id, it)| (it.updated, *id))
                .collect();
            if query.contains("sortKey:UPDATED_AT") {
                found.sort_unstable();
            }
            let start: usize = after();
            let page: Vec<_> = found.iter().skip(start).take(50).collect();
            let end = start + page.len();
            let nodes: Vec<_> = page
                .iter()
                .map(|(_, id)| of[id].told(books, &format!("gid://shopify/{kind}/{id}"), 0))
                .collect();
            json!({"nodes": nodes, "pageInfo": {"hasNextPage": end < found.len(), "endCursor": end.to_string()}})
        }
        "shop" => json!({"currencyCode": "EUR", "email": CANARY}),
        "codeDiscountNodeByCode" => {
            let code = text("c");
            let found = books
                .codes
                .iter()
                .find(|it| it.code.eq_ignore_ascii_case(code));
            found.map_or(Value::Null, |it| {
                let status = if it.lives { "ACTIVE" } else { "EXPIRED" };
                json!({"id": format!("gid://shopify/DiscountCodeNode/{}", it.id), "codeDiscount":
                    {"__typename": "DiscountCodeBasic", "title": it.title, "status": status, "usageLimit": 1}})
            })
        }
        "discountCodeBasicCreate" => make_code(books, &variables["i"])?,
        "discountCodeDeactivate" => {
            let id = number(text("id"));
            books.codes.iter_mut().find(|it| it.id == id).unwrap().lives = false;
            json!({"codeDiscountNode": {"id": text("id")}, "userErrors": []})
        }
        "draftOrderUpdate" => {
            let refused = change_draft(books, number(text("id")), &variables["i"])?;
            let errors: Vec<_> = refused
                .into_iter()
                .map(|field| json!({"field": ["input", field], "message": CANARY}))
                .collect();
            json!({"draftOrder": told(books, text("id")), "userErrors": errors})
        }
        _ => return Err("undefinedField"),
    })
}

/// What is not in the input object is refused as a whole.
fn only(input: &Value, known: &[&str]) -> Result<(), &'static str> {
    let fields = input.as_object().ok_or("INVALID_VARIABLE")?;
    match fields.keys().all(|field| known.contains(&field.as_str())) {
        true => Ok(()),
        false => Err("INVALID_VARIABLE"),
    }
}

fn make_code(books: &mut Books, input: &Value) -> Result<Value, &'static str> {
    let known = [
        "appliesOncePerCustomer",
        "code",
        "combinesWith",
        "context",
        "customerGets",
        "endsAt",
        "minimumRequirement",
        "recurringCycleLimit",
        "startsAt",
        "tags",
        "title",
        "usageLimit",
    ];
    only(input, &known)?;
    only(&input["customerGets"], &["items", "value"])?;
    only(
        &input["customerGets"]["value"],
        &["discountAmount", "percentage"],
    )?;
    let refused = |code: &str, field: &str| json!({"codeDiscountNode": null, "userErrors": [{"code": code, "field": ["basicCodeDiscount", field], "message": CANARY}]});
    let code = input["code"].as_str().unwrap_or_default();
    for field in ["code", "context", "customerGets", "startsAt", "title"] {
        if input[field].is_null() {
            return Ok(refused("BLANK", field));
        }
    }
    assert_eq!(
        (&input["usageLimit"], &input["context"]),
        (&json!(1), &json!({"all": "ALL"}))
    );
    let time = |field: &str| input[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    if time("endsAt") <= time("startsAt") {
        return Ok(refused("END_DATE_BEFORE_START_DATE", "endsAt"));
    }
    if books
        .codes
        .iter()
        .any(|it| it.code.eq_ignore_ascii_case(code))
    {
        return Ok(refused("TAKEN", "code"));
    }
    books.last += 1;
    books.codes.push(Code {
        id: books.last,
        code: code.to_owned(),
        title: input["title"].as_str().unwrap().to_owned(),
        lives: true,
        input: input.clone(),
        used: 0,
    });
    if books.lies > 0 {
        books.lies -= 1;
        return Ok(refused("INTERNAL_ERROR", "code"));
    }
    let node = json!({"id": format!("gid://shopify/DiscountCodeNode/{}", books.last)});
    Ok(json!({"codeDiscountNode": node, "userErrors": []}))
}

/// The field that is refused, if one is.
fn change_draft(
    books: &mut Books,
    id: u64,
    input: &Value,
) -> Result<Option<&'static str>, &'static str> {
    only(input, &["appliedDiscount", "customAttributes", "tags"])?;
    books.clock += 1;
    let clock = books.clock;
    let Some(draft) = books.drafts.get_mut(&id) else {
        return Ok(Some("id"));
    };
    if draft.status == "COMPLETED" {
        return Ok(Some("status"));
    }
    match input.get("appliedDiscount") {
        None => {}
        Some(Value::Null) => draft.applied = None,
        Some(applied) => {
            only(
                applied,
                &[
                    "amountWithCurrency",
                    "description",
                    "title",
                    "value",
                    "valueType",
                ],
            )?;
            draft.applied = None;
            let value = applied["value"].as_f64().ok_or("INVALID_VARIABLE")?;
            let amount = match applied["valueType"].as_str() {
                Some("FIXED_AMOUNT") => {
                    let exact = units(
                        applied["amountWithCurrency"]["amount"].as_str().unwrap(),
                        draft.decimals,
                    );
                    let scale = 10_f64.powi(i32::try_from(draft.decimals).unwrap());
                    assert!(
                        (value * scale - exact as f64).abs() < 1e-6,
                        "{value} is not {exact}"
                    );
                    exact
                }
                Some("PERCENTAGE") => (draft.total() as f64 * value / 100.0).round() as i64,
                _ => return Err("INVALID_VARIABLE"),
            };
            let text = |name: &str| applied[name].as_str().unwrap().to_owned();
            let amount = amount.min(draft.total());
            draft.applied = Some((text("title"), text("description"), amount));
        }
    }
    // Lists are set as a whole.
    if let Some(tags) = input["tags"].as_array() {
        draft.tags = tags
            .iter()
            .map(|tag| tag.as_str().unwrap().to_owned())
            .collect();
    }
    if let Some(attributes) = input["customAttributes"].as_array() {
        draft.attributes.clone_from(attributes);
    }
    draft.updated = clock;
    Ok(None)
}
