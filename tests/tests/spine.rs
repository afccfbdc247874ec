//! The whole way over real HTTP: an instrument awards, a wallet redeems, a shop is paid; and what
//! goes wrong on it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::task::JoinSet;
use wom_registry::{NewInstrument, NewPos, TestRegistry};
use wom_sdk::{
    Clock, Kind, Result, SystemClock, Timestamp,
    award::{Request, Ticket},
    cash_desk::CashDesk,
    checkout::{Charge, State},
    dispatcher::Dispatcher,
    pocket::{Pocket, VoucherState},
    privacy::MemoryKeyStore,
    protocol::{Filter, Link, Otc, Pin, Position},
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient, ReqwestTransport},
    store::Store,
    testing::{Fault, FaultTransport},
};
use wom_store::SqliteStore;

/// The present, and some more.
#[derive(Debug, Default)]
struct HandClock(AtomicI64);

impl HandClock {
    fn forward(&self, minutes: i64) {
        self.0.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A Registry, an instrument and a shop, each with what it needs, and the network between them.
struct World {
    dir: tempfile::TempDir,
    registry: TestRegistry,
    instrument: NewInstrument,
    pos: NewPos,
    faults: FaultTransport,
    client: RegistryClient,
    awards: Dispatcher,
    desk: CashDesk,
    clock: Arc<HandClock>,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(dir.path().join("registry"))
            .await
            .unwrap();
        let aims = ["H", "UM", "0"].map(|aim| aim.parse().unwrap());
        let instrument = registry.add_instrument("Walks", &aims).await.unwrap();
        let pos = registry.add_pos("Bakery", "Till 1").await.unwrap();
        let transport = ReqwestTransport::to(&registry.url().parse().unwrap()).unwrap();
        let faults = FaultTransport::new(transport);
        let client = RegistryClient::builder(registry.url())
            .transport(faults.clone())
            .build()
            .unwrap();
        let store = SqliteStore::open(dir.path().join("sdk.db")).await.unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let keys = Arc::new(MemoryKeyStore::default());
        let clock = Arc::new(HandClock::default());
        let issuer = InstrumentClient::new(
            client.clone(),
            instrument.id.clone(),
            instrument.key.clone(),
        );
        let issuer = Arc::new(issuer.unwrap());
        let awards = Dispatcher::open(Arc::clone(&store), issuer, keys.clone(), clock.clone());
        let payee = PosClient::new(client.clone(), pos.id.clone(), pos.key.clone()).unwrap();
        Self {
            awards: awards.await.unwrap(),
            desk: CashDesk::new(store, Arc::new(payee), keys, clock.clone()),
            dir,
            registry,
            instrument,
            pos,
            faults,
            client,
            clock,
        }
    }

    fn wallet(&self, name: &str) -> (Pocket, PocketClient) {
        let pocket = Pocket::open(self.path(name)).unwrap();
        (pocket, PocketClient::new(self.client.clone()))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.json"))
    }

    async fn award(&self, key: &str, minutes: u32) -> Ticket {
        self.awards.award(key, &walk(minutes)).await.unwrap()
    }

    /// A wallet that redeemed so many vouchers.
    async fn rich(&self, name: &str, minutes: u32) -> (Pocket, PocketClient) {
        let ticket = self.award(name, minutes).await;
        let (pocket, gateway) = self.wallet(name);
        let code = vouchers(&ticket);
        let redeemed = pocket.redeem(&gateway, &code, &ticket.pin, None).await;
        assert_eq!(redeemed.unwrap().vouchers, minutes);
        (pocket, gateway)
    }

    async fn sums(&self) -> (u64, u64, u64, u64) {
        let books = self.registry.books().await.unwrap();
        let total = books.total;
        assert_eq!(books.paid, total.spent);
        (total.issued, total.redeemed, total.spent, total.left())
    }
}

fn walk(minutes: u32) -> Request {
    Request::new("H".parse().unwrap(), minutes, urbino())
}

fn urbino() -> Position {
    Position::new(43.7263, 12.6366).unwrap()
}

fn vouchers(ticket: &Ticket) -> Link {
    Link::Vouchers(ticket.otc.clone())
}

fn payment(ticket: &Ticket) -> Link {
    Link::Payment(ticket.otc.clone())
}

fn charge(amount: u32) -> Charge {
    Charge::new(amount).unwrap()
}

/// A PIN that is not this one.
fn wrong(pin: &Pin) -> Pin {
    let other = |text| Pin::parse(text).unwrap();
    if *pin == other("0000") {
        other("0001")
    } else {
        other("0000")
    }
}

fn kinds<T>(results: &[Result<T>]) -> Vec<&'static str> {
    let mut codes: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().err().map_or("ok", |error| error.code()))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[tokio::test]
