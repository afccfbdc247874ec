//! Thirty minutes of walking become thirty vouchers, offline: `cargo run -p wom-examples --example award`.

use wom_registry::TestRegistry;
use wom_sdk::{Result, award::Request, dispatcher::Dispatcher};

#[tokio::main]
async fn main() -> Result<()> {
    // A real Registry, on this machine. In production: `InstrumentClient` with its address, your source
    // id and key, and `Dispatcher::open` with a store and keys on disk, so that a crash loses nothing
    // and doubles nothing.
    let registry = TestRegistry::temporary().await?;
    let issuer = registry.instrument("My app", &["H".parse()?]).await?;
    let awards = Dispatcher::in_memory(issuer).await?;

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
    Ok(())
}
