//! Checking a message.

use serde::Deserialize;

use super::{
    Scheme, Secret,
    proof::{Headers, LONGEST_ID, Proof, header, is_there, refused},
};
use crate::{Result, Timestamp};

/// How far a sender's signed time may be from ours, both ways, in milliseconds: 5 minutes.
pub const TOLERANCE_MS: i64 = 5 * 60_000;

const LONGEST_HANDSHAKE: usize = 1024;

/// What a call that was not refused is.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verified {
    /// A message whose signature holds.
    Message(Message),
    /// A call that sets the webhook up and is signed by nobody: answer 200 and do nothing else.
    Handshake {
        /// What the person who sets it up has to copy into the sender's page.
        code: Option<String>,
    },
}

impl Verified {
    /// The message, if it is one.
    pub fn message(self) -> Option<Message> {
        match self {
            Self::Message(message) => Some(message),
            Self::Handshake { .. } => None,
        }
    }
}

/// A message whose signature holds.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Message {
    /// The duplicate key, where the [scheme](Scheme) has one: a message with an id that was seen
    /// before is the same message.
    pub id: Option<String>,
    /// When the sender sent it, where that is signed.
    pub at: Option<Timestamp>,
}

/// Checks a message: `headers` and `body` as received, `now` when it was received.
///
/// It holds if one of its signatures was made with one of the secrets (during a rotation there are
/// two) and its time, where the scheme signs one, is at most [`TOLERANCE_MS`] from `now`. Whatever
/// else it is: [`Kind::WebhookRefused`](crate::Kind::WebhookRefused). Comparison takes constant
/// time; a header that occurs twice with different values is refused.
///
/// ```
/// use wom_sdk::{Timestamp, webhook::{self, Scheme}};
///
/// let scheme = Scheme::Shopify;
/// let secrets = [scheme.secret("shpss_1")?];
/// let now = Timestamp::from_seconds(1_790_000_000);
/// let signed = webhook::sign(&scheme, "delivery-1", now, b"{}", &secrets)?;
/// let headers: Vec<_> = signed.headers().map(|(name, value)| (name, value.as_bytes())).collect();
///
/// let message = webhook::verify(&scheme, &headers, b"{}", &secrets, now)?.message();
/// assert_eq!(message.and_then(|message| message.id).as_deref(), Some("delivery-1"));
/// assert!(webhook::verify(&scheme, &headers, b"{ }", &secrets, now).is_err());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn verify(
    scheme: &Scheme,
    headers: &[(&str, &[u8])],
    body: &[u8],
    secrets: &[Secret],
    now: Timestamp,
) -> Result<Verified> {
    if let Some(handshake) = handshake(scheme, headers, body) {
        return Ok(handshake);
    }
    if secrets.is_empty() {
        return Err(refused("no secret to check with is configured"));
    }
    let proof = Proof::of(scheme, headers)?;
    // The signature before the time: only who knows the secret learns about our clock.
    if !proof.holds(scheme, body, secrets) {
        return Err(refused("no signature of the message holds")
            .hint("check that both sides have the same secret and that nothing alters the body"));
    }
    let at = proof.time.map(|(_, at)| at);
    if at.is_some_and(|at| now.since(at).abs() > TOLERANCE_MS) {
        return Err(
            refused("the message's time is more than 5 minutes from ours")
                .hint("check both clocks; an old message that is sent again is refused"),
        );
    }
    let id = match (scheme, scheme.id_header()) {
        (Scheme::StandardWebhooks, _) => Some(proof.id.to_owned()),
        (_, None) => id_within(scheme, body),
        (_, Some(name)) if is_there(headers, name) => Some(header(headers, name)?.to_owned()),
        (_, Some(_)) => None,
    };
    let id = id.filter(|id| (1..=LONGEST_ID).contains(&id.len()));
    Ok(Verified::Message(Message { id, at }))
}

