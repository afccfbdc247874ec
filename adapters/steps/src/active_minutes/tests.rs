use std::collections::BTreeSet;

use proptest::prelude::*;
use wom_sdk::{Device, Digest, MINUTE_MS, Provenance, observation::Merged};

use super::*;

const NOW: Timestamp = Timestamp::from_seconds(40 * 86_400);
/// 2:50 into a UTC day, so that an hour's border is near.
const BASE: i64 = 10 * 86_400 + 2 * 3600 + 50 * 60;

fn provenance(stream: u8, device: Device, recording: Recording) -> Provenance {
    Provenance {
        stream: Digest::of([[stream]]),
        device,
        recording,
    }
}

fn entry(name: impl AsRef<[u8]>, provenance: Provenance, body: Body) -> Entry {
    Entry {
        key: Digest::of([name]),
        revision: 0,
        provenance,
        body,
    }
}

fn span(from: i64, seconds: i64) -> Span {
    Span::starting(Timestamp::from_seconds(BASE + from), seconds * 1000)
}

fn watch_steps(name: &str, from: i64, seconds: i64, steps: u32) -> Entry {
    let by = provenance(1, Device::Watch, Recording::Measured);
    entry(
        name,
        by,
        Body::Steps {
            span: span(from, seconds),
            steps,
        },
    )
}

fn judge(rules: &ActiveMinutes, entries: &[Entry]) -> Judgement {
    rules.judge(&entries.iter().collect::<Vec<_>>(), NOW)
}

fn minutes(entries: &[Entry]) -> i64 {
    judge(&ActiveMinutes::default(), entries).time().minutes()
}

fn codes(judgement: &Judgement) -> Vec<(&'static str, bool)> {
    let mut codes: Vec<_> = judgement
        .findings
        .iter()
        .map(|finding| (finding.reason.code, finding.hold))
        .collect();
    codes.dedup();
    codes
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let length = prop_oneof![
        2 => Just(0_i64),
        5 => 1_i64..=120,
        2 => Just(60_i64),
        5 => 121_i64..1500,
    ];
    let from = prop_oneof![0_i64..1800, (0_i64..30).prop_map(|minute| minute * 60)];
    let pace = prop_oneof![3 => 0_i64..130, 3 => 80_i64..260, 1 => 90_i64..110];
    let source = prop_oneof![
        Just((1, Device::Watch)),
        Just((2, Device::Watch)),
        Just((3, Device::Phone)),
        Just((4, Device::Phone)),
        Just((5, Device::Unknown)),
        Just((6, Device::App)),
    ];
    (any::<u16>(), from, length, pace, source, 0_u8..14).prop_map(
        |(name, from, length, pace, (stream, device), form)| {
            let steps = u32::try_from(pace * length.max(30) / 60).unwrap();
            let span = span(from, length);
            let recording = match form {
                0 => Recording::Manual,
                1 => Recording::Unknown,
                _ => Recording::Measured,
            };
            let session = |activity, steps| Body::Interval {
                span,
                activity,
                steps,
            };
            let body = match form {
                2 => session(Activity::CYCLING, None),
                3 => session(Activity::WALKING, Some(steps)),
                4 => session(Activity::TRANSITION, None),
                _ => Body::Steps { span, steps },
            };
            entry(
                name.to_be_bytes(),
                provenance(stream, device, recording),
                body,
            )
        },
    )
}

fn rules() -> impl Strategy<Value = ActiveMinutes> {
    (
        prop_oneof![Just(100_u32), Just(60), 1_u32..140],
        prop_oneof![Just(40_u32), Just(0), 0_u32..90],
        prop_oneof![Just(120_u32), Just(0), 30_u32..400],
        any::<bool>(),
    )
        .prop_map(|(moderate, floor, short_s, manual)| ActiveMinutes {
            moderate,
            floor,
            short_s,
            manual,
            ..ActiveMinutes::default()
        })
}

