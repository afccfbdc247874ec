//! Time at which somebody was at two sessions.

use wom_sdk::{Span, TimeSet, Timestamp};

/// Who gets time that two sessions share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Given {
    /// Neither.
    ToNobody,
    /// The one that begins first.
    ToTheFirst,
}

/// What is in two of these sets or more.
pub(super) fn shared<'a>(sets: impl Iterator<Item = &'a TimeSet>) -> TimeSet {
    let mut spans: Vec<Span> = sets.flat_map(|set| set.spans().iter().copied()).collect();
    spans.sort_unstable();
    // Of what began before, this ends last, and lasts all the time until then.
    let mut last = Timestamp::MIN;
    let mut twice = TimeSet::EMPTY;
    for span in spans {
        let until = last.min(span.end());
        twice.insert(Span::starting(span.start(), until.since(span.start())));
        last = last.max(span.end());
    }
    twice
}
