//! The lenient reader of the protocol's two JSON layers.
//!
//! Real senders write trailing commas, any case in names and numbers in strings; the inner layer
//! also takes comments (WOM protocol, "Two JSON layers, two parsers"). What is read is bounded in
//! depth, in values and in length, so foreign bytes cost little.

use jiff::civil;
use serde_json::{Map, Number, Value};

use crate::{Error, Kind, Result, Timestamp};

/// Where a text comes from, which decides how it is read and what a fault is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layer {
    /// The body of an HTTP request or answer. Faults are [`Kind::InputInvalid`].
    Outer,
    /// The text inside an encrypted payload. Faults are [`Kind::PayloadInvalid`], always with the
    /// same message, so that nobody learns from them how decryption went.
    Inner,
}

/// How much a JSON text may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of the whole text.
    pub bytes: usize,
    /// Objects and arrays within one another.
    pub depth: usize,
    /// Values and members in all.
    pub values: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 1 << 20,
            depth: 16,
            values: 20_000,
        }
    }
}

impl Limits {
    /// For answers that carry many vouchers.
    pub const ANSWER: Self = Self {
        bytes: 16 << 20,
        depth: 16,
        values: 400_000,
    };
}

/// Objects within one another that are read whatever the limits say: the reader calls itself.
const DEEPEST: usize = 64;

/// Reads one JSON object; a byte-order mark before it and white space or zeros after it are skipped.
///
/// ```
/// use wom_sdk::protocol::json::{self, Layer, Limits};
///
/// let text = br#"{"Count": "27", /* of two walks */ "aim": "H",}"#;
/// assert!(json::object(text, Layer::Inner, Limits::default()).is_ok());
/// assert!(json::object(text, Layer::Outer, Limits::default()).is_err());
/// ```
pub fn object(bytes: &[u8], layer: Layer, limits: Limits) -> Result<Document> {
    match parse(bytes, layer, limits)? {
        Value::Object(members) => Ok(Document { members, layer }),
        _ => Err(layer.fault()),
    }
}

/// Reads one JSON value of any kind. Of members with the same name the last one counts.
pub fn parse(bytes: &[u8], layer: Layer, limits: Limits) -> Result<Value> {
    if bytes.len() > limits.bytes {
        return Err(layer.excess());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| layer.fault())?;
    let mut reader = Reader {
        text: text.strip_prefix('\u{feff}').unwrap_or(text),
        at: 0,
        layer,
        depth: limits.depth.min(DEEPEST),
        values: limits.values,
    };
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// A JSON object as read. Its texts may be secrets: they are overwritten when it goes.
pub struct Document {
    members: Map<String, Value>,
    layer: Layer,
}

impl Document {
    pub(super) fn members(&self) -> Members<'_> {
        Members::new(&self.members, self.layer)
    }

    /// The members, by name.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.members
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Document({} members)", self.members.len())
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        self.members.values_mut().for_each(scrub);
    }
}

fn scrub(value: &mut Value) {
    match value {
        Value::String(text) => zeroize::Zeroize::zeroize(text),
        Value::Array(values) => values.iter_mut().for_each(scrub),
        Value::Object(members) => members.values_mut().for_each(scrub),
        Value::Null | Value::Bool(_) | Value::Number(_) => (),
    }
}

impl Layer {
    /// The error of whatever cannot be read.
    pub(super) fn fault(self) -> Error {
        match self {
            Self::Outer => Error::new(Kind::InputInvalid, "the body is not the JSON expected here"),
            Self::Inner => super::payload_fault(),
        }
    }

    fn excess(self) -> Error {
        match self {
            Self::Outer => Error::new(Kind::LimitExceeded, "the body is too large or too deep"),
            Self::Inner => super::payload_fault(),
        }
    }

