//! How SCORM writes how long something took.

/// The milliseconds of a `CMITimespan` of SCORM 1.2: `HHHH:MM:SS.SS`, with two to four digits of
/// hours and one or two decimals at most.
pub(super) fn cmi_timespan(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (seconds, fraction) = match seconds.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (seconds, None),
    };
    let hours = digits(hours, 2..=4)?;
    let minutes = digits(minutes, 2..=2).filter(|minutes| *minutes < 60)?;
    let seconds = digits(seconds, 2..=2).filter(|seconds| *seconds < 60)?;
    let hundredths = match fraction {
        None => 0,
        Some(fraction) if fraction.len() == 1 => digits(fraction, 1..=1)? * 10,
        Some(fraction) => digits(fraction, 2..=2)?,
    };
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + hundredths * 10)
}

fn digits(text: &str, count: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let fits = count.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timespans_are_read_and_anything_else_is_not() {
        for (text, millis) in [
            ("00:12:30.5", Some(750_500)),
            ("0000:12:30.50", Some(750_500)),
            ("0000:25:00", Some(1_500_000)),
            ("9999:59:59.99", Some(35_999_999_990)),
            ("00:00:00", Some(0)),
            ("PT12M", None),
            ("0:12:30", None),
            ("00000:12:30", None),
            ("00:60:00", None),
            ("00:00:60", None),
            ("00:00:00.", None),
            ("00:00:00.123", None),
            ("00:0:00", None),
            ("-0:00:01", None),
            ("00:00", None),
            ("", None),
            ("٠٠:00:00", None),
        ] {
            assert_eq!(cmi_timespan(text), millis, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(hundredths in 0_i64..3_600_000_000) {
            let (seconds, hundredth) = (hundredths / 100, hundredths % 100);
            let (minutes, second) = (seconds / 60, seconds % 60);
            let (hours, minute) = (minutes / 60, minutes % 60);
            let text = format!("{hours:04}:{minute:02}:{second:02}.{hundredth:02}");
            prop_assert_eq!(cmi_timespan(&text), Some(hundredths * 10));
        }
    }
}
