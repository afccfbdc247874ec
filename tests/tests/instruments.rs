//! Every adapter of the catalogue that reads files does what every instrument must.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{collections::BTreeSet, sync::Arc};

use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Timestamp,
    instrument::Instrument,
    testing::conformance::instrument::{Fixture, TOPICS, run, topic},
};
use wom_tests::fuzz;

/// An adapter, the fuzz target of whose seeds it reads the first, and settings.
struct Adapter(
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ADAPTERS: &[Adapter] = &[
    Adapter("activity.csv", "activity_csv", &[]),
    Adapter("activity.json", "activity_json", &[]),
    Adapter("elearning.cmi5", "statements", &[]),
    Adapter("elearning.kolibri", "kolibri_export", &[]),
    Adapter("elearning.moodle", "moodle_log", &[]),
    Adapter("elearning.openedx", "openedx_log", &[]),
    Adapter("elearning.scorm", "scorm_commits", &[]),
    Adapter("elearning.xapi", "statements", &[]),
    Adapter("steps.apple-health", "apple_xml", &[]),
    Adapter("steps.fit", "fit", &[]),
    Adapter(
        "ticketing.checkin-csv",
        "checkin_csv",
        &[("zone", "Europe/Rome"), ("nominal_minutes", "90")],
    ),
    Adapter("ticketing.ical", "ical", &[("zone", "Europe/Rome")]),
];

impl Fixture for Adapter {
    fn adapter(&self) -> Arc<dyn Instrument> {
        let settings = Settings::from_texts(self.2.iter().copied());
        Catalog::standard().instrument(self.0, &settings).unwrap()
    }

    fn sample(&self) -> Vec<u8> {
        if self.0 == "steps.fit" {
            // The fuzzer's first seed is as small as can be, and tells of no activity.
            return include_bytes!("../../examples/data/monitoring-day.fit").to_vec();
        }
        (fuzz::target(self.1).unwrap().seeds)().swap_remove(0)
    }

    /// Where a later reading knows better, the time is part of what is read.
    fn now(&self) -> Timestamp {
        "2026-12-31T00:00:00Z".parse().unwrap()
    }
}

#[test]
fn all_that_read_files_are_here() {
    let catalog = Catalog::standard();
    let reading = catalog.adapters().filter(|it| it.capabilities.read_file);
    let reading: BTreeSet<_> = reading.map(|it| it.info.name).collect();
    let here = ADAPTERS.iter().map(|it| it.0).collect();
    assert_eq!(reading, here);
}

#[test]
fn each_conforms() {
    for adapter in ADAPTERS {
        for name in TOPICS {
            println!("{}: {name}", adapter.0);
            run(topic(name, adapter));
        }
    }
}
