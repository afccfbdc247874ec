//! What callers send: bounded, in time, and read strictly.

use std::time::Duration;

use axum::{
    body::{Body, HttpBody as _},
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use wom_sdk::{Error, Kind};

use super::Failure;
use crate::Service;

/// Bytes of a JSON body.
const LIMIT: usize = 64 * 1024;
/// How long a body may take to arrive.
const TIME: Duration = Duration::from_secs(30);

/// A JSON body, of which every field is known.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Service> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Service) -> Result<Self, Failure> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Failure::input(
                "the body is to be JSON",
                "header",
                "content-type: application/json",
            ));
        }
        let body = read(request.into_body(), LIMIT).await?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Failure::from(
                Error::in_json("the body", &error)
                    .with("line", error.line())
                    .with("column", error.column()),
            )
        })
    }
}

/// The bytes of a body, at most so many.
pub(crate) async fn read(body: Body, limit: usize) -> Result<Vec<u8>, Failure> {
    match tokio::time::timeout(TIME, collect(body, limit)).await {
        Ok(read) => read,
        Err(_) => Err(Failure::too_slow()),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Vec<u8>, Failure> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Failure::too_large(limit));
    }
    let mut bytes = Vec::new();
    loop {
        let frame =
            std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context));
        let Some(frame) = frame.await else {
            return Ok(bytes);
        };
        let ended = |_| Failure::from(Error::new(Kind::InputTruncated, "the body ended too early"));
        let Ok(data) = frame.map_err(ended)?.into_data() else {
            continue;
        };
        if bytes.len() + data.len() > limit {
            return Err(Failure::too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
}

/// A header's text, 1 to `longest` bytes; `None` where it is not there.
pub(crate) fn header_text<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
    longest: usize,
) -> Result<Option<&'a str>, Failure> {
    let mut values = headers.get_all(name).into_iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().map(str::trim);
    let fits = |text: &&str| (1..=longest).contains(&text.len()) && values.next().is_none();
    match text.filter(fits) {
        Some(text) => Ok(Some(text)),
        None => Err(Failure::input(
            "a header is empty, too long, no text, or there twice",
            "header",
            name,
        )),
    }
}

/// The key under which the caller asks: the same one again is the same thing.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(crate) struct IdempotencyKey {
    /// Your own name of this award or payment, such as an order's number. It is kept only as a digest.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 512,
        pattern = "^[!-~]([ -~]*[!-~])?$"
    )]
    pub(crate) key: String,
}

impl FromRequestParts<Service> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Service) -> Result<Self, Failure> {
        let key = header_text(&parts.headers, "idempotency-key", 512)?;
        let key = key.map(|key| Self {
            key: key.to_owned(),
        });
        key.ok_or_else(|| {
            let missing = Error::new(Kind::InputInvalid, "a header is missing");
            missing
                .with("header", "idempotency-key")
                .hint("send a name of your own for this award or payment, such as an id of yours")
                .into()
        })
    }
}
