//! Broken files: a clear word about each, and never more than the whole file says.

use std::io::{self, Read};

use proptest::prelude::*;
use wom_adapter_steps::FitConfig;
use wom_sdk::{
    Kind, TimeSet,
    instrument::{CHUNK, Input},
};

use crate::{
    fixtures::fixture,
    support::{Reading, read, read_with},
    writer::{ENUM, MONITORING, Part, SESSION, START, UINT16, UINT32, ride, time},
};

fn where_at(reading: &Reading, code: &str) -> Option<u64> {
    let refusal = reading
        .refusals
        .iter()
        .find(|refusal| refusal.code == code)?;
    refusal
        .at
        .iter()
        .find(|(name, _)| *name == "byte")
        .map(|(_, at)| *at)
}

#[test]
fn cut_anywhere_a_file_yields_no_more_than_whole_and_says_so() {
    for whole in [
        ride().bytes(),
        fixture("Activity.fit"),
        fixture("garmin-fenix-5-bike.fit"),
        fixture("MonitoringFile.fit"),
    ] {
        let all = read(&whole);
        for cut in 0..whole.len() {
            let reading = read(&whole[..cut]);
            assert!(reading.millis() <= all.millis(), "cut at {cut}");
            assert!(reading.steps() <= all.steps(), "cut at {cut}");
            if cut < usize::from(whole[0]) {
                assert_eq!(reading.error, Some(Kind::InputTruncated), "cut at {cut}");
            } else {
                assert_eq!(reading.error, None);
                assert_eq!(where_at(&reading, "truncated"), Some(cut as u64));
            }
        }
    }
}

#[test]
fn cut_in_its_last_bytes_a_file_still_tells_its_session() {
    let whole = ride().bytes();
    let reading = read(&whole[..whole.len() - 1]);
    assert_eq!(
        (reading.millis(), reading.codes()),
        (60_400, vec!["truncated"])
    );
    // The complete file stands over the cut one.
    let all = read(&whole);
    for (cut, whole) in reading.observations.iter().zip(&all.observations) {
        assert_eq!(cut.key, whole.key);
        assert!(cut.revision < whole.revision);
    }
}

#[test]
fn cut_in_its_second_leg_a_file_tells_the_first_leg_and_the_track() {
    let mut part = Part::of_type(4);
    part.timer(START, 0)
        .points(START, START + 600)
        .session(START, (600_000, 600_000), 1, 700)
        .points(START + 600, START + 900);
    let mut bytes = part.bytes();
    bytes.truncate(bytes.len() - 2);
    let reading = read(&bytes);
    assert_eq!(reading.codes(), ["truncated"]);
    assert_eq!(reading.activities(), ["running", "exercise"]);
    assert_eq!(reading.union().millis(), 899_000);
}

#[test]
fn a_flipped_byte_is_a_bad_checksum_and_yields_nothing_unless_asked_for() {
    let whole = ride().bytes();
    let mut bytes = whole.clone();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    let reading = read(&bytes);
    assert_eq!((reading.observations.len(), reading.error), (0, None));
    assert_eq!(where_at(&reading, "bad_crc"), Some(whole.len() as u64 - 2));
    let config = FitConfig {
        keep_bad_crc: true,
        ..FitConfig::default()
    };
    let kept = read_with(config, Input::Bytes(bytes));
    assert_eq!(kept.codes(), ["bad_crc"]);
    assert_eq!(kept.observations.len(), 2);
}

#[test]
fn a_bad_part_spoils_no_other() {
    let mut bytes = ride().bytes();
    let at = bytes.len() - 20;
    bytes[at] ^= 1;
    let mut later = Part::of_type(4);
    later
        .points(START + 500, START + 560)
        .session(START + 500, (60_000, 60_000), 11, 50);
    bytes.extend(later.bytes());
    let reading = read(&bytes);
    assert_eq!(
        (reading.codes(), reading.millis()),
        (vec!["bad_crc"], 60_000)
    );
}

