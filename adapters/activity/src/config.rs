//! The settings that both adapters share.

use serde::{Deserialize, Serialize};
use wom_sdk::{Recording, Zone};

/// Settings of [`ActivityJson`](crate::ActivityJson) and [`ActivityCsv`](crate::ActivityCsv).
/// Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whose clock times without an offset are read by, such as `Europe/Rome`. Default: none, and
    /// such times are refused. A reading that a clock change repeats is taken the first time.
    pub zone: Option<Zone>,
    /// What a record without `recording` counts as. Default: `attested`, since the back end that
    /// sends the record vouches for it.
    pub recording: Recording,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            zone: None,
            recording: Recording::Attested,
        }
    }
}
