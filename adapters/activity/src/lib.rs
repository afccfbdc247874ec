//! Plain minutes of activity as JSON or CSV: the form that most back ends already have.
//!
//! Three adapters read the same records: [`ActivityJson`] (`activity.json`) takes one array, one
//! object `{"activities": [...]}`, or JSON lines; [`ActivityCsv`] (`activity.csv`) takes a table
//! with a header row; [`ActivityWebhook`] (`activity.webhook`) takes the JSON as signed messages. `activity.schema.json` beside this crate (see [`SCHEMA`]) says the same as
//! a JSON Schema.
//!
//! A record says **who** (`participant`) and one of these:
//!
//! | fields | meaning |
//! |---|---|
//! | `start`, `end` | all of that time; with `steps` if they were counted meanwhile |
//! | `start`, `end`, `seconds` | that many seconds, somewhere within |
//! | `start`, `end`, `steps`, `activity: stepping` | steps of a counter: the rule set judges what they are worth |
//! | `milestone`, `minutes`, `at` | something reached, worth so many minutes once per name |
//! | `withdrawn: true`, `key` | the record with this key is taken back |
//!
//! Any record may also have `key` (names it for ever, so that it can be corrected; without one,
//! equal records are one record), `revision` (a corrected record needs a higher one; a
//! withdrawal without one is final), `activity` (default `exercise`), `device` (`watch`,
//! `phone`, `app`, `unknown`), `recording` (`measured`, `attested`, `manual`, `unknown`; the
//! default is the setting [`Config::recording`]) and `stream` (the id of the device or program;
//! only its digest is kept).
//!
//! Times are RFC 3339 with an offset, such as `2026-03-01T10:00:00+01:00`; the offset may be
//! missing only if [`Config::zone`] says whose clock it is.
//!
//! A record that cannot be used is refused with its line, field, reason and remedy, and reading
//! goes on. Memory stays flat at any size of input: no record may have more than 64 KiB.

mod config;
mod csv;
mod fields;
mod json;
mod record;
#[cfg(feature = "testing")]
pub mod testing;
mod time;
mod webhook;

pub use config::Config;
pub use csv::ActivityCsv;
pub use json::ActivityJson;
pub use webhook::{ActivityWebhook, WebhookConfig};

/// The JSON Schema (draft 2020-12) of what [`ActivityJson`] reads.
pub const SCHEMA: &str = include_str!("../activity.schema.json");

fn capabilities() -> wom_sdk::instrument::Capabilities {
    let mut capabilities = wom_sdk::instrument::Capabilities::FILE;
    capabilities.withdraws = true;
    capabilities
}
