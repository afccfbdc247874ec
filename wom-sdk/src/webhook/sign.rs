//! Signing a message.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Scheme, Secret,
    proof::{expected, is_id},
    scheme::{Form, TIMESTAMP},
};
use crate::{Error, Kind, Result, Timestamp, hex};

/// The headers to send along with a body.
#[derive(Clone, Eq, PartialEq)]
pub struct Signed {
    headers: Vec<(String, String)>,
}

impl Signed {
    /// Names and values. A name may be in capitals, as the vendor writes it.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The names only: one scheme's value is the secret.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.headers().map(|(name, _)| name))
            .finish()
    }
}

/// Signs a body that is sent now, as this scheme does: for our own messages, and for tests of
/// receivers.
///
/// With several secrets, [`Scheme::StandardWebhooks`], [`Scheme::Stripe`] and
/// [`Scheme::TicketTailor`] carry a signature of each (during a rotation of the new one and the old
/// one); the others have room for one, of the first. `id` is 1 to 256 visible ASCII characters
/// without a dot, and is left out where the scheme has no header for it.
///
/// # Errors
/// [`Kind::InputInvalid`] for another id, a list without secrets, or a token that is not text.
pub fn sign(
    scheme: &Scheme,
    id: &str,
    now: Timestamp,
    body: &[u8],
    secrets: &[Secret],
) -> Result<Signed> {
    let refused = |message: &'static str| Error::new(Kind::InputInvalid, message);
    if !is_id(id) {
        return Err(refused(
            "a message's id is 1 to 256 visible characters without a dot",
        ));
    }
    let Some(first) = secrets.first() else {
        return Err(refused("no secret to sign with"));
    };
    let time = now.as_seconds().to_string();
    let with = |secret| expected(scheme, id, &time, body, secret);
    let each = |write: &dyn Fn(Vec<u8>) -> String| {
        let signatures: Vec<_> = secrets.iter().map(|secret| write(with(secret))).collect();
        signatures
    };
    let value = match scheme.form() {
        Form::Base64 => STANDARD.encode(with(first)),
        Form::Hex { prefix } => format!("{prefix}{}", hex::encode(&with(first))),
        Form::List => each(&|mac| format!("v1,{}", STANDARD.encode(mac))).join(" "),
        Form::Named => format!(
            "signature={},algorithm=HMAC-SHA256",
            hex::encode(&with(first))
        ),
        Form::Timed => {
            let signatures = each(&|mac| format!("v1={}", hex::encode(&mac))).join(",");
            format!("t={time},{signatures}")
        }
        Form::Token => {
            String::from_utf8(with(first)).map_err(|_| refused("the token is not text"))?
        }
    };
    let mut headers = vec![(scheme.header().to_owned(), value)];
    if let Some(name) = scheme.id_header() {
        headers.push((name.to_owned(), id.to_owned()));
    }
    if *scheme == Scheme::StandardWebhooks {
        headers.push((TIMESTAMP.to_owned(), time));
    }
    Ok(Signed { headers })
}
