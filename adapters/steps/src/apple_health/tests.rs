use std::{
    collections::BTreeSet,
    io::{Cursor, Read, Write},
    pin::pin,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;
use wom_sdk::{
    Activity, Body, Device, Error, Kind, Recording,
    observation::{Entry, Merged},
    rules::RuleSet as _,
};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    ActiveMinutes,
    testing::apple_export::{AppleExport, Truth},
};

#[derive(Default)]
struct Kept {
    observations: Vec<Observation>,
    refusals: Vec<wom_sdk::instrument::Refusal>,
    progress: u64,
}

#[async_trait]
impl Sink for Kept {
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()> {
        assert!(chunk.len() <= wom_sdk::instrument::CHUNK);
        self.observations.extend(chunk);
        Ok(())
    }

    async fn refuse(&mut self, refusal: wom_sdk::instrument::Refusal) -> Result<()> {
        self.refusals.push(refusal);
        Ok(())
    }

    fn progress(&mut self, bytes: u64) {
        assert!(bytes >= self.progress);
        self.progress = bytes;
    }
}

impl Kept {
    fn codes(&self) -> Vec<&'static str> {
        self.refusals.iter().map(|refusal| refusal.code).collect()
    }

    fn merged(self) -> Merged {
        let entries = self.observations.into_iter();
        entries
            .map(|observation| observation.into_entry().1)
            .collect()
    }

    fn bodies(&self) -> Vec<&Body> {
        self.observations
            .iter()
            .map(|observation| &observation.body)
            .collect()
    }
}

fn read_with(config: AppleHealthConfig, input: Input) -> (Kept, Result<()>) {
    let adapter = AppleHealth::new(config).unwrap();
    let mut kept = Kept::default();
    let result = {
        let mut reading = pin!(adapter.read(input, Timestamp::EPOCH, &mut kept));
        match reading
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("reading waits for nothing"),
        }
    };
    (kept, result)
}

fn read(input: impl Into<Vec<u8>>) -> Kept {
    let (kept, result) = read_with(AppleHealthConfig::default(), Input::Bytes(input.into()));
    result.unwrap();
    kept
}

fn failure(input: impl Into<Vec<u8>>) -> Error {
    let (kept, result) = read_with(AppleHealthConfig::default(), Input::Bytes(input.into()));
    assert!(kept.observations.is_empty());
    result.unwrap_err()
}

fn truth_of(kept: Kept) -> Truth {
    let mut truth = Truth {
        refused: kept.refusals.len() as u64,
        ..Truth::default()
    };
    let mut workouts = BTreeSet::new();
    for body in kept.bodies() {
        match body {
            Body::Steps { steps, .. } => {
                truth.step_records += 1;
                truth.steps += u64::from(*steps);
            }
            // The pieces of a workout are on one day.
            other => {
                workouts.insert(other.span().unwrap().start().as_seconds() / 86_400);
            }
        }
    }
    truth.workouts = workouts.len() as u64;
    let merged = kept.merged();
    truth.minutes = ActiveMinutes::default()
        .judge(&merged.open(), Timestamp::MAX)
        .time()
        .minutes();
    truth
}

fn inside(records: &str) -> String {
    format!("<HealthData locale=\"en_GB\">\n{records}</HealthData>\n")
}

fn record(attributes: &str) -> String {
    format!(
        "<Record type=\"HKQuantityTypeIdentifierStepCount\" sourceName=\"X\" unit=\"count\" \
         startDate=\"2026-01-05 09:00:00 +0100\" endDate=\"2026-01-05 09:01:00 +0100\" {attributes}/>"
    )
}

