//! The words that reasons are told in.

use wom_sdk::{Day, protocol::Aim};

/// A language in which people read what they gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Tongue {
    /// English.
    English,
    /// Italian.
    Italian,
}

impl Tongue {
    /// The aim's title, or the code of one that was added after this release.
    pub fn aim(self, aim: Aim) -> String {
        aim.known().map_or_else(
            || aim.code().to_owned(),
            |known| match self {
                Self::English => known.en.to_owned(),
                Self::Italian => known.it.to_owned(),
            },
        )
    }

    /// The name of the day's month.
    pub fn month(self, day: Day) -> &'static str {
        let months = match self {
            Self::English => ENGLISH,
            Self::Italian => ITALIAN,
        };
        let index = usize::from(day.month().unsigned_abs()).saturating_sub(1);
        months.get(index).copied().unwrap_or_default()
    }
}

const ENGLISH: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const ITALIAN: [&str; 12] = [
    "gennaio",
    "febbraio",
    "marzo",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "agosto",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];
