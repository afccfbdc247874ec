//! A shop and a Registry that misbehave as real ones do: creating a discount twice makes two, and
//! cancelling an order lets its code live again.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::{
    Error, Kind, Result, Timestamp,
    award::Ticket,
    cash_desk::{CashDesk, Desks},
    checkout::{Charge, CheckoutRecord, Payee},
    instrument::{Cursor, Hint, Info, Proven, Received, Reply, Request},
    merchant::{
        Applied, Discount, Merchant, MerchantCapabilities, Offer, Order, OrderId, OrderLine,
    },
    privacy::MemoryKeyStore,
    protocol::{Otc, Pin},
    sale::{Poster, Rules, Sale, SaleId},
    shop::{Shop, Shops},
    store::{MemoryStore, Store},
    testing::{Layered, StoreLayer, TokioClock},
};

pub(super) fn order(id: &str) -> OrderId {
    OrderId(id.to_owned())
}

/// 10 % for 60 WOM.
pub(super) fn coffee() -> Offer {
    Offer {
        title: "10 % for an hour".into(),
        charge: Charge::new(60).unwrap(),
        discount: Discount::BasisPoints(1_000),
    }
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// It is not carried out, and nobody knows.
    LoseRequest,
    /// It is carried out, and nobody knows.
    LoseReply,
    /// It is carried out so many milliseconds later, and nobody knows.
    Later(u64),
    /// It is surely not carried out.
    Refuse,
    /// It is surely not carried out, and for so many seconds nothing is.
    Busy(u64),
}

/// Where a process dies: at its n-th point, counted from 1.
#[derive(Debug, Default)]
pub(super) struct Reaper {
    left: Mutex<Option<u32>>,
    passed: Mutex<u32>,
    pub(super) died: Notify,
}

impl Reaper {
    pub(super) fn at(point: u32) -> Arc<Self> {
        let reaper = Self::default();
        *reaper.left.lock().unwrap() = Some(point);
        Arc::new(reaper)
    }

    pub(super) fn passed(&self) -> u32 {
        *self.passed.lock().unwrap()
    }

    /// Between any two writes or calls.
    async fn point(&self) {
        *self.passed.lock().unwrap() += 1;
        let dies = {
            let mut left = self.left.lock().unwrap();
            *left = left.map(|left| left.saturating_sub(1));
            *left == Some(0)
        };
        if dies {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
    }
}

/// The shop's books, which outlive every process of ours.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    orders: Mutex<BTreeMap<String, Ordered>>,
    faults: Mutex<BTreeMap<&'static str, VecDeque<Fault>>>,
    asked: Mutex<u32>,
    /// Orders as they changed, one after the other.
    changes: Mutex<Vec<String>>,
    slow: Mutex<u64>,
    by_hand: Mutex<bool>,
    /// Whether shoppers type codes in, and those that they can.
    by_code: Mutex<bool>,
    pub(super) coded: Mutex<BTreeSet<String>>,
    /// Codes for other orders.
    pub(super) issued: Mutex<BTreeMap<String, Discount>>,
    /// Whether every call goes wrong by chance: the seed.
    chance: Mutex<Option<u64>>,
}

#[derive(Clone, Debug)]
struct Ordered {
    price: i64,
    codes: Vec<(String, i64)>,
    open: bool,
    cancelled: bool,
    version: u32,
}

impl Shelf {
    pub(super) fn order(&self, id: &str, price: i64) {
        let new = Ordered {
            price,
            codes: Vec::new(),
            open: true,
            cancelled: false,
            version: 1,
        };
        self.books().insert(id.to_owned(), new);
    }

    pub(super) fn close(&self, id: &str) {
        if let Some(order) = self.books().get_mut(id).filter(|order| order.open) {
            order.open = false;
        }
        self.changed(id);
    }

    fn changed(&self, id: &str) {
        self.changes.lock().unwrap().push(id.to_owned());
    }

    pub(super) fn cancel(&self, id: &str) {
        if let Some(order) = self.books().get_mut(id) {
            (order.open, order.cancelled) = (false, true);
        }
        self.changed(id);
    }

