//! A bar: a real shop, a real Registry and a wallet with WOM, and the tills between them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use wom_adapter_pos::{Vendure, VendureConfig};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock, Result, SystemClock, Timestamp,
    award::{Request, Ticket},
    cash_desk::{CashDesk, Desks},
    checkout::{Charge, Payee},
    dispatcher::Dispatcher,
    merchant::{Discount, Merchant, Offer, OrderId},
    pocket::Pocket,
    privacy::{FileKeyStore, MemoryKeyStore},
    protocol::{Link, Position, PrivateKey},
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    sale::{Rules, Sale, SaleId, State},
    shop::{Shop, Shops},
    store::{MemoryStore, Store},
};
use wom_store::{DatabaseUrl, PostgresSettings, SqliteStore};

use crate::shop;

/// How many WOM a coffee is paid with.
pub(crate) const WOM: u32 = 5;

/// 5.00 less.
pub(crate) fn coffee() -> Offer {
    Offer {
        title: "5.00 less".to_owned(),
        charge: Charge::new(WOM).unwrap(),
        discount: Discount::Amount(500),
    }
}

/// The bar, without its tills.
pub(crate) struct Bar {
    pub(crate) vendure: shop::Shop,
    pub(crate) registry: TestRegistry,
    dir: tempfile::TempDir,
}

impl Bar {
    /// With a wallet that can pay so many coffees.
    pub(crate) async fn open(coffees: u32) -> Self {
        Self::open_with(coffees, shop::Shop::start().await).await
    }

    /// With this shop.
    pub(crate) async fn open_with(coffees: u32, vendure: shop::Shop) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let registry = TestRegistry::start(dir.path().join("registry")).await;
        let registry = registry.unwrap();
        let pos = registry.add_pos("Bar", "Till").await.unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("url", registry.url());
        write("pos", &pos.id.to_string());
        write("pos.pem", &pos.key.to_pkcs1_pem());
        write("vendure", &vendure.address());
        write("password", "superadmin\n");
        let client = RegistryClient::new(registry.url()).unwrap();
        let bar = Self {
            vendure,
            registry,
            dir,
        };
        bar.fill(client, coffees * WOM).await;
        bar
    }

    /// Somebody has walked so many minutes.
    async fn fill(&self, client: RegistryClient, minutes: u32) {
        let aim = "H".parse().unwrap();
        let walks = self.registry.add_instrument("Walks", &[aim]).await.unwrap();
        let issuer = InstrumentClient::new(client, walks.id, walks.key).unwrap();
        let store = Arc::new(MemoryStore::new());
        let keys = Arc::new(MemoryKeyStore::default());
        let awards = Dispatcher::open(store, Arc::new(issuer), keys, Arc::new(SystemClock)).await;
        let urbino = Position::new(43.7263, 12.6366).unwrap();
        let walked = Request::new("H".parse().unwrap(), minutes, urbino);
        let ticket = awards.unwrap().award("walk", &walked).await.unwrap();
        let link = Link::Vouchers(ticket.otc.clone());
        let (pocket, gateway) = wallet(self.dir.path());
        let redeemed = pocket.redeem(&gateway, &link, &ticket.pin, None).await;
        assert_eq!(redeemed.unwrap().vouchers, minutes);
    }

    /// Whoever scans the code pays.
    pub(crate) async fn pay(&self, ticket: &Ticket) {
        pay(self.dir.path(), ticket).await;
    }

    /// How many coffees the Registry has seen paid.
    pub(crate) async fn paid(&self) -> u64 {
        self.registry.books().await.unwrap().paid / u64::from(WOM)
    }

    /// A folder for a till that has nothing yet, with its store in a file or at this address.
    pub(crate) fn counter(&self, name: &str, database: Option<&str>) -> PathBuf {
        let dir = self.dir.path().join(name);
        fs::create_dir(&dir).unwrap();
        for file in ["url", "pos", "pos.pem", "vendure", "password"] {
            fs::copy(self.dir.path().join(file), dir.join(file)).unwrap();
        }
        FileKeyStore::create(dir.join("keys.json")).unwrap();
        if let Some(url) = database {
            fs::write(dir.join("database"), url).unwrap();
        }
        dir
    }

    /// A till of this folder, as a process has it.
    pub(crate) async fn till(&self, dir: &Path) -> Till {
        Till::open(dir, |it| it).await.unwrap()
    }

    /// Lines and total, as the shop tells staff: the discounts on it, and what is to be paid.
    pub(crate) async fn told(&self, order: &OrderId) -> (Vec<i64>, i64) {
        let told = self.vendure.tell(order).await;
        let discounts = told["discounts"].as_array().unwrap().iter();
        let discounts = discounts.map(|it| it["amountWithTax"].as_i64().unwrap());
        (discounts.collect(), told["totalWithTax"].as_i64().unwrap())
    }
}

