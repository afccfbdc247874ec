//! The container's forms: byte orders, compressed times, developer fields, chained parts.

use wom_sdk::Body;

use crate::{
    support::read,
    writer::{
        BYTE, ENUM, MONITORING, MONITORING_INFO, Part, RECORD, SESSION, START, UINT8, UINT16,
        UINT32, ride, time,
    },
};

#[test]
fn a_ride_in_every_form_is_the_same() {
    let expected = read(&ride().bytes());
    assert_eq!(
        (expected.millis(), expected.observations.len()),
        (60_400, 2)
    );
    assert_eq!(expected.refusals, []);
    let forms: [fn(&mut Part); 4] = [
        |part| part.big_endian = true,
        |part| part.short_header = true,
        |part| part.developer = Some(7),
        |part| (part.big_endian, part.developer) = (true, Some(0)),
    ];
    for form in forms {
        let mut part = Part::default();
        form(&mut part);
        part.file_id(4)
            .timer(START, 0)
            .points(START, START + 30)
            .timer(START + 30, 4)
            .timer(START + 50, 0)
            .points(START + 50, START + 80)
            .timer(START + 80, 4)
            .session(START, (80_400, 60_400), 2, 50);
        assert_eq!(read(&part.bytes()).observations, expected.observations);
    }
}

#[test]
fn byte_order_is_of_each_definition() {
    let mut part = Part::of_type(4);
    part.timer(START, 0);
    part.big_endian = true;
    part.points(START, START + 60).timer(START + 60, 4);
    part.big_endian = false;
    part.session(START, (60_000, 60_000), 1, 80);
    let reading = read(&part.bytes());
    assert_eq!((reading.millis(), reading.session_steps()), (60_000, 160));
}

#[test]
fn summaries_may_come_first() {
    let mut part = Part::of_type(4);
    part.session(START, (80_400, 60_400), 2, 50)
        .timer(START, 0)
        .points(START, START + 30)
        .timer(START + 30, 4)
        .timer(START + 50, 0)
        .points(START + 50, START + 80)
        .timer(START + 80, 4);
    assert_eq!(
        read(&part.bytes()).observations,
        read(&ride().bytes()).observations
    );
}

#[test]
fn compressed_times_roll_over_after_32_seconds() {
    let mut part = Part::of_type(4);
    part.message(RECORD, &[time(START), (3, UINT8, 120)]);
    part.definition(1, RECORD, &[(3, UINT8, 0)]);
    for at in (START..=START + 100).step_by(20) {
        part.record(0x80 | 1 << 5 | (at & 31) as u8, &[(3, UINT8, 120)]);
    }
    let reading = read(&part.bytes());
    // No session: from the second after the first point until the last one.
    assert_eq!(reading.millis(), 99_000);
    assert_eq!(reading.activities(), ["exercise"]);
}

#[test]
fn chained_parts_count_each() {
    let mut later = Part::of_type(4);
    later
        .points(START + 500, START + 560)
        .session(START + 500, (60_000, 60_000), 11, 50);
    let mut bytes = ride().bytes();
    bytes.extend(later.bytes());
    bytes.extend(Part::default().bytes());
    bytes.extend([0; 16]);
    let reading = read(&bytes);
    assert_eq!(reading.refusals, []);
    assert_eq!(reading.millis(), 120_400);
    assert_eq!(reading.activities(), ["cycling", "walking"]);
}

#[test]
fn definitions_do_not_outlive_their_part() {
    let mut bytes = ride().bytes();
    let mut part = Part::default();
    part.record(0, &[(0, UINT32, 0)]);
    bytes.extend(part.bytes());
    let reading = read(&bytes);
    assert_eq!(reading.codes(), ["undefined_type"]);
    assert_eq!(reading.millis(), 60_400);
}