fn seconds_of(time: &TimeSet) -> BTreeSet<i64> {
    time.spans()
        .iter()
        .flat_map(|span| span.start().as_seconds()..span.end().as_seconds())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn agrees_with_the_naive_oracle(
        rules in rules(),
        entries in prop::collection::vec(any_entry(), 0..14),
        now in prop_oneof![4 => Just(i64::MAX / 2000), 1 => BASE..BASE + 2400],
    ) {
        let merged: Merged = entries.iter().cloned().collect();
        let open: Vec<Entry> = merged.open().into_iter().cloned().collect();
        let judgement = rules.judge(&open.iter().collect::<Vec<_>>(), Timestamp::from_seconds(now));
        let expected = oracle::active_seconds(&rules, &open, now);
        prop_assert_eq!(seconds_of(&judgement.time()), expected);
        prop_assert_eq!(judgement.findings.len(), open.len());
    }

    #[test]
    fn order_repetition_and_deliveries_change_nothing(
        entries in prop::collection::vec(any_entry(), 1..14),
        turn in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let merged: Merged = entries.iter().cloned().collect();
        let open: Vec<Entry> = merged.open().into_iter().cloned().collect();
        let once = judge(&ActiveMinutes::default(), &open);

        let mut turned: Vec<Entry> = open.iter().chain(&open).cloned().collect();
        let turn = turn.index(turned.len());
        turned.rotate_left(turn);
        prop_assert_eq!(&judge(&ActiveMinutes::default(), &turned), &once);

        let mut delivered = Merged::default();
        let (first, second) = entries.split_at(cut.index(entries.len()));
        delivered.extend(second.iter().chain(first).chain(second).cloned());
        let delivered: Vec<Entry> = delivered.open().into_iter().cloned().collect();
        prop_assert_eq!(judge(&ActiveMinutes::default(), &delivered), once);
    }

    #[test]
    fn never_more_minutes_than_the_clock_or_the_steps_allow(
        rules in rules(),
        entries in prop::collection::vec(any_entry(), 0..14),
    ) {
        let steps_only: Vec<Entry> = entries
            .into_iter()
            .filter(|entry| matches!(entry.body, Body::Steps { .. }))
            .collect::<Merged>()
            .open()
            .into_iter()
            .cloned()
            .collect();
        let judgement = judge(&rules, &steps_only);
        let mut touched = BTreeSet::new();
        let mut steps = 0;
        for entry in &steps_only {
            let Body::Steps { span, steps: more } = &entry.body else { continue };
            let last = (span.end().as_millis() - 1).max(span.start().as_millis());
            touched.extend(span.start().as_millis() / MINUTE_MS..=last / MINUTE_MS);
            steps += i64::from(*more);
        }
        let minutes = judgement.time().minutes();
        prop_assert_eq!(judgement.time().millis() % MINUTE_MS, 0);
        prop_assert!(minutes <= i64::try_from(touched.len()).unwrap());
        prop_assert!(minutes <= steps / i64::from(rules.moderate));
        let by_findings: i64 = judgement.findings.iter().map(|finding| finding.millis).sum();
        prop_assert!(by_findings >= judgement.time().millis(), "the findings explain every minute");
    }
}

#[test]
fn short_records_are_put_into_minutes_before_they_are_judged() {
    // 2.5 seconds with 18 steps would be a cadence of 432 by itself.
    let bursts: Vec<_> = (0..6)
        .map(|n| watch_steps(&format!("burst {n}"), n * 10, 2, 18))
        .collect();
    let judgement = judge(&ActiveMinutes::default(), &bursts);
    assert_eq!(judgement.time().minutes(), 1, "108 steps in the minute");
    assert_eq!(codes(&judgement), [("brisk_minutes", false)]);
    let millis: Vec<_> = judgement
        .findings
        .iter()
        .map(|finding| finding.millis)
        .collect();
    assert_eq!(
        millis, [10_000; 6],
        "the minute is shared out among its records"
    );
    assert_eq!(minutes(&bursts[..5]), 0, "90 steps are too few");
}

