//! A learning platform: study and passed exams become vouchers, offline: `cargo run -p wom-examples --example lms`.

use std::{path::Path, sync::Arc};

use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    MINUTE_MS, Result, Span, Subject, SystemClock, Zone,
    campaign::{Campaign, Collect, Line},
    claim::Claims,
    collector::{Collector, FirstRefusals},
    dispatcher::Dispatcher,
    instrument::Input,
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::MemoryStore,
};

/// What the platform saw of the study counts from day to day; what of an exam's hours it did not see is
/// awarded once the exam is passed.
fn campaign() -> Result<Campaign> {
    let zone: Zone = "Europe/Rome".parse()?;
    let (from, until) = ("2026-01-01".parse()?, "2027-01-01".parse()?);
    Ok(Campaign {
        name: "exams".to_owned(),
        runs: Span::new(zone.start_of(from), zone.start_of(until))?,
        settlement_ms: 24 * 60 * MINUTE_MS,
        lateness_ms: 20_000 * 24 * 60 * MINUTE_MS,
        collect: Collect::OnTap,
        place: "43.7263,12.6366".parse()?,
        lines: vec![Line {
            milestones: true,
            ..Line::all_day("study", "E".parse()?)
        }],
        zone,
    })
}

#[tokio::main]
async fn main() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("wom-lms-{}", std::process::id()));
    let registry = TestRegistry::start(dir.join("registry")).await?;
    let source = registry
        .registry()
        .add_instrument("University", &["E".parse()?])
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
    let worth = [("zone", "Europe/Rome"), ("passed_minutes", "18000")];
    let rules = catalog.rule_set("study-minutes/1", &Settings::from_texts(worth))?;
    let identity = awards.identity().clone();
    let campaign = campaign()?;
    let zone = campaign.zone.clone();
    let collector = Collector::new(store, keys, clock, identity, campaign, rules);

    // Statements of xAPI, as the platform exports them. Only its registrar says who passed.
    let exams = Path::new(env!("CARGO_MANIFEST_DIR")).join("exams");
    let settings = Settings::from_texts([
        ("authorities", "https://lms.example.edu registrar"),
        ("durations", "exams.txt"),
        ("milestones", "true"),
    ]);
    let platform = catalog.instrument("elearning.xapi", &settings.in_dir(&exams))?;
    let input = Input::Path(exams.join("statements.jsonl"));
    let mut refused = FirstRefusals::default();
    let taken = collector
        .submit(&*platform, input, None, &mut refused)
        .await?;
    println!(
        "{} observations, {} refused",
        taken.observations, taken.refused
    );
    for refusal in refused.0 {
        println!("{refusal}");
    }

    // A learner as the platform knows them; only a pseudonym is kept.
    let claims = Claims::new(collector, awards);
    let learner = Subject::new("https://lms.example.edu", "284711")?;
    let waiting = claims.waiting(&learner).await?;
    let pocket = Pocket::open(dir.join("wallet.json"))?;
    for claim in claims.of(&learner).await? {
        for sort in claim.content.sorts() {
            let day = zone.day(sort.at);
            println!("{day}: {} minutes for {}", sort.minutes, sort.aim);
        }
        let code = Link::Vouchers(claim.ticket.otc.clone());
        let wallet = PocketClient::new(client.clone());
        pocket
            .redeem(&wallet, &code, &claim.ticket.pin, None)
            .await?;
        claims.acknowledge(claim.key).await?;
    }
    let held: u32 = pocket.balance()?.values().sum();
    assert_eq!(u64::from(held), waiting);
    println!("collected: {:?}", pocket.balance()?);

    registry.stop().await?;
    let _ = std::fs::remove_dir_all(dir);
    Ok(())
}
