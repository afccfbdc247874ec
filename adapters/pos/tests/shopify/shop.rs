//! A Shopify that does what its documentation says, as far as the adapter asks.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use wom_adapter_pos::{Shopify, ShopifyConfig};
use wom_sdk::{
    Timestamp,
    merchant::{Merchant, OrderId},
    testing::conformance::merchant::Fixture,
};

use crate::{
    graph::Selection,
    trouble::{Troubles, after, before},
};

/// What must come out nowhere: it stands wherever a shop has something of a customer.
pub(crate) const CANARY: &str = "Sara Bianchi";

pub(crate) const TOKEN: &str = "shpat_canary";

/// The versions that are served.
const VERSIONS: [&str; 4] = ["2026-01", "2026-04", "2026-07", "2026-10"];

#[derive(Clone, Debug)]
pub(crate) struct Code {
    id: u64,
    pub(crate) code: String,
    pub(crate) title: String,
    pub(crate) lives: bool,
    pub(crate) input: Value,
    pub(crate) used: u64,
}

/// A draft, or an order.
#[derive(Clone, Debug)]
pub(crate) struct Sold {
    /// `OPEN`, `INVOICE_SENT`, `COMPLETED` of a draft; else how it is paid.
    pub(crate) status: String,
    pub(crate) cancelled: bool,
    pub(crate) currency: &'static str,
    pub(crate) decimals: usize,
    pub(crate) lines: Vec<i64>,
    /// The discount on the whole: title, description and amount.
    pub(crate) applied: Option<(String, String, i64)>,
    /// A code and its amount.
    pub(crate) code: Option<(String, i64)>,
    pub(crate) tags: Vec<String>,
    pub(crate) attributes: Vec<Value>,
    pub(crate) takes_codes: bool,
    pub(crate) ready: bool,
    pub(crate) updated: i64,
    /// What a draft became.
    pub(crate) order: Option<u64>,
}

impl Sold {
    pub(crate) fn total(&self) -> i64 {
        let off = |it: &Option<(String, i64)>| it.as_ref().map_or(0, |(_, amount)| *amount);
        let applied = self.applied.as_ref().map_or(0, |(_, _, amount)| *amount);
        self.lines.iter().sum::<i64>() - applied - off(&self.code)
    }
}

