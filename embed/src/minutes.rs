//! Plain minutes, as programs hand them over by the thousand.

use std::fmt;

use serde::Serialize;
use wom_sdk::Timestamp;

/// Somebody was active: a record as `activity.json` has it.
#[derive(Serialize)]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity: Option<String>,
    /// How much of the time, where it was not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
    /// Steps counted meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Which version of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// How the values came about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
    /// What kind of device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The recording device or program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
}

impl fmt::Debug for Minutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minutes(redacted)")
    }
}
