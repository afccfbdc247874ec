//! The verbs that matter. Verbs are compared as texts, never by what they display.

use wom_sdk::observation::Goal;

/// What a statement says, by its verb.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    /// The platform's own doing: no study of anybody.
    ByPlatform,
    /// The session ended.
    Closed,
    /// The session is launched; by the platform.
    Launched,
    /// The session began.
    Opened,
    /// A milestone, and study up to it.
    Reached(Goal),
    /// Anything else that somebody did.
    Seen,
    /// A film's player was used.
    Film(Film),
    /// A statement is taken back.
    Voided,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Film {
    Paused,
    Played,
    Seeked,
}

const ADL: &str = "http://adlnet.gov/expapi/verbs/";
const ADL_CMI5: &str = "https://w3id.org/xapi/adl/verbs/";
const VIDEO: &str = "https://w3id.org/xapi/video/verbs/";

impl Deed {
    pub(super) fn of(verb: &str) -> Self {
        if let Some(word) = verb.strip_prefix(ADL) {
            return match word {
                "completed" => Self::Reached(Goal::Completed),
                "exited" | "suspended" | "terminated" => Self::Closed,
                "initialized" => Self::Opened,
                "launched" => Self::Launched,
                "mastered" => Self::Reached(Goal::Mastered),
                "passed" => Self::Reached(Goal::Passed),
                "voided" => Self::Voided,
                _ => Self::Seen,
            };
        }
        if let Some(word) = verb.strip_prefix(ADL_CMI5) {
            return match word {
                "satisfied" => Self::Reached(Goal::Course),
                "abandoned" | "waived" => Self::ByPlatform,
                _ => Self::Seen,
            };
        }
        match verb.strip_prefix(VIDEO) {
            Some("paused") => Self::Film(Film::Paused),
            Some("played") => Self::Film(Film::Played),
            Some("seeked") => Self::Film(Film::Seeked),
            _ => Self::Seen,
        }
    }
}
