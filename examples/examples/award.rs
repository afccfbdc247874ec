//! Thirty minutes of walking become thirty vouchers, offline: `cargo run -p wom-examples --example award`.

use std::sync::Arc;

use wom_registry::TestRegistry;
use wom_sdk::{
    Result, SystemClock,
    award::Request,
    dispatcher::Dispatcher,
    privacy::MemoryKeyStore,
    registry::{InstrumentClient, RegistryClient},
    store::MemoryStore,
};

#[tokio::main]
async fn main() -> Result<()> {
    // A real Registry, on this machine. In production: its address, your source id and key.
    let dir = std::env::temp_dir().join(format!("wom-example-{}", std::process::id()));
    let registry = TestRegistry::start(&dir).await?;
    let source = registry
        .registry()
        .add_instrument("My app", &["H".parse()?])
        .await?;
    let client = RegistryClient::new(registry.url())?;
    let issuer = InstrumentClient::new(client, source.id, source.key)?;

    // In production: a store and keys on disk, so that a crash loses nothing and doubles nothing.
    let (store, keys) = (
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryKeyStore::default()),
    );
    let awards = Dispatcher::open(store, Arc::new(issuer), keys, Arc::new(SystemClock)).await?;

    let walk = Request::new("H".parse()?, 30, "43.7263,12.6366".parse()?);
    let ticket = awards.award("walk 42", &walk).await?;
    // The same key again gives the same code.
    assert_eq!(awards.award("walk 42", &walk).await?, ticket);
    println!(
        "{} WOM: {}  PIN {}",
        ticket.minutes,
        ticket.link.reveal(),
        ticket.pin.reveal()
    );

    registry.stop().await?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
