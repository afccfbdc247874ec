//! A programme: which sessions are planned, and to which of them a scan belongs.

use std::{fs::File, path::PathBuf};

use wom_sdk::{
    Error, Kind, Result, Span, Timestamp, Zone, instrument::Refusal, observation::Attendance,
};

use crate::{
    checkin_csv::columns::{Columns, Field},
    ical::event::{Calendar, Status, Terms},
    table::{Table, plain},
};

/// The most sessions of a programme.
pub(crate) const MOST_SESSIONS: usize = 20_000;

/// The planned sessions, by time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programme(Vec<Planned>);

/// A planned session.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Planned {
    pub(crate) span: Span,
    /// What names it for ever.
    pub(crate) name: Vec<String>,
    /// What people call it.
    pub(crate) title: String,
}

impl Programme {
    /// The sessions of these calendars (`.ics`) and tables (all others); `None` without any.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] with the file and line of what cannot be read: a programme with a
    /// session missing would lose people their minutes.
    pub(crate) fn read(
        files: &[PathBuf],
        zone: &Zone,
        nominal_ms: Option<i64>,
    ) -> Result<Option<Self>> {
        if files.is_empty() {
            return Ok(None);
        }
        let mut sessions = Vec::new();
        for file in files {
            let named = |error: Error| {
                let kind = Kind::ConfigurationInvalid;
                let wrong = Error::new(kind, "the programme cannot be read");
                wrong.with("file", file.display()).because(error)
            };
            let opened = File::open(file).map_err(|error| {
                named(
                    Error::new(Kind::InputInvalid, "cannot be opened").with("reason", error.kind()),
                )
            })?;
            let is_calendar = file
                .extension()
                .is_some_and(|it| it.eq_ignore_ascii_case("ics"));
            let read = match is_calendar {
                true => calendar(Box::new(opened), zone, nominal_ms),
                false => table(Box::new(opened), zone),
            };
            sessions.extend(read.map_err(named)?);
            if sessions.len() > MOST_SESSIONS {
                return Err(named(too_many()));
            }
        }
        Ok(Some(Self::new(sessions)))
    }

    pub(crate) fn new(mut sessions: Vec<Planned>) -> Self {
        sessions.sort();
        sessions.dedup();
        Self(sessions)
    }

    /// The session that a scan belongs to: the one that goes on; else for an entry the next, and for
    /// an exit the last, at most so far away. `title` chooses among them where it is not empty.
    pub(crate) fn find(
        &self,
        at: Timestamp,
        entry: bool,
        title: &str,
        reach_ms: i64,
    ) -> Option<&Planned> {
        let first = at.plus_millis(-(Attendance::LONGEST_SLOT_MS + reach_ms));
        let from = self.0.partition_point(|it| it.span.start() < first);
        let near = self.0[from..]
            .iter()
            .take_while(|it| it.span.start() <= at.plus_millis(reach_ms));
        let title = plain(title);
        let called = near.filter(|it| {
            title.is_empty()
                || plain(&it.title) == title
                || it.name.iter().any(|name| plain(name) == title)
        });
        let ranked = called.filter_map(|it| {
            let (start, end) = (it.span.start(), it.span.end());
            let (order, distance) = match at {
                at if at < start => (if entry { 1 } else { 2 }, start.since(at)),
                at if at > end => (if entry { 2 } else { 1 }, at.since(end)),
                _ => (0, 0),
            };
            (distance <= reach_ms).then_some(((order, distance, it), it))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, it)| it)
    }
}

pub(crate) fn too_many() -> Error {
    Error::new(
        Kind::LimitExceeded,
        "a programme has at most 20000 sessions",
    )
    .hint("give the programme of a shorter time")
}

/// The sessions of a calendar, without those that are not held.
fn calendar(
    source: Box<dyn std::io::Read + Send>,
    zone: &Zone,
    nominal_ms: Option<i64>,
) -> Result<Vec<Planned>> {
    let terms = Terms {
        zone: Some(zone.clone()),
        nominal_ms,
        attendee: None,
    };
    let calendar = Calendar::read(source, &terms, Timestamp::MAX)?;
    if let Some(refusal) = calendar.refusals.into_iter().next() {
        let line = refusal.at.first().map_or(0, |(_, line)| *line);
        return Err(Error::new(Kind::InputInvalid, refusal.message)
            .with("line", line)
            .with("field", refusal.field.unwrap_or("VEVENT")));
    }
    let held = calendar
        .occurrences
        .into_iter()
        .filter(|it| it.status == Status::Held);
    Ok(held
        .map(|it| Planned {
            span: it.span,
            name: vec![it.uid, it.original.to_string()],
            title: it.title,
        })
        .collect())
}

