//! The names by which pretix calls things, as far as they may stand in an address.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The short form of an organizer or an event: 1 to 50 letters, digits, dots, dashes and underscores.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub(super) struct Slug(String);

impl Slug {
    /// `None` for what no short form can be; dots alone would lead out of a path.
    pub(super) fn new(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let fits = (1..=50).contains(&text.len())
            && text.bytes().all(known)
            && text.bytes().any(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("not a short form")
    }
}

/// The code of an order: 2 to 32 capital letters and digits. It opens the order's page together with a
/// secret, and it leads to a person, so it is not shown.
#[derive(Clone, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub(super) struct Code(String);

impl Code {
    /// `None` for what no code can be.
    pub(super) fn new(text: &str) -> Option<Self> {
        let known = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let fits = (2..=32).contains(&text.len()) && text.bytes().all(known);
        fits.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Code {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text).ok_or("not a code of an order")
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_a_path() {
        for good in ["concerto", "a", "2026.v-1_b"] {
            assert!(Slug::new(good).is_some(), "{good}");
        }
        let long = "a".repeat(51);
        for wrong in [
            "", ".", "..", "-", "a/b", "a?b", "a#b", "a%2f", "a b", "è", &long,
        ] {
            assert!(Slug::new(wrong).is_none(), "{wrong}");
        }
        for wrong in ["", "A", "abc", "AB/", "..", "A-B", "Ä1"] {
            assert!(Code::new(wrong).is_none(), "{wrong}");
        }
        assert!(Code::new("TNXKZ").is_some());
    }
}