#[test]
fn a_header_with_a_wrong_checksum_is_told_and_read() {
    let mut bytes = ride().bytes();
    bytes[12] ^= 1;
    let reading = read(&bytes);
    assert_eq!(reading.codes(), ["bad_header_crc", "bad_crc"]);
    // As of a writer that sums all of the file, whatever the header's checksum is.
    let length = bytes.len() - 2;
    let sum = crate::writer::crc(&bytes[..length]);
    bytes[length..].copy_from_slice(&sum.to_le_bytes());
    let reading = read(&bytes);
    assert_eq!(
        (reading.codes(), reading.millis()),
        (vec!["bad_header_crc"], 60_400)
    );
    // Zero means that it was not computed.
    bytes[12..14].fill(0);
    let sum = crate::writer::crc(&bytes[..length]);
    bytes[length..].copy_from_slice(&sum.to_le_bytes());
    assert_eq!(read(&bytes).refusals, []);
}

#[test]
fn a_corrupt_second_header_is_stepped_over() {
    let first = ride().bytes();
    let mut broken = ride().bytes();
    broken[9] = b'X';
    let mut third = Part::of_type(4);
    third
        .points(START + 500, START + 560)
        .session(START + 500, (60_000, 60_000), 11, 50);
    let bytes = [first.clone(), broken.clone()].concat();
    let reading = read(&bytes);
    assert_eq!(where_at(&reading, "no_header"), Some(first.len() as u64));
    assert_eq!(reading.millis(), 60_400);
    let reading = read(&[first, broken, third.bytes()].concat());
    assert_eq!(
        (reading.codes(), reading.millis()),
        (vec!["no_header"], 120_400)
    );
}

#[test]
fn a_record_of_no_known_type_ends_its_part() {
    let mut part = ride();
    let at = part.bytes().len() as u64 - 2;
    part.record(9, &[(0, UINT32, 0)]);
    let reading = read(&part.bytes());
    assert_eq!(where_at(&reading, "undefined_type"), Some(at));
    assert_eq!(reading.millis(), 60_400);
}

#[test]
fn a_record_over_the_end_of_its_part_is_not_read() {
    let mut part = ride();
    let at = part.bytes().len() as u64 - 2;
    part.raw_definition(3, SESSION, &[[2, 4, 0x86]])
        .data
        .push(3);
    let reading = read(&part.bytes());
    assert_eq!(where_at(&reading, "misaligned_record"), Some(at + 9));
    assert_eq!(reading.millis(), 60_400);
}

#[test]
fn a_field_whose_size_does_not_fit_is_absent() {
    let mut part = Part::of_type(4);
    part.points(START, START + 60);
    part.raw_definition(2, SESSION, &[[2, 4, 0x86], [8, 3, 0x86], [5, 1, 0]]);
    part.record(
        2,
        &[
            (2, UINT32, u64::from(START)),
            (8, UINT16, 1),
            (8, ENUM, 1),
            (5, ENUM, 1),
        ],
    );
    let reading = read(&part.bytes());
    assert_eq!(reading.codes(), ["misaligned_field"]);
    assert_eq!(
        (reading.millis(), reading.activities()),
        (59_000, vec!["running".to_owned()])
    );
}

#[test]
fn times_since_power_on_are_refused_once() {
    let mut part = Part::of_type(4);
    part.points(1_000, 1_600)
        .session(1_000, (600_000, 600_000), 1, 0);
    let reading = read(&part.bytes());
    assert_eq!(reading.observations.len(), 0);
    assert_eq!(reading.codes(), ["relative_time"]);
    let mut part = Part::of_type(32);
    for total in 0..5 {
        part.message(
            MONITORING,
            &[(26, UINT16, 7), (5, ENUM, 6), (3, UINT32, total)],
        );
    }
    let reading = read(&part.bytes());
    assert_eq!(
        (reading.steps(), reading.codes()),
        (0, vec!["relative_time"])
    );
}

