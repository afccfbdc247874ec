//! The rules, each by an example, and all of them against the oracle.

use std::collections::BTreeSet;

use proptest::prelude::*;
use wom_sdk::{
    Device, Provenance, Recording,
    observation::{Goal, Mark, Merged, Step, Video},
};

use super::{oracle, *};

const FAR: Timestamp = Timestamp::MAX;

/// Seconds after midnight in Rome between Sunday, 8 March 2026, and Monday.
fn at(seconds: i64) -> Timestamp {
    let midnight: Timestamp = "2026-03-08T23:00:00Z".parse().unwrap();
    midnight.plus_millis(seconds * 1_000)
}

fn span(start: i64, end: i64) -> Span {
    Span::new(at(start), at(end)).unwrap()
}

fn entry(key: u32, trace: Trace) -> Entry {
    Entry {
        key: Digest::of([key.to_be_bytes()]),
        revision: 0,
        provenance: Provenance {
            stream: Digest::of(["lms"]),
            device: Device::Unknown,
            recording: Recording::Unknown,
        },
        body: Body::Study(Study {
            item: Digest::of(["item"]),
            session: None,
            course: None,
            nominal_s: None,
            toward: Toward::Days,
            trace,
        }),
    }
}

/// The same with another study about it.
fn with(entry: Entry, change: impl FnOnce(&mut Study)) -> Entry {
    let Body::Study(mut study) = entry.body else {
        unreachable!()
    };
    change(&mut study);
    Entry {
        body: Body::Study(study),
        ..entry
    }
}

fn interval(start: i64, end: i64) -> Trace {
    Trace::Interval {
        span: span(start, end),
        stored: Some(at(end)),
        closes: false,
    }
}

fn point(seconds: i64, mark: Mark) -> Trace {
    Trace::Point {
        at: at(seconds),
        mark,
    }
}

fn video(seconds: i64, step: Step, position_s: Option<i64>) -> Trace {
    let video = Video {
        step,
        position_ms: position_s.map(|s| s * 1_000),
        length_ms: None,
        speed_percent: None,
    };
    point(seconds, Mark::Video(video))
}

fn judge(rules: &StudyMinutes, entries: &[Entry]) -> Judgement {
    rules.judge(&entries.iter().collect::<Vec<_>>(), FAR)
}

/// Seconds that count, and the reasons in order of time.
fn seconds(rules: &StudyMinutes, traces: Vec<Trace>) -> (i64, Vec<&'static str>) {
    let entries: Vec<_> = (0..)
        .zip(traces)
        .map(|(key, trace)| entry(key, trace))
        .collect();
    let judgement = judge(rules, &entries);
    let reasons = judgement.findings.iter().map(|f| f.reason.code).collect();
    (judgement.time().millis() / 1_000, reasons)
}

fn default_seconds(traces: Vec<Trace>) -> i64 {
    seconds(&StudyMinutes::default(), traces).0
}

#[test]
fn nested_durations_count_once_and_what_overlaps_too() {
    let nested = vec![
        interval(0, 1440),
        interval(0, 1450),
        interval(0, 1470),
        interval(600, 1500),
    ];
    assert_eq!(default_seconds(nested), 1_500);
}

#[test]
fn an_interval_is_bounded_by_its_session_and_by_the_platforms_clock() {
    let rules = StudyMinutes::default();
    let session = |key, trace| with(entry(key, trace), |s| s.session = Some(Digest::of(["s"])));
    // Two hours are claimed for five minutes.
    let claimed = session(1, Trace::interval(at(300), 7_200_000, Some(at(301)), true));
    let opened = session(2, point(0, Mark::Opened));
    let both = judge(&rules, &[claimed.clone(), opened]);
    assert_eq!(both.time().millis(), 300_000);
    assert!(
        both.findings
            .iter()
            .any(|f| f.reason.code == "interval_clipped")
    );
    assert_eq!(judge(&rules, &[claimed]).time().millis(), 7_200_000);
    // The platform took it in ten minutes before it is said to end.
    let early = Trace::interval(at(3_600), 3_600_000, Some(at(3_000)), false);
    assert_eq!(default_seconds(vec![early]), 3_120);
    let outside = Trace::interval(at(3_600), 60_000, Some(at(3_000)), false);
    assert_eq!(seconds(&rules, vec![outside]), (0, vec!["clipped_away"]));
    // Nothing bounds it.
    let weak = Trace::interval(at(600), 600_000, None, false);
    assert_eq!(
        seconds(&rules, vec![weak.clone()]),
        (600, vec!["interval_weak"])
    );
    let strict = StudyMinutes {
        require_bounds: true,
        ..rules
    };
    assert_eq!(seconds(&strict, vec![weak]), (0, vec!["unbounded"]));
}

