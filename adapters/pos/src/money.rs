//! Amounts as shops write them: decimals in text, read into a currency's smallest unit and never
//! through a float.

use wom_sdk::{Error, Kind, Result};

/// Currencies of ISO 4217 that have other than two decimals.
const DECIMALS: [(&str, usize); 26] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

/// The most digits of an amount: more do not fit 64 bits.
const DIGITS: usize = 18;

/// An amount in the currency's smallest unit, from text such as `-12.50`. Zeros beyond the currency's
/// decimals are passed over.
///
/// # Errors
/// [`Kind::OutcomeUnknown`] if it is no decimal, or a huge one; [`Kind::Unsupported`] if it is finer
/// than the currency.
pub(crate) fn parse(text: &str, currency: &str) -> Result<i64> {
    let malformed = || {
        Error::new(
            Kind::OutcomeUnknown,
            "the shop tells an amount that is no decimal",
        )
    };
    let decimals = decimals(currency)?;
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || text.len() > 64 {
        return Err(malformed());
    }
    let (kept, finer) = fraction.split_at(decimals.min(fraction.len()));
    if finer.bytes().any(|digit| digit != b'0') {
        return Err(Error::new(
            Kind::Unsupported,
            "the shop counts in parts of the currency's smallest unit",
        )
        .with("currency", currency)
        .hint("set the shop's number of decimals to that of its currency"));
    }
    let whole = whole.trim_start_matches('0');
    if whole.len() + decimals > DIGITS {
        return Err(malformed());
    }
    let units = format!("0{whole}{kept:0<decimals$}");
    let units: i64 = units.parse().map_err(|_| malformed())?;
    Ok(if negative { -units } else { units })
}

/// The amount as text with the currency's decimals.
///
/// # Errors
/// [`Kind::OutcomeUnknown`] if the currency is none.
pub(crate) fn write(amount: i64, currency: &str) -> Result<String> {
    let decimals = decimals(currency)?;
    let sign = if amount < 0 { "-" } else { "" };
    let digits = format!("{:0>1$}", amount.unsigned_abs(), decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    Ok(match fraction {
        "" => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    })
}

/// Hundredths of a percent as a percentage: 1050 is `10.5`.
pub(crate) fn percent(points: u32) -> String {
    let text = format!("{}.{:02}", points / 100, points % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How many decimals the currency has.
fn decimals(currency: &str) -> Result<usize> {
    if currency.len() != 3 || !currency.bytes().all(|it| it.is_ascii_uppercase()) {
        return Err(Error::new(
            Kind::OutcomeUnknown,
            "the shop tells a currency that is not one of ISO 4217",
        ));
    }
    let found = DECIMALS.binary_search_by_key(&currency, |(code, _)| code);
    Ok(found.map_or(2, |index| DECIMALS[index].1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_by_their_currency() {
        for (text, currency, units) in [
            ("12.50", "EUR", 1_250),
            ("12.5", "EUR", 1_250),
            ("12", "EUR", 1_200),
            ("0.00", "EUR", 0),
            ("-0.05", "EUR", -5),
            ("12.500000", "EUR", 1_250),
            ("1200", "JPY", 1_200),
            ("1200.0", "JPY", 1_200),
            ("1.234", "KWD", 1_234),
            ("1.2", "KWD", 1_200),
            ("0.0001", "CLF", 1),
            ("9999999999999999.99", "EUR", 999_999_999_999_999_999),
        ] {
            assert_eq!(parse(text, currency).unwrap(), units, "{text} {currency}");
        }
        for (text, currency) in [("12.505", "EUR"), ("0.5", "JPY"), ("1.2345", "KWD")] {
            assert_eq!(
                parse(text, currency).unwrap_err().kind(),
                Kind::Unsupported,
                "{text} {currency}"
            );
        }
        for (text, currency) in [
            ("", "EUR"),
            ("-", "EUR"),
            (".5", "EUR"),
            ("5.", "EUR"),
            ("1,50", "EUR"),
            ("1e3", "EUR"),
            ("+1", "EUR"),
            (" 1", "EUR"),
            ("--1", "EUR"),
            ("٣", "EUR"),
            ("99999999999999999.00", "EUR"),
            ("1.00", "eur"),
            ("1.00", "EURO"),
            ("1.00", ""),
        ] {
            assert_eq!(
                parse(text, currency).unwrap_err().kind(),
                Kind::OutcomeUnknown,
                "{text} {currency}"
            );
        }
    }

    #[test]
    fn shares_are_written_shortest() {
        for (points, text) in [(1_000, "10"), (1_050, "10.5"), (1, "0.01"), (10_000, "100")] {
            assert_eq!(percent(points), text);
        }
    }

    #[test]
    fn the_table_can_be_searched() {
        assert!(DECIMALS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            amount in -99_999_999_999_999_i64..=99_999_999_999_999,
            currency in prop::sample::select(vec!["EUR", "JPY", "KWD", "CLF", "USD", "XOF"]),
            zeros in "0{0,6}",
        ) {
            let text = write(amount, currency).unwrap();
            prop_assert_eq!(parse(&text, currency).unwrap(), amount);
            let longer = match text.contains('.') {
                true => format!("{text}{zeros}"),
                false => format!("{text}.0{zeros}"),
            };
            prop_assert_eq!(parse(&longer, currency).unwrap(), amount);
        }

        #[test]
        fn any_text_is_read_or_refused(text: String, currency in "[A-Z]{3}|.{0,5}") {
            if let Ok(units) = parse(&text, &currency) {
                prop_assert!(units.unsigned_abs() < 10_u64.pow(18));
                let again = write(units, &currency).unwrap();
                prop_assert_eq!(parse(&again, &currency).unwrap(), units);
            }
        }

        #[test]
        fn any_decimal_is_the_integer_of_its_digits(whole in 0_u64..1_000_000_000, cents in 0_u64..100) {
            let units = i64::try_from(whole * 100 + cents).unwrap();
            prop_assert_eq!(parse(&format!("{whole}.{cents:02}"), "EUR").unwrap(), units);
            prop_assert_eq!(parse(&format!("-{whole}.{cents:02}"), "EUR").unwrap(), -units);
        }
    }
}
