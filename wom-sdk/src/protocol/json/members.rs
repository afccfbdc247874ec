//! Typed reading of an object's members.

use jiff::civil;
use serde_json::{Map, Value};

use super::Layer;
use crate::{Error, Result, Timestamp};

/// The members of an object, found by name in any case and read by type. `null` is absent.
#[derive(Clone, Copy)]
pub(in crate::protocol) struct Members<'a> {
    map: &'a Map<String, Value>,
    layer: Layer,
}

impl<'a> Members<'a> {
    pub(in crate::protocol) fn new(map: &'a Map<String, Value>, layer: Layer) -> Self {
        Self { map, layer }
    }

    pub(in crate::protocol) fn layer(self) -> Layer {
        self.layer
    }

    pub(in crate::protocol) fn find(self, name: &str) -> Option<&'a Value> {
        self.map
            .get(name)
            .or_else(|| {
                let mut others = self.map.iter();
                others
                    .find(|(other, _)| other.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value)
            })
            .filter(|value| !value.is_null())
    }

    pub(in crate::protocol) fn fault(self, name: &'static str) -> Error {
        match self.layer {
            Layer::Outer => self.layer.fault().with("member", name),
            Layer::Inner => self.layer.fault(),
        }
    }

    fn required<T>(self, name: &'static str, value: Result<Option<T>>) -> Result<T> {
        value?.ok_or_else(|| self.fault(name))
    }

    /// A text.
    pub(in crate::protocol) fn optional_text(self, name: &'static str) -> Result<Option<&'a str>> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name)),
        }
    }

    pub(in crate::protocol) fn text(self, name: &'static str) -> Result<&'a str> {
        self.required(name, self.optional_text(name))
    }

    /// A text, or a whole number in its decimal form: ids, and PINs and nonces of careless senders.
    pub(in crate::protocol) fn optional_id(self, name: &'static str) -> Result<Option<String>> {
        match self.find(name) {
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => Ok(self.optional_text(name)?.map(ToOwned::to_owned)),
        }
    }

    pub(in crate::protocol) fn id(self, name: &'static str) -> Result<String> {
        self.required(name, self.optional_id(name))
    }

    pub(in crate::protocol) fn optional_integer(self, name: &'static str) -> Result<Option<i64>> {
        self.read(name, |value| self.layer.integer(value))
    }

    pub(in crate::protocol) fn integer(self, name: &'static str) -> Result<i64> {
        self.required(name, self.optional_integer(name))
    }

    pub(in crate::protocol) fn optional_number(self, name: &'static str) -> Result<Option<f64>> {
        self.read(name, |value| self.layer.number(value))
    }

    pub(in crate::protocol) fn number(self, name: &'static str) -> Result<f64> {
        self.required(name, self.optional_number(name))
    }

    /// Yes or no; inside also as a text.
    pub(in crate::protocol) fn optional_boolean(self, name: &'static str) -> Result<Option<bool>> {
        self.read(name, |value| match value {
            Value::Bool(answer) => Ok(*answer),
            Value::String(text) if self.layer == Layer::Inner => {
                match text.to_ascii_lowercase().as_str() {
                    "true" => Ok(true),
                    "false" => Ok(false),
                    _ => Err(self.layer.fault()),
                }
            }
            _ => Err(self.layer.fault()),
        })
    }

    pub(in crate::protocol) fn optional_object(
        self,
        name: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>> {
        self.read(name, |value| {
            value.as_object().ok_or_else(|| self.layer.fault())
        })
    }

    pub(in crate::protocol) fn optional_array(
        self,
        name: &'static str,
    ) -> Result<Option<&'a [Value]>> {
        self.read(name, |value| {
            value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| self.layer.fault())
        })
    }

    pub(in crate::protocol) fn required_array(self, name: &'static str) -> Result<&'a [Value]> {
        self.required(name, self.optional_array(name))
    }

    /// The objects of an array, each read by `read`.
    pub(in crate::protocol) fn list<T>(
        self,
        name: &'static str,
        read: impl Fn(Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.required_array(name)?
            .iter()
            .map(|entry| match entry {
                Value::Object(map) => read(Self::new(map, self.layer)),
                _ => Err(self.fault(name)),
            })
            .collect()
    }

    pub(in crate::protocol) fn optional_timestamp(
        self,
        name: &'static str,
    ) -> Result<Option<Timestamp>> {
        self.optional_text(name)?
            .map(|text| timestamp(text).ok_or_else(|| self.fault(name)))
            .transpose()
    }

    fn read<T>(
        self,
        name: &'static str,
        read: impl Fn(&'a Value) -> Result<T>,
    ) -> Result<Option<T>> {
        self.find(name)
            .map(|value| read(value).map_err(|_| self.fault(name)))
            .transpose()
    }
}

/// A date as the protocol's senders write it: ISO 8601 with an offset, or without one and then in
/// UTC, or `/Date(milliseconds)/`.
fn timestamp(text: &str) -> Option<Timestamp> {
    if let Some(millis) = text.strip_prefix("/Date(") {
        let millis = millis.strip_suffix(")/")?;
        // An offset after the number only serves display.
        let end = millis.rfind(['+', '-']).filter(|&at| at > 0);
        return millis[..end.unwrap_or(millis.len())]
            .parse()
            .ok()
            .map(Timestamp::from_millis);
    }
    if let Ok(at) = text.parse() {
        return Some(at);
    }
    let reading: civil::DateTime = text.parse().ok()?;
    let at = jiff::tz::TimeZone::UTC.to_timestamp(reading).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}