#[test]
fn a_tab_left_open_for_eight_hours_earns_what_its_item_can_be_worth() {
    let rules = StudyMinutes::default();
    let eight = |nominal| {
        let trace = Trace::interval(at(8 * 3_600), 8 * 3_600_000, Some(at(8 * 3_600)), true);
        with(entry(1, trace), |study| study.nominal_s = nominal)
    };
    let unknown = judge(&rules, &[eight(None)]);
    assert_eq!(unknown.time().minutes(), 120);
    assert_eq!(unknown.findings[0].reason.code, "over_item_cap");
    assert_eq!(judge(&rules, &[eight(Some(3_600))]).time().minutes(), 90);
    // Several tabs of unknown items, all day: the day's cap. All week: the week's.
    let day = |day: i64| {
        (0..6_u32).map(move |item| {
            let end = day * 86_400 + 20_000 + i64::from(item) * 3_000;
            let trace = interval(end - 14_000, end);
            let key = u32::try_from(day).unwrap() * 10 + item;
            with(entry(key, trace), |s| {
                s.item = Digest::of([item.to_be_bytes()])
            })
        })
    };
    let rome = StudyMinutes {
        zone: "Europe/Rome".parse().unwrap(),
        ..rules
    };
    let one: Vec<_> = day(0).collect();
    assert_eq!(judge(&rome, &one).time().minutes(), 240);
    let long_items = StudyMinutes {
        item_day_minutes: 1_000,
        ..rome.clone()
    };
    let cut = judge(&long_items, &one).findings;
    assert!(
        cut.iter()
            .any(|finding| finding.reason.code == "over_day_cap")
    );
    let week: Vec<_> = (0..7).flat_map(day).collect();
    assert_eq!(judge(&rome, &week).time().minutes(), 1_200);
    // The eighth day is another week.
    let eight: Vec<_> = (0..8).flat_map(day).collect();
    assert_eq!(judge(&rome, &eight).time().minutes(), 1_440);
}

#[test]
fn points_up_to_ten_minutes_apart_make_a_chain_and_the_last_is_worth_nothing() {
    let seen = |seconds| point(seconds, Mark::Seen);
    assert_eq!(
        default_seconds(vec![
            seen(0),
            seen(240),
            seen(540),
            seen(1_800),
            seen(1_860)
        ]),
        600
    );
    assert_eq!(
        default_seconds(vec![seen(0), seen(600)]),
        600,
        "exactly ten minutes count"
    );
    assert_eq!(default_seconds(vec![seen(0), seen(601)]), 0);
    let rules = StudyMinutes {
        tail_credit_s: 500,
        ..StudyMinutes::default()
    };
    assert_eq!(seconds(&rules, vec![seen(0)]), (60, vec!["last_point"]));
    // Two platforms are two chains.
    let elsewhere = |key, trace| Entry {
        provenance: Provenance {
            stream: Digest::of(["other"]),
            ..entry(key, seen(0)).provenance
        },
        ..entry(key, trace)
    };
    let apart = [
        entry(1, seen(0)),
        elsewhere(2, seen(300)),
        entry(3, seen(700)),
    ];
    assert!(judge(&StudyMinutes::default(), &apart).time().is_empty());
}

