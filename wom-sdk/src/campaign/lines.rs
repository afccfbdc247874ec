//! Lines: an aim, when it applies, and its policy.

use serde::{Deserialize, Serialize};

use super::{Counted, Unit};
use crate::{
    Activity, Error, Kind, MINUTE_MS, Result, Span, TimeSet, Timestamp, Zone,
    protocol::Aim,
    rules::{Attended, Judgement, Reached},
};

/// One way in which a campaign awards minutes. A minute counts once on each line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The name; part of every award's key, so it never changes.
    pub name: String,
    /// What the vouchers say the minutes were given to.
    pub aim: Aim,
    /// Which activities count; all if empty. A general word covers its special forms.
    pub activities: Vec<Activity>,
    /// Which activities do not count, even where `activities` covers them.
    pub except: Vec<Activity>,
    /// At which hours of the campaign's day; at all hours if empty.
    pub hours: Vec<Hours>,
    /// Whether milestones count.
    pub milestones: bool,
    /// Beside other lines, or instead of those after it.
    pub mode: Mode,
    /// Minutes of each day or session that are not paid: the first ones.
    pub unpaid_start_minutes: u32,
    /// The most minutes of a day or session; what is over is dropped, not carried over.
    pub cap_minutes: Option<u32>,
    /// Only whole multiples of so many minutes are paid; 1 pays every minute.
    pub round_to_minutes: u32,
}

/// How a line stands to the lines after it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The minutes count here and on the other lines.
    #[default]
    Also,
    /// The minutes count here and no longer on the lines after this one.
    Instead,
}

/// Hours of the day, by the clock of the campaign's zone: from, until just before. An end before
/// the start goes over midnight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Hours {
    from: u16,
    until: u16,
}

impl Hours {
    /// From `HH:MM` until `HH:MM`; `24:00` is the end of the day.
    pub fn new(from: &str, until: &str) -> Result<Self> {
        Ok(Self {
            from: minute_of_day(from)?,
            until: minute_of_day(until)?,
        })
    }

    fn contains(self, minute: u16) -> bool {
        if self.from < self.until {
            (self.from..self.until).contains(&minute)
        } else {
            minute >= self.from || minute < self.until
        }
    }
}

impl Line {
    /// A line that pays every minute of every activity, and milestones.
    pub fn all_day(name: impl Into<String>, aim: Aim) -> Self {
        Self {
            name: name.into(),
            aim,
            activities: Vec::new(),
            except: Vec::new(),
            hours: Vec::new(),
            milestones: true,
            mode: Mode::Also,
            unpaid_start_minutes: 0,
            cap_minutes: None,
            round_to_minutes: 1,
        }
    }

    /// For these activities only.
    #[must_use]
    pub fn only(self, activities: impl IntoIterator<Item = Activity>) -> Self {
        Self {
            activities: activities.into_iter().collect(),
            ..self
        }
    }

    /// Takes its minutes from the lines after it.
    #[must_use]
    pub fn instead(self) -> Self {
        Self {
            mode: Mode::Instead,
            ..self
        }
    }

    /// Pays at most so many minutes of a day or session.
    #[must_use]
    pub fn capped(self, minutes: u32) -> Self {
        Self {
            cap_minutes: Some(minutes),
            ..self
        }
    }

    /// The time of a judgement that this line is about.
    pub(super) fn applies_to(&self, judgement: &Judgement, zone: &Zone) -> TimeSet {
        let time: TimeSet = judgement
            .evidence
            .iter()
            .filter(|evidence| self.is_for(&evidence.activity))
            .flat_map(|evidence| evidence.time.spans().iter().copied())
            .collect();
        self.at_hours(time, zone)
    }

    /// The time of a session that this line is about.
    pub(super) fn applies_to_session(&self, session: &Attended, zone: &Zone) -> TimeSet {
        match self.is_for(&session.activity) {
            true => self.at_hours(session.time.clone(), zone),
            false => TimeSet::EMPTY,
        }
    }

    pub(super) fn count_time(&self, unit: Unit, time: &TimeSet) -> Counted {
        let paid = time
            .after_first(i64::from(self.unpaid_start_minutes) * MINUTE_MS)
            .minutes();
        let capped = paid.min(self.cap_minutes.map_or(i64::MAX, i64::from));
        let step = i64::from(self.round_to_minutes.max(1));
        Counted {
            line: self.name.clone(),
            unit,
            millis: time.millis(),
            unpaid_minutes: self.unpaid_start_minutes,
            over_cap_minutes: u32::try_from(paid - capped).unwrap_or(u32::MAX),
            minutes: u32::try_from(capped / step * step).unwrap_or(u32::MAX),
            settles: Timestamp::MIN,
            reached: None,
        }
    }

    pub(super) fn count_milestone(&self, reached: &Reached) -> Counted {
        Counted {
            line: self.name.clone(),
            unit: Unit::Named(reached.name.clone()),
            millis: i64::from(reached.minutes) * MINUTE_MS,
            unpaid_minutes: 0,
            over_cap_minutes: 0,
            minutes: reached.minutes,
            settles: Timestamp::MIN,
            reached: Some(reached.at),
        }
    }

    fn is_for(&self, activity: &Activity) -> bool {
        let covered = |list: &[Activity]| list.iter().any(|other| other.covers(activity));
        (self.activities.is_empty() || covered(&self.activities)) && !covered(&self.except)
    }

    /// Zones change their clocks on whole minutes, so minutes are the grain.
    fn at_hours(&self, time: TimeSet, zone: &Zone) -> TimeSet {
        if self.hours.is_empty() {
            return time;
        }
        let mut spans = Vec::new();
        for span in time.spans() {
            let mut at = span.start();
            while at < span.end() {
                let minute_end =
                    Timestamp::from_millis((at.as_millis().div_euclid(MINUTE_MS) + 1) * MINUTE_MS);
                let end = minute_end.min(span.end());
                let minute = zone.minute_of_day(at);
                if self.hours.iter().any(|hours| hours.contains(minute)) {
                    spans.push(Span::starting(at, end.since(at)));
                }
                at = end;
            }
        }
        spans.into_iter().collect()
    }
}

fn minute_of_day(text: &str) -> Result<u16> {
    let parsed = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (hour.parse::<u16>().ok()?, minute.parse::<u16>().ok()?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    });
    parsed.ok_or_else(|| {
        Error::new(Kind::InputInvalid, "not a time of day").hint("write it as 07:30, up to 24:00")
    })
}
