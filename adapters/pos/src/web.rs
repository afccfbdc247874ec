//! How shops are spoken to: with TLS, or in clear where nobody can listen.

use std::time::Duration;

use reqwest::{Client, Response, redirect};
use serde_json::Value;
use url::{Host, Url};
use wom_sdk::{Error, Kind, Result};

/// A client for this address, which follows no redirection.
///
/// # Errors
/// [`Kind::InsecureTransport`] for plain http to another machine, unless that is accepted;
/// [`Kind::ConfigurationInvalid`] where the system has no certificates of authorities.
pub(crate) fn client(address: &Url, danger_accept_plain_http: bool) -> Result<Client> {
    let loopback = is_loopback(address);
    let secure = address.scheme() == "https";
    if !secure && !loopback && !danger_accept_plain_http {
        return Err(Error::new(
            Kind::InsecureTransport,
            "the shop's address is plain http on another host",
        )
        .hint("use https, or say danger_accept_plain_http if nobody else can reach the network"));
    }
    let mut settings = Client::builder()
        .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        // A connection that the shop closed meanwhile would leave the outcome of a call unknown.
        .pool_max_idle_per_host(0)
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(60));
    if loopback {
        settings = settings.no_proxy();
    }
    if !secure {
        settings = settings.tls_certs_only([]);
    }
    settings.build().map_err(|error| {
        Error::new(
            Kind::ConfigurationInvalid,
            "the system's certificates of authorities cannot be loaded",
        )
        .hint("install them (on Debian: ca-certificates), or set SSL_CERT_FILE")
        .because(error)
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The most bytes of one answer.
const ANSWER_BYTES: usize = 16 << 20;

/// The address of a shop, without user name, query and fragment.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] for anything else.
pub(crate) fn address(text: &str) -> Result<Url> {
    let refused = || {
        Error::new(Kind::ConfigurationInvalid, "not the address of a shop")
            .with("setting", "endpoint")
            .hint("write it as https://shop.example.org, without user name, ? and #")
    };
    let url = Url::parse(text.trim().trim_end_matches('/')).map_err(|_| refused())?;
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match matches!(url.scheme(), "http" | "https") && url.has_host() && bare {
        true => Ok(url),
        false => Err(refused()),
    }
}

/// The JSON of an answer.
///
/// # Errors
/// [`Kind::OutcomeUnknown`] if it breaks off or is none, as the shop may have acted;
/// [`Kind::LimitExceeded`] if it is too large.
pub(crate) async fn json(mut answer: Response) -> Result<Value> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if bytes.len() + chunk.len() > ANSWER_BYTES {
            return Err(Error::new(
                Kind::LimitExceeded,
                "the shop's answer is larger than any should be",
            )
            .with("limit", ANSWER_BYTES));
        }
        bytes.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&bytes).map_err(|_| {
        Error::new(Kind::OutcomeUnknown, "the shop's answer is not JSON")
            .hint("check endpoint; the same call may be made again")
    })
}

/// Why no answer came: only where nobody was reached is it certain that nothing happened.
pub(crate) fn unreachable(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if error.is_connect() {
        return Error::new(Kind::NetworkUnreachable, "the shop cannot be reached")
            .hint("check endpoint and the network")
            .because(error);
    }
    Error::new(Kind::OutcomeUnknown, "the shop broke off its answer")
        .hint("the same call may be made again")
        .because(error)
}

/// What a status that is no success says.
pub(crate) fn refused(answer: &Response) -> Error {
    let status = answer.status().as_u16();
    let kind = match status {
        401 | 403 => Kind::AccessDenied,
        429 => Kind::RateLimited,
        400..500 => Kind::ConfigurationInvalid,
        _ => Kind::OutcomeUnknown,
    };
    let error = Error::new(kind, "the shop refuses").with("status", status);
    let wait = answer.headers().get("retry-after");
    match wait.and_then(|wait| wait.to_str().ok()?.parse().ok()) {
        Some(seconds) => error.wait(Duration::from_secs(seconds)),
        None => error,
    }
}
