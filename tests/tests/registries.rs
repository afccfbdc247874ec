//! One award is one code, at a Registry that remembers and at one that forgets, with a private key
//! and with an API key, whatever answers get lost.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use wom_registry::{Books, NewInstrument, Registry, RegistryOptions, TestRegistry};
use wom_sdk::{
    Kind, Timestamp,
    award::{Issuer, Request, Ticket},
    cash_desk::CashDesk,
    checkout::Charge,
    dispatcher::Dispatcher,
    pocket::{Gateway, Pocket},
    privacy::MemoryKeyStore,
    protocol::{ApiKey, Link, Pin, SessionKey},
    registry::{
        ApiKeyClient, InstrumentClient, PocketClient, PosClient, RegistryClient, ReqwestTransport,
    },
    store::{MemoryStore, Store},
    testing::{Fault, FaultTransport, TokioClock},
};
use wom_tests::still::{self, Still};

struct World {
    dir: tempfile::TempDir,
    registry: TestRegistry,
    instrument: NewInstrument,
    api_key: ApiKey,
    clock: Arc<TokioClock>,
}

impl World {
    async fn new(faithful: bool) -> Self {
        let clock = TokioClock::starting(Timestamp::from_seconds(1_790_000_000));
        let options = RegistryOptions::new().key_bits(2048).faithful(faithful);
        let made = still::run(async move {
            let dir = tempfile::tempdir().unwrap();
            let registry = TestRegistry::start_with(dir.path(), options).await.unwrap();
            let aims = ["H".parse().unwrap()];
            let instrument = registry.add_instrument("Walks", &aims).await.unwrap();
            let api_key = registry.add_api_key(&instrument.id, "app").await.unwrap();
            (dir, registry, instrument, api_key)
        });
        let (dir, registry, instrument, api_key) = made.await;
        Self {
            dir,
            registry,
            instrument,
            api_key,
            clock: Arc::new(clock),
        }
    }

    /// Asks the Registry itself.
    async fn ask<T: Send + 'static, F>(&self, question: impl FnOnce(Registry) -> F) -> T
    where
        F: Future<Output = wom_sdk::Result<T>> + Send + 'static,
    {
        let asking = question(self.registry.registry().clone());
        still::run(asking).await.unwrap()
    }

    async fn books(&self) -> Books {
        self.ask(|registry| async move { registry.books().await })
            .await
    }

    async fn dispatcher(
        &self,
        store: &Arc<MemoryStore>,
        issuer: impl Issuer + 'static,
    ) -> Dispatcher {
        let (store, issuer) = (Arc::clone(store) as Arc<dyn Store>, Arc::new(issuer));
        // The same keys each time, as one installation has them.
        static KEYS: LazyLock<Arc<MemoryKeyStore>> = LazyLock::new(Arc::default);
        let open = Dispatcher::open(store, issuer, KEYS.clone(), self.clock.clone());
        open.await.unwrap()
    }

    fn faults(&self) -> FaultTransport {
        let address = self.registry.url().parse().unwrap();
        FaultTransport::new(Still::new(ReqwestTransport::to(&address).unwrap()))
    }

    fn client(&self, faults: &FaultTransport) -> RegistryClient {
        RegistryClient::builder(self.registry.url())
            .transport(faults.clone())
            .build()
            .unwrap()
    }

    /// The call's name to the fault transport.
    fn one_call(&self) -> String {
        format!("{}/vouchers", self.instrument.id)
    }

    fn with_api_key(&self, faults: &FaultTransport) -> ApiKeyClient {
        let (source, key) = (self.instrument.id.clone(), self.api_key.clone());
        ApiKeyClient::new(self.client(faults), source, key).unwrap()
    }

    fn with_private_key(&self, faults: &FaultTransport) -> InstrumentClient {
        let (source, key) = (self.instrument.id.clone(), self.instrument.key.clone());
        InstrumentClient::new(self.client(faults), source, key).unwrap()
    }

    /// Redeems the code and gives what the Registry has issued and redeemed in all.
    async fn collect(&self, ticket: &Ticket) -> (u64, u64) {
        let name = format!("{}.json", ticket.minutes);
        let pocket = Pocket::open(self.dir.path().join(name)).unwrap();
        let gateway = PocketClient::new(self.client(&self.faults()));
        let code = Link::Vouchers(ticket.otc.clone());
        let redeemed = pocket.redeem(&gateway, &code, &ticket.pin, None).await;
        assert_eq!(redeemed.unwrap().vouchers, ticket.minutes);
        let total = self.books().await.total;
        (total.issued, total.redeemed)
    }
}

fn walk(minutes: u32) -> Request {
    Request::new(
        "H".parse().unwrap(),
        minutes,
        "43.72,12.63".parse().unwrap(),
    )
    .at(Timestamp::from_seconds(1_790_000_000))
}

/// Two answers lost within the client, then one more, so that the machine has to try again.
fn lost() -> [Fault; 4] {
    [
        Fault::LoseReply,
        Fault::Status(503),
        Fault::LoseReply,
        Fault::Truncate(40),
    ]
}