#[test]
fn a_film_counts_while_it_plays_and_moves_on() {
    let play = |seconds, position| video(seconds, Step::Play, position);
    let halt = |seconds, position| video(seconds, Step::Halt, position);
    let rules = StudyMinutes {
        idle_gap_s: 20,
        ..StudyMinutes::default()
    };
    let counted = |traces| seconds(&rules, traces).0;
    assert_eq!(counted(vec![play(0, Some(0)), halt(900, Some(900))]), 900);
    assert_eq!(counted(vec![play(0, None), halt(900, None)]), 900);
    // It stood still: half of it loaded.
    assert_eq!(counted(vec![play(0, Some(0)), halt(900, Some(450))]), 455);
    // A seek ends one piece and begins the next.
    let seek = video(300, Step::Seek(Some(800)), Some(300));
    assert_eq!(
        counted(vec![play(0, Some(0)), seek, halt(400, Some(900))]),
        400
    );
    // Nobody pressed stop; nobody pressed play.
    assert_eq!(counted(vec![play(0, Some(0))]), 20);
    assert_eq!(counted(vec![halt(900, Some(900))]), 0);
    // The end gives two events; the first one counts.
    assert_eq!(
        counted(vec![
            play(0, Some(0)),
            halt(600, Some(600)),
            halt(601, None)
        ]),
        601
    );
    // Twice as fast: wall time.
    let fast = Video {
        step: Step::Play,
        position_ms: Some(0),
        length_ms: None,
        speed_percent: Some(200),
    };
    let fast = point(0, Mark::Video(fast));
    assert_eq!(
        counted(vec![fast.clone(), halt(300, Some(600_000 / 1_000))]),
        300
    );
    assert_eq!(counted(vec![fast, halt(300, Some(300))]), 155);
    // After half an hour without any other trace it is a tab in the background.
    assert_eq!(counted(vec![play(0, None), halt(7_000, None)]), 1_800);
    let alive = vec![play(0, None), point(1_500, Mark::Seen), halt(7_000, None)];
    assert_eq!(counted(alive), 3_300);
    // The end of the session ends its films.
    let session = |key, trace| with(entry(key, trace), |s| s.session = Some(Digest::of(["s"])));
    let ended = [
        session(1, play(0, None)),
        with(session(2, point(500, Mark::Closed)), |s| {
            s.item = Digest::of(["au"])
        }),
    ];
    assert_eq!(judge(&rules, &ended).time().millis(), 500_000);
}

#[test]
fn seconds_fill_what_is_free_of_their_envelope() {
    let counter = |start, end, s: i64| Trace::Seconds {
        within: span(start, end),
        millis: s * 1_000,
    };
    assert_eq!(
        default_seconds(vec![counter(0, 30, 86_400)]),
        30,
        "a claim is bounded by the clock"
    );
    assert_eq!(
        default_seconds(vec![counter(0, 1_000, 300), counter(500, 1_500, 300)]),
        600
    );
    assert_eq!(
        default_seconds(vec![interval(0, 600), counter(0, 600, 300)]),
        600
    );
    assert_eq!(
        default_seconds(vec![interval(0, 300), counter(0, 1_000, 300)]),
        600
    );
    assert_eq!(
        default_seconds(vec![interval(0, 900), counter(0, 1_000, 300)]),
        1_000
    );
}

#[test]
fn a_milestone_is_worth_what_time_has_not_earned_and_counts_once() {
    let rules = StudyMinutes {
        completed_minutes: 60,
        passed_minutes: 60,
        course_minutes: 500,
        ..StudyMinutes::default()
    };
    let both = |entry, nominal| {
        with(entry, |study: &mut Study| {
            study.toward = Toward::Both;
            study.nominal_s = nominal;
            study.course = Some(Digest::of(["course"]));
        })
    };
    let goal = |key, seconds, goal| {
        let trace = Trace::Milestone {
            at: at(seconds),
            goal,
        };
        with(entry(key, trace), |study| {
            study.toward = Toward::Milestones;
            study.course = Some(Digest::of(["course"]));
        })
    };
    let worth = |entries: &[Entry]| -> Vec<(String, u32)> {
        let reached = judge(&rules, entries).milestones;
        let kind = |reached: &wom_sdk::rules::Reached| {
            let kind = reached.name.split(':').next().unwrap();
            (kind.to_owned(), reached.minutes)
        };
        reached.iter().map(kind).collect()
    };
    let half_an_hour = both(entry(1, interval(0, 1_800)), None);
    let known = both(entry(1, interval(0, 1_800)), Some(2_400));
    let completed = || goal(2, 1_800, Goal::Completed);
    assert_eq!(
        worth(&[half_an_hour.clone(), completed()]),
        [("completed".into(), 30)]
    );
    assert_eq!(worth(&[known, completed()]), [("completed".into(), 10)]);
    // Again, and by another name: the item has paid already.
    let again = [
        half_an_hour.clone(),
        completed(),
        goal(3, 1_900, Goal::Completed),
        goal(4, 1_900, Goal::Passed),
    ];
    assert_eq!(worth(&again), [("completed".into(), 30)]);
    // Without study, of a kind that is worth nothing, or of time that is known for days only.
    assert_eq!(worth(&[completed()]), []);
    assert_eq!(worth(&[half_an_hour.clone(), goal(2, 0, Goal::Badge)]), []);
    assert_eq!(worth(&[entry(1, interval(0, 1_800)), completed()]), []);
    // A course looks at all of its items, and at what their milestones were worth.
    let course = with(goal(5, 2_000, Goal::Course), |study| {
        study.item = Digest::of(["course"])
    });
    let all = [half_an_hour.clone(), completed(), course];
    assert_eq!(
        worth(&all),
        [("completed".into(), 30), ("course".into(), 440)]
    );
    // Time that is kept for milestones earns no day.
    let kept = with(half_an_hour, |study| study.toward = Toward::Milestones);
    let judgement = judge(&rules, &[kept, completed()]);
    assert!(judgement.time().is_empty());
    assert_eq!(judgement.milestones[0].minutes, 30);
}