#[test]
fn a_long_record_has_a_budget_of_steps() {
    let of = |steps| minutes(&[watch_steps("long", 0, 600, steps)]);
    assert_eq!(
        [of(399), of(400), of(999), of(1000), of(1200), of(2200)],
        [0, 4, 9, 10, 10, 10]
    );
    let reason = |steps| {
        codes(&judge(
            &ActiveMinutes::default(),
            &[watch_steps("long", 0, 600, steps)],
        ))
    };
    assert_eq!(reason(399), [("slow_on_average", false)]);
    assert_eq!(reason(1000), [("step_budget", false)]);
    assert_eq!(reason(2201), [("too_fast_for_long", true)]);
    assert_eq!(reason(2401), [("too_fast", true)]);
}

#[test]
fn a_phone_keeps_what_the_watch_did_not_see() {
    let phone = provenance(2, Device::Phone, Recording::Measured);
    let long = entry(
        "phone",
        phone,
        Body::Steps {
            span: span(0, 600),
            steps: 900,
        },
    );
    let watch: Vec<_> = (2..5)
        .map(|minute| watch_steps(&format!("w{minute}"), minute * 60, 60, 110))
        .collect();
    let mut both = watch.clone();
    both.push(long.clone());
    assert_eq!(minutes(&[long]), 9);
    // 7 of 10 minutes with 630 of 900 steps are worth 6; with the watch's 3 that makes 9.
    assert_eq!(minutes(&both), 9);
    let phone_part: i64 = judge(&ActiveMinutes::default(), &both)
        .findings
        .iter()
        .filter(|finding| finding.reason.code == "step_budget")
        .map(|finding| finding.millis)
        .sum();
    assert_eq!(phone_part, 6 * MINUTE_MS);
}

#[test]
fn a_slower_threshold_finds_slower_minutes() {
    let day: Vec<_> = (0..10)
        .map(|minute| {
            watch_steps(
                &format!("m{minute}"),
                minute * 60,
                60,
                61 + u32::try_from(minute).unwrap() % 4,
            )
        })
        .collect();
    assert_eq!(minutes(&day), 0);
    let slower = ActiveMinutes {
        moderate: 60,
        ..ActiveMinutes::default()
    };
    assert_eq!(judge(&slower, &day).time().minutes(), 10);
}

#[test]
fn sessions_count_by_their_timer_and_kind() {
    let by = provenance(1, Device::Watch, Recording::Measured);
    let session = |activity: &str, steps| {
        let activity = Activity::new(activity).unwrap();
        let body = Body::Interval {
            span: span(0, 1800),
            activity,
            steps,
        };
        judge(&ActiveMinutes::default(), &[entry("session", by, body)])
    };
    let found = |activity, steps| {
        let judgement = session(activity, steps);
        (judgement.time().minutes(), codes(&judgement)[0])
    };
    assert_eq!(found("cycling", None), (30, ("session", false)));
    assert_eq!(
        found("cycling.commuting", Some(0)),
        (30, ("session", false))
    );
    assert_eq!(
        found("cycling.indoor", None),
        (0, ("indoor_not_counted", false))
    );
    assert_eq!(
        found("running.treadmill", None),
        (0, ("indoor_not_counted", false))
    );
    assert_eq!(found("transition", None), (0, ("kind_not_counted", false)));
    assert_eq!(found("walking", Some(1199)), (0, ("few_steps", true)));
    assert_eq!(found("walking", Some(1200)), (30, ("session", false)));
    assert_eq!(found("running", Some(7201)), (0, ("too_fast", true)));
}

#[test]
fn steps_in_a_session_are_the_sessions() {
    let by = provenance(9, Device::Watch, Recording::Measured);
    let walk = Body::Interval {
        span: span(0, 120),
        activity: Activity::WALKING,
        steps: None,
    };
    let entries = [
        entry("walk", by, walk),
        watch_steps("a", 60, 60, 120),
        watch_steps("b", 120, 60, 120),
    ];
    let judgement = judge(&ActiveMinutes::default(), &entries);
    let found: Vec<_> = judgement
        .evidence
        .iter()
        .map(|evidence| (evidence.activity.as_str(), evidence.time.minutes()))
        .collect();
    assert_eq!(found, [("stepping", 1), ("walking", 2)]);
}

