//! Made-up exports of Apple's Health app, with what is true of them.
//!
//! A model of a person's days comes first: which device counted how many steps in which minute. The
//! document and the expected minutes are both written from that model, so that neither is derived
//! from the other.

use std::{
    fmt::Write as _,
    io::{self, Read, Write as _},
};

use flate2::{Compression, write::DeflateEncoder};

/// What to make. The same settings give the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct AppleExport {
    /// What chance decides.
    pub seed: u64,
    /// What chance decides and must not matter: the pointers in the devices' descriptions, and which
    /// kind of blank stands in a name.
    pub noise_seed: u64,
    /// How many days.
    pub days: u32,
    /// Records of other types for each record of steps.
    pub others: u32,
    /// Whether the defects of real exports are in it: a broken document type, control characters,
    /// attributes that are there twice, names with blanks.
    pub defects: bool,
}

/// What is true of an export.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Truth {
    /// Active minutes by `active-minutes/1`.
    pub minutes: i64,
    /// Records of steps that can be read.
    pub step_records: u64,
    /// The steps in them, of all devices together.
    pub steps: u64,
    /// Workouts.
    pub workouts: u64,
    /// Records that must be refused.
    pub refused: u64,
}

impl AppleExport {
    /// An export of so many days, with defects and four other records for each one of steps.
    pub fn of_days(days: u32) -> Self {
        Self {
            seed: 1,
            noise_seed: 1,
            days,
            others: 4,
            defects: true,
        }
    }

    /// The document, made while it is read.
    pub fn reader(self) -> impl Read + Send {
        Reader {
            export: self,
            next: 0,
            piece: self.head().into_bytes(),
            at: 0,
        }
    }

    /// The document.
    pub fn text(self) -> String {
        let days = (0..self.days).map(|day| self.day(day).xml);
        std::iter::once(self.head())
            .chain(days)
            .chain([TAIL.to_owned()])
            .collect()
    }

    /// The document as the one member of an archive. The archive has no directory, which a stream
    /// does not need; other programs do.
    pub fn archive(self) -> Vec<u8> {
        let text = self.text().into_bytes();
        let mut crc = flate2::Crc::new();
        crc.update(&text);
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::default());
        // Memory takes it all.
        let _ = packer.write_all(&text);
        let packed = packer.finish().unwrap_or_default();
        let mut archive = b"PK\x03\x04\x14\0\0\0\x08\0\0\0\0\0".to_vec();
        for number in [crc.sum(), size(&packed), size(&text)] {
            archive.extend(number.to_le_bytes());
        }
        archive.extend(b"\x0A\0\0\0export.xml");
        archive.extend(packed);
        archive.extend(b"PK\x05\x06");
        archive
    }

    /// What is true of it.
    pub fn truth(self) -> Truth {
        (0..self.days).fold(Truth::default(), |sum, day| {
            let Truth {
                minutes,
                step_records,
                steps,
                workouts,
                refused,
            } = self.day(day).truth;
            Truth {
                minutes: sum.minutes + minutes,
                step_records: sum.step_records + step_records,
                steps: sum.steps + steps,
                workouts: sum.workouts + workouts,
                refused: sum.refused + refused,
            }
        })
    }

    fn head(self) -> String {
        let broken = if self.defects {
            "<!ATTLIST Record\n  type CDATA #REQUIRED\n  unit CDATA #IMPLIED\n<!ELEMENT WorkoutEvent EMPTY>\n"
        } else {
            ""
        };
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n<!-- HealthKit Export \
             Version: 12 -->\n<!ELEMENT HealthData (ExportDate,Me,(Record|Workout)*)>\n{broken}]>\n\
             <HealthData locale=\"it_IT\">\n <ExportDate value=\"2026-11-01 10:00:00 +0100\"/>\n <Me \
             HKCharacteristicTypeIdentifierDateOfBirth=\"1970-01-01\" \
             HKCharacteristicTypeIdentifierBiologicalSex=\"HKBiologicalSexNotSet\"/>\n"
        )
    }

    /// A day of the model, written down.
    fn day(self, day: u32) -> Day {
        let mut writer = Writer {
            export: self,
            chance: Chance(self.seed ^ u64::from(day).wrapping_mul(0x9E37_79B9)),
            noise: Chance(self.noise_seed ^ (u64::from(day) << 20)),
            midnight: FIRST_DAY + i64::from(day) * 86_400,
            day: Day::default(),
        };
        writer.watch_and_phone();
        writer.phone_alone();
        writer.long_record();
        writer.bursts();
        writer.typed_in();
        if self.defects {
            writer.unreadable();
        }
        match day % 4 {
            0 => writer.ride(),
            1 => writer.indoor_ride(),
            _ => {}
        }
        writer.day
    }
}

