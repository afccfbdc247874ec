//! What it answers, and what it refuses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use wom_sdk::{Clock as _, SystemClock, Timestamp};

use super::{Books, CANARY, Coupon, Order};
use crate::trouble::{Troubles, after, before};

/// How far the site's zone is ahead of UTC.
const ZONE_MS: i64 = 3_600_000;

type Shared = (Arc<Mutex<Books>>, Arc<Troubles>);

pub(super) async fn call(State((books, troubles)): State<Shared>, request: Request) -> Response {
    let label = format!("{} {}", request.method(), request.uri());
    books.lock().unwrap().asked.push(label.clone());
    let trouble = troubles.take(&label);
    if let Some(answer) = before(trouble.as_ref()).await {
        return answer;
    }
    let answer = serve(&books, request).await;
    after(trouble.as_ref(), answer)
}

fn fault(status: u16, code: &str) -> Response {
    let body =
        json!({"code": code, "message": format!("Sorry, {CANARY}."), "data": {"status": status}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

async fn serve(books: &Mutex<Books>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let text = parts.uri.query().unwrap_or_default();
    assert!(!text.contains("consumer_"), "a key in an address");
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect();
    let shown = parts.headers.get(header::AUTHORIZATION);
    let shown = shown.map(|it| it.to_str().unwrap().to_owned());
    let known = books.lock().unwrap().keys.clone();
    let known = known
        .iter()
        .map(|key| format!("Basic {}", BASE64.encode(key)));
    if !known.into_iter().any(|key| Some(key) == shown) {
        return fault(401, "woocommerce_rest_authentication_error");
    }
    let Some(path) = parts.uri.path().strip_prefix("/wp-json/wc/v3/") else {
        return fault(404, "rest_no_route");
    };
    // Without this type WordPress reads no JSON.
    let is_json = parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it == "application/json");
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let body: Value = match is_json {
        true => serde_json::from_slice(&body).unwrap(),
        false => json!({}),
    };
    let answer = match (
        parts.method.as_str(),
        &path.split('/').collect::<Vec<_>>()[..],
    ) {
        ("GET", ["orders"]) => {
            let mut books = books.lock().unwrap();
            let listed = list_orders(&books, &query);
            if let Some(touched) = books.touched.take() {
                books.orders.get_mut(&touched).unwrap().modified = 5_000;
            }
            listed
        }
        ("GET", ["orders", id]) => {
            let (books, id) = (books.lock().unwrap(), id.parse().unwrap());
            match books.orders.contains_key(&id) {
                true => Ok(books.told(id)),
                false => Err((404, "woocommerce_rest_shop_order_invalid_id".to_owned())),
            }
        }
        ("POST", ["orders", id]) => change_order(books, id.parse().unwrap(), &body).await,
        ("GET", ["data", "currencies", "current"]) => {
            Ok(json!({"code": "EUR", "name": "Euro", "symbol": "&euro;"}))
        }
        ("GET", ["coupons"]) => Ok(list_coupons(&books.lock().unwrap(), &query)),
        ("POST", ["coupons"]) => make_coupon(books, &body).await,
        ("DELETE", ["coupons", id]) => {
            assert_eq!(query["force"], "true", "into the bin");
            let (mut books, id) = (books.lock().unwrap(), id.parse::<u64>().unwrap());
            let before = books.coupons.len();
            books.coupons.retain(|it| it.id != id);
            match books.coupons.len() < before {
                true => Ok(json!({"id": id})),
                false => Err((404, "woocommerce_rest_shop_coupon_invalid_id".to_owned())),
            }
        }
        _ => Err((404, "rest_no_route".to_owned())),
    };
    match answer {
        Ok(answer) => axum::Json(only(answer, query.get("_fields"))).into_response(),
        Err((status, code)) => fault(status, &code),
    }
}

/// The fields that were asked for, of one or of each.
fn only(answer: Value, fields: Option<&String>) -> Value {
    let Some(fields) = fields else { return answer };
    let keep = |one: Value| {
        let Value::Object(one) = one else { return one };
        let kept = one
            .into_iter()
            .filter(|(name, _)| fields.split(',').any(|field| field == name));
        Value::Object(kept.collect())
    };
    match answer {
        Value::Array(all) => Value::Array(all.into_iter().map(keep).collect()),
        one => keep(one),
    }
}

type Answered = Result<Value, (u16, String)>;

fn invalid(code: &str) -> (u16, String) {
    (400, code.to_owned())
}

fn list_orders(books: &Books, query: &BTreeMap<String, String>) -> Answered {
    let get = |name: &str| query.get(name).map(String::as_str);
    let per_page: usize = get("per_page").unwrap_or("10").parse().unwrap();
    let page: usize = get("page").unwrap_or("1").parse().unwrap();
    if per_page > 100 || !matches!(get("orderby"), Some("modified" | "date" | "id") | None) {
        return Err(invalid("rest_invalid_param"));
    }
    let after = get("modified_after").map(|after| match after.strip_suffix('Z') {
        // It is moved into the site's zone, and compared with UTC.
        Some(_) => after.parse::<Timestamp>().unwrap().plus_millis(ZONE_MS),
        None => {
            let zone = if get("dates_are_gmt") == Some("true") {
                0
            } else {
                -ZONE_MS
            };
            format!("{after}Z")
                .parse::<Timestamp>()
                .unwrap()
                .plus_millis(zone)
        }
    });
    let fits = |order: &Order| {
        let modified = Timestamp::from_seconds(1_790_000_000 + order.modified);
        after.is_none_or(|after| modified > after)
    };
    let found = books.orders.iter().filter(|(_, order)| fits(order));
    let mut found: Vec<_> = found.map(|(id, order)| (order.modified, *id)).collect();
    found.sort_unstable();
    if get("order") != Some("asc") {
        found.reverse();
    }
    let found = found.into_iter().skip((page - 1) * per_page).take(per_page);
    Ok(found.map(|(_, id)| books.told(id)).collect())
}

fn list_coupons(books: &Books, query: &BTreeMap<String, String>) -> Value {
    if let Some(code) = query.get("code") {
        let found = books.youngest(&code.to_lowercase());
        return found.map(Coupon::told).into_iter().collect();
    }
    let search = query["search"].to_lowercase();
    let found = books.coupons.iter().filter(|it| it.code.contains(&search));
    found.map(Coupon::told).collect()
}

/// Lets others in between a decision and what is written because of it, as PHP does.
async fn race(books: &Mutex<Books>) {
    let races = {
        let mut books = books.lock().unwrap();
        let races = books.races > 0;
        books.races = books.races.saturating_sub(1);
        races
    };
    if races {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn make_coupon(books: &Mutex<Books>, body: &Value) -> Answered {
    let Some(code) = body["code"].as_str() else {
        return Err(invalid("rest_missing_callback_param"));
    };
    let code = code.to_lowercase();
    let known = ["fixed_cart", "percent", "fixed_product"];
    let kind = body["discount_type"].as_str().unwrap_or_default();
    let amount = body["amount"].as_str().unwrap_or_default();
    if !known.contains(&kind) || amount.parse::<f64>().is_err() || !body["usage_limit"].is_u64() {
        return Err(invalid("rest_invalid_param"));
    }
    if books.lock().unwrap().youngest(&code).is_some() {
        return Err(invalid("woocommerce_rest_coupon_code_already_exists"));
    }
    race(books).await;
    let expires = body["date_expires"].as_str().map(|text| {
        // With a Z, and without fractions, it is UTC; else it is the site's own time.
        match text.len() == 20 && text.ends_with('Z') {
            true => text.parse::<Timestamp>().unwrap(),
            false => format!("{}Z", &text[..19])
                .parse::<Timestamp>()
                .unwrap()
                .plus_millis(-ZONE_MS),
        }
    });
    let mut books = books.lock().unwrap();
    books.last += 1;
    let coupon = Coupon {
        id: books.last,
        code,
        kind: kind.to_owned(),
        amount: amount.to_owned(),
        individual_use: body["individual_use"].as_bool().unwrap_or(false),
        expires,
        limit: body["usage_limit"].as_u64().unwrap(),
        used: 0,
        meta: body["meta_data"].clone(),
    };
    books.coupons.push(coupon.clone());
    Ok(coupon.told())
}

async fn change_order(books: &Mutex<Books>, id: u64, body: &Value) -> Answered {
    let Some(lines) = body["coupon_lines"].as_array() else {
        return Ok(Value::Null);
    };
    let now = SystemClock.now();
    let held: Vec<String> = {
        let books = books.lock().unwrap();
        let Some(order) = books.orders.get(&id) else {
            return Err(invalid("woocommerce_rest_shop_order_invalid_id"));
        };
        order.coupons.iter().map(|(code, _)| code.clone()).collect()
    };
    let is_good = |books: &Books, code: &str, on_it: bool| {
        let coupon = books.youngest(code);
        coupon.is_some_and(|it| {
            (on_it || it.used < it.limit) && it.expires.is_none_or(|expires| now < expires)
        })
    };
    let mut codes = Vec::new();
    for line in lines {
        if !line["id"].is_null() {
            return Err(invalid("woocommerce_rest_coupon_item_id_readonly"));
        }
        let Some(code) = line["code"].as_str() else {
            return Err(invalid("woocommerce_rest_invalid_coupon"));
        };
        let code = code.to_lowercase();
        // What is on the order is not looked at before all are taken off.
        if !held.contains(&code) && !is_good(&books.lock().unwrap(), &code, false) {
            return Err(invalid("woocommerce_rest_invalid_coupon"));
        }
        codes.push(code);
    }
    race(books).await;
    let mut books = books.lock().unwrap();
    for code in &held {
        let order = books.orders.get_mut(&id).unwrap();
        if let Some(at) = order.coupons.iter().position(|(other, _)| other == code) {
            order.coupons.remove(at);
        }
        if let Some(coupon) = books.coupons.iter_mut().rev().find(|it| it.code == *code) {
            coupon.used = coupon.used.saturating_sub(1);
        }
    }
    for code in codes {
        if !is_good(&books, &code, true) {
            return Err(invalid("woocommerce_rest_invalid_coupon"));
        }
        let coupon = books.coupons.iter_mut().rev().find(|it| it.code == code);
        let coupon = coupon.unwrap();
        coupon.used += 1;
        let coupon = coupon.clone();
        let order = books.orders.get_mut(&id).unwrap();
        let amount = coupon.on(order);
        order.coupons.push((code, amount));
    }
    books.clock += 1;
    let clock = books.clock;
    books.orders.get_mut(&id).unwrap().modified = clock;
    Ok(books.told(id))
}
