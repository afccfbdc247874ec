//! Seconds somewhere within an envelope: they fill what nothing else takes.

use wom_sdk::{Span, TimeSet, Timestamp, rules::Reason, rules::millis_within};

use super::{Part, Record};

/// So many milliseconds, somewhere within.
#[derive(Clone, Debug)]
pub(super) struct Counter<'a> {
    pub(super) record: Record<'a>,
    pub(super) within: Span,
    pub(super) millis: i64,
    pub(super) reason: &'static Reason,
}

/// Gives every counter its time, beside the time of the parts that lie where they lie.
pub(super) fn place<'a>(mut counters: Vec<Counter<'a>>, parts: &mut Vec<Part<'a>>) {
    if counters.is_empty() {
        return;
    }
    // Of two alike in envelope and length the key decides, not the order.
    counters.sort_by_key(|counter| (counter.within, counter.millis, counter.record.entry.key));
    let taken: TimeSet = parts
        .iter()
        .flat_map(|part| part.time.spans().iter().copied())
        .collect();
    let free = Free::beside(&taken);
    let items: Vec<_> = counters
        .iter()
        .map(|counter| (free.folded(counter.within), counter.millis))
        .collect();
    for (counter, placed) in counters.into_iter().zip(millis_within(&items)) {
        parts.push(Part {
            record: counter.record,
            time: free.unfolded(&placed),
            reason: counter.reason,
        });
    }
}

/// The time that is free, as if what is taken were folded away.
struct Free {
    /// Where a stretch of free time begins in folded time, and how much was folded before it.
    stretches: Vec<(Timestamp, i64)>,
    taken: TimeSet,
}

impl Free {
    fn beside(taken: &TimeSet) -> Self {
        let mut stretches = vec![(Timestamp::MIN, 0)];
        let mut folded = 0;
        for span in taken.spans() {
            folded += span.millis();
            stretches.push((span.end().plus_millis(-folded), folded));
        }
        Self {
            stretches,
            taken: taken.clone(),
        }
    }

    /// An envelope in folded time.
    fn folded(&self, span: Span) -> Span {
        let start = self.fold(span.start());
        Span::starting(start, self.fold(span.end()).since(start))
    }

    fn fold(&self, at: Timestamp) -> Timestamp {
        let spans = self.taken.spans();
        let before = spans.partition_point(|span| span.end() <= at);
        let folded = self.stretches[before].1;
        let within = spans
            .get(before)
            .map_or(0, |span| at.since(span.start()).max(0));
        at.plus_millis(-folded - within)
    }

    /// A set of folded time where it really lies.
    fn unfolded(&self, time: &TimeSet) -> TimeSet {
        let mut spans = Vec::new();
        for span in time.spans() {
            let mut start = span.start();
            // The last stretch that begins at or before the start.
            let mut index = self.stretches.partition_point(|(from, _)| *from <= start) - 1;
            while start < span.end() {
                let (_, folded) = self.stretches[index];
                let next = self.stretches.get(index + 1);
                let end = next.map_or(span.end(), |(from, _)| span.end().min(*from));
                spans.push(Span::starting(start.plus_millis(folded), end.since(start)));
                start = end;
                index += 1;
            }
        }
        spans.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_and_unfolding_give_the_free_time_back(
            taken in prop::collection::vec((0_i64..100, 1_i64..20), 0..8),
            start in 0_i64..120,
            length in 0_i64..60,
        ) {
            let at = Timestamp::from_millis;
            let taken: TimeSet = taken.into_iter().map(|(start, ms)| Span::starting(at(start), ms)).collect();
            let span = Span::starting(at(start), length);
            let free = Free::beside(&taken);
            let expected = TimeSet::from(span).difference(&taken);
            let folded = free.folded(span);
            prop_assert_eq!(folded.millis(), expected.millis());
            prop_assert_eq!(free.unfolded(&folded.into()), expected);
        }
    }
}
