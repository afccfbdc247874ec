//! Money as people write it, and as machines count it: in the currency's smallest unit.

use std::fmt;

use wom_sdk::{Error, Kind, Result};

/// Currencies of which the smallest unit is the whole one (ISO 4217).
const WHOLE: [&str; 16] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
    "VUV", "XAF", "XOF",
];
/// Currencies with a thousand of the smallest unit in one (ISO 4217).
const THOUSANDS: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
/// The most that anybody is asked to read: a million millions of the smallest unit.
const MOST: i64 = 1_000_000_000_000;

/// A currency, by its ISO 4217 code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Currency {
    code: [u8; 3],
}

impl Currency {
    /// The currency of this code, three capital letters: `EUR`.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if it is no code.
    pub fn new(code: &str) -> Result<Self> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self { code }),
            _ => Err(Error::new(
                Kind::ConfigurationInvalid,
                "a currency is three capital letters, as ISO 4217 has them",
            )
            .with("field", "currency")
            .hint("such as EUR")),
        }
    }

    /// The code.
    pub fn code(&self) -> &str {
        // Made of letters of ASCII.
        std::str::from_utf8(&self.code).unwrap_or_default()
    }

    /// How many digits stand after the point: 2 for cents.
    pub fn digits(&self) -> u32 {
        match self.code() {
            code if WHOLE.contains(&code) => 0,
            code if THOUSANDS.contains(&code) => 3,
            _ => 2,
        }
    }

    /// An amount of more than nothing as people type it, with a point or a comma (`12.50`, `12,5`,
    /// `12`), in the smallest unit. Marks between thousands are not taken, as they are read in two
    /// ways.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if it is no such amount.
    pub fn read(&self, text: &str) -> Result<i64> {
        self.units(text.trim()).ok_or_else(|| {
            Error::new(Kind::InputInvalid, "this is no amount of money")
                .with("currency", self.code())
                .hint(format!("write it as {}", self.plain(1_250)))
        })
    }

    fn units(&self, text: &str) -> Option<i64> {
        let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
        let digits = usize::try_from(self.digits()).ok()?;
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let short = whole.len() + digits <= 13 && part.len() <= digits;
        if whole.is_empty() || !short || !are_digits(whole) || !are_digits(part) {
            return None;
        }
        let units: i64 = format!("{whole}{part:0<digits$}").parse().ok()?;
        (1..=MOST).contains(&units).then_some(units)
    }

    /// An amount with a point and without the currency: `12.50`.
    pub fn plain(&self, units: i64) -> String {
        let digits = usize::try_from(self.digits()).unwrap_or(0);
        let sign = if units < 0 { "-" } else { "" };
        let padded = format!("{:0>width$}", units.unsigned_abs(), width = digits + 1);
        let (whole, part) = padded.split_at(padded.len() - digits);
        match part {
            "" => format!("{sign}{whole}"),
            part => format!("{sign}{whole}.{part}"),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::new(code).unwrap()
    }

    #[test]
    fn money_is_read_as_people_write_it() {
        for (code, text, units) in [
            ("EUR", "12.50", Some(1_250)),
            ("EUR", " 12,5 ", Some(1_250)),
            ("EUR", "12", Some(1_200)),
            ("EUR", "12.", Some(1_200)),
            ("EUR", "0,01", Some(1)),
            ("EUR", "00012.50", Some(1_250)),
            ("EUR", "0", None),
            ("EUR", "", None),
            ("EUR", ".5", None),
            ("EUR", "-1", None),
            ("EUR", "+1", None),
            ("EUR", "1.234", None),
            ("EUR", "1.234,50", None),
            ("EUR", "1 000", None),
            ("EUR", "1e3", None),
            ("EUR", "١٢", None),
            ("EUR", "99999999999999999999", None),
            ("JPY", "1250", Some(1_250)),
            ("JPY", "12.5", None),
            ("TND", "12.505", Some(12_505)),
        ] {
            assert_eq!(currency(code).read(text).ok(), units, "{code} {text}");
        }
        for code in ["", "eur", "EURO", "E1R", "€"] {
            assert!(Currency::new(code).is_err(), "{code}");
        }
    }

    #[test]
    fn money_is_told_with_its_digits() {
        assert_eq!(currency("EUR").plain(1_205), "12.05");
        assert_eq!(currency("EUR").plain(5), "0.05");
        assert_eq!(currency("EUR").plain(-250), "-2.50");
        assert_eq!(currency("JPY").plain(1_250), "1250");
        assert_eq!(currency("TND").plain(5), "0.005");
        let error = currency("EUR").read("12.345").unwrap_err();
        assert_eq!(error.advice(), Some("write it as 12.50"));
    }

    proptest! {
        #[test]
        fn what_is_told_is_read(units in 1..=MOST, code in prop::sample::select(vec!["EUR", "JPY", "TND"])) {
            let currency = currency(code);
            prop_assert_eq!(currency.read(&currency.plain(units)).unwrap(), units);
        }

        #[test]
        fn whatever_is_typed_is_more_than_nothing_or_refused(text in "\\PC{0,20}") {
            if let Ok(units) = currency("EUR").read(&text) {
                prop_assert!((1..=MOST).contains(&units));
            }
        }
    }
}
