//! Who signs how.

use std::{borrow::Cow, fs::File, io::Read as _, path::Path};

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::Secret;
use crate::{Error, Kind, Result};

/// The header of Standard Webhooks with the message's id: the same for every delivery of it.
pub const ID: &str = "webhook-id";
/// The header of Standard Webhooks with the time of the delivery, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header of Standard Webhooks with the signatures, separated by blanks.
pub const SIGNATURE: &str = "webhook-signature";

/// More than a secret with what editors add: a longer file is the wrong one.
const LONGEST_FILE: usize = 4096;

/// How a sender signs.
///
/// The source of each is the vendor's own documentation, by the title of its page. *Window* is
/// how far the signed time may be from ours; without one, an old message that is sent again
/// passes. *Duplicate key* is what [`Message::id`](super::Message::id) is taken from; a header
/// that is not signed can be altered in a repetition.
///
/// No award may rest on either: what counts is that the same minutes count once.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// Clover ("Use webhooks"). A shared token in `X-Clover-Auth`, and **nothing is signed**: the
    /// message proves nothing about its body, so fetch what it names. No window, no duplicate key.
    /// The address is set up with a body that holds nothing but `verificationCode`: a
    /// [handshake](super::Verified::Handshake) with that code.
    Clover,
    /// Fitbit's legacy Web API ("Using Subscriptions"). HMAC-SHA1 of the body in
    /// `X-Fitbit-Signature`, base64; the key is the client secret and `&`. No window, no duplicate
    /// key.
    Fitbit,
    /// GitHub ("Validating webhook deliveries") and who follows it. `sha256=` and HMAC-SHA256 of
    /// the body in hexadecimal, in this header; GitHub's is [`Scheme::GITHUB`]. No window;
    /// duplicate key: `X-GitHub-Delivery`, not signed.
    Hub {
        /// The header with the signature.
        header: Cow<'static, str>,
    },
    /// Lightspeed Retail X-Series ("Webhooks"); its other products sign otherwise. HMAC-SHA256 of
    /// the form-encoded body in `X-Signature: signature=…,algorithm=HMAC-SHA256`, hexadecimal. No
    /// window, no duplicate key.
    LightspeedX,
    /// Loyverse ("Webhooks", in its API reference). HMAC-SHA1 of the body in `X-Loyverse-Signature`,
    /// base64; the key is the OAuth client secret. Webhooks of personal tokens are not signed. No
    /// window, no duplicate key.
    Loyverse,
    /// Polar AccessLink ("Webhooks", in its API reference), the maker of watches; the other Polar,
    /// of payments, uses [Standard Webhooks](Self::StandardWebhooks). HMAC-SHA256 of the body in
    /// `Polar-Webhook-Signature`, hexadecimal. No window, no duplicate key. Its `PING` comes before
    /// anybody knows the secret: a [handshake](super::Verified::Handshake).
    Polar,
    /// Shopify ("HTTPS webhook delivery"). HMAC-SHA256 of the body in `X-Shopify-Hmac-Sha256`,
    /// base64; the key is the app's client secret. After a change of it, messages come with the
    /// old one for an hour. No window; duplicate key: `X-Shopify-Webhook-Id`, not signed.
    Shopify,
    /// Square ("Verify and Validate an Event Notification"). HMAC-SHA256 of the notification's
    /// address and the body in `x-square-hmacsha256-signature`, base64. No window; duplicate key:
    /// `event_id` in the body.
    Square {
        /// The address as it was given to Square; never take it from a request.
        url: String,
    },
    /// Standard Webhooks ("Standard Webhooks", its specification), which WOM's own messages use.
    /// HMAC-SHA256 of id, time and body with dots between, base64 after `v1,`, several with blanks
    /// between; the key is the secret's bytes. Other versions are passed over; the older header
    /// names (`svix-id` and so on) are read where none of the standard's is there. Window: 5
    /// minutes. Duplicate key: `webhook-id`, signed.
    StandardWebhooks,
    /// Stripe ("Receive Stripe events in your webhook endpoint"). HMAC-SHA256 of time, dot and
    /// body in `Stripe-Signature: t=…,v1=…`, hexadecimal; several `v1` while the secret changes. The
    /// key is the whole secret, with its `whsec_`. Hexadecimal in capitals passes, which the
    /// vendor's libraries refuse; a time to come is refused, which they let pass. Window: 5 minutes.
    /// Duplicate key: `id` in the body.
    Stripe,
    /// Ticket Tailor ("Security", of its webhooks). As [Stripe](Self::Stripe) but without a dot, in
    /// `Tickettailor-Webhook-Signature`: only the window stops a digit that is moved from the time
    /// to the body. Window: 5 minutes. Duplicate key: `id` in the body.
    TicketTailor,
    /// WooCommerce ("Webhooks", of its REST API). HMAC-SHA256 of the body in
    /// `X-WC-Webhook-Signature`, base64; the key is the secret with its HTML entities decoded. No
    /// window; duplicate key: `id` and `date_modified_gmt` in the body, as its delivery id may
    /// occur twice. The ping when a webhook is made is not signed: a
    /// [handshake](super::Verified::Handshake).
    WooCommerce,
}