#[test]
fn seconds_add_up_within_joined_envelopes() {
    let seconds = |name: &str, from, length, seconds| {
        let by = provenance(1, Device::Watch, Recording::Measured);
        let within = span(from, length);
        entry(
            name,
            by,
            Body::Seconds {
                within,
                seconds,
                activity: Activity::CYCLING,
            },
        )
    };
    assert_eq!(
        minutes(&[seconds("a", 0, 3600, 1200), seconds("b", 1800, 3600, 1200)]),
        40
    );
    assert_eq!(
        minutes(&[seconds("a", 0, 1200, 1200), seconds("b", 0, 1200, 1200)]),
        20
    );
}

#[test]
fn what_cannot_be_believed_is_refused() {
    let by = |recording| provenance(1, Device::Watch, recording);
    let steps = |recording, from, length| {
        let body = Body::Steps {
            span: span(from, length),
            steps: 5000,
        };
        codes(&judge(
            &ActiveMinutes::default(),
            &[entry("x", by(recording), body)],
        ))[0]
            .0
    };
    let in_future = NOW.as_seconds() - BASE;
    assert_eq!(steps(Recording::Manual, 0, 3000), "manual");
    assert_eq!(steps(Recording::Unknown, 0, 3000), "step_budget");
    assert_eq!(steps(Recording::Measured, in_future, 301), "future");
    assert_eq!(steps(Recording::Measured, 0, 86_401), "too_long");
    let tally = Body::Tally {
        within: span(0, 3600),
        minutes: 30,
        activity: Activity::EXERCISE,
    };
    let judgement = judge(
        &ActiveMinutes::default(),
        &[entry("t", by(Recording::Measured), tally)],
    );
    assert_eq!(codes(&judgement), [("not_used", false)]);
}

#[test]
fn a_milestone_counts_once_when_first_reached() {
    let by = provenance(1, Device::Unknown, Recording::Attested);
    let reached = |key: &str, at, minutes| {
        let at = Timestamp::from_seconds(BASE + at);
        entry(
            key,
            by,
            Body::Milestone {
                at,
                name: "course".into(),
                minutes,
            },
        )
    };
    let judgement = judge(
        &ActiveMinutes::default(),
        &[reached("late", 50, 7), reached("early", 10, 5)],
    );
    let [milestone] = judgement.milestones.as_slice() else {
        panic!("one milestone: {:?}", judgement.milestones);
    };
    assert_eq!(
        (milestone.minutes, milestone.at.as_seconds() - BASE),
        (5, 10)
    );
    assert_eq!(
        codes(&judgement),
        [("milestone", false), ("milestone_again", false)]
    );
}

/// One step record for each minute, with these steps.
fn walk(first: i64, steps: impl IntoIterator<Item = u32>) -> Vec<Entry> {
    steps
        .into_iter()
        .enumerate()
        .map(|(index, steps)| {
            let minute = first + i64::try_from(index).unwrap();
            watch_steps(&format!("minute {minute}"), minute * 60, 60, steps)
        })
        .collect()
}

#[test]
fn what_no_person_does_is_held() {
    let found = |entries: Vec<Entry>| {
        let judgement = judge(&ActiveMinutes::default(), &entries);
        (judgement.time().minutes(), codes(&judgement))
    };
    let natural = |minute: u32| 101 + minute * 7 % 23;
    assert_eq!(found(walk(0, (0..40).map(natural))).0, 40);

    assert_eq!(found(walk(0, [241])), (0, vec![("too_fast", true)]));
    let machine = |minute: u32| 110 + minute % 2;
    assert_eq!(
        found(walk(0, (0..29).map(machine))),
        (29, vec![("brisk_minutes", false)])
    );
    assert_eq!(
        found(walk(0, (0..30).map(machine))),
        (0, vec![("machine_rhythm", true)])
    );
    assert_eq!(
        found(walk(0, (0..10).map(|m| 221 + m))),
        (0, vec![("too_fast_for_long", true)])
    );
    assert_eq!(found(walk(0, (0..9).map(|m| 221 + m))).0, 9);
    let round = |minute: u32| 100 + minute % 2 * 100;
    assert_eq!(
        found(walk(0, (0..20).map(round))),
        (0, vec![("round_values", true)])
    );
    assert_eq!(found(walk(0, (0..19).map(round))).0, 19);
    let mostly_equal = |minute: u32| {
        if minute.is_multiple_of(3) {
            natural(minute)
        } else {
            117
        }
    };
    let (left, why) = found(walk(0, (0..60).map(mostly_equal)));
    assert_eq!(
        left,
        (0..60).filter(|m| mostly_equal(*m) != 117).count() as i64
    );
    assert!(why.contains(&("equal_values", true)));
}

