//! The settings of `elearning.scorm`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of [`Scorm`](super::Scorm). Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScormConfig {
    /// The LMS's address, such as `https://lms.example.org`. A learner is their id there. Default
    /// `scorm:lms`.
    pub home_page: String,
    /// What the platform is called; never changes. Default `lms`.
    pub source: String,
    /// See [`Source::new`](crate::Source::new).
    pub durations: Vec<PathBuf>,
    /// Whether completed and passed activities are handed on. Default `false`.
    pub milestones: bool,
}

impl Default for ScormConfig {
    fn default() -> Self {
        Self {
            home_page: "scorm:lms".to_owned(),
            source: "lms".to_owned(),
            durations: Vec::new(),
            milestones: false,
        }
    }
}
