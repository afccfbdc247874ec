//! What the elements of an Apple Health export mean.

use std::collections::VecDeque;

use wom_sdk::{
    Activity, Body, Device, Digest, Provenance, Recording, Result, Span, Timestamp,
    instrument::Refusal,
};

use super::{
    attributes::{self, Attrs, Fault},
    date,
    device::Origins,
    markup::{Markup, Tag},
    source::{Source, not_an_export},
    workout::{self, Event, MAX_EVENTS, Workout},
};

/// A record to observe.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) key: Digest,
    pub(super) provenance: Provenance,
    pub(super) body: Body,
}

/// What reading on brought.
#[derive(Debug)]
pub(super) enum Next {
    Found(Found),
    Refused(Refusal),
    /// Nothing yet.
    GoingOn,
    Done,
}

/// An export as it is read.
pub(super) struct Document {
    markup: Markup,
    wanted: Wanted,
    origins: Origins,
    open: Option<Open>,
    waiting: VecDeque<Next>,
    /// Elements `Record` and `Workout` so far.
    records: u64,
    is_export: bool,
    is_done: bool,
}

/// What is read beside steps and workouts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) pushes: bool,
    pub(super) exercise_time: bool,
}

/// An element whose end is still to come; what is inside may change what it means.
#[derive(Debug)]
struct Open {
    place: Place,
    key: Digest,
    stream: Digest,
    device: Device,
    manual: bool,
    what: What,
}

#[derive(Debug)]
enum What {
    Record(Body),
    Workout(Box<Workout>),
    /// It was refused already.
    Refused,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    record: u64,
    byte: u64,
}

