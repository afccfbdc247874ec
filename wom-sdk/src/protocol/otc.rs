//! One-time codes and the links that carry them.

use std::{fmt, str::FromStr};

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::random;
use crate::{Error, Kind, Result};

/// A one-time code: who has it and its PIN may redeem the vouchers, or pay.
///
/// 128 bits, read from any form of a GUID. It has no `Display` and its `Debug` form tells
/// nothing; comparison takes constant time.
///
/// ```
/// use wom_sdk::protocol::Otc;
///
/// let otc: Otc = "{0B5C9F1E6A2D4F379C1B2F8F1F0A7D44}".parse()?;
/// assert_eq!(otc.reveal(), "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44");
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Otc([u8; 16]);

impl Otc {
    /// A fresh code from the randomness of the operating system: a GUID of version 4.
    pub fn random() -> Self {
        let mut bits = random::bytes::<16>();
        bits[6] = bits[6] & 0x0f | 0x40;
        bits[8] = bits[8] & 0x3f | 0x80;
        Self(bits)
    }

    /// The code with these 16 bytes, most significant first, as a store keeps it.
    pub fn from_bytes(bits: [u8; 16]) -> Self {
        Self(bits)
    }

    /// The code in the form for links and messages: lower case with dashes.
    pub fn reveal(&self) -> String {
        let digits = crate::hex::encode(&self.0);
        [8..12, 12..16, 16..20, 20..32]
            .into_iter()
            .fold(digits[..8].to_owned(), |text, part| {
                text + "-" + &digits[part]
            })
    }

    /// The 16 bytes of the code, most significant first, for a store.
    pub fn reveal_bytes(&self) -> [u8; 16] {
        self.0
    }
}

/// Any GUID form: 32 digits, with dashes, in braces or in parentheses, in any case, with white
/// space around it.
impl FromStr for Otc {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse_guid(text.trim()).map(Self).ok_or_else(|| {
            Error::new(Kind::InputInvalid, "not a one-time code")
                .hint("a code has 32 hexadecimal digits; copy it, or the link, as a whole")
        })
    }
}

impl fmt::Debug for Otc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Otc(…)")
    }
}

impl PartialEq for Otc {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Otc {}

/// What a scanned, opened or typed text asks a wallet to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Link {
    /// Redeem vouchers: `https://…/vouchers/<otc>` or `wom://transfer/<otc>`.
    Vouchers(Otc),
    /// Pay: `https://…/payment/<otc>` or `wom://pay/<otc>`.
    Payment(Otc),
    /// A code alone, which does not say what it is for.
    Bare(Otc),
}

impl Link {
    /// The code in it.
    pub fn otc(&self) -> &Otc {
        match self {
            Self::Vouchers(otc) | Self::Payment(otc) | Self::Bare(otc) => otc,
        }
    }
}

/// A link to hand out, as a Registry gave it. It carries the code, so it is as secret as that: no
/// `Display`, and a `Debug` form that tells nothing.
#[derive(Clone, Eq, PartialEq, Zeroize, ZeroizeOnDrop)]
pub struct LinkText(String);

impl LinkText {
    /// The link itself, for the person it is meant for, or a store.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for LinkText {
    fn from(link: String) -> Self {
        Self(link)
    }
}

impl fmt::Debug for LinkText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkText(…)")
    }
}

/// Reads a link of any Registry (`https://…/vouchers/<otc>`, `https://…/payment/<otc>`), a
/// wallet's own link (`wom://transfer/<otc>`, `wom://pay/<otc>`, also `wom-dev:`) or a code alone.
///
/// ```
/// use wom_sdk::protocol::{Link, parse_link_or_otc};
///
/// let link = parse_link_or_otc(
///     "https://link.wom.social/payment/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
/// )?;
/// assert!(matches!(link, Link::Payment(_)));
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn parse_link_or_otc(text: &str) -> Result<Link> {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.parse().map(Link::Bare);
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut segments = path.trim_end_matches('/').rsplit('/');
    let (last, kind) = (segments.next(), segments.next());
    // The host of an https link is the third part from the end, or further left.
    let has_host = segments.next().is_some_and(|host| !host.is_empty());
    let link = match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" if has_host => match lower(kind).as_str() {
            "vouchers" => Link::Vouchers,
            "payment" => Link::Payment,
            _ => return Err(foreign_link()),
        },
        "wom" | "wom-dev" if !has_host => match lower(kind).as_str() {
            "transfer" => Link::Vouchers,
            "pay" => Link::Payment,
            _ => return Err(foreign_link()),
        },
        _ => return Err(foreign_link()),
    };
    last.unwrap_or_default().parse().map(link)
}

