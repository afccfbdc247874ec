//! Settings that the adapters of statements share.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wom_sdk::Zone;

/// Settings of [`Xapi`](crate::Xapi) and [`Cmi5`](crate::Cmi5).
///
/// Those of the LRS stand beside the others: [`LrsConfig`].
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct XapiConfig {
    /// How statements are read.
    #[serde(flatten)]
    pub statements: StatementsConfig,
    /// Where they are pulled from.
    #[serde(flatten)]
    pub lrs: LrsConfig,
}

/// Settings of [`XapiPush`](crate::XapiPush). One secret at least is needed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct PushConfig {
    /// How statements are read.
    #[serde(flatten)]
    pub statements: StatementsConfig,
    /// Files with the password, or the token, in each that opens this door.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with the password, or the token, in each.
    pub secret_variables: Vec<String>,
    /// The user name for Basic authentication. Default: none, and the secret is a Bearer token.
    pub username: Option<String>,
}

/// Where statements are pulled from: an LRS.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct LrsConfig {
    /// Whether plain http to another machine is accepted, over which anybody on the way can read
    /// credentials and learners. Default `false`.
    pub danger_accept_plain_http: bool,
    /// The address of the LRS, such as `https://lrs.example.org/xapi`. Default: none, and nothing can
    /// be pulled.
    pub endpoint: Option<String>,
    /// How far before the last pull the next one begins, in hours: statements come late. At least 1.
    /// Default 168, a week.
    pub look_back_hours: u32,
    /// How many statements are asked for at once. Default 500.
    pub page_size: u32,
    /// Files with the password, or the token, in each.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with the password, or the token, in each.
    pub secret_variables: Vec<String>,
    /// The user name for Basic authentication. Default: none, and the secret is a Bearer token.
    pub username: Option<String>,
    /// The version of xAPI to speak, `1.0.3` or `2.0.0`. Default `1.0.3`.
    pub version: String,
}

impl Default for LrsConfig {
    fn default() -> Self {
        Self {
            danger_accept_plain_http: false,
            endpoint: None,
            look_back_hours: 168,
            page_size: 500,
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            username: None,
            version: "1.0.3".to_owned(),
        }
    }
}

/// How statements are read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
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
