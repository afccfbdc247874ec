//! How fast FIT is read, beside the crates `rustyfit` and `fitparser`, one thread each.
//!
//! `cargo bench -p wom-adapter-steps --bench read`. The readers take turns and the best of their
//! rounds counts, as other programs disturb a machine for a while, not for ever. Only the ratios
//! mean something on another machine.
//!
//! With `-- --flat` it reads 10 GiB instead, as a chain of small parts and as parts of almost
//! 4 GiB, and tells the most memory that the process had.
#![allow(clippy::unwrap_used, reason = "a measurement may panic")]

#[path = "../tests/fit/fixtures.rs"]
mod fixtures;

use std::{
    hint::black_box,
    io::{self, Read},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rustyfit::{Decoder, StreamingIterator};
use wom_adapter_steps::{Fit, FitConfig};
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{Input, Instrument, Refusal, Sink},
};

/// Reads a whole file.
type Reader = fn(Vec<u8>);

const ROUNDS: usize = 15;

fn main() {
    if std::env::args().any(|argument| argument == "--flat") {
        return flat();
    }
    for (name, times) in [
        ("hrv-activity.fit", 50),
        ("sample_mulitple_header.fit", 35),
        ("MonitoringFile.fit", 1_200),
    ] {
        compare(name, &fixtures::fixture(name).repeat(times));
    }
}

/// Reads more than memory should hold.
fn flat() {
    const ALL: u64 = 10 << 30;
    let small = fixtures::fixture("sample_mulitple_header.fit");
    // One part says that it is as long as can be; its records repeat those of the small file.
    let mut large = small.clone();
    large[4..8].copy_from_slice(&(u32::MAX - 1_000).to_le_bytes());
    let length = u32::from_le_bytes([small[4], small[5], small[6], small[7]]) as usize;
    let large = Repeat {
        head: large[..14].to_vec(),
        block: small[14..14 + length].to_vec(),
        at: 0,
        left: ALL,
    };
    let small = Repeat {
        head: Vec::new(),
        block: small,
        at: 0,
        left: ALL,
    };
    for (name, input) in [("small parts", small), ("large parts", large)] {
        let start = Instant::now();
        let (found, refused) = read(Input::Reader(Box::new(input)));
        println!(
            "10 GiB in {name}: {:.0} s, {found} observations, {refused} refusals, {}",
            start.elapsed().as_secs_f64(),
            peak(),
        );
    }
}

/// The most memory that this process had, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.unwrap_or("memory not known").to_owned()
}

/// A beginning, then one block again and again.
struct Repeat {
    head: Vec<u8>,
    block: Vec<u8>,
    at: usize,
    left: u64,
}

impl Read for Repeat {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = match self.at.checked_sub(self.head.len()) {
            None => &self.head[self.at..],
            Some(at) => &self.block[at % self.block.len()..],
        };
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = rest.len().min(most);
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Reads a chain that repeats one file.
fn compare(name: &str, bytes: &[u8]) {
    let readers: [(&str, Reader); 3] = [
        ("steps.fit", by_ours),
        ("rustyfit stream", by_rustyfit),
        ("fitparser", by_fitparser),
    ];
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (best, (_, read)) in best.iter_mut().zip(readers) {
            let input = black_box(bytes.to_vec());
            let start = Instant::now();
            read(input);
            *best = start.elapsed().min(*best);
        }
    }
    let megabytes = bytes.len() as f64 / 1e6;
    println!("{name}, repeated to {megabytes:.1} MB");
    for (time, (reader, _)) in best.iter().zip(readers) {
        println!(
            "  {reader:<16}{:>9.1} MB/s{:>8.2} x the time of rustyfit",
            megabytes / time.as_secs_f64(),
            time.as_secs_f64() / best[1].as_secs_f64(),
        );
    }
}

fn by_ours(bytes: Vec<u8>) {
    let (found, _) = read(Input::Bytes(bytes));
    assert!(found > 0);
}

fn read(input: Input) -> (usize, usize) {
    let fit = Fit::new(FitConfig::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut sink = Counter(0, 0);
    let reading = fit.read(input, Timestamp::EPOCH, &mut sink);
    runtime.block_on(reading).unwrap();
    (sink.0, sink.1)
}

fn by_rustyfit(bytes: Vec<u8>) {
    let mut decoder = Decoder::new();
    let mut rest = bytes.as_slice();
    let mut stream = decoder.stream(&mut rest);
    while let Some(event) = stream.next() {
        black_box(event.is_ok());
    }
}

fn by_fitparser(bytes: Vec<u8>) {
    black_box(fitparser::from_bytes(&bytes).map_or(0, |records| records.len()));
}

/// Observations and refusals.
struct Counter(usize, usize);

#[async_trait]
impl Sink for Counter {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        self.0 += chunk.len();
        Ok(())
    }

    async fn refuse(&mut self, _refusal: Refusal) -> Result<()> {
        self.1 += 1;
        Ok(())
    }
}
