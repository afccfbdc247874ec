//! Signatures of webhooks.

use pyo3::{prelude::*, types::PyBytes};
use serde_json::json;
use wom_sdk::{
    Clock as _, Result, SystemClock, Timestamp,
    webhook::{self, Scheme, Secret, Verified},
};

use crate::{errors::raise, values};

/// How a sender signs: the scheme's name, a header, an address.
type Named = (String, Option<String>, Option<String>);

fn open(named: &Named, secrets: &[String]) -> Result<(Scheme, Vec<Secret>)> {
    let scheme = wom_embed::scheme(&named.0, named.1.as_deref(), named.2.as_deref())?;
    let secrets = secrets
        .iter()
        .map(|text| scheme.secret(text))
        .collect::<Result<_>>()?;
    Ok((scheme, secrets))
}

fn instant(now: Option<f64>) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "bounded by the type")]
    now.map_or_else(
        || SystemClock.now(),
        |now| Timestamp::from_millis((now * 1000.0) as i64),
    )
}

/// Checks a message, and tells what it is.
#[pyfunction]
pub(crate) fn verify_webhook(
    py: Python<'_>,
    scheme: Named,
    secrets: Vec<String>,
    headers: Vec<(String, Vec<u8>)>,
    body: &Bound<'_, PyBytes>,
    now: Option<f64>,
) -> PyResult<Py<PyAny>> {
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let verified = open(&scheme, &secrets).and_then(|(scheme, secrets)| {
        webhook::verify(&scheme, &headers, body.as_bytes(), &secrets, instant(now))
    });
    let told = match verified.map_err(|error| raise(&error))? {
        Verified::Message(message) => json!({"id": message.id, "at": message.at}),
        Verified::Handshake { code } => json!({"handshake": true, "code": code}),
        _ => json!({"handshake": true}),
    };
    values::to_py(py, &told)
}

/// The headers of a message that is sent now.
#[pyfunction]
pub(crate) fn sign_webhook(
    scheme: Named,
    secrets: Vec<String>,
    id: &str,
    body: &Bound<'_, PyBytes>,
    now: Option<f64>,
) -> PyResult<Vec<(String, String)>> {
    let signed = open(&scheme, &secrets)
        .and_then(|(scheme, secrets)| {
            webhook::sign(&scheme, id, instant(now), body.as_bytes(), &secrets)
        })
        .map_err(|error| raise(&error))?;
    let headers = signed.headers();
    Ok(headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}
