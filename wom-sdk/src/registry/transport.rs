//! How requests get to a Registry: the trait, and what passes through it.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::Result;

/// Sends one HTTP request and brings its answer. Bring your own where the SDK's
/// [`ReqwestTransport`](super::ReqwestTransport) does not fit: a proxy of your own, another HTTP
/// stack, a test.
///
/// A transport does not try again, does not follow redirects and does not judge a status. It keeps
/// to [`HttpRequest::limit`], and reads at most [`HttpResponse::MAX_BODY`] bytes.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request.
    ///
    /// A failure says whether it may have arrived:
    /// [`Kind::NetworkUnreachable`](crate::Kind::NetworkUnreachable) if it surely did not,
    /// [`Kind::OutcomeUnknown`](crate::Kind::OutcomeUnknown) in every other case. When in doubt it
    /// is the second: operations that may not happen twice are tried again after the first.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse>;
}

/// What is sent. Bodies are JSON, and what is secret in them is encrypted; headers may be secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct HttpRequest {
    /// How.
    pub method: Method,
    /// The whole address. It holds no secrets.
    pub url: String,
    /// Headers to send beside those of HTTP itself: a name in small letters and a value of visible
    /// ASCII characters. An API key is among them: they belong in no log.
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    /// The body, as `application/json`; none for a `GET`.
    pub body: Option<String>,
    /// How long the request may take in all, from connecting to the last byte of the answer.
    pub limit: Duration,
}

/// The HTTP methods in use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl HttpRequest {
    /// How long a request may take unless told otherwise.
    const LIMIT: Duration = Duration::from_secs(10);

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            limit: Self::LIMIT,
        }
    }

    /// A `POST` of a JSON text.
    pub fn post(url: impl Into<String>, body: impl Into<String>) -> Self {
        Self {
            method: Method::Post,
            url: url.into(),
            headers: Vec::new(),
            body: Some(body.into()),
            limit: Self::LIMIT,
        }
    }

    /// Adds a header; see [`headers`](Self::headers).
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Zeroizing::new(value.into())));
        self
    }

    /// The same with another time limit.
    #[must_use]
    pub fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.body.as_ref().map_or(0, String::len);
        write!(f, "{:?} {} ({bytes} bytes)", self.method, self.url)
    }
}

/// What came back.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The header `Content-Type`.
    pub content_type: Option<String>,
    /// The header `Retry-After`, as it came.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The largest body that is read: 4 MiB, twice the answer to a redeem of 10,000 vouchers.
    pub const MAX_BODY: usize = 4 << 20;

    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    /// Adds the content type.
    #[must_use]
    pub fn content_type(self, content_type: impl Into<String>) -> Self {
        Self {
            content_type: Some(content_type.into()),
            ..self
        }
    }

    /// Adds `Retry-After`: seconds, or an HTTP date.
    #[must_use]
    pub fn retry_after(self, retry_after: impl Into<String>) -> Self {
        Self {
            retry_after: Some(retry_after.into()),
            ..self
        }
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}
