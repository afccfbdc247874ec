//! Webhooks of sources: durable before they are answered.

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use wom_sdk::{
    Timestamp,
    instrument::{self, Reply},
};

use super::{Failure, body::read};
use crate::Service;

/// Bytes of a webhook's body.
const LIMIT: usize = 256 * 1024;

/// Take a webhook of a source
///
/// For the system that the source names, not for callers with a token: its own signature says who
/// calls. What it tells is kept for good before this answers, and read after. Send the body as it
/// stands: signatures are over its bytes.
#[utoipa::path(
    post,
    path = "/in/{source}",
    operation_id = "receiveWebhook",
    tag = "sources",
    security(()),
    params(("source" = String, Path, description = "The name in `[sources.NAME]` of the configuration")),
    request_body(
        content = Vec<u8>,
        content_type = "application/octet-stream",
        description = "In the form and of the type of the system that calls, at most 256 KiB"
    ),
    responses(
        (status = "2XX", description = "Taken: in the form that the system expects"),
        Failure,
    )
)]
pub(super) async fn receive(
    State(service): State<Service>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    take(&service, &source, request).await
}

/// Answer the handshake of a source
///
/// Some systems ask so whether the address is whose it should be, before they call it.
#[utoipa::path(
    get,
    path = "/in/{source}",
    operation_id = "answerHandshake",
    tag = "sources",
    security(()),
    params(("source" = String, Path, description = "The name in `[sources.NAME]` of the configuration")),
    responses(
        (status = "2XX", description = "In the form that the system expects"),
        Failure,
    )
)]
pub(super) async fn shake_hands(
    State(service): State<Service>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    take(&service, &source, request).await
}

async fn take(service: &Service, source: &str, request: Request) -> Result<Response, Failure> {
    let unknown = || Failure::not_found("there is no source of this name");
    let programme = service.0.sources.get(source).ok_or_else(unknown)?;
    let programme = service.0.programmes.get(programme).ok_or_else(unknown)?;
    let call = Call::read(service, request).await?;
    let headers = call.headers();
    let request = call.as_adapters_see_it(&headers);
    let reply = programme.collector.receive(source, &request).await?;
    service.0.wake.notify_waiters();
    Ok(answer(reply))
}

/// A call, read whole.
pub(super) struct Call {
    parts: Parts,
    body: Vec<u8>,
    at: Timestamp,
}

impl Call {
    pub(super) async fn read(service: &Service, request: Request) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(Self {
            parts,
            body: read(body, LIMIT).await?,
            at: service.0.clock.now(),
        })
    }

    pub(super) fn headers(&self) -> Vec<(&str, &[u8])> {
        let headers = self.parts.headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect()
    }

    pub(super) fn as_adapters_see_it<'a>(
        &'a self,
        headers: &'a [(&'a str, &'a [u8])],
    ) -> instrument::Request<'a> {
        instrument::Request {
            method: self.parts.method.as_str(),
            query: self.parts.uri.query().unwrap_or(""),
            headers,
            body: &self.body,
            received_at: self.at,
        }
    }
}

/// The answer that the caller's system expects.
pub(super) fn answer(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Body::from(reply.body)).into_response();
    for (name, value) in reply.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}
