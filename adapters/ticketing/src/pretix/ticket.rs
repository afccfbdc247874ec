//! From a ticket, as pretix has it, to observations.

use std::collections::BTreeSet;

use wom_sdk::{
    Body, Digest, Observation, Result, Span, Subject, Timestamp,
    instrument::Refusal,
    observation::{Attendance, Device, Policy, Provenance, Recording, Scan, Standing},
};

use super::{
    config::Terms,
    name::Slug,
    plan::{Plan, Session, Unplanned},
    wire::{Checkin, Direction, Event, Item, Order, Position, Status},
};

/// For how long before now days that were taken back are looked for.
const LOOK_BACK_MS: i64 = 400 * 86_400_000;
const DAY_MS: i64 = 86_400_000;

/// Who looks at tickets, and what they are called.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    /// Stands for the installation and the organizer.
    source: Digest,
    /// Whose ids the tickets' are.
    namespace: String,
    pub(super) terms: Terms,
}

/// A ticket within its order and event.
#[derive(Clone, Copy)]
pub(super) struct Ticket<'a> {
    pub(super) event: &'a Event,
    pub(super) order: &'a Order,
    pub(super) position: &'a Position,
    /// `None` if it is no more.
    pub(super) item: Option<&'a Item>,
}

/// What was found of a ticket.
#[derive(Default)]
pub(super) struct Found {
    pub(super) observations: Vec<Observation>,
    pub(super) refusals: Vec<Refusal>,
}

impl Witness {
    /// `installation` is the address without its scheme and last slash.
    pub(super) fn new(installation: &str, organizer: &Slug, terms: Terms) -> Self {
        Self {
            source: Digest::of(["pretix", installation, organizer.as_str()]),
            namespace: format!("pretix:{installation}/{}", organizer.as_str()),
            terms,
        }
    }

    pub(super) fn source(&self) -> Digest {
        self.source
    }

    /// The main ticket as a person: `event/number`.
    pub(super) fn subject(&self, event: &Slug, root: u64) -> Result<Subject> {
        Subject::new(self.namespace.clone(), format!("{}/{root}", event.as_str()))
    }

    /// The main ticket that a subject is; `None` for somebody else's.
    pub(super) fn root(&self, subject: &Subject) -> Option<(Slug, u64)> {
        if subject.namespace() != self.namespace {
            return None;
        }
        let (event, root) = subject.reveal().split_once('/')?;
        Some((Slug::new(event)?, root.parse().ok()?))
    }

    /// What is known of a ticket that was read at `read`, by pretix's clock.
    ///
    /// The record's key is the ticket's, whatever its session: a ticket that was moved to another
    /// date is the same record. A day of what is open for long is a record of its own; the range
    /// around takes back the days that are no more.
    pub(super) fn look(
        &self,
        ticket: Ticket<'_>,
        plan: Result<Plan, Unplanned>,
        read: Timestamp,
        now: Timestamp,
    ) -> Result<Found> {
        let Ticket {
            event, position, ..
        } = ticket;
        let scans = self.scans(position);
        let instants: Vec<_> = scans.iter().map(|scan| scan.datetime).collect();
        let valid = (position.valid_from, position.valid_until);
        let sessions = plan.clone().and_then(|plan| {
            plan.sessions(valid, &instants, &self.terms.day_start, &event.timezone)
        });
        let mut found = Found::default();
        let is_long = plan.as_ref().is_ok_and(Plan::is_long);
        let sessions = sessions.unwrap_or_else(|why| {
            let (code, message) = why.words();
            let refusal = Refusal::new(code, message).at("item", position.item);
            found.refusals.push(match position.subevent {
                Some(date) => refusal.at("subevent", date),
                None => refusal,
            });
            Vec::new()
        });
        let mut whole = false;
        for session in &sessions {
            match self.attendance(ticket, session, &scans) {
                Ok(attendance) => {
                    whole |= session.day.is_none();
                    let key = self.key(position.id, session);
                    found.observations.push(self.observation(
                        ticket,
                        key,
                        Body::Attendance(attendance),
                        read,
                    )?);
                }
                Err(error) => found.refusals.push(
                    Refusal::new("bad_window", error.message().to_owned())
                        .at("item", position.item),
                ),
            }
        }
        if !whole {
            let key = self.whole_key(position.id);
            found
                .observations
                .push(self.observation(ticket, key, Body::Withdrawn, read)?);
        }
        if is_long && let Ok(plan) = &plan {
            let range = Body::RangeReplaced {
                range: around(plan.whole(), &instants, now),
            };
            let key = Digest::of([&self.source.0[..], b"range", &position.id.to_be_bytes()]);
            found
                .observations
                .push(self.observation(ticket, key, range, read)?);
        }
        Ok(found)
    }

    /// Takes back what was known of a ticket that is no more.
    pub(super) fn gone(&self, event: &Slug, root: u64, read: Timestamp) -> Result<Observation> {
        Ok(Observation {
            subject: self.subject(event, root)?,
            key: self.whole_key(root),
            revision: revision(read),
            provenance: self.provenance(root),
            body: Body::Withdrawn,
        })
    }

    /// Whether a scan counts that is still there.
    pub(super) fn was_scanned(&self, position: &Position) -> bool {
        !self.scans(position).is_empty()
    }

