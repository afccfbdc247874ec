//! Durations as xAPI, cmi5 and SCORM 2004 write them: ISO 8601 with designators.

/// Why a duration is of no use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// Years or months, which have no fixed length.
    Calendar,
    /// Nothing lasted, or less than nothing.
    Nothing,
    /// Not of the form; `10:00` is not either.
    Form,
}

/// The milliseconds of a duration such as `PT4H35M59.14S`, `PT7.5M`, `P1DT12H` or `P4W`: more than 0.
/// Years and months may be there only if they are zero. What is longer than i64 can hold is cut.
///
/// # Errors
/// What is wrong with it.
pub fn millis(text: &str) -> Result<i64, Flaw> {
    let (text, negative) = match text.strip_prefix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let mut rest = text.strip_prefix('P').ok_or(Flaw::Form)?;
    let mut total = 0_i64;
    // The units that may still follow; after T, those of the day.
    let mut units: &[(u8, i64)] = &DATE;
    let (mut in_time, mut any, mut fraction_seen) = (false, false, false);
    let mut calendar = false;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('T') {
            if in_time || after.is_empty() {
                return Err(Flaw::Form);
            }
            (rest, units, in_time) = (after, &TIME, true);
            continue;
        }
        // A fraction may stand on the smallest unit only, so nothing follows one.
        if fraction_seen {
            return Err(Flaw::Form);
        }
        let (whole, after) = number(rest).ok_or(Flaw::Form)?;
        let (thousandths, after, has_fraction) = fraction(after)?;
        fraction_seen = has_fraction;
        let designator = *after.as_bytes().first().ok_or(Flaw::Form)?;
        let place = units.iter().position(|(unit, _)| *unit == designator);
        let place = place.ok_or(Flaw::Form)?;
        let unit_ms = units[place].1;
        units = &units[place + 1..];
        calendar |= unit_ms == 0 && (whole > 0 || thousandths > 0);
        let part = whole
            .saturating_mul(unit_ms)
            .saturating_add(thousandths.saturating_mul(unit_ms) / SCALE);
        total = total.saturating_add(part);
        rest = &after[1..];
        any = true;
    }
    match () {
        () if !any => Err(Flaw::Form),
        () if calendar => Err(Flaw::Calendar),
        () if negative || total == 0 => Err(Flaw::Nothing),
        () => Ok(total),
    }
}

/// Years and months count nothing; see [`Flaw::Calendar`].
const DATE: [(u8, i64); 4] = [
    (b'Y', 0),
    (b'M', 0),
    (b'W', 7 * 86_400_000),
    (b'D', 86_400_000),
];
const TIME: [(u8, i64); 3] = [(b'H', 3_600_000), (b'M', 60_000), (b'S', 1_000)];

/// Fractions are kept to a millionth of their unit: of a week, that is 0.6 s.
const SCALE: i64 = 1_000_000;

/// A whole number and what follows; too large a one is the largest.
fn number(text: &str) -> Option<(i64, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return None;
    }
    let number = text[..length].bytes().fold(0_i64, |number, byte| {
        number
            .saturating_mul(10)
            .saturating_add(i64::from(byte - b'0'))
    });
    Some((number, &text[length..]))
}

/// The fraction in millionths, where there is one, and what follows.
fn fraction(text: &str) -> Result<(i64, &str, bool), Flaw> {
    let Some(digits) = text.strip_prefix(['.', ',']) else {
        return Ok((0, text, false));
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return Err(Flaw::Form);
    }
    let mut value = 0;
    for index in 0..6 {
        let digit = digits.as_bytes()[..length]
            .get(index)
            .map_or(0, |byte| byte - b'0');
        value = value * 10 + i64::from(digit);
    }
    Ok((value, &digits[length..], true))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_forms_of_the_specifications_are_read() {
        for (text, ms) in [
            ("PT24M0.12S", 1_440_120),
            ("PT1470S", 1_470_000),
            ("PT1.375S", 1_375),
            ("PT4H35M59.14S", 16_559_140),
            ("PT16559.14S", 16_559_140),
            ("PT7.5M", 450_000),
            ("PT0,5H", 1_800_000),
            ("P1DT12H", 129_600_000),
            ("P4W", 2_419_200_000),
            ("P0Y0M0DT0H0M1S", 1_000),
            ("PT0.0019S", 1),
            ("PT99999999999999999999S", i64::MAX),
        ] {
            assert_eq!(millis(text), Ok(ms), "{text}");
        }
    }

    #[test]
    fn what_has_no_length_or_is_no_duration_is_told_apart() {
        for (text, flaw) in [
            ("P1M", Flaw::Calendar),
            ("P3Y1M29DT4H", Flaw::Calendar),
            ("P0.5Y", Flaw::Calendar),
            ("PT0S", Flaw::Nothing),
            ("PT0.0001S", Flaw::Nothing),
            ("-PT5M", Flaw::Nothing),
            ("25:00", Flaw::Form),
            ("00:10:00", Flaw::Form),
            ("PT00:10:00", Flaw::Form),
            ("", Flaw::Form),
            ("P", Flaw::Form),
            ("PT", Flaw::Form),
            ("P1DT", Flaw::Form),
            ("PT5", Flaw::Form),
            ("PTM", Flaw::Form),
            ("PT5M5M", Flaw::Form),
            ("PT5S5M", Flaw::Form),
            ("P5S", Flaw::Form),
            ("PT5D", Flaw::Form),
            ("PT7.5M3S", Flaw::Form),
            ("PT1.S", Flaw::Form),
            ("PT5M ", Flaw::Form),
            ("pt5m", Flaw::Form),
            ("PTT5M", Flaw::Form),
            ("PT٥M", Flaw::Form),
        ] {
            assert_eq!(millis(text), Err(flaw), "{text}");
        }
    }

    proptest! {
        #[test]
        fn hours_minutes_and_seconds_add_up(h in 0_i64..1_000, m in 0_i64..1_000, ms in 1_i64..100_000) {
            let text = format!("PT{h}H{m}M{}.{:03}S", ms / 1_000, ms % 1_000);
            prop_assert_eq!(millis(&text), Ok(h * 3_600_000 + m * 60_000 + ms));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[-PTYMWDHS0-9.,]{0,20}") {
            if let Ok(ms) = millis(&text) {
                prop_assert!(ms > 0);
            }
        }
    }
}
