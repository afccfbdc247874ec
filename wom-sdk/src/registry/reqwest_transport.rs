//! The transport that comes with the SDK.

use std::{error::Error as _, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, header, redirect};

use super::{Address, HttpRequest, HttpResponse, Method, Transport};
use crate::{Error, Kind, Result};

/// HTTP/1.1 over TLS (rustls with the system's certificates), by one pool of connections. Cheap to
/// clone; clones share the pool.
///
/// Redirects are not followed, compressed answers not asked for, and answers read up to
/// [`HttpResponse::MAX_BODY`].
#[derive(Clone, Debug)]
pub struct ReqwestTransport(Client);

impl ReqwestTransport {
    /// How long connecting, TLS included, may take.
    const CONNECT: Duration = Duration::from_secs(5);
    /// How long a connection is kept without use: less than servers usually keep it.
    const IDLE: Duration = Duration::from_secs(45);

    /// A transport for any host. The environment's proxy settings are honoured.
    ///
    /// Fails with [`Kind::ConfigurationInvalid`] where the system has no certificates of
    /// authorities to trust.
    pub fn new() -> Result<Self> {
        Self::build(Self::settings())
    }

    /// A transport for one Registry. One on this machine is reached without a proxy, and over plain
    /// http no certificates are needed.
    pub fn to(address: &Address) -> Result<Self> {
        let mut settings = Self::settings();
        if address.is_loopback() {
            settings = settings.no_proxy();
        }
        if !address.is_secure() {
            settings = settings.tls_certs_only([]);
        }
        Self::build(settings)
    }

    fn settings() -> reqwest::ClientBuilder {
        Client::builder()
            .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(Self::CONNECT)
            .pool_idle_timeout(Self::IDLE)
    }

    fn build(settings: reqwest::ClientBuilder) -> Result<Self> {
        settings.build().map(Self).map_err(|error| {
            Error::new(
                Kind::ConfigurationInvalid,
                "the system's certificates of authorities cannot be loaded",
            )
            .with("cause", deepest(&error))
            .hint("install them (on Debian: ca-certificates), or set SSL_CERT_FILE")
            .because(error)
        })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let mut sending = match request.method {
            Method::Get => self.0.get(&request.url),
            Method::Post => self.0.post(&request.url),
        }
        .timeout(request.limit);
        if let Some(body) = request.body {
            sending = sending
                .header(header::CONTENT_TYPE, "application/json")
                .body(body);
        }
        let mut answer = sending.send().await.map_err(failed)?;
        let text = |name: header::HeaderName| {
            let value = answer.headers().get(name)?;
            value.to_str().ok().map(ToOwned::to_owned)
        };
        let mut response = HttpResponse {
            status: answer.status().as_u16(),
            content_type: text(header::CONTENT_TYPE),
            retry_after: text(header::RETRY_AFTER),
            body: Vec::new(),
        };
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if response.body.len() + chunk.len() > HttpResponse::MAX_BODY {
                return Err(Error::new(
                    Kind::OutcomeUnknown,
                    "the Registry's answer does not end where it should",
                )
                .with("limit", HttpResponse::MAX_BODY));
            }
            response.body.extend_from_slice(&chunk);
        }
        Ok(response)
    }
}

/// Before the connection stands nothing is sent; whatever fails later may have arrived.
fn failed(error: reqwest::Error) -> Error {
    let error = error.without_url();
    let cause = deepest(&error);
    let (kind, message) = if error.is_connect() {
        (Kind::NetworkUnreachable, "the Registry cannot be reached")
    } else if error.is_builder() {
        (Kind::NetworkUnreachable, "the request cannot be sent")
    } else if error.is_timeout() {
        (Kind::OutcomeUnknown, "the Registry did not answer in time")
    } else {
        (
            Kind::OutcomeUnknown,
            "the connection broke before the whole answer came",
        )
    };
    let certificate = cause.contains("certificate");
    let error = Error::new(kind, message)
        .with("cause", cause)
        .because(error);
    match kind {
        Kind::NetworkUnreachable if certificate => error
            .hint("the server's certificate is not trusted here: check address and certificate"),
        Kind::NetworkUnreachable => error.hint("check the address and the network"),
        _ => error,
    }
}

/// What the innermost error says: "connection refused" rather than "error sending request".
fn deepest(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = error.to_string();
    while let Some(inner) = cause {
        text = inner.to_string();
        cause = inner.source();
    }
    text
}
