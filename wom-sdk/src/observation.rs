//! What adapters yield: observations, and the merge that makes repeats and corrections harmless.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::{Error, Kind, Result, Span, Timestamp};

mod attendance;
mod study;

pub use attendance::{Attendance, Policy, Scan, Standing};
pub use study::{Goal, Mark, Step, Study, Toward, Trace, Video};

/// Who did it, in the words of the system that saw it: never printed, never stored as it stands.
///
/// `namespace` says whose ids these are (a vendor, an LMS); `id` is the person's id there. File
/// adapters, where the embedder names the person, use [`Subject::PARTICIPANT`] as namespace.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct Subject {
    namespace: Cow<'static, str>,
    id: String,
}

impl Subject {
    /// The namespace of ids that the embedder chose itself.
    pub const PARTICIPANT: &'static str = "participant";

    /// The namespace of [`Subject::whoever`].
    const WHOEVER: &'static str = "whoever";

    /// The person with this id in this namespace. Both need 1 to 256 bytes.
    pub fn new(namespace: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Result<Self> {
        let (namespace, id) = (namespace.into(), id.into());
        for (field, text) in [("namespace", &*namespace), ("subject", id.as_str())] {
            if text.is_empty() || text.len() > 256 {
                return Err(
                    Error::new(Kind::InputInvalid, "must have 1 to 256 bytes").with("field", field)
                );
            }
        }
        Ok(Self { namespace, id })
    }

    /// Whoever a record is about: for withdrawals by systems that name the record only. Nothing but
    /// [`Body::Withdrawn`] may be said of them, and rule sets must ask for it
    /// ([`RuleSet::heeds_whoever`](crate::rules::RuleSet::heeds_whoever)).
    pub fn whoever() -> Self {
        Self {
            namespace: Cow::Borrowed(Self::WHOEVER),
            id: Self::WHOEVER.to_owned(),
        }
    }

    /// Whether this is [`Subject::whoever`].
    pub fn is_whoever(&self) -> bool {
        self.namespace == Self::WHOEVER
    }

    /// Whose ids these are.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The id as it stands. Only for making a pseudonym, or for showing a person their own data.
    pub fn reveal(&self) -> &str {
        &self.id
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.id.zeroize();
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({}, redacted)", self.namespace)
    }
}

/// A digest that stands for a name which must not be kept: a record's key, a device.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of some parts; where one part ends and the next begins makes a difference.
    pub fn of<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            let part = part.as_ref();
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut short = [0; 16];
        short.copy_from_slice(&hash.finalize()[..16]);
        Self(short)
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        crate::hex::encode(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex()[..8])
    }
}

/// What somebody did, as a slug of lower-case words with dots: `cycling`, `cycling.indoor`.
///
/// A general word covers its special ones: `cycling` covers `cycling.indoor`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Activity(Cow<'static, str>);

impl Activity {
    /// Taking part in something that is held: a concert, a visit, a course.
    pub const ATTENDING: Self = Self(Cow::Borrowed("attending"));
    /// Riding a bicycle. `cycling.commuting`, `cycling.electric`, `cycling.indoor`, `cycling.virtual`.
    pub const CYCLING: Self = Self(Cow::Borrowed("cycling"));
    /// Activity of no stated kind.
    pub const EXERCISE: Self = Self(Cow::Borrowed("exercise"));
    /// Hiking.
    pub const HIKING: Self = Self(Cow::Borrowed("hiking"));
    /// Running. `running.treadmill`, `running.virtual`.
    pub const RUNNING: Self = Self(Cow::Borrowed("running"));
    /// Steps that no recorded session explains: walking by the counter.
    pub const STEPPING: Self = Self(Cow::Borrowed("stepping"));
    /// Studying.
    pub const STUDYING: Self = Self(Cow::Borrowed("studying"));
    /// Swimming.
    pub const SWIMMING: Self = Self(Cow::Borrowed("swimming"));
    /// Changing between the legs of a multisport event.
    pub const TRANSITION: Self = Self(Cow::Borrowed("transition"));
    /// Walking.
    pub const WALKING: Self = Self(Cow::Borrowed("walking"));
    /// Pushing a wheelchair.
    pub const WHEELCHAIR: Self = Self(Cow::Borrowed("wheelchair"));

