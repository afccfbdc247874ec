//! `activity.csv`: what it reads, and what it says of what it cannot read.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{csv, csv_with, example, json};
use wom_adapter_activity::Config;
use wom_sdk::{Body, Kind};

const HEAD: &str = "participant,start,end,key\n";
const GOOD: &str = "p,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k\n";

#[test]
fn the_two_examples_say_the_same() {
    let table = csv(example("activities.csv")).clean();
    assert_eq!(table, json(example("activities.json")).clean());
    assert_eq!(table.len(), 13);
}

#[test]
fn separators_marks_and_line_ends_do_not_matter() {
    let plain = csv(format!("{HEAD}{GOOD}")).clean();
    let text = format!("{HEAD}{GOOD}");
    for other in [
        text.replace(',', ";"),
        text.replace(',', "\t"),
        text.replace('\n', "\r\n"),
        text.trim_end().to_owned(),
        format!("\u{feff}{text}\n\r\n  \n,,,\n"),
        text.replace("participant", " Participant ")
            .replace("key", "\"KEY\""),
        text.replace(",k\n", ",\"k\"\n"),
        text.replace(",k\n", ",\"k\"\r\n"),
        text.replace(",k\n", " , k \n"),
        "key,end,start,participant\nk,2026-03-01T10:30:00Z,2026-03-01T10:00:00Z,p".to_owned(),
    ] {
        assert_eq!(csv(&other).clean(), plain, "{other}");
    }
}

#[test]
fn cells_may_hold_what_separates_them() {
    let text =
        format!("{HEAD}\"a;,\"\"\t\",2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,\"x,y\"\n{GOOD}");
    let found = csv(text).clean();
    assert_eq!(found[0].subject.reveal(), "a;,\"");
    assert_eq!(found.len(), 2);
}

#[test]
fn spreadsheets_write_numbers_and_flags_in_their_way() {
    let text = "participant;key;start;end;seconds;withdrawn\n\
        p;a;2026-03-01T10:00:00Z;2026-03-01T10:30:00Z;1200.0;False\n\
        p;b;;;;TRUE\n";
    let found = csv(text).clean();
    assert!(matches!(found[0].body, Body::Seconds { seconds: 1200, .. }));
    assert_eq!(found[1].body, Body::Withdrawn);
}

#[test]
fn a_zone_reads_the_clock_on_the_wall() {
    let config = Config {
        zone: Some("Europe/Rome".parse().unwrap()),
        ..Config::default()
    };
    let text = format!("{HEAD}p,2026-07-01 10:00,2026-07-01 10:30,k\n");
    let found = csv_with(config, &text).clean();
    let span = found[0].body.span().unwrap();
    assert_eq!(span.start().to_string(), "2026-07-01T08:00:00Z");
    assert_eq!(csv(&text).codes(), [("bad_time", 2, "start")]);
}

#[test]
fn a_bad_row_is_refused_with_its_line_and_the_rest_is_read() {
    for (bad, code, field, lines) in [
        ("p,2026-03-01T10:00:00Z", "bad_csv", "", 1),
        (
            "p,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k,more",
            "bad_csv",
            "",
            1,
        ),
        ("p,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,", "", "", 1),
        ("p,x,2026-03-01T10:30:00Z,k", "bad_time", "start", 1),
        (
            ",2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k",
            "missing_field",
            "participant",
            1,
        ),
        (
            "O\"Brien,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k",
            "bad_csv",
            "",
            1,
        ),
        (
            "\"p\"x,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k",
            "bad_csv",
            "",
            1,
        ),
        (
            "\"p\"\rx,2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k",
            "bad_csv",
            "",
            1,
        ),
        (
            "\"p\nq\",2026-03-01T10:00:00Z,2026-03-01T10:30:00Z,k",
            "bad_value",
            "participant",
            2,
        ),
    ] {
        let outcome = csv(format!("{HEAD}{GOOD}\n{bad}\n{GOOD}bad\n"));
        let mut codes = vec![("bad_csv", 5 + lines, "")];
        if !code.is_empty() {
            codes.insert(0, (code, 4, field));
        }
        assert_eq!(outcome.codes(), codes, "{bad}");
        assert_eq!(
            outcome.observations.len(),
            3 - usize::from(!code.is_empty())
        );
    }
    let outcome = csv([HEAD.as_bytes(), b"\xe0,\n", GOOD.as_bytes()].concat());
    assert_eq!(outcome.codes(), [("not_utf8", 2, "")]);
    assert_eq!(outcome.observations.len(), 1);
}

#[test]
fn an_open_quote_costs_its_line_and_no_more() {
    // To the end of the input, and over more than a row may have.
    for count in [3, 3_000] {
        let outcome = csv(format!("{HEAD}\"p,{GOOD}{}", GOOD.repeat(count)));
        assert_eq!(outcome.codes(), [("bad_csv", 2, "")]);
        assert_eq!(outcome.observations.len(), count);
    }
    // Each line opens a quote that the next one closes: no line is read twice over the limit.
    let outcome = csv(format!("{HEAD}{}", "a\",\"\n".repeat(100_000)));
    assert_eq!(outcome.refusals.len(), 100_000);
    let outcome = csv(format!("{HEAD}{}", "\"\n".repeat(100_000)));
    assert!(outcome.refusals.len() <= 100_000);
}

#[test]
fn what_is_too_large_is_passed_over() {
    let large = GOOD.replace(",k", &format!(",{}", "k".repeat(200_000)));
    let outcome = csv(format!("{HEAD}{large}{GOOD}"));
    assert_eq!(outcome.codes(), [("too_large", 2, "")]);
    assert_eq!(outcome.observations.len(), 1);
    let large = GOOD.replace(",k", &format!(",\"{}\"", "k".repeat(200_000)));
    let outcome = csv(format!("{HEAD}{large}{GOOD}"));
    assert_eq!(outcome.codes(), [("bad_csv", 2, "")]);
    assert_eq!(outcome.observations.len(), 1);
}

#[test]
fn a_bad_header_is_an_error_that_lists_the_columns() {
    for (text, told) in [
        ("", "the input is empty"),
        ("\n\n", "the input is empty"),
        ("user,start,end\n", "did you mean participant?"),
        ("start,end\n", "the column participant is missing"),
        (
            "participant,start,start\n",
            "the column start is there twice",
        ),
        ("participant,,end\n", "a nameless field is not known"),
        ("participant\"x\n", "is not the header"),
        ("\u{0}\u{1}\n", "a field of this name is not known"),
        ("[{\"participant\":\"p\"}]", "is not the header"),
    ] {
        let error = csv(text).error.unwrap();
        assert!(error.message().contains(told), "{text}: {error}");
        assert!(matches!(
            error.kind(),
            Kind::InputInvalid | Kind::InputTruncated
        ));
        assert!(error.advice().is_some());
    }
    assert!(csv(b"\xff\xfep\0").error.is_some());
    assert!(csv([0xff; 200_000]).error.is_some());
    assert_eq!(csv(HEAD).clean().len(), 0);
}