#[test]
fn invalid_values_are_absent() {
    let mut part = Part::of_type(4);
    part.points(START, START + 60);
    part.message(
        SESSION,
        &[
            (2, UINT32, u64::from(START)),
            (7, UINT32, u64::from(u32::MAX)),
            (8, UINT32, u64::from(u32::MAX)),
            (5, ENUM, 0xFF),
            (10, UINT32, u64::from(u32::MAX)),
        ],
    );
    let reading = read(&part.bytes());
    // Without a total of the timer the track tells.
    assert_eq!(reading.millis(), 59_000);
    assert_eq!(reading.activities(), ["exercise"]);
}

#[test]
fn pauses_that_no_event_tells_are_somewhere_within() {
    let mut part = Part::of_type(4);
    part.points(START, START + 80)
        .session(START, (80_400, 60_400), 2, 50);
    let reading = read(&part.bytes());
    let [observation] = reading.observations.as_slice() else {
        panic!("one observation");
    };
    let Body::Seconds {
        within, seconds, ..
    } = &observation.body
    else {
        panic!("not known when");
    };
    assert_eq!((within.millis(), *seconds), (80_400, 60));
}

#[test]
fn steps_follow_the_intervals() {
    let mut part = Part::of_type(4);
    part.timer(START, 0)
        .points(START, START + 30)
        .timer(START + 30, 4)
        .timer(START + 50, 0)
        .points(START + 50, START + 80)
        .timer(START + 80, 4)
        .session(START, (80_400, 60_400), 11, 51);
    let reading = read(&part.bytes());
    let steps: Vec<_> = reading
        .observations
        .iter()
        .map(|observation| match observation.body {
            Body::Interval { steps, .. } => steps,
            _ => None,
        })
        .collect();
    assert_eq!(steps, [Some(51), Some(51)]);
}

#[test]
fn a_session_without_a_point_is_not_measured() {
    let mut part = Part::of_type(4);
    part.session(START, (3_600_000, 3_600_000), 11, 0);
    let reading = read(&part.bytes());
    assert_eq!(
        reading.observations[0].provenance.recording,
        wom_sdk::Recording::Unknown
    );
}

#[test]
fn courses_and_daily_totals_yield_nothing() {
    for kind in [6, 20, 28] {
        let mut part = Part::of_type(kind);
        part.points(START, START + 600)
            .session(START, (600_000, 600_000), 1, 0);
        let reading = read(&part.bytes());
        assert_eq!((reading.observations.len(), reading.error), (0, None));
    }
}

/// A monitoring part that begins at `START`, at this many seconds after local midnight.
fn monitoring(of_day: u32) -> Part {
    let mut part = Part::of_type(32);
    let local = u64::from(START / 86_400 * 86_400 + of_day);
    part.message(MONITORING_INFO, &[time(START), (0, UINT32, local)]);
    part
}

/// The packed field: walking, of intensity 3.
const WALKING: (u8, u8, u64) = (24, BYTE, 3 << 5 | 6);
const RUNNING: (u8, u8, u64) = (24, BYTE, 5 << 5 | 1);
const CYCLING: (u8, u8, u64) = (24, BYTE, 2);

fn short(at: u32) -> (u8, u8, u64) {
    (26, UINT16, u64::from(at & 0xFFFF))
}

#[test]
fn counters_add_up_over_rollover_reset_and_other_types() {
    let mut part = monitoring(0);
    let mut at = START;
    let mut total = 0;
    // Every 15 minutes for 30 hours: timestamp_16 rolls over after a good 18.
    for quarter in 1..=120_u32 {
        at += 900;
        if quarter == 96 {
            total = 0;
        }
        total += 100;
        part.message(MONITORING, &[short(at), WALKING, (3, UINT32, total)]);
        part.message(MONITORING, &[short(at), RUNNING, (9, UINT16, 7)]);
        part.message(
            MONITORING,
            &[short(at), CYCLING, (3, UINT32, u64::from(quarter) * 50)],
        );
    }
    let summary = [
        time(at),
        (5, ENUM, 6),
        (3, UINT32, total),
        (29, UINT16, 1440),
    ];
    part.message(MONITORING, &summary);
    let reading = read(&part.bytes());
    assert_eq!(reading.refusals, []);
    assert_eq!(reading.steps(), 120 * 100 + 7);
    let last = reading.observations.last().unwrap();
    let Body::Steps { span, .. } = last.body else {
        panic!("steps");
    };
    assert_eq!(
        span.to_string(),
        "2026-03-02T15:45:00Z..2026-03-02T16:00:00Z"
    );
}

