//! The settings of gate lists and timesheets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Day, Error, Kind, Result, Span, Timestamp, Zone,
    observation::{Attendance, Policy},
};

use crate::clock::Reading;

/// Settings of [`CheckinCsv`](crate::CheckinCsv). Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CheckinCsvConfig {
    /// What attending is: the name of an activity. Default `attending`.
    pub activity: String,
    /// When the days begin that are sessions where there is no programme: `HH:MM`. Default `04:00`, so
    /// that a late night belongs to the day before.
    pub day_start: String,
    /// How far a scan may be from the session of the programme that it belongs to, in minutes.
    /// Default 240.
    pub early_limit_minutes: u32,
    /// The longest visit that a row may tell, in minutes: a longer one is a slip of the pen. Default 720.
    pub longest_visit_minutes: u32,
    /// How long a visit takes where nobody was seen to leave, in minutes, and the most that one counts
    /// where the list has single scans. Default: none.
    pub nominal_minutes: Option<u32>,
    /// What counts where nobody was seen to leave. Default: `overlap` with a programme or
    /// `nominal_minutes`, else `measured`, as nobody knows when a visit was to end.
    pub policy: Option<Policy>,
    /// The programme: calendars (`.ics`) and tables of sessions. Default: none, and each day is a session.
    pub programme: Vec<PathBuf>,
    /// The name of the gate or office; it never changes. Default `gate`.
    pub source: String,
    /// Whose clock times without an offset are read by, such as `Europe/Rome`. Default: none, and such
    /// rows are refused.
    pub zone: Option<Zone>,
}

impl Default for CheckinCsvConfig {
    fn default() -> Self {
        Self {
            activity: Activity::ATTENDING.as_str().to_owned(),
            day_start: "04:00".to_owned(),
            early_limit_minutes: 240,
            longest_visit_minutes: 720,
            nominal_minutes: None,
            policy: None,
            programme: Vec::new(),
            source: "gate".to_owned(),
            zone: None,
        }
    }
}

/// How a list is read.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) activity: Activity,
    pub(super) early_ms: i64,
    pub(super) longest_ms: i64,
    pub(super) nominal_ms: Option<i64>,
    pub(super) policy: Policy,
    day_start: Reading,
}

impl Terms {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for what is not of its form, and for a policy that would pay
    /// time of which nobody knows how long it was planned.
    pub(super) fn new(config: &CheckinCsvConfig) -> Result<Self> {
        let wrong = |setting: &'static str, hint: &'static str| {
            Error::new(Kind::ConfigurationInvalid, "a setting does not fit")
                .with("setting", setting)
                .hint(hint)
        };
        let day_start = Reading::parse(config.day_start.trim())
            .filter(|reading| !reading.is_midnight_after())
            .ok_or_else(|| wrong("day_start", "write it as 04:00"))?;
        if config
            .nominal_minutes
            .is_some_and(|minutes| !(1..=1_440).contains(&minutes))
        {
            return Err(wrong("nominal_minutes", "give 1 to 1440 minutes"));
        }
        if config.source.trim().is_empty() {
            return Err(wrong(
                "source",
                "give the gate or office a name that never changes",
            ));
        }
        let has_programme = !config.programme.is_empty();
        if has_programme && config.zone.is_none() {
            return Err(wrong(
                "zone",
                "say by whose clock the programme is, such as Europe/Rome",
            ));
        }
        let is_planned = has_programme || config.nominal_minutes.is_some();
        let policy = match config.policy {
            Some(Policy::Scheduled) if !has_programme => {
                return Err(wrong(
                    "policy",
                    "scheduled needs a programme, else it would pay whole days",
                ));
            }
            Some(Policy::Overlap) if !is_planned => {
                return Err(wrong(
                    "policy",
                    "overlap needs a programme or nominal_minutes, else nobody knows when a visit was to end",
                ));
            }
            Some(policy) => policy,
            None if is_planned => Policy::Overlap,
            None => Policy::Measured,
        };
        let millis = |minutes: u32| i64::from(minutes) * wom_sdk::MINUTE_MS;
        Ok(Self {
            activity: Activity::new(config.activity.trim())
                .map_err(|_| wrong("activity", "write a name such as attending"))?,
            early_ms: millis(config.early_limit_minutes.min(1_440)),
            longest_ms: millis(config.longest_visit_minutes).min(Attendance::LONGEST_SLOT_MS),
            nominal_ms: config.nominal_minutes.map(millis),
            policy,
            day_start,
        })
    }

    /// The day that an instant belongs to, and when it is: of 25 hours the first 24.
    pub(super) fn day(&self, at: Timestamp, zone: &Zone) -> Option<(Day, Span)> {
        let mut day = zone.day(at);
        let mut start = self.day_start.on(day, zone)?;
        if at < start {
            // Two hours more than the clock shows lead into yesterday, whatever the clock did tonight.
            let since_midnight = i64::from(zone.minute_of_day(at)) + 120;
            day = zone.day(at.plus_millis(-since_midnight * wom_sdk::MINUTE_MS));
            start = self.day_start.on(day, zone)?;
        }
        let end = self.day_start.on(day.next(), zone)?;
        let length = end.since(start).min(Attendance::LONGEST_SLOT_MS);
        Some((day, Span::starting(start, length)))
    }
}
