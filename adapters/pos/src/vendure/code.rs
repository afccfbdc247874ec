//! Coupon codes, and the keys in them.

use wom_sdk::{Error, Kind, Result};

use super::config::wrong;

/// The longest key.
const LONGEST: usize = 64;

/// How a discount's key is written as a coupon code, and read from one.
#[derive(Clone, Debug)]
pub(super) struct Codes {
    prefix: String,
}

impl Codes {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for a prefix of another form.
    pub(super) fn new(prefix: &str) -> Result<Self> {
        let fits = (1..=16).contains(&prefix.len())
            && prefix
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-');
        match fits {
            true => Ok(Self {
                prefix: prefix.to_owned(),
            }),
            false => Err(wrong("code_prefix", "1 to 16 capitals, digits and hyphens")),
        }
    }

    /// The code that carries this key.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] for a key of another form.
    pub(super) fn code(&self, key: &str) -> Result<String> {
        match is_key(key) {
            true => Ok(format!("{}{}", self.prefix, key.to_ascii_uppercase())),
            false => Err(Error::new(
                Kind::InputInvalid,
                "a discount's key is 1 to 64 letters, digits and hyphens",
            )
            .with("field", "key")),
        }
    }

    /// The key in a code; `None` if the code is not ours.
    pub(super) fn reference(&self, code: &str) -> Option<String> {
        let (prefix, key) = code.split_at_checked(self.prefix.len())?;
        (prefix.eq_ignore_ascii_case(&self.prefix) && is_key(key)).then(|| key.to_ascii_lowercase())
    }
}

fn is_key(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_key_comes_back_from_its_code_in_whatever_case(key in "[A-Za-z0-9-]{1,64}") {
            let codes = Codes::new("WOM-").unwrap();
            let code = codes.code(&key).unwrap();
            let lower = key.to_ascii_lowercase();
            prop_assert_eq!(codes.reference(&code), Some(lower.clone()));
            prop_assert_eq!(codes.reference(&code.to_ascii_lowercase()), Some(lower));
        }

        #[test]
        fn no_text_is_too_strange(text in any::<String>()) {
            let codes = Codes::new("WOM-").unwrap();
            if let Some(key) = codes.reference(&text) {
                prop_assert!(codes.code(&key).unwrap().eq_ignore_ascii_case(&text));
            }
        }
    }

    #[test]
    fn codes_of_others_are_not_ours() {
        let codes = Codes::new("WOM-").unwrap();
        for code in ["SUMMER10", "WOM-", "WOM", "XWOM-1", "WOM-a b", "WOM-è", ""] {
            assert_eq!(codes.reference(code), None, "{code}");
        }
        let long = "a".repeat(65);
        for key in ["", "a b", "è", long.as_str()] {
            assert_eq!(codes.code(key).unwrap_err().kind(), Kind::InputInvalid);
        }
        for prefix in ["", "wom-", "WOM ", "12345678901234567"] {
            assert!(Codes::new(prefix).is_err(), "{prefix}");
        }
    }
}
