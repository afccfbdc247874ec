//! A WooCommerce that does what its documentation and source say, as far as the adapter asks.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};
use tempfile::TempDir;
use wom_adapter_pos::{WooCommerce, WooCommerceConfig};
use wom_sdk::{
    Clock as _, SystemClock, Timestamp,
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::trouble::{Troubles, after, before};

/// What must come out nowhere: it stands wherever a shop has something of a customer.
pub(crate) const CANARY: &str = "Sara Bianchi";

pub(crate) const KEY: &str = "ck_canary_key:cs_canary_secret";

/// How far the site's zone is ahead of UTC.
const ZONE_MS: i64 = 3_600_000;

/// A coupon, by its id.
#[derive(Clone, Debug)]
pub(crate) struct Coupon {
    pub(crate) id: u64,
    pub(crate) code: String,
    kind: String,
    amount: String,
    pub(crate) individual_use: bool,
    pub(crate) expires: Option<Timestamp>,
    limit: u64,
    pub(crate) used: u64,
    meta: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) status: String,
    pub(crate) currency: &'static str,
    pub(crate) decimals: usize,
    /// What is bought, with tax.
    pub(crate) gross: i64,
    pub(crate) coupons: Vec<(String, i64)>,
    pub(crate) modified: i64,
    pub(crate) paid: bool,
    pub(crate) refunded: i64,
}

impl Order {
    pub(crate) fn total(&self) -> i64 {
        self.gross - self.coupons.iter().map(|(_, amount)| amount).sum::<i64>()
    }
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) keys: Vec<String>,
    pub(crate) coupons: Vec<Coupon>,
    pub(crate) orders: BTreeMap<u64, Order>,
    /// So many calls that write decide, and write only later.
    pub(crate) races: usize,
    pub(crate) asked: Vec<String>,
    /// An order that changes once a page was listed.
    pub(crate) touched: Option<u64>,
    last: u64,
    /// Seconds since 1790000000; each change takes one.
    pub(crate) clock: i64,
}

pub(crate) struct Shop {
    pub(crate) url: String,
    pub(crate) books: Arc<Mutex<Books>>,
    pub(crate) troubles: Arc<Troubles>,
    pub(crate) dir: TempDir,
}

impl Shop {
    pub(crate) async fn start() -> Self {
        let books = Arc::new(Mutex::new(Books {
            keys: vec![KEY.to_owned()],
            last: 100,
            ..Books::default()
        }));
        let troubles = Arc::new(Troubles::default());
        let app = Router::new()
            .fallback(call)
            .with_state((Arc::clone(&books), Arc::clone(&troubles)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("key"), format!("{KEY}\n")).unwrap();
        Self {
            url,
            books,
            troubles,
            dir,
        }
    }

    pub(crate) fn config(&self) -> WooCommerceConfig {
        WooCommerceConfig {
            endpoint: self.url.clone(),
            secret_files: vec![self.dir.path().join("key")],
            timeout_seconds: 2,
            ..WooCommerceConfig::default()
        }
    }

    pub(crate) fn adapter(&self) -> WooCommerce {
        WooCommerce::new(self.config()).unwrap()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// An order of 24.00 with this status.
    pub(crate) fn make(&self, status: &str) -> OrderId {
        self.make_in(status, "EUR", 2, 2_400)
    }

    pub(crate) fn make_in(
        &self,
        status: &str,
        currency: &'static str,
        decimals: usize,
        gross: i64,
    ) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let order = Order {
                status: status.to_owned(),
                currency,
                decimals,
                gross,
                coupons: Vec::new(),
                modified: books.clock,
                paid: matches!(status, "processing" | "completed" | "refunded"),
                refunded: 0,
            };
            books.orders.insert(books.last, order);
            OrderId(books.last.to_string())
        })
    }

    pub(crate) fn order(&self, id: &OrderId) -> Order {
        self.change(|books| books.orders[&id.0.parse().unwrap()].clone())
    }

    pub(crate) fn alter(&self, id: &OrderId, alter: impl FnOnce(&mut Order)) {
        self.change(|books| {
            books.clock += 1;
            let order = books.orders.get_mut(&id.0.parse().unwrap()).unwrap();
            alter(order);
            order.modified = books.clock;
        });
    }

    /// A coupon that staff made.
    pub(crate) fn coupon(&self, code: &str, amount: &str) {
        self.change(|books| {
            books.last += 1;
            books.coupons.push(Coupon {
                id: books.last,
                code: code.to_owned(),
                kind: "fixed_cart".to_owned(),
                amount: amount.to_owned(),
                individual_use: false,
                expires: None,
                limit: 10,
                used: 0,
                meta: json!([{"id": 1, "key": "for", "value": CANARY}]),
            });
        });
    }

    /// What a shopper does in the cart.
    pub(crate) fn enter(&self, id: &OrderId, code: &str) {
        let code = code.to_lowercase();
        self.change(|books| {
            let coupon = books.youngest(&code).expect("the code is known").clone();
            assert!(coupon.used < coupon.limit, "used up");
            let order = books.orders.get_mut(&id.0.parse().unwrap()).unwrap();
            let amount = coupon.on(order);
            order.coupons.push((code, amount));
        });
    }

    pub(crate) fn count(&self, code: &str) -> usize {
        self.change(|books| books.coupons.iter().filter(|it| it.code == code).count())
    }
}

