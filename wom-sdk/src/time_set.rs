//! Sets of time: what a rule set yields, and what a union counts once.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, MINUTE_MS, Result, Timestamp};

/// A half-open stretch of time, from `start` until just before `end`; it may be empty.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "(Timestamp, Timestamp)", into = "(Timestamp, Timestamp)")]
pub struct Span {
    start: Timestamp,
    end: Timestamp,
}

impl Span {
    /// The stretch between two instants; an end before the start is refused.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self> {
        if end < start {
            return Err(Error::new(
                Kind::InputInvalid,
                "the end is before the start",
            ));
        }
        Ok(Self { start, end })
    }

    /// The stretch of this many milliseconds from `start`; a negative length is taken as none.
    pub fn starting(start: Timestamp, millis: i64) -> Self {
        Self {
            start,
            end: start.plus_millis(millis.max(0)),
        }
    }

    /// The first instant inside.
    pub fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after.
    pub fn end(self) -> Timestamp {
        self.end
    }

    /// Length in milliseconds, never negative.
    pub fn millis(self) -> i64 {
        self.end.since(self.start)
    }

    /// Whether no time is inside.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether an instant is inside.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The part that both have, where there is any.
    pub fn overlap(self, other: Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end);
        (start < end).then_some(Self { start, end })
    }
}

impl From<Span> for (Timestamp, Timestamp) {
    fn from(span: Span) -> Self {
        (span.start, span.end)
    }
}

impl TryFrom<(Timestamp, Timestamp)> for Span {
    type Error = Error;

    fn try_from((start, end): (Timestamp, Timestamp)) -> Result<Self> {
        Self::new(start, end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A set of instants: sorted, disjoint, half-open spans that do not touch.
///
/// Two sets that hold the same instants are equal, however they were put together.
///
/// ```
/// use wom_sdk::{Span, TimeSet};
///
/// let span = |start: &str, end: &str| Span::new(start.parse()?, end.parse()?);
/// let watch = span("2026-03-01T10:00:00Z", "2026-03-01T10:30:00Z")?;
/// let phone = span("2026-03-01T10:10:00Z", "2026-03-01T10:40:30Z")?;
/// let both: TimeSet = [watch, phone].into_iter().collect();
/// assert_eq!(both.minutes(), 40);
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TimeSet {
    spans: Vec<Span>,
}

impl TimeSet {
    /// The empty set.
    pub const EMPTY: Self = Self { spans: Vec::new() };

    /// The spans, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Whether no instant is inside.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Milliseconds inside.
    pub fn millis(&self) -> i64 {
        self.spans.iter().map(|span| span.millis()).sum()
    }

    /// Whole minutes inside, rounded down once for the whole set.
    pub fn minutes(&self) -> i64 {
        self.millis() / MINUTE_MS
    }

    /// From the first instant to the last, where there is any.
    pub fn extent(&self) -> Option<Span> {
        let (first, last) = (self.spans.first()?, self.spans.last()?);
        Some(Span {
            start: first.start,
            end: last.end,
        })
    }

    /// Adds a span. In time order this costs nothing more than a push.
    pub fn insert(&mut self, span: Span) {
        if span.is_empty() {
            return;
        }
        let from = self.spans.partition_point(|other| other.end < span.start);
        let to = self.spans.partition_point(|other| other.start <= span.end);
        let Some(touched) = self
            .spans
            .get(from..to)
            .filter(|touched| !touched.is_empty())
        else {
            self.spans.insert(from, span);
            return;
        };
        let start = touched
            .first()
            .map_or(span.start, |first| first.start.min(span.start));
        let end = touched
            .last()
            .map_or(span.end, |last| last.end.max(span.end));
        self.spans.splice(from..to, [Span { start, end }]);
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.spans.iter().chain(&other.spans).copied().collect()
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.spans.as_slice(), other.spans.as_slice());
        let mut spans = Vec::new();
        while let ([a, left_rest @ ..], [b, right_rest @ ..]) = (left, right) {
            spans.extend(a.overlap(*b));
            if a.end <= b.end {
                left = left_rest;
            } else {
                right = right_rest;
            }
        }
        Self { spans }
    }

    /// What is in this set and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut spans = Vec::new();
        let mut others = other.spans.iter().peekable();
        for span in &self.spans {
            let mut start = span.start;
            while let Some(hole) = others.peek() {
                if hole.start >= span.end {
                    break;
                }
                if hole.start > start {
                    spans.push(Span {
                        start,
                        end: hole.start,
                    });
                }
                start = start.max(hole.end);
                if hole.end > span.end {
                    break;
                }
                others.next();
            }
            if start < span.end {
                spans.push(Span {
                    start,
                    end: span.end,
                });
            }
        }
        Self { spans }
    }

    /// What is inside the span.
    #[must_use]
    pub fn within(&self, span: Span) -> Self {
        let from = self.spans.partition_point(|other| other.end <= span.start);
        let spans = self.spans[from..]
            .iter()
            .take_while(|other| other.start < span.end)
            .filter_map(|other| other.overlap(span))
            .collect();
        Self { spans }
    }

    /// The set without its first `millis` milliseconds: an unpaid start.
    #[must_use]
    pub fn after_first(&self, millis: i64) -> Self {
        let mut left = millis.max(0);
        let mut spans = Vec::new();
        for span in &self.spans {
            let skipped = left.min(span.millis());
            left -= skipped;
            let rest = Span {
                start: span.start.plus_millis(skipped),
                end: span.end,
            };
            if !rest.is_empty() {
                spans.push(rest);
            }
        }
        Self { spans }
    }
}

impl From<Span> for TimeSet {
    fn from(span: Span) -> Self {
        [span].into_iter().collect()
    }
}

impl Extend<Span> for TimeSet {
    fn extend<T: IntoIterator<Item = Span>>(&mut self, spans: T) {
        *self = self.spans.drain(..).chain(spans).collect();
    }
}

impl FromIterator<Span> for TimeSet {
    fn from_iter<T: IntoIterator<Item = Span>>(spans: T) -> Self {
        let mut sorted: Vec<_> = spans.into_iter().filter(|span| !span.is_empty()).collect();
        sorted.sort_unstable();
        let mut spans: Vec<Span> = Vec::with_capacity(sorted.len());
        for span in sorted {
            match spans.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                _ => spans.push(span),
            }
        }
        Self { spans }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// The oracle: a set of whole milliseconds, one by one.
    fn naive(spans: &[Span]) -> BTreeSet<i64> {
        spans
            .iter()
            .flat_map(|span| span.start.as_millis()..span.end.as_millis())
            .collect()
    }

