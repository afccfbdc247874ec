//! A till: a discount for whoever pays 15 WOM, offline: `cargo run -p wom-examples --example till`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use wom_registry::TestRegistry;
use wom_sdk::{
    Error, Kind, Result, SystemClock,
    award::Request,
    cash_desk::CashDesk,
    checkout::Charge,
    dispatcher::Dispatcher,
    instrument::{Cursor, Info, Proven},
    merchant::{
        Applied, Discount, Merchant, MerchantCapabilities, Offer, Order, OrderId, OrderLine,
    },
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    sale::{Language, Rules, State},
    shop::Shop,
    store::MemoryStore,
};

/// The bar's own till. It can be read and changed; most have a data base behind it.
#[derive(Debug, Default)]
struct Till(Mutex<BTreeMap<OrderId, Vec<OrderLine>>>);

impl Till {
    /// Looks at an order, and may change it.
    fn with<T>(&self, order: &OrderId, look: impl FnOnce(&mut Vec<OrderLine>) -> T) -> Result<T> {
        let mut orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || Error::new(Kind::InputInvalid, "there is no such order");
        Ok(look(orders.get_mut(order).ok_or_else(unknown)?))
    }
}

fn line(text: &str, amount: i64, reference: Option<&str>) -> OrderLine {
    let (text, reference) = (text.to_owned(), reference.map(str::to_owned));
    OrderLine {
        text,
        amount,
        reference,
    }
}

#[async_trait]
impl Merchant for Till {
    fn info(&self) -> Info {
        Info {
            name: "example.till",
            summary: "The till of an example",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        let mut offers = MerchantCapabilities::NONE;
        (offers.apply, offers.changes_open_orders) = (true, true);
        offers
    }

    async fn orders(&self, _: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Err(Error::new(Kind::Unsupported, "it lists no orders"))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        self.with(order, |lines| Order {
            id: order.clone(),
            version: lines.len().to_string(),
            total: lines.iter().map(|line| line.amount).sum(),
            lines: lines.clone(),
            currency: "EUR".to_owned(),
            open: true,
        })
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let orders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = |line: &OrderLine| line.reference.as_deref() == Some(reference);
        let found = orders.iter().find(|(_, lines)| lines.iter().any(own));
        Ok(found.map(|(order, _)| order.clone()))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        self.with(order, |lines| {
            // One discount for each key, however often it is asked for.
            if !lines
                .iter()
                .any(|line| line.reference.as_deref() == Some(key))
            {
                let total = lines.iter().map(|line| line.amount).sum();
                lines.push(line("WOM", -discount.of(total), Some(key)));
            }
            Applied::Applied {
                reference: key.to_owned(),
            }
        })
    }

    async fn revoke(&self, _: &OrderId, _: &str) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "it takes nothing back"))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("wom-till-{}", std::process::id()));
    let registry = TestRegistry::start(dir.join("registry")).await?;
    let client = RegistryClient::new(registry.url())?;
    let (keys, clock) = (Arc::new(MemoryKeyStore::default()), Arc::new(SystemClock));
    let store = || Arc::new(MemoryStore::new());

    // Somebody was given 20 WOM, and holds them in a Pocket.
    let admin = registry.registry();
    let source = admin.add_instrument("Library", &["C".parse()?]).await?;
    let issuer = Arc::new(InstrumentClient::new(
        client.clone(),
        source.id,
        source.key,
    )?);
    let awards = Dispatcher::open(store(), issuer, keys.clone(), clock.clone()).await?;
    let reading = Request::new("C".parse()?, 20, "43.7263,12.6366".parse()?);
    let given = awards.award("reading 7", &reading).await?;
    let pocket = Pocket::open(dir.join("wallet.json"))?;
    let wallet = PocketClient::new(client.clone());
    let code = Link::Vouchers(given.otc);
    pocket.redeem(&wallet, &code, &given.pin, None).await?;

    // The till asks for 15 and shows a QR code and a PIN.
    let order = OrderId("1001".to_owned());
    let till = Till::default();
    let orders = BTreeMap::from([(order.clone(), vec![line("breakfast", 830, None)])]);
    *till.0.lock().unwrap_or_else(PoisonError::into_inner) = orders;
    let pos = admin.add_pos("Caffè", "Counter").await?;
    let payee = Arc::new(PosClient::new(client, pos.id, pos.key)?);
    let desk = CashDesk::new(store(), payee, keys, clock);
    let shop = Shop::new("bar", desk, Arc::new(till), Rules::default())?;
    let coffee = Offer {
        title: "10 % for 15 minutes".to_owned(),
        charge: Charge::new(15)?,
        discount: Discount::BasisPoints(1_000),
    };
    let (sale, asked) = shop.offer(&order, "coffee", &coffee).await?;

    // The person pays; the discount gets onto the order, once.
    let code = Link::Payment(asked.otc);
    pocket.pay(&wallet, &code, &asked.pin).await?;
    let sale = shop.wait(sale.id, Duration::from_secs(20)).await?;
    assert_eq!((&sale.state, sale.given), (&State::Applied, Some(83)));
    if let Some(receipt) = sale.receipt(Language::English) {
        println!("{}: {} cents", receipt.text, receipt.amount);
        println!("to pay: {} cents instead of 830", sale.total.unwrap_or(0));
    }

    registry.stop().await?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