/// A size in an archive without the extension for large files.
fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// 2026-01-05T00:00:00Z.
const FIRST_DAY: i64 = 1_767_571_200;
const TAIL: &str = "</HealthData>\n";
const MODERATE: i64 = 100;

#[derive(Debug, Default)]
struct Day {
    xml: String,
    truth: Truth,
}

#[derive(Clone, Copy)]
enum By {
    Watch,
    Phone,
    Program,
}

struct Writer {
    export: AppleExport,
    chance: Chance,
    noise: Chance,
    midnight: i64,
    day: Day,
}

impl Writer {
    /// From 08:00 on, 40 minutes: the watch counts, the telephone counts a tenth less, and a program
    /// copies the watch. Only the watch matters.
    fn watch_and_phone(&mut self) {
        for minute in 480..520 {
            let steps = self.chance.between(60, 140);
            self.steps(By::Watch, minute * 60, 60, steps);
            self.steps(By::Phone, minute * 60, 60, steps - steps / 10);
            self.steps(By::Program, minute * 60, 60, steps);
            self.day.truth.minutes += i64::from(steps >= MODERATE);
        }
    }

    /// From 12:00 on, 20 minutes with the telephone alone.
    fn phone_alone(&mut self) {
        for minute in 720..740 {
            let steps = self.chance.between(70, 130);
            self.steps(By::Phone, minute * 60, 60, steps);
            self.day.truth.minutes += i64::from(steps >= MODERATE);
        }
    }

    /// 15:00 to 15:10 as one record, worth a minute for each 100 steps from 40 a minute on.
    fn long_record(&mut self) {
        let steps = self.chance.between(201, 1100);
        self.steps(By::Phone, 15 * 3600, 600, steps);
        if steps >= 400 {
            self.day.truth.minutes += (steps / MODERATE).min(10);
        }
    }

    /// From 17:00 on, 5 minutes of the watch in four records each.
    fn bursts(&mut self) {
        for minute in 1020..1025 {
            let mut sum = 0;
            for quarter in 0..4 {
                let steps = self.chance.between(15, 40);
                self.steps(By::Watch, minute * 60 + quarter * 15, 15, steps);
                sum += steps;
            }
            self.day.truth.minutes += i64::from(sum >= MODERATE);
        }
    }

    /// 19:00 to 19:30, typed in: worth nothing.
    fn typed_in(&mut self) {
        let entry = " <MetadataEntry key=\"HKWasUserEntered\" value=\"1\"/>\n";
        self.record(By::Phone, 19 * 3600, 1800, 4321, entry);
    }

    /// From 20:00 on, 3 records that nobody can read.
    fn unreadable(&mut self) {
        for minute in 1200..1203 {
            let (start, end) = (self.date(minute * 60), self.date(minute * 60 + 60));
            let _ = writeln!(
                self.day.xml,
                " <Record type=\"HKQuantityTypeIdentifierStepCount\" source Name=\"Old\" unit=\"count\" \
                 startDate=\"{start}\" endDate=\"{end}\" value=\"120\"/>"
            );
            self.day.truth.refused += 1;
        }
    }

    /// 06:00 to 06:30 by bicycle with 5 minutes of pause.
    fn ride(&mut self) {
        let [pause, resume] = [6 * 3600 + 600, 6 * 3600 + 900].map(|second| self.date(second));
        let events = format!(
            "  <WorkoutEvent type=\"HKWorkoutEventTypePause\" date=\"{pause}\"/>\n  <WorkoutEvent \
             type=\"HKWorkoutEventTypeResume\" date=\"{resume}\"/>\n"
        );
        self.workout("HKWorkoutActivityTypeCycling", 25.0, &events);
        self.day.truth.minutes += 25;
    }

    /// The same time on a trainer: worth nothing by default.
    fn indoor_ride(&mut self) {
        let indoor = "  <MetadataEntry key=\"HKIndoorWorkout\" value=\"1\"/>\n";
        self.workout("HKWorkoutActivityTypeCycling", 30.0, indoor);
    }

    fn workout(&mut self, kind: &str, minutes: f64, inside: &str) {
        let (start, end) = (self.date(6 * 3600), self.date(6 * 3600 + 1800));
        let (name, device) = self.source(By::Watch);
        let _ = write!(
            self.day.xml,
            " <Workout workoutActivityType=\"{kind}\" duration=\"{minutes}\" durationUnit=\"min\" \
             sourceName=\"{name}\" sourceVersion=\"9.3\" device=\"{device}\" creationDate=\"{end}\" \
             startDate=\"{start}\" endDate=\"{end}\">\n{inside} </Workout>\n"
        );
        self.day.truth.workouts += 1;
    }

