//! What a message brings to prove where it comes from, read from its headers.

use std::borrow::Cow;

use aws_lc_rs::{constant_time, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    Secret,
    scheme::{Form, ID, SIGNATURE, Scheme, TIMESTAMP},
};
use crate::{Error, Kind, Result, Timestamp, hex};

/// The headers of Standard Webhooks under the names that they had before it was a standard.
const OLD: [&str; 3] = ["svix-id", "svix-timestamp", "svix-signature"];
pub(super) const LONGEST_ID: usize = 256;
/// More than a hundred signatures; one sender needs two.
const LONGEST_SIGNATURE: usize = 8 * 1024;

/// Headers as received.
pub(super) type Headers<'h, 'a> = &'h [(&'h str, &'a [u8])];

/// Signatures, and what they cover beside the body.
pub(super) struct Proof<'a> {
    pub(super) id: &'a str,
    pub(super) time: Option<(&'a str, Timestamp)>,
    given: Vec<Vec<u8>>,
}

impl<'a> Proof<'a> {
    pub(super) fn of(scheme: &Scheme, headers: Headers<'_, 'a>) -> Result<Self> {
        if *scheme == Scheme::StandardWebhooks {
            return Self::of_standard(headers);
        }
        let value = header(headers, scheme.header())?;
        let mut proof = Self {
            id: "",
            time: None,
            given: Vec::new(),
        };
        match scheme.form() {
            Form::Token => proof.given.push(value.as_bytes().to_vec()),
            Form::Base64 => proof.given.extend(STANDARD.decode(value)),
            Form::Hex { prefix } => {
                proof
                    .given
                    .extend(value.strip_prefix(prefix).and_then(of_hex));
            }
            Form::List => proof.given.extend(value.split(' ').filter_map(listed)),
            Form::Named => {
                let named = |name| only_field(value, name);
                if named("algorithm")? != "HMAC-SHA256" {
                    return Err(refused("the message is signed by another algorithm"));
                }
                proof.given.extend(of_hex(named("signature")?));
            }
            Form::Timed => {
                proof.time = Some(time(only_field(value, "t")?)?);
                proof.given.extend(fields(value, "v1").filter_map(of_hex));
            }
        }
        Ok(proof)
    }

    fn of_standard(headers: Headers<'_, 'a>) -> Result<Self> {
        let names = [ID, TIMESTAMP, SIGNATURE];
        let is_new = names.iter().any(|name| is_there(headers, name));
        let names = if is_new { names } else { OLD };
        let [id, timestamp, signature] = [
            header(headers, names[0])?,
            header(headers, names[1])?,
            header(headers, names[2])?,
        ];
        if !is_id(id) {
            return Err(refused("the message's id is not of the required form"));
        }
        Ok(Self {
            id,
            time: Some(time(timestamp)?),
            given: signature.split(' ').filter_map(listed).collect(),
        })
    }

    /// Whether one of the signatures was made over this body with one of the secrets. Takes the
    /// same time whichever it is.
    pub(super) fn holds(&self, scheme: &Scheme, body: &[u8], secrets: &[Secret]) -> bool {
        let time = self.time.map_or("", |(text, _)| text);
        let due: Vec<_> = secrets
            .iter()
            .map(|secret| expected(scheme, self.id, time, body, secret))
            .collect();
        let pairs = self
            .given
            .iter()
            .flat_map(|given| due.iter().map(move |due| (given, due)));
        pairs.fold(false, |held, (given, due)| {
            held | constant_time::verify_slices_are_equal(given, due).is_ok()
        })
    }
}

/// The bytes that the scheme's signature has to be.
pub(super) fn expected(
    scheme: &Scheme,
    id: &str,
    time: &str,
    body: &[u8],
    secret: &Secret,
) -> Vec<u8> {
    if scheme.form() == Form::Token {
        return secret.bytes().to_vec();
    }
    let key = hmac::Key::new(scheme.algorithm(), secret.bytes());
    let mut context = hmac::Context::with_key(&key);
    for part in scheme.before_body(id, time) {
        context.update(part.as_bytes());
    }
    context.update(body);
    context.sign().as_ref().to_vec()
}

/// An id with a dot could be cut elsewhere, with the same signature.
pub(super) fn is_id(id: &str) -> bool {
    (1..=LONGEST_ID).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

pub(super) fn is_there(headers: Headers<'_, '_>, name: &str) -> bool {
    headers
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name))
}

/// The one value of a header; two different ones are a trap.
pub(super) fn header<'a>(headers: Headers<'_, 'a>, name: &str) -> Result<&'a str> {
    let mut values = headers
        .iter()
        .filter(|(other, _)| other.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value);
    let refused = |message: &'static str| refused(message).with("header", name);
    let first = values
        .next()
        .ok_or_else(|| refused("a header is missing"))?;
    if values.any(|other| other != first) {
        return Err(refused("a header occurs twice"));
    }
    if first.len() > LONGEST_SIGNATURE {
        return Err(refused("a header is too long"));
    }
    std::str::from_utf8(first).map_err(|_| refused("a header is not text"))
}

pub(super) fn refused(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::WebhookRefused, message)
}

fn time(text: &str) -> Result<(&str, Timestamp)> {
    let seconds = Some(text)
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| refused("the message's time is not a number of seconds"))?;
    Ok((text, Timestamp::from_seconds(seconds)))
}

/// The values of the fields of this name, of `name=value` with commas between.
fn fields<'a>(value: &'a str, name: &'static str) -> impl Iterator<Item = &'a str> {
    value
        .split(',')
        .filter_map(|field| field.trim_ascii().split_once('='))
        .filter(move |(other, _)| *other == name)
        .map(|(_, value)| value)
}

/// One of two would be checked, and the other one believed.
fn only_field<'a>(value: &'a str, name: &'static str) -> Result<&'a str> {
    let mut found = fields(value, name);
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(
            refused("a part of the signature's header is not there just once").with("part", name),
        ),
    }
}

fn listed(entry: &str) -> Option<Vec<u8>> {
    STANDARD.decode(entry.strip_prefix("v1,")?).ok()
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode::<32>(text).map(Vec::from)
}
