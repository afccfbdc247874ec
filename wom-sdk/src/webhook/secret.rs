//! The secret that sender and receiver share.

use std::fmt;

use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Error, Kind, Result, protocol::random};

const PREFIX: &str = "whsec_";
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=256;

/// The key that signs: of Standard Webhooks 16 to 256 bytes, written `whsec_` and base64; of other
/// senders what [`Scheme::secret`](super::Scheme::secret) makes of their text.
///
/// It has no `Display` and its `Debug` form tells nothing; comparison takes constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// A fresh secret of 256 random bits.
    pub fn random() -> Self {
        Self(random::bytes::<32>().to_vec())
    }

    /// The secret of Standard Webhooks from its written form: base64 with padding, after `whsec_` or alone.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = || {
            Error::new(Kind::KeyInvalid, "not a webhook secret")
                .hint("write it as whsec_ and 16 to 256 bytes in base64")
        };
        let text = text.trim();
        let text = text.strip_prefix(PREFIX).unwrap_or(text);
        if text.len() > LENGTHS.end().div_ceil(3) * 4 {
            return Err(refused());
        }
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| refused())?);
        if !LENGTHS.contains(&bytes.len()) {
            return Err(refused());
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The written form of Standard Webhooks, with `whsec_`, for whoever is to receive the messages.
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(
            PREFIX.len() + self.0.len() * 4 / 3 + 4,
        ));
        text.push_str(PREFIX);
        STANDARD.encode_string(&self.0, &mut text);
        text
    }

    pub(super) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Secret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_goes_through_its_written_form_and_is_not_printed() {
        let secret = Secret::random();
        let written = secret.reveal();
        assert_eq!(Secret::parse(&written).unwrap(), secret);
        assert_eq!(Secret::parse(&written[PREFIX.len()..]).unwrap(), secret);
        assert_ne!(Secret::random(), secret);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn what_is_short_or_no_base64_is_refused() {
        let long = format!("whsec_{}", STANDARD.encode([7; 257]));
        for text in ["", "whsec_", "whsec_AAAA", "whsec_!!!!", "secret", &long] {
            let error = Secret::parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::KeyInvalid);
        }
        let shown = format!("{:?}", Secret::parse("whsec_c2hvcnQ=").unwrap_err());
        assert!(!shown.contains("c2hvcnQ"), "{shown}");
        assert!(Secret::parse(&STANDARD.encode([7; 16])).is_ok());
        assert!(Secret::parse(&STANDARD.encode([7; 15])).is_err());
        assert!(Secret::parse(&STANDARD.encode([7; 256])).is_ok());
    }
}
