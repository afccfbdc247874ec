//! When a ticket's sessions are planned.

use std::collections::BTreeMap;

use wom_sdk::{Day, Span, TimeSet, Timestamp, Zone, observation::Attendance};

use super::{
    config::DayStart,
    wire::{Event, Item, Subevent},
};

/// Why a ticket has no session.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Unplanned {
    /// No end is planned, and no setting says how long a visit takes.
    NoEnd,
    /// The end is not after the beginning.
    Backwards,
    /// A ticket for a series that is for none of its dates.
    NoDate,
    /// The ticket is not valid at any planned time.
    NotValidThen,
    /// The product or the date is no more.
    Gone,
}

impl Unplanned {
    /// The code and the sentence of the refusal.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::NoEnd => (
                "no_end",
                "no end is planned; enter one in pretix, or set nominal_minutes",
            ),
            Self::Backwards => (
                "bad_window",
                "the planned end is not after the beginning; correct it in pretix",
            ),
            Self::NoDate => ("no_date", "the ticket is for no date of the series"),
            Self::NotValidThen => (
                "not_valid_then",
                "the ticket is not valid at any planned time",
            ),
            Self::Gone => ("gone", "the ticket's product or date is no more in pretix"),
        }
    }
}

/// A session that a ticket is for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Session {
    /// Which day of something that is open for longer.
    pub(super) day: Option<Day>,
    pub(super) slots: Vec<Span>,
    /// Whether it was cut out of a longer time, in which nobody is all along.
    pub(super) is_cut: bool,
}

/// When something is planned.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Plan {
    slots: Vec<Span>,
    is_long: bool,
}

impl Plan {
    /// The times of the product's programme; else of the date; else of the event, but for series, whose
    /// own times mean nothing. The opening of the doors is not the beginning.
    pub(super) fn new(
        event: &Event,
        subevent: Option<&Subevent>,
        item: &Item,
        nominal_ms: Option<i64>,
    ) -> Result<Self, Unplanned> {
        let slot = |start: Timestamp, end: Option<Timestamp>| {
            let end = end.or_else(|| nominal_ms.map(|millis| start.plus_millis(millis)));
            let end = end.ok_or(Unplanned::NoEnd)?;
            let slot = Span::new(start, end).map_err(|_| Unplanned::Backwards)?;
            match slot.is_empty() {
                true => Err(Unplanned::Backwards),
                false => Ok(slot),
            }
        };
        let slots = match (item.program_times.as_slice(), subevent) {
            // In a series the programme has no times of its own.
            (_, Some(date)) => TimeSet::from(slot(date.date_from, date.date_to)?),
            (_, None) if event.has_subevents => return Err(Unplanned::NoDate),
            ([], None) => TimeSet::from(slot(event.date_from, event.date_to)?),
            (times, None) => {
                let slots = times.iter().map(|time| slot(time.start, time.end));
                slots.collect::<Result<TimeSet, _>>()?
            }
        };
        let whole = slots.extent().ok_or(Unplanned::Backwards)?;
        // What goes with a ticket is at the session that the ticket is at, whatever its own times.
        let (from, to) = subevent.map_or((event.date_from, event.date_to), |date| {
            (date.date_from, date.date_to)
        });
        let longest = to.map_or(0, |to| to.since(from)).max(whole.millis());
        Ok(Self {
            is_long: longest > Attendance::LONGEST_SLOT_MS,
            slots: slots.spans().to_vec(),
        })
    }

    /// Whether it is open for over 24 hours, and each day is a session of its own.
    pub(super) fn is_long(&self) -> bool {
        self.is_long
    }

    /// From the beginning to the end.
    pub(super) fn whole(&self) -> Span {
        let start = self
            .slots
            .first()
            .map_or(Timestamp::EPOCH, |slot| slot.start());
        let end = self.slots.last().map_or(start, |slot| slot.end());
        Span::starting(start, end.since(start))
    }