    /// The activity with this name: 1 to 64 of `a-z`, `0-9`, `-`, and dots between words.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let word = |word: &str| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if name.len() > 64 || !name.split('.').all(word) {
            return Err(
                Error::new(Kind::InputInvalid, "not the name of an activity")
                    .hint("use lower-case words such as walking, cycling or cycling.indoor"),
            );
        }
        Ok(Self(Cow::Owned(name)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `other` is this activity or a special form of it.
    pub fn covers(&self, other: &Self) -> bool {
        other
            .0
            .strip_prefix(&*self.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Activity> for String {
    fn from(activity: Activity) -> Self {
        activity.0.into_owned()
    }
}

impl TryFrom<String> for Activity {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Self::new(name)
    }
}

/// What kind of device or program recorded it; rule sets choose between sources by it.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Device {
    /// A program that copies what others recorded.
    App,
    /// Not known.
    #[default]
    Unknown,
    /// A telephone.
    Phone,
    /// A watch, band, bicycle computer or other worn or mounted device.
    Watch,
}

/// How the values came about. The default rules refuse what was typed in.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Recording {
    /// Typed in by the person.
    Manual,
    /// Not known.
    #[default]
    Unknown,
    /// Confirmed by somebody else: a teacher, a gate, a volunteer's coordinator.
    Attested,
    /// Measured by a device.
    Measured,
}

/// Whence an observation comes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Provenance {
    /// The recording device or program, one of several that one person may use at once.
    pub stream: Digest,
    /// What kind of device.
    pub device: Device,
    /// How the values came about.
    pub recording: Recording,
}

/// What was observed. Times are UTC; spans are half-open.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "body", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Body {
    /// Something was seen at an instant.
    Point {
        /// When.
        at: Timestamp,
        /// What.
        activity: Activity,
    },
    /// Something went on all the time.
    Interval {
        /// From when to when.
        span: Span,
        /// What.
        activity: Activity,
        /// Steps counted meanwhile, where the device counts them.
        steps: Option<u32>,
    },
    /// Something went on for some of the time: `seconds` somewhere within `within`.
    Seconds {
        /// The envelope.
        within: Span,
        /// How much of it, at most its length.
        seconds: u32,
        /// What.
        activity: Activity,
    },
    /// Steps counted in an interval, which may be of zero length.
    Steps {
        /// From when to when.
        span: Span,
        /// How many steps (not strides).
        steps: u32,
    },
    /// A ticketing system knows of somebody's taking part in a session.
    Attendance(Attendance),
    /// Something was reached that is worth a fixed number of minutes, once per name.
    Milestone {
        /// When.
        at: Timestamp,
        /// Which: 1 to 128 bytes, the same for everybody who reaches it.
        name: String,
        /// What it is worth, in minutes.
        minutes: u32,
    },
    /// A total that somebody else made over a span, such as a day.
    Tally {
        /// Over which time.
        within: Span,
        /// Minutes in all.
        minutes: u32,
        /// What.
        activity: Activity,
    },
    /// A learning platform saw a trace of study. What it counts for is fixed by its first instant:
    /// a record of study never moves to another month.
    Study(Study),
    /// The record with this key is taken back. It stays as a tombstone.
    Withdrawn,
    /// Everything that the stream yielded in this range with a lower revision is taken back.
    RangeReplaced {
        /// Which time; a record belongs to the range that its first instant is in.
        range: Span,
    },
}

impl Body {
    /// The time that the body speaks of; `None` for a withdrawal, which speaks of a key only.
    pub fn span(&self) -> Option<Span> {
        match self {
            Self::Point { at, .. } | Self::Milestone { at, .. } => Some(Span::starting(*at, 0)),
            // A night that crosses the end of a month is one session, and counts in one month.
            Self::Attendance(attendance) => Some(Span::starting(attendance.window().start(), 0)),
            Self::Interval { span, .. } | Self::Steps { span, .. } => Some(*span),
            Self::Seconds { within, .. } | Self::Tally { within, .. } => Some(*within),
            Self::RangeReplaced { range } => Some(*range),
            Self::Study(study) => Some(study.trace.span()),
            Self::Withdrawn => None,
        }
    }

    /// Puts other digests in the place of those inside.
    pub(crate) fn digested(self, digest: impl Fn(Digest) -> Digest) -> Self {
        match self {
            Self::Study(study) => Self::Study(Study {
                item: digest(study.item),
                session: study.session.map(&digest),
                course: study.course.map(&digest),
                ..study
            }),
            Self::Attendance(attendance) => Self::Attendance(Attendance {
                ticket: digest(attendance.ticket),
                session: digest(attendance.session),
                ..attendance
            }),
            other => other,
        }
    }
}

/// One thing that an adapter saw. See the module about how observations merge.
///
/// `key` names the record within its adapter and never changes; `revision` grows when the record
/// changes. The pair of highest (revision, content) is the one that holds.
#[derive(Clone, Eq, PartialEq)]
pub struct Observation {
    /// Who.
    pub subject: Subject,
    /// The record, by a digest of its native id or of what identifies it.
    pub key: Digest,
    /// Which version of the record: a counter or a time of change, 0 where there is none.
    pub revision: u64,
    /// Whence.
    pub provenance: Provenance,
    /// What.
    pub body: Body,
}

