//! A town: a Registry, instruments, POS, and the service over them, each real.

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use wom_catalog::{Catalog, Settings};
use wom_registry::{RegistryOptions, TestRegistry};
use wom_sdk::{
    Clock, SystemClock, Timestamp, Zone,
    campaign::{Campaign, Collect, Line},
    cash_desk::CashDesk,
    checkout::Charge,
    collector::Collector,
    dispatcher::Dispatcher,
    merchant::{Discount, Offer},
    pocket::Pocket,
    privacy::{FileKeyStore, KeyStore},
    protocol::{Link, Pin, parse_link_or_otc},
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    sale::Rules,
    store::{Rate, Store},
};
use wom_service::{
    Connection, Currency, Grant, Programme, Scope, ServedShop, Service, Shops, TillPage, Tills,
    Tokens,
};
use wom_store::SqliteStore;
use zeroize::Zeroizing;

use crate::corner::Corner;

const DAY_MS: i64 = 86_400_000;
/// The file of tokens.
const TOKENS: &str = "tokens.json";

/// The names of the instruments.
pub(crate) const BIKES: &str = "bikes";
pub(crate) const SCHOOL: &str = "school";
/// What people call the first.
pub(crate) const TITLE: &str = "Urbino by bike & on foot";

pub(crate) struct Town {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) registry: TestRegistry,
    pub(crate) service: Service,
    pub(crate) url: String,
    /// The bar, whose till is worked by hand, and the chain's where it is there.
    pub(crate) shops: Shops,
    /// The tills of the chain's shops.
    pub(crate) corner: Corner,
    pub(crate) market: Corner,
    /// What lets a cashier in.
    pub(crate) code: Zeroizing<String>,
    http: Client,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<wom_sdk::Result<()>>,
    tokens: Vec<(String, Zeroizing<String>)>,
}

impl Town {
    pub(crate) async fn new() -> Self {
        Self::with(RegistryOptions::new(), Arc::new(SystemClock)).await
    }

    /// With a Registry of these options, and a clock of the service's own.
    pub(crate) async fn with(options: RegistryOptions, clock: Arc<dyn Clock>) -> Self {
        Self::build(options, clock, false).await
    }

    /// With the two shops of a chain too, whose tills call.
    pub(crate) async fn with_chain(clock: Arc<dyn Clock>) -> Self {
        Self::build(RegistryOptions::new(), clock, true).await
    }

    async fn build(options: RegistryOptions, clock: Arc<dyn Clock>, chain: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = options.key_bits(2048);
        let registry = TestRegistry::start_with(dir.path().join("registry"), options)
            .await
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut held = Tokens::default();
        let tokens = tokens(&mut held);
        held.write(&dir.path().join(TOKENS)).unwrap();
        let keys: Arc<dyn KeyStore> =
            Arc::new(FileKeyStore::create(dir.path().join("keys.json")).unwrap());
        let mut builder = Service::builder(&url)
            .tokens(held)
            .clock(Arc::clone(&clock));
        for name in [BIKES, SCHOOL] {
            let path = dir.path().join(format!("{name}.db"));
            builder = builder.programme(programme(&registry, name, path, Arc::clone(&keys)).await);
        }
        let connection = Connection::new();
        let (page, code) = TillPage::with_code(Arc::clone(&keys));
        let path = dir.path().join("pos.db");
        let (store, tills) = tills(&registry, path, keys, clock, &connection).await;
        let (corner, market) = (Corner::default(), Corner::default());
        let calling = [
            ("corner", "chain/1", &corner),
            ("market", "chain/2", &market),
        ];
        let calling = if chain { &calling[..] } else { &[] };
        let shops = shops(store, &tills, connection, calling);
        let builder = builder.tills(tills).shops(shops.clone()).till_page(page);
        let service = builder.build().unwrap();
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn({
            let service = service.clone();
            async move {
                let stopped = async {
                    let _ = stopped.await;
                };
                service.run(listener, stopped).await
            }
        });
        Self {
            dir,
            registry,
            service,
            url,
            shops,
            corner,
            market,
            code,
            http: Client::builder().no_proxy().build().unwrap(),
            stop: Some(stop),
            running,
            tokens,
        }
    }

