//! When something begins, ends or is left out: by a clock of some zone.

use wom_sdk::{Day, Span, Timestamp, Zone, instrument::Refusal};

use super::property::Property;
use crate::clock::{Reading, day};

/// A day, or a reading of a clock on it, in a zone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct When {
    pub(super) day: Day,
    /// `None` for a whole day.
    pub(super) reading: Option<Reading>,
    pub(super) zone: Zone,
}

impl When {
    /// The values of a property, of which there may be several with commas between.
    pub(super) fn all(property: &Property, zone: Option<&Zone>) -> Result<Vec<Self>, Refusal> {
        let texts = property.value.split(',');
        texts
            .map(|text| Self::parse(text.trim(), property.param("TZID"), zone))
            .collect()
    }

    /// `20261121`, `20261121T183000`, `20261121T173000Z`.
    pub(super) fn parse(
        text: &str,
        named: Option<&str>,
        zone: Option<&Zone>,
    ) -> Result<Self, Refusal> {
        let bad = || Refusal::new("bad_time", "is not a date, or date and time, that exists");
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let is_utc = time.is_some_and(|time| time.ends_with('Z'));
        let zone = match named {
            _ if is_utc => Zone::UTC,
            Some(name) => self::zone(name).ok_or_else(|| {
                Refusal::new(
                    "bad_zone",
                    "is by the clock of a zone that is not known; use a name such as Europe/Rome",
                )
            })?,
            None => zone.cloned().ok_or_else(|| {
                Refusal::new("no_zone", "is by nobody's clock; give the setting zone")
            })?,
        };
        let reading = match time {
            None => None,
            Some(time) => {
                let time = time.trim_end_matches('Z');
                let digits = time.len() == 6 && time.bytes().all(|b| b.is_ascii_digit());
                let colons =
                    digits.then(|| format!("{}:{}:{}", &time[..2], &time[2..4], &time[4..]));
                Some(colons.and_then(|it| Reading::parse(&it)).ok_or_else(bad)?)
            }
        };
        Ok(Self {
            day: day(date).filter(|_| date.len() == 8).ok_or_else(bad)?,
            reading,
            zone,
        })
    }

    /// The same on another day.
    pub(super) fn on(&self, day: Day) -> Self {
        Self {
            day,
            ..self.clone()
        }
    }

    /// The instant; of a whole day its beginning.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        match self.reading {
            Some(reading) => reading.on(self.day, &self.zone),
            None => Some(self.zone.start_of(self.day)),
        }
    }
}

/// A zone by its name in the data base, as it is or behind a program's own path, or by the names that
/// Windows gives to those of western and central Europe.
fn zone(name: &str) -> Option<Zone> {
    let name = match name {
        "W. Europe Standard Time" => "Europe/Berlin",
        "Romance Standard Time" => "Europe/Paris",
        "Central Europe Standard Time" => "Europe/Budapest",
        "Central European Standard Time" => "Europe/Warsaw",
        "GMT Standard Time" => "Europe/London",
        other => other,
    };
    let mut slashes = name.rmatch_indices('/').map(|(at, _)| at);
    let short = slashes.nth(1).map(|at| &name[at + 1..]);
    name.parse().ok().or_else(|| short?.parse().ok())
}

/// How long something takes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Length {
    /// To a reading, so many days after the beginning's.
    To { days: i64, when: When },
    /// So many milliseconds.
    Millis(i64),
}

impl Length {
    /// `P1W`, `P1DT2H`, `PT90M`.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let bad = || Refusal::new("bad_duration", "is not a duration such as PT2H30M");
        let mut rest = text
            .trim_start_matches('+')
            .strip_prefix('P')
            .ok_or_else(bad)?;
        let mut seconds = 0_i64;
        while !rest.is_empty() {
            rest = rest.strip_prefix('T').unwrap_or(rest);
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number: i64 = rest[..digits].parse().map_err(|_| bad())?;
            let unit = match rest[digits..].bytes().next() {
                Some(b'W') => 7 * 86_400,
                Some(b'D') => 86_400,
                Some(b'H') => 3_600,
                Some(b'M') => 60,
                Some(b'S') => 1,
                _ => return Err(bad()),
            };
            rest = &rest[digits + 1..];
            let more = number.checked_mul(unit).ok_or_else(bad)?;
            seconds = seconds.checked_add(more).ok_or_else(bad)?;
        }
        seconds.checked_mul(1_000).map(Self::Millis).ok_or_else(bad)
    }

    /// From this beginning on.
    pub(super) fn span(&self, start: &When) -> Option<Span> {
        let from = start.instant()?;
        let to = match self {
            Self::Millis(millis) => from.plus_millis(*millis),
            Self::To { days, when } => when.on(of_number(number(start.day) + days)?).instant()?,
        };
        Span::new(from, to).ok()
    }
}

/// The number of a day, from 1970-01-01, which was a Thursday.
pub(super) fn number(day: Day) -> i64 {
    // Years begin in March, so that the day that leap years have more comes last.
    let (year, month) = (i64::from(day.year()), i64::from(day.month()));
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let of_year = (153 * month + 2) / 5 + i64::from(day.day_of_month()) - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

/// The day of this number.
pub(super) fn of_number(number: i64) -> Option<Day> {
    let days = number + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let of_era_year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = i16::try_from(of_era_year + era * 400 + more).ok()?;
    Day::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_without_a_gap() {
        let mut day: Day = "1999-12-25".parse().unwrap();
        let first = number(day);
        assert_eq!(number("1970-01-01".parse().unwrap()), 0);
        for index in 0..20_000 {
            assert_eq!(number(day), first + index);
            assert_eq!(of_number(first + index), Some(day));
            day = day.next();
        }
    }

    #[test]
    fn durations_and_zones_have_many_forms() {
        for (text, minutes) in [
            ("PT90M", 90),
            ("P1DT2H", 1_560),
            ("P1W", 10_080),
            ("PT1H30M30S", 90),
        ] {
            assert!(
                matches!(Length::parse(text), Ok(Length::Millis(ms)) if ms / 60_000 == minutes),
                "{text}"
            );
        }
        for text in [
            "",
            "PT",
            "90M",
            "-PT5M",
            "PT5",
            "PTM",
            "P99999999999999999W",
        ] {
            assert!(Length::parse(text).is_err() || text == "PT", "{text}");
        }
        for name in [
            "Europe/Rome",
            "/example.org/Tzfile/Europe/Rome",
            "Romance Standard Time",
        ] {
            assert!(zone(name).is_some(), "{name}");
        }
        assert!(zone("Custom Zone 1").is_none());
    }
}