#[test]
fn what_a_person_accepts_counts_unless_it_is_impossible() {
    let found = |entries: Vec<Entry>| {
        let rules = ActiveMinutes::default();
        let entries: Vec<_> = entries.iter().collect();
        let minutes = |judgement: Judgement| judgement.time().minutes();
        (
            minutes(rules.judge(&entries, NOW)),
            minutes(rules.judge_accepting(&entries, NOW)),
        )
    };
    assert_eq!(found(walk(0, (0..60).map(|_| 117))), (0, 60));
    assert_eq!(found(walk(0, (0..5).map(|m| 250 + m))), (0, 5));
    let day = 21 * 60 + 10;
    let brisk = |minute: u32| 120 + minute * 7 % 17;
    assert_eq!(found(walk(day, (0..400).map(brisk))), (0, 400));
    assert_eq!(found(walk(day, (0..800).map(brisk))), (0, 0));
    let stroll = Body::Interval {
        span: span(0, 3600),
        activity: Activity::WALKING,
        steps: Some(100),
    };
    let by = provenance(1, Device::Watch, Recording::Measured);
    assert_eq!(found(vec![entry("stroll", by, stroll)]), (0, 60));
}

proptest! {
    #[test]
    fn accepting_takes_no_minute_away(entries in prop::collection::vec(any_entry(), 0..30)) {
        let entries: Vec<_> = entries.iter().collect();
        let rules = ActiveMinutes::default();
        let (held, accepted) = (rules.judge(&entries, NOW), rules.judge_accepting(&entries, NOW));
        prop_assert!(held.time().difference(&accepted.time()).is_empty());
        prop_assert!(accepted.findings.iter().all(|finding| !finding.hold));
    }
}

#[test]
fn too_much_in_an_hour_or_a_day_is_held() {
    let found = |entries: Vec<Entry>| {
        let judgement = judge(&ActiveMinutes::default(), &entries);
        let held = judgement
            .findings
            .iter()
            .filter(|finding| finding.hold)
            .count();
        (judgement.time().minutes(), held, codes(&judgement)[0].0)
    };
    // Ten minutes after BASE a UTC hour begins; 21 h 10 min after it a UTC day.
    let fast = |minute: u32| 180 + minute * 11 % 21;
    assert_eq!(
        found(walk(10, (0..60).map(fast))),
        (0, 60, "too_fast_for_long")
    );
    let brisk = |minute: u32| 120 + minute * 7 % 17;
    let day = 21 * 60 + 10;
    assert_eq!(found(walk(day, (0..440).map(|m| 101 + m * 7 % 17))).0, 440);
    assert_eq!(
        found(walk(day, (0..400).map(brisk))),
        (0, 400, "many_steps")
    );
    assert_eq!(
        found(walk(day, (0..800).map(brisk))),
        (0, 0, "impossible_day")
    );
    let slow = ActiveMinutes {
        moderate: 20,
        ..ActiveMinutes::default()
    };
    let all_day = judge(&slow, &walk(day, (0..961).map(|m| 30 + m * 7 % 17)));
    assert_eq!(
        (all_day.time().minutes(), codes(&all_day)[0].0),
        (0, "many_hours")
    );
}

#[test]
fn settings_are_read_by_name() {
    let json = serde_json::json!({"moderate": 60, "kinds": ["walking"]});
    let read: ActiveMinutes = serde_json::from_value(json).unwrap();
    assert_eq!((read.moderate, read.floor, read.kinds.len()), (60, 40, 1));
    assert!(serde_json::from_str::<ActiveMinutes>(r#"{"moderat": 60}"#).is_err());
    assert_eq!(
        ActiveMinutes::default().kinds.len(),
        KINDS.len(),
        "all are names"
    );
}
