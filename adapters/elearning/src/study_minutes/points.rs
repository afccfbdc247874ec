//! Points: the time between neighbours.

use std::collections::BTreeMap;

use wom_sdk::{Digest, Span, TimeSet, observation::Trace};

use super::{Part, Record, StudyMinutes, reasons};

impl StudyMinutes {
    /// Every point makes a part, the last of a chain an empty one.
    pub(super) fn chains<'a>(&self, records: &[Record<'a>], parts: &mut Vec<Part<'a>>) {
        let mut by_stream = BTreeMap::<Digest, Vec<Record<'a>>>::new();
        for record in records {
            if matches!(record.study.trace, Trace::Point { .. }) {
                let stream = record.entry.provenance.stream;
                by_stream.entry(stream).or_default().push(*record);
            }
        }
        let tail = i64::from(self.tail_credit_s.min(60)) * 1_000;
        for points in by_stream.into_values() {
            let next = points.iter().skip(1).map(Some).chain([None]);
            for (point, next) in points.iter().zip(next) {
                let at = point.span().start();
                let gap = next.map(|next| next.span().start().since(at));
                let chained = gap.filter(|gap| *gap <= self.idle_gap_ms());
                let time: TimeSet = Span::starting(at, chained.unwrap_or(tail)).into();
                let reason = match (chained, gap) {
                    (Some(_), _) => &reasons::CHAINED,
                    (None, Some(_)) => &reasons::IDLE,
                    (None, None) => &reasons::LAST_POINT,
                };
                parts.push(Part {
                    record: *point,
                    time,
                    reason,
                });
            }
        }
    }
}