async fn minutes_become_vouchers_and_vouchers_a_payment() {
    let world = World::new().await;
    let ticket = world.award("walk 1", 30).await;
    assert_eq!(world.award("walk 1", 30).await, ticket);
    let link = wom_sdk::protocol::parse_link_or_otc(ticket.link.reveal()).unwrap();
    assert_eq!(link, vouchers(&ticket));

    let (pocket, gateway) = world.wallet("anna");
    let redeemed = pocket
        .redeem(&gateway, &link, &ticket.pin, None)
        .await
        .unwrap();
    assert_eq!(
        (redeemed.vouchers, redeemed.source_name.as_str()),
        (30, "Walks")
    );
    assert_eq!(redeemed.source, world.instrument.id);

    let filter = Filter::default()
        .aim("H".parse().unwrap())
        .max_age_days(14)
        .unwrap();
    let asked = Charge {
        filter: Some(filter),
        ..charge(15)
    };
    let ticket = world.desk.charge("order 1", &asked).await.unwrap();
    assert_eq!(world.desk.charge("order 1", &asked).await.unwrap(), ticket);
    let paid = pocket
        .pay(&gateway, &payment(&ticket), &ticket.pin)
        .await
        .unwrap();
    assert_eq!((paid.amount, paid.pos_name.as_str()), (15, "Till 1"));
    let state = world
        .desk
        .wait("order 1", Duration::from_secs(10))
        .await
        .unwrap();
    assert!(matches!(state, State::Paid { .. }), "{state:?}");

    assert_eq!(pocket.balance().unwrap(), [("H".to_owned(), 15)].into());
    assert_eq!(world.sums().await, (30, 30, 15, 15));
    assert_eq!(world.registry.books().await.unwrap().payments, 1);
    assert_eq!(world.faults.sent("auth/key"), 1);
}

#[tokio::test]
async fn each_lost_answer_is_made_good_and_counts_once() {
    let world = World::new().await;
    for operation in [
        "auth/key",
        "voucher/create",
        "voucher/verify",
        "voucher/redeem",
        "payment/register",
        "payment/verify",
        "payment/info",
        "payment/confirm",
        "payment/status",
    ] {
        world.faults.add(operation, [Fault::LoseReply]);
    }
    let ticket = world.award("walk 1", 30).await;
    let (pocket, gateway) = world.wallet("anna");
    let redeem = async || {
        pocket
            .redeem(&gateway, &vouchers(&ticket), &ticket.pin, None)
            .await
    };
    assert_eq!(redeem().await.unwrap_err().kind(), Kind::OutcomeUnknown);
    assert_eq!(redeem().await.unwrap().vouchers, 30);

    let bill = world.desk.charge("order 1", &charge(12)).await.unwrap();
    let pay = async || pocket.pay(&gateway, &payment(&bill), &bill.pin).await;
    assert_eq!(pay().await.unwrap_err().kind(), Kind::OutcomeUnknown);
    assert_eq!(pay().await.unwrap().amount, 12);
    let state = world
        .desk
        .wait("order 1", Duration::from_secs(20))
        .await
        .unwrap();
    assert!(matches!(state, State::Paid { .. }), "{state:?}");
    assert_eq!(pocket.balance().unwrap(), [("H".to_owned(), 18)].into());
    assert_eq!(world.sums().await, (30, 30, 12, 18));
}

