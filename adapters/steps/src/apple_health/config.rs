//! The settings of `steps.apple-health`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Settings of [`AppleHealth`](super::AppleHealth).
///
/// ```
/// use wom_adapter_steps::AppleHealthConfig;
///
/// let config: AppleHealthConfig = serde_json::from_str(r#"{ "subject": "anna" }"#)?;
/// assert!(config.pushes && !config.exercise_time);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AppleHealthConfig {
    /// Whose export it is, as the embedder calls the person: 1 to 256 bytes, `me` by default. What
    /// the export says about the person is never read.
    pub subject: String,
    /// Whether a wheelchair's pushes are taken as steps; `true` by default. There is no table of
    /// cadences for pushes: give the rule set a threshold of its own.
    pub pushes: bool,
    /// Whether Apple's own exercise minutes are handed on, as tallies; `false` by default. They
    /// cover the same time as steps and workouts: `active-minutes/1` does not use them.
    pub exercise_time: bool,
    /// How many bytes an archive may hold once unpacked; 64 GiB by default.
    pub max_bytes: u64,
    /// How many times smaller than its content an archive may be, 100 by default; real exports
    /// stay under 40. Asked after the first 16 MiB.
    pub max_ratio: u64,
}

impl Default for AppleHealthConfig {
    fn default() -> Self {
        Self {
            subject: "me".to_owned(),
            pushes: true,
            exercise_time: false,
            max_bytes: 64 << 30,
            max_ratio: 100,
        }
    }
}

impl fmt::Debug for AppleHealthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppleHealthConfig")
            .field("pushes", &self.pushes)
            .field("exercise_time", &self.exercise_time)
            .field("max_bytes", &self.max_bytes)
            .field("max_ratio", &self.max_ratio)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_settings_are_refused_and_the_subject_is_not_printed() {
        let config: AppleHealthConfig = serde_json::from_str(r#"{ "subject": "anna" }"#).unwrap();
        assert!(!format!("{config:?}").contains("anna"));
        assert!(serde_json::from_str::<AppleHealthConfig>(r#"{ "max_byte": 1 }"#).is_err());
    }
}
