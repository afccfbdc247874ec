//! How platforms are spoken to: with TLS, or in clear where nobody can listen.

use std::time::Duration;

use reqwest::{Client, redirect};
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
            "the platform's address is plain http on another host",
        )
        .hint("use https, or say danger_accept_plain_http if nobody else can reach the network"));
    }
    let mut settings = Client::builder()
        .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
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
