//! How shops are spoken to: with TLS, or in clear where nobody can listen.

use std::time::Duration;

use reqwest::{Client, redirect};
use url::{Host, Url};
use wom_sdk::{Error, Kind, Result};

/// The address of a system: `http` or `https`, a host, perhaps a path, and nothing else. Its path
/// ends with a slash.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] for anything else.
pub(crate) fn address(text: &str) -> Result<Url> {
    let refused = || {
        Error::new(Kind::ConfigurationInvalid, "not the address of a system")
            .with("setting", "address")
            .hint("write it as https://shop.example.org, without user name, ? and #")
    };
    let mut url = Url::parse(text.trim()).map_err(|_| refused())?;
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !bare {
        return Err(refused());
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// A client for this address. It follows no redirection, as a password or token would go along.
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
            "the system's address is plain http on another host",
        )
        .with("setting", "address")
        .hint("use https, or say danger_accept_plain_http if nobody else can reach the network"));
    }
    let mut settings = Client::builder()
        .user_agent(concat!("wom-sdk/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_path() {
        let path = |text| address(text).map(|url| url.to_string());
        assert_eq!(path("https://t.example").unwrap(), "https://t.example/");
        assert_eq!(
            path("https://t.example/a//").unwrap(),
            "https://t.example/a/"
        );
        for wrong in [
            "",
            "t.example",
            "ftp://t.example",
            "https://u:p@t.example",
            "https://t.example?a",
            "https://t.example#a",
        ] {
            let error = address(wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let asked = |text, accepted| client(&address(text).unwrap(), accepted).map(drop);
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
