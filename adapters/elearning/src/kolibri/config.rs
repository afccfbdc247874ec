//! The settings of `elearning.kolibri`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Settings of [`Kolibri`](super::Kolibri). Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct KolibriConfig {
    /// What the platform is called; never changes. Default `lms`.
    pub source: String,
    /// See [`Source::new`](crate::Source::new); an activity's id is Kolibri's content id.
    pub durations: Vec<PathBuf>,
    /// Whether completions are handed on. Default `false`.
    pub milestones: bool,
    /// The path of Kolibri's `db.sqlite3`, for pulling from it while Kolibri runs on the same
    /// machine. Default: none, and only files that are handed over are read.
    pub database: Option<PathBuf>,
}

impl Default for KolibriConfig {
    fn default() -> Self {
        Self {
            source: "lms".to_owned(),
            durations: Vec::new(),
            milestones: false,
            database: None,
        }
    }
}
