//! A pretix that answers from what a real one answered, as far as this adapter asks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use wom_sdk::Timestamp;

/// What was captured.
pub(crate) fn capture(name: &str) -> Value {
    let path = format!(
        "{}/tests/captures/pretix/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// How the imitation misbehaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Well,
    /// Answers this status, with this `Retry-After`.
    Status(u16, Option<u32>),
    /// Answers this in place of JSON.
    Text(&'static str),
    /// Does not answer.
    Silent,
}

/// What the imitation knows, and what it was asked.
#[derive(Default)]
pub(crate) struct Books {
    pub(crate) event: Value,
    pub(crate) items: BTreeMap<u64, Value>,
    pub(crate) subevents: BTreeMap<u64, Value>,
    /// By code.
    pub(crate) orders: BTreeMap<String, Value>,
    /// What was modified and when, by code; scans do not count.
    pub(crate) modified: BTreeMap<String, String>,
    pub(crate) scans: Vec<Value>,
    pub(crate) mood: Mood,
    pub(crate) page_size: usize,
    pub(crate) asked: Vec<String>,
    /// Milliseconds since 23:30; each answer takes one.
    clock: i64,
}

impl Books {
    /// The position with this id, wherever it is.
    pub(crate) fn position(&mut self, id: u64) -> &mut Value {
        let orders = self.orders.values_mut();
        let mut positions = orders.flat_map(|order| order["positions"].as_array_mut().unwrap());
        positions.find(|position| position["id"] == id).unwrap()
    }
}

pub(crate) struct Imitation {
    pub(crate) url: String,
    pub(crate) books: Arc<Mutex<Books>>,
}

impl Imitation {
    /// Knows what was captured at the end of the concert.
    pub(crate) async fn start() -> Self {
        let (event, orders) = (capture("event_and_items"), capture("order_and_positions"));
        let scans = capture("redeem_and_checkins");
        let mut books = Books {
            event: event["event"]["response"].clone(),
            scans: scans["checkins"]["response"]["results"]
                .as_array()
                .unwrap()
                .clone(),
            page_size: 50,
            ..Books::default()
        };
        let item = event["item"]["response"].clone();
        let mut parking = item.clone();
        parking["id"] = 6.into();
        parking["admission"] = false.into();
        parking["program_times"] = json!([]);
        books.items = [(4, item), (6, parking)].into();
        let order = orders["order"]["response"].clone();
        books.orders.insert("TNXKZ".to_owned(), order.clone());
        for alone in [
            "after_revert",
            "checked_in_twice_in_control",
            "after_annulment",
        ] {
            let position = &orders[format!("orderposition_{alone}")]["response"];
            let code = position["order"].as_str().unwrap();
            let mut of_one = order.clone();
            of_one["code"] = code.into();
            of_one["positions"] = json!([position]);
            books.orders.insert(code.to_owned(), of_one);
        }
        books.modified = books
            .orders
            .keys()
            .map(|code| (code.clone(), "2026-11-21T23:10:00Z".to_owned()))
            .collect();
        Self::with(books).await
    }

    pub(crate) async fn with(books: Books) -> Self {
        let books = Arc::new(Mutex::new(books));
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&books));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { url, books }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(&mut self.books.lock().unwrap())
    }

    /// What was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.change(|books| std::mem::take(&mut books.asked))
    }
}

async fn answer(State(books): State<Arc<Mutex<Books>>>, request: Request) -> Response {
    let uri = request.uri().clone();
    let token = request.headers().get(header::AUTHORIZATION);
    let known = token.is_some_and(|token| token == "Token right");
    let mood = {
        let mut books = books.lock().unwrap();
        books.asked.push(uri.to_string());
        books.mood.clone()
    };
    match mood {
        Mood::Silent => std::future::pending().await,
        Mood::Text(text) => return text.into_response(),
        Mood::Status(status, None) => {
            let words = r#"{"detail":"canary of pretix"}"#;
            return (StatusCode::from_u16(status).unwrap(), words).into_response();
        }
        Mood::Status(status, Some(after)) => {
            let after = [("retry-after", after.to_string())];
            return (StatusCode::from_u16(status).unwrap(), after).into_response();
        }
        Mood::Well if !known => return StatusCode::UNAUTHORIZED.into_response(),
        Mood::Well => {}
    }
    let Some(path) = uri
        .path()
        .strip_prefix("/api/v1/organizers/womdemo/events/")
    else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let query: Vec<(String, String)> =
        url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let mut books = books.lock().unwrap();
    books.clock += 1;
    let parts: Vec<_> = path.split('/').collect();
    let one = |found: Option<&Value>| match found {
        Some(found) => axum::Json(found.clone()).into_response(),
        None => (StatusCode::NOT_FOUND, r#"{"detail":"Not found."}"#).into_response(),
    };
    match parts[..] {
        [""] => books.list(vec![books.event.clone()], &query),
        [event, ..] if books.event["slug"] != event => StatusCode::FORBIDDEN.into_response(),
        [_, ""] => one(Some(&books.event)),
        [_, "items", ""] => books.list(books.items.values().cloned().collect(), &query),
        [_, "items", id, ""] => one(id.parse().ok().and_then(|id| books.items.get(&id))),
        [_, "subevents", ""] => books.list(books.subevents.values().cloned().collect(), &query),
        [_, "subevents", id, ""] => one(id.parse().ok().and_then(|id| books.subevents.get(&id))),
        [_, "orders", ""] => {
            let since = value(&query, "modified_since");
            let fits =
                |code: &String| since.is_none_or(|since| at(&books.modified[code]) >= at(since));
            let code = value(&query, "code");
            let orders = books.orders.iter().filter(|(code, _)| fits(code));
            let orders = orders.filter(|(this, _)| code.is_none_or(|code| *this == code));
            books.list(orders.map(|(_, order)| order.clone()).collect(), &query)
        }
        [_, "orderpositions", id, ""] => {
            let positions = books
                .orders
                .values()
                .flat_map(|order| order["positions"].as_array().unwrap());
            let mut positions =
                positions.filter(|position| position["id"].as_u64() == id.parse().ok());
            one(positions.next())
        }
        [_, "checkins", ""] => {
            let since = value(&query, "created_since").unwrap();
            let scans = books.scans.iter();
            let scans = scans.filter(|scan| at(scan["created"].as_str().unwrap()) >= at(since));
            books.list(scans.cloned().collect(), &query)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut values = query.iter().filter(|(other, _)| other == name);
    values.next().map(|(_, value)| value.as_str())
}

impl Books {
    /// A page, with an address of the next one that leads astray.
    fn list(&self, all: Vec<Value>, query: &[(String, String)]) -> Response {
        let page: usize = value(query, "page").unwrap_or("1").parse().unwrap();
        let first = (page - 1) * self.page_size;
        if first > 0 && first >= all.len() {
            return (StatusCode::NOT_FOUND, r#"{"detail":"Invalid page."}"#).into_response();
        }
        let results: Vec<_> = all.iter().skip(first).take(self.page_size).collect();
        let next = (all.len() > first + self.page_size)
            .then_some("http://127.0.0.1:1/api/v1/organizers/other/?page=2");
        let body = json!({"count": all.len(), "next": next, "previous": null, "results": results});
        let generated = at("2026-11-21T23:30:00Z").plus_millis(self.clock);
        let generated = [("x-page-generated", generated.to_string())];
        (generated, axum::Json(body)).into_response()
    }
}
