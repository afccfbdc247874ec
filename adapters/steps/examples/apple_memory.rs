//! Reads an Apple Health export of some gibibytes, made while it is read, and fails if the whole
//! program ever held more than 64 MiB.
//!
//! `cargo run --release -p wom-adapter-steps --features testing --example apple_memory [GIBIBYTES]`

use std::{
    io::{self, Read},
    pin::pin,
    process::ExitCode,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use wom_adapter_steps::{
    AppleHealth, AppleHealthConfig,
    testing::apple_export::{AppleExport, Truth},
};
use wom_sdk::{
    Body, Observation, Result, Timestamp,
    instrument::{Input, Instrument as _, Refusal, Sink},
};

const MOST_KIB: u64 = 64 * 1024;

fn main() -> ExitCode {
    let gibibytes = std::env::args()
        .nth(1)
        .map_or(Ok(1.0), |text| text.parse::<f64>());
    let Ok(gibibytes) = gibibytes else {
        eprintln!("how many gibibytes? for example: apple_memory 1.5");
        return ExitCode::FAILURE;
    };
    let day = AppleExport::of_days(1).text().len() as f64;
    let days = (gibibytes * f64::from(1 << 30) / day).ceil().max(1.0) as u32;
    let export = AppleExport::of_days(days);
    match read(export) {
        Ok(found) => report(export, found),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn report(export: AppleExport, found: Found) -> ExitCode {
    let expected = Truth {
        minutes: 0,
        workouts: 0,
        ..export.truth()
    };
    if found.truth != expected {
        eprintln!("wrong: found {:?}, expected {expected:?}", found.truth);
        return ExitCode::FAILURE;
    }
    let mib = found.bytes >> 20;
    let records = found.truth.step_records;
    let Some(peak) = peak_kib() else {
        println!(
            "{mib} MiB with {records} step records; this system does not tell the peak memory"
        );
        return ExitCode::SUCCESS;
    };
    println!("{mib} MiB with {records} step records; at most {peak} KiB of memory");
    if peak > MOST_KIB {
        eprintln!("that is more than {MOST_KIB} KiB");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn read(export: AppleExport) -> Result<Found> {
    let mut found = Found::default();
    let adapter = AppleHealth::new(AppleHealthConfig::default())?;
    let reader: Box<dyn Read + Send> = Box::new(io::BufReader::new(export.reader()));
    {
        let input = Input::Reader(reader);
        let mut reading = pin!(adapter.read(input, Timestamp::EPOCH, &mut found));
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = reading.as_mut().poll(&mut context) {
                result?;
                break;
            }
        }
    }
    Ok(found)
}

/// The most memory that was resident at any time, as Linux tells it.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[derive(Default)]
struct Found {
    truth: Truth,
    bytes: u64,
}

#[async_trait]
impl Sink for Found {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        for observation in chunk {
            if let Body::Steps { steps, .. } = observation.body {
                self.truth.step_records += 1;
                self.truth.steps += u64::from(steps);
            }
        }
        Ok(())
    }

    async fn refuse(&mut self, _refusal: Refusal) -> Result<()> {
        self.truth.refused += 1;
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        self.bytes = bytes;
    }
}
