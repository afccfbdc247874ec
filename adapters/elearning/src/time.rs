//! Instants as learning platforms write them: ISO 8601 with a zone.

use wom_sdk::{Timestamp, Zone, instrument::Refusal};

/// The instant of `YYYY-MM-DDTHH:MM[:SS[.fraction]]` with `Z` or an offset, or, where a zone is
/// given, without one. A blank may stand for the `T`, any number of digits for the fraction.
///
/// # Errors
/// The refusal `no_zone` where a zone is missing, `bad_time` for everything else.
pub fn instant(text: &str, zone: Option<&Zone>) -> Result<Timestamp, Refusal> {
    let bad = || {
        Refusal::new(
            "bad_time",
            "the time is not a date and time that exists; it must be written as 2026-03-01T10:00:00Z",
        )
    };
    if let Some(at) = plain_utc(text.as_bytes()) {
        return Ok(at);
    }
    // Longer texts than any time are no times.
    if text.len() > 64 || !text.is_ascii() {
        return Err(bad());
    }
    let time = text.get(11..).ok_or_else(bad)?;
    let has_zone = time.contains(['Z', 'z', '+', '-']);
    if has_zone {
        return text.parse().map_err(|_| bad());
    }
    let Some(zone) = zone else {
        Zone::UTC.instant(text).map_err(|_| bad())?;
        return Err(Refusal::new(
            "no_zone",
            "the time has no zone, so it names no instant; let the sender add it, or give the setting zone",
        ));
    };
    zone.instant(text).map_err(|_| bad())
}

/// The common form `2026-03-02T09:00:00[.123456][Z|+00:00]`, read without a detour: it is the most of
/// what servers write. `None` for anything else, which may be right all the same.
fn plain_utc(text: &[u8]) -> Option<Timestamp> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let digits = |from: usize, to: usize| {
        head[from..to].iter().try_fold(0_i64, |number, byte| {
            byte.is_ascii_digit()
                .then(|| number * 10 + i64::from(byte - b'0'))
        })
    };
    if [head[4], head[7], head[10], head[13], head[16]] != *b"--T::" {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    if !(1970..=9000).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = rest;
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if !(1..=9).contains(&length) {
            return None;
        }
        for index in 0..3 {
            let digit = fraction[..length].get(index).map_or(0, |byte| byte - b'0');
            millis = millis * 10 + i64::from(digit);
        }
        rest = &fraction[length..];
    }
    if !matches!(rest, b"Z" | b"+00:00") {
        return None;
    }
    // Days from civil, by Hinnant's algorithm for years that begin in March.
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Timestamp::from_millis(seconds * 1_000 + millis))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_calendar(seconds in 0_i64..200_000_000_000, millis in 0_i64..1_000) {
            let at = Timestamp::from_millis(seconds * 1_000 + millis);
            for form in [
                at.to_string(),
                at.to_string().replace('Z', "+00:00"),
                at.to_string().replace('Z', "+01:00"),
                at.to_string().replace('Z', "-00:30"),
            ] {
                prop_assert_eq!(instant(&form, None).unwrap(), form.parse::<Timestamp>().unwrap(), "{}", form);
            }
        }
    }

    #[test]
    fn what_has_no_zone_or_does_not_exist_is_told_apart() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let code = |text| instant(text, None).unwrap_err().code;
        for text in [
            "2026-03-05 06:00:00",
            "2026-03-05T06:00:00.123",
            "2026-03-05T06:00",
        ] {
            assert_eq!(code(text), "no_zone", "{text}");
            assert!(instant(text, Some(&rome)).is_ok(), "{text}");
        }
        for text in [
            "",
            "2026-03-05",
            "yesterday at noon",
            "2026-02-30T10:00:00Z",
            "2026-02-28T24:00:00Z",
            "2026-02-28T23:60:00Z",
            "2026-02-28T10:00:00+99:99",
            "2026-13-28T10:00:00Z",
            "٢٠٢٦-03-01T10:00:00Z",
            &"9".repeat(1_000),
        ] {
            assert_eq!(code(text), "bad_time", "{text}");
        }
        assert_eq!(
            instant("2026-03-01T10:00:00.123999Z", None)
                .unwrap()
                .as_millis()
                % 1_000,
            123
        );
        assert!(instant("2026-03-01 10:00:00.1234567890Z", None).is_err());
    }
}
