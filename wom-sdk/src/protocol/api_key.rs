//! API keys.

use std::{fmt, path::Path};

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::random;
use crate::{Error, Kind, Result};

/// The longest API key that is read, in bytes.
const LIMIT: usize = 256;
/// Characters of a key of our own: 190 random bits.
const LENGTH: u32 = 32;
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What lets its holder award in a source's name (WOM protocol, header `X-WOM-ApiKey`): an opaque
/// text.
///
/// It has no `Display` and its `Debug` form tells nothing; comparison takes constant time. It
/// comes from a file, the environment or the caller, never from the command line, where others
/// could read it.
///
/// ```
/// use wom_sdk::protocol::ApiKey;
///
/// let key = ApiKey::parse("0123456789abcdef\n")?;
/// assert_eq!(format!("{key:?}"), "ApiKey(…)");
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ApiKey(String);

impl ApiKey {
    /// A fresh key of 32 letters and digits, from the randomness of the operating system.
    pub fn random() -> Self {
        let character = || {
            let index = random::below(u32::try_from(ALPHABET.len()).unwrap_or(1));
            char::from(ALPHABET[index as usize])
        };
        Self((0..LENGTH).map(|_| character()).collect())
    }

    /// The key as somebody got it, with or without blanks around it: 1 to 256 visible ASCII
    /// characters.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let fits = (1..=LIMIT).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(Error::new(Kind::KeyInvalid, "this is no API key")
            .hint("an API key has 1 to 256 letters, digits and signs, without blanks"))
    }

    /// The key that a file holds, and nothing else.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(Kind::ConfigurationInvalid, "cannot read the API key's file").because(error)
        });
        text.and_then(|text| Self::parse(&Zeroizing::new(text)))
            .map_err(|error| error.with("file", path.display()))
    }

    /// The key in this variable of the environment.
    pub fn from_env(name: &str) -> Result<Self> {
        let missing = |_| {
            Error::new(
                Kind::ConfigurationInvalid,
                "the API key is not in the environment",
            )
        };
        let text = std::env::var(name).map_err(missing);
        text.and_then(|text| Self::parse(&Zeroizing::new(text)))
            .map_err(|error| error.with("variable", name.to_owned()))
    }

    /// The key itself, for the header of a request or a file.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the key: what a Registry may keep in order to recognise it.
    pub fn digest(&self) -> [u8; 32] {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.0.as_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        bytes
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

impl PartialEq for ApiKey {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.0.as_bytes(), other.0.as_bytes());
        aws_lc_rs::constant_time::verify_slices_are_equal(own, other).is_ok()
    }
}

impl Eq for ApiKey {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_are_long_and_never_twice_the_same() {
        let key = ApiKey::random();
        assert_eq!(key.reveal().len(), 32);
        assert_eq!(ApiKey::parse(key.reveal()).unwrap(), key);
        assert_ne!(ApiKey::random(), key);
        assert_ne!(ApiKey::random().digest(), key.digest());
    }

    #[test]
    fn theirs_are_any_visible_characters() {
        for text in ["Ab1!#$@%?Zz09xyQ", "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44"] {
            assert_eq!(
                ApiKey::parse(&format!(" {text}\r\n")).unwrap().reveal(),
                text
            );
        }
        for text in [
            "",
            " ",
            "two words",
            "line\nbreak",
            "schlüssel",
            &"x".repeat(257),
        ] {
            assert!(ApiKey::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_file_holds_a_key_and_an_error_only_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api-key");
        std::fs::write(&path, "secret-key\n").unwrap();
        assert_eq!(ApiKey::from_file(&path).unwrap().reveal(), "secret-key");
        std::fs::write(&path, "secret key").unwrap();
        let error = ApiKey::from_file(&path).unwrap_err();
        assert!(!format!("{error:?}").contains("secret key"), "{error:?}");
        assert!(ApiKey::from_env("WOM_NO_SUCH_VARIABLE").is_err());
    }
}
