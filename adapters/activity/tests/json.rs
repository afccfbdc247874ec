//! `activity.json`: what it reads, and what it says of what it cannot read.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::{self, Read};

use common::{example, json, json_with, read};
use wom_adapter_activity::{ActivityJson, Config};
use wom_sdk::{Body, Device, Digest, Kind, Recording, instrument::Input};

const GOOD: &str =
    r#"{"participant":"p","start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z"}"#;

/// One record with these members beside the participant.
fn record(members: &str) -> String {
    format!(r#"[{{"participant":"p",{members}}}]"#)
}

const TIMES: &str = r#""start":"2026-03-01T10:00:00Z","end":"2026-03-01T10:30:00Z""#;

#[test]
fn the_example_gives_what_it_says() {
    let outcome = json(example("activities.json"));
    let people = outcome.merged();
    assert_eq!(outcome.clean().len(), 13);
    let open: Vec<_> = people.values().map(|merged| merged.open().len()).collect();
    assert_eq!(open, [4, 3, 1, 2]);
}

#[test]
fn each_form_becomes_its_body() {
    let body = |members: &str| json(record(members)).clean().remove(0).body;
    assert!(
        matches!(body(TIMES), Body::Interval { span, activity, steps: None }
            if span.millis() == 1_800_000 && activity.as_str() == "exercise")
    );
    assert!(matches!(
        body(&format!(r#"{TIMES},"steps":3000,"activity":"walking""#)),
        Body::Interval { steps: Some(3000), activity, .. } if activity.as_str() == "walking"
    ));
    assert!(matches!(
        body(&format!(r#"{TIMES},"seconds":1200"#)),
        Body::Seconds { seconds: 1200, .. }
    ));
    assert!(matches!(
        body(&format!(r#"{TIMES},"steps":7,"activity":"stepping""#)),
        Body::Steps { steps: 7, .. }
    ));
    assert!(matches!(
        body(r#""milestone":"x","minutes":15,"at":"2026-03-01T10:00:00+01:00""#),
        Body::Milestone { name, minutes: 15, at }
            if name == "x" && at.to_string() == "2026-03-01T09:00:00Z"
    ));
    assert_eq!(body(r#""withdrawn":true,"key":"k""#), Body::Withdrawn);
}

#[test]
fn whole_numbers_may_be_written_as_floats_and_null_is_absence() {
    let members = format!(
        r#"{TIMES},"seconds":1.8e3,"steps":null,"key":null,"milestone":null,"withdrawn":false"#
    );
    assert!(matches!(
        json(record(&members)).clean()[0].body,
        Body::Seconds { seconds: 1800, .. }
    ));
}

#[test]
fn provenance_and_keys_come_from_the_record() {
    let one = |members: &str| json(record(members)).clean().remove(0);
    let plain = one(TIMES);
    assert_eq!(plain.provenance.recording, Recording::Attested);
    assert_eq!(plain.provenance.device, Device::Unknown);
    assert_eq!(plain.revision, 0);
    let stated = one(&format!(
        r#"{TIMES},"key":"k","revision":9,"device":"watch","recording":"manual","stream":"s""#
    ));
    assert_eq!(stated.key, Digest::of(["activity.key", "k"]));
    assert_eq!(stated.revision, 9);
    assert_eq!(stated.provenance.device, Device::Watch);
    assert_eq!(stated.provenance.recording, Recording::Manual);
    assert_ne!(stated.provenance.stream, plain.provenance.stream);

    let config = Config {
        recording: Recording::Manual,
        ..Config::default()
    };
    let manual = json_with(config, record(TIMES)).clean().remove(0);
    assert_eq!(manual.provenance.recording, Recording::Manual);
    assert_eq!(manual.key, plain.key, "a setting does not rename a record");
}

#[test]
fn without_a_key_equal_records_are_one_and_others_are_not() {
    let key = |members: &str| json(record(members)).clean()[0].key;
    let times = key(TIMES);
    // The same instants, with members in another order and another offset.
    assert_eq!(
        times,
        key(r#""end":"2026-03-01T12:30+02:00","start":"2026-03-01T05:00:00.0-05:00""#)
    );
    // Two people may do the same at the same time; the participant is not in the digest.
    let other = GOOD.replace(r#""p""#, r#""q""#);
    assert_eq!(times, json(format!("[{other}]")).clean()[0].key);
    for more in [
        r#""seconds":1800"#,
        r#""steps":0"#,
        r#""activity":"walking""#,
        r#""device":"watch""#,
        r#""recording":"attested""#,
        r#""stream":"s""#,
    ] {
        assert_ne!(times, key(&format!("{TIMES},{more}")), "{more}");
    }
}

#[test]
fn a_withdrawal_without_a_revision_is_final() {
    let outcome = json(format!(
        r#"{}
{{"participant":"p","key":"k","withdrawn":true}}"#,
        GOOD.replace(
            r#""participant""#,
            r#""key":"k","revision":9007199254740991,"participant""#
        )
    ));
    assert!(outcome.merged()["p"].open().is_empty());
    assert_eq!(outcome.clean().len(), 2);
}

#[test]
fn all_three_forms_are_read() {
    for text in [
        format!("[{GOOD},{GOOD}]"),
        format!(" [ {GOOD} ,\r\n {GOOD} ] \n"),
        format!("\u{feff}[{GOOD},{GOOD}]"),
        format!(r#"{{"activities":[{GOOD},{GOOD}]}}"#),
        format!("{{\n  \"activities\" : [\n {GOOD},\n {GOOD}\n ]\n}}\n"),
        format!("{GOOD}\n{GOOD}"),
        format!("{GOOD}\r\n\r\n  {GOOD}\n\n"),
    ] {
        assert_eq!(json(&text).clean().len(), 2, "{text}");
    }
    for text in ["[]", " [ ] ", r#"{"activities":[]}"#] {
        assert_eq!(json(text).clean().len(), 0, "{text}");
    }
    assert_eq!(json(GOOD).clean().len(), 1);
}

#[test]
fn a_bad_record_is_refused_with_its_place_and_the_rest_is_read() {
    for (members, code, field) in [
        (
            r#""start":"2026-03-01T10:00:00Z""#.to_owned(),
            "missing_field",
            "end",
        ),
        (r#""key":"k""#.to_owned(), "missing_field", "start"),
        (r#""seconds":5"#.to_owned(), "missing_field", "start"),
        (
            r#""milestone":"x","at":"2026-03-01T10:00:00Z""#.to_owned(),
            "missing_field",
            "minutes",
        ),
        (r#""minutes":3"#.to_owned(), "missing_field", "milestone"),
        (
            r#""milestone":"x","minutes":0,"at":"2026-03-01T10:00:00Z""#.to_owned(),
            "bad_value",
            "minutes",
        ),
        (
            r#""milestone":"x","minutes":1e9,"at":"2026-03-01T10:00:00Z""#.to_owned(),
            "bad_value",
            "minutes",
        ),
        (
            r#""milestone":"x","minutes":5,"at":"2026-03-01T10:00:00Z","activity":"walking""#
                .to_owned(),
            "contradiction",
            "activity",
        ),
        (r#""withdrawn":true"#.to_owned(), "missing_field", "key"),
        (
            format!(r#"{TIMES},"withdrawn":"yes""#),
            "wrong_type",
            "withdrawn",
        ),
        (
            format!(r#"{TIMES},"withdrawn":1"#),
            "wrong_type",
            "withdrawn",
        ),
        (format!(r#"{TIMES},"revision":1"#), "missing_field", "key"),
        (
            format!(r#"{TIMES},"revision":9007199254740992,"key":"k""#),
            "bad_value",
            "revision",
        ),
        (format!(r#"{TIMES},"minutes":30"#), "contradiction", "start"),
        (format!(r#"{TIMES},"seconds":1801"#), "bad_value", "seconds"),
        (
            format!(r#"{TIMES},"seconds":4294967296"#),
            "bad_value",
            "seconds",
        ),
        (format!(r#"{TIMES},"seconds":-1"#), "wrong_type", "seconds"),
        (format!(r#"{TIMES},"seconds":1.5"#), "wrong_type", "seconds"),
        (
            format!(r#"{TIMES},"seconds":"60""#),
            "wrong_type",
            "seconds",
        ),
        (
            format!(r#"{TIMES},"seconds":[[60]]"#),
            "wrong_type",
            "seconds",
        ),
        (
            format!(r#"{TIMES},"seconds":60,"steps":60"#),
            "contradiction",
            "steps",
        ),
        (
            format!(r#"{TIMES},"activity":"stepping""#),
            "missing_field",
            "steps",
        ),
        (
            format!(r#"{TIMES},"activity":"Walking""#),
            "bad_value",
            "activity",
        ),
        (
            format!(r#"{TIMES},"activity":{{}}"#),
            "wrong_type",
            "activity",
        ),
        (
            format!(r#"{TIMES},"device":"Watch""#),
            "bad_value",
            "device",
        ),
        (
            format!(r#"{TIMES},"recording":"gps""#),
            "bad_value",
            "recording",
        ),
        (format!(r#"{TIMES},"key":"""#), "bad_value", "key"),
        (format!(r#"{TIMES},"key":" k""#), "bad_value", "key"),
        (format!(r#"{TIMES},"key":"a\u0000b""#), "bad_value", "key"),
        (
            format!(r#"{TIMES},"key":"{}""#, "k".repeat(257)),
            "bad_value",
            "key",
        ),
        (
            format!(r#"{TIMES},"start":"2026-03-01T10:00:00Z""#),
            "duplicate_field",
            "start",
        ),
        (
            r#""start":"2026-03-01T10:00:00","end":"2026-03-01T10:30:00Z""#.to_owned(),
            "bad_time",
            "start",
        ),
        (
            r#""start":"2026-03-01T10:00:00Z","end":"2026-02-30T10:30:00Z""#.to_owned(),
            "bad_time",
            "end",
        ),
        (
            r#""start":1772359200,"end":"2026-03-01T10:30:00Z""#.to_owned(),
            "wrong_type",
            "start",
        ),
        (
            r#""start":"2026-03-01T10:30:00Z","end":"2026-03-01T10:00:00Z""#.to_owned(),
            "bad_value",
            "end",
        ),
        (
            r#""start":"2026-03-01T10:30:00Z","end":"2026-03-01T10:30:00Z""#.to_owned(),
            "bad_value",
            "end",
        ),
        (
            r#""start":"0001-01-01T00:00:00Z","end":"9999-01-01T00:00:00Z""#.to_owned(),
            "bad_value",
            "end",
        ),
    ] {
        let bad = record(&members);
        let bad = &bad[1..bad.len() - 1];
        let outcome = json(format!("[{GOOD},\n\n{bad},{GOOD}]"));
        assert_eq!(outcome.codes(), [(code, 3, field)], "{members}");
        assert_eq!(outcome.refusals[0].at[1], ("record", 2));
        assert_eq!(outcome.observations.len(), 2);
        let lines = json(format!("{GOOD}\n\n{bad}\n{GOOD}"));
        assert_eq!(lines.codes(), [(code, 3, field)], "{members}");
        assert_eq!(lines.observations.len(), 2);
    }
}

#[test]
fn people_have_names_of_1_to_256_bytes() {
    for (participant, code) in [
        ("null".to_owned(), "missing_field"),
        ("7".to_owned(), "wrong_type"),
        (r#""""#.to_owned(), "bad_value"),
        (format!(r#""{}""#, "à".repeat(129)), "bad_value"),
    ] {
        let outcome = json(GOOD.replace(r#""p""#, &participant));
        assert_eq!(outcome.codes(), [(code, 1, "participant")]);
    }
    let longest = format!(r#""{}""#, "à".repeat(128));
    assert_eq!(json(GOOD.replace(r#""p""#, &longest)).clean().len(), 1);
}

#[test]
fn an_unknown_member_is_named_and_a_known_one_offered() {
    for (name, told) in [
        (
            "startTime",
            "the field startTime is not known; did you mean start?",
        ),
        (
            "user_id",
            "the field user_id is not known; did you mean participant?",
        ),
        (
            "duration",
            "the field duration is not known; did you mean seconds?",
        ),
        (
            "activty",
            "the field activty is not known; did you mean activity?",
        ),
        ("Key", "the field Key is not known; did you mean key?"),
        (
            "heart_rate",
            "the field heart_rate is not known; known are activity, at, device,",
        ),
        ("anna@example.org", "a field of this name is not known"),
    ] {
        let outcome = json(record(&format!(r#"{TIMES},"{name}":[{{}}]"#)));
        assert_eq!(outcome.codes(), [("unknown_field", 1, "")]);
        let message = &outcome.refusals[0].message;
        assert!(message.starts_with(told), "{message}");
    }
}

#[test]
fn a_member_is_never_taken_from_a_broken_record() {
    for broken in [
        r#"{"participant":"p","start":NaN}"#,
        r#"{"participant":"p","seconds":1e400}"#,
        r#"{"participant":"\ud800"}"#,
        r#"{"participant":"p",}"#,
        r#"{"participant" "p"}"#,
        r#"{'participant':'p'}"#,
        "{\"participant\":\"a\tb\"}",
        "7",
        "null",
        r#""text""#,
        "[]",
        "[[1],{}]",
    ] {
        let outcome = json(format!("[{broken},{GOOD}]"));
        assert_eq!(outcome.codes(), [("bad_json", 1, "")], "{broken}");
        assert_eq!(outcome.observations.len(), 1, "{broken}");
    }
    let outcome = json(
        [
            b"[{\"participant\":\"\xff\"},".as_slice(),
            GOOD.as_bytes(),
            b"]",
        ]
        .concat(),
    );
    assert_eq!(outcome.codes(), [("not_utf8", 1, "")]);
    assert_eq!(outcome.observations.len(), 1);
}

#[test]
fn a_broken_line_costs_only_itself() {
    let outcome = json(format!(
        "{GOOD}\n{{\"participant\":\"p\n{GOOD}\nx\n{GOOD} {GOOD}\n{GOOD}"
    ));
    assert_eq!(
        outcome.codes(),
        [
            ("bad_json", 2, ""),
            ("bad_json", 4, ""),
            ("bad_json", 5, "")
        ]
    );
    assert_eq!(outcome.observations.len(), 3);
    assert!(outcome.error.is_none());
}

#[test]
fn damage_between_records_ends_the_reading_and_keeps_what_was_read() {
    for (text, kind, records) in [
        (String::new(), Kind::InputTruncated, 0),
        (" \n ".to_owned(), Kind::InputTruncated, 0),
        ("[".to_owned(), Kind::InputTruncated, 0),
        (format!("[{GOOD}"), Kind::InputTruncated, 1),
        (format!("[{GOOD},"), Kind::InputTruncated, 1),
        (
            format!("[{GOOD},{{\"participant\":\"p"),
            Kind::InputTruncated,
            1,
        ),
        (
            format!(r#"{{"activities":[{GOOD}]"#),
            Kind::InputTruncated,
            1,
        ),
        (format!("[{GOOD} {GOOD}]"), Kind::InputInvalid, 1),
        (format!("[{GOOD},]"), Kind::InputInvalid, 1),
        (format!("[{GOOD},,{GOOD}]"), Kind::InputInvalid, 1),
        (format!("[{GOOD}}}"), Kind::InputInvalid, 1),
        (
            format!(r#"[{GOOD},{{"start":[}}]}}]"#),
            Kind::InputInvalid,
            1,
        ),
        (format!("[{GOOD}] x"), Kind::InputInvalid, 1),
        (
            format!(r#"{{"activities":[{GOOD}],"more":1}}"#),
            Kind::InputInvalid,
            1,
        ),
        (r#"{"activities":{}}"#.to_owned(), Kind::InputInvalid, 0),
        (format!("{{\n{}", &GOOD[1..]), Kind::InputInvalid, 0),
        ("participant,start,end".to_owned(), Kind::InputInvalid, 0),
        ("\u{0}".to_owned(), Kind::InputInvalid, 0),
    ] {
        let outcome = json(&text);
        let error = outcome.error.expect(&text);
        assert_eq!(error.kind(), kind, "{text}: {error}");
        assert!(error.advice().is_some(), "{text}");
        assert_eq!(outcome.observations.len(), records, "{text}");
    }
    let utf16: Vec<u8> = "\u{feff}[]"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert!(
        json(utf16)
            .error
            .is_some_and(|error| error.message().contains("UTF-16"))
    );
}

#[test]
fn what_is_too_large_is_passed_over() {
    let padded = |size: usize| {
        let plain = GOOD.len() + r#","key":"k""#.len();
        let blanks = " ".repeat(size - plain);
        GOOD.replace('}', &format!(r#","key":"k"{blanks}}}"#))
    };
    let limit = 64 * 1024;
    assert_eq!(json(format!("[{},{GOOD}]", padded(limit))).clean().len(), 2);
    for large in [
        padded(limit + 10),
        padded(1_000_000),
        "[".repeat(1_000_000) + &"]".repeat(1_000_000),
        format!("{{\"x\":{}", "{\"x\":".repeat(100_000)) + &"}".repeat(100_001),
        format!(r#"{{"participant":"{}"}}"#, "p\\\"".repeat(100_000)),
    ] {
        let outcome = json(format!("[{large},\n{GOOD}]"));
        assert_eq!(outcome.codes(), [("too_large", 1, "")]);
        assert_eq!(outcome.observations.len(), 1);
        let outcome = json(format!("{GOOD}\n{large}\n{GOOD}"));
        assert_eq!(outcome.codes(), [("too_large", 2, "")]);
        assert_eq!(outcome.observations.len(), 2);
    }
    let outcome = json("[".repeat(1_000_000));
    assert_eq!(outcome.error.unwrap().kind(), Kind::InputTruncated);
    // Deep, but small enough to be looked at.
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(30_000), "]".repeat(30_000));
    assert_eq!(
        json(format!("[{deep}]")).codes(),
        [("unknown_field", 1, "")]
    );
    let deep = deep.replace("\"x\"", "\"participant\"");
    assert_eq!(
        json(format!("[{deep}]")).codes(),
        [("wrong_type", 1, "participant")]
    );
}

/// Gives one byte at a time, and at its end an error if there is one.
struct Drip(Vec<u8>, usize, Option<io::ErrorKind>);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(byte) = self.0.get(self.1) else {
            return self.2.map_or(Ok(0), |kind| Err(kind.into()));
        };
        buffer[0] = *byte;
        self.1 += 1;
        Ok(1)
    }
}

#[test]
fn a_slow_source_gives_the_same() {
    let bytes = example("activities.json");
    let adapter = ActivityJson::default();
    let slow = Drip(bytes.clone(), 0, None);
    assert_eq!(
        read(&adapter, Input::Reader(Box::new(slow))).clean(),
        json(bytes).clean()
    );
}

#[test]
fn a_source_that_fails_is_an_error() {
    let slow = Drip(
        format!("{GOOD}\n").into_bytes(),
        0,
        Some(io::ErrorKind::BrokenPipe),
    );
    let outcome = read(&ActivityJson::default(), Input::Reader(Box::new(slow)));
    assert_eq!(outcome.observations.len(), 1);
    assert!(outcome.error.unwrap().message().contains("cannot be read"));
    let missing = read(
        &ActivityJson::default(),
        Input::Path("/does/not/exist".into()),
    );
    assert!(
        missing
            .error
            .unwrap()
            .message()
            .contains("cannot be opened")
    );
}
