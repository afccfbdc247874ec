//! How long `active-minutes/1` takes for a year of one person: 150,000 step records, a phone and a
//! watch. Run it with `cargo bench -p wom-adapter-steps --bench rules`.

use std::time::Instant;

use wom_adapter_steps::ActiveMinutes;
use wom_sdk::{
    Body, Device, Digest, Provenance, Recording, Span, Timestamp, observation::Entry,
    rules::RuleSet as _,
};

const RECORDS: u32 = 150_000;
const YEAR_S: i64 = 365 * 86_400;

fn main() {
    let entries: Vec<Entry> = (0..RECORDS).map(record).collect();
    let entries: Vec<&Entry> = entries.iter().collect();
    let rules = ActiveMinutes::default();
    let mut millis: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            let minutes = rules.judge(&entries, Timestamp::MAX).time().minutes();
            let taken = start.elapsed().as_secs_f64() * 1000.0;
            assert!(minutes > 10_000, "{minutes} minutes are too few for a year");
            taken
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    println!(
        "a year of one person, {RECORDS} step records: {:.0} ms (median of 7)",
        millis[3]
    );
}

/// A third by the watch in minutes, a third by the phone in ten minutes, a third in bursts.
fn record(n: u32) -> Entry {
    let from = i64::from(n) * YEAR_S / i64::from(RECORDS);
    let (device, seconds, steps) = match n % 3 {
        0 => (Device::Watch, 60, 80 + n * 7 % 60),
        1 => (Device::Phone, 600, 50 + n * 13 % 400),
        _ => (Device::Phone, 17, n * 5 % 20),
    };
    Entry {
        key: Digest::of([n.to_be_bytes()]),
        revision: 0,
        provenance: Provenance {
            stream: Digest::of([[device as u8]]),
            device,
            recording: Recording::Measured,
        },
        body: Body::Steps {
            span: Span::starting(Timestamp::from_seconds(from), seconds * 1000),
            steps,
        },
    }
}
