//! A till: a discount for whoever pays 15 WOM, offline: `cargo run -p wom-examples --example till`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use wom_registry::TestRegistry;
use wom_sdk::{
    Error, Kind, Result,
    award::Request,
    cash_desk::CashDesk,
    checkout::Charge,
    dispatcher::Dispatcher,
    instrument::Info,
    merchant::*,
    sale::{Language, Rules, State},
    shop::Shop,
};

/// The bar's own till. It can be read and changed; most have a data base behind it.
#[derive(Debug)]
struct Till(Mutex<BTreeMap<OrderId, Vec<OrderLine>>>);

impl Till {
    fn sold(&self) -> MutexGuard<'_, BTreeMap<OrderId, Vec<OrderLine>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Merchant for Till {
    fn info(&self) -> Info {
        Info::of_merchant("example.till", "The till of an example")
    }

    fn capabilities(&self) -> MerchantCapabilities {
        MerchantCapabilities::OPEN_ORDERS
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        let lines = self.sold().get(order).cloned();
        let unknown = || Error::new(Kind::InputInvalid, "there is no such order");
        let lines = lines.ok_or_else(unknown)?;
        Ok(Order {
            id: order.clone(),
            version: lines.len().to_string(),
            total: lines.iter().map(|line| line.amount).sum(),
            lines,
            currency: "EUR".to_owned(),
            open: true,
        })
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let own = |line: &OrderLine| line.reference.as_deref() == Some(reference);
        let sold = self.sold();
        let mut found = sold.iter().filter(|(_, lines)| lines.iter().any(own));
        Ok(found.next().map(|(order, _)| order.clone()))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let less = discount.of(self.read(order).await?.total);
        let discount = OrderLine::discount("WOM", less, key);
        let (mut sold, reference) = (self.sold(), key.to_owned());
        let lines = sold.entry(order.clone()).or_default();
        // One discount for each key, however often it is asked for.
        if !lines
            .iter()
            .any(|line| line.reference == discount.reference)
        {
            lines.push(discount);
        }
        Ok(Applied::Applied { reference })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let registry = TestRegistry::temporary().await?;
    let (pocket, gateway) = registry.pocket()?;

    // Somebody was given 20 WOM, and holds them in a Pocket.
    let library = registry.instrument("Library", &["C".parse()?]).await?;
    let awards = Dispatcher::in_memory(library).await?;
    let reading = Request::new("C".parse()?, 20, "43.7263,12.6366".parse()?);
    let given = awards.award("reading 7", &reading).await?;
    let code = given.vouchers();
    pocket.redeem(&gateway, &code, &given.pin, None).await?;

    // The till asks for 15 and shows a QR code and a PIN.
    let order = OrderId("1001".to_owned());
    let breakfast = vec![OrderLine::bought("breakfast", 830)];
    let till = Till(Mutex::new(BTreeMap::from([(order.clone(), breakfast)])));
    let desk = CashDesk::in_memory(registry.pos("Caffè", "Counter").await?)?;
    let shop = Shop::new("bar", desk, Arc::new(till), Rules::default())?;
    let coffee = Offer {
        title: "10 % for 15 minutes".to_owned(),
        charge: Charge::new(15)?,
        discount: Discount::BasisPoints(1_000),
    };
    let (sale, asked) = shop.offer(&order, "coffee", &coffee).await?;

    // The person pays; the discount gets onto the order, once.
    let code = asked.payment();
    pocket.pay(&gateway, &code, &asked.pin).await?;
    let sale = shop.wait(sale.id, Duration::from_secs(20)).await?;
    assert_eq!((&sale.state, sale.given), (&State::Applied, Some(83)));
    if let Some(receipt) = sale.receipt(Language::English) {
        println!("{}: {} cents", receipt.text, receipt.amount);
        println!("to pay: {} cents instead of 830", sale.total.unwrap_or(0));
    }
    Ok(())
}