impl Observation {
    /// Takes the person off: what is merged, stored and judged.
    pub fn into_entry(self) -> (Subject, Entry) {
        let Self {
            subject,
            key,
            revision,
            provenance,
            body,
        } = self;
        (
            subject,
            Entry {
                key,
                revision,
                provenance,
                body,
            },
        )
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// An observation without its person, as it is merged, stored and judged.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// The record.
    pub key: Digest,
    /// Which version of the record.
    pub revision: u64,
    /// Whence.
    pub provenance: Provenance,
    /// What.
    pub body: Body,
}

impl Entry {
    /// What decides between two versions of a record: the revision, then the content's digest.
    pub fn rank(&self) -> (u64, Digest) {
        let content = serde_json::to_vec(&(&self.provenance, &self.body)).unwrap_or_default();
        (self.revision, Digest::of([content]))
    }
}

/// The merged observations of one participant. Merging is idempotent, commutative and
/// associative: repeats, reordering and splitting into deliveries change nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Merged {
    entries: BTreeMap<Digest, Entry>,
}

impl Merged {
    /// Takes an entry in. Returns whether it changed anything.
    pub fn insert(&mut self, entry: Entry) -> bool {
        match self.entries.get(&entry.key) {
            Some(held) if held.rank() >= entry.rank() => false,
            _ => {
                self.entries.insert(entry.key, entry);
                true
            }
        }
    }

    /// All entries, tombstones among them, by key.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// What is neither withdrawn nor in a range that was replaced later, by time and then by key.
    pub fn open(&self) -> Vec<&Entry> {
        let replaced: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| match entry.body {
                Body::RangeReplaced { range } => {
                    Some((entry.provenance.stream, range, entry.revision))
                }
                _ => None,
            })
            .collect();
        let mut open: Vec<_> = self
            .entries
            .values()
            .filter_map(|entry| {
                if matches!(entry.body, Body::RangeReplaced { .. }) {
                    return None;
                }
                let start = entry.body.span()?.start();
                let gone = replaced.iter().any(|(stream, range, revision)| {
                    *stream == entry.provenance.stream
                        && range.contains(start)
                        && entry.revision < *revision
                });
                (!gone).then_some((start, entry))
            })
            .collect();
        open.sort_by_key(|(start, entry)| (*start, entry.key));
        open.into_iter().map(|(_, entry)| entry).collect()
    }
}

impl Extend<Entry> for Merged {
    fn extend<T: IntoIterator<Item = Entry>>(&mut self, entries: T) {
        for entry in entries {
            self.insert(entry);
        }
    }
}

impl FromIterator<Entry> for Merged {
    fn from_iter<T: IntoIterator<Item = Entry>>(entries: T) -> Self {
        let mut merged = Self::default();
        merged.extend(entries);
        merged
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry() -> impl Strategy<Value = Entry> {
        (0_u8..6, 0_u64..4, 0_u8..2, 0_i64..50, 0_u32..5, 0_u8..5).prop_map(
            |(key, revision, stream, start, steps, form)| {
                let span = Span::starting(Timestamp::from_seconds(start), 20_000);
                let body = match form {
                    0 => Body::Withdrawn,
                    1 => Body::RangeReplaced { range: span },
                    _ => Body::Steps { span, steps },
                };
                Entry {
                    key: Digest::of([[key]]),
                    revision,
                    provenance: Provenance {
                        stream: Digest::of([[stream]]),
                        device: Device::Watch,
                        recording: Recording::Measured,
                    },
                    body,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn order_repetition_and_splitting_change_nothing(
            entries in prop::collection::vec(entry(), 0..20),
            shuffled in Just(()).prop_perturb(|(), rng| rng),
            cut in any::<prop::sample::Index>(),
        ) {
            let once: Merged = entries.iter().cloned().collect();
            let mut turned = entries.clone();
            turned.sort_by_key(|entry| {
                let mut rng = shuffled.clone();
                (entry.rank().1, rng.next_u32())
            });
            turned.reverse();
            let (left, right) = turned.split_at(cut.index(turned.len() + 1));
            let mut twice: Merged = left.iter().cloned().collect();
            twice.extend(right.iter().chain(left).cloned());
            prop_assert_eq!(&twice, &once);
            prop_assert_eq!(twice.open(), once.open());
        }
    }

    #[test]
    fn a_withdrawal_before_its_record_holds() {
        let at = |revision, body| Entry {
            key: Digest::of(["a"]),
            revision,
            provenance: Provenance {
                stream: Digest::of(["s"]),
                device: Device::Unknown,
                recording: Recording::Unknown,
            },
            body,
        };
        let steps = Body::Steps {
            span: Span::starting(Timestamp::EPOCH, 60_000),
            steps: 100,
        };
        let merged: Merged = [at(2, Body::Withdrawn), at(1, steps.clone())]
            .into_iter()
            .collect();
        assert!(merged.open().is_empty());
        let back: Merged = [at(2, Body::Withdrawn), at(3, steps)].into_iter().collect();
        assert_eq!(back.open().len(), 1);
    }

    #[test]
    fn a_subject_is_never_printed() {
        let subject = Subject::new("lms", "anna.rossi").unwrap();
        assert!(!format!("{subject:?}").contains("anna"));
    }
}
