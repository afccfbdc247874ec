//! Gate lists, timesheets and calendars, from bytes to minutes.

#![allow(clippy::unwrap_used, reason = "tests")]

mod calendars;
mod checkins;
mod eventbrite;
mod hi_events;
mod museum;
#[path = "../../examples/museum-list.rs"]
mod museum_list;
mod support;
