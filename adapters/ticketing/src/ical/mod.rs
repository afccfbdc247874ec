//! `ticketing.ical`: calendars.

pub(crate) mod event;
mod property;
mod recur;
mod when;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use wom_sdk::{
    Activity, Body, Digest, Error, Kind, MINUTE_MS, Observation, Result, Span, Subject, Timestamp,
    Zone,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Refusal, Sink},
    observation::{Attendance, Device, Policy, Provenance, Recording, Scan, Standing},
};

use self::event::{Calendar, Occurrence, Status, Terms};

/// Reads the calendar of one person's shifts (iCalendar, RFC 5545): each event that is over is taken
/// as attended from beginning to end.
///
/// So it is for a calendar that somebody vouches for, such as a volunteers' office's. A cancelled event counts
/// nothing. The file is the whole truth between its first and last event: what was read before and is no
/// longer in it is taken back.
///
/// Daily and weekly repetition is read, with `INTERVAL`, `COUNT`, `UNTIL`, `BYDAY`, `EXDATE` and single
/// dates that were moved; an event that repeats otherwise is refused by name.
#[derive(Clone, Debug)]
pub struct Ical {
    activity: Activity,
    source: String,
    subject: Subject,
    terms: Terms,
}

/// Settings of [`Ical`]. Unknown ones are refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct IcalConfig {
    /// What attending is: the name of an activity. Default `volunteering`.
    pub activity: String,
    /// The person's mailbox in the calendar: only events that it accepted count. Default: none, and
    /// all of them do.
    pub attendee: Option<String>,
    /// How long an event takes that has no end, in minutes. Default: none, and such events are refused.
    pub nominal_minutes: Option<u32>,
    /// The name of the calendar; it never changes. Default `calendar`.
    pub source: String,
    /// Whose calendar it is, as you call the person. Default `me`.
    pub subject: String,
    /// By whose clock times without a zone are, such as `Europe/Rome`. Default: none, and such events
    /// are refused.
    pub zone: Option<Zone>,
}

impl Default for IcalConfig {
    fn default() -> Self {
        Self {
            activity: "volunteering".to_owned(),
            attendee: None,
            nominal_minutes: None,
            source: "calendar".to_owned(),
            subject: "me".to_owned(),
            zone: None,
        }
    }
}

impl Ical {
    /// The adapter with these settings.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for a setting that does not fit.
    pub fn new(config: IcalConfig) -> Result<Self> {
        let wrong = |setting: &'static str, hint: &'static str| {
            Error::new(Kind::ConfigurationInvalid, "a setting does not fit")
                .with("setting", setting)
                .hint(hint)
        };
        if config
            .nominal_minutes
            .is_some_and(|minutes| !(1..=1_440).contains(&minutes))
        {
            return Err(wrong("nominal_minutes", "give 1 to 1440 minutes"));
        }
        Ok(Self {
            activity: Activity::new(config.activity.trim())
                .map_err(|_| wrong("activity", "write a name such as volunteering"))?,
            source: config.source.trim().to_owned(),
            subject: Subject::new(Subject::PARTICIPANT, config.subject.trim())
                .map_err(|_| wrong("subject", "give 1 to 256 bytes"))?,
            terms: Terms {
                zone: config.zone,
                nominal_ms: config.nominal_minutes.map(|it| i64::from(it) * MINUTE_MS),
                attendee: config.attendee.map(|it| it.trim().to_ascii_lowercase()),
            },
        })
    }

    fn body(&self, it: &Occurrence) -> Result<Body, Refusal> {
        if it.is_whole_day {
            return Err(Refusal::new(
                "whole_day",
                "an event of whole days tells no hours; give it a beginning and an end",
            ));
        }
        let original = it.original.to_string();
        let ticket = self.digest(&["ticket", self.subject.reveal()]);
        let session = self.digest(&["session", &it.uid, &original]);
        let attendance = Attendance::new(ticket, session, [it.span])
            .map_err(|error| Refusal::new("bad_time", error.message().to_owned()))?;
        Ok(Body::Attendance(Attendance {
            activity: self.activity.clone(),
            policy: Policy::Measured,
            standing: match it.status {
                Status::Held => Standing::Valid,
                Status::Unsure => Standing::Excluded,
                Status::Cancelled => Standing::Cancelled,
            },
            scans: vec![Scan::entry(it.span.start()), Scan::exit(it.span.end())],
            ..attendance
        }))
    }

    fn observation(&self, key: Digest, now: Timestamp, body: Body) -> Observation {
        Observation {
            subject: self.subject.clone(),
            key,
            revision: u64::try_from(now.as_millis()).unwrap_or(0),
            provenance: Provenance {
                stream: self.digest(&["stream"]),
                device: Device::Unknown,
                recording: Recording::Attested,
            },
            body,
        }
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        Digest::of(["ical", &self.source].iter().chain(parts))
    }
}

#[async_trait]
impl Instrument for Ical {
    fn info(&self) -> Info {
        Info {
            name: "ticketing.ical",
            summary: "A person's shifts as a calendar: iCalendar files",
            rules: "attendance/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::FILE;
        capabilities.withdraws = true;
        capabilities
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let calendar = Calendar::read(input.into_reader()?, &self.terms, now)?;
        let mut chunks = Chunks::new(sink);
        for refusal in calendar.refusals {
            chunks.refuse(refusal).await?;
        }
        let over: Vec<_> = calendar
            .occurrences
            .iter()
            .filter(|it| it.span.end() <= now)
            .collect();
        if let (Some(first), Some(last)) = (over.first(), over.last()) {
            let (from, to) = (first.span.start(), last.span.start().plus_millis(1));
            let range = Span::starting(from, to.since(from));
            let key = self.digest(&["range", &from.to_string()]);
            chunks
                .push(self.observation(key, now, Body::RangeReplaced { range }))
                .await?;
        }
        for (number, it) in (1..).zip(over) {
            match self.body(it) {
                Ok(body) => {
                    let key = self.digest(&["event", &it.uid, &it.original.to_string()]);
                    chunks.push(self.observation(key, now, body)).await?;
                }
                Err(refusal) => chunks.refuse(refusal.at("event", number)).await?,
            }
        }
        chunks.finish().await
    }
}