#[tokio::test]
async fn wrong_pins_are_told_and_the_third_voids_the_code() {
    let world = World::new().await;
    let ticket = world.award("walk 1", 5).await;
    let (pocket, gateway) = world.wallet("anna");
    let code = vouchers(&ticket);
    for _ in 0..3 {
        let error = pocket
            .redeem(&gateway, &code, &wrong(&ticket.pin), None)
            .await;
        assert_eq!(error.unwrap_err().kind(), Kind::PinWrong);
    }
    let error = pocket
        .redeem(&gateway, &code, &ticket.pin, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::RequestVoid);

    let (pocket, gateway) = world.rich("bruno", 5).await;
    let bill = world.desk.charge("order 1", &charge(5)).await.unwrap();
    let error = pocket
        .pay(&gateway, &payment(&bill), &wrong(&bill.pin))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::PinWrong);
    assert!(
        pocket
            .pay(&gateway, &payment(&bill), &bill.pin)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn strangers_are_told_what_does_not_fit() {
    let world = World::new().await;
    let (id, key) = (world.instrument.id.clone(), world.instrument.key.clone());
    let award = async |id, key, aim: &str| {
        let issuer = Arc::new(InstrumentClient::new(world.client.clone(), id, key).unwrap());
        let store = Arc::new(wom_sdk::store::MemoryStore::new());
        let keys = Arc::new(MemoryKeyStore::default());
        let clock = Arc::new(SystemClock);
        let awards = Dispatcher::open(store, issuer, keys, clock).await.unwrap();
        let request = Request::new(aim.parse().unwrap(), 5, urbino());
        awards.award("k", &request).await.unwrap_err().kind()
    };
    let unknown = wom_sdk::protocol::SourceId::random();
    assert_eq!(award(unknown, key.clone(), "H").await, Kind::SourceUnknown);
    let other = world.pos.key.clone();
    assert_eq!(award(id.clone(), other, "H").await, Kind::PayloadInvalid);
    assert_eq!(award(id, key, "C").await, Kind::ParameterRefused);

    let (pocket, gateway) = world.rich("anna", 5).await;
    let nowhere = Link::Bare(Otc::random());
    let pin = Pin::random();
    let error = pocket
        .redeem(&gateway, &nowhere, &pin, None)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::OtcUnknown);
    let error = pocket.pay(&gateway, &nowhere, &pin).await.unwrap_err();
    assert_eq!(error.kind(), Kind::OtcUnknown);
    assert_eq!(world.sums().await, (5, 5, 0, 5));
}

#[tokio::test]
async fn a_voucher_that_a_copy_of_the_wallet_spent_is_refused() {
    let world = World::new().await;
    let (pocket, gateway) = world.rich("anna", 10).await;
    drop(pocket);
    std::fs::copy(world.path("anna"), world.path("copy")).unwrap();
    let (pocket, _) = world.wallet("anna");
    let bill = world.desk.charge("order 1", &charge(10)).await.unwrap();
    pocket
        .pay(&gateway, &payment(&bill), &bill.pin)
        .await
        .unwrap();

    let (copy, _) = world.wallet("copy");
    let bill = world.desk.charge("order 2", &charge(1)).await.unwrap();
    let error = copy
        .pay(&gateway, &payment(&bill), &bill.pin)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::VouchersRefused);
    let vouchers = copy.vouchers().unwrap();
    assert!(
        vouchers
            .iter()
            .all(|voucher| voucher.state == VoucherState::Free)
    );
    assert_eq!(world.sums().await, (10, 10, 10, 0));
}

#[tokio::test]
async fn of_64_wallets_at_once_one_redeems() {
    let world = World::new().await;
    let ticket = world.award("walk 1", 7).await;
    let mut redeeming = JoinSet::new();
    for n in 0..64 {
        let (pocket, gateway) = world.wallet(&format!("wallet {n}"));
        let (code, pin) = (vouchers(&ticket), ticket.pin.clone());
        redeeming.spawn(async move { pocket.redeem(&gateway, &code, &pin, None).await });
    }
    let done = redeeming.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert_eq!(kinds(&done), ["already_performed", "ok"]);
    assert_eq!(world.sums().await, (7, 7, 0, 7));
}

