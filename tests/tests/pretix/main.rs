//! A real pretix, from the gate to a wallet: tickets are sold and scanned over its API, its webhooks call
//! the service, our Registry's vouchers end in a Pocket.
#![allow(clippy::unwrap_used, reason = "a test")]

mod dates;
mod served;
mod server;

use std::{
    io::Write,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::json;
use server::{Bought, Evening, ORGANIZER, Server};
use tokio::net::TcpListener;
use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock, MINUTE_MS, Span, Subject, SystemClock, Timestamp,
    award::Issuer,
    campaign::{Campaign, Collect, Line},
    claim::Claims,
    collector::Collector,
    dispatcher::Dispatcher,
    pocket::Pocket,
    privacy::{KeyStore, MemoryKeyStore},
    protocol::Link,
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
};
use wom_service::{Programme, Service, Source};
use wom_store::SqliteStore;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long the play is.
const MINUTES: i64 = 135;
const SOURCE: &str = "box-office";

/// The present, moved.
#[derive(Debug, Default)]
struct HandClock(AtomicI64);

impl HandClock {
    fn set(&self, at: Timestamp) {
        let moved = at.since(SystemClock.now());
        self.0.store(moved, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The service with a campaign, and what a test looks at behind its back.
struct House {
    folder: tempfile::TempDir,
    registry: TestRegistry,
    store: Arc<dyn Store>,
    collector: Collector,
    dispatcher: Dispatcher,
    url: String,
    namespace: String,
}

impl House {
    async fn open(server: &Server, clock: Arc<HandClock>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        std::fs::write(dir.join("token"), &server.reader).unwrap();
        std::fs::write(dir.join("password"), "knock").unwrap();
        let (token, password) = (dir.join("token"), dir.join("password"));
        let settings = Settings::from_texts([
            ("address", server.url.as_str()),
            ("organizer", ORGANIZER),
            ("secret_files", token.to_str().unwrap()),
            ("webhook_username", "pretix"),
            ("webhook_secret_files", password.to_str().unwrap()),
        ]);
        let catalog = Catalog::standard();
        let adapter = catalog.instrument("ticketing.pretix", &settings).unwrap();
        let rules = catalog.rule_set("attendance/1", &Settings::none()).unwrap();
        let registry = TestRegistry::start(dir.join("registry")).await.unwrap();
        let aims = ["C".parse().unwrap()];
        let instrument = registry
            .registry()
            .add_instrument("Theatre", &aims)
            .await
            .unwrap();
        let client = RegistryClient::new(registry.url()).unwrap();
        let issuer = InstrumentClient::new(client, instrument.id, instrument.key).unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.join("wom.db")).await.unwrap());
        let keys: Arc<dyn KeyStore> = Arc::new(MemoryKeyStore::default());
        let now = SystemClock.now();
        let campaign = Campaign {
            name: "theatre".to_owned(),
            zone: "Europe/Rome".parse().unwrap(),
            runs: Span::new(now.plus_millis(-30 * DAY_MS), now.plus_millis(30 * DAY_MS)).unwrap(),
            settlement_ms: 30 * MINUTE_MS,
            lateness_ms: Campaign::LATENESS_MS,
            place: "43.72,12.63".parse().unwrap(),
            lines: vec![Line::all_day("culture", "C".parse().unwrap())],
            collect: Collect::OnTap,
        };
        let zone = campaign.zone.clone();
        let identity = issuer.identity().clone();
        let collector = Collector::new(
            Arc::clone(&store),
            Arc::clone(&keys),
            clock.clone(),
            identity,
            campaign,
            rules,
        );
        let dispatcher = Dispatcher::open(
            Arc::clone(&store),
            Arc::new(issuer),
            Arc::clone(&keys),
            clock.clone(),
        );
        let dispatcher = dispatcher.await.unwrap();
        let programme = Programme::new(
            "theatre",
            Arc::clone(&store),
            keys,
            collector.clone(),
            dispatcher.clone(),
            zone,
        );
        let source = Source {
            name: SOURCE.to_owned(),
            adapter: Arc::clone(&adapter),
            pull: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = listener.local_addr().unwrap().to_string();
        let service = Service::builder(format!("http://{url}"))
            .clock(clock.clone())
            .programme(programme.with_source(source))
            .build()
            .unwrap();
        tokio::spawn(async move { service.run(listener, std::future::pending()).await });
        let host = server.url.strip_prefix("http://").unwrap();
        Self {
            namespace: format!("pretix:{host}/{ORGANIZER}"),
            collector: collector.with_source(SOURCE, adapter),
            folder,
            registry,
            store,
            dispatcher,
            url,
        }
    }

    /// Until everything that was told is read; gives how much that was.
    async fn heard(&self) -> u64 {
        let mut done = 0;
        until("everything is read", async || {
            let deliveries = self.store.numbers().await.unwrap().deliveries;
            let is_done = |state: &str| state == "done";
            let read = deliveries.iter().filter(|count| is_done(&count.state));
            done = read.map(|count| count.count).sum::<u64>();
            deliveries.iter().all(|count| is_done(&count.state))
        })
        .await;
        done
    }

    async fn waiting_minutes(&self) -> u64 {
        self.store.numbers().await.unwrap().uncollected_minutes
    }

    fn claims(&self) -> Claims {
        Claims::new(self.collector.clone(), self.dispatcher.clone())
    }

    /// What somebody gets into a wallet for a ticket.
    async fn collect(&self, event: &str, ticket: &Bought, wallet: &Pocket) -> u32 {
        let id = format!("{event}/{}", ticket.position);
        let subject = Subject::new(self.namespace.clone(), id).unwrap();
        let client = PocketClient::new(RegistryClient::new(self.registry.url()).unwrap());
        let claims = self.claims();
        let mut minutes = 0;
        for claim in claims.of(&subject).await.unwrap() {
            let link = Link::Vouchers(claim.ticket.otc.clone());
            let redeemed = wallet.redeem(&client, &link, &claim.ticket.pin, None);
            minutes += redeemed.await.unwrap().vouchers;
            claims.acknowledge(claim.key).await.unwrap();
        }
        minutes
    }
}

/// Lets pretix call whoever serves at this address; gives the webhook's id.
async fn listen(server: &Server, address: &str) -> u64 {
    let webhook = json!({
        "enabled": true, "all_events": true, "limit_events": [],
        "target_url": format!("http://pretix:knock@{address}/in/{SOURCE}"),
        "action_types": [
            "pretix.event.order.placed", "pretix.event.order.paid", "pretix.event.order.canceled",
            "pretix.event.order.changed.*", "pretix.event.checkin", "pretix.event.checkin.reverted",
        ],
    });
    let made = server.post("webhooks/", webhook).await;
    made["id"].as_u64().unwrap()
}

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(Instant::now() < deadline, "not yet: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn start(home: &Path) -> Server {
    let python = std::env::var("WOM_PRETIX").expect("WOM_PRETIX names a Python that has pretix");
    let home = home.to_owned();
    let server = tokio::task::spawn_blocking(move || Server::start(python.into(), home));
    let server = server.await.unwrap();
    server.ready().await;
    server
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs pretix: see ./test"]
async fn pretix_scans_become_vouchers_and_what_was_taken_back_does_not() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let begun = Instant::now();
    let home = tempfile::tempdir().unwrap();
    let server = start(home.path()).await;
    println!("pretix serves after {:?}", begun.elapsed());
    served::served(&server).await;
    println!(
        "a process of its own had served after {:?}",
        begun.elapsed()
    );
    evening(&server, &lines).await;
    println!("an evening was over after {:?}", begun.elapsed());
    dates::dates(&server).await;
    println!("all of it took {:?}", begun.elapsed());
}

async fn evening(server: &Server, lines: &Lines) {
    // The play was yesterday; by the service's clock it ended two minutes ago.
    let yesterday = SystemClock.now().plus_millis(-DAY_MS - MINUTES * MINUTE_MS);
    let begin = Timestamp::from_seconds(yesterday.as_seconds() / 60 * 60);
    let after = |minutes: i64, seconds: i64| {
        begin
            .plus_millis(minutes * MINUTE_MS + seconds * 1000)
            .to_string()
    };
    let end = begin.plus_millis(MINUTES * MINUTE_MS);
    let clock = Arc::new(HandClock::default());
    clock.set(end.plus_millis(2 * MINUTE_MS));
    let house = House::open(server, Arc::clone(&clock)).await;
    let webhook = listen(server, &house.url).await;
    let play = Evening::plan(server, "play", &after(0, 0), &end.to_string()).await;
    let gate = play.list("Second gate").await;
    let (door, seat) = (play.door, play.seat);

    let on_time = play.sell("ann", &[seat]).await.remove(0);
    assert!(play.scan(door, &on_time, "entry", &after(-10, 0)).await);
    let late = play.sell("ben", &[seat]).await.remove(0);
    assert!(play.scan(door, &late, "entry", &after(35, 40)).await);
    assert!(
        !play.scan(door, &late, "entry", &after(35, 45)).await,
        "redeemed"
    );
    assert!(
        play.scan(gate, &late, "entry", &after(35, 50)).await,
        "another list"
    );
    let left = play.sell("cat", &[seat]).await.remove(0);
    assert!(play.scan(door, &left, "entry", &after(0, 0)).await);
    assert!(play.scan(door, &left, "exit", &after(60, 30)).await);
    let reverted = play.sell("dan", &[seat]).await.remove(0);
    assert!(play.scan(door, &reverted, "entry", &after(1, 0)).await);
    let annulled = play.sell("eve", &[seat]).await.remove(0);
    assert!(play.scan(door, &annulled, "entry", &after(2, 0)).await);
    let cancelled = play.sell("fay", &[seat]).await.remove(0);
    assert!(play.scan(door, &cancelled, "entry", &after(3, 0)).await);
    let absent = play.sell("gus", &[seat]).await.remove(0);
    let car = play.sell("hal", &[play.parking]).await.remove(0);
    assert!(play.scan(door, &car, "entry", &after(4, 0)).await);
    let unpaid = play.order("kim", &[seat]).await.remove(0);
    assert!(play.scan(door, &unpaid, "entry", &after(5, 0)).await);
    let with_tour = play.sell("lea", &[seat, play.tour]).await;
    assert!(play.scan(door, &with_tour[0], "entry", &after(0, 0)).await);
    assert!(play.scan(door, &with_tour[0], "exit", &after(30, 0)).await);
    assert!(play.scan(gate, &with_tour[1], "entry", &after(35, 0)).await);
    assert!(play.scan(gate, &with_tour[1], "exit", &after(50, 0)).await);
    let paid_later = play.order("moe", &[seat]).await.remove(0);
    assert!(play.scan(door, &paid_later, "entry", &after(-1, 0)).await);
    let told = house.heard().await;
    assert_eq!(told, 11, "an order each, however often it was told of");
    assert_eq!(house.waiting_minutes().await, 0, "nothing is settled yet");

    // What is told of: a scan taken back in the pages, a cancelled order, a payment.
    let mut pages = server.pages().await;
    let bulk = format!("/control/event/{ORGANIZER}/play/checkinlists/{door}/bulk_action");
    let position = reverted.position.to_string();
    let status = pages
        .post(&bulk, &[("checkin", &position), ("revert", "true")])
        .await;
    assert_eq!(status, StatusCode::FOUND);
    play.post(
        &format!("orders/{}/mark_canceled/", cancelled.code),
        json!({"send_email": false}),
    )
    .await;
    play.post(
        &format!("orders/{}/mark_paid/", paid_later.code),
        json!({"send_email": false}),
    )
    .await;
    house.heard().await;

    // What is not told of: found by pulling.
    let webhook = format!("webhooks/{webhook}/");
    server.patch(&webhook, json!({"enabled": false})).await;
    let missed = play.sell("ian", &[seat]).await.remove(0);
    assert!(play.scan(door, &missed, "entry", &after(10, 0)).await);
    house.collector.pull(SOURCE).await.unwrap();
    let again = play.sell("joe", &[seat]).await.remove(0);
    house.collector.pull(SOURCE).await.unwrap();
    assert!(play.scan(door, &again, "entry", &after(34, 59)).await);
    house.collector.pull(SOURCE).await.unwrap();

    // What nothing tells of but a look before settling, which has to be answered.
    play.annul(door, &annulled, &after(2, 0)).await;
    server.patch(&webhook, json!({"enabled": true})).await;
    server.stop();
    clock.set(end.plus_millis(31 * MINUTE_MS));
    let said = |words: &str| String::from_utf8_lossy(&lines.0.lock().unwrap()).contains(words);
    until("it is noticed", async || said("a source does not answer")).await;
    assert_eq!(
        house.waiting_minutes().await,
        0,
        "who does not answer is not taken to agree"
    );
    server.serve();
    server.ready().await;
    clock.set(end.plus_millis(60 * MINUTE_MS));
    let expected = [
        (&on_time, 135),
        (&late, 99),
        (&left, 60),
        (&reverted, 0),
        (&annulled, 0),
        (&cancelled, 0),
        (&absent, 0),
        (&car, 0),
        (&unpaid, 0),
        (&with_tour[0], 45),
        (&with_tour[1], 0),
        (&paid_later, 135),
        (&missed, 125),
        (&again, 100),
    ];
    let total = expected
        .iter()
        .map(|(_, minutes)| u64::from(*minutes))
        .sum::<u64>();
    let mut waiting = 0;
    until(&format!("{total} minutes are settled"), async || {
        waiting = house.waiting_minutes().await;
        waiting >= total
    })
    .await;
    assert_eq!(waiting, total);

    let wallet = Pocket::open(house.folder.path().join("pocket.json")).unwrap();
    for (ticket, minutes) in expected {
        let collected = house.collect("play", ticket, &wallet).await;
        assert_eq!(collected, minutes, "position {}", ticket.position);
    }
    // What is claimed stays so, and coming again brings nothing.
    let position = on_time.position.to_string();
    pages
        .post(&bulk, &[("checkin", &position), ("revert", "true")])
        .await;
    assert!(play.scan(door, &on_time, "entry", &after(0, 0)).await);
    house.heard().await;
    assert_eq!(house.collect("play", &on_time, &wallet).await, 0);
    assert_eq!(house.registry.books().await.unwrap().total.redeemed, total);

    // Who they are stays in pretix.
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let mut kept = vec![("the log", log)];
    for file in ["wom.db", "wom.db-wal"] {
        let bytes = std::fs::read(house.folder.path().join(file)).unwrap_or_default();
        kept.push((file, String::from_utf8_lossy(&bytes).into_owned()));
    }
    for (place, text) in kept {
        let text = text.to_lowercase();
        for (ticket, _) in expected {
            for hidden in [&ticket.code, &ticket.barcode] {
                assert!(
                    !text.contains(&hidden.to_lowercase()),
                    "{hidden} is in {place}"
                );
            }
        }
        for hidden in ["canary", "knock", server.reader.as_str(), "play/"] {
            assert!(!text.contains(hidden), "{hidden} is in {place}");
        }
    }
}