#[async_trait]
impl Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.make("pending")
    }
}

impl Coupon {
    /// What it takes off, at most what is left.
    fn on(&self, order: &Order) -> i64 {
        let amount = match self.kind.as_str() {
            "percent" => order.gross * units(&self.amount, 2) / 10_000,
            _ => units(&self.amount, order.decimals),
        };
        amount.min(order.total())
    }

    fn told(&self) -> Value {
        let expires = self.expires.map(|at| plain(at.as_seconds()));
        json!({
            "id": self.id, "code": self.code, "amount": self.amount, "discount_type": self.kind,
            "individual_use": self.individual_use, "usage_limit": self.limit, "usage_count": self.used,
            "date_expires_gmt": expires, "meta_data": self.meta, "used_by": [CANARY], "email_restrictions": [CANARY],
        })
    }
}

impl Books {
    fn youngest(&self, code: &str) -> Option<&Coupon> {
        self.coupons.iter().rev().find(|it| it.code == code)
    }

    fn told(&self, id: u64) -> Value {
        let order = &self.orders[&id];
        let text = |units: i64| decimal(units, order.decimals);
        // Prices are with 22 % tax, and told without it.
        let net = |gross: i64| (gross * 100 + 61) / 122;
        let both = |gross: i64| (text(net(gross)), text(gross - net(gross)));
        let (subtotal, subtotal_tax) = both(order.gross);
        let coupons: Vec<_> = order
            .coupons
            .iter()
            .map(|(code, gross)| {
                let (discount, discount_tax) = both(*gross);
                json!({"id": 9, "code": code, "discount": discount, "discount_tax": discount_tax, "meta_data": []})
            })
            .collect();
        let discount: i64 = order.coupons.iter().map(|(_, gross)| net(*gross)).sum();
        let refunds = match order.refunded {
            0 => json!([]),
            back => json!([{"id": 1, "reason": CANARY, "total": format!("-{}", text(back))}]),
        };
        let modified = plain(1_790_000_000 + order.modified);
        json!({
            "id": id, "status": order.status, "currency": order.currency, "total": text(order.total()),
            "discount_total": text(discount), "discount_tax": "0.00", "date_modified_gmt": modified,
            "date_paid_gmt": order.paid.then_some("2026-11-28T07:00:00"),
            "line_items": [{"id": 1, "name": "Ticket", "quantity": 2, "subtotal": subtotal, "subtotal_tax": subtotal_tax,
                "price": 9.836_065_573, "meta_data": [{"key": "engraving", "value": CANARY}]}],
            "shipping_lines": [{"method_title": CANARY, "total": "0.00", "total_tax": "0.00"}],
            "fee_lines": [{"name": CANARY, "total": "0", "total_tax": "0"}], "coupon_lines": coupons, "refunds": refunds,
            "billing": {"first_name": CANARY, "email": "sara@example.org"}, "customer_note": CANARY,
        })
    }
}

type Shared = (Arc<Mutex<Books>>, Arc<Troubles>);

async fn call(State((books, troubles)): State<Shared>, request: Request) -> Response {
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

/// A time in UTC that does not say so.
fn plain(seconds: i64) -> String {
    let text = Timestamp::from_seconds(seconds).to_string();
    text.trim_end_matches('Z').to_owned()
}

fn decimal(units: i64, decimals: usize) -> String {
    let digits = format!("{:0>1$}", units, decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    match decimals {
        0 => whole.to_owned(),
        _ => format!("{whole}.{fraction}"),
    }
}

fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} is finer than it can be");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}
