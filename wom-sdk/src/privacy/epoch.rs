//! How long one pseudonym holds.

use std::fmt;

use crate::{Day, Error, Kind, Result, Span, Timestamp, Zone};

/// How long one pseudonym holds: a month of events in the campaign's zone, or the whole campaign
/// for what counts once, whenever it happened.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Epoch {
    year: i16,
    /// 1 to 12; 0 for the whole campaign.
    month: u8,
}

impl Epoch {
    /// The whole campaign.
    pub const CAMPAIGN: Self = Self { year: 0, month: 0 };

    /// A month, 1 to 12.
    pub(crate) fn month(year: i16, month: i8) -> Self {
        Self {
            year,
            month: month.unsigned_abs(),
        }
    }

    /// The month of a day.
    pub fn of(day: Day) -> Self {
        Self::month(day.year(), day.month())
    }

    /// The month before and the month after.
    pub fn neighbours(self) -> [Self; 2] {
        let Self { year, month } = self;
        let before = if month <= 1 {
            Self {
                year: year - 1,
                month: 12,
            }
        } else {
            Self {
                year,
                month: month - 1,
            }
        };
        let after = if month >= 12 {
            Self {
                year: year + 1,
                month: 1,
            }
        } else {
            Self {
                year,
                month: month + 1,
            }
        };
        [before, after]
    }

    /// When the epoch is, by the clocks of a zone; all time for the whole campaign.
    pub fn span(self, zone: &Zone) -> Span {
        let month = i8::try_from(self.month).unwrap_or_default();
        let [_, after] = self.neighbours();
        let next = i8::try_from(after.month).unwrap_or_default();
        let start = Day::new(self.year, month, 1).map(|day| zone.start_of(day));
        let end = Day::new(after.year, next, 1).map(|day| zone.start_of(day));
        let (start, end) = (
            start.unwrap_or(Timestamp::MIN),
            end.unwrap_or(Timestamp::MAX),
        );
        if self == Self::CAMPAIGN {
            return Span::starting(Timestamp::MIN, Timestamp::MAX.since(Timestamp::MIN));
        }
        Span::starting(start, end.since(start))
    }

    pub(super) fn to_bytes(self) -> [u8; 3] {
        let [a, b] = self.year.to_be_bytes();
        [a, b, self.month]
    }

    pub(super) fn from_bytes([a, b, month]: [u8; 3]) -> Self {
        Self {
            year: i16::from_be_bytes([a, b]),
            month,
        }
    }
}

/// `2026-03`; `0000-00` for the whole campaign.
impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl std::str::FromStr for Epoch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parsed = || {
            let (year, month) = text.split_once('-')?;
            let (year, month) = (year.parse().ok()?, month.parse().ok()?);
            (month <= 12).then_some(Self { year, month })
        };
        parsed().ok_or_else(|| Error::new(Kind::InputInvalid, "an epoch is written as 2026-03"))
    }
}