/// Why a record is refused: code, field, sentence.
type Reason = (&'static str, Option<&'static str>, &'static str);

const MALFORMED: Reason = (
    "malformed",
    None,
    "the record is not well-formed XML and was left out",
);
const ENCODING: Reason = (
    "bad_utf8",
    None,
    "the record is not in UTF-8 and was left out",
);
const TOO_LARGE: Reason = (
    "too_large",
    None,
    "the record is larger than 1 MiB and was left out",
);
const UNCLOSED: Reason = (
    "unclosed",
    None,
    "the record has no end, so that nobody knows whether it was typed in; it was left out",
);
const ENTITY: Reason = (
    "unknown_entity",
    Some("sourceName"),
    "only the five entities of XML itself are known; the record was left out",
);
const START: Reason = (
    "bad_date",
    Some("startDate"),
    "not a date such as 2024-03-31 08:05:10 +0200; the record was left out",
);
const END: Reason = (
    "bad_date",
    Some("endDate"),
    "not a date such as 2024-03-31 08:05:10 +0200; the record was left out",
);
const ORDER: Reason = (
    "bad_times",
    Some("endDate"),
    "the record ends before it starts and was left out",
);
const VALUE: Reason = (
    "bad_value",
    Some("value"),
    "not a number that can be a count; the record was left out",
);
const UNIT: Reason = (
    "bad_unit",
    Some("unit"),
    "not the unit that this type has; the record was left out",
);
const EVENTS: Reason = (
    "too_many_events",
    None,
    "the workout has more than 10,000 events and was left out",
);

/// After how many elements without anything to tell reading stops to tell that.
const AT_ONCE: usize = 4_096;

const STEPS: &str = "HKQuantityTypeIdentifierStepCount";
const PUSHES: &str = "HKQuantityTypeIdentifierPushCount";
const EXERCISE_TIME: &str = "HKQuantityTypeIdentifierAppleExerciseTime";

impl Document {
    pub(super) fn new(source: Source, wanted: Wanted) -> Self {
        Self {
            markup: Markup::new(source),
            wanted,
            origins: Origins::default(),
            open: None,
            waiting: VecDeque::new(),
            records: 0,
            is_export: false,
            is_done: false,
        }
    }

    /// How many bytes of the input are done.
    pub(super) fn done(&self) -> u64 {
        self.markup.source().done()
    }

    /// Reads on.
    pub(super) fn next(&mut self) -> Result<Next> {
        if self.waiting.is_empty() && !self.is_done {
            self.read()?;
        }
        let otherwise = if self.is_done {
            Next::Done
        } else {
            Next::GoingOn
        };
        Ok(self.waiting.pop_front().unwrap_or(otherwise))
    }

    /// Reads elements until something is waiting, the document ends, or some time has passed.
    fn read(&mut self) -> Result<()> {
        // The parts are borrowed apart, as a tag lives in the markup.
        let Self {
            markup,
            wanted,
            origins,
            open,
            waiting,
            records,
            is_export,
            is_done,
        } = self;
        for _ in 0..AT_ONCE {
            if !waiting.is_empty() {
                break;
            }
            let Some(tag) = markup.next()? else {
                if !*is_export {
                    return Err(not_an_export("the file is not an Apple Health export"));
                }
                waiting.push_back(Next::Refused(Refusal::new(
                    "truncated",
                    "the export ends before its end; what came before was read. Export it again",
                )));
                *is_done = true;
                break;
            };
            let name = name_of(tag.bytes);
            if !*is_export {
                if name != b"HealthData" {
                    return Err(not_an_export("the file is not an Apple Health export"));
                }
                *is_export = true;
                continue;
            }
            match name {
                b"Record" | b"Workout" => {
                    *records += 1;
                    let place = Place {
                        record: *records,
                        byte: tag.at,
                    };
                    if let Some(before) = open.take() {
                        before.refuse(UNCLOSED, waiting);
                    }
                    let mut reader = Reader {
                        wanted,
                        origins,
                        waiting,
                    };
                    *open = if name == b"Record" {
                        reader.record(&tag, place)
                    } else {
                        reader.workout(&tag, place)
                    };
                }
                b"/Record" | b"/Workout" => {
                    if let Some(ended) = open.take() {
                        ended.close(waiting);
                    }
                }
                b"MetadataEntry" | b"WorkoutEvent" | b"WorkoutStatistics" => {
                    if let Some(open) = open {
                        open.add(name, &tag, waiting);
                    }
                }
                b"/HealthData" => {
                    if let Some(before) = open.take() {
                        before.refuse(UNCLOSED, waiting);
                    }
                    *is_done = true;
                    break;
                }
                _ => {}
            }
        }
        if *is_done {
            self.say_what_was_odd()?;
        }
        Ok(())
    }

    fn say_what_was_odd(&mut self) -> Result<()> {
        if self.markup.entities {
            self.waiting.push_back(Next::Refused(Refusal::new(
                "entity_declared",
                "the document declares entities of its own, which are never used",
            )));
        }
        // An archive's checksum is known when its member is at its end.
        while self.markup.next()?.is_some() {}
        if self.markup.source().is_damaged() {
            self.waiting.push_back(Next::Refused(Refusal::new(
                "bad_crc",
                "the archive is damaged: what was read may be wrong. Export it again",
            )));
        }
        Ok(())
    }
}

/// Reads what begins a record or a workout.
struct Reader<'a> {
    wanted: &'a Wanted,
    origins: &'a mut Origins,
    waiting: &'a mut VecDeque<Next>,
}