fn packed(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, content) in members {
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn a_made_up_export_gives_what_is_true_of_it(
        seed in any::<u64>(),
        days in 1_u32..9,
        others in 0_u32..3,
        defects in any::<bool>(),
    ) {
        let export = AppleExport { seed, noise_seed: seed / 3, days, others, defects };
        prop_assert_eq!(truth_of(read(export.text())), export.truth());
    }

    #[test]
    fn an_export_made_again_changes_nothing(seed in any::<u64>(), again in any::<u64>()) {
        let export = AppleExport { seed, ..AppleExport::of_days(2) };
        let once = read(export.text()).merged();
        let mut both = once.clone();
        both.extend(
            read(AppleExport { noise_seed: again, ..export }.text())
                .merged()
                .entries()
                .cloned(),
        );
        prop_assert_eq!(both, once);
    }

    #[test]
    fn a_document_cut_off_anywhere_keeps_what_came_before(cut in 0.0_f64..1.0) {
        let text = AppleExport::of_days(1).text();
        let root = text.find(" <ExportDate").unwrap();
        let cut = root + ((text.len() - 15 - root) as f64 * cut) as usize;
        let whole = read(text.clone());
        let part = read(&text.as_bytes()[..cut]);
        let (last, refusals) = part.refusals.split_last().unwrap();
        prop_assert_eq!(last.code, "truncated");
        prop_assert_eq!(refusals, &whole.refusals[..refusals.len()]);
        let length = part.observations.len();
        prop_assert_eq!(&part.observations, &whole.observations[..length]);
        let before = String::from_utf8_lossy(&text.as_bytes()[..cut])
            .matches("IdentifierStepCount\" sourceName")
            .count();
        prop_assert!(length + 2 >= before, "{} of {}", length, before);
    }
}

#[test]
fn watch_telephone_and_program_are_three_sources() {
    let entries: Vec<Entry> = read(AppleExport::of_days(2).text())
        .merged()
        .entries()
        .cloned()
        .collect();
    let sources: BTreeSet<_> = entries
        .iter()
        .map(|entry| (entry.provenance.device, entry.provenance.stream))
        .collect();
    let devices: Vec<_> = sources.iter().map(|(device, _)| *device).collect();
    assert_eq!(devices, [Device::App, Device::Phone, Device::Watch]);
}

#[test]
fn a_record_and_how_it_was_made() {
    let typed_in = "<MetadataEntry key=\"HKWasUserEntered\" value=\"1\"/></Record>";
    let open = record("value=\"42\"").replace("/>", ">") + typed_in;
    let kept = read(inside(&(record("value=\"42\"") + &open)));
    let recorded: Vec<_> = kept
        .observations
        .iter()
        .map(|o| o.provenance.recording)
        .collect();
    assert_eq!(recorded, [Recording::Unknown, Recording::Manual]);
    let Body::Steps { span, steps } = kept.bodies()[0] else {
        panic!("steps: {:?}", kept.bodies());
    };
    assert_eq!(
        (span.start().to_string().as_str(), span.millis()),
        ("2026-01-05T08:00:00Z", 60_000)
    );
    assert_eq!(*steps, 42);
}

#[test]
fn pushes_and_exercise_minutes_are_settings() {
    let pushes = record("value=\"42\"").replace("StepCount", "PushCount");
    let minutes = record("value=\"1\"")
        .replace("StepCount", "AppleExerciseTime")
        .replace("unit=\"count\"", "unit=\"min\"");
    let text = inside(&(pushes + &minutes));
    let count = |pushes, exercise_time| {
        let config = AppleHealthConfig {
            pushes,
            exercise_time,
            ..AppleHealthConfig::default()
        };
        let (kept, result) = read_with(config, Input::Bytes(text.clone().into_bytes()));
        result.unwrap();
        assert!(kept.refusals.is_empty(), "{:?}", kept.refusals);
        kept.observations.len()
    };
    assert_eq!(
        [count(true, false), count(false, false), count(true, true)],
        [1, 0, 2]
    );
}