    /// The sessions of a ticket that is valid within `valid` and was scanned at these instants. Of
    /// what is open for long, only days in or just after which it was scanned.
    pub(super) fn sessions(
        &self,
        valid: (Option<Timestamp>, Option<Timestamp>),
        scans: &[Timestamp],
        day_start: &DayStart,
        zone: &Zone,
    ) -> Result<Vec<Session>, Unplanned> {
        let from = valid.0.unwrap_or(Timestamp::MIN);
        let until = valid.1.unwrap_or(Timestamp::MAX).max(from);
        let valid = Span::starting(from, until.since(from));
        let clip = |slot: &Span| slot.overlap(valid);
        if !self.slots.iter().any(|slot| clip(slot).is_some()) {
            return Err(Unplanned::NotValidThen);
        }
        if !self.is_long {
            return Ok(vec![Session {
                day: None,
                slots: self.slots.iter().filter_map(clip).collect(),
                is_cut: false,
            }]);
        }
        let mut days = BTreeMap::<Day, Session>::new();
        for slot in &self.slots {
            for (day, part, is_cut) in self.parts(*slot, scans, day_start, zone) {
                let Some(part) = clip(&part) else { continue };
                let session = days.entry(day).or_insert_with(|| Session {
                    day: Some(day),
                    slots: Vec::new(),
                    is_cut: false,
                });
                session.slots.push(part);
                session.is_cut |= is_cut;
            }
        }
        Ok(days
            .into_values()
            .filter(|day| day.is_near(scans))
            .collect())
    }

    /// A slot with its day; one of over 24 hours, cut into the days of the scans.
    fn parts(
        &self,
        slot: Span,
        scans: &[Timestamp],
        day_start: &DayStart,
        zone: &Zone,
    ) -> Vec<(Day, Span, bool)> {
        if slot.millis() <= Attendance::LONGEST_SLOT_MS {
            return vec![(day_start.day(slot.start(), zone), slot, false)];
        }
        let mut days: Vec<_> = scans.iter().map(|at| day_start.day(*at, zone)).collect();
        days.sort_unstable();
        days.dedup();
        let cut = days.into_iter().filter_map(|day| {
            let (start, end) = (day_start.of(day, zone), day_start.of(day.next(), zone));
            let part = Span::new(start, end).ok()?.overlap(slot)?;
            Some((day, shortened(part), true))
        });
        cut.collect()
    }
}

impl Session {
    /// How long before its beginning or after its end a scan may tell something of it: whoever came
    /// the evening before goes in the morning.
    const NEAR_MS: i64 = 86_400_000;

    /// From the beginning to the end, and a day more on both sides.
    pub(super) fn vicinity(&self) -> Span {
        let start = self
            .slots
            .first()
            .map_or(Timestamp::EPOCH, |slot| slot.start());
        let end = self.slots.last().map_or(start, |slot| slot.end());
        let from = start.plus_millis(-Self::NEAR_MS);
        Span::starting(from, end.since(from) + Self::NEAR_MS)
    }

    fn is_near(&self, scans: &[Timestamp]) -> bool {
        scans.iter().any(|at| self.vicinity().contains(*at))
    }
}

