//! Events of a calendar, and when they are held.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
};

use wom_sdk::{Day, Error, Kind, Result, Span, Timestamp, Zone, instrument::Refusal};

use super::{
    property::{Properties, Property},
    recur::Rule,
    when::{Length, When, number},
};
use crate::programme::{MOST_SESSIONS, too_many};

/// The properties of an event that matter.
const USED: [&str; 13] = [
    "ATTENDEE",
    "DTEND",
    "DTSTART",
    "DURATION",
    "EXDATE",
    "EXRULE",
    "RDATE",
    "RECURRENCE-ID",
    "RRULE",
    "SEQUENCE",
    "STATUS",
    "SUMMARY",
    "UID",
];
/// The most bytes of all of them together.
const MOST_BYTES: usize = 16 << 20;

/// How a calendar is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// By whose clock times without a zone are.
    pub(crate) zone: Option<Zone>,
    /// How long an event takes that has no end.
    pub(crate) nominal_ms: Option<i64>,
    /// Whose yes an event needs: a mailbox in small letters.
    pub(crate) attendee: Option<String>,
}

/// An event at one time.
#[derive(Clone, Debug)]
pub(crate) struct Occurrence {
    pub(crate) uid: String,
    /// When it was to begin before it was moved: with the uid, its name for ever.
    pub(crate) original: Timestamp,
    pub(crate) title: String,
    pub(crate) span: Span,
    pub(crate) is_whole_day: bool,
    pub(crate) status: Status,
}

/// Whether it is held.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Status {
    #[default]
    Held,
    /// It is not sure, or the person did not say yes.
    Unsure,
    Cancelled,
}

/// What is in a calendar.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    pub(crate) occurrences: Vec<Occurrence>,
    /// With the line on which the event begins.
    pub(crate) refusals: Vec<Refusal>,
}

#[derive(Clone, Debug)]
struct Event {
    line: u64,
    uid: String,
    title: String,
    start: When,
    length: Length,
    status: Status,
    rule: Option<Rule>,
    left_out: Vec<When>,
    replaces: Option<Timestamp>,
    sequence: u64,
}

impl Calendar {
    /// Reads a calendar, with everything that begins before `until`.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if it is no calendar, [`Kind::LimitExceeded`] for over 20000 events.
    pub(crate) fn read(
        source: Box<dyn Read + Send>,
        terms: &Terms,
        until: Timestamp,
    ) -> Result<Self> {
        let mut properties = Properties::new(source)?;
        let mut calendar = Self::default();
        let mut events = BTreeMap::<(String, Option<Timestamp>), Event>::new();
        // The parts that are open; of an event that holds an alarm only its own properties count.
        let mut open: Vec<String> = Vec::new();
        let mut own = Vec::new();
        let (mut count, mut kept, mut is_calendar) = (0, 0, false);
        while let Some(property) = properties.next()? {
            let part = property.value.to_ascii_uppercase();
            match property.name.as_str() {
                "BEGIN" => {
                    is_calendar |= part == "VCALENDAR";
                    if part == "VEVENT" {
                        own = vec![property];
                    }
                    if open.len() >= 16 {
                        return Err(Error::new(
                            Kind::InputInvalid,
                            "the calendar's parts are nested too deep",
                        ));
                    }
                    open.push(part);
                }
                "END" => {
                    let closed = open.pop();
                    if closed.as_deref() == Some("VEVENT") {
                        count += 1;
                        if count > MOST_SESSIONS {
                            return Err(too_many());
                        }
                        match Event::new(std::mem::take(&mut own), terms) {
                            Ok(event) => keep(&mut events, event),
                            Err(refusal) => calendar.refusals.push(refusal),
                        }
                    }
                }
                name if open.last().is_some_and(|part| part == "VEVENT")
                    && USED.contains(&name) =>
                {
                    kept += property.value.len() + 64;
                    if kept > MOST_BYTES {
                        return Err(too_many());
                    }
                    own.push(property);
                }
                _ => {}
            }
        }
        if !is_calendar {
            return Err(Error::new(Kind::InputInvalid, "this is no calendar")
                .hint("export it as iCalendar (.ics); it begins with BEGIN:VCALENDAR"));
        }
        let replaced: BTreeSet<_> = events
            .keys()
            .filter_map(|(uid, at)| Some((uid.clone(), (*at)?)))
            .collect();
        for event in events.into_values() {
            let line = event.line;
            match event.occurrences(until, &replaced) {
                Ok(found) => calendar.occurrences.extend(found),
                Err(refusal) => calendar.refusals.push(refusal.at("line", line)),
            }
            if calendar.occurrences.len() > MOST_SESSIONS {
                return Err(too_many());
            }
        }
        calendar
            .occurrences
            .sort_by(|a, b| (a.span, &a.uid).cmp(&(b.span, &b.uid)));
        Ok(calendar)
    }
}

/// Of the same event twice the one that was changed more often holds, then the later one.
fn keep(events: &mut BTreeMap<(String, Option<Timestamp>), Event>, event: Event) {
    let name = (event.uid.clone(), event.replaces);
    if events
        .get(&name)
        .is_none_or(|held| held.sequence <= event.sequence)
    {
        events.insert(name, event);
    }
}