pub(crate) struct Books {
    pub(crate) tokens: Vec<String>,
    /// Client secrets, each good for a token.
    pub(crate) clients: Vec<String>,
    pub(crate) codes: Vec<Code>,
    pub(crate) drafts: BTreeMap<u64, Sold>,
    pub(crate) orders: BTreeMap<u64, Sold>,
    pub(crate) asked: Vec<(String, Vec<String>)>,
    /// So many codes are made with an error as the answer.
    pub(crate) lies: usize,
    /// The index of tags is behind.
    pub(crate) lags: bool,
    /// The description of a draft's discount does not go along with it.
    pub(crate) forgets: bool,
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
            tokens: vec![TOKEN.to_owned()],
            clients: Vec::new(),
            codes: Vec::new(),
            drafts: BTreeMap::new(),
            orders: BTreeMap::new(),
            asked: Vec::new(),
            lies: 0,
            lags: false,
            forgets: false,
            last: 100,
            clock: 0,
        }));
        let troubles = Arc::new(Troubles::default());
        let app = Router::new()
            .fallback(call)
            .with_state((Arc::clone(&books), Arc::clone(&troubles)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("token"), format!("{TOKEN}\n")).unwrap();
        Self {
            url,
            books,
            troubles,
            dir,
        }
    }

    pub(crate) fn config(&self) -> ShopifyConfig {
        ShopifyConfig {
            endpoint: self.url.clone(),
            secret_files: vec![self.dir.path().join("token")],
            timeout_seconds: 2,
            ..ShopifyConfig::default()
        }
    }

    pub(crate) fn adapter(&self) -> Shopify {
        Shopify::new(self.config()).unwrap()
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// A draft of two tickets, 24.00 in all, with this status.
    pub(crate) fn draft(&self, status: &str) -> OrderId {
        self.draft_in(status, "EUR", 2, &[2_400])
    }

    pub(crate) fn draft_in(
        &self,
        status: &str,
        currency: &'static str,
        decimals: usize,
        lines: &[i64],
    ) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let draft = Sold {
                status: status.to_owned(),
                cancelled: false,
                currency,
                decimals,
                lines: lines.to_vec(),
                applied: None,
                code: None,
                tags: vec!["counter 3".to_owned()],
                attributes: vec![json!({"key": "gift for", "value": CANARY})],
                takes_codes: true,
                ready: true,
                updated: books.clock,
                order: None,
            };
            books.drafts.insert(books.last, draft);
            OrderId(format!("gid://shopify/DraftOrder/{}", books.last))
        })
    }

    pub(crate) fn sold(&self, id: &OrderId) -> Sold {
        self.change(|books| books.drafts[&number(&id.0)].clone())
    }

    pub(crate) fn alter(&self, id: &OrderId, alter: impl FnOnce(&mut Sold)) {
        self.change(|books| {
            books.clock += 1;
            let clock = books.clock;
            let sold = match id.0.contains("Draft") {
                true => books.drafts.get_mut(&number(&id.0)),
                false => books.orders.get_mut(&number(&id.0)),
            };
            let sold = sold.unwrap();
            alter(sold);
            sold.updated = clock;
        });
    }

    /// The draft becomes an order, paid so; its shopper may have entered a code.
    pub(crate) fn complete(&self, id: &OrderId, paid: &str, code: Option<&str>) -> OrderId {
        self.change(|books| {
            books.last += 1;
            books.clock += 1;
            let (number_of_order, clock, forgets) = (books.last, books.clock, books.forgets);
            let entered = code.map(|code| {
                let known = books
                    .codes
                    .iter_mut()
                    .find(|it| it.code.eq_ignore_ascii_case(code));
                let known = known.expect("the code is known");
                assert!(known.lives && known.used == 0, "the code cannot be used");
                known.used += 1;
                known.clone()
            });
            let draft = books.drafts.get_mut(&number(&id.0)).unwrap();
            draft.status = "COMPLETED".to_owned();
            draft.order = Some(number_of_order);
            draft.updated = clock;
            let mut order = draft.clone();
            order.status = paid.to_owned();
            order.order = None;
            order.code = entered.map(|it| (it.code.clone(), amount_of(&it.input, &order)));
            if let Some(applied) = order.applied.as_mut().filter(|_| forgets) {
                applied.1 = "no reason".to_owned();
            }
            books.orders.insert(number_of_order, order);
            OrderId(format!("gid://shopify/Order/{number_of_order}"))
        })
    }

    pub(crate) fn codes(&self, code: &str) -> Vec<Code> {
        self.change(|books| {
            let codes = books.codes.iter();
            codes
                .filter(|it| it.code.eq_ignore_ascii_case(code))
                .cloned()
                .collect()
        })
    }
}

#[async_trait]
impl Fixture for Shop {
    fn open(&self) -> Arc<dyn Merchant> {
        Arc::new(self.adapter())
    }

    async fn order(&self) -> OrderId {
        self.draft("OPEN")
    }
}

fn number(gid: &str) -> u64 {
    gid.rsplit('/').next().unwrap().parse().unwrap()
}

fn time(seconds: i64) -> String {
    Timestamp::from_seconds(1_790_000_000 + seconds).to_string()
}

/// What a code takes off.
fn amount_of(input: &Value, sold: &Sold) -> i64 {
    let value = &input["customerGets"]["value"];
    let amount = match value["discountAmount"]["amount"].as_str() {
        Some(amount) => units(amount, sold.decimals),
        None => (sold.total() as f64 * value["percentage"].as_f64().unwrap()).round() as i64,
    };
    amount.min(sold.total())
}

fn units(text: &str, decimals: usize) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    assert!(fraction.len() <= decimals, "{text} is finer than it can be");
    format!("{whole}{fraction:0<decimals$}").parse().unwrap()
}