impl Scheme {
    /// [`Scheme::Hub`] with GitHub's own header.
    pub const GITHUB: Self = Self::Hub {
        header: Cow::Borrowed("X-Hub-Signature-256"),
    };

    /// The longest text of a secret, in bytes.
    pub const LONGEST_SECRET: usize = 512;

    /// The secret from its text, as the vendor shows it. Blanks around it do not count.
    ///
    /// # Errors
    /// [`Kind::KeyInvalid`] for an empty one, one of over 512 bytes, or one that is not of the
    /// scheme's form.
    pub fn secret(&self, text: &str) -> Result<Secret> {
        let text = text.trim();
        if text.is_empty() || text.len() > Self::LONGEST_SECRET {
            return Err(Error::new(
                Kind::KeyInvalid,
                "the webhook's secret is empty or too long",
            )
            .hint("copy it from the sender; it has 1 to 512 bytes"));
        }
        match self {
            Self::StandardWebhooks => Secret::parse(text),
            Self::Fitbit => Ok(Secret::of_bytes([text.as_bytes(), b"&"].concat())),
            Self::WooCommerce => Ok(Secret::of_bytes(without_entities(text).into_bytes())),
            _ => Ok(Secret::of_bytes(text.as_bytes().to_vec())),
        }
    }

    /// The [secret](Self::secret) that a file holds, and nothing else.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the file cannot be read, [`Kind::KeyInvalid`] as there.
    pub fn secret_from_file(&self, path: impl AsRef<Path>) -> Result<Secret> {
        let path = path.as_ref();
        let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE));
        let read = File::open(path).and_then(|file| {
            let limit = u64::try_from(LONGEST_FILE).unwrap_or(u64::MAX);
            file.take(limit).read_to_string(&mut text)
        });
        read.map_err(|error| {
            Error::new(
                Kind::ConfigurationInvalid,
                "cannot read the file of the webhook's secret",
            )
            .because(error)
        })
        .and_then(|_| self.secret(&text))
        .map_err(|error| error.with("file", path.display()))
    }

    /// The [secret](Self::secret) in this variable of the environment.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if there is none, [`Kind::KeyInvalid`] as there.
    pub fn secret_from_env(&self, variable: &str) -> Result<Secret> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            Error::new(
                Kind::ConfigurationInvalid,
                "the webhook's secret is not in the environment",
            )
        });
        text.and_then(|text| self.secret(&text))
            .map_err(|error| error.with("variable", variable))
    }

    /// Whether the signature covers the body. Where it does not, fetch what the message names.
    pub fn signs_body(&self) -> bool {
        *self != Self::Clover
    }

    /// Which header holds the signature.
    pub(super) fn header(&self) -> &str {
        match self {
            Self::Clover => "X-Clover-Auth",
            Self::Fitbit => "X-Fitbit-Signature",
            Self::Hub { header } => header,
            Self::LightspeedX => "X-Signature",
            Self::Loyverse => "X-Loyverse-Signature",
            Self::Polar => "Polar-Webhook-Signature",
            Self::Shopify => "X-Shopify-Hmac-Sha256",
            Self::Square { .. } => "x-square-hmacsha256-signature",
            Self::StandardWebhooks => SIGNATURE,
            Self::Stripe => "Stripe-Signature",
            Self::TicketTailor => "Tickettailor-Webhook-Signature",
            Self::WooCommerce => "X-WC-Webhook-Signature",
        }
    }

    /// Which form the header has.
    pub(super) fn form(&self) -> Form {
        match self {
            Self::Clover => Form::Token,
            Self::Fitbit
            | Self::Loyverse
            | Self::Shopify
            | Self::Square { .. }
            | Self::WooCommerce => Form::Base64,
            Self::Hub { .. } => Form::Hex { prefix: "sha256=" },
            Self::LightspeedX => Form::Named,
            Self::Polar => Form::Hex { prefix: "" },
            Self::StandardWebhooks => Form::List,
            Self::Stripe | Self::TicketTailor => Form::Timed,
        }
    }

    pub(super) fn algorithm(&self) -> hmac::Algorithm {
        match self {
            Self::Fitbit | Self::Loyverse => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            _ => hmac::HMAC_SHA256,
        }
    }

    /// What is signed before the body; `id` and `time` where the message has them.
    pub(super) fn before_body<'a>(&'a self, id: &'a str, time: &'a str) -> [&'a str; 4] {
        match self {
            Self::Square { url } => [url, "", "", ""],
            Self::StandardWebhooks => [id, ".", time, "."],
            Self::Stripe => [time, ".", "", ""],
            Self::TicketTailor => [time, "", "", ""],
            _ => [""; 4],
        }
    }

    /// The header with the duplicate key, where it is in one.
    pub(super) fn id_header(&self) -> Option<&'static str> {
        match self {
            Self::Hub { .. } => Some("X-GitHub-Delivery"),
            Self::Shopify => Some("X-Shopify-Webhook-Id"),
            Self::StandardWebhooks => Some(ID),
            _ => None,
        }
    }
}

