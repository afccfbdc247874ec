//! From captures to minutes: what `study-minutes/1` makes of them, whatever the order, the
//! repetition and the splitting into deliveries.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wom_adapter_elearning::{Kolibri, KolibriConfig, OpenEdx, OpenEdxConfig, Source, StudyMinutes};
use wom_sdk::{Timestamp, Zone, instrument::Instrument, observation::Merged, rules::RuleSet as _};

use crate::support::{NOW, data, read_text};

/// Seconds by learner and day.
type Seconds = BTreeMap<(String, String), i64>;

/// Reads some deliveries and judges what each learner did.
fn judged(adapter: &dyn Instrument, deliveries: &[String], now: Timestamp) -> Seconds {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut learners = BTreeMap::<String, Merged>::new();
    for delivery in deliveries {
        let outcome = runtime.block_on(read_text(adapter, delivery.clone()));
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
        for observation in outcome.observations {
            let (subject, entry) = observation.into_entry();
            let learner = learners.entry(subject.reveal().to_owned()).or_default();
            learner.insert(entry);
        }
    }
    let mut seconds = Seconds::new();
    for (learner, merged) in learners {
        let judgement = StudyMinutes::default().judge(&merged.open(), now);
        for span in judgement.time().spans() {
            let day = Zone::UTC.day(span.start()).to_string();
            *seconds.entry((learner.clone(), day)).or_default() += span.millis();
        }
    }
    for millis in seconds.values_mut() {
        *millis = (*millis + 500) / 1000;
    }
    seconds
}

fn kolibri() -> Kolibri {
    Kolibri::new(KolibriConfig::default()).unwrap()
}

fn openedx() -> OpenEdx {
    OpenEdx::new(OpenEdxConfig::default()).unwrap()
}

fn expected(rows: &[(&str, &str, i64)]) -> Seconds {
    rows.iter()
        .map(|(learner, day, seconds)| (((*learner).to_owned(), (*day).to_owned()), *seconds))
        .collect()
}

fn kolibri_expected() -> Seconds {
    // 600 + 545 (in an envelope of 24 minutes) + 220; 37 (claimed 37.5) + 250.
    expected(&[("amarad", "2026-03-02", 1365), ("benk", "2026-03-03", 287)])
}

fn openedx_expected() -> Seconds {
    // No gap of over ten minutes, and the film fills what lies between.
    expected(&[("11", "2026-03-10", 960)])
}

#[test]
fn the_captures_give_the_minutes_that_were_worked_out_by_hand() {
    let sessions = data("kolibri-session-log.csv");
    let now = "2026-03-06T00:00:00Z".parse().unwrap();
    assert_eq!(judged(&kolibri(), &[sessions], now), kolibri_expected());
    let log = data("edx-tracking.log");
    let now = "2026-03-11T00:00:00Z".parse().unwrap();
    assert_eq!(judged(&openedx(), &[log], now), openedx_expected());
}

#[test]
fn a_claim_of_a_day_for_half_a_minute_is_worth_half_a_minute() {
    let sessions = data("kolibri-session-log.csv").replace(",37.5,", ",86400.0,");
    let seconds = judged(&kolibri(), &[sessions], NOW.parse().unwrap());
    assert_eq!(seconds, kolibri_expected());
}

/// The lines, each at least once, in any order, in two deliveries.
fn deliveries(lines: Vec<String>) -> impl Strategy<Value = [String; 2]> {
    let more = prop::sample::subsequence(lines.clone(), 0..=lines.len());
    (more, Just(lines))
        .prop_flat_map(|(more, lines)| Just([lines, more].concat()).prop_shuffle())
        .prop_flat_map(|lines| (0..=lines.len(), Just(lines)))
        .prop_map(|(at, lines)| {
            let (one, two) = lines.split_at(at);
            [one.join("\n"), two.join("\n")]
        })
}

fn lines(name: &str) -> Vec<String> {
    data(name).lines().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn order_repetition_and_deliveries_of_tracking_logs_change_nothing(
        deliveries in deliveries(lines("edx-tracking.log")),
    ) {
        let seconds = judged(&openedx(), &deliveries, NOW.parse().unwrap());
        prop_assert_eq!(seconds, openedx_expected());
    }

    #[test]
    fn order_repetition_and_deliveries_of_exports_change_nothing(
        deliveries in deliveries(lines("kolibri-session-log.csv").split_off(1)),
    ) {
        let header = lines("kolibri-session-log.csv").swap_remove(0);
        let deliveries = deliveries.map(|rows| format!("{header}\n{rows}"));
        let seconds = judged(&kolibri(), &deliveries, NOW.parse().unwrap());
        prop_assert_eq!(seconds, kolibri_expected());
    }
}

#[test]
fn a_film_of_known_length_earns_half_as_long_again_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("durations");
    let film = "5178eed285805eae982883a046926b6f";
    std::fs::write(&file, format!("2 {film}\n")).unwrap();
    let config = KolibriConfig {
        durations: vec![file],
        ..KolibriConfig::default()
    };
    let adapter = Kolibri::new(config).unwrap();
    let sessions = data("kolibri-session-log.csv");
    let seconds = judged(&adapter, &[sessions], NOW.parse().unwrap());
    let expected = expected(&[
        ("amarad", "2026-03-02", 180 + 545 + 220),
        ("benk", "2026-03-03", 180),
    ]);
    assert_eq!(seconds, expected);
    // What the file names is what the adapter reads of.
    let source = Source::new("lms", &[dir.path().join("durations")], false).unwrap();
    assert_eq!(source.nominal_s(source.item(film)), Some(120));
}
