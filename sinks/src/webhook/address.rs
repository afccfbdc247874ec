//! Where a webhook may go: not into private networks, unless that is said by name.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};
use wom_sdk::{Error, Kind, Result};

/// Which addresses a host may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// This machine only: the host was allowed by name, and that is what the name says.
    Loopback,
    /// The internet only.
    Public,
    /// Any: the host was allowed by name.
    Any,
}

pub(super) fn parse(text: &str) -> Result<Url> {
    let refused = |message: &'static str| {
        Error::new(Kind::ConfigurationInvalid, message)
            .hint("write it as https://your.host/path, without user and password")
    };
    let url = Url::parse(text.trim()).map_err(|_| refused("not the address of a webhook"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refused("the webhook's address does not begin with https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "the webhook's address holds a user name or password",
        ));
    }
    if url.fragment().is_some() {
        return Err(refused("the webhook's address has a part after #"));
    }
    Ok(url)
}

impl Reach {
    /// What the host of this address may be; a literal address is decided here, as no name server
    /// is asked for it.
    pub(super) fn of(url: &Url, private: &[String]) -> Result<Self> {
        let named = |host: &String| {
            url.host_str()
                .is_some_and(|other| other.eq_ignore_ascii_case(host))
        };
        let allowed = private.iter().any(named);
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        let is_here = match literal {
            Some(address) => address.to_canonical().is_loopback(),
            None => url.host_str() == Some("localhost"),
        };
        match (allowed, is_here, literal) {
            (true, true, _) => Ok(Self::Loopback),
            (true, false, _) => Ok(Self::Any),
            (false, true, _) => Err(refused()),
            (false, false, Some(address)) if !is_public(address) => Err(refused()),
            (false, false, _) => Ok(Self::Public),
        }
    }

    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Loopback => address.to_canonical().is_loopback(),
            Self::Public => is_public(address),
            Self::Any => true,
        }
    }
}

/// Asks the system's name service, and keeps only what may be reached: what it says may change
/// between two questions, so that is looked at each time.
pub(super) struct PublicOnly(pub(super) Reach);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|at| reach.allows(at.ip())).collect();
            if allowed.is_empty() {
                return Err(Private.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// The error for a host that may not be reached.
pub(super) fn refused() -> Error {
    Error::new(
        Kind::ConfigurationInvalid,
        "the webhook's host is this machine or in a private network",
    )
    .hint("allow it by name (danger_allow_private) if that is meant")
}

/// Whether an error comes from a host that only has addresses which may not be reached.
pub(super) fn refused_within(error: &reqwest::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.is::<Private>() {
            return true;
        }
        cause = inner.source();
    }
    false
}

#[derive(Debug)]
struct Private;

impl fmt::Display for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host has no address that may be reached")
    }
}

impl std::error::Error for Private {}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The ranges that IANA lists as not for the whole internet.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18..=19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        // IPv4 written as IPv6, by translation, and by 6to4: what counts is what is inside.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Teredo and other protocols, and documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => false,
        // Only this eighth of all addresses is given out.
        [first, ..] => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_networks_are_refused_in_every_spelling() {
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:0a00:0001::1",
            "2001::1",
            "2001:db8::1",
            "3fff:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
            let host = if private.contains(':') {
                format!("[{private}]")
            } else {
                private.to_owned()
            };
            let url = parse(&format!("https://{host}/hook")).unwrap();
            let error = Reach::of(&url, &[]).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{private}");
            let named = [url.host_str().unwrap().to_owned()];
            let here = ["127.0.0.1", "::1", "::ffff:127.0.0.1"].contains(&private);
            let due = if here { Reach::Loopback } else { Reach::Any };
            assert_eq!(Reach::of(&url, &named).unwrap(), due, "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.0.1.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2002:0101:0101::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn other_spellings_of_an_address_are_the_address() {
        // The URL's own rules read these as 127.0.0.1 and 10.0.0.1.
        for loopback in [
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://LOCALHOST/",
        ] {
            let url = parse(loopback).unwrap();
            assert!(Reach::of(&url, &[]).is_err(), "{loopback}");
            let named = ["127.0.0.1".to_owned(), "localhost".to_owned()];
            assert_eq!(Reach::of(&url, &named).unwrap(), Reach::Loopback);
        }
        assert!(Reach::of(&parse("https://012.0.0.1/").unwrap(), &[]).is_err());
    }

    #[test]
    fn what_is_no_address_of_a_webhook_is_refused_without_showing_it() {
        for text in [
            "",
            "hook",
            "ftp://a.example/",
            "https://me:secret@a.example/",
            "https://a.example/#secret",
            "file:///etc/passwd",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{text}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
