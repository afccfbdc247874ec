//! The code that stands for a key in a shop, and the key that is read from one.
//!
//! A sale that died before it heard the shop's answer knows nothing but its key. So the code carries
//! the key, and what a shop shows of the code tells whose discount it is. A code has one form only,
//! which nobody makes up for a campaign: a merchant's own `WOM-SUMMER` is not taken for ours.

use wom_sdk::{Digest, Error, Kind, Result, merchant::Applied};

/// What every code begins with: by it people know our discounts from others.
const PREFIX: &str = "WOM-";

/// How many hexadecimal digits follow: those of a sale's key. With the prefix they fit into a tag of
/// Shopify's, which has 40 characters at most; its codes have 255, and other shops set no such limit.
const DIGITS: usize = 32;

/// The code of a key: always the same, so that a search finds it after a crash. A sale's key stands in
/// it as it is, in capitals, as shops compare codes in any case; for another one its digest does. Who gives keys that cannot be guessed, as a sale does, has such codes.
pub(crate) fn code(key: &str) -> String {
    let digits = match is_digits(key) {
        true => key.to_owned(),
        false => Digest::of(["wom-pos-code/2", key]).to_hex(),
    };
    format!("{PREFIX}{}", digits.to_ascii_uppercase())
}

/// What a code's discount is known by: a sale's key in lower case, or what stands for another one. The
/// code of that is this code. `None` if the code is not ours.
pub(crate) fn reference(code: &str) -> Option<String> {
    let (prefix, digits) = code.split_at_checked(PREFIX.len())?;
    let is_ours = prefix.eq_ignore_ascii_case(PREFIX) && is_digits(digits);
    is_ours.then(|| digits.to_ascii_lowercase())
}

/// The discount of a code is on its order.
pub(crate) fn applied(code: &str) -> Result<Applied> {
    let reference = reference(code)
        .ok_or_else(|| Error::new(Kind::Internal, "a code of ours is not known again"))?;
    Ok(Applied::Applied { reference })
}

fn is_digits(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
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
        assert_eq!(code("key 1"), "WOM-A7E8A7520DF6154A752CC54383968238");
    }

    #[test]
    fn codes_of_others_are_not_ours() {
        for other in [
            "SUMMER10",
            "WOM-SUMMER",
            "WOM-A690F176",
            "WOM-3F9A0C5BE1D24F86A7B8C9D0E1F2031",
            "WOM-3F9A0C5BE1D24F86A7B8C9D0E1F203145",
            "WOM-3F9A0C5BE1D24F86A7B8C9D0E1F2031G",
            "WOM-3F9A0C5B-E1D2-4F86-A7B8C9D0E1F20",
            "X3F9A0C5BE1D24F86A7B8C9D0E1F20314",
            "3f9a0c5be1d24f86a7b8c9d0e1f20314",
            "WOM-",
            "WOM",
            "",
            "WO\u{4d}è-1",
        ] {
            assert_eq!(reference(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_sales_key_is_known_again_from_its_code_in_whatever_case(key in "[0-9A-Fa-f]{32}") {
            let known = Some(key.to_ascii_lowercase());
            prop_assert_eq!(reference(&code(&key)), known.clone());
            prop_assert_eq!(reference(&code(&key).to_ascii_lowercase()), known);
        }

        #[test]
        fn what_a_code_is_known_by_leads_back_to_it(key: String) {
            let code = code(&key);
            prop_assert_eq!(code.len(), 36);
            let known = reference(&code);
            prop_assert_eq!(known.map(|it| super::code(&it)), Some(code));
        }

        #[test]
        fn other_keys_have_other_codes(one: String, other: String) {
            prop_assert!(one == other || code(&one) != code(&other));
        }

        #[test]
        fn other_keys_of_sales_have_other_codes(one in "[0-9a-f]{32}", other in "[0-9a-f]{32}") {
            prop_assert!(one == other || code(&one) != code(&other));
        }

        #[test]
        fn what_a_merchant_makes_up_is_not_ours(campaign in "[A-Za-z0-9-]{1,31}") {
            prop_assert_eq!(reference(&format!("WOM-{campaign}")), None);
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            if let Some(known) = reference(&text) {
                prop_assert!(code(&known).eq_ignore_ascii_case(&text));
            }
        }
    }
}
