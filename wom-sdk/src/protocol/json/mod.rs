//! The lenient reader of the protocol's two JSON layers.
//!
//! Real senders write trailing commas, any case in names and numbers in strings; the inner layer
//! also takes comments (WOM protocol, "Two JSON layers, two parsers"). What is read is bounded in
//! depth, in values and in length, so foreign bytes cost little.

mod members;
mod reader;

use serde_json::{Map, Value};

pub(in crate::protocol) use members::Members;
use reader::Reader;

use super::payload_fault;
use crate::{Error, Kind, Result};

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
    /// Objects and arrays within one another; more than 64 are never read.
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
        values: 200_000,
    };
}

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
    Reader::new(text, layer, limits).whole()
}

/// A JSON object as read. Its texts may be secrets: they are overwritten when it goes.
pub struct Document {
    members: Map<String, Value>,
    layer: Layer,
}

impl Document {
    pub(in crate::protocol) fn members(&self) -> Members<'_> {
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
    pub(in crate::protocol) fn fault(self) -> Error {
        match self {
            Self::Outer => Error::new(Kind::InputInvalid, "the body is not the JSON expected here"),
            Self::Inner => payload_fault(),
        }
    }

    fn excess(self) -> Error {
        match self {
            Self::Outer => Error::new(Kind::LimitExceeded, "the body is too large or too deep"),
            Self::Inner => payload_fault(),
        }
    }