#[test]
fn what_an_earlier_file_counted_is_not_counted_again() {
    let mut part = monitoring(36_000);
    part.message(MONITORING, &[time(START), (5, ENUM, 6), (3, UINT32, 4_000)])
        .message(
            MONITORING,
            &[short(START + 60), WALKING, (3, UINT32, 4_110)],
        )
        .message(MONITORING, &[short(START + 120), RUNNING, (3, UINT32, 300)]);
    assert_eq!(read(&part.bytes()).steps(), 410);
    // Without the opening counters: more than feet can do in a minute was counted before.
    let mut part = monitoring(36_000);
    part.message(
        MONITORING,
        &[short(START + 60), WALKING, (3, UINT32, 4_110)],
    )
    .message(
        MONITORING,
        &[short(START + 120), WALKING, (3, UINT32, 4_210)],
    );
    assert_eq!(read(&part.bytes()).steps(), 100);
}

#[test]
fn the_time_of_the_upload_is_no_base() {
    let mut part = monitoring(0);
    part.message(
        crate::writer::DEVICE_INFO,
        &[time(START + 500_000), (0, UINT8, 0)],
    )
    .message(MONITORING, &[short(START + 60), WALKING, (3, UINT32, 90)]);
    let reading = read(&part.bytes());
    let Body::Steps { span, .. } = reading.observations[0].body else {
        panic!("steps");
    };
    assert_eq!(
        span.to_string(),
        "2026-03-01T10:00:00Z..2026-03-01T10:01:00Z"
    );
}

#[test]
fn minutes_of_eight_bits() {
    let mut part = monitoring(0);
    let minute = |at: u32| (25, UINT8, u64::from((at / 60) & 0xFF));
    for (index, after) in [60, 15_000, 30_000].into_iter().enumerate() {
        let total = 50 * (index as u64 + 1);
        part.message(
            MONITORING,
            &[minute(START + after), WALKING, (3, UINT32, total)],
        );
    }
    let reading = read(&part.bytes());
    assert_eq!(reading.steps(), 150);
    let Body::Steps { span, .. } = reading.observations[2].body else {
        panic!("steps");
    };
    assert_eq!(
        span.to_string(),
        "2026-03-01T14:10:00Z..2026-03-01T18:20:00Z"
    );
}

#[test]
fn a_message_that_comes_a_little_late_is_not_of_tomorrow() {
    let mut part = monitoring(0);
    for (after, total) in [(60, 90), (120, 190), (118, 195), (180, 290)] {
        let fields = [short(START + after), WALKING, (3, UINT32, total)];
        part.message(MONITORING, &fields);
    }
    let reading = read(&part.bytes());
    assert_eq!(reading.steps(), 290);
    for observation in &reading.observations {
        let end = observation.body.span().unwrap().end();
        assert!(end <= "2026-03-01T10:03:00Z".parse().unwrap());
    }
}

#[test]
fn summaries_of_a_day_add_nothing() {
    let mut part = monitoring(0);
    let walked = [time(START + 3_600), WALKING, (3, UINT32, 300)];
    let running = (5, ENUM, 1);
    let ran_in_all = [
        time(START + 7_200),
        running,
        (3, UINT32, 900),
        (29, UINT16, 1440),
    ];
    part.message(MONITORING, &walked)
        .message(MONITORING, &ran_in_all);
    assert_eq!(read(&part.bytes()).steps(), 300);
}
