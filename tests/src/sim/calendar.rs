//! The days of a run, cell by cell: what the oracle counts with instead of intervals and zones.

use std::sync::OnceLock;

use wom_sdk::{Day, MINUTE_MS, Timestamp, Zone, privacy::Epoch};

/// The grain of all simulated records, in milliseconds.
pub(super) const CELL_MS: i64 = 10_000;
/// How many days a calendar covers.
const DAYS: i64 = 5;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Some days of the year 2026, in one zone.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) zone: Zone,
    /// The first instant of the first cell.
    pub(super) start: Timestamp,
    pub(super) cells: Vec<Cell>,
    pub(super) days: Vec<Day>,
    pub(super) epochs: Vec<Epoch>,
}

/// Ten seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cell {
    /// Which of the days.
    pub(super) day: usize,
    /// Which of the epochs.
    pub(super) epoch: usize,
    /// What a clock shows, in minutes since midnight.
    pub(super) minute: u16,
}

/// An ordinary week, the end of a month, the nights in which clocks change, and far away.
const PLACES: [(&str, &str); 5] = [
    ("Europe/Rome", "2026-06-09T00:00:00Z"),
    ("Europe/Rome", "2026-10-30T00:00:00Z"),
    ("Europe/Rome", "2026-10-23T00:00:00Z"),
    ("Europe/Rome", "2026-03-27T00:00:00Z"),
    ("Pacific/Auckland", "2026-11-29T00:00:00Z"),
];

impl Calendar {
    /// One of the calendars.
    pub(super) fn of(number: usize) -> &'static Self {
        static ALL: [OnceLock<Calendar>; PLACES.len()] = [const { OnceLock::new() }; PLACES.len()];
        let number = number % PLACES.len();
        ALL[number].get_or_init(|| Self::make(PLACES[number].0, PLACES[number].1))
    }

    fn make(zone: &str, start: &str) -> Self {
        let zone: Zone = zone.parse().expect("a zone");
        let start: Timestamp = start.parse().expect("a time");
        let mut calendar = Self {
            zone,
            start,
            cells: Vec::new(),
            days: Vec::new(),
            epochs: Vec::new(),
        };
        // Clocks change, and days begin, on whole hours.
        for hour in 0..DAYS * 24 {
            let at = start.plus_millis(hour * HOUR_MS);
            let day = calendar.zone.day(at);
            if calendar.days.last() != Some(&day) {
                calendar.days.push(day);
            }
            let epoch = Epoch::of(day);
            if calendar.epochs.last() != Some(&epoch) {
                calendar.epochs.push(epoch);
            }
            let minute = calendar.zone.minute_of_day(at);
            let cells = (0..HOUR_MS / CELL_MS).map(|cell| Cell {
                day: calendar.days.len() - 1,
                epoch: calendar.epochs.len() - 1,
                minute: minute + u16::try_from(cell * CELL_MS / MINUTE_MS).unwrap_or(0),
            });
            calendar.cells.extend(cells);
        }
        calendar
    }

    /// The instant at which a cell begins.
    pub(super) fn at(&self, cell: usize) -> Timestamp {
        self.start
            .plus_millis(i64::try_from(cell).unwrap_or(0) * CELL_MS)
    }

    /// The first cell that begins at or after an instant.
    pub(super) fn cell(&self, at: Timestamp) -> usize {
        let passed = at.since(self.start).max(0);
        usize::try_from((passed + CELL_MS - 1) / CELL_MS).unwrap_or(0)
    }
}
