//! How fast an Apple Health export is read, beside what any reader pays: a search over its bytes
//! (memchr), and its tokens alone (quick-xml). Rounds are interleaved; medians are shown.
//!
//! `cargo bench -p wom-adapter-steps --features testing --bench apple`

use std::{
    hint::black_box,
    io::Cursor,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use wom_adapter_steps::{AppleHealth, AppleHealthConfig, testing::apple_export::AppleExport};
use wom_sdk::{
    Observation, Result, Timestamp,
    instrument::{Input, Instrument as _, Refusal, Sink},
};

const ROUNDS: usize = 7;
const MEGABYTES: f64 = 100.0;

fn main() {
    let day = AppleExport::of_days(1).text().len() as f64;
    let days = (MEGABYTES * 1e6 / day).ceil() as u32;
    let export = AppleExport::of_days(days);
    let text: Arc<[u8]> = export.text().into_bytes().into();
    let archive: Arc<[u8]> = export.archive().into();
    let records = export.truth().step_records;
    let size = text.len() as f64 / 1e6;
    println!(
        "{size:.0} MB, {records} step records, {:.1} MB as an archive",
        archive.len() as f64 / 1e6
    );

    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..ROUNDS {
        let runs: [&dyn Fn() -> u64; 4] = [
            &|| memchr::memchr_iter(b'\0', &text).count() as u64 + records,
            &|| tokens(&text, records),
            &|| adapter(&text),
            &|| adapter(&archive),
        ];
        for (run, times) in runs.into_iter().zip(&mut times) {
            let start = Instant::now();
            let found = black_box(run());
            times.push(start.elapsed());
            assert_eq!(found, records, "every way must find the same");
        }
    }
    let speeds = times.map(|mut times| {
        times.sort_unstable();
        size / times[ROUNDS / 2].as_secs_f64()
    });
    let names = [
        "memchr over the bytes",
        "quick-xml, tokens alone",
        "steps.apple-health, XML",
        "steps.apple-health, zip",
    ];
    for (name, speed) in names.into_iter().zip(speeds) {
        let (of_memchr, of_tokens) = (100.0 * speed / speeds[0], speed / speeds[1]);
        println!(
            "{name:<26} {speed:>8.0} MB/s  {of_memchr:>6.1} % of memchr  {of_tokens:>5.2} x tokens"
        );
    }
}

fn tokens(text: &[u8], records: u64) -> u64 {
    let mut reader = quick_xml::Reader::from_reader(text);
    let mut buffer = Vec::new();
    let mut tokens = 0_u64;
    loop {
        match reader.read_event_into(&mut buffer) {
            Ok(quick_xml::events::Event::Eof) => break,
            Ok(_) => tokens += 1,
            Err(error) => panic!("{error}"),
        }
        buffer.clear();
    }
    assert!(black_box(tokens) > records);
    records
}

fn adapter(input: &Arc<[u8]>) -> u64 {
    let mut count = Count(0);
    let config = AppleHealthConfig {
        subject: "p".to_owned(),
        ..AppleHealthConfig::default()
    };
    let adapter = AppleHealth::new(config).expect("the subject is one byte");
    {
        let input = Input::Reader(Box::new(Cursor::new(Arc::clone(input))));
        let mut reading = pin!(adapter.read(input, Timestamp::EPOCH, &mut count));
        let Poll::Ready(result) = reading
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        else {
            panic!("reading waits for nothing");
        };
        result.expect("the export can be read");
    }
    count.0
}

struct Count(u64);

#[async_trait]
impl Sink for Count {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        let steps =
            |observation: &&Observation| matches!(observation.body, wom_sdk::Body::Steps { .. });
        self.0 += chunk.iter().filter(steps).count() as u64;
        Ok(())
    }

    async fn refuse(&mut self, _refusal: Refusal) -> Result<()> {
        Ok(())
    }
}