/// How a header carries signatures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    /// Base64 with padding.
    Base64,
    /// Hexadecimal in either case, after a prefix.
    Hex { prefix: &'static str },
    /// `v1,` and base64, several with blanks between; id and time have headers of their own.
    List,
    /// `signature=` in hexadecimal and `algorithm=`, in any order.
    Named,
    /// `t=` and `v1=` in hexadecimal, several with commas between.
    Timed,
    /// The secret itself.
    Token,
}

/// The five characters that shops write as entities, by name or by number.
fn without_entities(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let entity = rest
            .find(';')
            .and_then(|end| Some((entity(&rest[1..end])?, end)));
        let (character, end) = entity.unwrap_or(('&', 0));
        plain.push(character);
        rest = &rest[end + 1..];
    }
    plain.push_str(rest);
    plain
}

fn entity(name: &str) -> Option<char> {
    let number = match name {
        "amp" => return Some('&'),
        "gt" => return Some('>'),
        "lt" => return Some('<'),
        "quot" => return Some('"'),
        _ => name.strip_prefix('#')?,
    };
    let number = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(number.ok()?).filter(|character| "&<>\"'".contains(*character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_decoded_once_and_only_the_five() {
        for (stored, plain) in [
            ("a &amp; b", "a & b"),
            ("&lt;&gt;&quot;&#039;&#x27;&#39;", "<>\"'''"),
            ("&amp;lt;", "&lt;"),
            ("&eacute; & &; &#65; &#x; &", "&eacute; & &; &#65; &#x; &"),
            ("", ""),
        ] {
            assert_eq!(without_entities(stored), plain);
        }
    }

    #[test]
    fn no_scheme_takes_an_empty_or_endless_secret() {
        for scheme in [Scheme::Shopify, Scheme::Fitbit, Scheme::StandardWebhooks] {
            for text in ["", " \n", &"a".repeat(513)] {
                assert_eq!(scheme.secret(text).unwrap_err().kind(), Kind::KeyInvalid);
            }
        }
    }
}
