use std::{collections::VecDeque, sync::Mutex};

use async_trait::async_trait;
use tokio::task::JoinSet;

use super::*;
use crate::{
    checkout::Payment,
    privacy::MemoryKeyStore,
    protocol::{Otc, Pin},
    store::MemoryStore,
    testing::TokioClock,
};

/// A Registry that does as it is told, and remembers which codes it made good.
#[derive(Debug, Default)]
struct Till {
    pos: &'static str,
    failures: Mutex<VecDeque<(&'static str, Error)>>,
    registered: Mutex<u32>,
    verified: Mutex<Vec<Otc>>,
    polls: Mutex<u32>,
    paid: Mutex<Option<Timestamp>>,
    /// What it tells of a code whose verify ended unclear, in order.
    told: Mutex<VecDeque<bool>>,
    /// How long a look takes.
    slow: Duration,
}

impl Till {
    fn fail(&self, call: &str) -> Result<()> {
        let mut failures = self.failures.lock().unwrap();
        match failures.front() {
            Some((at, _)) if *at == call => Err(failures.pop_front().unwrap().1),
            _ => Ok(()),
        }
    }

    fn pay(&self, at: Timestamp) {
        *self.paid.lock().unwrap() = Some(at);
    }
}

#[async_trait]
impl Payee for Till {
    fn registry(&self) -> &str {
        "https://wom.social"
    }

    fn pos(&self) -> String {
        self.pos.to_owned()
    }

    async fn register(&self, charge: &Charge, _: &str) -> Result<Ticket> {
        *self.registered.lock().unwrap() += 1;
        self.fail("register")?;
        Ok(Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "x".to_owned().into(),
            minutes: charge.amount,
        })
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.verified.lock().unwrap().push(otc.clone());
        self.fail("verify")
    }

    async fn verified(&self, _: &Ticket) -> Result<Option<bool>> {
        Ok(self.told.lock().unwrap().pop_front())
    }

    async fn status(&self, _: &Otc) -> Result<Vec<Timestamp>> {
        *self.polls.lock().unwrap() += 1;
        tokio::time::sleep(self.slow).await;
        self.fail("status")?;
        Ok(self.paid.lock().unwrap().into_iter().collect())
    }
}

struct Shop {
    till: Arc<Till>,
    desk: CashDesk,
}