/// The sessions of a table with the columns session, date, from and to.
fn table(source: Box<dyn std::io::Read + Send>, zone: &Zone) -> Result<Vec<Planned>> {
    let (mut table, columns) = Table::open(source, Columns::of_programme)?;
    let mut sessions = Vec::new();
    while let Some(row) = table.next()? {
        let planned = row.cells.and_then(|cells| planned(&columns, &cells, zone));
        sessions.push(planned.map_err(|refusal| {
            Error::new(Kind::InputInvalid, refusal.message)
                .with("line", row.line)
                .with("field", refusal.field.unwrap_or("row"))
        })?);
        if sessions.len() > MOST_SESSIONS {
            return Err(too_many());
        }
    }
    Ok(sessions)
}

fn planned(columns: &Columns, cells: &[String], zone: &Zone) -> Result<Planned, Refusal> {
    let day = columns.day(cells)?;
    let start = columns.needed(cells, Field::From)?;
    let start = columns.instant(start, Field::From, day, Some(zone))?;
    let end = columns.needed(cells, Field::To)?;
    let end = columns.end(end, start, day, Some(zone))?;
    let title = columns.cell(cells, Field::Session).to_owned();
    let too_long = end.since(start) > Attendance::LONGEST_SLOT_MS;
    match Span::new(start, end) {
        Ok(span) if !span.is_empty() && !too_long => Ok(Planned {
            span,
            name: vec![title.clone(), start.to_string()],
            title,
        }),
        _ => Err(Refusal::new(
            "bad_time",
            "the session ends before it begins, or lasts over 24 hours",
        )
        .field(Field::To.name())),
    }
}

/// Reads any bytes as a programme of each form.
#[cfg(feature = "testing")]
pub(crate) fn read_any(data: &[u8], zone: &Zone) {
    let source = || Box::new(std::io::Cursor::new(data.to_vec()));
    for read in [calendar(source(), zone, None), table(source(), zone)] {
        let sessions = read.unwrap_or_default();
        assert!(sessions.len() <= MOST_SESSIONS);
        Programme::new(sessions).find(Timestamp::EPOCH, true, "x", 3_600_000);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_belongs_to_what_goes_on_or_is_next_or_was_last() {
        let text =
            "Sessione;Data;Dalle;Alle\nMattina;21/11/2026;9.00;12.00\nSera;21/11/2026;21.00;1.00\n";
        let rome: Zone = "Europe/Rome".parse().unwrap();
        let source = Box::new(std::io::Cursor::new(text));
        let programme = Programme::new(table(source, &rome).unwrap());
        let find = |at: &str, entry, title| {
            let at = rome.instant(&format!("2026-11-{at}")).unwrap();
            let found = programme.find(at, entry, title, 4 * 3_600_000);
            found.map(|it| it.title.as_str())
        };
        assert_eq!(find("21T10:00", true, ""), Some("Mattina"));
        assert_eq!(find("21T06:00", true, ""), Some("Mattina"));
        assert_eq!(find("21T04:59", true, ""), None);
        assert_eq!(find("22T00:30", true, ""), Some("Sera"));
        assert_eq!(find("21T17:30", true, ""), Some("Sera"));
        assert_eq!(find("21T12:20", false, ""), Some("Mattina"));
        assert_eq!(find("22T05:00", false, ""), Some("Sera"));
        assert_eq!(find("22T05:01", false, ""), None);
        assert_eq!(find("21T10:00", true, "SERA"), None);
        assert_eq!(find("21T17:30", true, "sera"), Some("Sera"));
        for wrong in [
            "Sessione;Data;Dalle\nA;21/11/2026;9.00\n",
            "Sessione;Data;Dalle;Alle\nA;21/11/2026;9.00;\n",
            "Sessione;Data;Dalle;Alle\nA;31/11/2026;9.00;10.00\n",
            "Sessione;Data;Dalle;Alle\nA;21/11/2026;9.00;9.00\n",
        ] {
            assert!(
                table(Box::new(std::io::Cursor::new(wrong)), &rome).is_err(),
                "{wrong}"
            );
        }
    }
}