    pub(super) fn price(&self, id: &str, price: i64) {
        if let Some(order) = self.books().get_mut(id).filter(|order| order.open) {
            order.price = price;
        }
    }

    /// How many discounts lower the order.
    pub(super) fn discounts(&self, id: &str) -> usize {
        let books = self.books();
        let order = books.get(id).filter(|order| !order.cancelled);
        order.map_or(0, |order| order.codes.len())
    }

    /// Every discount with the order that it lowers.
    pub(super) fn all(&self) -> Vec<(String, String)> {
        let books = self.books();
        let lowered = books.iter().filter(|(_, order)| !order.cancelled);
        let codes = lowered.flat_map(|(id, order)| {
            let codes = order.codes.iter();
            codes.map(|(code, _)| (code.clone(), id.clone()))
        });
        codes.collect()
    }

    /// Codes that live again because their order was cancelled.
    pub(super) fn live(&self) -> usize {
        let books = self.books();
        let cancelled = books.values().filter(|order| order.cancelled);
        cancelled.map(|order| order.codes.len()).sum()
    }

    pub(super) fn is_cancelled(&self, id: &str) -> bool {
        self.books().get(id).is_some_and(|order| order.cancelled)
    }

    /// How often a discount was asked for.
    pub(super) fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }

    pub(super) fn slow(&self, millis: u64) {
        *self.slow.lock().unwrap() = millis;
    }

    pub(super) fn by_code(&self) {
        *self.by_code.lock().unwrap() = true;
    }

    /// A shopper types a code in; whether it is good.
    pub(super) fn type_in(&self, id: &str, code: &str, money: i64) -> bool {
        let code = code.to_lowercase();
        let good = self.coded.lock().unwrap().remove(&code);
        if good {
            self.create(id, money, &code);
        }
        good
    }

    pub(super) fn by_hand(&self) {
        *self.by_hand.lock().unwrap() = true;
    }

    /// The next call of this name goes wrong.
    pub(super) fn fail(&self, call: &'static str, fault: Fault) {
        let mut faults = self.faults.lock().unwrap();
        faults.entry(call).or_default().push_back(fault);
    }

    /// Every third call goes wrong, as this seed says; none does without one.
    pub(super) fn fail_by_chance(&self, seed: Option<u64>) {
        *self.chance.lock().unwrap() = seed;
    }

    fn fault(&self, call: &'static str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        if let Some(fault) = faults.get_mut(call).and_then(VecDeque::pop_front) {
            return Some(fault);
        }
        let mut chance = self.chance.lock().unwrap();
        let seed = chance.as_mut()?;
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match (*seed >> 33) % 12 {
            0 => Some(Fault::LoseRequest),
            1 => Some(Fault::LoseReply),
            2 => Some(Fault::Later((*seed >> 40) % 15_000)),
            3 => Some(Fault::Refuse),
            _ => None,
        }
    }

    fn books(&self) -> MutexGuard<'_, BTreeMap<String, Ordered>> {
        self.orders.lock().unwrap()
    }

    fn create(&self, id: &str, money: i64, code: &str) {
        if let Some(order) = self.books().get_mut(id) {
            // Not idempotent: another one of the same code.
            order.codes.push((code.to_owned(), money));
            order.version += 1;
        }
    }

    fn delete(&self, code: &str) {
        self.coded.lock().unwrap().remove(code);
        for order in self.books().values_mut() {
            order.codes.retain(|(held, _)| held != code);
        }
    }
}

/// The adapter: its process may die between any two calls.
#[derive(Debug)]
struct Adapter {
    shelf: Arc<Shelf>,
    reaper: Arc<Reaper>,
}

fn lost() -> Error {
    Error::new(Kind::OutcomeUnknown, "no answer")
}

fn refused() -> Error {
    Error::new(Kind::NetworkUnreachable, "no connection")
}

