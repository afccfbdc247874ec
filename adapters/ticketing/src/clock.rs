//! Dates and times as people write them in tables: the day first, with points, slashes or dashes.

use wom_sdk::{Day, Timestamp, Zone};

/// A reading of a clock: hours, minutes and seconds. 24:00 is the end of the day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reading {
    hour: u32,
    minute: u32,
    second: u32,
}

/// A moment as a cell tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    /// With an offset: it needs no zone.
    Instant(Timestamp),
    /// A day and a reading.
    Full(Day, Reading),
    /// A reading of a day that stands elsewhere.
    OfDay(Reading),
}

impl Moment {
    /// `2026-11-21T18:30:00+01:00`, `21/11/2026 18:30`, `21.11.2026 18.30`, `18:30`, `18.30`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() > 40 || !text.is_ascii() {
            return None;
        }
        if let Some(reading) = Reading::parse(text) {
            return Some(Self::OfDay(reading));
        }
        let (date, time) = text.split_once(['T', 't', ' '])?;
        let (day, time) = (
            day(date.trim_end_matches(','))?,
            time.trim().trim_start_matches(',').trim(),
        );
        match Reading::parse(time) {
            Some(reading) => Some(Self::Full(day, reading)),
            // What is left are instants with an offset.
            None => format!("{day}T{}", time.replace(' ', ""))
                .parse()
                .ok()
                .map(Self::Instant),
        }
    }

    /// The instant by this zone's clock; `None` where the day is neither in it nor given.
    pub(crate) fn instant(self, day: Option<Day>, zone: &Zone) -> Option<Timestamp> {
        match self {
            Self::Instant(at) => Some(at),
            Self::Full(day, reading) => reading.on(day, zone),
            Self::OfDay(reading) => reading.on(day?, zone),
        }
    }
}

impl Reading {
    /// `18:30`, `18.30`, `18:30:05`, `18h30`, with at most a fraction that is nothing.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, [':', '.', 'h', 'H']);
        let (hour, minute) = (parts.next()?, parts.next()?);
        let second = parts.next().unwrap_or("0");
        let fraction = parts.next().unwrap_or("0");
        let number = |text: &str, least: usize| -> Option<u32> {
            let fits =
                (least..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| text.parse().ok()).flatten()
        };
        let reading = Self {
            hour: number(hour, 1)?,
            minute: number(minute, 2)?,
            second: number(second, 1)?,
        };
        let is_last = reading.hour == 24 && reading.minute == 0 && reading.second == 0;
        let exists = reading.hour < 24 && reading.minute < 60 && reading.second < 60;
        let is_plain = fraction.len() <= 9 && fraction.bytes().all(|b| b.is_ascii_digit());
        ((exists || is_last) && is_plain).then_some(reading)
    }

    /// Whether it is the end of the day.
    pub(crate) fn is_midnight_after(self) -> bool {
        self.hour == 24
    }

    /// The instant at which a clock of this zone shows this on that day.
    pub(crate) fn on(self, day: Day, zone: &Zone) -> Option<Timestamp> {
        if self.hour == 24 {
            return Some(zone.start_of(day.next()));
        }
        let Self {
            hour,
            minute,
            second,
        } = self;
        zone.instant(&format!("{day}T{hour:02}:{minute:02}:{second:02}"))
            .ok()
    }
}

/// `21/11/2026`, `21.11.2026`, `21-11-26`, `2026-11-21`, `20261121`.
pub(crate) fn day(text: &str) -> Option<Day> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let parts: Vec<&str> = text.split(['/', '.', '-']).collect();
    let (year, month, day) = match parts.as_slice() {
        [year, month, day] if year.len() == 4 => (*year, *month, *day),
        [day, month, year] => (*year, *month, *day),
        [all] if all.len() == 8 && is_number(all) => (&all[..4], &all[4..6], &all[6..]),
        _ => return None,
    };
    let fits = |text: &str, most: usize| is_number(text) && text.len() <= most;
    if !fits(month, 2) || !fits(day, 2) || !is_number(year) || !matches!(year.len(), 2 | 4) {
        return None;
    }
    let century = if year.len() == 2 { 2_000 } else { 0 };
    let year = year.parse::<i16>().ok()? + century;
    if !(1970..=9000).contains(&year) {
        return None;
    }
    Day::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let at = |text: &str| {
            let day = day("20/11/2026");
            Moment::parse(text)
                .and_then(|it| it.instant(day, &rome))
                .map(|at| at.to_string())
        };
        for text in [
            "21/11/2026 18:30",
            "21.11.2026 18.30",
            "21-11-26 18:30:00",
            "2026-11-21T18:30:00",
            "2026-11-21 18:30:00.000",
            "21/11/2026, 18:30",
            "2026-11-21T17:30:00Z",
            "2026-11-21T18:30:00+01:00",
            "21/11/2026  18h30",
            "2026-11-21 18:30:00 +01:00",
        ] {
            assert_eq!(at(text).as_deref(), Some("2026-11-21T17:30:00Z"), "{text}");
        }
        assert_eq!(at("9:05").as_deref(), Some("2026-11-20T08:05:00Z"));
        assert_eq!(at("24:00").as_deref(), Some("2026-11-20T23:00:00Z"));
        for text in [
            "",
            "21/11/2026",
            "11/21/2026 18:30",
            "31/02/2026 10:00",
            "25:00",
            "18:60",
            "18",
            "18:3",
            "46347.77",
            "ieri",
            "21/11/2026 18:30 PM",
            "21/11/1826 18:30",
            "２1:00",
            "24:01",
            "21/11/2026 18:30+99:99",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
