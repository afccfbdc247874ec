//! What a ticketing system knows of somebody's taking part, without names: planned time, and scans.

use serde::{Deserialize, Serialize};

use crate::{Activity, Digest, Error, Kind, Result, Span, TimeSet, Timestamp};

/// One ticket at one session, as the system had it when it was read.
///
/// A ticket admits one person; an add-on to it (a guided tour, a workshop) is a record of its own
/// with the same `ticket`. Several records of one ticket and session are several views of one
/// presence: what they say is united and counts once.
///
/// Nothing in it names a person or a ticket: there are digests only, and before they are stored they
/// are digested again under the key of the participant's epoch. The record belongs to the month in
/// which the session is planned to begin, whenever the scans were.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Attendance {
    /// The main ticket: what stands for one person.
    pub ticket: Digest,
    /// What is attended: an event, one date of a series, one day of a pass.
    pub session: Digest,
    /// What attending it is, such as [`Activity::ATTENDING`] or `volunteering`.
    pub activity: Activity,
    /// When it is planned, in order and apart, at least one; breaks between them do not count.
    pub slots: Vec<Span>,
    /// What counts where somebody was not seen to leave.
    #[serde(default)]
    pub policy: Policy,
    /// Whether the ticket is good.
    #[serde(default)]
    pub standing: Standing,
    /// What gates saw, in any order.
    #[serde(default)]
    pub scans: Vec<Scan>,
}

impl Attendance {
    /// The most slots of a session.
    pub const MOST_SLOTS: usize = 32;

    /// The most scans of a ticket at a session.
    pub const MOST_SCANS: usize = 256;

    /// The longest slot, in milliseconds: 24 hours. What is open for longer is several sessions.
    pub const LONGEST_SLOT_MS: i64 = 24 * 3_600_000;

    /// A good ticket at a session that is planned at these times, which are put in order and united.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] without a slot that lasts, with one of over 24 hours, or with too many.
    pub fn new(
        ticket: Digest,
        session: Digest,
        slots: impl IntoIterator<Item = Span>,
    ) -> Result<Self> {
        let planned: TimeSet = slots.into_iter().take(10 * Self::MOST_SLOTS).collect();
        let slots = planned.spans().to_vec();
        let wrong = |message| Err(Error::new(Kind::InputInvalid, message).with("field", "slots"));
        if slots.is_empty() {
            return wrong("a session lasts for some time");
        }
        if slots.len() > Self::MOST_SLOTS {
            return wrong("a session has at most 32 slots");
        }
        if slots
            .iter()
            .any(|slot| slot.millis() > Self::LONGEST_SLOT_MS)
        {
            return wrong("a session lasts at most 24 hours");
        }
        Ok(Self {
            ticket,
            session,
            activity: Activity::ATTENDING,
            slots,
            policy: Policy::default(),
            standing: Standing::default(),
            scans: Vec::new(),
        })
    }

    /// From the planned beginning to the planned end, breaks included.
    pub fn window(&self) -> Span {
        let start = self
            .slots
            .first()
            .map_or(Timestamp::EPOCH, |slot| slot.start());
        let end = self.slots.last().map_or(start, |slot| slot.end());
        Span::starting(start, end.since(start).max(0))
    }
}

/// A ticket was seen at a gate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Scan {
    /// When, by the gate's clock.
    pub at: Timestamp,
    /// Coming in, or going out.
    pub entry: bool,
    /// Whether the system wrote it by itself, such as an exit at closing time: that is no sight of
    /// anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
}

impl Scan {
    /// Somebody came in.
    pub fn entry(at: Timestamp) -> Self {
        Self {
            at,
            entry: true,
            automatic: false,
        }
    }

    /// Somebody went out.
    pub fn exit(at: Timestamp) -> Self {
        Self {
            at,
            entry: false,
            automatic: false,
        }
    }
}

/// What counts of a session for somebody who came in.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Policy {
    /// From coming in to going out; to the end where nobody saw them go. For most events.
    #[default]
    Overlap,
    /// From coming in to going out, and nothing where nobody saw them go. For visits without an end,
    /// festivals, volunteering, transport.
    Measured,
    /// All of the planned time. For timed shows with seats.
    Scheduled,
}

/// Whether a ticket is good, in the system's eyes.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Standing {
    /// It is paid, or free.
    #[default]
    Valid,
    /// It admits nobody by itself: parking, a drink, a printed programme.
    NoAdmission,
    /// It is of a kind that earns nothing here: staff, press, artists.
    Excluded,
    /// Its order is a test.
    Test,
    /// Its order is not paid.
    Unpaid,
    /// It is blocked.
    Blocked,
    /// Its price was paid back.
    Refunded,
    /// It or its order was cancelled, or is gone.
    Cancelled,
}
