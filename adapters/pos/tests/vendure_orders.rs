//! The list of changed orders of a Vendure shop, against a shop that pages as Vendure does.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router, extract::State, response::IntoResponse, response::Response, routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::AbortHandle};
use wom_adapter_pos::{Vendure, VendureConfig};
use wom_sdk::{
    Kind, Timestamp,
    instrument::Cursor,
    merchant::{Merchant, OrderId},
};

const NOON_MS: i64 = 1_780_000_000_000;

/// The most calls of the shop that one look may make, to end within seconds.
const MOST_CALLS: u64 = 4;

/// The orders by number, and when each changed.
#[derive(Default)]
struct Books {
    orders: BTreeMap<u64, i64>,
    /// How often the list was asked for.
    asked: u64,
    /// Once the list was asked for so often, this order changes at this time.
    changes: Vec<(u64, u64, i64)>,
}

struct Shop {
    books: Arc<Mutex<Books>>,
    address: String,
    password: tempfile::NamedTempFile,
    running: AbortHandle,
}

impl Shop {
    async fn of(orders: impl IntoIterator<Item = (u64, i64)>) -> Self {
        let books = Books {
            orders: orders.into_iter().collect(),
            ..Books::default()
        };
        let books = Arc::new(Mutex::new(books));
        let app = Router::new().route("/admin-api", post(answer));
        let app = app.with_state(Arc::clone(&books));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let running = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let password = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(password.path(), "superadmin").unwrap();
        Self {
            books,
            address,
            password,
            running: running.abort_handle(),
        }
    }

    /// What a process that has just begun reads with.
    fn adapter(&self) -> Vendure {
        let config = VendureConfig {
            endpoint: self.address.clone(),
            username: "superadmin".to_owned(),
            secret_files: vec![self.password.path().to_owned()],
            ..VendureConfig::default()
        };
        Vendure::new(config).unwrap()
    }

    /// Looks until it turns in a circle; gives what was told, and how many looks it took to hear all
    /// of it.
    async fn look(&self, since: Option<Cursor>) -> (BTreeSet<OrderId>, Option<Cursor>, usize) {
        let (mut found, mut cursor, mut heard) = (BTreeSet::new(), since, 0);
        let mut seen = Vec::new();
        while !seen.contains(&cursor) {
            seen.push(cursor.clone());
            let asked = self.books.lock().unwrap().asked;
            let (page, next) = self.adapter().orders(cursor).await.unwrap();
            let calls = self.books.lock().unwrap().asked - asked;
            assert!(calls <= MOST_CALLS, "{calls} calls in one look");
            let known = found.len();
            found.extend(page);
            if found.len() > known {
                heard = seen.len();
            }
            assert!(seen.len() < 500, "it never ends");
            cursor = next;
        }
        (found, cursor, heard)
    }

    fn orders(&self) -> BTreeSet<OrderId> {
        let books = self.books.lock().unwrap();
        books.orders.keys().map(|id| named(*id)).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.running.abort();
    }
}

fn named(id: u64) -> OrderId {
    OrderId(id.to_string())
}

async fn answer(State(books): State<Arc<Mutex<Books>>>, Json(body): Json<Value>) -> Response {
    if body["query"].as_str().unwrap().contains("login") {
        let done = json!({"data": {"login": {"__typename": "CurrentUser"}}});
        return ([("vendure-auth-token", "let-me-in")], Json(done)).into_response();
    }
    let mut books = books.lock().unwrap();
    let listed = list(&books, &body["variables"]["o"]);
    books.asked += 1;
    let asked = books.asked;
    for (after, id, at) in books.changes.clone() {
        if after == asked {
            books.orders.insert(id, at);
        }
    }
    Json(json!({"data": {"orders": {"items": listed}}})).into_response()
}

