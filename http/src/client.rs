//! What speaks to a system.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};
use url::{Host, Url};
use wom_sdk::{Error, Kind, Result};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for this address, with settings such as a time limit. It follows no redirection, as
/// secrets would go along; on this machine it goes through no proxy.
///
/// # Errors
/// [`Kind::InsecureTransport`] for plain http to another machine, unless that is accepted; else as
/// [`build`].
pub fn client(
    address: &Url,
    danger_accept_plain_http: bool,
    settings: ClientBuilder,
) -> Result<Client> {
    let loopback = is_loopback(address);
    let secure = address.scheme() == "https";
    if !secure && !loopback && !danger_accept_plain_http {
        return Err(Error::new(
            Kind::InsecureTransport,
            "the system's address is plain http on another host",
        )
        .hint("use https, or say danger_accept_plain_http if nobody else can reach the network"));
    }
    let settings = settings.connect_timeout(CONNECT);
    let settings = match loopback {
        true => settings.no_proxy(),
        false => settings,
    };
    build(settings, secure)
}

/// A client with these settings that follows no redirection and says who we are. One that is not
/// `secure` speaks in clear, and loads no certificates.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] where the machine has no certificates of authorities.
pub fn build(settings: ClientBuilder, secure: bool) -> Result<Client> {
    let mut settings = settings
        .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let asked = |text, accepted| {
            let address = address("address", text).unwrap();
            client(&address, accepted, Client::builder()).map(drop)
        };
        assert_eq!(
            asked("http://t.example", false).unwrap_err().kind(),
            Kind::InsecureTransport
        );
        asked("http://t.example", true).unwrap();
        for own in ["http://localhost:1", "http://127.0.0.1", "http://[::1]:80"] {
            asked(own, false).unwrap();
        }
    }
}