#[test]
fn records_that_cannot_be_read_are_refused_alone() {
    let good = record("value=\"7\"");
    let cases = [
        ("malformed", record("value=\"7\" my name=\"x\"")),
        ("malformed", record("value=\"7")),
        ("malformed", record("value=\"7\" device=\"<b>\"")),
        ("bad_value", record("value=\"-7\"")),
        ("bad_value", record("value=\"5e9\"")),
        ("bad_value", record("")),
        (
            "bad_unit",
            record("value=\"7\"").replace("\"count\"", "\"km\""),
        ),
        (
            "bad_date",
            record("value=\"7\"").replace("09:01:00", "09:61:00"),
        ),
        (
            "bad_times",
            record("value=\"7\"").replace("09:01:00", "08:01:00"),
        ),
        (
            "unknown_entity",
            record("value=\"7\"").replace("\"X\"", "\"&x;\""),
        ),
        ("unclosed", record("value=\"7\"").replace("/>", ">")),
        (
            "too_large",
            record(&format!("value=\"7\" x=\"{}\"", "y".repeat(2 << 20))),
        ),
        (
            "bad_date",
            "<Workout workoutActivityType=\"HKWorkoutActivityTypeYoga\"/>".into(),
        ),
    ];
    for (code, bad) in cases {
        let kept = read(inside(&format!("{good}{bad}{good}")));
        assert_eq!(kept.codes(), [code], "{}", &bad[..bad.len().min(300)]);
        assert_eq!(kept.observations.len(), 2, "{code}");
        assert!(kept.refusals[0].at.contains(&("record", 2)));
    }
    let not_utf8 = inside(&good).replace("\"X\"", "\"\u{1}\"").into_bytes();
    let not_utf8: Vec<u8> = not_utf8
        .into_iter()
        .map(|b| if b == 1 { 0xFF } else { b })
        .collect();
    assert_eq!(read(not_utf8).codes(), ["bad_utf8"]);
}

#[test]
fn other_types_are_passed_over_whatever_their_size_and_form() {
    let long = format!("<Record type=\"HKOther\" x=\"{}\"/>", "y".repeat(3 << 20));
    let text = inside(&format!(
        "{long}<Record type=\"HKOther\" a b=\"/><!-- <Record --><![CDATA[<Record]]><Me x=\"{}",
        record("value=\"7\"")
    ));
    let kept = read(text);
    assert_eq!((kept.observations.len(), kept.codes()), (1, vec![]));
}

#[test]
fn the_document_type_is_skipped_and_its_entities_never_used() {
    let entities = "<!DOCTYPE HealthData [<!ENTITY x \"y\"><!-- ]> --><!ENTITY z \"&x;&x;\"> ] >";
    let kept = read(format!("{entities}{}", inside(&record("value=\"7\""))));
    assert_eq!(
        (kept.observations.len(), kept.codes()),
        (1, vec!["entity_declared"])
    );
    for open in [
        "<!DOCTYPE HealthData>",
        "<!DOCTYPE HealthData [<!ELEMENT HealthData ANY",
        "<!DOCTYPE [ <!",
    ] {
        let kept = read(format!("{open}\n{}", inside(&record("value=\"7\""))));
        assert_eq!(
            (kept.observations.len(), kept.codes()),
            (1, vec![]),
            "{open}"
        );
    }
}