impl Adapter {
    async fn call(
        &self,
        name: &'static str,
        work: impl FnOnce(&Shelf) + Send + 'static,
    ) -> Result<()> {
        self.reaper.point().await;
        let slow = *self.shelf.slow.lock().unwrap();
        tokio::time::sleep(Duration::from_millis(slow + 20)).await;
        let answer = match self.shelf.fault(name) {
            Some(Fault::Refuse) => Err(refused()),
            Some(Fault::Busy(seconds)) => {
                Err(Error::new(Kind::RateLimited, "429").wait(Duration::from_secs(seconds)))
            }
            Some(Fault::LoseRequest) => Err(lost()),
            Some(Fault::LoseReply) => {
                work(&self.shelf);
                Err(lost())
            }
            Some(Fault::Later(millis)) => {
                let shelf = Arc::clone(&self.shelf);
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(millis)).await;
                    work(&shelf);
                });
                Err(lost())
            }
            None => {
                work(&self.shelf);
                Ok(())
            }
        };
        self.reaper.point().await;
        answer
    }
}

#[async_trait]
impl Merchant for Adapter {
    fn info(&self) -> Info {
        Info {
            name: "toy",
            summary: "A toy shop",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities::FULL
    }

    /// The body is the order's id; an empty one is a handshake.
    fn receive(&self, request: &Request<'_>) -> Received {
        match std::str::from_utf8(request.body) {
            Ok("") => Received::answer(Reply::status(204)),
            Ok(id) => Received::read(Reply::status(200), Hint(id.to_owned())),
            Err(_) => Received::refuse(400, Error::new(Kind::PayloadInvalid, "no text")),
        }
    }

    fn code(&self, key: &str) -> Option<String> {
        let coded = *self.shelf.by_code.lock().unwrap();
        coded.then(|| key.to_uppercase())
    }

    async fn orders(&self, since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        self.call("orders", |_| {}).await?;
        let from: usize = since.map_or(0, |since| since.0.parse().unwrap());
        let changes = self.shelf.changes.lock().unwrap();
        let page: Vec<_> = changes[from..].iter().take(2).map(|id| order(id)).collect();
        let next = Cursor((from + page.len()).to_string());
        Ok((page, Some(next)))
    }

    async fn read(&self, id: &OrderId) -> Result<Order> {
        self.call("read", |_| {}).await?;
        let books = self.shelf.books();
        let order = books
            .get(&id.0)
            .ok_or_else(|| Error::new(Kind::InputInvalid, "no such order"))?;
        let line = |text: &str, amount, reference| OrderLine {
            text: text.to_owned(),
            amount,
            reference,
        };
        let mut lines = vec![line("bread", order.price, None)];
        let mut total = order.price;
        for (code, money) in order.codes.iter().filter(|_| !order.cancelled) {
            lines.push(line("Sconto WOM", -money, Some(code.to_uppercase())));
            total -= money;
        }
        Ok(Order {
            id: id.clone(),
            version: order.version.to_string(),
            lines,
            total: if order.cancelled { 0 } else { total },
            currency: "EUR".into(),
            open: order.open,
        })
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        self.call("find", |_| {}).await?;
        let found = self.shelf.all();
        let found = found.into_iter().find(|(code, _)| code == reference);
        Ok(found.map(|(_, id)| OrderId(id)))
    }

    async fn apply(&self, id: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        *self.shelf.asked.lock().unwrap() += 1;
        if *self.shelf.by_hand.lock().unwrap() {
            return Ok(Applied::Manual);
        }
        if *self.shelf.by_code.lock().unwrap() {
            let code = key.to_owned();
            self.call("apply", move |shelf| {
                shelf.coded.lock().unwrap().insert(code.clone());
            })
            .await?;
            return Ok(Applied::Manual);
        }
        let Discount::Amount(money) = *discount else {
            panic!("it is agreed in money");
        };
        let (id, code) = (id.0.clone(), key.to_owned());
        self.call("apply", move |shelf| shelf.create(&id, money, &code))
            .await?;
        Ok(Applied::Applied {
            reference: key.to_owned(),
        })
    }

    async fn issue(&self, discount: &Discount, key: &str) -> Result<String> {
        let code = key[..8].to_uppercase();
        let (kept, discount) = (code.clone(), discount.clone());
        self.call("issue", move |shelf| {
            shelf
                .issued
                .lock()
                .unwrap()
                .insert(kept.clone(), discount.clone());
        })
        .await?;
        Ok(code)
    }

    async fn revoke(&self, _: &OrderId, reference: &str) -> Result<()> {
        let code = reference.to_ascii_lowercase();
        self.call("revoke", move |shelf| shelf.delete(&code)).await
    }
}

#[derive(Clone, Debug)]
struct Bill {
    good: bool,
    persistent: bool,
    paid: Vec<Timestamp>,
}

/// The Registry's books.
#[derive(Debug)]
pub(super) struct Till {
    clock: TokioClock,
    bills: Mutex<BTreeMap<[u8; 16], Bill>>,
    polls: Mutex<u32>,
    down: Mutex<bool>,
}

impl Till {
    /// A customer pays, where the code can be paid.
    pub(super) fn pay(&self, otc: &Otc) {
        let now = crate::Clock::now(&self.clock);
        if let Some(bill) = self.bills().get_mut(&otc.reveal_bytes()) {
            let first = bill.paid.first();
            // Two who pay at the same instant are both let through.
            let race = first.is_none_or(|first| now.since(*first) < 100);
            if bill.good && (bill.persistent || race) {
                bill.paid.push(now);
            }
        }
    }

