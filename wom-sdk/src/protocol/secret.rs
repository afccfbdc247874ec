//! Voucher secrets and session keys.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::random;
use crate::{Error, Kind, Result};

/// The longest voucher secret that is read, in bytes.
const SECRET_LIMIT: usize = 256;

/// What proves possession of a voucher: an opaque text, sent back character for character.
///
/// It has no `Display` and its `Debug` form tells nothing; comparison takes constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct VoucherSecret(String);

impl VoucherSecret {
    /// A fresh secret of 128 random bits, in base64.
    pub fn random() -> Self {
        Self(STANDARD.encode(Zeroizing::new(random::bytes::<16>()).as_slice()))
    }

    /// The secret as a Registry gave it: 1 to 256 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        if text.is_empty() || text.len() > SECRET_LIMIT {
            return Err(Error::new(
                Kind::InputInvalid,
                "a voucher's secret is empty or longer than 256 bytes",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself, for a message or a wallet's store.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VoucherSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherSecret(…)")
    }
}

impl PartialEq for VoucherSecret {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.0.as_bytes(), other.0.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }
}

impl Eq for VoucherSecret {}

/// The key that a wallet chooses for one answer of the Registry: 32 random bytes, never used twice.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// A fresh key from the randomness of the operating system.
    pub fn random() -> Self {
        Self(random::bytes())
    }

    /// The key from its base64 form (standard alphabet, padded): exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self> {
        let malformed = || Error::new(Kind::ParameterRefused, "the session key is not 32 bytes");
        // 44 characters carry 32 bytes: nothing longer needs decoding.
        if text.len() != 44 {
            return Err(malformed());
        }
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed())?);
        <[u8; 32]>::try_from(bytes.as_slice())
            .map(Self)
            .map_err(|_| malformed())
    }

    /// The key in base64, for a message or a wallet's store.
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// SHA-256 of the key: what a Registry may keep in order to recognise it.
    pub fn digest(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.0);
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        bytes
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

impl PartialEq for SessionKey {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for SessionKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_key_goes_through_base64() {
        let key = SessionKey::from_base64("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=").unwrap();
        assert_eq!(key.bytes()[..3], [0x20, 0x21, 0x22]);
        assert_eq!(SessionKey::from_base64(&key.reveal()).unwrap(), key);
        assert_ne!(SessionKey::random(), key);
        assert_ne!(SessionKey::random().digest(), key.digest());
    }

    #[test]
    fn other_lengths_are_refused() {
        for text in [
            "",
            "AAAA",
            &"A".repeat(44),
            &"A".repeat(48),
            &"_".repeat(44),
        ] {
            assert!(SessionKey::from_base64(text).is_err(), "{}", text.len());
        }
    }

    #[test]
    fn secrets_are_kept_as_they_are() {
        assert_eq!(
            VoucherSecret::parse("q83vEjRWeJA=").unwrap().reveal(),
            "q83vEjRWeJA="
        );
        assert_eq!(VoucherSecret::random().reveal().len(), 24);
        assert!(VoucherSecret::parse("").is_err());
        assert!(VoucherSecret::parse(&"x".repeat(257)).is_err());
    }
}
