//! The campaign of `examples/exams`, read from its files and run: exams that are passed, by their
//! credits.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path, sync::Arc};

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Clock, MINUTE_MS, Span, Timestamp, Zone,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Unwatched},
    instrument::Input,
    privacy::MemoryKeyStore,
    store::MemoryStore,
};

#[derive(Debug)]
struct At(&'static str);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0.parse().unwrap()
    }
}

/// The campaign as the file has it.
fn campaign(file: &toml::Table) -> Campaign {
    let table = &file["campaign"];
    let text = |name: &str| table[name].as_str().unwrap();
    let whole = |name: &str| table[name].as_integer().unwrap();
    let zone: Zone = text("zone").parse().unwrap();
    let start = |name| zone.start_of(text(name).parse().unwrap());
    let line = &table["line"][0];
    Campaign {
        name: text("name").to_owned(),
        runs: Span::new(start("from"), start("until")).unwrap(),
        settlement_ms: whole("settlement_hours") * 60 * MINUTE_MS,
        lateness_ms: whole("lateness_days") * 24 * 60 * MINUTE_MS,
        place: text("place").parse().unwrap(),
        lines: vec![Line {
            milestones: line["milestones"].as_bool().unwrap(),
            ..Line::all_day("study", line["aim"].as_str().unwrap().parse().unwrap())
        }],
        collect: Collect::AtOnce,
        zone,
    }
}

#[tokio::test]
async fn a_passed_exam_is_worth_its_credits_once_study_included() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/exams");
    let read = |name: &str| fs::read_to_string(example.join(name)).unwrap();
    let file: toml::Table = read("wom.toml").parse().unwrap();
    let catalog = Catalog::standard();
    let rules = Settings::from_table(&file["rules"]["study-minutes/1"]).unwrap();
    let settings = Settings::from_table(&file["adapters"]["elearning.xapi"]).unwrap();
    let adapter = catalog
        .instrument("elearning.xapi", &settings.in_dir(&example))
        .unwrap();
    let collector = Collector::new(
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryKeyStore::default()),
        Arc::new(At("2026-03-01T00:00:00Z")),
        Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        campaign(&file),
        catalog.rule_set("study-minutes/1", &rules).unwrap(),
    );
    let mut minutes = Vec::new();
    let mut refused = 0;
    // After each session of exams, and once more than needed.
    for (month, now) in [
        ("2026-02", "2026-03-05T00:00:00Z"),
        ("2026-06", "2026-07-05T00:00:00Z"),
        ("2026-06", "2026-07-06T00:00:00Z"),
    ] {
        let text = read("statements.jsonl");
        let of_month = |line: &&str| line.contains(&format!("\"timestamp\": \"{month}"));
        let text: String = text
            .lines()
            .filter(of_month)
            .map(|line| format!("{line}\n"))
            .collect();
        let collector = collector.clone().with_clock(Arc::new(At(now)));
        let input = Input::Bytes(text.into_bytes());
        let submission = collector
            .submit(&*adapter, input, None, &mut Unwatched)
            .await
            .unwrap();
        refused += submission.refused;
        let awarded = submission
            .settled
            .iter()
            .flat_map(|settled| &settled.awarded);
        minutes.extend(
            awarded
                .flat_map(|award| &award.payments)
                .map(|payment| payment.minutes),
        );
    }
    assert_eq!(refused, 1, "nobody vouches for 284712 but themselves");
    minutes.sort_unstable();
    // Of analysis 120 and 90 minutes were seen: the rest of its 9000 came with passing, once. Of history
    // an hour each time. Nothing for who was never seen.
    assert_eq!(minutes, [60, 60, 90, 120, 4_500 - 120, 9_000 - 210]);
    assert_eq!(minutes.iter().sum::<u32>(), 13_500);
}