    pub(super) fn down(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    pub(super) fn polls(&self) -> u32 {
        *self.polls.lock().unwrap()
    }

    /// How many payments were made.
    pub(super) fn paid(&self) -> usize {
        self.bills().values().map(|bill| bill.paid.len()).sum()
    }

    /// The same without second payments of codes that may be paid once.
    pub(super) fn paid_rightly(&self) -> usize {
        let bills = self.bills();
        let counts = bills.values().map(|bill| match bill.persistent {
            true => bill.paid.len(),
            false => bill.paid.len().min(1),
        });
        counts.sum()
    }

    fn bills(&self) -> MutexGuard<'_, BTreeMap<[u8; 16], Bill>> {
        self.bills.lock().unwrap()
    }
}

#[derive(Debug)]
struct Wire {
    till: Arc<Till>,
    reaper: Arc<Reaper>,
}

impl Wire {
    fn up(&self) -> Result<()> {
        match *self.till.down.lock().unwrap() {
            true => Err(refused()),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Payee for Wire {
    fn registry(&self) -> &str {
        "https://wom.social"
    }

    fn pos(&self) -> String {
        "till".to_owned()
    }

    async fn register(&self, charge: &Charge, _: &str) -> Result<Ticket> {
        self.reaper.point().await;
        self.up()?;
        let otc = Otc::random();
        let bill = Bill {
            good: false,
            persistent: charge.persistent,
            paid: Vec::new(),
        };
        self.till.bills().insert(otc.reveal_bytes(), bill);
        self.reaper.point().await;
        Ok(Ticket {
            otc,
            pin: Pin::random(),
            link: "x".to_owned().into(),
            minutes: charge.amount,
        })
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        self.reaper.point().await;
        self.up()?;
        if let Some(bill) = self.till.bills().get_mut(&otc.reveal_bytes()) {
            bill.good = true;
        }
        self.reaper.point().await;
        Ok(())
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        self.reaper.point().await;
        *self.till.polls.lock().unwrap() += 1;
        self.up()?;
        let paid = self.till.bills().get(&otc.reveal_bytes()).cloned();
        self.reaper.point().await;
        Ok(paid.map_or(Vec::new(), |bill| bill.paid))
    }
}

/// A store whose process may die before and after each write.
#[derive(Debug)]
struct Mortal {
    store: Arc<MemoryStore>,
    reaper: Arc<Reaper>,
}

#[async_trait]
impl StoreLayer for Mortal {
    fn inner(&self) -> &dyn Store {
        &*self.store
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        self.reaper.point().await;
        let put = self.store.put_checkout(record).await;
        self.reaper.point().await;
        put
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        self.reaper.point().await;
        let put = self.store.put_sale(sale).await;
        self.reaper.point().await;
        put
    }

    async fn put_poster(&self, poster: &Poster) -> Result<bool> {
        self.reaper.point().await;
        let put = self.store.put_poster(poster).await;
        self.reaper.point().await;
        put
    }
}

/// One shop, its Registry, and a process of ours.
pub(super) struct World {
    pub(super) shelf: Arc<Shelf>,
    pub(super) till: Arc<Till>,
    pub(super) shop: Shop,
    store: Arc<MemoryStore>,
    keys: Arc<MemoryKeyStore>,
    rules: Rules,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Rules::default())
    }

    pub(super) fn with(rules: Rules) -> Self {
        let clock = TokioClock::starting(Timestamp::from_seconds(1_800_000_000));
        let till = Arc::new(Till {
            clock,
            bills: Mutex::default(),
            polls: Mutex::default(),
            down: Mutex::default(),
        });
        let (shelf, store) = (Arc::new(Shelf::default()), Arc::new(MemoryStore::new()));
        let keys = Arc::new(MemoryKeyStore::default());
        let reaper = Arc::new(Reaper::default());
        let shop = process(&shelf, &till, &store, &keys, &rules, reaper);
        Self {
            shelf,
            till,
            shop,
            store,
            keys,
            rules,
        }
    }

    /// Another process over the same books.
    pub(super) fn process(&self, reaper: Arc<Reaper>) -> Shop {
        process(
            &self.shelf,
            &self.till,
            &self.store,
            &self.keys,
            &self.rules,
            reaper,
        )
    }

    pub(super) fn shops(&self) -> Shops {
        shops(&self.shop)
    }

    pub(super) fn desks(&self) -> Desks {
        desks(&self.shop)
    }

    /// Looks after everything for so long.
    pub(super) async fn run(&self, time: Duration) {
        look_after(&self.shop, time).await;
    }

    pub(super) async fn sale(&self, id: SaleId) -> Sale {
        self.store.sale(id).await.unwrap().unwrap()
    }
}

pub(super) fn shops(shop: &Shop) -> Shops {
    Shops::new(Arc::clone(shop.desk.store()), [shop.clone()])
}

pub(super) fn desks(shop: &Shop) -> Desks {
    Desks::new(Arc::clone(shop.desk.store()), [shop.desk.clone()])
}

/// Steps through the time, in strides that grow: soon at first, as a worker does.
pub(super) async fn look_after(shop: &Shop, time: Duration) {
    let (shops, desks) = (shops(shop), desks(shop));
    let ends = tokio::time::Instant::now() + time;
    let mut stride = Duration::from_millis(500);
    loop {
        desks.run_due(64).await.unwrap();
        shops.run_due(64).await.unwrap();
        if tokio::time::Instant::now() >= ends {
            return;
        }
        tokio::time::sleep(stride).await;
        stride = (stride * 21 / 20)
            .min(Duration::from_secs(600))
            .min(time / 20);
    }
}

fn process(
    shelf: &Arc<Shelf>,
    till: &Arc<Till>,
    store: &Arc<MemoryStore>,
    keys: &Arc<MemoryKeyStore>,
    rules: &Rules,
    reaper: Arc<Reaper>,
) -> Shop {
    let store = Layered(Mortal {
        store: Arc::clone(store),
        reaper: Arc::clone(&reaper),
    });
    let wire = Wire {
        till: Arc::clone(till),
        reaper: Arc::clone(&reaper),
    };
    let desk = CashDesk::new(
        Arc::new(store),
        Arc::new(wire),
        Arc::clone(keys) as _,
        Arc::new(till.clock),
    );
    let adapter = Adapter {
        shelf: Arc::clone(shelf),
        reaper,
    };
    Shop::new("bar", desk, Arc::new(adapter), rules.clone()).unwrap()
}
