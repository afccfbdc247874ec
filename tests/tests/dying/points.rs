//! Death at every point: a real process on a real disk dies right before and right after each write
//! and each call, in the first pass and again while it recovers.
//!
//! The windows W0 to W8 of `docs/reliability.md` are between these points; `WOM_DIE_AT=n` repeats
//! one, and `WOM_DEATHS=3` dies at each in the first pass, in both, and twice in a row.

use std::collections::BTreeMap;

use wom_store::testing::PgServer;

use crate::{
    ground::{Base, set_or},
    way::{End, MANY, Ways},
};

#[tokio::test(flavor = "multi_thread")]
async fn death_at_every_point_on_sqlite() {
    die_everywhere(Base::Sqlite, set_or("WOM_DEATHS", 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn death_at_every_point_on_postgres() {
    if let Some(server) = PgServer::shared() {
        let deaths = set_or("WOM_DEATHS_POSTGRES", 1);
        die_everywhere(Base::Postgres(server), deaths).await;
    }
}

async fn die_everywhere(base: Base, deaths: u32) {
    let mut ways = Ways::new(base, MANY).await;
    // Once without dying, to see how many points there are.
    let mut way = ways.begin().await;
    let points = way.finish();
    ways.check(&way).await;
    println!("{points} points");
    let points: Vec<u32> = match std::env::var("WOM_DIE_AT") {
        Ok(one) => vec![one.parse().unwrap()],
        Err(_) => (0..points).collect(),
    };
    let mut names = BTreeMap::new();
    for point in points {
        // In the first pass; in the first and the second; twice in a row at the same place.
        let ends = [None, Some(point / 2), Some(point)];
        for again in ends.into_iter().take(deaths.try_into().unwrap()) {
            let mut way = ways.begin().await;
            let End::Died(name) = way.run(Some(point), |_| {}).end else {
                panic!("it does not die at {point}");
            };
            println!("{point}: {name}, then {again:?}");
            names.insert(point, name);
            if again.is_some() {
                // What is left may have fewer points.
                way.run(again, |_| {});
            }
            way.finish();
            ways.check(&way).await;
        }
    }
    println!(
        "{} points, {deaths} ways to die at each: lost 0, doubled 0",
        names.len()
    );
}
