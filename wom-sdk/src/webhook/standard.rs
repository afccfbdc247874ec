//! Signatures in the form of Standard Webhooks (standardwebhooks.com).

use std::{borrow::Cow, fmt};

use aws_lc_rs::constant_time;
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Secret;
use crate::{Error, Kind, Result, Timestamp};

/// The header with the message's id: the same for every delivery of one message.
pub const ID: &str = "webhook-id";
/// The header with the time of the delivery, in seconds since 1970.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by blanks.
pub const SIGNATURE: &str = "webhook-signature";
/// How far the sender's clock may be from ours, both ways, in milliseconds: 5 minutes.
pub const TOLERANCE_MS: i64 = 5 * 60_000;

/// The same headers under the name that they had before they became a standard.
const OLD: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];
const LONGEST_ID: usize = 256;
/// More than a hundred signatures; one sender needs two.
const LONGEST_SIGNATURE: usize = 8 * 1024;

/// What to send along with a body.
#[derive(Clone, Eq, PartialEq)]
pub struct Signed {
    /// The value of [`TIMESTAMP`].
    pub timestamp: String,
    /// The value of [`SIGNATURE`].
    pub signature: String,
}

impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signed({})", self.timestamp)
    }
}

/// A message whose signature holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Message<'a> {
    /// The id: a message with an id that was seen before is the same message.
    pub id: &'a str,
    /// When the sender sent it.
    pub at: Timestamp,
}

/// Signs a body that is sent now, with each of the secrets: during a rotation with the new one and
/// the old one.
///
/// `id` is 1 to 256 visible ASCII characters without a dot; another, and a list without secrets,
/// is [`Kind::InputInvalid`].
///
/// ```
/// use wom_sdk::{Timestamp, webhook::{self, Secret}};
///
/// let (secrets, now) = ([Secret::random()], Timestamp::from_seconds(1_790_000_000));
/// let signed = webhook::sign("msg_1", now, b"{}", &secrets)?;
/// let headers: [(&str, &[u8]); 3] = [
///     (webhook::ID, b"msg_1"),
///     (webhook::TIMESTAMP, signed.timestamp.as_bytes()),
///     (webhook::SIGNATURE, signed.signature.as_bytes()),
/// ];
/// assert_eq!(webhook::verify(&headers, b"{}", &secrets, now)?.id, "msg_1");
/// assert!(webhook::verify(&headers, b"{ }", &secrets, now).is_err());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn sign(id: &str, now: Timestamp, body: &[u8], secrets: &[Secret]) -> Result<Signed> {
    if !is_id(id) {
        return Err(Error::new(
            Kind::InputInvalid,
            "a message's id is 1 to 256 visible characters without a dot",
        ));
    }
    if secrets.is_empty() {
        return Err(Error::new(Kind::InputInvalid, "no secret to sign with"));
    }
    let timestamp = now.as_seconds().to_string();
    let signatures: Vec<_> = secrets
        .iter()
        .map(|secret| {
            let mac = secret.mac(&signed_parts(id, &timestamp, body));
            format!("v1,{}", STANDARD.encode(mac))
        })
        .collect();
    Ok(Signed {
        signature: signatures.join(" "),
        timestamp,
    })
}

/// Checks a message: `headers` and `body` as received, `now` when it was received.
///
/// It holds if one of its `v1` signatures was made with one of the secrets (during a rotation
/// there are two) and its time is at most [`TOLERANCE_MS`] from `now`. Whatever else it is:
/// [`Kind::WebhookRefused`]. Comparison takes constant time, other versions of signatures are
/// passed over, and the older header names (`svix-id` and so on) are read where none of the
/// standard's is there.
pub fn verify<'a>(
    headers: &[(&str, &'a [u8])],
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<Message<'a>> {
    if secrets.is_empty() {
        return Err(refused("no secret to check with is configured"));
    }
    let names = [ID, TIMESTAMP, SIGNATURE];
    let is_there = |name: &&str| {
        headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let names = if names.iter().any(is_there) {
        names
    } else {
        OLD
    };
    let [id, timestamp, signature] = [
        header(headers, names[0])?,
        header(headers, names[1])?,
        header(headers, names[2])?,
    ];
    if !is_id(id) {
        return Err(refused("the message's id is not of the required form"));
    }
    if signature.len() > LONGEST_SIGNATURE {
        return Err(refused("the list of signatures is too long"));
    }
    let at = time(timestamp)?;
    let macs: Vec<_> = secrets
        .iter()
        .map(|secret| secret.mac(&signed_parts(id, timestamp, body)))
        .collect();
    let given = signature.split(' ').filter_map(decoded);
    // The signature before the time: only who knows the secret learns about our clock.
    if !given.fold(false, |held, given| held | holds(&given, &macs)) {
        return Err(refused("no signature of the message holds")
            .hint("check that both sides have the same secret and that nothing alters the body"));
    }
    if now.since(at).abs() > TOLERANCE_MS {
        return Err(
            refused("the message's time is more than 5 minutes from ours")
                .hint("check both clocks; an old message that is sent again is refused"),
        );
    }
    Ok(Message { id, at })
}

fn signed_parts<'a>(id: &'a str, timestamp: &'a str, body: &'a [u8]) -> [&'a [u8]; 5] {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body]
}

/// The one value of a header; two different ones are a trap.
fn header<'a>(headers: &[(&str, &'a [u8])], name: &'static str) -> Result<&'a str> {
    let mut values = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value);
    let first = values
        .next()
        .ok_or_else(|| refused("a header is missing").with("header", name))?;
    if values.any(|other| other != first) {
        return Err(refused("a header occurs twice").with("header", name));
    }
    std::str::from_utf8(first).map_err(|_| refused("a header is not text").with("header", name))
}

