//! Sessions with a timer: which count, and for how long.

use std::collections::BTreeMap;

use wom_sdk::{
    Activity, Body, Span, TimeSet,
    observation::Entry,
    rules::{Reason, seconds_within},
};

use super::{ActiveMinutes, Doubt, Findings, reasons};

/// The time of the sessions that count, by activity. The entries are in order.
pub(super) fn judge(
    rules: &ActiveMinutes,
    doubt: Doubt,
    sessions: &[&Entry],
    findings: &mut Findings,
) -> BTreeMap<Activity, TimeSet> {
    let mut spans: BTreeMap<&Activity, Vec<Span>> = BTreeMap::new();
    let mut seconds: Vec<(Span, u32, &Activity)> = Vec::new();
    for entry in sessions {
        match &entry.body {
            Body::Interval {
                span,
                activity,
                steps,
            } => {
                let pace = || rules.refuses_pace(*span, activity, *steps);
                let refused = rules
                    .refuses_kind(activity)
                    .or_else(|| pace().filter(|_| doubt == Doubt::Hold));
                let millis = if refused.is_some() { 0 } else { span.millis() };
                findings.add(entry, *span, millis, refused.unwrap_or(&reasons::SESSION));
                if refused.is_none() {
                    spans.entry(activity).or_default().push(*span);
                }
            }
            Body::Seconds {
                within,
                seconds: active,
                activity,
            } => {
                let refused = rules.refuses_kind(activity);
                let millis = match refused {
                    Some(_) => 0,
                    None => (i64::from(*active) * 1000).min(within.millis()),
                };
                let reason = refused.unwrap_or(&reasons::SESSION_SECONDS);
                findings.add(entry, *within, millis, reason);
                if refused.is_none() {
                    seconds.push((*within, *active, activity));
                }
            }
            _ => {}
        }
    }
    // Where two items are equal but for their kind, the kind decides and not the order.
    seconds.sort_unstable();
    let items: Vec<_> = seconds.iter().map(|(within, s, _)| (*within, *s)).collect();
    for (placed, (_, _, activity)) in seconds_within(&items).iter().zip(&seconds) {
        spans.entry(activity).or_default().extend(placed.spans());
    }
    spans
        .into_iter()
        .map(|(activity, spans)| (activity.clone(), spans.into_iter().collect()))
        .filter(|(_, time): &(_, TimeSet)| !time.is_empty())
        .collect()
}

impl ActiveMinutes {
    fn refuses_kind(&self, activity: &Activity) -> Option<&'static Reason> {
        if !self.kinds.iter().any(|kind| kind.covers(activity)) {
            return Some(&reasons::KIND_NOT_COUNTED);
        }
        let inside = activity
            .as_str()
            .split('.')
            .any(|word| matches!(word, "indoor" | "treadmill" | "virtual"));
        (inside && !self.indoor).then_some(&reasons::INDOOR_NOT_COUNTED)
    }

    /// Walks and runs that carry steps must show a pace that somebody can have.
    fn refuses_pace(
        &self,
        span: Span,
        activity: &Activity,
        steps: Option<u32>,
    ) -> Option<&'static Reason> {
        let on_foot = Activity::WALKING.covers(activity) || Activity::RUNNING.covers(activity);
        let steps = steps.filter(|_| on_foot && !span.is_empty())?;
        let per_minute = i64::from(steps) * 60_000;
        if per_minute > i64::from(self.max_spm) * span.millis() {
            Some(&reasons::TOO_FAST)
        } else if per_minute < i64::from(self.floor) * span.millis() {
            Some(&reasons::FEW_STEPS)
        } else {
            None
        }
    }
}