impl Sold {
    /// Shopify cuts zeros off, but for one.
    fn bag(&self, units: i64) -> Value {
        let digits = format!("{:0>1$}", units, self.decimals + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.decimals);
        let fraction = fraction.trim_end_matches('0');
        let fraction = if fraction.is_empty() { "0" } else { fraction };
        let money = json!({"amount": format!("{whole}.{fraction}"), "currencyCode": self.currency});
        json!({"shopMoney": money, "presentmentMoney": money})
    }

    fn lines(&self, after: usize) -> Value {
        let of_draft = self.applied.iter().map(|(_, _, amount)| *amount);
        let of_code = self.code.iter().map(|(_, amount)| *amount);
        let offs: Vec<_> = of_draft.chain(of_code).collect();
        let last = self.lines.len() - 1;
        let nodes: Vec<_> = self.lines.iter().enumerate().map(|(at, gross)| {
            // Cents are spread over the lines, and the last one takes what is left.
            let allocations: Vec<_> = offs.iter().enumerate().map(|(index, off)| {
                let each = off / i64::try_from(self.lines.len()).unwrap();
                let own = if at == last { off - each * i64::try_from(last).unwrap() } else { each };
                json!({"allocatedAmountSet": self.bag(own), "discountApplication": {"index": index}})
            }).collect();
            json!({"title": "Ticket", "quantity": 2, "originalTotalSet": self.bag(*gross),
                "discountAllocations": allocations, "customAttributes": [{"key": "for", "value": CANARY}]})
        }).collect();
        let page: Vec<_> = nodes.iter().skip(after).take(50).collect();
        let end = after + page.len();
        json!({"nodes": page, "pageInfo": {"hasNextPage": end < nodes.len(), "endCursor": end.to_string()}})
    }

    fn told(&self, books: &Books, gid: &str, after: usize) -> Value {
        let off = self.lines.iter().sum::<i64>() - self.total();
        let mut told = json!({
            "id": gid, "updatedAt": time(self.updated), "taxesIncluded": true, "email": "sara@example.org",
            "customer": {"displayName": CANARY}, "note": CANARY, "tags": self.tags, "customAttributes": self.attributes,
            "totalDiscountsSet": self.bag(off), "totalShippingPriceSet": self.bag(0), "totalTaxSet": self.bag(433),
            "lineItems": self.lines(after),
        });
        let more = match gid.contains("Draft") {
            true => {
                let applied = self.applied.as_ref().map(|(title, description, amount)| {
                    json!({"title": title, "description": description, "amountSet": self.bag(*amount)})
                });
                let order = self.order.map(|id| {
                    books.orders[&id].told(books, &format!("gid://shopify/Order/{id}"), 0)
                });
                json!({"status": self.status, "ready": self.ready, "allowDiscountCodesInCheckout": self.takes_codes,
                    "totalPriceSet": self.bag(self.total()), "appliedDiscount": applied, "platformDiscounts": [], "order": order})
            }
            false => {
                let manual = self.applied.iter().map(|(title, description, _)| {
                    json!({"__typename": "ManualDiscountApplication", "title": title, "description": description})
                });
                let codes = self.code.iter().map(
                    |(code, _)| json!({"__typename": "DiscountCodeApplication", "code": code}),
                );
                let applications: Vec<_> = manual
                    .chain(codes)
                    .enumerate()
                    .map(|(index, mut it)| {
                        it["index"] = index.into();
                        it
                    })
                    .collect();
                let codes: Vec<_> = self.code.iter().map(|(code, _)| code).collect();
                json!({"cancelledAt": self.cancelled.then(|| time(self.updated)), "displayFinancialStatus": self.status,
                    "currentTotalPriceSet": self.bag(self.total()), "discountApplications": {"nodes": applications},
                    "discountCodes": codes})
            }
        };
        told.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        told
    }
}

type Shared = (Arc<Mutex<Books>>, Arc<Troubles>);

async fn call(State((books, troubles)): State<Shared>, request: Request) -> Response {
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