fn list(books: &Books, options: &Value) -> Vec<Value> {
    let time = |told: &Value| {
        let told = told.as_str()?.parse::<Timestamp>().unwrap();
        Some(told.as_millis() * 2)
    };
    let filter = &options["filter"]["updatedAt"];
    let (after, start, end) = (
        time(&filter["after"]).unwrap_or(i64::MIN),
        time(&filter["between"]["start"]).unwrap_or(i64::MIN),
        time(&filter["between"]["end"]).unwrap_or(i64::MAX),
    );
    // As SQLite compares them, which are texts: a whole second is kept without a fraction, and so is
    // before itself.
    let kept = |at: i64| at * 2 - i64::from(at % 1_000 == 0);
    let asked = |at: i64| kept(at) > after && (start..=end).contains(&kept(at));
    let mut found: Vec<_> = books.orders.iter().filter(|(_, at)| asked(**at)).collect();
    match options["sort"]
        .as_object()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .as_str()
    {
        "id" => {}
        // Equal times are ordered otherwise each time.
        _ => found.sort_by_key(|(id, at)| {
            (
                **at,
                (**id ^ books.asked).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            )
        }),
    }
    let number = |name: &str| usize::try_from(options[name].as_u64().unwrap_or(0)).unwrap();
    let (skip, take) = (number("skip"), number("take"));
    assert!((1..=100).contains(&take), "more than the shop may give");
    let page = found.into_iter().skip(skip).take(take);
    page.map(|(id, at)| json!({"id": id.to_string(), "updatedAt": Timestamp::from_millis(*at).to_string()}))
        .collect()
}

#[tokio::test]
async fn thousands_of_orders_of_one_instant_are_all_told_by_short_looks() {
    let shop = Shop::of((1..=3_210).map(|id| (id, NOON_MS))).await;
    let (found, cursor, looks) = shop.look(None).await;
    assert_eq!(found, shop.orders());
    // 99 are new on each page, as the last one is asked for again.
    assert!(looks <= 9, "{looks} looks");
    // One more is told by the next look.
    shop.books
        .lock()
        .unwrap()
        .orders
        .insert(9_999, NOON_MS + 60_000);
    let (found, _, _) = shop.look(cursor).await;
    assert!(found.contains(&named(9_999)));
}

#[tokio::test]
async fn full_instants_one_after_the_other_and_single_orders_between_are_all_told() {
    let clumps = (0..6_u64).flat_map(|clump| {
        let at = NOON_MS + i64::try_from(clump).unwrap() % 4;
        (0..250).map(move |id| (clump * 1_000 + id, at))
    });
    let singles = (10_000..10_400).map(|id| (id, NOON_MS + 7 * i64::try_from(id).unwrap()));
    let shop = Shop::of(clumps.chain(singles)).await;
    let (found, _, _) = shop.look(None).await;
    assert_eq!(found, shop.orders());
}

#[tokio::test]
async fn orders_that_change_while_pages_are_turned_hide_no_others() {
    // In an instant with many orders, and among orders of other times.
    for apart_ms in [0, 1_000] {
        for changed in 1..12_u64 {
            let at = |id: u64| NOON_MS + apart_ms * i64::try_from(id).unwrap();
            let shop = Shop::of((1..=1_200).map(|id| (id, at(id)))).await;
            let end = NOON_MS + 10_000_000;
            // Some that were read go, the last one of a page among them, and some that were not.
            let changes = [1, 50, 99, 100, 101, 199, 298, 397, 700, 1_200].into_iter();
            shop.books.lock().unwrap().changes = changes.map(|id| (changed, id, end)).collect();
            let (found, _, _) = shop.look(None).await;
            let missed: Vec<_> = shop.orders().difference(&found).cloned().collect();
            assert_eq!(missed, [], "after page {changed}, {apart_ms} ms apart");
        }
    }
}

#[tokio::test]
async fn what_was_told_is_not_told_again_for_ever() {
    let shop =
        Shop::of((1..=500).map(|id| (id, NOON_MS + 60_000 * i64::try_from(id).unwrap()))).await;
    let (_, cursor, _) = shop.look(None).await;
    let (page, next) = shop.adapter().orders(cursor.clone()).await.unwrap();
    assert_eq!((page, next), (vec![named(500)], cursor));
}

#[tokio::test]
async fn what_was_being_written_while_the_list_was_read_is_told_later() {
    let shop = Shop::of([(1, NOON_MS)]).await;
    let (_, cursor, _) = shop.look(None).await;
    let late = (2, NOON_MS - 3_000);
    shop.books.lock().unwrap().orders.extend([late]);
    let (found, _) = shop.adapter().orders(cursor).await.unwrap();
    assert!(found.contains(&named(2)), "{found:?}");
}

#[tokio::test]
async fn an_empty_shop_has_no_cursor_and_a_strange_one_is_refused() {
    let shop = Shop::of([]).await;
    assert_eq!(
        shop.adapter().orders(None).await.unwrap(),
        (Vec::new(), None)
    );
    let strange = Some(Cursor("yesterday".to_owned()));
    let error = shop.adapter().orders(strange).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
}