    /// A number, also in a text.
    pub(super) fn number(self, value: &Value) -> Result<f64> {
        let number = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.fault())
    }

    /// A whole number, also in a text. A fraction is refused inside and cut off outside, as the
    /// two readers of the protocol do.
    pub(super) fn integer(self, value: &Value) -> Result<i64> {
        let number = match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| self.cut(number.as_f64().unwrap_or(f64::NAN))),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.fault())
    }

    fn cut(self, number: f64) -> Option<i64> {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        (self == Self::Outer && number.abs() <= EXACT).then_some(number as i64)
    }
}

/// The members of an object, found by name in any case and read by type. `null` is absent.
#[derive(Clone, Copy)]
pub(super) struct Members<'a> {
    map: &'a Map<String, Value>,
    layer: Layer,
}

impl<'a> Members<'a> {
    pub(super) fn new(map: &'a Map<String, Value>, layer: Layer) -> Self {
        Self { map, layer }
    }

    pub(super) fn layer(self) -> Layer {
        self.layer
    }

    pub(super) fn find(self, name: &str) -> Option<&'a Value> {
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

    pub(super) fn fault(self, name: &'static str) -> Error {
        match self.layer {
            Layer::Outer => self.layer.fault().with("member", name),
            Layer::Inner => self.layer.fault(),
        }
    }

    fn required<T>(self, name: &'static str, value: Result<Option<T>>) -> Result<T> {
        value?.ok_or_else(|| self.fault(name))
    }