impl Event {
    fn new(properties: Vec<Property>, terms: &Terms) -> Result<Self, Refusal> {
        let line = properties.first().map_or(0, |first| first.line);
        Self::parse(line, &properties, terms).map_err(|refusal| refusal.at("line", line))
    }

    fn parse(line: u64, properties: &[Property], terms: &Terms) -> Result<Self, Refusal> {
        let find = |name: &str| properties.iter().find(|it| it.name == name);
        let needed = |name: &'static str| {
            find(name)
                .filter(|it| !it.value.is_empty())
                .ok_or_else(|| Refusal::new("missing_field", "is missing").field(name))
        };
        let when = |property: &Property, field| {
            When::parse(&property.value, property.param("TZID"), terms.zone.as_ref())
                .map_err(|refusal| refusal.field(field))
        };
        let uid = needed("UID")?.text();
        let start = when(needed("DTSTART")?, "DTSTART")?;
        let length = match (find("DTEND"), find("DURATION")) {
            (Some(end), _) => {
                let when = when(end, "DTEND")?;
                let days = number(when.day) - number(start.day);
                Length::To { days, when }
            }
            (None, Some(duration)) => {
                Length::parse(&duration.value).map_err(|refusal| refusal.field("DURATION"))?
            }
            (None, None) if start.reading.is_none() => Length::To {
                days: 1,
                when: start.clone(),
            },
            (None, None) => Length::Millis(terms.nominal_ms.ok_or_else(|| {
                Refusal::new("no_end", "is missing, and nobody knows how long it takes; fill it in, or set nominal_minutes")
                    .field("DTEND")
            })?),
        };
        let span = length.span(&start).filter(|span| !span.is_empty());
        span.ok_or_else(|| Refusal::new("bad_time", "is not after the beginning").field("DTEND"))?;
        let mut left_out = Vec::new();
        for property in properties {
            match property.name.as_str() {
                "EXDATE" => left_out.extend(
                    When::all(property, terms.zone.as_ref()).map_err(|it| it.field("EXDATE"))?,
                ),
                "RDATE" | "EXRULE" => {
                    return Err(Refusal::new(
                        "unsupported_rule",
                        "repeats in a way that is not read (RDATE or EXRULE); export the calendar with each date as an event of its own",
                    ));
                }
                _ => {}
            }
        }
        let replaces = match find("RECURRENCE-ID") {
            Some(it) if it.param("RANGE").is_some() => {
                return Err(Refusal::new("unsupported_rule", "changes all that follow at once (RANGE); export the calendar with each date as an event of its own")
                    .field("RECURRENCE-ID"));
            }
            Some(it) => when(it, "RECURRENCE-ID")?.instant(),
            None => None,
        };
        let rule = find("RRULE").map(|it| Rule::parse(&it.value)).transpose();
        Ok(Self {
            line,
            uid,
            title: find("SUMMARY").map(Property::text).unwrap_or_default(),
            start,
            length,
            status: status(properties, terms),
            rule: rule.map_err(|refusal| refusal.field("RRULE"))?,
            left_out,
            replaces,
            sequence: find("SEQUENCE")
                .and_then(|it| it.value.parse().ok())
                .unwrap_or(0),
        })
    }

    fn occurrences(
        &self,
        until: Timestamp,
        replaced: &BTreeSet<(String, Timestamp)>,
    ) -> Result<Vec<Occurrence>, Refusal> {
        let goes_on = |day: Day| self.start.on(day).instant().is_some_and(|at| at < until);
        let days = match &self.rule {
            Some(rule) => rule
                .days(&self.start, goes_on)
                .map_err(|it| it.field("RRULE"))?,
            None => vec![self.start.day],
        };
        let left_out: BTreeSet<_> = self.left_out.iter().filter_map(When::instant).collect();
        let mut found = Vec::new();
        for day in days {
            let start = self.start.on(day);
            let (Some(at), Some(span)) = (start.instant(), self.length.span(&start)) else {
                continue;
            };
            let is_replaced = || replaced.contains(&(self.uid.clone(), at));
            if at >= until || left_out.contains(&at) || (self.replaces.is_none() && is_replaced()) {
                continue;
            }
            found.push(Occurrence {
                uid: self.uid.clone(),
                original: self.replaces.unwrap_or(at),
                title: self.title.clone(),
                span,
                is_whole_day: self.start.reading.is_none(),
                status: self.status,
            });
        }
        Ok(found)
    }
}

fn status(properties: &[Property], terms: &Terms) -> Status {
    let word = properties
        .iter()
        .find(|it| it.name == "STATUS")
        .map(|it| it.value.as_str());
    let said_yes = || match &terms.attendee {
        None => true,
        Some(wanted) => properties.iter().any(|it| {
            let mailbox = it.value.to_ascii_lowercase();
            let is_own = mailbox.strip_prefix("mailto:") == Some(wanted);
            it.name == "ATTENDEE" && is_own && it.param("PARTSTAT") == Some("ACCEPTED")
        }),
    };
    match word.map(str::to_ascii_uppercase).as_deref() {
        Some("CANCELLED") => Status::Cancelled,
        Some("TENTATIVE") => Status::Unsure,
        _ if !said_yes() => Status::Unsure,
        _ => Status::Held,
    }
}
