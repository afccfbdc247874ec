//! A fitness app: a watch's recording becomes vouchers, offline: `cargo run -p wom-examples --example fitness`.

use std::path::Path;

use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Activity, Result, Subject,
    campaign::{Campaign, Line},
    claim::Claims,
    collector::{Collector, Unwatched},
    dispatcher::Dispatcher,
    instrument::Input,
};

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/triathlon.fit");

/// Minutes of sport are worth vouchers for health, up to an hour a day; those on a bicycle are worth
/// vouchers for the environment.
fn campaign() -> Result<Campaign> {
    let (from, until) = ("2018-01-01".parse()?, "2019-01-01".parse()?);
    let (zone, place) = ("Europe/Rome".parse()?, "43.7263,12.6366".parse()?);
    let bike = Line::all_day("bike", "N".parse()?).only([Activity::CYCLING]);
    Ok(Campaign::new("move 2018", zone, from, until, place)?
        .with_lateness_days(20_000) // the recording is old
        .with_line(bike.instead())
        .with_line(Line::all_day("sport", "H".parse()?).capped(60)))
}

#[tokio::main]
async fn main() -> Result<()> {
    // A real Registry, on this machine. In production: `InstrumentClient` with its address, and a store
    // and keys on disk, so that a crash loses nothing and doubles nothing.
    let registry = TestRegistry::temporary().await?;
    let (pocket, gateway) = registry.pocket()?;
    let aims = ["H".parse()?, "N".parse()?];
    let awards = Dispatcher::in_memory(registry.instrument("Move app", &aims).await?).await?;
    let catalog = Catalog::standard();
    let rules = catalog.rule_set("active-minutes/1", &Settings::none())?;
    let campaign = campaign()?;
    let zone = campaign.zone.clone();
    let collector = Collector::beside(&awards, campaign, rules);

    // The watch's file, as the user uploads it. Twice, as users do: minutes count once.
    let watch = catalog.instrument("steps.fit", &Settings::from_texts([("subject", "user 7")]))?;
    let upload = async || {
        let input = Input::Path(Path::new(RECORDING).to_owned());
        collector.submit(&*watch, input, None, &mut Unwatched).await
    };
    let (taken, again) = (upload().await?, upload().await?);
    let (observations, waiting) = (taken.observations, taken.waiting());
    assert_eq!(again.waiting(), waiting);
    println!("{observations} observations, {waiting} minutes wait");

    // The user taps "collect": one code for the month, with what it is for.
    let claims = Claims::new(collector, awards);
    let user = Subject::new(Subject::PARTICIPANT, "user 7")?;
    for claim in claims.of(&user).await? {
        for reason in claim.content.reasons(&zone) {
            let (day, minutes, aim) = (reason.day, reason.minutes, reason.aim);
            println!("{day}: {minutes} minutes for {aim}");
        }
        let (code, pin) = (claim.ticket.vouchers(), &claim.ticket.pin);
        let redeemed = pocket.redeem(&gateway, &code, pin, None).await?;
        assert_eq!(u64::from(redeemed.vouchers), waiting);
        claims.acknowledge(claim.key).await?;
    }
    println!("collected: {:?}", pocket.balance()?);
    Ok(())
}
