//! Death at every point: a real process on a real disk dies right before and right after each write
//! and each call, in the first pass and again while it recovers.
//!
//! The windows W0 to W8 of `docs/reliability.md` are between these points; `WOM_DIE_AT=n` repeats
//! one, and `WOM_DEATHS=3` dies at each in the first pass, in both, and twice in a row.

use std::collections::BTreeMap;

use wom_store::testing::PgServer;

use crate::{
    ground::{Base, set_or},
    mortal::Points,
    way::{Course, End, MANY, Ways},
};

#[tokio::test(flavor = "multi_thread")]
async fn death_at_every_point_on_sqlite() {
    let whole = Course::Whole(MANY);
    die_everywhere(Base::Sqlite, whole, Points::All, set_or("WOM_DEATHS", 1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn death_at_every_point_on_postgres() {
    if let Some(server) = PgServer::shared() {
        let deaths = set_or("WOM_DEATHS_POSTGRES", 1);
        let whole = Course::Whole(MANY);
        die_everywhere(Base::Postgres(server), whole, Points::All, deaths).await;
    }
}

/// Returns the points' names.
pub(crate) async fn die_everywhere(
    base: Base,
    course: Course,
    of: Points,
    deaths: u32,
) -> Vec<String> {
    let mut ways = Ways::new(base, course).await;
    // Once without dying, to see how many points there are.
    let mut way = ways.begin().await;
    let points = way.finish_counting(of);
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
            let End::Died(name) = way.die(of, point) else {
                panic!("it does not die at {point}");
            };
            println!("{point}: {name}, then {again:?}");
            names.insert(point, name);
            if let Some(again) = again {
                // What is left may have fewer points.
                way.die(of, again);
            }
            way.finish();
            ways.check(&way).await;
        }
    }
    println!(
        "{} points, {deaths} ways to die at each: lost 0, doubled 0",
        names.len()
    );
    names.into_values().collect()
}