#[tokio::test(start_paused = true)]
async fn with_a_private_key_one_award_is_one_code_at_both() {
    for faithful in [false, true] {
        let world = World::new(faithful).await;
        let faults = world
            .faults()
            .script("voucher/create", lost())
            .script("voucher/verify", lost());
        let awards = world
            .dispatcher(&Arc::default(), world.with_private_key(&faults))
            .await;
        let ticket = awards.award("run 1", &walk(7)).await.unwrap();
        assert_eq!(awards.award("run 1", &walk(7)).await.unwrap(), ticket);
        assert_eq!(world.collect(&ticket).await, (7, 7), "faithful {faithful}");
        let made = world.books().await.total.generated;
        assert_eq!(made, if faithful { 4 * 7 } else { 7 });
    }
}

#[tokio::test(start_paused = true)]
async fn with_an_api_key_one_award_is_one_code_at_both_and_orphans_are_counted() {
    for faithful in [false, true] {
        let world = World::new(faithful).await;
        let faults = world.faults().script(&world.one_call(), lost());
        let issuer = world.with_api_key(&faults);
        let awards = world.dispatcher(&Arc::default(), issuer.clone()).await;
        let ticket = awards.award("run 1", &walk(7)).await.unwrap();
        assert_eq!(awards.award("run 1", &walk(7)).await.unwrap(), ticket);
        assert_eq!(issuer.orphans(), 4);
        // Of four calls without a clear answer three were carried out.
        let orphans = if faithful { 3 * 7 } else { 0 };
        assert_eq!(world.collect(&ticket).await, (7 + orphans, 7));
        assert_eq!(faults.sent("voucher/verify"), 0);
        assert_eq!(faults.sent("auth/key"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn another_awards_answer_is_not_taken() {
    let world = World::new(false).await;
    let faults = world
        .faults()
        .script(&world.one_call(), [Fault::Pass, Fault::Stale]);
    let awards = world
        .dispatcher(&Arc::default(), world.with_api_key(&faults))
        .await;
    let first = awards.award("run 1", &walk(7)).await.unwrap();
    let second = awards.award("run 2", &walk(7)).await.unwrap();
    assert_ne!(first.otc, second.otc);
    assert_eq!(world.books().await.total.issued, 14);
}

/// The process dies between create and verify, and comes back with the other kind of key: a code
/// that is not good yet is made good, and one that is good is not lost.
#[tokio::test(start_paused = true)]
async fn an_installation_may_change_its_key_in_the_midst_of_an_award() {
    for faithful in [false, true] {
        let world = World::new(faithful).await;
        let faults = world.faults();
        let store: Arc<MemoryStore> = Arc::default();
        let create = async |awards: &Dispatcher, key: &str, minutes| {
            awards.accept(key, &walk(minutes)).await.unwrap();
            assert_eq!(awards.run_due(1).await.unwrap(), 1);
        };
        let before = world
            .dispatcher(&store, world.with_private_key(&faults))
            .await;
        create(&before, "run 1", 7).await;
        let between = world.dispatcher(&store, world.with_api_key(&faults)).await;
        let first = between.award("run 1", &walk(7)).await.unwrap();
        assert_eq!(world.collect(&first).await, (7, 7));
        create(&between, "run 2", 5).await;
        let after = world
            .dispatcher(&store, world.with_private_key(&faults))
            .await;
        let patient = after.with_patience(Duration::from_secs(90));
        let second = patient.award("run 2", &walk(5)).await.unwrap();
        assert_eq!(world.collect(&second).await, (12, 12));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_api_key_is_named_and_a_new_one_goes_on() {
    let world = World::new(false).await;
    let faults = world.faults();
    let source = world.instrument.id.clone();
    let key = Arc::new(std::sync::Mutex::new(ApiKey::random()));
    let asked = Arc::clone(&key);
    let issuer = ApiKeyClient::asking(world.client(&faults), source, move || {
        Ok(asked.lock().unwrap().clone())
    });
    let awards = world.dispatcher(&Arc::default(), issuer.unwrap()).await;
    let error = awards.award("run 1", &walk(7)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AccessDenied);
    assert_eq!(faults.sent(&world.one_call()), 1);
    *key.lock().unwrap() = world.api_key.clone();
    assert_eq!(awards.award("run 1", &walk(7)).await.unwrap().minutes, 7);
}

/// Neither an error nor a Debug form tells the key.
#[tokio::test(start_paused = true)]
async fn the_key_is_shown_nowhere() {
    let world = World::new(false).await;
    let stranger = ApiKey::random();
    let faults = world.faults();
    let source = world.instrument.id.clone();
    let issuer = ApiKeyClient::new(world.client(&faults), source, stranger.clone()).unwrap();
    let awards = world.dispatcher(&Arc::default(), issuer.clone()).await;
    let error = awards.award("run 1", &walk(7)).await.unwrap_err();
    for shown in [
        format!("{error} {error:?}"),
        format!("{issuer:?} {awards:?}"),
    ] {
        assert!(!shown.contains(stranger.reveal()), "{shown}");
    }
}

/// An instrument that may ask with a wrong PIN does so once for a code, and only where a repeated
/// verify fails; the person has two attempts left.
#[tokio::test(start_paused = true)]
async fn an_instrument_asks_with_a_wrong_pin_once_and_only_if_it_is_told_to() {
    let asking = async |faithful, probes, verify: Vec<Fault>, redeem: Vec<Fault>| {
        let world = World::new(faithful).await;
        let faults = world.faults();
        faults.add("voucher/verify", verify);
        faults.add("voucher/redeem", redeem);
        let issuer = world.with_private_key(&faults);
        let issuer = match probes {
            true => issuer.probe_with_wrong_pin().unwrap(),
            false => issuer,
        };
        let awards = world.dispatcher(&Arc::default(), issuer).await;
        let awards = awards.with_patience(Duration::from_secs(300));
        let ticket = awards.award("run 1", &walk(7)).await.unwrap();
        let sent = (faults.sent("voucher/verify"), faults.sent("voucher/redeem"));
        // Two more wrong PINs void it, unless one was used.
        let gateway = PocketClient::new(world.client(&world.faults()));
        let wrong = std::iter::repeat_with(Pin::random).find(|pin| *pin != ticket.pin);
        let wrong = wrong.unwrap();
        let key = SessionKey::random();
        let attempt = gateway.redeem(&ticket.otc, &wrong, &key, None).await;
        assert_eq!(attempt.unwrap_err().kind(), Kind::PinWrong);
        assert_eq!(
            world.collect(&ticket).await,
            (7, 7),
            "the person can collect"
        );
        sent
    };
    let lost = || vec![Fault::LoseReply];
    // A Registry whose verify can be repeated is not asked; nor is any unless that is set.
    assert_eq!(asking(false, true, lost(), vec![]).await, (2, 0));
    assert_eq!(asking(true, false, lost(), vec![]).await, (5, 0));
    // Verified: known after one more failure.
    assert_eq!(asking(true, true, lost(), vec![]).await, (2, 1));
    // Not verified: it is verified then.
    let failing = vec![Fault::LoseRequest, Fault::Status(500)];
    assert_eq!(asking(true, true, failing, vec![]).await, (3, 1));
    // No answer to the question: it is not asked again.
    let (verified, asked) = asking(true, true, lost(), vec![Fault::LoseReply]).await;
    assert_eq!((verified, asked), (3, 1));
    let (_, asked) = asking(true, true, lost(), vec![Fault::LoseRequest]).await;
    assert_eq!(asked, 1);

    let key = World::new(false).await.instrument.key.clone();
    let client = RegistryClient::new("https://wom.social").unwrap();
    let source = "65aa0c3be1f0d25c7b9e4411".parse().unwrap();
    let own = InstrumentClient::new(client, source, key).unwrap();
    let refused = own.probe_with_wrong_pin().unwrap_err();
    assert_eq!(refused.kind(), Kind::ConfigurationInvalid);
}

/// A verify that ends unclear is settled by a question without effect, at both: a code that was
/// verified is shown without another verify, one that was not is verified.
#[tokio::test(start_paused = true)]
async fn a_till_asks_whether_its_code_was_verified() {
    for faithful in [false, true] {
        let world = World::new(faithful).await;
        let pos = world.ask(|registry| async move { registry.add_pos("Bakery", "Till 1").await });
        let pos = pos.await;
        let faults = world.faults();
        let payee = PosClient::new(world.client(&faults), pos.id, pos.key).unwrap();
        let desk = CashDesk::new(
            Arc::new(MemoryStore::new()),
            Arc::new(payee),
            Arc::new(MemoryKeyStore::default()),
            world.clock.clone(),
        );
        let verified = async |ticket: &Ticket| {
            let otc = ticket.otc.clone();
            let book = world.ask(|registry| async move { registry.payment_book(&otc).await });
            book.await.unwrap().verified
        };
        faults.add("payment/verify", [Fault::LoseReply]);
        let charge = Charge::new(3).unwrap();
        let ticket = desk.charge("order 1", &charge).await.unwrap();
        assert!(verified(&ticket).await);
        // Only where a repeated verify is answered by a failure there is something to ask.
        assert_eq!(faults.sent("payment/verify"), 2);
        assert_eq!(faults.sent("payment/confirm"), usize::from(faithful));

        faults.add("payment/verify", [Fault::LoseRequest, Fault::Status(500)]);
        let ticket = desk.charge("order 2", &charge).await.unwrap();
        assert!(verified(&ticket).await);
        assert_eq!(faults.sent("payment/verify"), 5);
        assert_eq!(faults.sent("payment/confirm"), usize::from(faithful) + 1);
        assert_eq!(world.books().await.payments, 0);
    }
}
