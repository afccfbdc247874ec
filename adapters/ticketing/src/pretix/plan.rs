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
mod tests;
