//! Whole numbers, as JSON has them: `30.0` is one too, and some languages write it so.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Unexpected, Visitor},
};

/// A whole number of 32 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole(pub(crate) u32);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u32(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number from 0 to 4294967295")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        let whole = u32::try_from(number).map(Whole);
        whole.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is compared with what it came from"
        )]
        let whole = number as u32;
        if f64::from(whole) == number {
            return Ok(Whole(whole));
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_by_its_value() {
        for (text, whole) in [
            ("30", Some(30)),
            ("30.0", Some(30)),
            ("3e1", Some(30)),
            ("-0.0", Some(0)),
            ("4294967295.0", Some(u32::MAX)),
            ("4294967296", None),
            ("4294967296.0", None),
            ("30.5", None),
            ("-1", None),
            ("-1.0", None),
            ("\"30\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<Whole>(text).ok();
            assert_eq!(read.map(|whole| whole.0), whole, "{text}");
        }
    }
}
