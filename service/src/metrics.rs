//! What was answered, in numbers.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Counts answers by method, route and status: a bounded set of each.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    answers: Mutex<BTreeMap<(&'static str, String, u16), Answered>>,
    /// Failures since the last good pull, by instrument and source.
    pulls: Mutex<BTreeMap<(String, String), u32>>,
    under_way: AtomicU64,
}

/// A request that is under way, until dropped.
pub(crate) struct UnderWay<'a>(&'a AtomicU64);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Answered {
    count: u64,
    time: Duration,
}

impl Metrics {
    pub(crate) fn begin(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(&self.under_way)
    }

    pub(crate) fn answered(&self, method: &'static str, route: &str, status: u16, took: Duration) {
        let mut held = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = held.entry((method, route.to_owned(), status)).or_default();
        answered.count += 1;
        answered.time += took;
    }

    /// A source was pulled, or could not be: so many times since it last worked.
    pub(crate) fn pulled(&self, instrument: &str, source: &str, failures: u32) {
        let mut held = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        held.insert((instrument.to_owned(), source.to_owned()), failures);
    }

    pub(crate) fn write(&self, text: &mut String) {
        self.write_pulls(text);
        let _ = writeln!(
            text,
            "# HELP wom_http_under_way Requests under way, this one among them.\n\
             # TYPE wom_http_under_way gauge\nwom_http_under_way {}",
            self.under_way.load(Ordering::Relaxed)
        );
        let held = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help) in [
            (
                "wom_http_answers_total",
                "Answers by method, route and status.",
            ),
            (
                "wom_http_seconds_total",
                "Time that answering took, by method, route and status.",
            ),
        ] {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
            for ((method, route, status), answered) in held.iter() {
                let labels =
                    format_args!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                let _ = match name.ends_with("answers_total") {
                    true => writeln!(text, "{name}{{{labels}}} {}", answered.count),
                    false => writeln!(
                        text,
                        "{name}{{{labels}}} {:.6}",
                        answered.time.as_secs_f64()
                    ),
                };
            }
        }
    }

    /// Sales that wait for a person: so many, by shop and the name of their state.
    pub(crate) fn write_waiting(text: &mut String, waiting: &[(&str, BTreeMap<&str, u64>)]) {
        if waiting.is_empty() {
            return;
        }
        let name = "wom_sales_waiting";
        let _ = writeln!(
            text,
            "# HELP {name} Sales that wait for a person.\n# TYPE {name} gauge"
        );
        for (shop, states) in waiting {
            let shop = shop.escape_default();
            for state in ["attention", "late", "manual", "unclaimed"] {
                let count = states.get(state).copied().unwrap_or(0);
                let labels = format_args!("shop=\"{shop}\",state=\"{state}\"");
                let _ = writeln!(text, "{name}{{{labels}}} {count}");
            }
        }
    }

    fn write_pulls(&self, text: &mut String) {
        let held = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_empty() {
            return;
        }
        let name = "wom_source_failures";
        let _ = writeln!(
            text,
            "# HELP {name} Pulls of a source by this process that failed since the last good one.\n\
             # TYPE {name} gauge"
        );
        for ((instrument, source), failures) in held.iter() {
            let (instrument, source) = (instrument.escape_default(), source.escape_default());
            let labels = format_args!("instrument=\"{instrument}\",source=\"{source}\"");
            let _ = writeln!(text, "{name}{{{labels}}} {failures}");
        }
    }
}
