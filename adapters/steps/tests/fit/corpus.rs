//! Real files, and what is known of them.

use wom_sdk::{Body, Recording};

use crate::{
    fixtures::fixture,
    support::{fetched, read},
};

/// Name, milliseconds by the sessions' timers, steps of sessions, activities.
type Known = (&'static str, i64, u32, &'static [&'static str]);

const SHIPPED: &[Known] = &[
    ("Activity.fit", 13_749, 0, &["running"]),
    ("garmin-fenix-5-bike.fit", 60_363, 0, &["cycling"]),
    ("hrv-activity.fit", 1_071_188, 0, &["cycling.indoor"]),
    (
        "sample_mulitple_header.fit",
        9_491_348,
        7_920,
        &["swimming", "transition", "cycling", "transition", "running"],
    ),
    ("DeveloperData.fit", 0, 0, &[]),
    ("Settings.fit", 0, 0, &[]),
    ("WeightScaleMultiUser.fit", 0, 0, &[]),
    ("WeightScaleSingleUser.fit", 0, 0, &[]),
    ("WorkoutCustomTargetValues.fit", 0, 0, &[]),
    ("WorkoutIndividualSteps.fit", 0, 0, &[]),
    ("WorkoutRepeatGreaterThanStep.fit", 0, 0, &[]),
    ("WorkoutRepeatSteps.fit", 0, 0, &[]),
];

const FETCHED: &[Known] = &[
    (
        "sweat/examples/data/4078723797.fit",
        8_355_600,
        0,
        &["cycling"],
    ),
    (
        "sweat/examples/data/4801048867.fit",
        5_158_557,
        0,
        &["cycling"],
    ),
    (
        "sweat/examples/data/2020-06-01-16-52-40.fit",
        93_700,
        0,
        &["cycling"],
    ),
    (
        "sweat/examples/data/6449921903_ACTIVITY.fit",
        196_229,
        0,
        &["cycling.indoor"],
    ),
    (
        "sweat/examples/data/6471559601_ACTIVITY.fit",
        59_601,
        0,
        &["running", "transition", "rowing"],
    ),
    (
        "activity_parser-0.12.1/tests/files/fit/garmin-fenix-5-run.fit",
        56_887,
        156,
        &["running"],
    ),
    (
        "activity_parser-0.12.1/tests/files/fit/garmin-edge-820-bike.fit",
        64_524,
        0,
        &["cycling.commuting"],
    ),
    (
        "activity_parser-0.12.1/tests/files/fit/garmin-fenix-5-bike.fit",
        60_363,
        0,
        &["cycling"],
    ),
];

fn check((name, millis, steps, activities): Known, bytes: &[u8]) {
    let reading = read(bytes);
    assert_eq!(reading.error, None, "{name}");
    assert_eq!(reading.refusals, [], "{name}");
    assert_eq!(reading.millis(), millis, "{name}");
    assert_eq!(reading.session_steps(), steps, "{name}");
    assert_eq!(reading.activities(), activities, "{name}");
    // To the millisecond: nothing overlaps, though the file tells starts in whole seconds.
    assert_eq!(reading.union().millis(), millis, "{name}");
    for observation in &reading.observations {
        assert_eq!(
            observation.provenance.recording,
            Recording::Measured,
            "{name}"
        );
    }
}

#[test]
fn shipped_files_tell_what_is_known_of_them() {
    for known in SHIPPED {
        check(*known, &fixture(known.0));
    }
}

#[test]
fn fetched_files_tell_what_is_known_of_them() {
    for known in FETCHED {
        if let Some(bytes) = fetched(known.0) {
            check(*known, &bytes);
        }
    }
}

#[test]
fn a_ride_with_a_pause_has_two_intervals_and_a_ride_without_has_one() {
    let count = |name| fetched(name).map(|bytes| read(&bytes).observations.len());
    for (name, intervals) in [
        ("sweat/examples/data/2020-06-01-16-52-40.fit", 2),
        ("sweat/examples/data/6449921903_ACTIVITY.fit", 3),
        ("sweat/examples/data/4078723797.fit", 1),
    ] {
        if let Some(found) = count(name) {
            assert_eq!(found, intervals, "{name}");
        }
    }
}

#[test]
fn the_monitoring_day_has_3173_steps() {
    let reading = read(&fixture("MonitoringFile.fit"));
    assert_eq!(reading.refusals, []);
    assert_eq!(reading.steps(), 3_173);
    let spans: Vec<_> = reading
        .observations
        .iter()
        .map(|observation| match observation.body {
            Body::Steps { span, steps } => (span, steps),
            _ => panic!("only steps"),
        })
        .collect();
    let minutes = spans.iter().map(|(span, _)| span.millis()).sum::<i64>() as f64 / 60_000.0;
    assert!((minutes - 135.98).abs() < 0.01, "{minutes}");
    let best = spans
        .iter()
        .map(|(span, steps)| i64::from(*steps) * 60_000 / span.millis())
        .max();
    assert_eq!(best, Some(65));
    assert_eq!(
        spans[0].0.to_string(),
        "2014-12-27T14:11:00Z..2014-12-27T14:15:00Z"
    );
    let starts: std::collections::BTreeSet<_> = reading
        .observations
        .iter()
        .map(|observation| observation.key)
        .collect();
    assert_eq!(starts.len(), reading.observations.len());
}

#[test]
fn reading_twice_gives_the_same_keys() {
    for name in ["MonitoringFile.fit", "sample_mulitple_header.fit"] {
        let bytes = fixture(name);
        assert_eq!(read(&bytes).observations, read(&bytes).observations);
    }
}

#[test]
fn the_examples_are_the_files_that_their_readme_names() {
    for (name, example) in [
        (
            "sample_mulitple_header.fit",
            &include_bytes!("../../../../examples/data/triathlon.fit")[..],
        ),
        (
            "MonitoringFile.fit",
            include_bytes!("../../../../examples/data/monitoring-day.fit"),
        ),
    ] {
        assert!(fixture(name) == example, "{name}");
    }
}
