//! Errors as answers: one form for all, made from the one table of kinds.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::{
    IntoResponses, ToSchema,
    openapi::{
        ContentBuilder, HeaderBuilder, Object, Ref, RefOr, Response as Described, ResponseBuilder,
        Type,
    },
};
use wom_sdk::{Error, Kind};

/// What went wrong, as RFC 9457 has it, with what a program needs to decide what to do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:wom-sdk:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means, in one sentence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable name of the error, the same in every language of the SDK.
    #[schema(example = "award_key_reused")]
    code: &'static str,
    /// Whether trying again is wise: `never` (something has to change first), `safe` (nothing
    /// happened), or `same_key` (it may have happened: only with the same Idempotency-Key).
    #[schema(example = "never")]
    retry: &'static str,
    /// What happened this time.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// Where: names such as `field` or `line`, with their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    context: BTreeMap<&'static str, String>,
}

impl Problem {
    fn of(failure: &Failure) -> Self {
        let Failure { status, error } = failure;
        Self {
            kind: format!("urn:wom-sdk:{}", error.code()),
            title: error.kind().meaning(),
            status: status.as_u16(),
            code: error.code(),
            retry: error.retry().code(),
            detail: error.message().to_owned(),
            hint: error.advice().map(ToOwned::to_owned),
            context: error
                .context()
                .map(|(name, value)| (name, value.to_owned()))
                .collect(),
        }
    }
}

/// An error on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    error: Error,
}

impl Failure {
    pub(crate) fn new(status: StatusCode, error: Error) -> Self {
        Self { status, error }
    }

    /// The caller showed no token that is known.
    pub(crate) fn unknown_caller() -> Self {
        let error = Error::new(Kind::AccessDenied, "no token, or one that is not known")
            .hint("send it as: Authorization: Bearer wom_…");
        Self::new(StatusCode::UNAUTHORIZED, error)
    }

    /// The caller's token is not good for this.
    pub(crate) fn not_granted(scope: &'static str) -> Self {
        let error = Error::new(Kind::AccessDenied, "the token is not good for this")
            .with("scope", scope)
            .hint("use one that has this scope");
        Self::new(StatusCode::FORBIDDEN, error)
    }

    /// What is asked for is not there, or is somebody else's: both look the same.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, Error::new(Kind::InputInvalid, what))
    }

    /// One argument does not fit.
    pub(crate) fn input(message: &'static str, place: &'static str, name: &str) -> Self {
        Error::new(Kind::InputInvalid, message)
            .with(place, name)
            .into()
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Error::new(Kind::LimitExceeded, "the body is too large")
            .with("limit_bytes", limit)
            .into()
    }

    pub(crate) fn too_slow() -> Self {
        let error = Error::new(Kind::InputTruncated, "the body did not come in time");
        Self::new(StatusCode::REQUEST_TIMEOUT, error)
    }

    pub(crate) fn busy() -> Self {
        Error::new(Kind::RateLimited, "too much is being read at this moment")
            .wait(Duration::from_secs(1))
            .into()
    }
}

/// The names under which the document describes every answer of failure, once for all operations.
const REFUSED: &str = "Refused";
const NOT_DONE: &str = "NotDone";

impl IntoResponses for Failure {
    fn responses() -> BTreeMap<String, RefOr<Described>> {
        BTreeMap::from([
            ("4XX".to_owned(), Ref::from_response_name(REFUSED).into()),
            ("5XX".to_owned(), Ref::from_response_name(NOT_DONE).into()),
        ])
    }
}

impl Failure {
    /// What every answer of failure looks like, by name.
    pub(super) fn described() -> [(String, RefOr<Described>); 2] {
        let problem = |description: &str| {
            let schema = Ref::from_schema_name(Problem::name());
            ResponseBuilder::new().description(description).content(
                "application/problem+json",
                ContentBuilder::new().schema(Some(schema)).build(),
            )
        };
        let wait = HeaderBuilder::new()
            .description(Some("Seconds to wait before trying again"))
            .schema(Some(Object::with_type(Type::Integer)))
            .build();
        let own = problem(
            "It cannot be done as it was asked: 400 is not of the required form, 401 shows no token \
             that is known, 403 a token that is not good for this, 404 is not there or somebody \
             else's. `code` says what it is",
        );
        let ours = problem(
            "It was not done now: 502 and 504 are the Registry's, 500 and 503 ours. `retry` says \
             whether to try again",
        );
        [
            (REFUSED.to_owned(), own.build().into()),
            (
                NOT_DONE.to_owned(),
                ours.header("Retry-After", wait).build().into(),
            ),
        ]
    }
}

/// With the status of its kind.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(status(error.kind()), error)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(code = self.error.code(), "{}", self.error);
        }
        let mut response = (self.status, Json(Problem::of(&self))).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.error.retry_after() {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs().max(1)),
            );
        }
        response
    }
}

/// Whose fault it is: 4xx the caller's, 502 and 504 the Registry's, 500 and 503 ours.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::InputInvalid | Kind::InputTruncated | Kind::Unsupported => StatusCode::BAD_REQUEST,
        Kind::WebhookRefused => StatusCode::UNAUTHORIZED,
        Kind::AlreadyPerformed | Kind::AwardHeld => StatusCode::CONFLICT,
        Kind::AlreadyDelivered | Kind::RequestVoid => StatusCode::GONE,
        Kind::LimitExceeded => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::AwardKeyReused
        | Kind::LocationRequired
        | Kind::ParameterRefused
        | Kind::PinUnacceptable
        | Kind::PinWrong
        | Kind::VouchersInsufficient
        | Kind::VouchersRefused => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::AccessDenied
        | Kind::DeliveryFailed
        | Kind::NetworkUnreachable
        | Kind::OtcUnknown
        | Kind::OutcomeUnknown
        | Kind::PayloadInvalid
        | Kind::PayloadRefused
        | Kind::PosUnknown
        | Kind::RegistryFailed
        | Kind::RegistryKeyChanged
        | Kind::RegistryMisbehaved
        | Kind::SourceUnknown => StatusCode::BAD_GATEWAY,
        Kind::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Kind::Cancelled | Kind::RateLimited | Kind::StorageFailed | Kind::StoreLocked => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_our_own_fault_is_500() {
        let own: Vec<_> = Kind::ALL
            .iter()
            .filter(|kind| status(**kind) == StatusCode::INTERNAL_SERVER_ERROR)
            .map(|kind| kind.code())
            .collect();
        assert_eq!(
            own,
            [
                "configuration_invalid",
                "insecure_transport",
                "internal",
                "key_invalid",
                "store_mismatch"
            ]
        );
    }
}
