//! From a row to an observation.

use wom_sdk::{
    Body, Day, Digest, Observation, Span, Subject, Timestamp, Zone,
    instrument::Refusal,
    observation::{Attendance, Device, Policy, Provenance, Recording, Scan},
};

use super::{
    CheckinCsv,
    columns::{Columns, Field},
};
use crate::table::plain;

/// What a row says was seen.
#[derive(Clone, Copy, Debug)]
enum Seen {
    Scan(Scan),
    Visit {
        from: Timestamp,
        to: Option<Timestamp>,
    },
}

impl Seen {
    fn first(self) -> Timestamp {
        match self {
            Self::Scan(scan) => scan.at,
            Self::Visit { from, .. } => from,
        }
    }

    fn scans(self) -> Vec<Scan> {
        match self {
            Self::Scan(scan) => vec![scan],
            Self::Visit { from, to } => [Some(Scan::entry(from)), to.map(Scan::exit)]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    /// What tells it from others.
    fn text(self) -> String {
        match self {
            Self::Scan(scan) => format!("{} {}", scan.at, if scan.entry { "in" } else { "out" }),
            Self::Visit { from, to } => {
                format!("{from} {}", to.map(|to| to.to_string()).unwrap_or_default())
            }
        }
    }
}

impl CheckinCsv {
    pub(super) fn observation(
        &self,
        columns: &Columns,
        cells: &[String],
        now: Timestamp,
    ) -> Result<Observation, Refusal> {
        columns.fits(cells)?;
        let ticket_field = match columns.has(Field::Ticket) {
            true => Field::Ticket,
            false => Field::Person,
        };
        let ticket = words(columns.needed(cells, ticket_field)?);
        let subject = match columns.has(Field::Person) {
            true => Subject::new(
                Subject::PARTICIPANT,
                words(columns.needed(cells, Field::Person)?),
            ),
            false => Subject::new(format!("ticket:{}", self.source), ticket.as_str()),
        };
        let subject = subject.map_err(|_| {
            Refusal::new("too_large", "has more than 256 bytes").field(ticket_field.name())
        })?;
        admitted(columns.cell(cells, Field::Result))?;
        let is_cancelled = cancelled(columns.cell(cells, Field::Cancelled))?;
        let seen = self.seen(columns, cells)?;
        let title = words(columns.cell(cells, Field::Session));
        let body = match is_cancelled {
            true => Body::Withdrawn,
            false => Body::Attendance(self.attendance(&ticket, &title, seen)?),
        };
        // A later reading knows better, and of the same reading what takes back.
        let revision = u64::try_from(now.as_millis())
            .unwrap_or(0)
            .saturating_mul(2);
        Ok(Observation {
            subject,
            key: self.digest(&["row", &ticket, &plain(&title), &seen.text()]),
            revision: revision + u64::from(is_cancelled),
            provenance: Provenance {
                stream: self.digest(&["stream"]),
                device: Device::Unknown,
                recording: Recording::Attested,
            },
            body,
        })
    }

    fn seen(&self, columns: &Columns, cells: &[String]) -> Result<Seen, Refusal> {
        let zone = self.zone.as_ref();
        let day = columns.day(cells)?;
        if !columns.has(Field::From) {
            let at = columns.needed(cells, Field::Time)?;
            let at = columns.instant(at, Field::Time, day, zone)?;
            let entry = match columns.has(Field::Direction) {
                true => is_entry(columns.needed(cells, Field::Direction)?)?,
                false => true,
            };
            return Ok(Seen::Scan(Scan {
                at,
                entry,
                automatic: false,
            }));
        }
        let from = columns.needed(cells, Field::From)?;
        let from = columns.instant(from, Field::From, day, zone)?;
        let to = match columns.cell(cells, Field::To) {
            "" => None,
            text => Some(columns.end(text, from, day, zone)?),
        };
        let wrong =
            |message: &'static str| Err(Refusal::new("bad_time", message).field(Field::To.name()));
        match to.map(|to| to.since(from)) {
            Some(length) if length <= 0 => wrong("is not after the beginning"),
            Some(length) if length > self.terms.longest_ms => wrong(
                "is longer after the beginning than a visit may be; correct it, or set longest_visit_minutes",
            ),
            _ => Ok(Seen::Visit { from, to }),
        }
    }

    fn attendance(&self, ticket: &str, title: &str, seen: Seen) -> Result<Attendance, Refusal> {
        let ticket = self.digest(&["ticket", ticket]);
        let mut scans = seen.scans();
        let (session, slot, policy) = match &self.programme {
            Some(programme) => {
                let entry = scans.first().is_none_or(|scan| scan.entry);
                let found = programme.find(seen.first(), entry, title, self.terms.early_ms);
                let planned = found.ok_or_else(|| {
                    Refusal::new(
                        "no_session",
                        "the programme has no session at this time; correct the programme or the row",
                    )
                })?;
                let parts: Vec<&str> = ["session"]
                    .into_iter()
                    .chain(planned.name.iter().map(String::as_str))
                    .collect();
                (self.digest(&parts), planned.span, self.terms.policy)
            }
            None => {
                let utc = Zone::UTC;
                let zone = self.zone.as_ref().unwrap_or(&utc);
                let (day, whole) = self
                    .terms
                    .day(seen.first(), zone)
                    .ok_or_else(|| Refusal::new("bad_time", "lies at the end of the calendar"))?;
                let (slot, policy) = self.visit(seen, whole, &mut scans)?;
                (self.session(day, title), slot, policy)
            }
        };
        let attendance = Attendance::new(ticket, session, [slot])
            .map_err(|error| Refusal::new("bad_time", error.message().to_owned()))?;
        Ok(Attendance {
            activity: self.terms.activity.clone(),
            policy,
            scans,
            ..attendance
        })
    }

    /// The planned time and policy where each day is a session. A visit that was nominal ends by itself.
    fn visit(
        &self,
        seen: Seen,
        day: Span,
        scans: &mut Vec<Scan>,
    ) -> Result<(Span, Policy), Refusal> {
        let nominal_ms = self.terms.nominal_ms;
        let ends = |from: Timestamp, nominal_ms: i64| Scan {
            automatic: true,
            ..Scan::exit(from.plus_millis(nominal_ms))
        };
        match (seen, nominal_ms) {
            (Seen::Visit { from, to: Some(to) }, _) => {
                Ok((Span::starting(from, to.since(from)), Policy::Measured))
            }
            (Seen::Visit { from, to: None }, Some(nominal_ms)) => {
                scans.push(ends(from, nominal_ms));
                Ok((Span::starting(from, nominal_ms), self.terms.policy))
            }
            (Seen::Visit { .. }, None) => Err(Refusal::new(
                "no_end",
                "is empty, and nobody knows how long the visit was; fill it in, or set nominal_minutes",
            )
            .field(Field::To.name())),
            (Seen::Scan(scan), Some(nominal_ms)) if scan.entry => {
                scans.push(ends(scan.at, nominal_ms));
                Ok((day, self.terms.policy))
            }
            (Seen::Scan(_), _) => Ok((day, self.terms.policy)),
        }
    }

    fn session(&self, day: Day, title: &str) -> Digest {
        self.digest(&["day", &day.to_string(), &plain(title)])
    }

    fn digest(&self, parts: &[&str]) -> Digest {
        Digest::of(["checkin-csv", &self.source].iter().chain(parts))
    }
}

/// One blank between words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_entry(text: &str) -> Result<bool, Refusal> {
    match plain(text).as_str() {
        "in" | "entry" | "enter" | "entered" | "entrata" | "entrato" | "entrada" | "ingresso"
        | "checkin" | "i" => Ok(true),
        "out" | "exit" | "leave" | "left" | "uscita" | "uscito" | "checkout" | "o" | "u" => {
            Ok(false)
        }
        _ => Err(
            Refusal::new("bad_direction", "is neither in (entrata) nor out (uscita)")
                .field(Field::Direction.name()),
        ),
    }
}

/// A gate writes down whom it did not let in, too.
fn admitted(text: &str) -> Result<(), Refusal> {
    match plain(text).as_str() {
        "" | "ok" | "valid" | "valido" | "valida" | "success" | "successful" | "true" | "yes"
        | "si" | "1" | "admitted" | "ammesso" | "granted" | "accepted" | "accettato"
        | "regolare" => Ok(()),
        _ => Err(Refusal::new(
            "not_admitted",
            "the gate did not let this ticket in, so nothing counts",
        )
        .field(Field::Result.name())),
    }
}

fn cancelled(text: &str) -> Result<bool, Refusal> {
    match plain(text).as_str() {
        "" | "no" | "n" | "false" | "0" => Ok(false),
        "x" | "yes" | "y" | "si" | "s" | "true" | "1" | "cancelled" | "canceled" | "withdrawn"
        | "annullato" | "annullata" => Ok(true),
        _ => {
            Err(Refusal::new("bad_flag", "is neither yes (sì) nor no")
                .field(Field::Cancelled.name()))
        }
    }
}
