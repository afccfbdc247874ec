//! Attendance: what ticketing systems, gates and timesheets saw of somebody's taking part.
//!
//! * [`CheckinCsv`] (`ticketing.checkin-csv`): gate lists and timesheets.
//! * [`Eventbrite`] (`ticketing.eventbrite`): attendees of Eventbrite.
//! * [`HiEvents`] (`ticketing.hi-events`): check-ins that Hi.Events tells as signed messages.
//! * [`Ical`] (`ticketing.ical`): calendars of shifts.
//! * [`Pretix`] (`ticketing.pretix`): tickets and check-ins of pretix.
//!
//! The adapters yield what a system knows of a ticket at a session ([`wom_sdk::observation::Attendance`]). What of
//! it counts is for the rule set [`AttendanceMinutes`] to judge. A purchase is never an attendance: only a scan is.
//!
#![doc = include_str!("../docs.md")]

pub mod attendance_minutes;
pub mod checkin_csv;
mod clock;
pub mod eventbrite;
pub mod hi_events;
pub mod ical;
mod lines;
pub mod pretix;
mod programme;
mod table;
#[cfg(feature = "testing")]
pub mod testing;

pub use attendance_minutes::AttendanceMinutes;
pub use checkin_csv::{CheckinCsv, CheckinCsvConfig};
pub use eventbrite::{Eventbrite, EventbriteConfig};
pub use hi_events::{HiEvents, HiEventsConfig};
pub use ical::{Ical, IcalConfig};
pub use pretix::{Pretix, PretixConfig};
