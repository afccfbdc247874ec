//! The code that stands for a key in a shop, and the key that is read from one.
//!
//! A sale that died before it heard the shop's answer knows nothing but its key. So the code carries
//! the key, and what a shop shows of the code tells whose discount it is.

use sha2::{Digest as _, Sha256};

/// What every code begins with: by it our discounts are known from others.
const PREFIX: &str = "WOM-";

/// The longest key that stands in a code as it is.
const LONGEST: usize = 64;

/// Crockford's digits: none is taken for another when a cashier reads them out.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The code of a key: always the same, so that a search finds it after a crash. A key of letters,
/// digits and hyphens stands in it as it is, in capitals, as shops compare codes in any case; of
/// another one 75 bits of a digest do. Who gives keys that cannot be guessed, as a sale does, has such codes.
pub(crate) fn code(key: &str) -> String {
    if is_plain(key) {
        return format!("{PREFIX}{}", key.to_ascii_uppercase());
    }
    let digest = Sha256::digest([b"wom-pos-code/1\0", key.as_bytes()].concat());
    let digits = digest.iter().take(15);
    let digits = digits.map(|byte| char::from(DIGITS[usize::from(byte % 32)]));
    PREFIX.chars().chain(digits).collect()
}

/// What a code's discount is known by: the key in lower case, or what stands for it. The code of that
/// is this code. `None` if the code is not ours.
pub(crate) fn reference(code: &str) -> Option<String> {
    let (prefix, key) = code.split_at_checked(PREFIX.len())?;
    (prefix.eq_ignore_ascii_case(PREFIX) && is_plain(key)).then(|| key.to_ascii_lowercase())
}

fn is_plain(key: &str) -> bool {
    (1..=LONGEST).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_never_changes() {
        assert_eq!(
            code("3f9a0c5be1d24f86a7b8c9d0e1f20314"),
            "WOM-3F9A0C5BE1D24F86A7B8C9D0E1F20314"
        );
        assert_eq!(code("key 1"), code("key 1"));
        assert_eq!(code("key 1").len(), 19);
    }

    #[test]
    fn codes_of_others_are_not_ours() {
        for other in [
            "SUMMER10",
            "WOM-",
            "WOM",
            "XWOM-1",
            "WOM-a b",
            "WOM-è",
            "",
            "WO\u{4d}è-1",
        ] {
            assert_eq!(reference(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_known_again_from_its_code_in_whatever_case(key in "[A-Za-z0-9-]{1,64}") {
            let known = Some(key.to_ascii_lowercase());
            prop_assert_eq!(reference(&code(&key)), known.clone());
            prop_assert_eq!(reference(&code(&key).to_ascii_lowercase()), known);
        }

        #[test]
        fn what_a_code_is_known_by_leads_back_to_it(key: String) {
            let code = code(&key);
            let known = reference(&code);
            prop_assert_eq!(known.map(|it| super::code(&it)), Some(code));
        }

        #[test]
        fn other_keys_have_other_codes(one: String, other: String) {
            let same = one.eq_ignore_ascii_case(&other);
            prop_assert!(same || code(&one) != code(&other));
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            if let Some(known) = reference(&text) {
                prop_assert!(code(&known).eq_ignore_ascii_case(&text));
            }
        }
    }
}
