//! What a caller asks for, before it is frozen.

use super::{Content, Handle, Vouchers};
use crate::{
    Error, Kind, Result, Timestamp, Zone,
    privacy::{Precision, cell_centre},
    protocol::{Aim, Position},
};

/// An award that the caller names itself: so many minutes for something useful.
///
/// ```
/// use wom_sdk::award::Request;
///
/// let walk = Request::new("H".parse()?, 30, "43.7263,12.6366".parse()?);
/// assert_eq!(walk.freeze(wom_sdk::Timestamp::EPOCH)?.minutes(), 30);
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    aim: Aim,
    minutes: u32,
    place: Position,
    at: Option<Timestamp>,
    zone: Zone,
    precision: Precision,
    handle: Option<Handle>,
}

impl Request {
    /// Minutes given to an aim, 1 to 10,000, near a place (degrees WGS 84).
    ///
    /// The vouchers tell the day (UTC, unless [`in_zone`](Self::in_zone) says otherwise) and the
    /// centre of a cell of about 5 km, not the instant and the spot; see [`exact`](Self::exact).
    pub fn new(aim: Aim, minutes: u32, place: Position) -> Self {
        Self {
            aim,
            minutes,
            place,
            at: None,
            zone: Zone::UTC,
            precision: Precision::Standard,
            handle: None,
        }
    }

    /// Whom to hand the award to, where it is delivered by a [`ClaimSink`](crate::claim::ClaimSink).
    #[must_use]
    pub fn deliver_to(self, handle: Handle) -> Self {
        Self {
            handle: Some(handle),
            ..self
        }
    }

    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.handle.as_ref()
    }

    /// When the minutes were given. Without it: when the award is accepted.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }

    /// The zone whose civil day the vouchers tell.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// Tells instant and spot as they are. Together with other records they can name a person.
    #[must_use]
    pub fn exact(self) -> Self {
        Self {
            precision: Precision::Exact,
            ..self
        }
    }

    /// What is issued if the award is accepted now.
    pub fn freeze(&self, now: Timestamp) -> Result<Content> {
        let at = self.at.unwrap_or(now);
        let (place, at) = match self.precision {
            Precision::Exact => (self.place, at),
            Precision::Standard => (
                cell_centre(self.place),
                self.zone.start_of(self.zone.day(at)),
            ),
        };
        Content::new(vec![Vouchers {
            aim: self.aim,
            minutes: self.minutes,
            place,
            at,
        }])
    }

    fn asks_for(&self, accepted: &Content) -> bool {
        let at = self
            .at
            .or_else(|| accepted.sorts().first().map(|sort| sort.at));
        self.freeze(at.unwrap_or_default())
            .is_ok_and(|content| content == *accepted)
    }

    /// Refuses another content than the one that was accepted under the same key before. A request
    /// without a time of its own asks for whatever time was taken then.
    ///
    /// # Errors
    /// [`Kind::AwardKeyReused`].
    pub fn check_repeated(&self, accepted: &Content) -> Result<()> {
        if self.asks_for(accepted) {
            return Ok(());
        }
        Err(Error::new(
            Kind::AwardKeyReused,
            "this award key was used for another award",
        )
        .hint(
            "use a key of its own for each award; a key with the same content gives the same code",
        ))
    }
}
