//! Repetition, as programmes use it: every so many days or weeks, on some weekdays.

use wom_sdk::{Day, instrument::Refusal};

use super::when::{When, number, of_number};

/// The most repetitions of one rule.
const MOST: usize = 4_000;
const WEEKDAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// How something repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Rule {
    weekly: bool,
    interval: i64,
    count: Option<usize>,
    until: Option<String>,
    /// Numbers from Monday.
    weekdays: Vec<i64>,
    week_starts: i64,
}

impl Rule {
    /// # Errors
    /// The refusal `unsupported_rule`, which names the part that this adapter does not know: left out, it
    /// would repeat something on days on which it is not held.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        let mut rule = Self {
            weekly: false,
            interval: 1,
            count: None,
            until: None,
            weekdays: Vec::new(),
            week_starts: 0,
        };
        let mut has_frequency = false;
        let bad = || {
            Refusal::new(
                "bad_rule",
                "is not a rule such as FREQ=WEEKLY;BYDAY=TU;COUNT=10",
            )
        };
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            match (name, value) {
                ("FREQ", "DAILY" | "WEEKLY") => {
                    has_frequency = true;
                    rule.weekly = value == "WEEKLY";
                }
                ("FREQ", _) => return Err(unsupported("its frequency")),
                ("INTERVAL", _) => {
                    let interval = value.parse().ok().filter(|it| (1..=1_000).contains(it));
                    rule.interval = interval.ok_or_else(bad)?;
                }
                ("COUNT", _) => {
                    rule.count = Some(value.parse().ok().filter(|it| *it > 0).ok_or_else(bad)?);
                }
                ("UNTIL", _) => rule.until = Some(value.to_owned()),
                ("WKST", _) => rule.week_starts = weekday(value).ok_or_else(bad)?,
                ("BYDAY", _) => {
                    let days = value.split(',').map(weekday);
                    let days: Option<Vec<i64>> = days.collect();
                    rule.weekdays = days.ok_or_else(|| unsupported("BYDAY with a number"))?;
                }
                (other, _) => return Err(unsupported(name_of(other))),
            }
        }
        match has_frequency {
            true => Ok(rule),
            false => Err(bad()),
        }
    }

    /// The days on which it is held, the first one's among them, as long as `goes_on` says so.
    ///
    /// # Errors
    /// The refusal `too_many` for over 4000 of them that the rule says are to come.
    pub(super) fn days(
        &self,
        start: &When,
        goes_on: impl Fn(Day) -> bool,
    ) -> Result<Vec<Day>, Refusal> {
        let until = match &self.until {
            Some(text) => Some(When::parse(text, None, Some(&start.zone))?),
            None => None,
        };
        let is_over = |day: Day| match &until {
            None => false,
            Some(until) if until.reading.is_none() => day > until.day,
            Some(until) => start.on(day).instant() > until.instant(),
        };
        let first = number(start.day);
        let week = first - (weekday_of(first) - self.week_starts).rem_euclid(7);
        let mut days = Vec::new();
        let own = [weekday_of(first)];
        let weekdays = match (self.weekly, self.weekdays.is_empty()) {
            (true, true) => &own[..],
            _ => self.weekdays.as_slice(),
        };
        // Whatever the interval, seven steps meet every weekday that they will ever meet.
        let mut last_found = 0;
        for step in 0_i64..7 * 4_000 {
            if step - last_found > 7 {
                break;
            }
            let candidates: Vec<i64> = if self.weekly {
                let begins = week + 7 * self.interval * step;
                (begins..begins + 7)
                    .filter(|day| weekdays.contains(&weekday_of(*day)))
                    .collect()
            } else {
                let day = first + self.interval * step;
                let fits = weekdays.is_empty() || weekdays.contains(&weekday_of(day));
                fits.then_some(day).into_iter().collect()
            };
            for candidate in candidates.into_iter().filter(|day| *day >= first) {
                let Some(day) = of_number(candidate) else {
                    return Ok(days);
                };
                if is_over(day)
                    || self.count.is_some_and(|count| days.len() >= count)
                    || !goes_on(day)
                {
                    return Ok(days);
                }
                if days.len() >= MOST {
                    // Of what never ends this is enough.
                    return match self.count.is_some() || until.is_some() {
                        true => Err(Refusal::new(
                            "too_many",
                            "repeats over 4000 times; split it",
                        )),
                        false => Ok(days),
                    };
                }
                days.push(day);
                last_found = step;
            }
            // What is to come is not followed for ever.
            if of_number(first + self.interval * step).is_none_or(|day| !goes_on(day)) {
                return Ok(days);
            }
        }
        Ok(days)
    }
}

