//! Plain minutes, as programs hand them over by the thousand.

use std::fmt;

use serde::{Deserialize, Serialize};
use wom_sdk::Timestamp;

/// Somebody was active: a record as `activity.json` has it.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Minutes {
    /// Who, by an id of the embedder's own.
    pub participant: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub end: Timestamp,
    /// The record's name; it never changes.
    pub key: String,
    /// What; `exercise` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// How much of the time, where it was not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Steps counted meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Which version of the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// How the values came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// What kind of device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The recording device or program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

impl fmt::Debug for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minutes(redacted)")
    }
}
