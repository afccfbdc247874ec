//! Fuzz targets: any bytes may come in, and no panic may come out.

use std::task::{Context, Waker};

use async_trait::async_trait;
use wom_sdk::{
    Observation, Result, Timestamp, Zone,
    instrument::{CHUNK, Input, Instrument, Refusal, Sink},
    observation::Merged,
    rules::RuleSet as _,
};

use crate::{AttendanceMinutes, CheckinCsv, CheckinCsvConfig, Ical, IcalConfig};

/// Reads these bytes as a gate list, with and without a nominal time, and judges what comes out.
pub fn fuzz_checkin_csv(data: &[u8]) {
    for nominal_minutes in [None, Some(90)] {
        let config = CheckinCsvConfig {
            nominal_minutes,
            zone: "Europe/Rome".parse().ok(),
            ..CheckinCsvConfig::default()
        };
        if let Ok(adapter) = CheckinCsv::new(config) {
            feed(&adapter, data);
        }
    }
}

/// Takes these bytes as a webhook of Eventbrite, and as its answers and those messages of Hi.Events whose
/// signature holds.
pub fn fuzz_ticket_messages(data: &[u8]) {
    crate::eventbrite::take_any(data);
    crate::hi_events::take_any(data);
}

/// Reads these bytes as a calendar, of one person and as a programme, and judges what comes out.
pub fn fuzz_ical(data: &[u8]) {
    let config = IcalConfig {
        zone: "Europe/Rome".parse().ok(),
        nominal_minutes: Some(60),
        ..IcalConfig::default()
    };
    if let Ok(adapter) = Ical::new(config) {
        feed(&adapter, data);
    }
    crate::programme::read_any(data, &Zone::UTC);
}

/// Reads these bytes as an answer of pretix's API: as each of those that there are.
pub fn fuzz_pretix_answer(data: &[u8]) {
    crate::pretix::fuzz::answer(data);
}

/// Takes these bytes as a webhook of pretix.
pub fn fuzz_pretix_call(data: &[u8]) {
    crate::pretix::fuzz::call(data);
}

/// Lets an adapter read these bytes, and the rules judge what it makes of them.
fn feed(adapter: &dyn Instrument, data: &[u8]) {
    let now = Timestamp::from_seconds(1_800_000_000);
    let mut sink = Everything::default();
    let input = Input::Bytes(data.to_vec());
    // Nothing here waits, so one poll is the whole reading.
    let outcome = adapter
        .read(input, now, &mut sink)
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(outcome.is_ready(), "reading must not wait");
    let merged: Merged = sink.0.into_iter().map(|one| one.into_entry().1).collect();
    let open = merged.open();
    let judgement = AttendanceMinutes::default().judge(&open, now);
    assert!(judgement.findings.len() <= open.len());
    for session in &judgement.sessions {
        let time = &session.time;
        assert_eq!(
            time.within(session.window),
            *time,
            "nothing outside the window"
        );
    }
}

#[derive(Default)]
struct Everything(Vec<Observation>);

#[async_trait]
impl Sink for Everything {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!((1..=CHUNK).contains(&chunk.len()));
        self.0.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        assert!(!refusal.at.is_empty() && !refusal.message.is_empty());
        Ok(())
    }
}
