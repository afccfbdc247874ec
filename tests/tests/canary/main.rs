//! Canaries: secrets of every class go the whole way at the most talkative level, with everything
//! that can go wrong going wrong, and none is found afterwards: not in what was logged, not in an
//! error or a `Debug`, and once collected not on the disk, however it is written.
#![allow(clippy::unwrap_used, reason = "a test")]

mod study;
mod traces;

use std::{fmt::Write as _, fs, sync::Arc, time::Duration};

use async_trait::async_trait;
use wom_catalog::{Catalog, Settings};
use wom_registry::{NewInstrument, TestRegistry};
use wom_sdk::{
    Clock as _, MINUTE_MS, Result, Span, Subject, SystemClock, Zone,
    award::{Handle, Request, Ticket},
    campaign::{Campaign, Collect, Line},
    cash_desk::CashDesk,
    checkout::Charge,
    claim::Claims,
    collector::{Collector, Directory, Person, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::{FileKeyStore, KeyStore},
    protocol::{Link, Pin},
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

use traces::{assert_absent, assert_no_trace};

const PERSON: &str = "canary-person-7391";
const HANDLE: &str = "canary-handle-5521";
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// Knows whom to hand everything to.
#[derive(Debug)]
struct Town;

#[async_trait]
impl Directory for Town {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        Ok(Some(Person {
            subject: subject.clone(),
            handle: Some(Handle::new(HANDLE).unwrap()),
        }))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_printed_or_left_on_the_disk() {
    let log = traces::log();
    // Everything that is ever printed of a value or an error.
    let mut printed = String::new();

    let folder = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(folder.path().join("registry"))
        .await
        .unwrap();
    let dir = folder.path().join("sdk");
    fs::create_dir(&dir).unwrap();
    let aims = ["H".parse().unwrap()];
    let instrument = registry.registry().add_instrument("Town", &aims).await;
    let instrument: NewInstrument = instrument.unwrap();
    let pos = registry.registry().add_pos("Shop", "Till").await.unwrap();
    let client = RegistryClient::new(registry.url()).unwrap();
    let keys: Arc<dyn KeyStore> = Arc::new(FileKeyStore::create(dir.join("keys.json")).unwrap());
    let sqlite = Arc::new(SqliteStore::open(dir.join("wom.db")).await.unwrap());
    let store: Arc<dyn Store> = Arc::clone(&sqlite) as _;
    let issuer = InstrumentClient::new(
        client.clone(),
        instrument.id.clone(),
        instrument.key.clone(),
    );
    let issuer = Arc::new(issuer.unwrap());
    write!(printed, "{issuer:?} {keys:?} {store:?} {client:?}").unwrap();
    let collector = Collector::new(
        Arc::clone(&store),
        Arc::clone(&keys),
        Arc::new(SystemClock),
        wom_sdk::award::Issuer::identity(&*issuer).clone(),
        campaign(),
        Catalog::standard()
            .rule_set("active-minutes/1", &Settings::none())
            .unwrap(),
    )
    .with_directory(Arc::new(Town));
    let dispatcher = Dispatcher::open(
        Arc::clone(&store),
        issuer,
        Arc::clone(&keys),
        Arc::new(SystemClock),
    )
    .await
    .unwrap();

    // In, with records that are refused too.
    let adapter = Catalog::standard()
        .instrument("activity.json", &Settings::none())
        .unwrap();
    let submission = collector
        .submit(&*adapter, Input::Bytes(activity()), None, &mut Unwatched)
        .await
        .unwrap();
    assert_eq!(submission.refused, 2);
    write!(printed, "{submission:?} {collector:?} {dispatcher:?}").unwrap();
    let claims = Claims::new(collector, dispatcher.clone());
    let person = Subject::new(Subject::PARTICIPANT, PERSON).unwrap();
    let claim = claims.of(&person).await.unwrap().remove(0);
    write!(printed, "{claim:?} {person:?}").unwrap();
    write!(printed, "{}", claims.export(&person).await.unwrap()).unwrap();
    let request = Request::new("H".parse().unwrap(), 9, "43.72,12.63".parse().unwrap())
        .deliver_to(Handle::new(HANDLE).unwrap());
    let direct = dispatcher.award("canary-key-8812", &request).await.unwrap();
    write!(printed, "{request:?} {direct:?}").unwrap();
    let other = Request::new("H".parse().unwrap(), 10, "43.72,12.63".parse().unwrap());
    let reused = dispatcher.award("canary-key-8812", &other).await;
    write!(printed, "{reused:?}").unwrap();

    // Out, with wrong PINs, twice, and a payment.
    let wallet = PocketClient::new(client.clone());
    let pocket = Pocket::open(folder.path().join("wallet.json")).unwrap();
    for ticket in [&claim.ticket, &direct] {
        let link = Link::Vouchers(ticket.otc.clone());
        let wrong = pocket
            .redeem(&wallet, &link, &other_pin(ticket), None)
            .await;
        write!(printed, "{:?} {link:?}", wrong.unwrap_err()).unwrap();
        let redeemed = pocket.redeem(&wallet, &link, &ticket.pin, None).await;
        write!(printed, "{:?}", redeemed.unwrap()).unwrap();
    }
    let payee = PosClient::new(client, pos.id.clone(), pos.key.clone()).unwrap();
    let desk = CashDesk::new(store, Arc::new(payee), keys, Arc::new(SystemClock));
    let charge = Charge::new(5).unwrap();
    let bill = desk.charge("canary-order-1", &charge).await.unwrap();
    let link = Link::Payment(bill.otc.clone());
    let wrong = pocket.pay(&wallet, &link, &other_pin(&bill)).await;
    write!(printed, "{wrong:?} {desk:?} {bill:?}").unwrap();
    let paid = pocket.pay(&wallet, &link, &bill.pin).await.unwrap();
    let state = desk.wait("canary-order-1", Duration::from_secs(20)).await;
    write!(printed, "{paid:?} {:?} {pocket:?}", state.unwrap()).unwrap();

    // Collected, and forgotten.
    claims.acknowledge(claim.key).await.unwrap();
    dispatcher.acknowledge("canary-key-8812").await.unwrap();
    let delivered = dispatcher.award("canary-key-8812", &request).await;
    write!(printed, "{:?}", delivered.unwrap_err()).unwrap();
    claims.erase(&person).await.unwrap();
    claims.close_epochs().await.unwrap();

    let secrets: Vec<(&str, String)> = vec![
        ("person", PERSON.to_owned()),
        ("handle", HANDLE.to_owned()),
        ("award key", "canary-key-8812".to_owned()),
        ("order", "canary-order-1".to_owned()),
        ("claim's code", claim.ticket.otc.reveal()),
        ("direct code", direct.otc.reveal()),
        ("bill's code", bill.otc.reveal()),
        ("source key", inner_line(&instrument.key.to_pkcs1_pem())),
        ("pos key", inner_line(&pos.key.to_pkcs1_pem())),
    ];
    let log = log.so_far();
    assert!(log.len() > 10_000, "nothing was logged at all");
    let pins = [&claim.ticket, &direct, &bill].map(|ticket| ticket.pin.reveal().to_owned());
    for (place, text) in [
        ("the log", &log),
        ("what was printed", &printed.into_bytes()),
    ] {
        for (what, secret) in &secrets {
            assert_absent(text, what, secret, place);
        }
        // Four digits are in every longer number: only standing alone do they tell anything.
        let text = String::from_utf8_lossy(text);
        let words: Vec<_> = text.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let told = pins.iter().any(|pin| {
            let pairs = words.windows(2);
            pairs
                .into_iter()
                .any(|pair| pair[0].eq_ignore_ascii_case("pin") && pair[1] == pin)
        });
        assert!(!told, "a PIN stands in {place}");
    }
    // While everything is open, the write-ahead log too; and the one file that is left.
    assert_no_trace(&dir, &secrets);
    sqlite.close().await.unwrap();
    assert_no_trace(&dir, &secrets);
}

fn campaign() -> Campaign {
    let now = SystemClock.now();
    let runs = Span::new(now.plus_millis(-30 * DAY_MS), now.plus_millis(30 * DAY_MS));
    Campaign {
        name: "walk".to_owned(),
        zone: Zone::UTC,
        runs: runs.unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
        collect: Collect::OnTap,
    }
}

/// A good record, one in the future, one that is no time at all.
fn activity() -> Vec<u8> {
    let day = SystemClock.now().plus_millis(-5 * DAY_MS);
    let start = Zone::UTC
        .start_of(Zone::UTC.day(day))
        .plus_millis(9 * 60 * MINUTE_MS);
    let record = |key: &str, start: String, end: String| {
        format!(
            r#"{{"participant":"{PERSON}","key":"{key}","activity":"walking","start":"{start}","end":"{end}"}}"#
        )
    };
    let later = |minutes: i64| start.plus_millis(minutes * MINUTE_MS).to_string();
    let records = [
        record("1", later(0), later(30)),
        record("2", later(60 * 24 * 20), later(60 * 24 * 20 + 30)),
        record("3", PERSON.to_owned(), later(30)),
    ];
    format!("[{}]", records.join(",")).into_bytes()
}

fn other_pin(ticket: &Ticket) -> Pin {
    loop {
        let pin = Pin::random();
        if pin != ticket.pin {
            return pin;
        }
    }
}

/// A line in the middle of a PEM file.
fn inner_line(pem: &str) -> String {
    pem.lines().nth(3).unwrap().to_owned()
}