#[test]
fn a_workout_is_its_running_time() {
    let kept = read(AppleExport::of_days(1).text());
    let workout: Vec<_> = kept
        .bodies()
        .into_iter()
        .filter_map(|body| match body {
            Body::Interval { span, activity, .. } => {
                Some((span.millis() / 60_000, activity.clone()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(workout, [(10, Activity::CYCLING), (15, Activity::CYCLING)]);
}

#[test]
fn the_person_is_nowhere_in_what_is_shown() {
    let kept = read(AppleExport::of_days(1).text());
    let shown = format!("{:?} {:?}", kept.observations, kept.refusals);
    for secret in ["1970", "di X", "Watch6", "me\""] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn archives_of_every_kind_hold_the_same() {
    let text = AppleExport::of_days(2).text().into_bytes();
    let plain = read(text.clone());
    let shadows: [(&str, &[u8]); 4] = [
        (
            "__MACOSX/apple_health_export/._exportación.xml",
            b"\0\x05\x16\x07",
        ),
        (
            "apple_health_export/export_cda.xml",
            b"<?xml version=\"1.0\"?><ClinicalDocument/>",
        ),
        ("apple_health_export/workout-routes/route.gpx", b"<gpx/>"),
        (
            "apple_health_export/._exportación.xml",
            b"<HealthData></HealthData>",
        ),
    ];
    let mut members = shadows.to_vec();
    members.push(("apple_health_export/exportación.xml", &text));
    members.push(("apple_health_export/z.xml", b"<after/>"));
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        let kept = read(packed(method, &members));
        assert_eq!(kept.observations, plain.observations, "{method}");
        assert_eq!(kept.refusals, plain.refusals);
        assert!(kept.progress > 0);
    }

    let mut large = ZipWriter::new(Cursor::new(Vec::new()));
    large
        .start_file("export.xml", SimpleFileOptions::default().large_file(true))
        .unwrap();
    large.write_all(&text).unwrap();
    let large = large.finish().unwrap().into_inner();
    assert_eq!(read(large).observations, plain.observations, "zip64");

    for large in [false, true] {
        let mut streamed = ZipWriter::new_stream(Vec::new());
        let options = SimpleFileOptions::default().large_file(large);
        for (name, content) in &members {
            streamed.start_file(*name, options).unwrap();
            streamed.write_all(content).unwrap();
        }
        let streamed = streamed.finish().unwrap().into_inner();
        let kept = read(streamed);
        assert_eq!(kept.codes(), plain.codes());
        assert_eq!(
            kept.observations, plain.observations,
            "sizes after the data"
        );
    }
}

#[test]
fn a_pipe_and_a_file_will_do() {
    let archive = packed(
        CompressionMethod::Deflated,
        &[("e.xml", AppleExport::of_days(1).text().as_bytes())],
    );
    let expected = read(archive.clone()).observations;
    struct Drops(Cursor<Vec<u8>>);
    impl Read for Drops {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let length = out.len().min(7);
            self.0.read(&mut out[..length])
        }
    }
    let drops = Input::Reader(Box::new(Drops(Cursor::new(archive.clone()))));
    let (kept, result) = read_with(AppleHealthConfig::default(), drops);
    result.unwrap();
    assert_eq!(kept.observations, expected);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&archive).unwrap();
    let (kept, result) = read_with(
        AppleHealthConfig::default(),
        Input::Path(file.path().into()),
    );
    result.unwrap();
    assert_eq!((kept.observations, kept.progress > 0), (expected, true));
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let bomb = inside(&format!(
        "{}<A/>{}",
        record("value=\"7\""),
        " ".repeat(17 << 20)
    ));
    let bomb = packed(
        CompressionMethod::Deflated,
        &[("export.xml", bomb.as_bytes())],
    );
    assert!(bomb.len() < 1 << 20);
    let (kept, result) = read_with(AppleHealthConfig::default(), Input::Bytes(bomb.clone()));
    let error = result.unwrap_err();
    assert_eq!(
        (error.kind(), kept.observations.len()),
        (Kind::LimitExceeded, 1)
    );
    assert!(error.to_string().contains("max_ratio"), "{error}");
    let small = AppleHealthConfig {
        max_bytes: 1 << 20,
        ..AppleHealthConfig::default()
    };
    let (_, result) = read_with(small, Input::Bytes(bomb.clone()));
    assert!(result.unwrap_err().to_string().contains("max_bytes"));
    let trusting = AppleHealthConfig {
        max_ratio: 10_000,
        ..AppleHealthConfig::default()
    };
    let (kept, result) = read_with(trusting, Input::Bytes(bomb));
    result.unwrap();
    assert_eq!(kept.observations.len(), 1);

    // The same in a member that nobody asked for.
    let zeros = vec![0; 17 << 20];
    let mut streamed = ZipWriter::new_stream(Vec::new());
    streamed
        .start_file("a.bin", SimpleFileOptions::default())
        .unwrap();
    streamed.write_all(&zeros).unwrap();
    let streamed = streamed.finish().unwrap().into_inner();
    assert_eq!(failure(streamed).kind(), Kind::LimitExceeded);
}

#[test]
fn archives_that_are_none() {
    assert_eq!(
        failure(packed(CompressionMethod::Stored, &[])).kind(),
        Kind::InputInvalid
    );
    let other: [(&str, &[u8]); 1] = [("export_cda.xml", b"<ClinicalDocument/>")];
    let error = failure(packed(CompressionMethod::Deflated, &other));
    assert!(
        error.advice().unwrap().contains("Export All Health Data"),
        "{error}"
    );
    let inner = packed(
        CompressionMethod::Stored,
        &[("export.xml", b"<HealthData></HealthData>")],
    );
    let nested = packed(CompressionMethod::Stored, &[("export.xml", &inner)]);
    assert_eq!(
        failure(nested).kind(),
        Kind::InputInvalid,
        "archives inside stay closed"
    );
    let many: Vec<String> = (0..10_001).map(|n| format!("{n}.gpx")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    assert_eq!(
        failure(packed(CompressionMethod::Stored, &many)).kind(),
        Kind::LimitExceeded
    );
    for text in ["", "{}", "<gpx></gpx>", "<?xml version=\"1.0\"?>", "PK"] {
        assert_eq!(failure(text).kind(), Kind::InputInvalid, "{text}");
    }
}

#[test]
fn a_damaged_or_short_archive_says_so_and_keeps_what_was_read() {
    let text = inside(&record("value=\"7\""));
    let mut archive = packed(
        CompressionMethod::Stored,
        &[("export.xml", text.as_bytes())],
    );
    let at = archive
        .windows(9)
        .position(|w| w == b"value=\"7\"")
        .unwrap()
        + 7;
    archive[at] = b'8';
    assert_eq!(read(archive.clone()).codes(), ["bad_crc"]);
    archive.truncate(at + 10);
    let kept = read(archive);
    assert_eq!(
        (kept.observations.len(), kept.codes()),
        (1, vec!["truncated"])
    );

    let text = AppleExport::of_days(1).text();
    let archive = packed(
        CompressionMethod::Deflated,
        &[("export.xml", text.as_bytes())],
    );
    let kept = read(&archive[..archive.len() / 2]);
    assert_eq!(kept.codes().last(), Some(&"truncated"));
    assert!(!kept.observations.is_empty());
    let mut broken = archive.clone();
    let middle = archive.len() / 2;
    broken[middle..middle + 50].fill(0xFF);
    let (kept, result) = read_with(AppleHealthConfig::default(), Input::Bytes(broken));
    assert!(result.is_err() || !kept.refusals.is_empty());
    let mut encrypted = archive;
    encrypted[6] |= 1;
    assert_eq!(failure(encrypted).kind(), Kind::Unsupported);
}

#[test]
fn any_bytes_do_no_harm() {
    let text = AppleExport::of_days(1).text().into_bytes();
    let archive = packed(
        CompressionMethod::Deflated,
        &[("a.xml", &text[..2000]), ("b.xml", &text)],
    );
    let mut chance = 7_u64;
    let mut next = |below: usize| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (chance >> 33) as usize % below
    };
    for seed in [&text[..6000], &archive[..archive.len().min(6000)]] {
        for _ in 0..400 {
            let mut bytes = seed.to_vec();
            for _ in 0..=next(6) {
                let at = next(bytes.len());
                bytes[at] = next(256) as u8;
            }
            bytes.truncate(1 + next(seed.len()));
            crate::testing::fuzz_apple_xml(&bytes);
            crate::testing::fuzz_apple_zip(&bytes);
        }
    }
}
