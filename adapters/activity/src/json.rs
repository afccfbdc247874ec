//! `activity.json`.

mod split;

use std::{borrow::Cow, fmt};

use async_trait::async_trait;
use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess};
use wom_sdk::{
    Error, Observation, Result, Timestamp,
    instrument::{
        Capabilities, Chunks, Info, Input, Instrument, Proven, Refusal, Sink, Window, json::Piece,
    },
};

use self::split::Splitter;
use crate::{
    Config,
    fields::{Field, unknown_name},
    record::{LIMIT, Record, Value},
};

/// Reads records of activity from JSON: one array, one object `{"activities": [...]}`, or JSON
/// lines. See the [crate](crate) about the records.
///
/// Damage within a record is refused with that record. Damage between the records of an array
/// ends the reading with an error, as the rest cannot be told apart; of JSON lines, only the
/// line is lost.
#[derive(Clone, Debug, Default)]
pub struct ActivityJson {
    config: Config,
}

impl ActivityJson {
    /// The adapter with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    fn observation(&self, piece: &Piece<'_>) -> Result<Observation, Refusal> {
        let result = match piece.bytes {
            Some(bytes) => parse(bytes).and_then(|record| record.observation(&self.config)),
            None => Err(Refusal::new(
                "too_large",
                "the record has more than 64 KiB; leave out what is not a field",
            )),
        };
        result.map_err(|refusal| refusal.at("line", piece.line).at("record", piece.number))
    }
}

#[async_trait]
impl Instrument for ActivityJson {
    fn info(&self) -> Info {
        Info {
            name: "activity.json",
            summary: "Activities, steps and milestones as JSON: an array, an object with activities, or JSON lines",
            rules: "active-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        crate::capabilities()
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut splitter = Splitter::new(Window::open(input, LIMIT)?);
        let mut chunks = Chunks::new(sink);
        let outcome: Result<(), Error> = loop {
            let found = match splitter.next() {
                Ok(Some(piece)) => self.observation(&piece),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            match found {
                Ok(observation) => chunks.push(observation).await?,
                Err(refusal) => chunks.refuse(refusal).await?,
            }
            chunks.progress(splitter.taken());
        };
        chunks.finish().await?;
        outcome
    }
}

/// The fields of one record.
fn parse(bytes: &[u8]) -> Result<Record<'_>, Refusal> {
    if std::str::from_utf8(bytes).is_err() {
        return Err(Refusal::new(
            "not_utf8",
            "the record is not in UTF-8; write the file in UTF-8",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut flaw = None;
    (&mut json)
        .deserialize_map(RecordVisitor { flaw: &mut flaw })
        .and_then(|record| json.end().map(|()| record))
        .map_err(|error| bad_json(&error))
        .and_then(|record| flaw.map_or(Ok(record), Err))
}

/// The parser's words, unless they might quote the input.
fn bad_json(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        return Refusal::new(
            "bad_json",
            "a record must be an object, such as {\"participant\": ...}",
        );
    }
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    Refusal::new(
        "bad_json",
        format!(
            "the record is not valid JSON at column {} of its line {}: {words}",
            error.column(),
            error.line()
        ),
    )
}

/// Takes in every member. The first flaw is kept apart, so that broken JSON after it still shows.
struct RecordVisitor<'f> {
    flaw: &'f mut Option<Refusal>,
}

impl<'de> de::Visitor<'de> for RecordVisitor<'_> {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut record = Record::default();
        while let Some(name) = map.next_key_seed(NameSeed)? {
            let Some(field) = Field::named(&name) else {
                map.next_value::<IgnoredAny>()?;
                self.flaw
                    .get_or_insert_with(|| Refusal::new("unknown_field", unknown_name(&name)));
                continue;
            };
            let Some(value) = map.next_value_seed(ValueSeed)? else {
                continue;
            };
            if !record.set(field, value) {
                self.flaw.get_or_insert_with(|| {
                    Refusal::new("duplicate_field", "is there twice; leave one out")
                        .field(field.name())
                });
            }
        }
        Ok(record)
    }
}

/// A member's name, borrowed where it can be.
struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> de::Visitor<'de> for NameSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A member's value; `None` for null, which is the same as no member.
struct ValueSeed;

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Option<Value<'de>>;

    fn deserialize<D: de::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for ValueSeed {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        Ok(Some(Value::Flag(flag)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Some(Value::Whole(number)))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Some(Value::Number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Some(whole_float(number)))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(Cow::Owned(text.to_owned()))))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Some(Value::Nested))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Some(Value::Nested))
    }
}

/// A number written with a point or an exponent, as some programs write whole numbers.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded before"
)]
fn whole_float<'a>(number: f64) -> Value<'a> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && (0.0..EXACT).contains(&number) {
        Value::Whole(number as u64)
    } else {
        Value::Number
    }
}
