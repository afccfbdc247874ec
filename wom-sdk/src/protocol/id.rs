//! Identifiers of sources, POS and vouchers, as texts on the wire.

use std::{cmp::Ordering, fmt, hash, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::random;
use crate::{Error, Kind, Result};

/// Digits of an object id: 96 bits in hexadecimal.
const OBJECT_ID_DIGITS: usize = 24;

macro_rules! identifier {
    ($(#[$doc:meta])+ $name:ident, $what:literal) => {
        $(#[$doc])+
        ///
        /// 24 hexadecimal digits, or a decimal number from older systems. The spelling given is
        /// kept for sending; case plays no part in comparisons.
        #[derive(Clone)]
        pub struct $name(String);

        impl $name {
            /// A fresh id from the randomness of the operating system, lower case.
            pub fn random() -> Self {
                Self(random::hex(OBJECT_ID_DIGITS / 2))
            }

            /// The text as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether it has the present form of 24 hexadecimal digits; the decimal form is
            /// readable, but no present Registry knows such an entity.
            pub fn is_object_id(&self) -> bool {
                is_object_id(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                if is_object_id(text) || is_decimal(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(Error::new(Kind::InputInvalid, concat!("not the id of a ", $what))
                    .hint("an id has 24 hexadecimal digits"))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $name {}

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                folded(&self.0).cmp(folded(&other.0))
            }
        }

        impl hash::Hash for $name {
            fn hash<H: hash::Hasher>(&self, state: &mut H) {
                folded(&self.0).for_each(|byte| state.write_u8(byte));
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier! {
    /// The id of a source: an instrument that awards vouchers.
    SourceId, "source"
}

identifier! {
    /// The id of a POS: a place that accepts vouchers.
    PosId, "POS"
}

/// The id of one voucher: the record it belongs to, and its number among the record's vouchers.
///
/// ```
/// use wom_sdk::protocol::VoucherId;
///
/// let id: VoucherId = "65aa0c3be1f0d25c7b9e4433/2".parse()?;
/// assert_eq!(id.record(), "65aa0c3be1f0d25c7b9e4433");
/// assert_eq!(id.index(), Some(2));
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct VoucherId {
    record: String,
    index: Option<u32>,
}

impl VoucherId {
    /// The voucher with this number, from 1, of a record named by 24 hexadecimal digits.
    pub fn new(record: &str, index: u32) -> Result<Self> {
        if !is_object_id(record) || index == 0 {
            return Err(Self::malformed());
        }
        Ok(Self {
            record: record.to_owned(),
            index: Some(index),
        })
    }

    /// A fresh name for a record of vouchers: 24 hexadecimal digits, lower case.
    pub fn random_record() -> String {
        random::hex(OBJECT_ID_DIGITS / 2)
    }

    /// The record's name as given; of a legacy voucher its decimal number.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The number among the record's vouchers, from 1; none for a legacy voucher.
    pub fn index(&self) -> Option<u32> {
        self.index
    }

    fn malformed() -> Error {
        Error::new(Kind::InputInvalid, "not the id of a voucher")
            .hint("an id has 24 hexadecimal digits, a slash and a number from 1")
    }
}

impl FromStr for VoucherId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Some((record, index)) = text.split_once('/') else {
            if !is_decimal(text) {
                return Err(Self::malformed());
            }
            return Ok(Self {
                record: text.to_owned(),
                index: None,
            });
        };
        if !index.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Self::malformed());
        }
        Self::new(record, index.parse().map_err(|_| Self::malformed())?)
    }
}

impl fmt::Display for VoucherId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index {
            Some(index) => write!(f, "{}/{index}", self.record),
            None => f.write_str(&self.record),
        }
    }
}

impl PartialEq for VoucherId {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.record.eq_ignore_ascii_case(&other.record)
    }
}

impl Eq for VoucherId {}

impl PartialOrd for VoucherId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VoucherId {
    fn cmp(&self, other: &Self) -> Ordering {
        folded(&self.record)
            .cmp(folded(&other.record))
            .then(self.index.cmp(&other.index))
    }
}

impl hash::Hash for VoucherId {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        folded(&self.record).for_each(|byte| state.write_u8(byte));
        self.index.hash(state);
    }
}

impl Serialize for VoucherId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VoucherId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

fn is_object_id(text: &str) -> bool {
    text.len() == OBJECT_ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A whole number of 64 bits in canonical decimal form, as older systems used.
fn is_decimal(text: &str) -> bool {
    text.parse::<i64>()
        .is_ok_and(|number| number.to_string() == text)
}

fn folded(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes().map(|byte| byte.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_kept_for_sending_and_ignored_in_comparisons() {
        let upper: SourceId = "65AA0C3BE1F0D25C7B9E4411".parse().unwrap();
        let lower: SourceId = "65aa0c3be1f0d25c7b9e4411".parse().unwrap();
        assert_eq!(upper, lower);
        assert_eq!(upper.cmp(&lower), Ordering::Equal);
        assert_eq!(upper.to_string(), "65AA0C3BE1F0D25C7B9E4411");
    }

    #[test]
    fn old_numbers_are_read_and_marked() {
        let old: PosId = "17".parse().unwrap();
        assert!(!old.is_object_id());
        assert!(PosId::random().is_object_id());
        assert_ne!(PosId::random(), PosId::random());
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "x",
            "65aa0c3be1f0d25c7b9e441",
            "65aa0c3be1f0d25c7b9e44zz",
            "007",
            "+7",
        ] {
            assert!(text.parse::<SourceId>().is_err(), "{text}");
        }
    }

    #[test]
    fn voucher_ids_need_a_record_and_a_number_from_one() {
        for text in [
            "65aa0c3be1f0d25c7b9e4433/0",
            "65aa0c3be1f0d25c7b9e4433/",
            "65aa0c3be1f0d25c7b9e4433/+1",
            "65aa0c3be1f0d25c7b9e4433/4294967296",
            "65aa0c3be1f0d25c7b9e4433",
            "17/1",
            "/1",
            "65aa0c3be1f0d25c7b9e4433/1/1",
        ] {
            assert!(text.parse::<VoucherId>().is_err(), "{text}");
        }
        let legacy: VoucherId = "17".parse().unwrap();
        assert_eq!((legacy.record(), legacy.index()), ("17", None));
        let a: VoucherId = "65aa0c3be1f0d25c7b9e4433/1".parse().unwrap();
        let b: VoucherId = "65AA0C3BE1F0D25C7B9E4433/01".parse().unwrap();
        assert_eq!(a, b);
    }
}
