//! PINs: what protects a one-time code that gets into other hands.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::random;
use crate::{Error, Kind, Result};

/// Characters of a PIN that a Registry may give: the protocol's minimum, and a limit of ours.
const FOREIGN_LENGTH: std::ops::RangeInclusive<usize> = 3..=64;

/// The PIN of a one-time code (the protocol's "password").
///
/// It has no `Display` and its `Debug` form tells nothing; comparison takes constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Pin(String);

impl Pin {
    /// A PIN of our choice: exactly four digits, as wallets ask for four and no other form.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Error::new(Kind::PinUnacceptable, "the PIN is not four digits")
                .hint("choose four digits, or leave the choice to the Registry"),
        )
    }

    /// Four random digits, each PIN equally likely.
    pub fn random() -> Self {
        Self(format!("{:04}", random::below(10_000)))
    }

    /// A PIN that a Registry or a wallet gave: 3 to 64 characters of any kind.
    pub fn from_registry(text: &str) -> Result<Self> {
        if FOREIGN_LENGTH.contains(&text.chars().count()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(
            Kind::PinUnacceptable,
            "the PIN has fewer than 3 or more than 64 characters",
        ))
    }

    /// Whether a Registry takes a PIN of this form: 3 to 64 characters of any kind. Only a PIN that
    /// was read from a request may be of another.
    pub fn acceptable(&self) -> bool {
        FOREIGN_LENGTH.contains(&self.0.chars().count())
    }

    /// A PIN as a request holds it, for comparison or judgement.
    pub(super) fn received(text: String) -> Self {
        Self(text)
    }

    /// The PIN itself, for a message or the person it belongs to.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}

impl PartialEq for Pin {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.0.as_bytes(), other.0.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }
}

impl Eq for Pin {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_four_digits() {
        for text in ["0000", "4821"] {
            assert_eq!(Pin::parse(text).unwrap().reveal(), text);
        }
        for text in ["", "123", "12345", "12a4", "１２３４", " 123"] {
            let error = Pin::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::PinUnacceptable);
        }
        for _ in 0..100 {
            assert!(Pin::parse(Pin::random().reveal()).is_ok());
        }
    }

    #[test]
    fn theirs_are_three_to_sixty_four_characters() {
        assert!(Pin::from_registry("abc").is_ok());
        assert!(Pin::from_registry(&"è".repeat(64)).is_ok());
        assert!(Pin::from_registry("ab").is_err());
        assert!(Pin::from_registry(&"x".repeat(65)).is_err());
    }

    #[test]
    fn equality_is_of_every_character() {
        assert_eq!(
            Pin::parse("4821").unwrap(),
            Pin::from_registry("4821").unwrap()
        );
        assert_ne!(Pin::parse("4821").unwrap(), Pin::parse("4822").unwrap());
        assert_ne!(
            Pin::parse("4821").unwrap(),
            Pin::from_registry("48210").unwrap()
        );
    }
}
