//! The code that stands for a key in a shop.

use sha2::{Digest as _, Sha256};

/// Crockford's digits: none is taken for another when a cashier reads them out.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The code of a key: always the same, so that a search finds it after a crash. 75 bits of a digest:
/// nobody learns the key from it, or guesses one.
pub(crate) fn code(key: &str) -> String {
    let digest = Sha256::digest([b"wom-pos-code/1\0", key.as_bytes()].concat());
    let digits = digest.iter().take(15);
    let digits = digits.map(|byte| char::from(DIGITS[usize::from(byte % 32)]));
    "WOM-".chars().chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_never_changes() {
        assert_eq!(code("key-1"), code("key-1"));
        assert_eq!(code("key-1").len(), 19);
    }

    proptest! {
        #[test]
        fn other_keys_have_other_codes(one: String, other: String) {
            prop_assert_eq!(one == other, code(&one) == code(&other));
        }
    }
}
