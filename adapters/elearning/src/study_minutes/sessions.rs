//! Intervals: bounded by what else is known of their session.

use std::collections::{BTreeMap, BTreeSet};

use wom_sdk::{
    Digest, Span, Timestamp,
    observation::{Mark, Trace},
};

use super::{Findings, Part, Record, SLACK_MS, StudyMinutes, reasons};

/// The sessions of which nothing counts.
pub(super) fn browsed(records: &[Record<'_>]) -> BTreeSet<Digest> {
    let browsed = records.iter().filter(|record| record.is_browsed());
    browsed.filter_map(|record| record.study.session).collect()
}

/// When each session began, as far as that was seen; the earliest word counts.
pub(super) fn openings(records: &[Record<'_>]) -> BTreeMap<Digest, Timestamp> {
    let mut opened = BTreeMap::new();
    for record in records {
        let Trace::Point {
            at,
            mark: Mark::Opened,
        } = record.study.trace
        else {
            continue;
        };
        if let Some(session) = record.study.session {
            let first = opened.entry(session).or_insert(at);
            *first = at.min(*first);
        }
    }
    opened
}

impl StudyMinutes {
    pub(super) fn intervals<'a>(
        &self,
        records: &[Record<'a>],
        opened: &BTreeMap<Digest, Timestamp>,
        parts: &mut Vec<Part<'a>>,
        findings: &mut Findings,
    ) {
        let longest = i64::from(self.max_interval_s) * 1_000;
        for record in records {
            let Trace::Interval { span, stored, .. } = record.study.trace else {
                continue;
            };
            let began = record
                .study
                .session
                .and_then(|session| opened.get(&session));
            if began.is_none() && stored.is_none() && self.require_bounds {
                findings.add(record.entry, span, 0, &reasons::UNBOUNDED);
                continue;
            }
            let mut start = span.start().max(span.end().plus_millis(-longest));
            let mut end = span.end();
            let reason = match () {
                () if start > span.start() => &reasons::INTERVAL_CUT,
                () if began.is_none() && stored.is_none() => &reasons::INTERVAL_WEAK,
                () => &reasons::INTERVAL,
            };
            if let Some(began) = began {
                start = start.max(*began);
            }
            if let Some(stored) = stored {
                end = end.min(stored.plus_millis(SLACK_MS));
            }
            let clipped = Span::starting(start, end.since(start));
            if clipped.is_empty() {
                findings.add(record.entry, span, 0, &reasons::CLIPPED_AWAY);
                continue;
            }
            let is_whole = clipped == span || reason == &reasons::INTERVAL_CUT;
            parts.push(Part {
                record: *record,
                time: clipped.into(),
                reason: if is_whole {
                    reason
                } else {
                    &reasons::INTERVAL_CLIPPED
                },
            });
        }
    }
}
