//! The settings of `elearning.moodle`.

use std::{collections::BTreeSet, path::PathBuf};

use serde::{Deserialize, Serialize};

/// Settings of [`Moodle`](super::Moodle). Unknown ones are refused.
///
/// Of the web service, completions are pulled of the courses that are named; a site whose log is read
/// needs neither courses nor a token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MoodleConfig {
    /// The courses whose completions are pulled, by their numbers. Default: none, and nothing can be
    /// pulled.
    pub courses: BTreeSet<String>,
    /// Whether plain http to another machine is accepted, over which anybody on the way can read
    /// the token and learners. Default `false`.
    pub danger_accept_plain_http: bool,
    /// Files with a token of the web service in each; while it changes there are two.
    pub secret_files: Vec<PathBuf>,
    /// Variables of the environment with a token of the web service in each.
    pub secret_variables: Vec<String>,
    /// The site's address, such as `https://moodle.example.org`. A learner is their number there,
    /// as in the statements of the site's xAPI plugin. Default `moodle:site`.
    pub home_page: String,
    /// What the platform is called; never changes. Default `lms`.
    pub source: String,
    /// See [`Source::new`](crate::Source::new); an activity's id is `module:17` by its course
    /// module, `course:3` or `site`.
    pub durations: Vec<PathBuf>,
    /// Whether completions, courses done and badges are handed on. Default `false`.
    pub milestones: bool,
    /// Whether an activity that the log calls complete is. The log does not tell whether a learner
    /// ticked it off: say `true` only where every activity completes by itself. Default `false`.
    /// What was passed by a grade is believed in any case.
    pub trust_completions: bool,
}

impl Default for MoodleConfig {
    fn default() -> Self {
        Self {
            courses: BTreeSet::new(),
            danger_accept_plain_http: false,
            secret_files: Vec::new(),
            secret_variables: Vec::new(),
            home_page: "moodle:site".to_owned(),
            source: "lms".to_owned(),
            durations: Vec::new(),
            milestones: false,
            trust_completions: false,
        }
    }
}