    /// A text; inside also a number, which is then taken as it was read.
    pub(super) fn optional_text(self, name: &'static str) -> Result<Option<&'a str>> {
        match self.find(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name)),
        }
    }

    pub(super) fn text(self, name: &'static str) -> Result<&'a str> {
        self.required(name, self.optional_text(name))
    }

    /// A text, or a whole number in its decimal form: ids, and PINs and nonces of careless senders.
    pub(super) fn optional_id(self, name: &'static str) -> Result<Option<String>> {
        match self.find(name) {
            Some(Value::Number(number)) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => Ok(self.optional_text(name)?.map(ToOwned::to_owned)),
        }
    }

    pub(super) fn id(self, name: &'static str) -> Result<String> {
        self.required(name, self.optional_id(name))
    }

    pub(super) fn optional_integer(self, name: &'static str) -> Result<Option<i64>> {
        self.read(name, |value| self.layer.integer(value))
    }

    pub(super) fn integer(self, name: &'static str) -> Result<i64> {
        self.required(name, self.optional_integer(name))
    }

    pub(super) fn optional_number(self, name: &'static str) -> Result<Option<f64>> {
        self.read(name, |value| self.layer.number(value))
    }

    pub(super) fn number(self, name: &'static str) -> Result<f64> {
        self.required(name, self.optional_number(name))
    }

    /// Yes or no; inside also as a text.
    pub(super) fn optional_boolean(self, name: &'static str) -> Result<Option<bool>> {
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

    pub(super) fn optional_object(
        self,
        name: &'static str,
    ) -> Result<Option<&'a Map<String, Value>>> {
        self.read(name, |value| {
            value.as_object().ok_or_else(|| self.layer.fault())
        })
    }

    pub(super) fn optional_array(self, name: &'static str) -> Result<Option<&'a [Value]>> {
        self.read(name, |value| {
            value
                .as_array()
                .map(Vec::as_slice)
                .ok_or_else(|| self.layer.fault())
        })
    }

    pub(super) fn required_array(self, name: &'static str) -> Result<&'a [Value]> {
        self.required(name, self.optional_array(name))
    }

    /// The objects of an array, each read by `read`.
    pub(super) fn list<T>(
        self,
        name: &'static str,
        read: impl Fn(Members<'a>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.required_array(name)?
            .iter()
            .map(|entry| match entry {
                Value::Object(map) => read(Members::new(map, self.layer)),
                _ => Err(self.fault(name)),
            })
            .collect()
    }

    pub(super) fn optional_timestamp(self, name: &'static str) -> Result<Option<Timestamp>> {
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

struct Reader<'a> {
    text: &'a str,
    at: usize,
    layer: Layer,
    depth: usize,
    values: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Value> {
        self.values = self
            .values
            .checked_sub(1)
            .ok_or_else(|| self.layer.excess())?;
        self.skip_blanks()?;
        match self.peek() {
            Some(b'{') => self.deeper(Self::object),
            Some(b'[') => self.deeper(Self::array),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn deeper(&mut self, read: fn(&mut Self) -> Result<Value>) -> Result<Value> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| self.layer.excess())?;
        self.at += 1;
        let value = read(self);
        self.depth += 1;
        value
    }

    fn object(&mut self) -> Result<Value> {
        let mut members = Map::new();
        loop {
            self.skip_blanks()?;
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            let name = self.string()?;
            self.skip_blanks()?;
            if !self.take(b':') {
                return Err(self.layer.fault());
            }
            let value = self.value()?;
            members.insert(name, value);
            self.separator(b'}')?;
        }
    }

    fn array(&mut self) -> Result<Value> {
        let mut values = Vec::new();
        loop {
            self.skip_blanks()?;
            if self.take(b']') {
                return Ok(Value::Array(values));
            }
            values.push(self.value()?);
            self.separator(b']')?;
        }
    }

    /// A comma, or nothing before the closing bracket.
    fn separator(&mut self, close: u8) -> Result<()> {
        self.skip_blanks()?;
        if self.take(b',') || self.peek() == Some(close) {
            return Ok(());
        }
        Err(self.layer.fault())
    }

    fn string(&mut self) -> Result<String> {
        if !self.take(b'"') {
            return Err(self.layer.fault());
        }
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or_else(|| self.layer.fault())?;
            string.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escape()?),
                // Line ends and the like stand raw in texts of the inner layer only.
                control if self.layer == Layer::Inner => string.push(char::from(control)),
                _ => return Err(self.layer.fault()),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        let escaped = self.peek().ok_or_else(|| self.layer.fault())?;
        self.at += 1;
        Ok(match escaped {
            b'"' | b'\\' | b'/' => char::from(escaped),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => {
                // Not `at` in the middle of a character: the whole reading ends here.
                return Err(self.layer.fault());
            }
        })
    }

    fn unicode(&mut self) -> Result<char> {
        let first = self.hex()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(self.layer.fault());
                }
                let second = self.hex()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.layer.fault());
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.layer.fault())
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .ok_or_else(|| self.layer.fault())?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.layer.fault())
    }

    fn number(&mut self) -> Result<Value> {
        let rest = &self.text[self.at..];
        let length = rest
            .find(|c: char| !matches!(c, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'))
            .unwrap_or(rest.len());
        let digits = &rest[..length];
        self.at += length;
        if !is_number(digits) {
            return Err(self.layer.fault());
        }
        if let Ok(integer) = digits.parse::<i64>() {
            return Ok(Value::Number(integer.into()));
        }
        digits
            .parse::<f64>()
            .ok()
            .and_then(Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| self.layer.fault())
    }

    fn word(&mut self) -> Result<Value> {
        let rest = &self.text[self.at..];
        let words = [
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("null", Value::Null),
        ];
        for (word, value) in words {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        Err(self.layer.fault())
    }

    fn skip_blanks(&mut self) -> Result<()> {
        loop {
            while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
                self.at += 1;
            }
            if self.layer == Layer::Outer || self.peek() != Some(b'/') {
                return Ok(());
            }
            let rest = &self.text[self.at..];
            let length = if rest.starts_with("//") {
                rest.find(['\n', '\r']).unwrap_or(rest.len())
            } else if rest.starts_with("/*") {
                rest[2..].find("*/").ok_or_else(|| self.layer.fault())? + 4
            } else {
                return Err(self.layer.fault());
            };
            self.at += length;
        }
    }

    fn end(&mut self) -> Result<()> {
        self.skip_blanks()?;
        let rest = self.text[self.at..].trim_end_matches(['\0', ' ', '\t', '\r', '\n']);
        if rest.is_empty() {
            return Ok(());
        }
        Err(self.layer.fault())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }
}

/// Whether the text is a number by the grammar of JSON, of at most 64 characters.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    text.len() <= 64
        && digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
