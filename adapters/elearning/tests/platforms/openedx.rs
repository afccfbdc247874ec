//! `elearning.openedx`.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use wom_adapter_elearning::{OpenEdx, OpenEdxConfig};
use wom_sdk::{
    Body, Kind,
    observation::{Goal, Mark, Step, Trace, Video},
};

use crate::support::{data, read_text};

fn adapter() -> OpenEdx {
    OpenEdx::new(OpenEdxConfig::default()).unwrap()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn the_captured_log_is_read_plain_and_packed() {
    let log = data("edx-tracking.log");
    let plain = read_text(&adapter(), log.clone()).await;
    let traces = plain.traces();
    let marks: Vec<_> = traces["11"]
        .iter()
        .map(|trace| match trace {
            Trace::Point { mark, .. } => match mark {
                Mark::Video(Video { step, .. }) => format!("{step:?}"),
                other => format!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = "Seen Seen Play Halt Play Seek(Some(600000)) Play Halt Halt Seen Closed";
    assert_eq!(marks.join(" "), expected);
    assert_eq!(traces.len(), 1, "whoever is logged out is nobody");
    let observations = plain.clean();
    let unpacked = read_text(&adapter(), packed(&log)).await.clean();
    assert_eq!(unpacked, observations);

    // The players and the page that closes are in one session; the course is told everywhere.
    let studies: Vec<_> = observations
        .iter()
        .map(|observation| match &observation.body {
            Body::Study(study) => study,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(
        studies
            .iter()
            .all(|study| study.course == studies[0].course)
    );
    assert!(studies[2].session.is_some());
    assert_eq!(studies[2].session, studies[10].session);
    assert_eq!(studies[0].session, None);
}

#[tokio::test]
async fn a_line_that_comes_twice_is_one() {
    let log = data("edx-tracking.log");
    let once = read_text(&adapter(), log.clone()).await.traces();
    let mut lines: Vec<_> = log.lines().chain(log.lines()).collect();
    lines.reverse();
    let turned = lines.join("\r\n");
    assert_eq!(read_text(&adapter(), turned).await.traces(), once);
}

#[tokio::test]
async fn bad_lines_are_refused_and_a_damaged_file_keeps_what_came_before() {
    let log = data("edx-tracking.log");
    let good = log.lines().next().unwrap();
    let long = good.replace(
        "\"page\": null",
        &format!("\"page\": \"{}\"", "x".repeat(300_000)),
    );
    let no_zone = good.replace("08:00:00.100000+00:00", "08:00:00.100000");
    let text = format!("{{\n\n{good}\n{long}\n{no_zone}\n[]\n");
    let outcome = read_text(&adapter(), text).await;
    let expected = [
        ("bad_json", 1),
        ("too_large", 4),
        ("no_zone", 5),
        ("bad_json", 6),
    ];
    assert_eq!(outcome.codes(), expected);
    assert_eq!(outcome.observations.len(), 1);
    let told = outcome.told();
    assert!(
        !told.contains("hana") && !told.contains("192.0.2.10"),
        "{told}"
    );

    // Lines that differ, so that packing them leaves enough to cut off.
    let many: String = (0..2000)
        .map(|n| good.replace("08:00:00.1", &format!("08:00:00.{n:04}")) + "\n")
        .collect();
    let whole = packed(&many);
    let outcome = read_text(&adapter(), &whole[..whole.len() - 100]).await;
    assert_eq!(outcome.error.unwrap().kind(), Kind::InputTruncated);
    assert!(!outcome.observations.is_empty());
    let outcome = read_text(&adapter(), packed(&"x".repeat(64 << 20))).await;
    assert_eq!(outcome.error.unwrap().kind(), Kind::LimitExceeded);
}

#[tokio::test]
async fn courses_passed_are_handed_on_if_they_are_asked_for() {
    let log = data("edx-tracking.log");
    let line = log.lines().next().unwrap();
    let passed = line
        .replace(
            "\"event_type\": \"/courses/course-v1:DemoX+WOM1+2026/courseware/w1/u1/\"",
            "\"event_type\": \"edx.course.grade.passed.first_time\"",
        )
        .replace(
            "\"event\": \"{\\\"POST\\\": {}, \\\"GET\\\": {}}\"",
            "\"event\": {\"user_id\": 12}",
        );
    assert_eq!(read_text(&adapter(), passed.clone()).await.clean(), []);
    let config = OpenEdxConfig {
        milestones: true,
        ..OpenEdxConfig::default()
    };
    let outcome = read_text(&OpenEdx::new(config).unwrap(), passed).await;
    let traces = outcome.traces();
    assert!(matches!(
        traces["12"].as_slice(),
        [Trace::Milestone {
            goal: Goal::Course,
            ..
        }]
    ));
    assert!(matches!(
        outcome.observations[0].body,
        Body::Study(ref study) if study.course.is_some()
    ));
}

#[test]
fn steps_carry_what_the_player_told() {
    let step = Video {
        step: Step::Play,
        position_ms: Some(300_000),
        length_ms: Some(900_000),
        speed_percent: None,
    };
    let log = data("edx-tracking.log");
    let play = log.lines().nth(4).unwrap().to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let outcome = runtime.block_on(read_text(&adapter(), play));
    let traces = outcome.traces();
    let [Trace::Point { at, mark }] = traces["11"].as_slice() else {
        panic!("{traces:?}");
    };
    assert_eq!(
        (at.to_string().as_str(), mark),
        ("2026-03-10T08:06:00Z", &Mark::Video(step))
    );
}