    /// Ends the service as an operator does.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.running.await.unwrap().unwrap();
    }

    pub(crate) fn token(&self, name: &str) -> &str {
        let found = self.tokens.iter().find(|(other, _)| other == name);
        found.unwrap().1.as_str()
    }

    /// Writes another grant for a token, as an operator does, and takes the file anew.
    pub(crate) fn regrant(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let file = self.dir.path().join(TOKENS);
        let mut held: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let grants = held.as_object_mut().unwrap().values_mut();
        change(grants.into_iter().find(|it| it["name"] == name).unwrap());
        std::fs::write(&file, held.to_string()).unwrap();
        let tokens = Tokens::read(&file).unwrap();
        self.service.replace(tokens, None, Some(self.shops.clone()));
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Answer {
        let request = self.http.get(format!("{}{path}", self.url));
        Answer::of(request.bearer_auth(self.token(token)).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.post_as(token, path, None, body).await
    }

    /// Posts under an idempotency key.
    pub(crate) async fn post_as(
        &self,
        token: &str,
        path: &str,
        key: Option<&str>,
        body: &Value,
    ) -> Answer {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::of(request.bearer_auth(self.token(token)).send().await.unwrap()).await
    }

    /// Anything else.
    pub(crate) fn http(&self) -> &Client {
        &self.http
    }

    /// A person's wallet.
    pub(crate) fn wallet(&self, name: &str) -> (Pocket, PocketClient) {
        let pocket = Pocket::open(self.dir.path().join(format!("{name}.json"))).unwrap();
        let client = RegistryClient::new(self.registry.url()).unwrap();
        (pocket, PocketClient::new(client))
    }

    /// Puts new vouchers of health into a person's wallet.
    pub(crate) async fn earn(&self, wallet: &str, minutes: u32) {
        let walk = serde_json::json!({
            "aim": "H",
            "minutes": minutes,
            "place": {"latitude": 43.7263, "longitude": 12.6366},
        });
        let award = self.post_as(BIKES, "/awards?wait=20", Some(wallet), &walk);
        let award = award.await.ok(200);
        assert_eq!(self.redeem(wallet, &award["code"]).await, minutes);
    }

    /// Redeems a code that the service gave; the number of vouchers.
    pub(crate) async fn redeem(&self, wallet: &str, code: &Value) -> u32 {
        let (pocket, client) = self.wallet(wallet);
        let redeemed = pocket.redeem(&client, &link(code), &pin(code), None).await;
        redeemed.unwrap().vouchers
    }

    pub(crate) async fn pay(&self, wallet: &str, code: &Value) {
        let (pocket, client) = self.wallet(wallet);
        pocket.pay(&client, &link(code), &pin(code)).await.unwrap();
    }
}

fn link(code: &Value) -> Link {
    parse_link_or_otc(code["link"].as_str().unwrap()).unwrap()
}

fn pin(code: &Value) -> Pin {
    Pin::parse(code["pin"].as_str().unwrap()).unwrap()
}

/// What the service answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) async fn of(response: Response) -> Self {
        let status = response.status();
        let kind = response.headers().get("content-type").cloned();
        let text = response.text().await.unwrap();
        let is_json = kind.is_some_and(|kind| kind.to_str().unwrap().contains("json"));
        let body = match is_json {
            true => serde_json::from_str(&text).unwrap(),
            false => Value::String(text),
        };
        Self { status, body }
    }

    /// The body of an answer with this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Refused with this status and code.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body["code"], code, "{}", self.body);
        assert_eq!(self.body["status"], status, "{}", self.body);
        self.body
    }
}

fn tokens(held: &mut Tokens) -> Vec<(String, Zeroizing<String>)> {
    let grant = |name: &str, scopes: &[Scope], instrument: Option<&str>, pos: &[&str]| Grant {
        name: name.to_owned(),
        scopes: scopes.to_vec(),
        instrument: instrument.map(ToOwned::to_owned),
        pos: pos.iter().map(|&name| name.to_owned()).collect(),
    };
    [
        grant(BIKES, &Scope::ALL, Some(BIKES), &[]),
        grant(SCHOOL, &Scope::ALL, Some(SCHOOL), &[]),
        grant("reader", &[Scope::Metrics], None, &[]),
        grant("bar", &[Scope::Checkouts], None, &["bar"]),
        grant("chain", &[Scope::Checkouts], None, &["chain/*"]),
    ]
    .into_iter()
    .map(|grant| (grant.name.clone(), held.issue(grant).unwrap()))
    .collect()
}

async fn programme(
    registry: &TestRegistry,
    name: &str,
    path: PathBuf,
    keys: Arc<dyn KeyStore>,
) -> Programme {
    let aims = ["H", "UM"].map(|aim| aim.parse().unwrap());
    let instrument = registry.add_instrument(name, &aims).await.unwrap();
    let client = RegistryClient::new(registry.url()).unwrap();
    let issuer = InstrumentClient::new(client, instrument.id, instrument.key).unwrap();
    programme_of(issuer, name, path, keys).await
}

