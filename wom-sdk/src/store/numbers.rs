//! What waits, in numbers: for operators and their dashboards.

use std::fmt::Write as _;

use crate::{Timestamp, award::State};

/// What waits, and in which state.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// Awards by state and reason, in alphabetical order.
    pub awards: Vec<Count>,
    /// Deliveries by state and reason, in alphabetical order.
    pub deliveries: Vec<Count>,
    /// Minutes that are due and were not gathered into an award yet.
    pub uncollected_minutes: u64,
}

/// How many stand in one state.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Count {
    /// The state's name.
    pub state: String,
    /// Why, for what is held or parked: an error code.
    pub reason: Option<String>,
    /// How many.
    pub count: u64,
    /// When the oldest of them was accepted or came in.
    pub oldest: Timestamp,
}

impl Numbers {
    /// Awards that the dispatcher has something to do for.
    pub fn pending(&self) -> u64 {
        let open = |count: &&Count| {
            State::from_name(&count.state, None).is_some_and(|state| state.is_open())
        };
        self.awards
            .iter()
            .filter(open)
            .map(|count| count.count)
            .sum()
    }

    /// Awards and deliveries that a person has to look at.
    pub fn parked(&self) -> u64 {
        let all = self.awards.iter().chain(&self.deliveries);
        all.filter(|count| count.state == "parked")
            .map(|count| count.count)
            .sum()
    }

    /// Awards that wait for somebody's judgement.
    pub fn held(&self) -> u64 {
        let held = self.awards.iter().filter(|count| count.state == "held");
        held.map(|count| count.count).sum()
    }

    /// How long the oldest award that is not acknowledged has been waiting, milliseconds.
    fn oldest_ms(&self, now: Timestamp) -> Option<i64> {
        let open = self
            .awards
            .iter()
            .filter(|count| count.state != "acknowledged");
        let oldest = open.map(|count| count.oldest).min()?;
        Some(now.since(oldest).max(0))
    }

    /// The numbers as Prometheus reads them (text format 0.0.4). Labels are states and error codes
    /// only.
    ///
    /// ```
    /// use wom_sdk::{Timestamp, store::{Count, Numbers}};
    ///
    /// let numbers = Numbers {
    ///     awards: vec![Count {
    ///         state: "parked".to_owned(),
    ///         reason: Some("source_unknown".to_owned()),
    ///         count: 3,
    ///         oldest: Timestamp::from_seconds(100),
    ///     }],
    ///     ..Numbers::default()
    /// };
    /// let text = numbers.to_prometheus(Timestamp::from_seconds(160));
    /// assert!(text.contains("wom_awards{state=\"parked\",reason=\"source_unknown\"} 3\n"));
    /// assert!(text.contains("wom_oldest_award_seconds 60\n"));
    /// ```
    pub fn to_prometheus(&self, now: Timestamp) -> String {
        exposition(&[("", self)], now)
    }

    /// The numbers of several instruments, as [`to_prometheus`](Self::to_prometheus), with the label
    /// `instrument`.
    pub fn all_to_prometheus(each: &[(&str, Self)], now: Timestamp) -> String {
        let labelled: Vec<_> = each
            .iter()
            .map(|(name, numbers)| {
                let label = format!("instrument=\"{}\"", name.escape_default());
                (label, numbers)
            })
            .collect();
        let labelled: Vec<_> = labelled
            .iter()
            .map(|(label, numbers)| (label.as_str(), *numbers))
            .collect();
        exposition(&labelled, now)
    }

    /// Says the numbers to whoever listens to `tracing`, as one event.
    pub fn trace(&self, now: Timestamp) {
        tracing::info!(
            pending = self.pending(),
            held = self.held(),
            parked = self.parked(),
            oldest_seconds = self.oldest_ms(now).unwrap_or(0) / 1_000,
            uncollected_minutes = self.uncollected_minutes,
            "what waits"
        );
    }
}

/// The numbers, each with a label of its own or with none.
fn exposition(each: &[(&str, &Numbers)], now: Timestamp) -> String {
    let mut text = String::new();
    let head = |text: &mut String, name: &str, help: &str| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    };
    type Counts = fn(&Numbers) -> &Vec<Count>;
    let counted: [(_, _, Counts); 2] = [
        ("wom_awards", "Awards by state and reason.", |numbers| {
            &numbers.awards
        }),
        (
            "wom_deliveries",
            "Deliveries by state and reason.",
            |numbers| &numbers.deliveries,
        ),
    ];
    for (name, help, counts) in counted {
        head(&mut text, name, help);
        for (label, numbers) in each {
            let label = match label.is_empty() {
                true => String::new(),
                false => format!("{label},"),
            };
            for count in counts(numbers) {
                let (state, reason) = (&count.state, count.reason.as_deref().unwrap_or(""));
                let reason = reason.escape_default();
                let _ = writeln!(
                    text,
                    "{name}{{{label}state=\"{state}\",reason=\"{reason}\"}} {}",
                    count.count
                );
            }
        }
    }
    type Value = fn(&Numbers, Timestamp) -> u64;
    let single: [(_, _, Value); 2] = [
        (
            "wom_oldest_award_seconds",
            "Age of the oldest award that is not acknowledged.",
            |numbers, now| numbers.oldest_ms(now).unwrap_or(0).unsigned_abs() / 1_000,
        ),
        (
            "wom_uncollected_minutes",
            "Minutes that are due and not gathered into an award.",
            |numbers, _| numbers.uncollected_minutes,
        ),
    ];
    for (name, help, value) in single {
        head(&mut text, name, help);
        for (label, numbers) in each {
            let value = value(numbers, now);
            let _ = match label.is_empty() {
                true => writeln!(text, "{name} {value}"),
                false => writeln!(text, "{name}{{{label}}} {value}"),
            };
        }
    }
    text
}
