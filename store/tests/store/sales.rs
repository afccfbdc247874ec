//! Killing a till at any instant: each payment becomes one discount, in a shop where asking twice
//! gives two.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use wom_sdk::{
    Clock, Error, Kind, Result, Retry, SystemClock, Timestamp,
    award::Ticket,
    cash_desk::{CashDesk, Desks},
    checkout::{Charge, Payee},
    instrument::{Cursor, Info, Proven},
    merchant::{
        Applied, Discount, Merchant, MerchantCapabilities, Offer, Order, OrderId, OrderLine,
    },
    privacy::FileKeyStore,
    protocol::{Otc, Pin},
    sale::{Rules, State},
    shop::{Shop, Shops},
    store::{Store, Which},
};
use wom_store::SqliteStore;

use crate::{child, kill::Numbers};

const ORDERS: usize = 12;
const KILLS: u64 = 25;

/// The shop's and the Registry's books, as files that outlive everybody.
#[derive(Clone, Debug)]
struct Books(PathBuf);

impl Books {
    fn append(&self, file: &str, line: &str) {
        let path = self.0.join(file);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.0.join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Takes a moment, in which somebody may be killed.
    async fn pause() {
        let millis = u64::from(Otc::random().reveal_bytes()[0] % 40);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

#[async_trait]
impl Merchant for Books {
    fn info(&self) -> Info {
        Info {
            name: "files",
            summary: "A shop in files",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities::default()
    }

    async fn orders(&self, _: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Err(Error::new(Kind::Unsupported, "not listed"))
    }

    async fn read(&self, id: &OrderId) -> Result<Order> {
        Self::pause().await;
        let mut lines = vec![OrderLine {
            text: "bread".into(),
            amount: 1_200,
            reference: None,
        }];
        lines.extend(self.lines(&id.0).into_iter().map(|code| OrderLine {
            text: "Sconto WOM".into(),
            amount: -120,
            reference: Some(code),
        }));
        Ok(Order {
            id: id.clone(),
            version: lines.len().to_string(),
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
            currency: "EUR".into(),
            open: !self.0.join(format!("{}-closed", id.0)).exists(),
        })
    }

    async fn find(&self, _: &str) -> Result<Option<OrderId>> {
        Err(Error::new(Kind::Unsupported, "not searched"))
    }

    async fn apply(&self, id: &OrderId, _: &Discount, key: &str) -> Result<Applied> {
        Self::pause().await;
        // Asked twice it gives two.
        self.append(&id.0, key);
        Self::pause().await;
        Ok(Applied::Applied {
            reference: key.to_owned(),
        })
    }

    async fn revoke(&self, _: &OrderId, _: &str) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "not taken back"))
    }
}

#[async_trait]
impl Payee for Books {
    fn registry(&self) -> &str {
        "https://wom.social"
    }

    fn pos(&self) -> String {
        "till".into()
    }

    async fn register(&self, charge: &Charge, _: &str) -> Result<Ticket> {
        Ok(Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "x".to_owned().into(),
            minutes: charge.amount,
        })
    }

    async fn verify(&self, _: &Otc) -> Result<()> {
        Self::pause().await;
        Ok(())
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        let paid = self.lines(&otc.reveal());
        Ok(paid.iter().map(|at| at.parse().unwrap()).collect())
    }
}

/// Later by a minute with each life, so that nobody has to wait for what the one before had taken.
#[derive(Clone, Copy, Debug)]
struct Lives(i64);

impl Clock for Lives {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_millis(self.0 * 61_000)
    }
}

#[test]
fn child_sells_until_it_is_killed() {
    let Some(path) = child::file() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let books = Books(path.parent().unwrap().to_owned());
        books.append("lives", "");
        let clock = Arc::new(Lives(i64::try_from(books.lines("lives").len()).unwrap()));
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).await.unwrap());
        let keys = Arc::new(FileKeyStore::open_or_create(path.with_file_name("keys")).unwrap());
        let desk = CashDesk::new(Arc::clone(&store), Arc::new(books.clone()), keys, clock);
        let merchant = Arc::new(books.clone());
        let shop = Shop::new("bar", desk.clone(), merchant, Rules::default()).unwrap();
        child::say("open");
        let selling = (0..ORDERS).map(|n| tokio::spawn(sell(shop.clone(), books.clone(), n)));
        let selling: Vec<_> = selling.collect();
        let sold = async {
            for one in selling {
                one.await.unwrap();
            }
        };
        let never = std::future::pending;
        let (desks, shops) = (Desks::new(store.clone(), [desk]), Shops::new(store, [shop]));
        tokio::select! {
            () = sold => {}
            ended = desks.run(never()) => ended.unwrap(),
            ended = shops.run(never()) => ended.unwrap(),
        }
        child::say("sold");
    });
}

async fn sell(shop: Shop, books: Books, n: usize) {
    let order = OrderId(format!("order-{n}"));
    let mut charge = Charge::new(60).unwrap();
    charge.patience_ms = 86_400_000;
    let offer = Offer {
        title: "10 %".into(),
        charge,
        discount: Discount::BasisPoints(1_000),
    };
    loop {
        match shop.offer(&order, "coffee", &offer).await {
            Ok((_, ticket)) => {
                let otc = ticket.otc.reveal();
                if books.lines(&otc).is_empty() {
                    books.append(&otc, &SystemClock.now().to_string());
                }
            }
            Err(error) if error.kind() == Kind::AlreadyPerformed => {}
            Err(error) => assert_ne!(error.retry(), Retry::Never, "{error}"),
        }
        let sales = shop.sales_of(&order).await.unwrap();
        let state = sales.first().map(|sale| sale.state.clone());
        match state {
            Some(State::Redeemed) => return,
            Some(State::Applied) => {
                books.append(&format!("{}-closed", order.0), "");
                shop.changed(&order).await.unwrap();
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Whether it sold everything before it was killed.
fn lives(path: &Path, pause: Duration) -> bool {
    let mut child = child::start("sales::child_sells_until_it_is_killed", path);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut hear = |until: &str| {
        let mut line = String::new();
        while output.read_line(&mut line).unwrap() > 0 {
            if child::said(&line) == Some(until) {
                return true;
            }
            line.clear();
        }
        false
    };
    assert!(hear("open"), "it does not open");
    if pause.is_zero() {
        let sold = hear("sold");
        child.wait().unwrap();
        return sold;
    }
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_till_that_is_killed_gives_each_payment_one_discount() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wom.db");
    let mut numbers = Numbers::seeded();
    for _ in 0..KILLS {
        lives(&path, Duration::from_millis(1 + numbers.below(600)));
    }
    assert!(lives(&path, Duration::ZERO), "it does not come to an end");
    let books = Books(dir.path().to_owned());
    let store = SqliteStore::open(&path).await.unwrap();
    let shop = wom_sdk::sale::ShopId::new("bar");
    let sales = store.sales(shop, Which::All, None, 99).await.unwrap();
    assert_eq!(sales.len(), ORDERS);
    for sale in &sales {
        let order = sale.order.as_ref().unwrap();
        assert_eq!(sale.state, State::Redeemed);
        assert_eq!(books.lines(&order.id.0), [sale.key()], "one discount");
    }
    println!("{KILLS} kills, {ORDERS} payments, {ORDERS} discounts");
}