impl Reader<'_> {
    fn record(&mut self, tag: &Tag<'_>, place: Place) -> Option<Open> {
        // Nearly every record starts like this, and most are of other types.
        let quick = tag.bytes.strip_prefix(b"<Record type=\"");
        if quick.is_some_and(|rest| !self.wants(rest)) {
            return None;
        }
        let (attrs, closes) = match attributes(tag, "Record") {
            Ok(read) => read,
            Err(reason) => {
                place.refuse(reason, self.waiting);
                return None;
            }
        };
        let kind = attrs.kind.unwrap_or_default();
        if !self.wants_type(kind) {
            return None;
        }
        match self.counted(kind, &attrs, place) {
            Ok(open) if closes => open.close(self.waiting),
            Ok(open) => return Some(open),
            Err(reason) => place.refuse(reason, self.waiting),
        }
        None
    }

    fn workout(&mut self, tag: &Tag<'_>, place: Place) -> Option<Open> {
        let opened = attributes(tag, "Workout")
            .and_then(|(attrs, closes)| Ok((self.timed(&attrs, place)?, closes)));
        match opened {
            Ok((open, true)) => open.close(self.waiting),
            Ok((open, false)) => return Some(open),
            Err(reason) => place.refuse(reason, self.waiting),
        }
        None
    }

    /// Whether the text begins with a type that is wanted and its quotation mark.
    fn wants(&self, rest: &[u8]) -> bool {
        let is = |kind: &str| {
            rest.strip_prefix(kind.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'"'))
        };
        is(STEPS)
            || (self.wanted.pushes && is(PUSHES))
            || (self.wanted.exercise_time && is(EXERCISE_TIME))
    }

    fn wants_type(&self, kind: &str) -> bool {
        kind == STEPS
            || (self.wanted.pushes && kind == PUSHES)
            || (self.wanted.exercise_time && kind == EXERCISE_TIME)
    }

    fn counted(&mut self, kind: &str, attrs: &Attrs<'_>, place: Place) -> Result<Open, Reason> {
        let span = span(attrs)?;
        let value = number(attrs.value).ok_or(VALUE)?;
        let unit = if kind == EXERCISE_TIME {
            "min"
        } else {
            "count"
        };
        if attrs.unit.is_some_and(|other| other != unit) {
            return Err(UNIT);
        }
        let count = whole(value).ok_or(VALUE)?;
        let body = if kind == EXERCISE_TIME {
            Body::Tally {
                within: span,
                minutes: count,
                activity: Activity::EXERCISE,
            }
        } else {
            Body::Steps { span, steps: count }
        };
        let origin = self
            .origins
            .of(attrs.source.unwrap_or_default(), attrs.device)
            .ok_or(ENTITY)?;
        Ok(Open {
            place,
            key: key(kind, span, &value.to_bits().to_be_bytes(), origin.stream),
            stream: origin.stream,
            device: origin.device,
            manual: false,
            what: What::Record(body),
        })
    }

    fn timed(&mut self, attrs: &Attrs<'_>, place: Place) -> Result<Open, Reason> {
        let span = span(attrs)?;
        let kind = attrs.kind.unwrap_or_default();
        let duration = attrs.duration.and_then(|text| {
            let unit = match attrs.duration_unit {
                None | Some("min") => 60_000.0,
                Some("s" | "sec") => 1_000.0,
                Some("h" | "hr") => 3_600_000.0,
                Some(_) => return None,
            };
            let millis = number(Some(text))? * unit;
            // No workout lasts longer than its day, let alone a thousand years.
            (millis < 3e13).then_some(millis.round() as i64)
        });
        let origin = self
            .origins
            .of(attrs.source.unwrap_or_default(), attrs.device)
            .ok_or(ENTITY)?;
        let length = duration.unwrap_or(-1).to_be_bytes();
        Ok(Open {
            place,
            key: key(kind, span, &length, origin.stream),
            stream: origin.stream,
            device: origin.device,
            manual: false,
            what: What::Workout(Box::new(Workout {
                activity: workout::activity(kind),
                span,
                duration,
                indoor: false,
                steps: None,
                events: Vec::new(),
            })),
        })
    }
}

fn attributes<'a>(tag: &Tag<'a>, name: &str) -> Result<(Attrs<'a>, bool), Reason> {
    if !tag.whole {
        return Err(TOO_LARGE);
    }
    attributes::read(tag.bytes, name).map_err(|fault| match fault {
        Fault::Malformed => MALFORMED,
        Fault::Encoding => ENCODING,
    })
}

