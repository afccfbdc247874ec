//! What a till works with, made mortal: its process is killed right before or right after a write, a
//! call of the Registry, or a call of the shop.

use std::{
    collections::BTreeMap,
    fmt,
    io::Write as _,
    process::Command,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use rustix::process::{Signal, getpid, kill_process};
use serde_json::Value;
use wom_sdk::{
    Result, Timestamp,
    award::Ticket,
    checkout::{Charge, CheckoutRecord, Payee},
    protocol::Otc,
    sale::Sale,
    store::{CursorRecord, Store},
    testing::{Layered, StoreLayer},
};

use crate::bar::Ground;

const DIE_AT: &str = "WOM_TILL_DIES_AT";

/// Kills the process when it passes a point for the n-th time.
#[derive(Debug)]
pub(crate) struct Reaper {
    passed: Mutex<BTreeMap<String, u32>>,
    die_at: Option<Point>,
}

/// Before or after what, and which time: the first is 1.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) time: u32,
}

impl Reaper {
    /// As whoever has started this process has [told](Self::tell) it.
    pub(crate) fn told() -> Arc<Self> {
        let die_at = std::env::var(DIE_AT).ok();
        Arc::new(Self {
            passed: Mutex::default(),
            die_at: die_at.map(|text| Point::read(&text)),
        })
    }

    pub(crate) fn tell(process: &mut Command, die_at: Option<&Point>) {
        if let Some(point) = die_at {
            process.env(DIE_AT, point.to_string());
        }
    }

    /// Tells the parent how often each point was passed.
    pub(crate) fn say_passed(&self) {
        for (name, time) in &*self.passed.lock().unwrap() {
            let name = name.clone();
            say(&format!("passed {}", Point { name, time: *time }));
        }
    }

    fn pass(&self, when: &str, what: &str) {
        let name = format!("{when} {what}");
        let time = {
            let mut passed = self.passed.lock().unwrap();
            let time = passed.entry(name.clone()).or_default();
            *time += 1;
            *time
        };
        let here = Point { name, time };
        if self.die_at.as_ref() == Some(&here) {
            say("dies");
            let _ = kill_process(getpid(), Signal::KILL);
            // It takes a moment.
            std::process::abort();
        }
    }

    async fn around<T>(&self, what: &str, call: impl Future<Output = T>) -> T {
        self.pass("before", what);
        let done = call.await;
        self.pass("after", what);
        done
    }
}

impl Point {
    pub(crate) fn read(text: &str) -> Self {
        let (time, name) = text.split_once(' ').unwrap();
        Self {
            name: name.to_owned(),
            time: time.parse().unwrap(),
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.time, self.name)
    }
}

/// Says something to the parent, in one piece.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // The test harness shares the lines: one of our own begins with a mark.
    out.write_all(format!("\n>{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The same ground, on which one can die.
pub(crate) fn ground(ground: Ground, reaper: &Arc<Reaper>) -> Ground {
    Ground {
        store: Arc::new(Layered(MortalStore {
            inner: ground.store,
            reaper: Arc::clone(reaper),
        })),
        payee: Arc::new(MortalPayee {
            inner: ground.payee,
            reaper: Arc::clone(reaper),
        }),
        vendure: way(ground.vendure, Arc::clone(reaper)),
    }
}

#[derive(Debug)]
struct MortalStore {
    inner: Arc<dyn Store>,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl StoreLayer for MortalStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let what = format!("checkout to {}", record.state.name());
        let put = self.inner.put_checkout(record);
        self.reaper.around(&what, put).await
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        let what = format!("sale to {}", sale.state.name());
        self.reaper.around(&what, self.inner.put_sale(sale)).await
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        let put = self.inner.put_cursor(record);
        self.reaper.around("cursor", put).await
    }
}

#[derive(Debug)]
struct MortalPayee {
    inner: Arc<dyn Payee>,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl Payee for MortalPayee {
    fn registry(&self) -> &str {
        self.inner.registry()
    }

    fn pos(&self) -> String {
        self.inner.pos()
    }

    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        let register = self.inner.register(charge, nonce);
        self.reaper.around("register", register).await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.reaper.around("verify", self.inner.verify(otc)).await
    }

    async fn verified(&self, ticket: &Ticket) -> Result<Option<bool>> {
        self.inner.verified(ticket).await
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        self.inner.status(otc).await
    }
}

#[derive(Clone)]
struct Way {
    client: reqwest::Client,
    shop: String,
    reaper: Arc<Reaper>,
}

/// A way to the shop that one can die on: before the shop has heard, or after it did what it was
/// asked for and nobody has heard its answer.
fn way(shop: String, reaper: Arc<Reaper>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let way = Way {
        client: reqwest::Client::builder().no_proxy().build().unwrap(),
        shop,
        reaper,
    };
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let router = Router::new().fallback(pass_on).with_state(way);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn pass_on(
    State(way): State<Way>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let what = operation(&body);
    let mut asked = way.client.post(format!("{}{}", way.shop, uri.path()));
    for name in ["authorization", "content-type"] {
        if let Some(value) = headers.get(name) {
            asked = asked.header(name, value);
        }
    }
    let passed = async {
        let answer = asked.body(body).send().await.unwrap();
        let (status, mut told) = (answer.status(), HeaderMap::new());
        if let Some(token) = answer.headers().get("vendure-auth-token") {
            told.insert("vendure-auth-token", token.clone());
        }
        (status, told, answer.bytes().await.unwrap())
    };
    match READS.contains(&what.as_str()) {
        // Nothing is different for whoever dies around these.
        true => passed.await,
        false => way.reaper.around(&what, passed).await,
    }
}

const READS: [&str; 5] = ["activeChannel", "login", "order", "orders", "promotions"];

/// The name of what is asked for.
fn operation(body: &[u8]) -> String {
    let asked: Value = serde_json::from_slice(body).unwrap();
    let query = asked["query"].as_str().unwrap();
    let (_, inside) = query.split_once('{').unwrap();
    let name = inside.chars().take_while(|it| it.is_ascii_alphanumeric());
    name.collect()
}
