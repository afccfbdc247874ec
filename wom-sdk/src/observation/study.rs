//! What a learning platform saw of somebody's study, without names: four kinds of trace, each of
//! its own worth.

use serde::{Deserialize, Serialize};

use crate::{Digest, Span, Timestamp};

/// The longest time that one [`Trace::Interval`] can speak of, in milliseconds: a day. Of a longer
/// claim the last day is kept.
const LONGEST_MS: i64 = 24 * 3_600_000;

/// One trace of somebody's study.
///
/// Nothing in it names a person, a course or a session: there are digests only, and before they are
/// stored they are digested again under the key of the participant's epoch.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Study {
    /// What was studied: a module, a film, a page. The same for everybody on the same source.
    pub item: Digest,
    /// The visit, launch or player that it belongs to, where the platform tells them apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Digest>,
    /// The course or registration that the item is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub course: Option<Digest>,
    /// How long the item is meant to take, in seconds, where that is known. Never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nominal_s: Option<u32>,
    /// What it counts toward.
    #[serde(default, skip_serializing_if = "Toward::is_days")]
    pub toward: Toward,
    /// What was seen.
    pub trace: Trace,
}

/// What a trace of study counts toward.
///
/// Minutes of days are judged month by month, milestones once in a campaign, under two pseudonyms
/// that nobody can connect. A milestone is worth less the more was earned by time, so where an
/// item's milestones may be paid, its time must be known under the second pseudonym too: the
/// adapter says [`Both`](Self::Both), and the collector parts them.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Toward {
    /// Minutes of its days.
    #[default]
    Days,
    /// Only what a milestone is worth.
    Milestones,
    /// Both.
    Both,
}

impl Toward {
    /// Whether minutes of days come of it.
    fn is_days(&self) -> bool {
        *self == Self::Days
    }
}

/// What was seen of study. Four kinds of evidence, of different worth.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Trace {
    /// Somebody says that study went on all the time.
    Interval {
        /// From when to when, as claimed; see [`Trace::interval`].
        span: Span,
        /// When the platform's server took it in, where it says so: an honest end is not later.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stored: Option<Timestamp>,
        /// Whether the session, or its player, ended with it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        closes: bool,
    },
    /// A milestone was reached. It tells no time.
    Milestone {
        /// When.
        at: Timestamp,
        /// Of which kind.
        goal: Goal,
    },
    /// Something was done at an instant.
    Point {
        /// When.
        at: Timestamp,
        /// What.
        mark: Mark,
    },
    /// A counter of study time grew by so much, somewhere within.
    Seconds {
        /// The envelope, by a server's clock.
        within: Span,
        /// How much of it, in milliseconds, as claimed.
        millis: i64,
    },
}

impl Trace {
    /// An interval of so many milliseconds up to `end`; of more than a day the last day.
    pub fn interval(end: Timestamp, millis: i64, stored: Option<Timestamp>, closes: bool) -> Self {
        let millis = millis.clamp(0, LONGEST_MS);
        Self::Interval {
            span: Span::starting(end.plus_millis(-millis), millis),
            stored,
            closes,
        }
    }

    /// The time that it speaks of.
    pub fn span(&self) -> Span {
        match self {
            Self::Interval { span, .. } => *span,
            Self::Milestone { at, .. } | Self::Point { at, .. } => Span::starting(*at, 0),
            Self::Seconds { within, .. } => *within,
        }
    }
}

/// What a [`Trace::Point`] was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "mark", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mark {
    /// The session is for looking around or looking back, and nothing of it is to count.
    Browsed,
    /// The session ended.
    Closed,
    /// The session began.
    Opened,
    /// Anything else: a page, an answer, a click.
    Seen,
    /// A film's player was used.
    Video(Video),
}

/// What somebody did with a film's player.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Video {
    /// What.
    pub step: Step,
    /// Where in the film, in milliseconds of content, where that is known. Of a seek: from where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_ms: Option<i64>,
    /// How long the film is, in milliseconds, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_ms: Option<i64>,
    /// The speed from now on, in percent, where that is known. Never 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_percent: Option<u32>,
}

/// A step of a film's player.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// It stopped: a pause, a stop, the end of the film, the page left.
    Halt,
    /// It began to play, or went on.
    Play,
    /// It jumped to another place, in milliseconds of content where that is known; it goes on
    /// playing if it was.
    Seek(Option<i64>),
    /// Its speed changed; it goes on playing if it was.
    Speed,
}

/// The kinds of milestone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Goal {
    /// A badge was given.
    Badge,
    /// The item was completed.
    Completed,
    /// A whole course was done; the item is the course, and what was studied in it counts.
    Course,
    /// The item was mastered.
    Mastered,
    /// The item was passed.
    Passed,
}

impl Goal {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Badge => "badge",
            Self::Completed => "completed",
            Self::Course => "course",
            Self::Mastered => "mastered",
            Self::Passed => "passed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Body;

    #[test]
    fn of_a_long_claim_the_last_day_is_kept() {
        let end = Timestamp::from_seconds(1_000_000);
        let length = |millis| Trace::interval(end, millis, None, false).span();
        assert_eq!(length(1_500).millis(), 1_500);
        assert_eq!(length(i64::MAX).millis(), LONGEST_MS);
        assert_eq!(length(i64::MAX).end(), end);
        assert!(length(-5).is_empty());
    }

    /// Stores hold the body as JSON: what is written is read again, and short.
    #[test]
    fn a_trace_goes_through_its_written_form() {
        let step = Video {
            step: Step::Seek(None),
            position_ms: None,
            length_ms: Some(900_000),
            speed_percent: None,
        };
        let at = Timestamp::EPOCH;
        for (trace, bytes) in [
            (Trace::interval(at, 5, None, false), 170),
            (
                Trace::Milestone {
                    at,
                    goal: Goal::Course,
                },
                150,
            ),
            (
                Trace::Point {
                    at,
                    mark: Mark::Video(step),
                },
                200,
            ),
            (
                Trace::Seconds {
                    within: Span::starting(at, 9),
                    millis: 7,
                },
                170,
            ),
        ] {
            let study = Study {
                item: Digest([7; 16]),
                session: None,
                course: None,
                nominal_s: None,
                toward: Toward::Days,
                trace,
            };
            let body = Body::Study(study);
            let written = serde_json::to_string(&body).unwrap();
            assert_eq!(serde_json::from_str::<Body>(&written).unwrap(), body);
            assert!(written.len() < bytes, "{written}");
        }
    }
}
