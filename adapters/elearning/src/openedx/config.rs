//! The settings of `elearning.openedx`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of [`OpenEdx`](super::OpenEdx). Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpenEdxConfig {
    /// The site's address, such as `https://courses.example.org`. A learner is their number there;
    /// statements that the site's own converter sends to an LRS name the same learner by the same
    /// address. Default `openedx:site`.
    pub home_page: String,
    /// What the platform is called; never changes. Default `lms`.
    pub source: String,
    /// See [`Source::new`](crate::Source::new).
    pub durations: Vec<PathBuf>,
    /// Whether completions and passed courses are handed on. Default `false`.
    pub milestones: bool,
}

impl Default for OpenEdxConfig {
    fn default() -> Self {
        Self {
            home_page: "openedx:site".to_owned(),
            source: "lms".to_owned(),
            durations: Vec::new(),
            milestones: false,
        }
    }
}