    fn spans() -> impl Strategy<Value = Vec<Span>> {
        prop::collection::vec((0_i64..80, 0_i64..20), 0..12).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(start, millis)| Span::starting(Timestamp::from_millis(start), millis))
                .collect()
        })
    }

    fn is_canonical(set: &TimeSet) -> bool {
        set.spans.iter().all(|span| !span.is_empty())
            && set.spans.windows(2).all(|pair| pair[0].end < pair[1].start)
    }

    proptest! {
        #[test]
        fn agrees_with_the_naive_oracle(a in spans(), b in spans(), cut in 0_i64..90, skip in 0_i64..60) {
            let (set_a, set_b): (TimeSet, TimeSet) = (a.iter().copied().collect(), b.iter().copied().collect());
            let (naive_a, naive_b) = (naive(&a), naive(&b));
            let window = Span::starting(Timestamp::from_millis(cut), 25);
            let mut inserted = TimeSet::EMPTY;
            for span in &a {
                inserted.insert(*span);
                prop_assert!(is_canonical(&inserted));
            }
            prop_assert_eq!(&inserted, &set_a);
            for (set, expected) in [
                (set_a.clone(), naive_a.clone()),
                (set_a.union(&set_b), naive_a.union(&naive_b).copied().collect()),
                (set_a.intersection(&set_b), naive_a.intersection(&naive_b).copied().collect()),
                (set_a.difference(&set_b), naive_a.difference(&naive_b).copied().collect()),
                (set_a.within(window), naive_a.intersection(&naive(&[window])).copied().collect()),
                (set_a.after_first(skip), naive_a.iter().skip(usize::try_from(skip).unwrap()).copied().collect()),
            ] {
                prop_assert!(is_canonical(&set), "{set:?}");
                prop_assert_eq!(naive(&set.spans), expected);
            }
        }

        #[test]
        fn order_and_repetition_change_nothing(spans in spans(), seed in any::<prop::sample::Index>()) {
            let set: TimeSet = spans.iter().copied().collect();
            let mut turned = spans.clone();
            if !turned.is_empty() {
                turned.rotate_left(seed.index(spans.len()));
            }
            prop_assert_eq!(turned.into_iter().chain(spans).collect::<TimeSet>(), set);
        }
    }
}
