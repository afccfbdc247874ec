//! A museum without a developer: the gate's list of a day, one command, and slips to print.

use std::{collections::BTreeMap, fs, time::Instant};

use serde_json::Value;

use crate::town::Town;

/// The generator knows what its list is worth.
#[allow(dead_code, reason = "it is a program too")]
#[path = "../../../adapters/ticketing/examples/museum-list.rs"]
mod museum_list;

#[tokio::test(flavor = "multi_thread")]
async fn a_gates_list_becomes_slips_and_a_report_of_every_bad_line() {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("SEED={seed}");
    let list = museum_list::list(seed, 1_000);
    let town = Town::new().await;
    fs::write(town.path("gate.csv"), &list.bytes).unwrap();

    let submit = [
        "submit",
        "ticketing.checkin-csv",
        "gate.csv",
        "--set",
        "zone=Europe/Rome",
        "--set",
        "nominal_minutes=90",
        "--to",
    ];
    // By the rules of the sample nothing of it would count: that is said, and nothing is taken in.
    let wrong = [&submit[..], &["slips.pdf"]].concat();
    assert_eq!(town.refused(&wrong), "configuration_invalid");
    town.configure("active-minutes/1", "attendance/1");

    let begun = Instant::now();
    let said = town.done(&[&submit[..], &["slips.pdf"]].concat());
    println!("from the list to the slips: {:?}", begun.elapsed());

    let all =
        |name: &str| -> Vec<&Value> { said.iter().filter_map(|object| object.get(name)).collect() };
    let refused: BTreeMap<u64, &str> = all("refused")
        .into_iter()
        .map(|refused| {
            let line = refused["at"][0].as_str().unwrap();
            let line = line.strip_prefix("line ").unwrap().parse().unwrap();
            (line, refused["code"].as_str().unwrap())
        })
        .collect();
    assert_eq!(refused, list.bad);

    let expected: Vec<_> = list.minutes.values().filter(|worth| **worth > 0).collect();
    let exported = all("exported")[0];
    assert_eq!(exported["count"], expected.len());
    assert_eq!(exported["waiting"], 0);
    assert_eq!(exported["minutes"], expected.into_iter().sum::<i64>());
    assert!(
        fs::read(town.path("slips.pdf"))
            .unwrap()
            .starts_with(b"%PDF")
    );
    assert!(town.waiting().is_empty());

    // The same list again, and one that repeats a part of it, are worth nothing more.
    let again = town.done(&[&submit[..], &["again.pdf"]].concat());
    let summary = again.last().unwrap();
    assert_eq!(summary["summary"]["repeated"], true);
    fs::write(town.path("gate.csv"), &list.bytes[..list.bytes.len() / 2]).unwrap();
    let part = town.done(&[&submit[..], &["part.pdf"]].concat());
    assert_eq!(part.last().unwrap()["summary"]["awarded"], 0);
    assert!(!town.path("part.pdf").exists(), "there is nothing to print");
    let books = town.done(&["audit"]);
    println!("{}", books.last().unwrap());
}
