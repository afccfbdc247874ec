//! Settings that the adapters of statements share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wom_sdk::Zone;

/// Settings of [`Xapi`](crate::Xapi) and [`Cmi5`](crate::Cmi5). Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatementsConfig {
    /// Whose word is taken: the authorities that the LRS notes, each as `mailto:…`, the SHA-1 of a
    /// mailbox, an OpenID, or the address of an account, a blank and its name. Their voids take back
    /// each other's statements. Default: everybody's, and a void takes back only what
    /// the same authority said.
    pub authorities: Vec<String>,
    /// Whether sessions that were launched for browsing or reviewing count. Default `false`.
    pub browse: bool,
    /// Files that say how long activities are meant to take; see [`Source::new`](crate::Source::new).
    pub durations: Vec<PathBuf>,
    /// The most bytes of one statement. Default 1 MiB.
    pub max_statement_bytes: u32,
    /// Whether milestones are handed on. Default `false`.
    pub milestones: bool,
    /// The name of the platform; it never changes. Default `lms`.
    pub source: String,
    /// Whether durations reach back from the statement's time, or on from it for platforms that give
    /// the time of the beginning. Default `false`: back.
    pub starts_at_timestamp: bool,
    /// Whose clock times without a zone are read by, such as `Europe/Rome`. Default: none, and such
    /// statements are refused.
    pub zone: Option<Zone>,
}

impl Default for StatementsConfig {
    fn default() -> Self {
        Self {
            authorities: Vec::new(),
            browse: false,
            durations: Vec::new(),
            max_statement_bytes: 1 << 20,
            milestones: false,
            source: "lms".to_owned(),
            starts_at_timestamp: false,
            zone: None,
        }
    }
}
