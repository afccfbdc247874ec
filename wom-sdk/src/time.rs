//! Instants, civil days and zones: UTC integer milliseconds inside, RFC 3339 outside.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Kind, Result};

/// An instant: whole milliseconds since 1970-01-01T00:00:00Z, from year −9999 to year 9999.
///
/// ```
/// use wom_sdk::Timestamp;
///
/// let at: Timestamp = "2026-03-01T11:00:00.5+01:00".parse()?;
/// assert_eq!(at.to_string(), "2026-03-01T10:00:00.5Z");
/// assert_eq!(at.as_millis(), 1_772_359_200_500);
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

/// Milliseconds in a minute: what one voucher is worth.
pub const MINUTE_MS: i64 = 60_000;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// The first instant that can be named: about year −9999.
    pub const MIN: Self = Self(-377_705_023_200_000);
    /// The last instant that can be named: about year 9999.
    pub const MAX: Self = Self(253_402_207_199_999);

    /// The instant so many milliseconds after the epoch, bounded to [`MIN`](Self::MIN) and
    /// [`MAX`](Self::MAX).
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// The instant so many seconds after the epoch, bounded as [`from_millis`](Self::from_millis).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved by so many milliseconds, bounded.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this instant; negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }

    fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// RFC 3339 in UTC, with `Z`, the fraction trimmed to what is there.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_jiff(), f)
    }
}

/// RFC 3339 with an offset or `Z`; a text without either is refused, as it names no instant.
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse::<jiff::Timestamp>()
            .map(|at| Self(at.as_millisecond()))
            .map_err(|_| {
                Error::new(Kind::InputInvalid, "not a date and time with an offset")
                    .hint("write it as RFC 3339, for example 2026-03-01T10:00:00Z")
            })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Where the present time comes from, at the edges; the core takes `now` as an argument.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the edge")]
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// A civil day, `YYYY-MM-DD`; which instants it covers depends on a [`Zone`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Day(jiff::civil::Date);

impl Day {
    /// The day of this year, month (1 to 12) and day of the month.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self> {
        jiff::civil::Date::new(year, month, day)
            .map(Self)
            .map_err(|_| Error::new(Kind::InputInvalid, "no such day in the calendar"))
    }

    /// The next day.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }

    /// The year, for grouping.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month of the year, 1 to 12.
    pub fn month(self) -> i8 {
        self.0.month()
    }

    /// The day of the month, 1 to 31.
    pub fn day_of_month(self) -> i8 {
        self.0.day()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Day {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse()
            .map(Self)
            .map_err(|_| Error::new(Kind::InputInvalid, "not a day").hint("write it as 2026-03-01"))
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A time zone by its IANA name (`Europe/Rome`) or `UTC`; the data base is built in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Zone(jiff::tz::TimeZone);

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// The civil day of an instant in this zone.
    pub fn day(&self, at: Timestamp) -> Day {
        Day(self.0.to_datetime(at.to_jiff()).date())
    }

    /// The first instant of a civil day: midnight, or what follows where midnight is skipped.
    pub fn start_of(&self, day: Day) -> Timestamp {
        day.0
            .to_zoned(self.0.clone())
            .and_then(|start| start.start_of_day())
            .map_or(Timestamp::MIN, |start| {
                Timestamp(start.timestamp().as_millisecond())
            })
    }

    /// The instant of a wall-clock reading in this zone. A reading that a clock change skips is
    /// taken after the gap; one that it repeats is taken the first time.
    ///
    /// `text` is `2026-03-01T10:00:00`, with a `T` or a blank, with or without seconds.
    pub fn instant(&self, text: &str) -> Result<Timestamp> {
        text.parse::<jiff::civil::DateTime>()
            .and_then(|reading| self.0.to_ambiguous_timestamp(reading).compatible())
            .map(|at| Timestamp(at.as_millisecond()))
            .map_err(|_| {
                Error::new(Kind::InputInvalid, "not a date and time")
                    .hint("write it as 2026-03-01T10:00:00, or add an offset")
            })
    }

    /// Minutes since midnight that a clock in this zone shows at an instant, 0 to 1439.
    pub fn minute_of_day(&self, at: Timestamp) -> u16 {
        let time = self.0.to_datetime(at.to_jiff()).time();
        u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
    }

    /// The IANA name, or `UTC`.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        jiff::tz::TimeZone::get(name).map(Self).map_err(|_| {
            Error::new(Kind::InputInvalid, "no such time zone")
                .with("zone", name.escape_default())
                .hint("use a name such as Europe/Rome, or UTC")
        })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_night_the_clocks_change_has_23_or_25_hours() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let length = |day: &str| {
            let day: Day = day.parse().unwrap();
            rome.start_of(day.next()).since(rome.start_of(day)) / 3_600_000
        };
        assert_eq!(
            [
                length("2026-03-29"),
                length("2026-10-25"),
                length("2026-06-01")
            ],
            [23, 25, 24]
        );
    }

    #[test]
    fn a_day_without_midnight_starts_after_the_gap() {
        let beirut: Zone = "Asia/Beirut".parse().unwrap();
        let start = beirut.start_of("2026-03-29".parse().unwrap());
        assert_eq!(start.to_string(), "2026-03-28T22:00:00Z");
        assert_eq!(beirut.day(start).to_string(), "2026-03-29");
    }

    #[test]
    fn bounds_are_nameable() {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(at.to_string().parse::<Timestamp>().unwrap(), at);
        }
        assert_eq!(Timestamp::from_millis(i64::MAX), Timestamp::MAX);
    }
}