    /// A number, also in a text.
    pub(in crate::protocol) fn number(self, value: &Value) -> Result<f64> {
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
    pub(in crate::protocol) fn integer(self, value: &Value) -> Result<i64> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::Timestamp;

    fn read(text: &str, layer: Layer) -> Option<Value> {
        parse(text.as_bytes(), layer, Limits::default()).ok()
    }

    #[test]
    fn what_senders_write_is_read() {
        for (text, value) in [
            ("{}", json!({})),
            ("\u{feff} { } \0\0 \n", json!({})),
            (r#"{"a":1,}"#, json!({"a": 1})),
            ("[1,2,]", json!([1, 2])),
            (r#"{"a":1,"a":2}"#, json!({"a": 2})),
            (
                r#"[null,true,false,-0.5e1]"#,
                json!([null, true, false, -5.0]),
            ),
            (r#""\u00e8\ud83d\ude00\/\n""#, json!("è😀/\n")),
            ("9223372036854775807", json!(i64::MAX)),
        ] {
            for layer in [Layer::Outer, Layer::Inner] {
                assert_eq!(read(text, layer).as_ref(), Some(&value), "{text}");
            }
        }
    }

    #[test]
    fn comments_and_raw_line_ends_are_read_inside_only() {
        for text in [
            "{/* one */\"a\":1 // two\n}",
            "{}//",
            "{}/**/",
            "{\"a\":\"line\nend\"}",
        ] {
            assert!(read(text, Layer::Inner).is_some(), "{text}");
            assert!(read(text, Layer::Outer).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "}",
            "[",
            "{,}",
            "[,]",
            "[1,,2]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1 \"b\":2}",
            "{}{}",
            "{} x",
            "01",
            "+1",
            "1.",
            ".5",
            "1e",
            "--1",
            "1e999",
            "NaN",
            "tru",
            "\"",
            "\"\\",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "/",
            "/*",
            "/* /",
            "\"\\è\"",
            "\"\\u00è\"",
            "{\"a\":1}\0{",
        ] {
            for layer in [Layer::Outer, Layer::Inner] {
                assert!(read(text, layer).is_none(), "{text}");
            }
        }
        assert!(parse(b"\"\xff\"", Layer::Inner, Limits::default()).is_err());
    }

    #[test]
    fn depth_values_and_bytes_are_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read(&nested(16), Layer::Outer).is_some());
        let error = parse(nested(17).as_bytes(), Layer::Outer, Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::LimitExceeded);
        let error = parse(nested(17).as_bytes(), Layer::Inner, Limits::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::PayloadInvalid);

        let deep = Limits {
            depth: usize::MAX,
            ..Limits::default()
        };
        assert!(parse(nested(64).as_bytes(), Layer::Outer, deep).is_ok());
        assert!(parse(nested(100_000).as_bytes(), Layer::Outer, deep).is_err());

        let few = Limits {
            values: 3,
            ..Limits::default()
        };
        assert!(parse(b"[1,2]", Layer::Outer, few).is_ok());
        assert!(parse(b"[1,2,3]", Layer::Outer, few).is_err());
        let short = Limits {
            bytes: 4,
            ..Limits::default()
        };
        assert!(parse(b"1234", Layer::Outer, short).is_ok());
        assert!(parse(b"12345", Layer::Outer, short).is_err());
        assert!(read(&("9".repeat(65)), Layer::Outer).is_none());
    }

    #[test]
    fn members_are_found_in_any_case_and_read_by_type() {
        let text = br#"{"COUNT":"27","count":28,"Aim":null,"Yes":"True","at":"2026-03-01T10:00:00",
            "num":"-1.5","id":17,"pin":"4821","ten":10.0}"#;
        let document = object(text, Layer::Inner, Limits::default()).unwrap();
        let members = document.members();
        assert_eq!(members.integer("count").unwrap(), 28);
        assert_eq!(members.integer("Count").unwrap(), 27);
        assert_eq!(members.optional_text("aim").unwrap(), None);
        assert!(members.text("aim").is_err());
        assert_eq!(members.optional_boolean("yes").unwrap(), Some(true));
        assert_eq!(members.number("num").unwrap(), -1.5);
        assert_eq!(members.id("id").unwrap(), "17");
        assert!(members.text("id").is_err());
        assert_eq!(members.integer("pin").unwrap(), 4821);
        assert!(members.integer("ten").is_err());
        assert!(members.integer("absent").is_err());
        let at = members.optional_timestamp("at").unwrap().unwrap();
        assert_eq!(at.to_string(), "2026-03-01T10:00:00Z");
        let outside = object(b"{\"ten\":10.9}", Layer::Outer, Limits::default()).unwrap();
        assert_eq!(outside.members().integer("ten").unwrap(), 10);
    }

    #[test]
    fn dates_of_all_senders_are_read() {
        let read = |text: &str| {
            let text = json!({ "at": text }).to_string();
            let document = object(text.as_bytes(), Layer::Inner, Limits::default()).unwrap();
            document.members().optional_timestamp("at").ok().flatten()
        };
        for text in [
            "2026-03-01T10:00:00Z",
            "2026-03-01T11:00:00+01:00",
            "2026-03-01T10:00:00",
            "2026-03-01T10:00:00.0000000Z",
            "2026-03-01 10:00:00",
            "/Date(1772359200000)/",
            "/Date(1772359200000+0100)/",
        ] {
            assert_eq!(
                read(text),
                Some(Timestamp::from_millis(1_772_359_200_000)),
                "{text}"
            );
        }
        assert_eq!(read("/Date(-1000)/"), Some(Timestamp::from_millis(-1000)));
        assert!(read("0001-01-01T00:00:00").is_some());
        for text in [
            "",
            "soon",
            "/Date()/",
            "/Date(1",
            "2026-13-01T00:00:00Z",
            "/Date(-)/",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no infinity", |number| number.is_finite())
                .prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn strict_json_reads_as_it_was_written(value in value(), pretty: bool) {
            let text = match pretty {
                true => serde_json::to_string_pretty(&value).unwrap(),
                false => value.to_string(),
            };
            prop_assert_eq!(read(&text, Layer::Outer), Some(value.clone()));
            prop_assert_eq!(read(&text, Layer::Inner), Some(value));
        }

        #[test]
        fn what_the_strict_reader_takes_is_taken(text in r#"[\[\]{}",:0-9eE.+\-tfn\\u/* ]{0,24}"#) {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                let ours = read(&text, Layer::Outer);
                prop_assert!(ours.is_some() || text.contains("\\u"), "{}", text);
                if let (Some(ours), true) = (ours, value.is_i64()) {
                    prop_assert_eq!(ours, value);
                }
            }
        }
    }
}
