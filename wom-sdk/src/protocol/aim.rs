//! Aims: what a voucher was earned for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Kind, Result};

/// The aim of a voucher: one or two capital letters, or `0` for demonstrations.
///
/// A child's code starts with its parent's: `HE` belongs to `H`.
///
/// ```
/// use wom_sdk::protocol::Aim;
///
/// let health: Aim = "H".parse()?;
/// assert!(health.covers("HE".parse()?));
/// assert_eq!(health.known().map(|aim| aim.en), Some("Health and Wellbeing"));
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Aim {
    // Unused places hold 0, so that comparison goes by the code.
    letters: [u8; 2],
}

impl Aim {
    /// The demonstration aim, `0`: spendable only where a payment asks for it.
    pub const DEMO: Self = Self { letters: [b'0', 0] };

    /// The code.
    pub fn code(&self) -> &str {
        let length = if self.letters[1] == 0 { 1 } else { 2 };
        std::str::from_utf8(&self.letters[..length]).unwrap_or_default()
    }

    /// Whether this aim is the other's, or the other's parent.
    pub fn covers(self, other: Self) -> bool {
        other.code().starts_with(self.code())
    }

    /// The entry in the table of aims; none for a code that was added after this release.
    pub fn known(self) -> Option<&'static AimInfo> {
        AIMS.binary_search_by_key(&self.code(), |aim| aim.code)
            .ok()
            .map(|index| &AIMS[index])
    }
}

impl FromStr for Aim {
    type Err = Error;

    fn from_str(code: &str) -> Result<Self> {
        match *code.as_bytes() {
            [b'0'] => Ok(Self::DEMO),
            [first @ b'A'..=b'Z'] => Ok(Self {
                letters: [first, 0],
            }),
            [first @ b'A'..=b'Z', second @ b'A'..=b'Z'] => Ok(Self {
                letters: [first, second],
            }),
            _ => Err(Error::new(Kind::InputInvalid, "not the code of an aim")
                .hint("a code is one or two capital letters, such as H, or 0 for a demonstration")),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aim({})", self.code())
    }
}

impl Serialize for Aim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Aim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An entry of the table of aims.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AimInfo {
    /// The code, as in [`Aim::code`].
    pub code: &'static str,
    /// The title in English.
    pub en: &'static str,
    /// The title in Italian.
    pub it: &'static str,
    /// Whether wallets leave it out of their lists.
    pub hidden: bool,
}

const fn aim(code: &'static str, en: &'static str, it: &'static str) -> AimInfo {
    AimInfo {
        code,
        en,
        it,
        hidden: code.as_bytes()[0] == b'0',
    }
}

/// The aims known at this release, sorted by code.
pub const AIMS: &[AimInfo] = &[
    aim("0", "Demo", "Demo"),
    aim("C", "Culture", "Cultura"),
    aim("CI", "Information", "Informazione"),
    aim("CP", "Performance", "Esibizione"),
    aim("E", "Education", "Istruzione"),
    aim("EA", "Attendance", "Presenza"),
    aim("H", "Health and Wellbeing", "Salute e benessere"),
    aim("HE", "Epidemic Containment", "Contenimento di epidemia"),
    aim(
        "I",
        "Infrastructure and Services",
        "Infrastruttura e servizi",
    ),
    aim("IC", "Collaboration", "Collaborazione"),
    aim("IG", "Management", "Gestione"),
    aim(
        "IM",
        "Infrastructure Monitoring",
        "Monitoraggio infrastrutturale",
    ),
    aim("IS", "Service", "Servizio"),
    aim("N", "Natural Environment", "Ambiente naturale"),
    aim("P", "Participation", "Partecipazione"),
    aim("PA", "Active Participation", "Partecipazione Attiva"),
    aim("PR", "Research", "Ricerca"),
    aim("R", "Human Rights", "Diritti umani"),
    aim("S", "Safety", "Sicurezza"),
    aim("T", "Cultural Heritage", "Patrimonio culturale"),
    aim("U", "Urban Environment", "Ambiente urbano"),
    aim("UE", "Urban Economy", "Economia urbana"),
    aim("UM", "Urban Mobility", "Mobilità urbana"),
    aim("X", "Social Cohesion", "Coesione sociale"),
    aim("XN", "Networking", "Networking"),
    aim("XX", "Gratitude", "Gratitudine"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_code_parses() {
        assert!(AIMS.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(AIMS.len(), 26);
        for entry in AIMS {
            let aim: Aim = entry.code.parse().unwrap();
            assert_eq!(aim.known(), Some(entry));
            assert_eq!(entry.hidden, aim == Aim::DEMO);
        }
    }

    #[test]
    fn a_parent_covers_its_children_and_not_the_reverse() {
        let [h, he, p, pr] = ["H", "HE", "P", "PR"].map(|code| code.parse::<Aim>().unwrap());
        assert!(h.covers(h) && h.covers(he) && p.covers(pr));
        assert!(!he.covers(h) && !h.covers(p) && !h.covers(Aim::DEMO));
    }

    #[test]
    fn unknown_letters_are_an_aim_and_other_texts_are_not() {
        assert_eq!("QQ".parse::<Aim>().unwrap().known(), None);
        for text in ["", "h", "1", "00", "0A", "HEA", "H/", "È"] {
            assert!(text.parse::<Aim>().is_err(), "{text}");
        }
    }
}
