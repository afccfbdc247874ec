//! The two crates that were judged first: where they are right they are a check on ours, and
//! where they are not is why ours exists. See `docs.md`.

use fitparser::{Value, profile::MesgNum};
use rustyfit::{Decoder, DecoderEvent, StreamingIterator};

use crate::{
    fixtures::fixture,
    support::{fetched, read},
    writer::{Part, SESSION, UINT16, ride},
};

fn number(value: &Value) -> f64 {
    // As text, whatever its type.
    value.to_string().parse().unwrap()
}

/// Milliseconds of all sessions and steps of the day's summaries, as `fitparser` has them.
fn by_fitparser(bytes: &[u8]) -> (i64, i64) {
    let (mut millis, mut steps) = (0.0, 0.0);
    for record in fitparser::from_bytes(bytes).unwrap() {
        let field = |name| record.fields().iter().find(|field| field.name() == name);
        match record.kind() {
            MesgNum::Session => {
                millis += field("total_timer_time").map_or(0.0, |ran| number(ran.value()) * 1000.0);
            }
            MesgNum::Monitoring if field("duration_min").is_some() => {
                steps += field("steps").map_or(0.0, |steps| number(steps.value()));
            }
            _ => {}
        }
    }
    (millis.round() as i64, steps.round() as i64)
}

#[test]
fn fitparser_finds_the_same() {
    let shipped = [
        "Activity.fit",
        "garmin-fenix-5-bike.fit",
        "hrv-activity.fit",
        "sample_mulitple_header.fit",
        "MonitoringFile.fit",
    ];
    let files = shipped.map(|name| Some(fixture(name)));
    let more = [
        "sweat/examples/data/6449921903_ACTIVITY.fit",
        "sweat/examples/data/4078723797.fit",
    ];
    for bytes in files.into_iter().chain(more.map(fetched)).flatten() {
        let ours = read(&bytes);
        let found = (ours.millis(), i64::from(ours.steps()));
        assert_eq!(by_fitparser(&bytes), found);
    }
}

/// How many messages `rustyfit` finds before it ends or fails.
fn by_rustyfit(mut bytes: &[u8]) -> Result<usize, usize> {
    let mut decoder = Decoder::new();
    let mut stream = decoder.stream(&mut bytes);
    let mut messages = 0;
    while let Some(event) = stream.next() {
        match event {
            Ok(DecoderEvent::Message(_)) => messages += 1,
            Ok(_) => {}
            Err(_) => return Err(messages),
        }
    }
    Ok(messages)
}

#[test]
fn rustyfit_takes_the_checksum_after_an_empty_part_or_a_definition_for_a_message() {
    let mut part = ride();
    part.definition(0, SESSION, &[]);
    assert_eq!(by_rustyfit(&ride().bytes()), Ok(68));
    assert_eq!(by_rustyfit(&part.bytes()), Err(68));
    assert_eq!(read(&part.bytes()).refusals, []);
    let bytes = [Part::default().bytes(), ride().bytes()].concat();
    assert_eq!(by_rustyfit(&bytes), Err(0));
    assert_eq!(read(&bytes).millis(), 60_400);
}

#[test]
fn rustyfit_takes_a_narrow_invalid_value_for_a_valid_one() {
    let mut part = Part::of_type(4);
    part.message(SESSION, &[(8, UINT16, 0xFFFF)]);
    let bytes = part.bytes();
    let mut bytes = bytes.as_slice();
    let fit = Decoder::new().decode(&mut bytes).unwrap().unwrap();
    let session = rustyfit::profile::mesgdef::Session::from(&fit.messages[1]);
    assert_eq!(session.total_timer_time, 0xFFFF);
}

#[test]
fn fitparser_gives_nothing_of_a_file_that_is_cut() {
    let whole = ride().bytes();
    let cut = &whole[..whole.len() - 1];
    assert!(fitparser::from_bytes(cut).is_err());
    assert_eq!(read(cut).millis(), 60_400);
}

#[test]
fn fitparser_gives_nothing_where_a_developer_field_is_not_described() {
    let mut part = Part {
        developer: Some(3),
        ..Part::default()
    };
    part.file_id(4);
    assert!(fitparser::from_bytes(&part.bytes()).is_err());
}
