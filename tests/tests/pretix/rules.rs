//! Stand-in.
use std::{collections::BTreeMap, sync::Arc};

use wom_sdk::{
    Body, Span, TimeSet, Timestamp,
    observation::{Attendance, Entry, Standing},
    rules::{Attended, Judgement, RuleSet},
};

#[derive(Debug)]
struct Overlap;

pub(crate) fn rules() -> Arc<dyn RuleSet> {
    Arc::new(Overlap)
}

impl RuleSet for Overlap {
    fn name(&self) -> &'static str {
        "attendance/1"
    }

    fn judge(&self, entries: &[&Entry], _: Timestamp) -> Judgement {
        let mut sessions = BTreeMap::<_, Vec<&Attendance>>::new();
        for entry in entries {
            if let Body::Attendance(it) = &entry.body
                && it.standing == Standing::Valid
            {
                sessions
                    .entry((it.ticket, it.session))
                    .or_default()
                    .push(it);
            }
        }
        let sessions = sessions.into_iter().map(|((ticket, session), views)| {
            let mut time = TimeSet::EMPTY;
            for view in &views {
                let mut open = None;
                for scan in &view.scans {
                    match (scan.entry, open) {
                        (true, None) => open = Some(scan.at),
                        (false, Some(from)) => {
                            time.insert(Span::new(from, scan.at).unwrap());
                            open = None;
                        }
                        _ => {}
                    }
                }
                if let Some(from) = open
                    && let Ok(span) = Span::new(from, view.window().end())
                {
                    time.insert(span);
                }
                time = time.within(view.window());
            }
            Attended {
                name: format!("session:{}:{}", ticket.to_hex(), session.to_hex()),
                activity: views[0].activity.clone(),
                window: views[0].window(),
                time,
            }
        });
        Judgement {
            sessions: sessions.collect(),
            ..Judgement::default()
        }
    }
}