impl Open {
    /// Takes in an element from inside.
    fn add(&mut self, name: &[u8], tag: &Tag<'_>, waiting: &mut VecDeque<Next>) {
        if matches!(self.what, What::Refused) {
            return;
        }
        let element = std::str::from_utf8(name).unwrap_or_default();
        let read = tag.whole.then(|| attributes::read(tag.bytes, element));
        let Some(Ok((attrs, _))) = read else {
            // What cannot be read may say that it was typed in.
            self.manual |= name == b"MetadataEntry";
            return;
        };
        let Self { what, manual, .. } = self;
        match (name, what) {
            (b"MetadataEntry", what) => {
                let is_set = matches!(attrs.value, Some("1" | "true" | "YES" | "Yes"));
                match attrs.key {
                    Some("HKWasUserEntered") => *manual |= is_set,
                    Some("HKIndoorWorkout") => {
                        if let What::Workout(workout) = what {
                            workout.indoor |= is_set;
                        }
                    }
                    _ => {}
                }
            }
            (b"WorkoutEvent", What::Workout(workout)) => {
                let event = attrs.kind.and_then(Event::of);
                let (Some(event), Some(at)) = (event, attrs.date.and_then(date::parse)) else {
                    return;
                };
                workout.events.push((at, event));
                // Some pauses are told as one event with a duration.
                let millis =
                    number(attrs.duration).filter(|minutes| *minutes > 0.0 && *minutes < 1e6);
                if let (Event::Pause, Some(minutes)) = (event, millis) {
                    let unit = if attrs.duration_unit == Some("s") {
                        1e3
                    } else {
                        6e4
                    };
                    let until = at.plus_millis((minutes * unit).round() as i64);
                    workout.events.push((until, Event::Resume));
                }
                if workout.events.len() > MAX_EVENTS {
                    self.what = What::Refused;
                    self.place.refuse(EVENTS, waiting);
                }
            }
            (b"WorkoutStatistics", What::Workout(workout)) if attrs.kind == Some(STEPS) => {
                workout.steps = number(attrs.sum).and_then(whole);
            }
            _ => {}
        }
    }

    fn refuse(&self, reason: Reason, waiting: &mut VecDeque<Next>) {
        if !matches!(self.what, What::Refused) {
            self.place.refuse(reason, waiting);
        }
    }

    fn close(self, waiting: &mut VecDeque<Next>) {
        let recording = match self.device {
            _ if self.manual => Recording::Manual,
            Device::Watch | Device::Phone => Recording::Measured,
            _ => Recording::Unknown,
        };
        let provenance = Provenance {
            stream: self.stream,
            device: self.device,
            recording,
        };
        match self.what {
            What::Refused => {}
            What::Record(body) => waiting.push_back(Next::Found(Found {
                key: self.key,
                provenance,
                body,
            })),
            What::Workout(workout) => {
                waiting.extend(workout.bodies().into_iter().map(|(name, body)| {
                    Next::Found(Found {
                        key: Digest::of([self.key.0, name.0]),
                        provenance,
                        body,
                    })
                }));
            }
        }
    }
}

impl Place {
    fn refuse(self, (code, field, message): Reason, waiting: &mut VecDeque<Next>) {
        let mut refusal = Refusal::new(code, message)
            .at("record", self.record)
            .at("byte", self.byte);
        refusal.field = field;
        waiting.push_back(Next::Refused(refusal));
    }
}

/// The name of a tag, with a slash before it if the tag closes an element.
fn name_of(tag: &[u8]) -> &[u8] {
    let name = &tag[1..];
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/');
    let skipped = usize::from(name.first() == Some(&b'/'));
    let length = name[skipped..].iter().position(ends);
    &name[..length.map_or(name.len(), |length| skipped + length)]
}

fn span(attrs: &Attrs<'_>) -> Result<Span, Reason> {
    let at = |text: Option<&str>| -> Option<Timestamp> { text.and_then(date::parse) };
    let start = at(attrs.start).ok_or(START)?;
    let end = at(attrs.end).ok_or(END)?;
    Span::new(start, end).map_err(|_| ORDER)
}

/// A number of 0 or more.
fn number(text: Option<&str>) -> Option<f64> {
    let text = text?.trim_ascii();
    let written = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if !written {
        return None;
    }
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && *value >= 0.0)
}

/// A count, rounded to a whole one.
fn whole(value: f64) -> Option<u32> {
    let rounded = value.round();
    (rounded <= f64::from(u32::MAX)).then_some(rounded as u32)
}

/// What names a record for ever: Apple gives no id, so it is what was recorded, when and by what.
fn key(kind: &str, span: Span, value: &[u8], stream: Digest) -> Digest {
    let start = span.start().as_millis().to_be_bytes();
    let end = span.end().as_millis().to_be_bytes();
    let parts: [&[u8]; 6] = [
        b"apple-health",
        kind.as_bytes(),
        &start,
        &end,
        value,
        &stream.0,
    ];
    Digest::of(parts)
}