#[test]
fn what_is_to_come_does_not_count() {
    let soon = entry(1, interval(0, 121));
    let entries = [&soon];
    let rules = StudyMinutes::default();
    assert!(rules.judge(&entries, at(0)).time().is_empty());
    assert_eq!(rules.judge(&entries, at(1)).time().millis(), 121_000);
}

#[test]
fn nothing_of_a_session_for_looking_around_counts() {
    let session = |key, trace| with(entry(key, trace), |s| s.session = Some(Digest::of(["s"])));
    let looked = [
        session(1, interval(0, 600)),
        session(2, point(-5, Mark::Browsed)),
        entry(3, interval(300, 900)),
    ];
    let rules = StudyMinutes::default();
    let judgement = judge(&rules, &looked);
    assert_eq!(judgement.time().millis(), 600_000);
    let codes: Vec<_> = judgement.findings.iter().map(|f| f.reason.code).collect();
    assert_eq!(codes, ["browsed", "browsed", "interval"]);
}

#[test]
fn codes_are_unique_and_every_reason_has_two_languages() {
    let codes: BTreeSet<_> = reasons::ALL.iter().map(|reason| reason.code).collect();
    assert_eq!(codes.len(), reasons::ALL.len());
    assert!(
        reasons::ALL
            .iter()
            .all(|reason| !reason.en.is_empty() && reason.en != reason.it)
    );
}

/// Marks without positions, so that a film is whole or nothing.
fn mark(with_positions: bool) -> impl Strategy<Value = Mark> {
    let position = move || {
        let some = prop::option::of((0_i64..300).prop_map(|s| s * 1_000));
        some.prop_map(move |p| p.filter(|_| with_positions))
    };
    let step = prop_oneof![
        Just(Step::Halt),
        Just(Step::Play),
        Just(Step::Play),
        position().prop_map(Step::Seek),
        Just(Step::Speed),
    ];
    let film = (
        step,
        position(),
        position(),
        prop::option::of(prop::sample::select(vec![50_u32, 200])),
    );
    let film = film.prop_map(move |(step, position_ms, length_ms, speed_percent)| {
        Mark::Video(Video {
            step,
            position_ms,
            length_ms,
            speed_percent,
        })
    });
    prop_oneof![
        2 => Just(Mark::Seen),
        1 => Just(Mark::Opened),
        1 => Just(Mark::Closed),
        4 => film,
    ]
}

fn trace(counters: bool) -> impl Strategy<Value = Trace> {
    let interval = (
        -900_i64..900,
        1_i64..900,
        prop::option::of(-300_i64..300),
        any::<bool>(),
    );
    let interval = interval.prop_map(|(end, length, stored, closes)| {
        let stored = stored.map(|late| at(end + late));
        Trace::interval(at(end), length * 1_000, stored, closes)
    });
    let point = (-900_i64..900, mark(counters)).prop_map(|(s, mark)| point(s, mark));
    let counter = (-900_i64..900, 0_i64..600, 0_i64..600_000);
    let counter = counter.prop_map(|(start, length, millis)| Trace::Seconds {
        within: span(start, start + length),
        millis,
    });
    prop_oneof![
        2 => interval,
        5 => point,
        if counters { 3 } else { 0 } => counter,
    ]
}

