//! What a request is refused with: the protocol's problems, and nothing that tells more than they say.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use wom_sdk::{
    Error, Kind,
    cores::Undone,
    protocol::{Problem, ProblemType},
};

/// A request refused: a problem, and perhaps when to come back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// On the heap, as most operations end without one.
    problem: Box<Problem>,
    retry_after: Option<i64>,
}

impl Refusal {
    /// A problem of the protocol.
    pub(crate) fn known(kind: ProblemType) -> Self {
        Self::of(Problem::new(kind))
    }

    /// A problem for which the protocol has no type.
    pub(crate) fn plain(status: StatusCode, title: &str) -> Self {
        Self {
            status,
            problem: Box::new(Problem {
                address: "about:blank".to_owned(),
                title: title.to_owned(),
                status: Some(status.as_u16()),
                ..Problem::default()
            }),
            retry_after: None,
        }
    }

    /// The body is not the JSON expected, or lacks a member.
    pub(crate) fn body() -> Self {
        Self::plain(
            StatusCode::BAD_REQUEST,
            "The body is not the JSON object expected here",
        )
    }

    /// The body, or the number of encrypted blocks in it, is over the limit.
    pub(crate) fn too_large() -> Self {
        Self::plain(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The request is larger than this operation takes",
        )
    }

    /// The body did not arrive in time.
    pub(crate) fn too_slow() -> Self {
        Self::plain(
            StatusCode::REQUEST_TIMEOUT,
            "The request did not arrive in time",
        )
    }

    /// Anything about an encrypted payload: not base64, not whole blocks, not for this key, not
    /// JSON, a member missing, or other contents than the body around it says. One answer for all,
    /// so that nobody learns how far decryption went.
    pub(crate) fn payload() -> Self {
        Self::known(ProblemType::PayloadVerificationFailure)
    }

    /// A parameter that was understood and is not acceptable; the member `field` names it.
    pub(crate) fn parameter(field: &str, fault: &str) -> Self {
        let mut problem =
            Problem::new(ProblemType::WrongParameter).title(format!("{field} {fault}"));
        problem.extensions.insert("field".to_owned(), field.into());
        Self::of(problem)
    }

    /// Vouchers that cannot pay. Which of them and why is not said: the wallet that has them knows,
    /// and nobody else should.
    pub(crate) fn vouchers(title: &str) -> Self {
        Self::of(Problem::new(ProblemType::WrongParameter).title(title))
    }

    pub(crate) fn number_of_vouchers(required: i64, supplied: i64) -> Self {
        Self::of(
            Problem::new(ProblemType::WrongNumberOfVouchers)
                .with("required", required)
                .with("supplied", supplied),
        )
    }

    pub(crate) fn too_many_open(seconds: i64) -> Self {
        Self::plain(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests wait for their verification",
        )
        .after(seconds)
    }

    pub(crate) fn paused(seconds: i64) -> Self {
        Self::plain(StatusCode::TOO_MANY_REQUESTS, "Too many wrong passwords").after(seconds)
    }

    pub(crate) fn busy() -> Self {
        Self::plain(StatusCode::SERVICE_UNAVAILABLE, "The Registry is busy").after(1)
    }

    /// The status, for the log.
    pub(crate) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    fn of(problem: Problem) -> Self {
        let status = problem.known().map_or(500, ProblemType::status);
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            problem: Box::new(problem),
            retry_after: None,
        }
    }

    fn after(mut self, seconds: i64) -> Self {
        self.retry_after = Some(seconds.max(1));
        self
    }
}

impl From<ProblemType> for Refusal {
    fn from(kind: ProblemType) -> Self {
        Self::known(kind)
    }
}

impl From<Undone> for Refusal {
    fn from(_: Undone) -> Self {
        Self::busy()
    }
}

/// What fails inside. What is known of it goes to the log; a request's contents are no part of it.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        tracing::error!(code = error.code(), "{error:?}");
        match error.kind() {
            Kind::StoreLocked => Self::busy(),
            _ => Self::known(ProblemType::Unexpected),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let headers = [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let mut response = (self.status, headers, self.problem.to_json()).into_response();
        if let Some(seconds) = self.retry_after {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
