//! W9: the process dies while keys are renewed and old ones destroyed.
//!
//! Two people gave months ago, and nobody has collected it. Now a third one gives, everything is
//! collected, and what is over for good is forgotten: a new month's key and a new day's key are
//! made, the old ones are destroyed, and the old activity that is sent once more is refused.

use wom_sdk::Result;
use wom_store::testing::PgServer;

use crate::{
    ground::{Base, KEPT, set_or},
    mortal::Points,
    points::die_everywhere,
    way::{Course, DAY_MS, Given, Worker},
};

/// What is sent once more when it is over for good.
pub(crate) const FILE: &str = "old.json";
/// Given a hundred days ago.
pub(crate) const OLD: Given = &[("anna", -95, 30), ("bruno", -95, 15)];
/// Given yesterday.
pub(crate) const NEW: Given = &[("carla", 4, 20)];
/// Between the two ways.
pub(crate) const AGO_MS: i64 = 94 * DAY_MS;

#[tokio::test(flavor = "multi_thread")]
async fn death_while_keys_are_renewed_and_destroyed_on_sqlite() {
    let points = die_everywhere(Base::Sqlite, Course::Renewal, Points::Keys, deaths()).await;
    all_was_struck(&points);
}

#[tokio::test(flavor = "multi_thread")]
async fn death_while_keys_are_renewed_and_destroyed_on_postgres() {
    if let Some(server) = PgServer::shared() {
        let base = Base::Postgres(server);
        let points = die_everywhere(base, Course::Renewal, Points::Keys, deaths()).await;
        all_was_struck(&points);
    }
}

/// Within the change of a key too, right before and in the middle of each write.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn death_in_the_middle_of_a_key_file() {
    use crate::{
        shim::{Blow, Calls, Shim, struck},
        way::Ways,
    };

    let Some(shim) = Shim::made() else { return };
    let mut ways = Ways::new(Base::Sqlite, Course::Renewal).await;
    for how in ["die", "tear"] {
        let mut calls = 0;
        for at in 1.. {
            let mut way = ways.begin().await;
            let folder = way.dir.join(KEPT);
            let of = Calls::Files(&folder, "keys.json");
            let run = way.run(|worker| shim.strike(worker, Blow { how, at, of }));
            let Some((_, after)) = struck(&run.said) else {
                ways.check(&way).await;
                break;
            };
            println!("{how} {at}: {}", after[0]);
            calls = at;
            way.finish();
            ways.check(&way).await;
        }
        // Two keys are made and two destroyed, with four calls for each.
        assert!(calls >= 16, "the shim sees only {calls} writes");
        println!("{how}: {calls} calls; lost 0, doubled 0");
    }
}

fn deaths() -> u32 {
    set_or("WOM_DEATHS", 1)
}

fn all_was_struck(points: &[String]) {
    for change in [
        "make epoch",
        "make award",
        "forget what they hid",
        "destroy epoch",
        "destroy award",
    ] {
        for when in ["before", "after"] {
            let name = format!("{when} keys: {change}");
            assert!(points.contains(&name), "{name} is not in {points:?}");
        }
    }
}

/// One day of a service.
pub(crate) async fn renew(worker: &Worker) -> Result<()> {
    let claims = worker.claims();
    // Nothing of what waits is forgotten, however old it is.
    claims.close_epochs().await?;
    worker.take_in(crate::way::FILE, true).await?;
    worker.hand_over().await?;
    claims.close_epochs().await?;
    // Under a new key it would count once more.
    worker.take_in(FILE, false).await?;
    worker.hand_over().await?;
    only_the_keys_of_now_are_left(worker)
}

fn only_the_keys_of_now_are_left(worker: &Worker) -> Result<()> {
    let campaign = &worker.campaign;
    let now = worker.clock.now();
    for epoch in worker.keys.epochs(&campaign.name)? {
        assert!(campaign.closes(epoch) > now, "{epoch} is over for good");
    }
    let yesterday = now.as_millis() / DAY_MS - 1;
    for name in worker.keys.names("award/")? {
        assert!(name >= format!("award/{yesterday:08}"), "{name} is left");
    }
    let kept = std::fs::read_dir(worker.dir.join(KEPT)).unwrap();
    let names = kept.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let copies: Vec<_> = names.filter(|name| name.ends_with(".new")).collect();
    assert_eq!(copies, [""; 0], "copies of keys that were destroyed since");
    Ok(())
}