fn shop(failures: Vec<(&'static str, Error)>) -> Shop {
    let till = Arc::new(Till {
        pos: "a",
        failures: Mutex::new(failures.into()),
        ..Till::default()
    });
    let desk = open(Arc::new(MemoryStore::new()), Arc::clone(&till));
    Shop { till, desk }
}

fn open(store: Arc<MemoryStore>, till: Arc<Till>) -> CashDesk {
    let clock = TokioClock::starting(Timestamp::from_seconds(1_800_000_000));
    let keys = MemoryKeyStore::default();
    CashDesk::new(store, till, Arc::new(keys), Arc::new(clock))
}

fn ten() -> Charge {
    Charge::new(10).unwrap()
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

#[tokio::test(start_paused = true)]
async fn one_reference_is_one_code_however_often_it_is_charged() {
    let shop = shop(vec![]);
    let mut asking = JoinSet::new();
    for _ in 0..16 {
        let desk = shop.desk.clone();
        asking.spawn(async move { desk.charge("order 1", &ten()).await.unwrap() });
    }
    let tickets = asking.join_all().await;
    assert!(tickets.iter().all(|ticket| *ticket == tickets[0]));
    assert_eq!(*shop.till.registered.lock().unwrap(), 1);
    assert_eq!(
        *shop.till.verified.lock().unwrap(),
        [tickets[0].otc.clone()]
    );

    let other = Charge::new(11).unwrap();
    let error = shop.desk.charge("order 1", &other).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AwardKeyReused);
}

#[tokio::test(start_paused = true)]
async fn only_the_code_that_is_written_is_verified_and_shown() {
    let lost = || Error::new(Kind::OutcomeUnknown, "lost");
    let busy = || Error::new(Kind::RegistryFailed, "500");
    let shop = shop(vec![
        ("register", lost()),
        ("register", busy()),
        ("verify", lost()),
        ("verify", busy()),
    ]);
    let ticket = shop.desk.charge("order 1", &ten()).await.unwrap();
    assert_eq!(*shop.till.registered.lock().unwrap(), 3);
    let verified = shop.till.verified.lock().unwrap();
    assert!(verified.iter().all(|otc| *otc == ticket.otc));
    assert_eq!(verified.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_asked_after_an_unclear_verify_is_believed() {
    let lost = || Error::new(Kind::OutcomeUnknown, "lost");
    let busy = || Error::new(Kind::RegistryFailed, "500");
    for (told, verifies) in [(vec![true], 2), (vec![false, true], 3), (vec![false], 3)] {
        let again = if told.len() > 1 {
            vec![("verify", busy())]
        } else {
            vec![]
        };
        let failures = vec![("verify", lost()), ("verify", busy())];
        let shop = shop(failures.into_iter().chain(again).collect());
        shop.till.told.lock().unwrap().extend(told);
        shop.desk.charge("order 1", &ten()).await.unwrap();
        assert_eq!(shop.till.verified.lock().unwrap().len(), verifies);
        assert!(shop.till.told.lock().unwrap().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_says_why_and_is_tried_anew_when_charged_again() {
    let unknown = Error::new(Kind::PosUnknown, "no such POS").hint("check the id");
    let shop = shop(vec![("register", unknown)]);
    let error = shop.desk.charge("order 1", &ten()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::PosUnknown);
    assert_eq!(error.advice(), Some("check the id"));
    let failed = shop.desk.state("order 1").await.unwrap();
    assert_eq!(failed, Some(State::Failed("pos_unknown".into())));
    assert!(shop.desk.charge("order 1", &ten()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_is_polite_and_ends_with_the_payment() {
    let shop = shop(vec![]);
    shop.desk.charge("order 1", &ten()).await.unwrap();
    let state = shop.desk.wait("order 1", minutes(2)).await.unwrap();
    assert_eq!(state, State::Shown);
    let polls = *shop.till.polls.lock().unwrap();
    assert!((10..=18).contains(&polls), "{polls}");

    let at = Timestamp::from_seconds(1_800_000_130);
    shop.till.pay(at);
    let state = shop.desk.wait("order 1", minutes(2)).await.unwrap();
    assert_eq!(state, State::Paid { at });
    let error = shop.desk.cancel("order 1").await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyPerformed);
}

#[tokio::test(start_paused = true)]
async fn a_payment_after_the_shop_gave_up_is_told_and_is_not_paid() {
    let shop = shop(vec![]);
    let at = Timestamp::from_seconds(1_800_000_001);
    shop.desk.charge("cancelled", &ten()).await.unwrap();
    assert_eq!(
        shop.desk.cancel("cancelled").await.unwrap(),
        State::Cancelled
    );
    let error = shop.desk.charge("cancelled", &ten()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
    assert!(shop.desk.run_due(10).await.unwrap().is_empty());

    shop.desk.charge("expired", &ten()).await.unwrap();
    let state = shop.desk.wait("expired", minutes(10)).await.unwrap();
    assert_eq!(state, State::Expired);

    shop.till.pay(at);
    tokio::time::sleep(minutes(10)).await;
    let mut changed = shop.desk.run_due(10).await.unwrap();
    changed.sort_by_key(|(_, state)| state.name());
    assert_eq!(
        changed,
        [
            (shop.desk.id("cancelled"), State::PaidAfterCancel { at }),
            (shop.desk.id("expired"), State::PaidAfterExpiry { at }),
        ]
    );
    assert!(shop.desk.run_due(10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn paid_is_told_once_among_many_who_look() {
    let shop = shop(vec![]);
    for n in 0..20 {
        shop.desk
            .charge(&format!("order {n}"), &ten())
            .await
            .unwrap();
    }
    shop.till.pay(Timestamp::from_seconds(1_800_000_001));
    tokio::time::sleep(minutes(1)).await;
    let mut looking = JoinSet::new();
    for _ in 0..8 {
        let desk = shop.desk.clone();
        looking.spawn(async move { desk.run_due(100).await.unwrap() });
    }
    let told: Vec<_> = looking.join_all().await.into_iter().flatten().collect();
    assert_eq!(told.len(), 20);
    assert!(told.iter().all(|(_, state)| state.name() == "paid"));
}

#[tokio::test(start_paused = true)]
async fn who_was_overtaken_tells_nothing() {
    let at = Timestamp::from_seconds(1_800_000_001);
    let till = Arc::new(Till {
        pos: "a",
        slow: Duration::from_secs(5),
        paid: Mutex::new(Some(at)),
        ..Till::default()
    });
    let desk = open(Arc::new(MemoryStore::new()), till);
    desk.charge("order 1", &ten()).await.unwrap();
    tokio::time::sleep(minutes(1)).await;
    let looking = tokio::spawn({
        let desk = desk.clone();
        async move { desk.run_due(1).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The look is under way; the shop calls it off before its answer is here.
    let state = desk.cancel("order 1").await.unwrap();
    assert_eq!(state, State::PaidAfterCancel { at });
    assert_eq!(looking.await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn desks_of_two_pos_in_one_store_keep_apart() {
    let store = Arc::new(MemoryStore::new());
    let till = |pos| {
        Arc::new(Till {
            pos,
            ..Till::default()
        })
    };
    let (a, b) = (till("a"), till("b"));
    let (desk_a, desk_b) = (
        open(Arc::clone(&store), Arc::clone(&a)),
        open(store, Arc::clone(&b)),
    );
    for n in 0..5 {
        desk_a.charge(&format!("{n}"), &ten()).await.unwrap();
    }
    desk_b.charge("1", &ten()).await.unwrap();
    b.pay(Timestamp::from_seconds(1_800_000_001));
    tokio::time::sleep(minutes(1)).await;
    // The other desk's five are due before.
    let changed = desk_b.run_due(1).await.unwrap();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0].0, desk_b.id("1"));
    assert_eq!(*b.polls.lock().unwrap(), 1);
    assert_eq!(*a.polls.lock().unwrap(), 0);
}

/// Hears of payments, after it failed so often.
#[derive(Debug, Default)]
struct Ear {
    failures: Mutex<u32>,
    heard: Mutex<Vec<Payment>>,
}

#[async_trait]
impl Listener for Ear {
    async fn paid(&self, payment: &Payment) -> Result<()> {
        let mut failures = self.failures.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            return Err(Error::new(Kind::DeliveryFailed, "nobody is there"));
        }
        self.heard.lock().unwrap().push(payment.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_of_each_payment_until_it_has_heard() {
    let shop = shop(vec![]);
    let ear = Arc::new(Ear {
        failures: Mutex::new(3),
        ..Ear::default()
    });
    let desk = shop.desk.clone().with_listener(Arc::clone(&ear) as _);
    desk.charge("order 1", &ten()).await.unwrap();
    desk.charge("order 2", &ten()).await.unwrap();
    desk.cancel("order 2").await.unwrap();
    let at = Timestamp::from_seconds(1_800_000_001);
    shop.till.pay(at);
    // Whoever waits at the desk and dies then leaves a payment that nobody was told of.
    let state = desk.wait("order 1", minutes(1)).await.unwrap();
    assert_eq!(state, State::Paid { at });
    for _ in 0..60 {
        desk.run_due(10).await.unwrap();
        tokio::time::sleep(minutes(1)).await;
    }
    let mut heard = ear.heard.lock().unwrap().clone();
    heard.sort_by_key(|payment| payment.state.name());
    let told: Vec<_> = heard
        .iter()
        .map(|payment| {
            (
                payment.id,
                &*payment.pos,
                payment.amount,
                payment.state.name(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (desk.id("order 1"), "a", 10, "paid"),
            (desk.id("order 2"), "a", 10, "paid_after_cancel"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn who_watches_hears_at_once_and_asks_the_registry_nothing() {
    let shop = shop(vec![]);
    shop.desk.charge("order 1", &ten()).await.unwrap();
    let id = shop.desk.id("order 1");
    let watching = tokio::spawn({
        let desk = shop.desk.clone();
        async move { desk.watch(id, minutes(1)).await.unwrap().unwrap().state }
    });
    let began = shop.desk.now();
    tokio::time::sleep(Duration::from_millis(500)).await;
    shop.desk.cancel("order 1").await.unwrap();
    assert_eq!(watching.await.unwrap(), State::Cancelled);
    assert!(shop.desk.now().since(began) < 600);
    // Of which one look is the cancellation's.
    assert_eq!(*shop.till.polls.lock().unwrap(), 1);
    let other = CheckoutId::new("https://wom.social", "b", "order 1");
    assert!(shop.desk.watch(other, minutes(1)).await.unwrap().is_none());
    assert!(shop.desk.news.is_idle(), "nobody waits any more");
}

#[tokio::test(start_paused = true)]
async fn looks_keep_within_the_rate_and_nobody_is_forgotten() {
    let store = Arc::new(MemoryStore::new());
    let till = Arc::new(Till {
        pos: "a",
        ..Till::default()
    });
    let desk = open(Arc::clone(&store), Arc::clone(&till));
    for n in 0..100 {
        desk.charge(&format!("order {n}"), &ten()).await.unwrap();
    }
    let rate = crate::store::Rate {
        per_second: 5,
        burst: 5,
    };
    let desks = Desks::new(store, [desk.clone()]).with_rate(rate);
    let seconds = 40;
    let stop = tokio::time::sleep(Duration::from_secs(seconds));
    desks.run(stop).await.unwrap();
    let polls = u64::from(*till.polls.lock().unwrap());
    assert!(
        (seconds * 5 - 10..=seconds * 5 + 5).contains(&polls),
        "{polls}"
    );
    till.pay(Timestamp::from_seconds(1_800_000_001));
    desks.run(tokio::time::sleep(minutes(2))).await.unwrap();
    for n in 0..100 {
        let state = desk.state(&format!("order {n}")).await.unwrap().unwrap();
        assert_eq!(state.name(), "paid", "order {n}");
    }
}
