//! The unit of an account.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Day, Error, Result};

/// What one account is for: a civil day of the campaign, or something with a name of its own, such
/// as a milestone or a ticket at a session.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Unit {
    /// A civil day in the campaign's zone.
    Day(Day),
    /// Something that counts once, whenever it happened.
    Named(String),
    /// Taking part in a session, by the name of ticket and session; it may cross midnight.
    Session(String),
}

/// `2026-03-01` for a day, `=name` for a named thing, `@name` for a session.
impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => fmt::Display::fmt(day, f),
            Self::Named(name) => write!(f, "={name}"),
            Self::Session(name) => write!(f, "@{name}"),
        }
    }
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if let Some(name) = text.strip_prefix('=') {
            Ok(Self::Named(name.to_owned()))
        } else if let Some(name) = text.strip_prefix('@') {
            Ok(Self::Session(name.to_owned()))
        } else {
            text.parse().map(Self::Day)
        }
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        unit.to_string()
    }
}

impl TryFrom<String> for Unit {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}