    /// The scans that count, the oldest first.
    fn scans<'a>(&self, position: &'a Position) -> Vec<&'a Checkin> {
        let counts = |scan: &&Checkin| {
            scan.direction != Direction::Other && !self.terms.excludes_list(scan.list)
        };
        let mut scans: Vec<_> = position.checkins.iter().filter(counts).collect();
        scans.sort_by_key(|scan| (scan.datetime, scan.id));
        scans.dedup_by_key(|scan| scan.id);
        scans
    }

    fn attendance(
        &self,
        ticket: Ticket<'_>,
        session: &Session,
        scans: &[&Checkin],
    ) -> Result<Attendance> {
        let position = ticket.position;
        let vicinity = session.vicinity();
        // A scan far from the only session is still told, so that it can be said why it is worth
        // nothing; of many days each has its own.
        let mine = |scan: &&&Checkin| session.day.is_none() || vicinity.contains(scan.datetime);
        let scans: Vec<_> = scans
            .iter()
            .filter(mine)
            .take(Attendance::MOST_SCANS)
            .collect();
        let entries = scans
            .iter()
            .filter(|scan| scan.direction == Direction::Entry);
        let policy = match session.is_cut {
            true => Policy::Measured,
            false => self
                .terms
                .policy(position.item, entries.map(|scan| scan.list)),
        };
        let main = Digest::of([
            &self.source.0[..],
            b"ticket",
            &position.root().to_be_bytes(),
        ]);
        let name = self.session(ticket, session);
        let attendance = Attendance::new(main, name, session.slots.iter().copied())?;
        Ok(Attendance {
            activity: self.terms.activity.clone(),
            policy,
            standing: self.standing(ticket),
            scans: scans
                .into_iter()
                .map(|scan| Scan {
                    at: scan.datetime,
                    entry: scan.direction == Direction::Entry,
                    automatic: scan.auto_checked_in,
                })
                .collect(),
            ..attendance
        })
    }

    fn session(&self, ticket: Ticket<'_>, session: &Session) -> Digest {
        let event = ticket.event.slug.as_str();
        let date = ticket.position.subevent.map(|date| date.to_string());
        let day = session.day.map(|day| day.to_string());
        let (date, day) = (date.unwrap_or_default(), day.unwrap_or_default());
        let parts: [&[u8]; 5] = [
            &self.source.0,
            b"session",
            event.as_bytes(),
            date.as_bytes(),
            day.as_bytes(),
        ];
        Digest::of(parts)
    }

    fn standing(&self, ticket: Ticket<'_>) -> Standing {
        let Ticket {
            order,
            position,
            item,
            ..
        } = ticket;
        if order.testmode {
            Standing::Test
        } else if position.canceled || order.status == Status::Cancelled {
            Standing::Cancelled
        } else if order.status != Status::Paid {
            Standing::Unpaid
        } else if position.is_blocked() {
            Standing::Blocked
        } else if order.is_refunded() && !self.terms.trust_refunded {
            Standing::Refunded
        } else if item.is_none_or(|item| !item.admission) {
            Standing::NoAdmission
        } else if self.terms.excludes_item(position.item) {
            Standing::Excluded
        } else {
            Standing::Valid
        }
    }

    fn key(&self, position: u64, session: &Session) -> Digest {
        let Some(day) = session.day else {
            return self.whole_key(position);
        };
        let day = day.to_string();
        Digest::of([
            &self.source.0[..],
            b"day",
            &position.to_be_bytes(),
            day.as_bytes(),
        ])
    }

    fn whole_key(&self, position: u64) -> Digest {
        Digest::of([&self.source.0[..], b"position", &position.to_be_bytes()])
    }

    fn observation(
        &self,
        ticket: Ticket<'_>,
        key: Digest,
        body: Body,
        read: Timestamp,
    ) -> Result<Observation> {
        Ok(Observation {
            subject: self.subject(&ticket.event.slug, ticket.position.root())?,
            key,
            revision: revision(read),
            provenance: self.provenance(ticket.position.id),
            body,
        })
    }

    fn provenance(&self, position: u64) -> Provenance {
        Provenance {
            stream: Digest::of([&self.source.0[..], b"stream", &position.to_be_bytes()]),
            device: Device::Unknown,
            recording: Recording::Attested,
        }
    }
}

/// A later reading knows better.
fn revision(read: Timestamp) -> u64 {
    u64::try_from(read.as_millis()).unwrap_or(0)
}

/// The time in which days of a ticket may have been known before: not to come, and not closed.
fn around(whole: Span, scans: &[Timestamp], now: Timestamp) -> Span {
    let instants: BTreeSet<_> = scans
        .iter()
        .copied()
        .chain([whole.start(), whole.end()])
        .collect();
    let first = instants.first().copied().unwrap_or(now);
    let last = instants.last().copied().unwrap_or(now);
    let from = first
        .plus_millis(-DAY_MS)
        .max(now.plus_millis(-LOOK_BACK_MS));
    let until = last
        .plus_millis(DAY_MS)
        .min(now.plus_millis(DAY_MS))
        .max(from);
    Span::starting(from, until.since(from))
}