    fn steps(&mut self, by: By, from: i64, seconds: i64, steps: i64) {
        self.record(by, from, seconds, steps, "");
        for _ in 0..self.export.others {
            self.other(from);
        }
    }

    fn record(&mut self, by: By, from: i64, seconds: i64, steps: i64, inside: &str) {
        let (start, end) = (self.date(from), self.date(from + seconds));
        let (name, device) = self.source(by);
        let device = match device.as_str() {
            "" => String::new(),
            device => format!(" device=\"{device}\""),
        };
        let twice = if self.export.defects && self.noise.between(0, 9) == 0 {
            " unit=\"count\""
        } else {
            ""
        };
        let end_of_tag = if inside.is_empty() {
            "/>\n".to_owned()
        } else {
            format!(">\n{inside} </Record>\n")
        };
        let _ = write!(
            self.day.xml,
            " <Record type=\"HKQuantityTypeIdentifierStepCount\" sourceName=\"{name}\" \
             sourceVersion=\"9.3\"{device} unit=\"count\"{twice} creationDate=\"{end}\" \
             startDate=\"{start}\" endDate=\"{end}\" value=\"{steps}\"{end_of_tag}"
        );
        self.day.truth.step_records += 1;
        self.day.truth.steps += steps.unsigned_abs();
    }

    fn other(&mut self, from: i64) {
        let at = self.date(from);
        let (name, device) = self.source(By::Watch);
        let beats = self.noise.between(50, 160);
        let _ = write!(
            self.day.xml,
            " <Record type=\"HKQuantityTypeIdentifierHeartRate\" sourceName=\"{name}\" \
             sourceVersion=\"9.3\" device=\"{device}\" unit=\"count/min\" creationDate=\"{at}\" \
             startDate=\"{at}\" endDate=\"{at}\" value=\"{beats}\">\n  <MetadataEntry \
             key=\"HKMetadataKeyHeartRateMotionContext\" value=\"1\"/>\n </Record>\n"
        );
    }

    /// The name and the device of a source, with what changes from record to record.
    fn source(&mut self, by: By) -> (String, String) {
        let pointer = 0x2_8000_0000 + self.noise.between(0, 0xFFFF) * 16;
        let blank = if self.noise.between(0, 1) == 0 {
            '\u{A0}'
        } else {
            ' '
        };
        let control = if self.export.defects && self.noise.between(0, 9) == 0 {
            "\u{B}"
        } else {
            ""
        };
        let device = |name: &str, model: &str, hardware: &str| {
            format!(
                "&lt;&lt;HKDevice: {pointer:#x}&gt;, name:{name}, manufacturer:Apple Inc., model:{model}, \
                 hardware:{hardware}, software:9.3&gt;"
            )
        };
        match by {
            By::Watch => (
                format!("Apple{blank}Watch{control} di\u{A0}X"),
                device("Apple Watch", "Watch", "Watch6,1"),
            ),
            By::Phone => (
                format!("iPhone{control} di{blank}X"),
                device("iPhone", "iPhone", "iPhone14,2"),
            ),
            By::Program => ("Passi &amp; Co".to_owned(), String::new()),
        }
    }

    /// A second of the day as Apple writes it, by a clock one hour ahead of UTC.
    fn date(&self, second: i64) -> String {
        let local = self.midnight + second + 3600;
        let days = local.div_euclid(86_400);
        let second = local.rem_euclid(86_400);
        // Day by day is slow and right; the years are few.
        let (mut year, mut left) = (1970, days);
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while left >= 365 + i64::from(leap(year)) {
            left -= 365 + i64::from(leap(year));
            year += 1;
        }
        let february = 28 + i64::from(leap(year));
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            if left < length {
                break;
            }
            left -= length;
            month += 1;
        }
        format!(
            "{year:04}-{month:02}-{:02} {:02}:{:02}:{:02} +0100",
            left + 1,
            second / 3600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// A small generator of numbers (SplitMix64): the same seed, the same numbers, on every machine.
struct Chance(u64);

impl Chance {
    fn between(&mut self, least: i64, most: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let width = most.abs_diff(least) + 1;
        least + i64::try_from(mixed % width).unwrap_or(0)
    }
}

struct Reader {
    export: AppleExport,
    next: u32,
    piece: Vec<u8>,
    at: usize,
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            self.piece = match self.next.cmp(&self.export.days) {
                std::cmp::Ordering::Less => self.export.day(self.next).xml.into_bytes(),
                std::cmp::Ordering::Equal => TAIL.as_bytes().to_vec(),
                std::cmp::Ordering::Greater => return Ok(0),
            };
            (self.next, self.at) = (self.next + 1, 0);
        }
        let length = out.len().min(self.piece.len() - self.at);
        out[..length].copy_from_slice(&self.piece[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