#[tokio::test]
async fn of_64_payments_at_once_with_the_same_vouchers_one_is_made() {
    let world = World::new().await;
    let (pocket, gateway) = world.rich("anna", 10).await;
    drop(pocket);
    let mut paying = JoinSet::new();
    for n in 0..64 {
        let copy = format!("copy {n}");
        std::fs::copy(world.path("anna"), world.path(&copy)).unwrap();
        let (pocket, _) = world.wallet(&copy);
        let bill = world.desk.charge(&copy, &charge(10)).await.unwrap();
        let gateway = gateway.clone();
        paying.spawn(async move { pocket.pay(&gateway, &payment(&bill), &bill.pin).await });
    }
    let done = paying.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
    assert_eq!(kinds(&done), ["ok", "vouchers_refused"]);
    assert_eq!(world.sums().await, (10, 10, 10, 0));
}

#[tokio::test]
async fn one_wallet_pays_64_bills_at_once_with_64_other_vouchers() {
    let world = World::new().await;
    let (pocket, gateway) = world.rich("anna", 64).await;
    let mut paying = JoinSet::new();
    for n in 0..64 {
        let bill = world
            .desk
            .charge(&format!("order {n}"), &charge(1))
            .await
            .unwrap();
        let (pocket, gateway) = (pocket.clone(), gateway.clone());
        paying.spawn(async move { pocket.pay(&gateway, &payment(&bill), &bill.pin).await });
    }
    let done = paying.join_all().await;
    assert_eq!(kinds(&done), ["ok"]);
    assert!(pocket.balance().unwrap().is_empty());
    assert_eq!(world.sums().await, (64, 64, 64, 0));
}

#[tokio::test]
async fn a_payment_after_the_shop_called_it_off_is_not_swallowed() {
    let world = World::new().await;
    let (pocket, gateway) = world.rich("anna", 10).await;
    let bill = world.desk.charge("order 1", &charge(10)).await.unwrap();
    assert_eq!(
        world.desk.cancel("order 1").await.unwrap(),
        State::Cancelled
    );
    pocket
        .pay(&gateway, &payment(&bill), &bill.pin)
        .await
        .unwrap();
    world.clock.forward(2);
    let changed = world.desk.run_due(10).await.unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].0, world.desk.id("order 1"));
    assert!(
        matches!(changed[0].1, State::PaidAfterCancel { .. }),
        "{changed:?}"
    );
    assert!(world.desk.run_due(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wallet_finds_its_registry_at_another_address() {
    let world = World::new().await;
    let (pocket, _) = world.rich("anna", 10).await;
    let World {
        dir, registry, pos, ..
    } = world;
    registry.stop().await.unwrap().close().await;
    let registry = TestRegistry::start(dir.path().join("registry"))
        .await
        .unwrap();
    let client = RegistryClient::new(registry.url()).unwrap();
    let payee = Arc::new(PosClient::new(client.clone(), pos.id, pos.key).unwrap());
    let store = Arc::new(wom_sdk::store::MemoryStore::new());
    let keys = MemoryKeyStore::default();
    let desk = CashDesk::new(store, payee, Arc::new(keys), Arc::new(SystemClock));
    let bill = desk.charge("order 1", &charge(10)).await.unwrap();
    let gateway = PocketClient::new(client);
    pocket
        .pay(&gateway, &payment(&bill), &bill.pin)
        .await
        .unwrap();

    let other = tempfile::tempdir().unwrap();
    let other = TestRegistry::start(other.path()).await.unwrap();
    let stranger = PocketClient::new(RegistryClient::new(other.url()).unwrap());
    let error = pocket.pay(&stranger, &payment(&bill), &bill.pin).await;
    // Known to be paid: nothing is sent. Anything else is refused.
    assert!(error.is_ok());
    let error = pocket
        .pay(&stranger, &Link::Bare(Otc::random()), &bill.pin)
        .await;
    assert_eq!(error.unwrap_err().kind(), Kind::StoreMismatch);
}
