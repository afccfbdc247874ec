//! The adapters do what every instrument must.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use wom_adapter_activity::{ActivityCsv, ActivityJson, Config};
use wom_sdk::{instrument::Instrument, testing::conformance::instrument::Fixture};

struct Json;

impl Fixture for Json {
    fn adapter(&self) -> Arc<dyn Instrument> {
        Arc::new(ActivityJson::new(Config::default()))
    }

    fn sample(&self) -> Vec<u8> {
        let record = |n: u32| {
            format!(
                r#"{{"participant": "sara.{n}@example.org", "key": "k{n}", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T10:{n:02}:30Z"}}"#
            )
        };
        let records: Vec<_> = (0..40).map(record).collect();
        format!("[{}]", records.join(",\n")).into_bytes()
    }
}

struct Csv;

impl Fixture for Csv {
    fn adapter(&self) -> Arc<dyn Instrument> {
        Arc::new(ActivityCsv::new(Config::default()))
    }

    fn sample(&self) -> Vec<u8> {
        let mut table = "participant,start,end,key\n".to_owned();
        for n in 0..40 {
            table += &format!(
                "sara.{n}@example.org,2026-03-01T10:00:00Z,2026-03-01T10:{n:02}:30Z,k{n}\n"
            );
        }
        table.into_bytes()
    }
}

mod json {
    wom_sdk::instrument_conformance!(super::Json);
}

mod csv {
    wom_sdk::instrument_conformance!(super::Csv);
}