/// Whoever has the wallet of this folder scans the code and pays; what they have paid before they do
/// not pay again.
pub(crate) async fn pay(dir: &Path, ticket: &Ticket) {
    let link = wom_sdk::protocol::parse_link_or_otc(ticket.link.reveal()).unwrap();
    let (pocket, gateway) = wallet(dir);
    let paid = pocket.pay(&gateway, &link, &ticket.pin).await;
    assert_eq!(paid.unwrap().amount, WOM);
}

fn wallet(dir: &Path) -> (Pocket, PocketClient) {
    let url = fs::read_to_string(dir.join("url")).unwrap();
    let client = RegistryClient::new(&url).unwrap();
    let pocket = Pocket::open(dir.join("wallet.json")).unwrap();
    (pocket, PocketClient::new(client))
}

/// The clock of a folder, which all of its processes read: some milliseconds ahead.
#[derive(Debug)]
pub(crate) struct Ahead(PathBuf);

impl Ahead {
    pub(crate) fn of(dir: &Path) -> Self {
        Self(dir.join("ahead"))
    }

    pub(crate) fn forward(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap();
        fs::write(&self.0, (self.ahead() + by).to_string()).unwrap();
    }

    fn ahead(&self) -> i64 {
        fs::read_to_string(&self.0).map_or(0, |text| text.parse().unwrap())
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_millis(self.ahead())
    }
}

/// What a till stands on.
pub(crate) struct Ground {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) payee: Arc<dyn Payee>,
    /// Where the shop is.
    pub(crate) vendure: String,
}

/// A till, with what looks after its sales.
pub(crate) struct Till {
    pub(crate) shop: Shop,
    pub(crate) adapter: Arc<Vendure>,
    pub(crate) clock: Ahead,
    shops: Shops,
    desks: Desks,
    store: Arc<dyn Store>,
}

impl Till {
    /// Opens what a folder names; `change` may put something around it.
    pub(crate) async fn open(dir: &Path, change: impl FnOnce(Ground) -> Ground) -> Result<Self> {
        let setting = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
        let client = RegistryClient::new(&setting("url"))?;
        let key = PrivateKey::from_pem(&setting("pos.pem"), None)?;
        let payee = PosClient::new(client, setting("pos").parse()?, key)?;
        let ground = change(Ground {
            store: store(dir).await?,
            payee: Arc::new(payee),
            vendure: setting("vendure"),
        });
        let adapter = Arc::new(Vendure::new(VendureConfig {
            endpoint: ground.vendure,
            username: "superadmin".to_owned(),
            secret_files: vec![dir.join("password")],
            ..VendureConfig::default()
        })?);
        let keys = Arc::new(FileKeyStore::open(dir.join("keys.json"))?);
        let store = ground.store;
        let clock = Arc::new(Ahead::of(dir));
        let desk = CashDesk::new(Arc::clone(&store), ground.payee, keys, clock);
        let merchant: Arc<dyn Merchant> = adapter.clone();
        let shop = Shop::new("bar", desk.clone(), merchant, Rules::default())?;
        Ok(Self {
            shops: Shops::new(Arc::clone(&store), [shop.clone()]),
            desks: Desks::new(Arc::clone(&store), [desk]),
            shop,
            adapter,
            clock: Ahead::of(dir),
            store,
        })
    }

    /// Looks after what is due.
    pub(crate) async fn round(&self) {
        self.desks.run_due(64).await.unwrap();
        self.shops.run_due(64).await.unwrap();
    }

    /// Looks after all of it until a sale is there.
    pub(crate) async fn until(&self, id: SaleId, is_there: impl Fn(&State) -> bool) -> Sale {
        for _ in 0..80 {
            self.round().await;
            let sale = self.shop.sale(id).await.unwrap();
            if is_there(&sale.state) {
                return sale;
            }
            self.clock.forward(Duration::from_secs(3));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it stays {:?}", self.shop.sale(id).await.unwrap());
    }

    /// The process ends.
    pub(crate) async fn close(self) {
        self.store.close().await.unwrap();
    }
}

async fn store(dir: &Path) -> Result<Arc<dyn Store>> {
    let patience = Duration::from_secs(10);
    Ok(match fs::read_to_string(dir.join("database")) {
        Ok(url) => {
            let settings = PostgresSettings::new(DatabaseUrl::new(url)?);
            Arc::new(settings.patience(patience).open().await?)
        }
        Err(_) => Arc::new(SqliteStore::open_waiting(dir.join("wom.db"), patience).await?),
    })
}