#[test]
fn what_is_not_fit_is_refused_as_a_whole() {
    for (bytes, kind) in [
        (&b""[..], Kind::InputTruncated),
        (b"<?xml version=\"1.0\"?><gpx></gpx>", Kind::InputInvalid),
        (b"PK\x03\x04", Kind::InputInvalid),
        (&[0; 100], Kind::InputInvalid),
    ] {
        assert_eq!(read(bytes).error, Some(kind));
    }
    let missing = Input::Path("no/such/file.fit".into());
    assert_eq!(
        read_with(FitConfig::default(), missing).error,
        Some(Kind::InputInvalid)
    );
}

#[test]
fn an_impossible_length_is_a_truncation() {
    let mut bytes = ride().bytes();
    bytes[4..8].fill(0xFF);
    let reading = read(&bytes);
    assert_eq!(reading.error, None);
    assert!(!reading.refusals.is_empty());
    assert!(reading.millis() <= 60_400);
}

#[test]
fn more_sessions_than_anybody_has_are_left_out() {
    let mut part = Part::of_type(4);
    for index in 0..10_005 {
        part.session(START + index, (1_000, 1_000), 1, 0);
    }
    let reading = read(&part.bytes());
    assert_eq!(reading.codes(), ["too_many"]);
    assert_eq!(reading.observations.len(), 10_000);
}

/// Gives one byte at a time, as a slow line does.
struct Slow(io::Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let one = buffer.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

#[test]
fn how_the_bytes_arrive_makes_no_difference() {
    let bytes = fixture("sample_mulitple_header.fit");
    let slow = Input::Reader(Box::new(Slow(io::Cursor::new(bytes.clone()))));
    let slow = read_with(FitConfig::default(), slow);
    assert_eq!(slow.observations, read(&bytes).observations);
}

#[test]
fn many_observations_come_in_chunks() {
    let mut part = Part::of_type(32);
    part.message(103, &[time(START)]);
    for index in 1..=2_500_u32 {
        let total = u64::from(index) * 10;
        part.message(
            MONITORING,
            &[time(START + 60 * index), (5, ENUM, 6), (3, UINT32, total)],
        );
    }
    let reading = read(&part.bytes());
    assert_eq!(
        (reading.observations.len(), reading.steps()),
        (2_500, 25_000)
    );
    assert!(reading.observations.len() > 2 * CHUNK);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn garbage_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        read(&bytes);
        let mut part = Part::of_type(4);
        part.data.extend(&bytes);
        read(&part.bytes());
    }

    #[test]
    fn a_changed_byte_is_survived_and_seen(
        at in any::<prop::sample::Index>(),
        change in 1_u8..,
        monitoring in any::<bool>(),
    ) {
        let mut bytes = fixture(if monitoring { "MonitoringFile.fit" } else { "Activity.fit" });
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        let reading = read(&bytes);
        let config = FitConfig { keep_bad_crc: true, ..FitConfig::default() };
        read_with(config, Input::Bytes(bytes));
        prop_assert!(reading.error.is_some() || !reading.refusals.is_empty());
    }

    #[test]
    fn the_union_never_exceeds_what_the_timer_ran(
        runs in prop::collection::vec((0_u32..100, 1_u32..300), 1..8),
        legs in 1_u32..4,
    ) {
        let mut part = Part::of_type(4);
        let mut at = START;
        let mut total = 0;
        for (pause, length) in runs {
            at += pause;
            part.timer(at, 0).points(at, at + length).timer(at + length, 4);
            at += length;
            total += length;
        }
        let lasted = at - START;
        for leg in 0..legs {
            let from = START + lasted * leg / legs;
            let elapsed = u64::from(lasted / legs) * 1000;
            part.session(from, (elapsed, elapsed.min(u64::from(total) * 1000)), 1, 10);
        }
        let reading = read(&part.bytes());
        let union: TimeSet = reading.union();
        prop_assert!(union.millis() <= i64::from(lasted + legs) * 1000);
    }
}
