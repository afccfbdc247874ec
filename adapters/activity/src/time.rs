//! Times as back ends write them: RFC 3339, and without an offset where a zone is given.

use wom_sdk::{Error, Kind, Result, Timestamp, Zone};

/// The instant of `YYYY-MM-DDTHH:MM[:SS[.fraction]]` with an offset (`Z`, `+01:00`), or, where
/// a zone is given, without one. A blank may stand for the `T`.
pub(crate) fn instant(text: &str, zone: Option<&Zone>) -> Result<Timestamp> {
    let Some(offset) = offset_of(text) else {
        return Err(
            Error::new(Kind::InputInvalid, "is not a date and time that exists")
                .hint("write it as 2026-03-01T10:00:00+01:00"),
        );
    };
    if !offset.is_empty() {
        return text.parse();
    }
    let Some(zone) = zone else {
        return Err(
            Error::new(Kind::InputInvalid, "has no offset, so it names no instant")
                .hint("write it as 2026-03-01T10:00:00+01:00, or give the setting zone"),
        );
    };
    zone.instant(text)
}

/// What follows the time of day, if the text has the form of a date and time.
fn offset_of(text: &str) -> Option<&str> {
    let date = shaped(text, "dddd-dd-dd")?;
    let time = date.strip_prefix(['T', 't', ' '])?;
    let minute = shaped(time, "dd:dd")?;
    let rest = match shaped(minute, ":dd") {
        Some(second) => after_fraction(second)?,
        None => minute,
    };
    let known = matches!(rest, "" | "Z" | "z")
        || matches!(shaped(rest, "+dd:dd").or(shaped(rest, "-dd:dd")), Some(""));
    known.then_some(rest)
}

/// What follows `.` and 1 to 9 digits, or the whole text where there is no point.
fn after_fraction(text: &str) -> Option<&str> {
    let Some(fraction) = text.strip_prefix('.') else {
        return Some(text);
    };
    let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = fraction.len() - rest.len();
    (1..=9).contains(&digits).then_some(rest)
}

/// What follows the part of this form, where `d` is a digit and anything else is itself.
fn shaped<'a>(text: &'a str, form: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(form.len())?;
    let fits = head
        .bytes()
        .zip(form.bytes())
        .all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            other => byte == other,
        });
    fits.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_taken_and_readings_need_a_zone() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let utc = |text, zone| instant(text, zone).unwrap().to_string();
        for text in [
            "2026-03-01T10:00:00+01:00",
            "2026-03-01T09:00:00Z",
            "2026-03-01 09:00:00z",
            "2026-03-01T09:00Z",
            "2026-03-01t04:00:00.000-05:00",
        ] {
            assert_eq!(utc(text, None), "2026-03-01T09:00:00Z", "{text}");
            assert_eq!(utc(text, Some(&rome)), "2026-03-01T09:00:00Z", "{text}");
        }
        assert_eq!(
            utc("2026-07-01T10:00:00.250", Some(&rome)),
            "2026-07-01T08:00:00.25Z"
        );
        // Half past two of the last Sunday in October comes twice; the first is summer time.
        assert_eq!(utc("2026-10-25 02:30", Some(&rome)), "2026-10-25T00:30:00Z");
    }

    #[test]
    fn anything_else_is_refused() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        for text in [
            "",
            "2026-03-01",
            "2026-03-01T",
            "10:00:00Z",
            "2026-02-30T10:00:00Z",
            "2026-03-01T24:30:00Z",
            "2026-03-01T10:00:00+1:00",
            "2026-03-01T10:00:00+01:00[Europe/Rome]",
            "2026-03-01T10:00:00.Z",
            "2026-3-1T10:00:00Z",
            "01/03/2026 10:00",
            "1772355600",
            "+002026-03-01T10:00:00Z",
            "２０２６-03-01T10:00:00Z",
            "2026-03-01T10:00:00Z ",
        ] {
            assert!(instant(text, Some(&rome)).is_err(), "{text}");
        }
        assert!(instant("2026-03-01T10:00:00", None).is_err());
    }
}
