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