fn entries(counters: bool) -> impl Strategy<Value = Vec<Entry>> {
    let one = (
        trace(counters),
        0_u8..3,
        prop::option::of(0_u8..2),
        0_u8..2,
        prop::option::of(30_u32..200),
    );
    prop::collection::vec(one, 0..14).prop_map(|all| {
        let made = (0..)
            .zip(all)
            .map(|(key, (trace, item, session, stream, nominal))| {
                let entry = with(entry(key, trace), |study| {
                    study.item = Digest::of([[item]]);
                    study.session = session.map(|session| Digest::of([[session]]));
                    study.nominal_s = nominal.map(|half| half * 2);
                });
                let provenance = Provenance {
                    stream: Digest::of([[stream]]),
                    ..entry.provenance
                };
                Entry {
                    provenance,
                    ..entry
                }
            });
        made.collect()
    })
}

fn small() -> impl Strategy<Value = StudyMinutes> {
    let numbers = (0_u32..120, 60_u32..900, 30_u32..300, 0_u32..70);
    let caps = (1_u32..10, 1_u32..15, 1_u32..20, any::<bool>());
    (numbers, caps).prop_map(
        |((gap, longest, attention, tail), (item, day, week, bounds))| StudyMinutes {
            idle_gap_s: gap,
            max_interval_s: longest,
            attention_limit_s: attention,
            tail_credit_s: tail,
            item_day_minutes: item,
            day_minutes: day,
            week_minutes: week,
            require_bounds: bounds,
            zone: "Europe/Rome".parse().unwrap(),
            ..StudyMinutes::default()
        },
    )
}

proptest! {
    #[test]
    fn what_lies_where_it_lies_agrees_with_a_count_second_by_second(
        entries in entries(false),
        rules in small(),
    ) {
        let judgement = judge(&rules, &entries);
        let raw = oracle::raw(&rules, &entries);
        let expected = oracle::capped(&rules, &entries, &raw);
        let time = judgement.time();
        let counted: BTreeSet<i64> = time
            .spans()
            .iter()
            .flat_map(|span| span.start().as_seconds()..span.end().as_seconds())
            .collect();
        prop_assert_eq!(counted, expected);
        prop_assert_eq!(judgement.findings.len(), entries.len());
    }

    #[test]
    fn counters_add_up_bounded_by_what_is_free(entries in entries(true), rules in small()) {
        let rules = StudyMinutes {
            item_day_minutes: 100_000,
            day_minutes: 100_000,
            week_minutes: 100_000,
            nominal_percent: 100_000,
            ..rules
        };
        let judgement = judge(&rules, &entries);
        let raw = oracle::raw(&rules, &entries);
        let lying: oracle::Seconds = raw.lying.values().flatten().copied().collect();
        let expected = 1_000 * i64::try_from(lying.len()).unwrap() + oracle::added_ms(&raw);
        prop_assert_eq!(judgement.time().millis(), expected);
    }

    #[test]
    fn order_repetition_and_splitting_change_nothing(
        entries in entries(true),
        rules in small(),
        turn in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let once: Merged = entries.iter().cloned().collect();
        let mut turned = entries.clone();
        turned.reverse();
        if !turned.is_empty() {
            turned.rotate_left(turn.index(entries.len()));
        }
        let (left, right) = turned.split_at(cut.index(turned.len() + 1));
        let mut twice: Merged = left.iter().cloned().collect();
        twice.extend(right.iter().chain(left).cloned());
        let judgement = rules.judge(&once.open(), FAR);
        prop_assert_eq!(&rules.judge(&twice.open(), FAR), &judgement);
        // Nor does the order in which the judge is given them.
        prop_assert_eq!(judge(&rules, &turned), judgement);
    }

    #[test]
    fn caps_hold_and_no_record_brings_more_than_it_says(entries in entries(true), rules in small()) {
        let judgement = judge(&rules, &entries);
        prop_assert!(judgement.time().minutes() <= i64::from(rules.week_minutes) * 2);
        let mut keys = BTreeSet::new();
        for finding in &judgement.findings {
            prop_assert!(keys.insert(finding.key), "one finding for each record");
            prop_assert!(finding.millis >= 0);
        }
    }
}
