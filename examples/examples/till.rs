//! A discount for whoever pays 15 WOM, offline: `cargo run -p wom-examples --example till`.

use std::{sync::Arc, time::Duration};

use wom_registry::TestRegistry;
use wom_sdk::{
    Result, SystemClock,
    award::Request,
    cash_desk::CashDesk,
    checkout::{Charge, State},
    dispatcher::Dispatcher,
    merchant::Discount,
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, PosClient, RegistryClient},
    store::MemoryStore,
};

#[tokio::main]
async fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("wom-till-{}", std::process::id()));
    let registry = TestRegistry::start(dir.join("registry")).await?;
    let client = RegistryClient::new(registry.url())?;
    let (keys, clock) = (Arc::new(MemoryKeyStore::default()), Arc::new(SystemClock));

    // Somebody was given 20 WOM, and holds them in a Pocket.
    let source = registry
        .registry()
        .add_instrument("Library", &["C".parse()?])
        .await?;
    let issuer = InstrumentClient::new(client.clone(), source.id, source.key)?;
    let awards = Dispatcher::open(
        Arc::new(MemoryStore::new()),
        Arc::new(issuer),
        keys.clone(),
        clock.clone(),
    )
    .await?;
    let given = awards
        .award(
            "reading 7",
            &Request::new("C".parse()?, 20, "43.7263,12.6366".parse()?),
        )
        .await?;
    let pocket = Pocket::open(dir.join("wallet.json"))?;
    let wallet = PocketClient::new(client.clone());
    pocket
        .redeem(&wallet, &Link::Vouchers(given.otc), &given.pin, None)
        .await?;

    // The till asks for 15 and shows a QR code and a PIN.
    let pos = registry.registry().add_pos("Caffè", "Counter").await?;
    let payee = PosClient::new(client, pos.id, pos.key)?;
    let desk = CashDesk::new(Arc::new(MemoryStore::new()), Arc::new(payee), keys, clock);
    let asked = desk.charge("order 1001", &Charge::new(15)?).await?;

    // The person pays, and the till hears of it, once.
    pocket
        .pay(&wallet, &Link::Payment(asked.otc), &asked.pin)
        .await?;
    let state = desk.wait("order 1001", Duration::from_secs(20)).await?;
    assert!(matches!(state, State::Paid { .. }));
    let total = 830 - Discount::BasisPoints(1000).of(830);
    println!(
        "paid; {}.{:02} EUR instead of 8.30",
        total / 100,
        total % 100
    );

    registry.stop().await?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
