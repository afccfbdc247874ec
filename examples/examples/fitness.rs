//! A fitness app: a watch's recording becomes vouchers, offline: `cargo run -p wom-examples --example fitness`.

use std::{path::Path, sync::Arc};

use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Activity, MINUTE_MS, Result, Span, Subject, SystemClock, Zone,
    campaign::{Campaign, Collect, Line, Mode},
    claim::Claims,
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::MemoryStore,
};

/// Minutes of sport are worth vouchers for health, up to an hour a day; those on a bicycle are worth
/// vouchers for the environment.
fn campaign() -> Result<Campaign> {
    let zone: Zone = "Europe/Rome".parse()?;
    let (from, until) = ("2018-01-01".parse()?, "2019-01-01".parse()?);
    Ok(Campaign {
        name: "move 2018".to_owned(),
        runs: Span::new(zone.start_of(from), zone.start_of(until))?,
        settlement_ms: 24 * 60 * MINUTE_MS,
        lateness_ms: 20_000 * 24 * 60 * MINUTE_MS, // the recording is old
        collect: Collect::OnTap,
        place: "43.7263,12.6366".parse()?,
        lines: vec![
            Line {
                activities: vec![Activity::CYCLING],
                mode: Mode::Instead,
                ..Line::all_day("bike", "N".parse()?)
            },
            Line {
                cap_minutes: Some(60),
                ..Line::all_day("sport", "H".parse()?)
            },
        ],
        zone,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    // A real Registry, on this machine. In production: its address, and a store and keys on disk, so
    // that a crash loses nothing and doubles nothing.
    let dir = std::env::temp_dir().join(format!("wom-fitness-{}", std::process::id()));
    let registry = TestRegistry::start(dir.join("registry")).await?;
    let aims = ["H".parse()?, "N".parse()?];
    let source = registry
        .registry()
        .add_instrument("Move app", &aims)
        .await?;
    let client = RegistryClient::new(registry.url())?;
    let issuer = InstrumentClient::new(client.clone(), source.id, source.key)?;
    let (store, keys) = (
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryKeyStore::default()),
    );
    let clock = Arc::new(SystemClock);
    let awards = Dispatcher::open(store.clone(), Arc::new(issuer), keys.clone(), clock.clone());
    let awards = awards.await?;
    let catalog = Catalog::standard();
    let rules = catalog.rule_set("active-minutes/1", &Settings::none())?;
    let identity = awards.identity().clone();
    let campaign = campaign()?;
    let zone = campaign.zone.clone();
    let collector = Collector::new(store, keys, clock, identity, campaign, rules);

    // The watch's file, as the user uploads it. Twice, as users do: minutes count once.
    let watch = catalog.instrument("steps.fit", &Settings::from_texts([("subject", "user 7")]))?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/triathlon.fit");
    let mut waiting = 0;
    for _ in 0..2 {
        let input = Input::Path(file.clone());
        let taken = collector
            .submit(&*watch, input, None, &mut Unwatched)
            .await?;
        waiting = taken.settled.iter().map(|unit| unit.uncollected).sum();
        println!(
            "{} observations, {waiting} minutes wait",
            taken.observations
        );
    }

    // The user taps "collect": one code for the month, with what it is for.
    let claims = Claims::new(collector, awards);
    let user = Subject::new(Subject::PARTICIPANT, "user 7")?;
    let pocket = Pocket::open(dir.join("wallet.json"))?;
    for claim in claims.of(&user).await? {
        for sort in claim.content.sorts() {
            let day = zone.day(sort.at);
            println!("{day}: {} minutes for {}", sort.minutes, sort.aim);
        }
        let code = Link::Vouchers(claim.ticket.otc.clone());
        let wallet = PocketClient::new(client.clone());
        let redeemed = pocket
            .redeem(&wallet, &code, &claim.ticket.pin, None)
            .await?;
        assert_eq!(u64::from(redeemed.vouchers), waiting);
        claims.acknowledge(claim.key).await?;
    }
    println!("collected: {:?}", pocket.balance()?);

    registry.stop().await?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