fn weekday(name: &str) -> Option<i64> {
    let at = WEEKDAYS.iter().position(|it| *it == name)?;
    i64::try_from(at).ok()
}

/// From Monday, 0 to 6.
fn weekday_of(number: i64) -> i64 {
    (number + 3).rem_euclid(7)
}

fn unsupported(part: &'static str) -> Refusal {
    Refusal::new(
        "unsupported_rule",
        format!(
            "repeats in a way that is not read ({part}); daily and weekly rules with INTERVAL, COUNT, UNTIL and BYDAY are. Export the calendar with each date as an event of its own"
        ),
    )
}

/// Only names that the standard has are shown.
fn name_of(part: &str) -> &'static str {
    const KNOWN: [&str; 8] = [
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYSETPOS",
        "BYHOUR",
        "BYMINUTE",
        "BYSECOND",
    ];
    KNOWN
        .into_iter()
        .find(|it| *it == part)
        .unwrap_or("an unknown part")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(rule: &str) -> Vec<String> {
        let start = When::parse("20261117T180000", Some("Europe/Rome"), None).unwrap();
        let rule = Rule::parse(rule).unwrap();
        let days = rule.days(&start, |day| day.year() < 2028).unwrap();
        days.iter()
            .map(|day| day.to_string()[5..].to_owned())
            .collect()
    }

    #[test]
    fn days_and_weeks_repeat() {
        // 17 November 2026 is a Tuesday.
        assert_eq!(days("FREQ=DAILY;COUNT=3"), ["11-17", "11-18", "11-19"]);
        assert_eq!(
            days("FREQ=DAILY;INTERVAL=10;UNTIL=20261207"),
            ["11-17", "11-27", "12-07"]
        );
        assert_eq!(
            days("FREQ=WEEKLY;UNTIL=20261201T170000Z"),
            ["11-17", "11-24", "12-01"]
        );
        assert_eq!(
            days("FREQ=WEEKLY;UNTIL=20261201T165959Z"),
            ["11-17", "11-24"]
        );
        assert_eq!(
            days("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TU,FR;COUNT=5"),
            ["11-17", "11-20", "11-30", "12-01", "12-04"]
        );
        assert_eq!(
            days("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;WKST=SU;COUNT=3"),
            ["11-17", "11-29", "12-01"]
        );
        assert_eq!(days("FREQ=DAILY;BYDAY=SA;COUNT=2"), ["11-21", "11-28"]);
        assert_eq!(days("FREQ=WEEKLY").len(), 59);
        assert_eq!(days("FREQ=DAILY;INTERVAL=14;BYDAY=WE"), [] as [&str; 0]);
    }

    #[test]
    fn other_rules_are_named() {
        for (rule, named) in [
            ("FREQ=MONTHLY", "frequency"),
            ("FREQ=WEEKLY;BYMONTH=1", "BYMONTH"),
            ("FREQ=WEEKLY;BYDAY=1MO", "BYDAY"),
        ] {
            let refusal = Rule::parse(rule).unwrap_err();
            assert_eq!(refusal.code, "unsupported_rule");
            assert!(refusal.message.contains(named), "{}", refusal.message);
        }
        for rule in [
            "",
            "COUNT=3",
            "FREQ=DAILY;COUNT=0",
            "FREQ=DAILY;INTERVAL=0",
            "FREQ",
        ] {
            assert_eq!(Rule::parse(rule).unwrap_err().code, "bad_rule", "{rule}");
        }
    }
}