/// The day on which the clocks go back has 25 hours; its last one is nobody's opening time.
fn shortened(day: Span) -> Span {
    Span::starting(day.start(), day.millis().min(Attendance::LONGEST_SLOT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pretix::{
        config::{PretixConfig, Terms},
        name::Slug,
        wire::ProgramTime,
    };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn span(start: &str, end: &str) -> Span {
        Span::new(at(start), at(end)).unwrap()
    }

    fn event(from: &str, to: Option<&str>) -> Event {
        Event {
            slug: Slug::new("e").unwrap(),
            date_from: at(from),
            date_to: to.map(at),
            has_subevents: false,
            timezone: rome(),
        }
    }

    fn item(times: &[(&str, &str)]) -> Item {
        let times = times.iter().map(|(start, end)| ProgramTime {
            start: at(start),
            end: Some(at(end)),
        });
        Item {
            id: 1,
            admission: true,
            program_times: times.collect(),
        }
    }

    fn rome() -> Zone {
        "Europe/Rome".parse().unwrap()
    }

    fn sessions(plan: &Plan, scans: &[&str]) -> Vec<Session> {
        let scans: Vec<_> = scans.iter().map(|text| at(text)).collect();
        let terms = Terms::new(&PretixConfig::default()).unwrap();
        plan.sessions((None, None), &scans, &terms.day_start, &rome())
            .unwrap()
    }

    #[test]
    fn the_programme_goes_before_the_event_and_its_breaks_do_not_count() {
        let evening = event("2026-11-20T19:30:00Z", Some("2026-11-20T21:45:00Z"));
        let plan = Plan::new(&evening, None, &item(&[]), None).unwrap();
        assert_eq!(
            sessions(&plan, &[])[0].slots,
            [span("2026-11-20T19:30:00Z", "2026-11-20T21:45:00Z")]
        );
        let acts = item(&[
            ("2026-11-20T21:00:00Z", "2026-11-20T21:45:00Z"),
            ("2026-11-20T19:30:00Z", "2026-11-20T20:30:00Z"),
        ]);
        let plan = Plan::new(&evening, None, &acts, None).unwrap();
        assert_eq!(
            sessions(&plan, &[])[0].slots,
            [
                span("2026-11-20T19:30:00Z", "2026-11-20T20:30:00Z"),
                span("2026-11-20T21:00:00Z", "2026-11-20T21:45:00Z"),
            ]
        );
    }

    #[test]
    fn without_an_end_only_a_nominal_time_helps() {
        let open = event("2026-11-20T19:30:00Z", None);
        let plan = |nominal| Plan::new(&open, None, &item(&[]), nominal);
        assert_eq!(plan(None).unwrap_err(), Unplanned::NoEnd);
        assert_eq!(
            sessions(&plan(Some(5_400_000)).unwrap(), &[])[0].slots,
            [span("2026-11-20T19:30:00Z", "2026-11-20T21:00:00Z")]
        );
        let wrong = event("2026-11-20T19:30:00Z", Some("2026-11-20T19:30:00Z"));
        let plan = Plan::new(&wrong, None, &item(&[]), Some(60_000));
        assert_eq!(plan.unwrap_err(), Unplanned::Backwards);
    }

    #[test]
    fn a_series_has_the_times_of_its_dates_and_no_other() {
        let mut series = event("2026-01-01T00:00:00Z", None);
        series.has_subevents = true;
        let plan = |date| Plan::new(&series, date, &item(&[]), None);
        assert_eq!(plan(None).unwrap_err(), Unplanned::NoDate);
        let date = Subevent {
            id: 3,
            date_from: at("2026-03-01T18:00:00Z"),
            date_to: Some(at("2026-03-01T20:00:00Z")),
        };
        let slots = &sessions(&plan(Some(&date)).unwrap(), &[])[0].slots;
        assert_eq!(
            slots,
            &[span("2026-03-01T18:00:00Z", "2026-03-01T20:00:00Z")]
        );
    }

    #[test]
    fn what_is_open_for_long_is_one_session_for_each_day_with_a_scan() {
        let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
        let plan = Plan::new(&festival, None, &item(&[]), None).unwrap();
        assert!(plan.is_long());
        assert!(sessions(&plan, &[]).is_empty());
        // Into the night of the 6th, by the clock of Rome already the 7th.
        let days = sessions(&plan, &["2026-06-06T20:00:00Z", "2026-06-07T00:30:00Z"]);
        assert_eq!(days.len(), 1);
        assert_eq!(days[0].day.unwrap().to_string(), "2026-06-06");
        assert!(days[0].is_cut);
        assert_eq!(
            days[0].slots,
            [span("2026-06-06T02:00:00Z", "2026-06-07T02:00:00Z")]
        );
        // The first day begins when the festival does.
        let days = sessions(&plan, &["2026-06-05T12:00:00Z"]);
        assert_eq!(
            days[0].slots,
            [span("2026-06-05T10:00:00Z", "2026-06-06T02:00:00Z")]
        );
    }

    #[test]
    fn a_programme_of_several_days_is_a_session_for_each_day_of_it() {
        let whole = event("2026-06-05T07:00:00Z", Some("2026-06-06T15:00:00Z"));
        let days = item(&[
            ("2026-06-05T07:00:00Z", "2026-06-05T15:00:00Z"),
            ("2026-06-06T07:00:00Z", "2026-06-06T10:00:00Z"),
            ("2026-06-06T12:00:00Z", "2026-06-06T15:00:00Z"),
        ]);
        let plan = Plan::new(&whole, None, &days, None).unwrap();
        let found = sessions(&plan, &["2026-06-06T06:50:00Z"]);
        let second = found.iter().find(|it| it.slots.len() == 2).unwrap();
        assert_eq!(second.day.unwrap().to_string(), "2026-06-06");
        assert!(!second.is_cut, "its policy is the ordinary one");
    }

    #[test]
    fn a_workshop_at_a_festival_is_at_the_session_of_its_day() {
        let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
        let workshop = item(&[("2026-06-06T12:00:00Z", "2026-06-06T14:00:00Z")]);
        let plan = Plan::new(&festival, None, &workshop, None).unwrap();
        let days = sessions(&plan, &["2026-06-06T11:55:00Z"]);
        assert_eq!(days.len(), 1);
        assert_eq!(days[0].day.unwrap().to_string(), "2026-06-06");
        assert!(!days[0].is_cut);
        assert_eq!(
            days[0].slots,
            [span("2026-06-06T12:00:00Z", "2026-06-06T14:00:00Z")]
        );
    }

    #[test]
    fn a_ticket_counts_while_it_is_valid() {
        let festival = event("2026-06-05T10:00:00Z", Some("2026-06-08T00:00:00Z"));
        let plan = Plan::new(&festival, None, &item(&[]), None).unwrap();
        let terms = Terms::new(&PretixConfig::default()).unwrap();
        let look = |from: &str, until: &str, scan: &str| {
            let valid = (Some(at(from)), Some(at(until)));
            plan.sessions(valid, &[at(scan)], &terms.day_start, &rome())
        };
        let day = look(
            "2026-06-06T10:00:00Z",
            "2026-06-06T12:00:00Z",
            "2026-06-06T09:00:00Z",
        );
        let day = day.unwrap();
        assert_eq!(
            day[0].slots,
            [span("2026-06-06T10:00:00Z", "2026-06-06T12:00:00Z")]
        );
        assert!(day[0].is_cut, "it stays cut, however short");
        let late = look(
            "2026-07-01T00:00:00Z",
            "2026-07-02T00:00:00Z",
            "2026-06-06T09:00:00Z",
        );
        assert_eq!(late.unwrap_err(), Unplanned::NotValidThen);
        let turned = look(
            "2026-06-07T00:00:00Z",
            "2026-06-06T00:00:00Z",
            "2026-06-06T09:00:00Z",
        );
        assert_eq!(turned.unwrap_err(), Unplanned::NotValidThen);
    }

    #[test]
    fn the_day_of_25_hours_is_a_session_of_24() {
        let fair = event("2026-10-20T08:00:00Z", Some("2026-10-30T08:00:00Z"));
        let plan = Plan::new(&fair, None, &item(&[]), None).unwrap();
        let days = sessions(&plan, &["2026-10-24T12:00:00Z"]);
        assert_eq!(days[0].slots[0].millis(), Attendance::LONGEST_SLOT_MS);
    }
}
