//! A learning platform: study and passed exams become vouchers, offline: `cargo run -p wom-examples --example lms`.

use std::path::Path;

use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Result, Subject,
    campaign::{Campaign, Line},
    claim::Claims,
    collector::{Collector, FirstRefusals},
    dispatcher::Dispatcher,
    instrument::Input,
};

/// What the platform saw of the study counts from day to day; what of an exam's hours it did not see is
/// awarded once the exam is passed.
fn campaign() -> Result<Campaign> {
    let (from, until) = ("2026-01-01".parse()?, "2027-01-01".parse()?);
    let (zone, place) = ("Europe/Rome".parse()?, "43.7263,12.6366".parse()?);
    Ok(Campaign::new("exams", zone, from, until, place)?
        .with_lateness_days(20_000)
        .with_line(Line::all_day("study", "E".parse()?)))
}

#[tokio::main]
async fn main() -> Result<()> {
    let registry = TestRegistry::temporary().await?;
    let (pocket, gateway) = registry.pocket()?;
    let aims = ["E".parse()?];
    let awards = Dispatcher::in_memory(registry.instrument("University", &aims).await?).await?;
    let catalog = Catalog::standard();
    let worth = [("zone", "Europe/Rome"), ("passed_minutes", "18000")];
    let rules = catalog.rule_set("study-minutes/1", &Settings::from_texts(worth))?;
    let campaign = campaign()?;
    let zone = campaign.zone.clone();
    let collector = Collector::beside(&awards, campaign, rules);

    // Statements of xAPI, as the platform exports them. Only its registrar says who passed.
    let exams = Path::new(env!("CARGO_MANIFEST_DIR")).join("exams");
    let settings = Settings::from_texts([
        ("authorities", "https://lms.example.edu registrar"),
        ("durations", "exams.txt"),
        ("milestones", "true"),
    ]);
    let platform = catalog.instrument("elearning.xapi", &settings.in_dir(&exams))?;
    let input = Input::Path(exams.join("statements.jsonl"));
    let mut refusals = FirstRefusals::default();
    let taken = collector.submit(&*platform, input, None, &mut refusals);
    let (observations, refused) = taken
        .await
        .map(|taken| (taken.observations, taken.refused))?;
    println!("{observations} observations, {refused} refused");
    for refusal in refusals.0 {
        println!("{refusal}");
    }

    // A learner as the platform knows them; only a pseudonym is kept.
    let claims = Claims::new(collector, awards);
    let learner = Subject::new("https://lms.example.edu", "284711")?;
    let waiting = claims.waiting(&learner).await?;
    for claim in claims.of(&learner).await? {
        for reason in claim.content.reasons(&zone) {
            let (day, minutes, aim) = (reason.day, reason.minutes, reason.aim);
            println!("{day}: {minutes} minutes for {aim}");
        }
        let (code, pin) = (claim.ticket.vouchers(), &claim.ticket.pin);
        pocket.redeem(&gateway, &code, pin, None).await?;
        claims.acknowledge(claim.key).await?;
    }
    assert_eq!(claims.waiting(&learner).await?, 0);
    let held: u32 = pocket.balance()?.values().sum();
    assert_eq!(u64::from(held), waiting);
    println!("collected: {:?}", pocket.balance()?);
    Ok(())
}
