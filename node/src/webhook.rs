//! Signatures of webhooks.

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wom_sdk::{
    Clock as _, Result, SystemClock, Timestamp,
    instrument::{Reply, Request},
    webhook::{self, Scheme, Secret, Verified},
};

use crate::text::{at_once, read};

/// How a sender signs, and when it is.
#[derive(Deserialize)]
struct Signing {
    scheme: String,
    header: Option<String>,
    url: Option<String>,
    secrets: Vec<String>,
    /// Milliseconds since 1970.
    now: Option<i64>,
}

impl Signing {
    fn open(&self) -> Result<(Scheme, Vec<Secret>)> {
        let scheme = wom_embed::scheme(&self.scheme, self.header.as_deref(), self.url.as_deref())?;
        let secrets = self.secrets.iter();
        let secrets = secrets
            .map(|text| scheme.secret(text))
            .collect::<Result<_>>()?;
        Ok((scheme, secrets))
    }

    fn instant(&self) -> Timestamp {
        self.now
            .map_or_else(|| SystemClock.now(), Timestamp::from_millis)
    }
}

/// Checks a message, and tells what it is. Headers are pairs of name and value.
#[napi]
pub fn verify_webhook(signing: String, headers: String, body: Uint8Array) -> String {
    at_once(verify(&signing, &headers, &body))
}

fn verify(signing: &str, headers: &str, body: &[u8]) -> Result<Value> {
    let signing: Signing = read(signing)?;
    let (scheme, secrets) = signing.open()?;
    let headers = headers_of(headers)?;
    let headers = pairs(&headers);
    let verified = webhook::verify(&scheme, &headers, body, &secrets, signing.instant())?;
    Ok(match verified {
        Verified::Message(message) => json!({"id": message.id, "at": message.at}),
        Verified::Handshake { code } => json!({"handshake": true, "code": code}),
        _ => json!({"handshake": true}),
    })
}

/// The headers of a message that is sent now.
#[napi]
pub fn sign_webhook(signing: String, id: String, body: Uint8Array) -> String {
    at_once(sign(&signing, &id, &body))
}

fn sign(signing: &str, id: &str, body: &[u8]) -> Result<Vec<(String, String)>> {
    let signing: Signing = read(signing)?;
    let (scheme, secrets) = signing.open()?;
    let signed = webhook::sign(&scheme, id, signing.instant(), body, &secrets)?;
    let headers = signed.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

/// A webhook call, as it arrived.
pub(crate) struct Arrived {
    method: String,
    query: String,
    headers: String,
    body: Vec<u8>,
}

impl Arrived {
    pub(crate) fn new(method: String, query: String, headers: String, body: &[u8]) -> Self {
        Self {
            method,
            query,
            headers,
            body: body.to_vec(),
        }
    }

    pub(crate) fn headers(&self) -> Result<Vec<(String, Vec<u8>)>> {
        headers_of(&self.headers)
    }

    /// The call, with its headers as [`pairs`], as having come now.
    pub(crate) fn request<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
        Request {
            method: &self.method,
            query: &self.query,
            headers,
            body: &self.body,
            received_at: SystemClock.now(),
        }
    }
}

/// Headers as Rust reads them.
pub(crate) fn pairs(headers: &[(String, Vec<u8>)]) -> Vec<(&str, &[u8])> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect()
}

/// What to answer a webhook call with.
#[derive(Serialize)]
pub(crate) struct Replied {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl From<Reply> for Replied {
    fn from(reply: Reply) -> Self {
        let headers = reply.headers.into_iter();
        Self {
            status: reply.status,
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            body: reply.body,
        }
    }
}

/// Headers as Node has them: each character of a value is a byte.
fn headers_of(text: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let headers: Vec<(String, String)> = read(text)?;
    let bytes = |value: String| {
        let chars = value.chars();
        chars
            .map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?'))
            .collect()
    };
    Ok(headers
        .into_iter()
        .map(|(name, value)| (name, bytes(value)))
        .collect())
}