fn handshake(scheme: &Scheme, headers: Headers<'_, '_>, body: &[u8]) -> Option<Verified> {
    let is_signed = is_there(headers, scheme.header());
    match scheme {
        Scheme::Clover if !is_signed && body.len() <= LONGEST_HANDSHAKE => {
            let Verification { code } = serde_json::from_slice(body).ok()?;
            let is_code =
                (1..=128).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_graphic());
            is_code.then_some(Verified::Handshake { code: Some(code) })
        }
        // Signed or not: its secret comes later.
        Scheme::Polar => header(headers, "Polar-Webhook-Event")
            .is_ok_and(|event| event == "PING")
            .then_some(Verified::Handshake { code: None }),
        Scheme::WooCommerce if !is_signed => {
            let number = body.strip_prefix(b"webhook_id=")?;
            ((1..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit))
                .then_some(Verified::Handshake { code: None })
        }
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verification {
    #[serde(rename = "verificationCode")]
    code: String,
}

/// The duplicate key of schemes that have it in the body.
fn id_within(scheme: &Scheme, body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        id: String,
    }
    #[derive(Deserialize)]
    struct SquareEvent {
        event_id: String,
    }
    #[derive(Deserialize)]
    struct Resource {
        id: u64,
        date_modified_gmt: String,
    }
    match scheme {
        Scheme::Stripe | Scheme::TicketTailor => {
            let event: Event = serde_json::from_slice(body).ok()?;
            Some(event.id)
        }
        Scheme::Square { .. } => {
            let event: SquareEvent = serde_json::from_slice(body).ok()?;
            Some(event.event_id)
        }
        Scheme::WooCommerce => {
            let of: Resource = serde_json::from_slice(body).ok()?;
            Some(format!("{} {}", of.id, of.date_modified_gmt))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Kind,
        webhook::{ID, SIGNATURE, TIMESTAMP, sign},
    };

    const BODY: &[u8] = br#"{"minutes":30}"#;
    const STANDARD: Scheme = Scheme::StandardWebhooks;

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_790_000_000)
    }

    fn signed(secrets: &[Secret]) -> Vec<(String, String)> {
        let signed = sign(&STANDARD, "id", now(), BODY, secrets).unwrap();
        signed
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn check(
        headers: &[(String, String)],
        secrets: &[Secret],
        now: Timestamp,
    ) -> Result<Option<Message>> {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        verify(&STANDARD, &headers, BODY, secrets, now).map(Verified::message)
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
            assert_eq!(check(&signed(&signs), &checks, now()).is_ok(), valid);
        }
        assert!(sign(&STANDARD, "id", now(), BODY, &[]).is_err());
    }

    #[test]
    fn the_clock_may_be_off_by_five_minutes_either_way() {
        let secret = [Secret::random()];
        let signed = signed(&secret);
        for (off_seconds, valid) in [(240, true), (300, true), (301, false), (3600, false)] {
            for off in [off_seconds, -off_seconds] {
                let received = now().plus_millis(off * 1000);
                assert_eq!(check(&signed, &secret, received).is_ok(), valid, "{off}");
            }
        }
    }

    #[test]
    fn fifty_signatures_are_tried_and_the_last_one_counts() {
        let secret = Secret::random();
        let mut all: Vec<_> = (0..49).map(|_| Secret::random()).collect();
        assert!(check(&signed(&all), std::slice::from_ref(&secret), now()).is_err());
        all.push(secret.clone());
        assert!(check(&signed(&all), &[secret], now()).is_ok());
    }

    #[test]
    fn a_header_that_occurs_twice_counts_once_or_not_at_all() {
        let secret = [Secret::random()];
        let with = |name: &str, value: &str| {
            let mut headers = signed(&secret);
            headers.push((name.to_owned(), value.to_owned()));
            check(&headers, &secret, now()).map(|message| message.unwrap().id.unwrap())
        };
        assert_eq!(with("WEBHOOK-ID", "id").unwrap(), "id");
        // The old names do not mix with the new ones.
        assert_eq!(with("svix-id", "other").unwrap(), "id");
        let error = with("WEBHOOK-ID", "other").unwrap_err();
        assert_eq!(error.kind(), Kind::WebhookRefused);
    }

    #[test]
    fn times_and_ids_of_another_form_are_refused() {
        use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

        let secret = Secret::random();
        for (timestamp, valid) in [
            ("1790000000", true),
            ("", false),
            ("+1790000000", false),
            ("-1", false),
            ("1790000000.0", false),
            (" 1790000000", false),
            ("99999999999999999999", false),
        ] {
            let mac = super::super::proof::expected(&STANDARD, "id", timestamp, BODY, &secret);
            let headers = [
                (ID, "id".to_owned()),
                (TIMESTAMP, timestamp.to_owned()),
                (SIGNATURE, format!("v1,{}", BASE64.encode(mac))),
            ]
            .map(|(name, value)| (name.to_owned(), value));
            let checked = check(&headers, std::slice::from_ref(&secret), now());
            assert_eq!(checked.is_ok(), valid, "{timestamp}");
        }
        for id in ["", "a.b", "a b", "é", &"a".repeat(257)] {
            let error = sign(&STANDARD, id, now(), BODY, &[Secret::random()]).unwrap_err();
            assert_eq!(error.kind(), Kind::InputInvalid);
        }
    }

    #[test]
    fn keys_of_duplicates_are_where_the_vendor_puts_them() {
        let square = Scheme::Square {
            url: "https://till.example/hook".to_owned(),
        };
        for (scheme, body, id) in [
            (&STANDARD, "", Some("message-1")),
            (&Scheme::Shopify, "", Some("message-1")),
            (&Scheme::GITHUB, "", Some("message-1")),
            (&square, r#"{"event_id": "e-1", "more": [1]}"#, Some("e-1")),
            (&square, "{}", None),
            (&Scheme::Stripe, r#"{"id": "evt_1"}"#, Some("evt_1")),
            (&Scheme::Stripe, r#"{"id": ""}"#, None),
            (&Scheme::Stripe, r#"{"id": "a", "id": "b"}"#, None),
            (&Scheme::TicketTailor, r#"{"id": "wh_1"}"#, Some("wh_1")),
            (
                &Scheme::WooCommerce,
                r#"{"id": 7, "date_modified_gmt": "2026-03-01T10:00:00"}"#,
                Some("7 2026-03-01T10:00:00"),
            ),
            (&Scheme::Loyverse, r#"{"id": "x"}"#, None),
        ] {
            let secrets = [scheme
                .secret("whsec_EQODq8WC8zc0aPhmVUvHPCI5KygXsRlY")
                .unwrap()];
            let signed = sign(scheme, "message-1", now(), body.as_bytes(), &secrets).unwrap();
            let headers: Vec<_> = signed
                .headers()
                .map(|(name, value)| (name, value.as_bytes()))
                .collect();
            let verified = verify(scheme, &headers, body.as_bytes(), &secrets, now()).unwrap();
            assert_eq!(verified.message().unwrap().id.as_deref(), id, "{scheme:?}");
        }
    }
}