fn lower(text: Option<&str>) -> String {
    text.unwrap_or_default().to_ascii_lowercase()
}

fn foreign_link() -> Error {
    Error::new(
        Kind::InputInvalid,
        "not a link to redeem vouchers or to pay",
    )
    .hint("such a link ends in /vouchers/ or /payment/ and a code")
}

fn parse_guid(text: &str) -> Option<[u8; 16]> {
    let text = match text.as_bytes().first()? {
        b'{' => text.strip_prefix('{')?.strip_suffix('}')?,
        b'(' => text.strip_prefix('(')?.strip_suffix(')')?,
        _ => text,
    };
    let digits = match text.len() {
        32 => text.to_owned(),
        36 if [8, 13, 18, 23]
            .iter()
            .all(|&at| text.as_bytes()[at] == b'-') =>
        {
            text.replace('-', "")
        }
        _ => return None,
    };
    crate::hex::decode(&digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DASHED: &str = "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44";

    #[test]
    fn every_guid_form_is_one_code() {
        for text in [
            DASHED,
            "0B5C9F1E6A2D4F379C1B2F8F1F0A7D44",
            "{0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44}",
            "(0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44)",
            " 0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44\n",
        ] {
            assert_eq!(text.parse::<Otc>().unwrap().reveal(), DASHED);
        }
    }

    #[test]
    fn broken_guids_are_refused() {
        for text in [
            "",
            "{",
            "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d4",
            "0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d4g",
            "0b5c9f1e6-a2d-4f37-9c1b-2f8f1f0a7d44",
            "{0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44)",
            "è5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d44",
            "-----------0b5c9f1e6a2d4f379c1b2f8f1",
        ] {
            assert!(text.parse::<Otc>().is_err(), "{text}");
        }
    }

    #[test]
    fn random_codes_differ_and_are_version_4() {
        let (a, b) = (Otc::random(), Otc::random());
        assert_ne!(a, b);
        assert_eq!(&a.reveal()[14..15], "4");
        assert_eq!(a.reveal().parse::<Otc>().unwrap(), a);
    }

    #[test]
    fn links_tell_what_the_code_is_for() {
        let otc: Otc = DASHED.parse().unwrap();
        for (text, link) in [
            (
                "https://link.wom.social/vouchers/",
                Link::Vouchers as fn(Otc) -> Link,
            ),
            ("https://wom.social/Payment/", Link::Payment),
            ("http://127.0.0.1:8080/payment/", Link::Payment),
            ("https://town.example/wom/vouchers/", Link::Vouchers),
            ("wom://transfer/", Link::Vouchers),
            ("wom-dev://pay/", Link::Payment),
            ("", Link::Bare),
        ] {
            assert_eq!(
                parse_link_or_otc(&format!("{text}{DASHED}")).unwrap(),
                link(otc.clone())
            );
        }
        let with_tail = format!("https://link.wom.social/vouchers/{DASHED}/?utm=1#top");
        assert_eq!(parse_link_or_otc(&with_tail).unwrap(), Link::Vouchers(otc));
    }

    #[test]
    fn other_links_are_refused() {
        for text in [
            "https://link.wom.social/migration/",
            "https://link.wom.social/",
            "https://vouchers/",
            "ftp://link.wom.social/vouchers/",
            "wom://migration/",
            "wom://host/pay/",
            "://",
        ] {
            assert!(
                parse_link_or_otc(&format!("{text}{DASHED}")).is_err(),
                "{text}"
            );
        }
    }
}