/// An id with a dot could be cut elsewhere, with the same signature.
fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

fn time(text: &str) -> Result<Timestamp> {
    let seconds = Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| refused("the message's time is not a number of seconds"))?;
    Ok(Timestamp::from_seconds(seconds))
}

fn decoded(entry: &str) -> Option<Vec<u8>> {
    STANDARD.decode(entry.strip_prefix("v1,")?).ok()
}

fn holds(given: &[u8], macs: &[[u8; 32]]) -> bool {
    macs.iter().fold(false, |held, mac| {
        held | constant_time::verify_slices_are_equal(given, mac).is_ok()
    })
}

fn refused(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::WebhookRefused, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"minutes\":30}";

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_790_000_000)
    }

    fn check(signed: &Signed, secrets: &[Secret], now: Timestamp) -> bool {
        let headers: [(&str, &[u8]); 3] = [
            ("Webhook-Id", b"id"),
            ("Webhook-Timestamp", signed.timestamp.as_bytes()),
            ("Webhook-Signature", signed.signature.as_bytes()),
        ];
        verify(&headers, BODY, secrets, now).is_ok()
    }

    #[test]
    fn no_valid_message_is_refused_while_secrets_change_and_the_old_one_ends() {
        let (old, new) = (Secret::random(), Secret::random());
        let both = [new.clone(), old.clone()];
        for (signs, checks, valid) in [
            (vec![old.clone()], vec![old.clone()], true),
            (both.to_vec(), vec![old.clone()], true),
            (both.to_vec(), vec![new.clone()], true),
            (vec![old.clone()], both.to_vec(), true),
            (vec![new.clone()], both.to_vec(), true),
            (vec![old.clone()], vec![new.clone()], false),
            (both.to_vec(), vec![], false),
        ] {
            let signed = sign("id", now(), BODY, &signs).unwrap();
            assert_eq!(check(&signed, &checks, now()), valid);
        }
        assert!(sign("id", now(), BODY, &[]).is_err());
    }

    #[test]
    fn the_clock_may_be_off_by_five_minutes_either_way() {
        let secret = [Secret::random()];
        let signed = sign("id", now(), BODY, &secret).unwrap();
        for (off_seconds, valid) in [(240, true), (300, true), (301, false), (3600, false)] {
            for off in [off_seconds, -off_seconds] {
                let received = now().plus_millis(off * 1000);
                assert_eq!(check(&signed, &secret, received), valid, "{off}");
            }
        }
    }

    #[test]
    fn fifty_signatures_are_tried_and_the_last_one_counts() {
        let secret = [Secret::random()];
        let mut signed = sign("id", now(), BODY, &secret).unwrap();
        let others: Vec<_> = (0..49).map(|_| Secret::random()).collect();
        let others = sign("id", now(), BODY, &others).unwrap().signature;
        signed.signature = format!("{others} {}", signed.signature);
        assert!(check(&signed, &secret, now()));
        signed.signature = others;
        assert!(!check(&signed, &secret, now()));
    }

    #[test]
    fn a_header_that_occurs_twice_counts_once_or_not_at_all() {
        let secret = [Secret::random()];
        let signed = sign("id", now(), BODY, &secret).unwrap();
        let with = |more: (&'static str, &'static [u8])| {
            let headers: [(&str, &[u8]); 4] = [
                (ID, b"id"),
                (TIMESTAMP, signed.timestamp.as_bytes()),
                (SIGNATURE, signed.signature.as_bytes()),
                more,
            ];
            verify(&headers, BODY, &secret, now()).map(|message| message.id.to_owned())
        };
        assert_eq!(with(("WEBHOOK-ID", b"id")).unwrap(), "id");
        // The old names do not mix with the new ones.
        assert_eq!(with(("svix-id", b"other")).unwrap(), "id");
        let error = with(("WEBHOOK-ID", b"other")).unwrap_err();
        assert_eq!(error.kind(), Kind::WebhookRefused);
    }

    #[test]
    fn times_and_ids_of_another_form_are_refused() {
        let secret = [Secret::random()];
        for timestamp in [
            "",
            "+1790000000",
            "-1",
            "1790000000.0",
            " 1790000000",
            "99999999999999999999",
        ] {
            let mac = secret[0].mac(&signed_parts("id", timestamp, BODY));
            let signature = format!("v1,{}", STANDARD.encode(mac));
            let timestamp = timestamp.to_owned();
            assert!(!check(
                &Signed {
                    timestamp,
                    signature
                },
                &secret,
                now()
            ));
        }
        for id in ["", "a.b", "a b", "é", &"a".repeat(257)] {
            assert!(sign(id, now(), BODY, &secret).is_err(), "{id}");
        }
    }
}