/// An instrument that the Registry knows already.
pub(crate) async fn programme_of(
    issuer: InstrumentClient,
    name: &str,
    path: PathBuf,
    keys: Arc<dyn KeyStore>,
) -> Programme {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).await.unwrap());
    let clock = Arc::new(SystemClock);
    let dispatcher = Dispatcher::open(
        Arc::clone(&store),
        Arc::new(issuer),
        Arc::clone(&keys),
        clock.clone(),
    )
    .await
    .unwrap();
    let rules = Catalog::standard()
        .rule_set("active-minutes/1", &Settings::none())
        .unwrap();
    let campaign = campaign(name);
    let zone = campaign.zone.clone();
    let collector = Collector::new(
        Arc::clone(&store),
        Arc::clone(&keys),
        clock,
        dispatcher.identity().clone(),
        campaign,
        rules,
    );
    let programme = Programme::new(name, store, keys, collector, dispatcher, zone);
    match name {
        BIKES => programme.with_title(TITLE),
        _ => programme,
    }
}

/// Ten days ago to ten days ahead, settled at once, collected on tap.
fn campaign(name: &str) -> Campaign {
    let now = SystemClock.now();
    let runs = wom_sdk::Span::new(now.plus_millis(-10 * DAY_MS), now.plus_millis(10 * DAY_MS));
    Campaign {
        name: name.to_owned(),
        zone: Zone::UTC,
        runs: runs.unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::OnTap,
    }
}

async fn tills(
    registry: &TestRegistry,
    path: PathBuf,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    connection: &Connection,
) -> (Arc<dyn Store>, Tills) {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).await.unwrap());
    let mut desks = Vec::new();
    for name in ["bar", "chain/1", "chain/2"] {
        let pos = registry.add_pos(name, "Till").await.unwrap();
        let client = RegistryClient::new(registry.url()).unwrap();
        let payee = PosClient::new(client, pos.id, pos.key).unwrap();
        let payee = connection.listen_to(Arc::new(payee));
        let (keys, clock) = (Arc::clone(&keys), Arc::clone(&clock));
        let desk = CashDesk::new(Arc::clone(&store), payee, keys, clock);
        desks.push((name.to_owned(), desk));
    }
    let rate = Rate {
        per_second: 200,
        burst: 200,
    };
    let tills = Tills::new(Arc::clone(&store), desks, rate).unwrap();
    (store, tills)
}

/// The bar has a till without a connection: 2.00 off for 15 WOM, or a tenth for 30. Those that call, by
/// their names and those of their POS, give 2.00 off, too.
fn shops(
    store: Arc<dyn Store>,
    tills: &Tills,
    connection: Connection,
    calling: &[(&str, &str, &Corner)],
) -> Shops {
    let offer = |title: &str, amount, discount| Offer {
        title: title.to_owned(),
        charge: Charge::new(amount).unwrap(),
        discount,
    };
    let bar = ServedShop::new(
        "bar",
        "bar",
        tills.desk("bar").unwrap().clone(),
        Catalog::standard()
            .merchant("pos.manual", &Settings::none())
            .unwrap(),
        Rules::default(),
        Currency::new("EUR").unwrap(),
    )
    .unwrap()
    .with_title("Bar Ducale")
    .with_connection(connection)
    .with_offer("coffee", offer("2.00 off", 15, Discount::Amount(200)))
    .unwrap()
    .with_offer("tenth", offer("10 % off", 30, Discount::BasisPoints(1_000)))
    .unwrap();
    let calling = calling.iter().map(|&(name, pos, till)| {
        ServedShop::new(
            name,
            pos,
            tills.desk(pos).unwrap().clone(),
            Arc::new(till.clone()),
            Rules::default(),
            Currency::new("EUR").unwrap(),
        )
        .unwrap()
        .with_offer("coffee", offer("2.00 off", 15, Discount::Amount(200)))
        .unwrap()
    });
    Shops::new(store, [bar].into_iter().chain(calling)).unwrap()
}

/// Minutes of yesterday, one record for each stretch, as activity.json.
pub(crate) fn yesterday(person: &str, minutes: i64) -> Vec<u8> {
    days_ago(person, 1, minutes)
}

/// Minutes of a day that is so long ago.
pub(crate) fn days_ago(person: &str, days: i64, minutes: i64) -> Vec<u8> {
    let now = SystemClock.now();
    let start = Zone::UTC
        .start_of(Zone::UTC.day(now.plus_millis(-days * DAY_MS)))
        .plus_millis(9 * 3_600_000);
    let end: Timestamp = start.plus_millis(minutes * 60_000);
    serde_json::json!([{
        "participant": person,
        "key": format!("{person} {days} {minutes}"),
        "activity": "walking",
        "recording": "measured",
        "start": start.to_string(),
        "end": end.to_string(),
    }])
    .to_string()
    .into_bytes()
}

/// Waits until it is so, at most a while.
pub(crate) async fn until<T>(mut so: impl AsyncFnMut() -> Option<T>) -> T {
    let ends = tokio::time::Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(found) = so().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < ends, "it did not become so");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
