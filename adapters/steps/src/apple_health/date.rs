//! Apple's dates, by hand: there are two in every record.

use wom_sdk::Timestamp;

/// The instant of `2024-03-31 08:05:10 +0200`, or of `20150616071820-0700` as very old exports
/// write it. `None` for anything else.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_ascii().as_bytes();
    let (date, time, offset) = match *text {
        // 2024-03-31 08:05:10 +0200
        [
            ref date @ ..,
            b' ',
            h1,
            h2,
            b':',
            m1,
            m2,
            b':',
            s1,
            s2,
            b' ',
            sign,
            o1,
            o2,
            o3,
            o4,
        ] => {
            let [y1, y2, y3, y4, b'-', n1, n2, b'-', d1, d2] = *date else {
                return None;
            };
            let date = [y1, y2, y3, y4, n1, n2, d1, d2];
            (date, [h1, h2, m1, m2, s1, s2], [sign, o1, o2, o3, o4])
        }
        // 20150616071820-0700
        [
            y1,
            y2,
            y3,
            y4,
            n1,
            n2,
            d1,
            d2,
            h1,
            h2,
            m1,
            m2,
            s1,
            s2,
            sign,
            o1,
            o2,
            o3,
            o4,
        ] => {
            let date = [y1, y2, y3, y4, n1, n2, d1, d2];
            (date, [h1, h2, m1, m2, s1, s2], [sign, o1, o2, o3, o4])
        }
        _ => return None,
    };
    let [y1, y2, y3, y4, n1, n2, d1, d2] = date;
    let days = days(
        two(y1, y2)? * 100 + two(y3, y4)?,
        two(n1, n2)?,
        two(d1, d2)?,
    )?;
    let [h1, h2, m1, m2, s1, s2] = time;
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    let [sign, o1, o2, o3, o4] = offset;
    let (offset_hour, offset_minute) = (two(o1, o2)?, two(o3, o4)?);
    if hour > 23 || minute > 59 || second > 59 || offset_hour > 18 || offset_minute > 59 {
        return None;
    }
    let offset = offset_hour * 3600 + offset_minute * 60;
    let local = days * 86_400 + hour * 3600 + minute * 60 + second;
    match sign {
        b'+' => Some(Timestamp::from_seconds(local - offset)),
        b'-' => Some(Timestamp::from_seconds(local + offset)),
        _ => None,
    }
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// Days since 1970-01-01 of a day in the Gregorian calendar; `None` if there is no such day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // A year that begins in March has its leap day at its end, and months of 30.6 days on average.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let before = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_the_same_instant() {
        let expected: Timestamp = "2024-03-31T06:05:10Z".parse().unwrap();
        assert_eq!(parse("2024-03-31 08:05:10 +0200"), Some(expected));
        assert_eq!(parse("20240330230510-0700"), Some(expected));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "2024-03-31 08:05:10",
            "2024-02-30 08:05:10 +0200",
            "2023-02-29 08:05:10 +0200",
            "2024-13-01 08:05:10 +0200",
            "2024-03-31 24:05:10 +0200",
            "2024-03-31 08:05:10 *0200",
            "2024/03/31 08:05:10 +0200",
            "2024-03-31T08:05:10 +0200",
            "20240331 8:05:10 +0200",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar(
            year in 1601_i64..=9998,
            month in 0_i64..=13,
            day in 0_i64..=32,
            time in 0_i64..86_400,
            offset in 0_i64..=18 * 60,
            east in any::<bool>(),
        ) {
            let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
            let sign = if east { '+' } else { '-' };
            let (oh, om) = (offset / 60, offset % 60);
            let date = format!("{year:04}-{month:02}-{day:02}");
            let clock = format!("{hour:02}:{minute:02}:{second:02}");
            let expected = format!("{date}T{clock}{sign}{oh:02}:{om:02}").parse().ok();
            prop_assert_eq!(parse(&format!("{date} {clock} {sign}{oh:02}{om:02}")), expected);
        }
    }
}
