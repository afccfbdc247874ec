//! Rule sets: pure functions from what was observed to what counts.

use std::fmt;

use crate::{Activity, Digest, Span, TimeSet, Timestamp, observation::Entry};

/// Judges the open observations of one participant. Pure: the same input gives the same
/// judgement, and neither order nor repetition of the entries matters.
pub trait RuleSet: fmt::Debug + Send + Sync {
    /// Name and version, such as `active-minutes/1`. A change of behaviour is a new version.
    fn name(&self) -> &'static str;

    /// What counts of these entries, which are open (see
    /// [`Merged::open`](crate::observation::Merged::open)) and in order of time.
    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement;
}

/// What a rule set found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// Time that counts, by activity. Sets of different activities may overlap; who adds them up
    /// takes the union.
    pub evidence: Vec<Evidence>,
    /// What was reached, once per name.
    pub milestones: Vec<Reached>,
    /// Why, for every entry.
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// The time that counts, whatever the activity.
    pub fn time(&self) -> TimeSet {
        self.evidence
            .iter()
            .flat_map(|evidence| evidence.time.spans().iter().copied())
            .collect()
    }
}

/// Time that counts for one activity.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// What was done.
    pub activity: Activity,
    /// When.
    pub time: TimeSet,
}

/// A milestone that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Which.
    pub name: String,
    /// When it was first reached.
    pub at: Timestamp,
    /// What it is worth, in minutes.
    pub minutes: u32,
}

/// What became of one entry, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The entry.
    pub key: Digest,
    /// The time it speaks of.
    pub span: Span,
    /// Milliseconds that it adds by itself, before the union with others.
    pub millis: i64,
    /// Which rule decided.
    pub reason: &'static Reason,
    /// Whether a person should look at it before it may count.
    pub hold: bool,
}

/// A rule's decision, in words.
#[derive(Debug, Eq, PartialEq)]
pub struct Reason {
    /// A stable name, such as `brisk_minutes`.
    pub code: &'static str,
    /// In English.
    pub en: &'static str,
    /// In Italian.
    pub it: &'static str,
}
