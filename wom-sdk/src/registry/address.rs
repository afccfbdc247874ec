//! Where a Registry is.

use std::{fmt, str::FromStr};

use url::{Host, Url};

use crate::{Error, Kind, Result};

/// The base address of a Registry, before `/api`, in one spelling: lower-case scheme and host, no
/// default port, no slash at the end.
///
/// ```
/// use wom_sdk::registry::Address;
///
/// let address: Address = "HTTPS://WOM.social:443/".parse()?;
/// assert_eq!(address.as_str(), "https://wom.social");
/// assert_eq!(address, "https://wom.social/api/".parse()?);
/// # Ok::<(), wom_sdk::Error>(())
/// ```
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct Address {
    text: String,
    secure: bool,
    loopback: bool,
}

impl Address {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached over TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether it is on this machine: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is the platform's own Registry, or one under its name.
    pub(crate) fn is_wom_social(&self) -> bool {
        let rest = self.text.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        let host = host.trim_end_matches('.');
        host == "wom.social" || host.ends_with(".wom.social")
    }

    /// Refuses an address whose traffic others could read.
    pub(super) fn check_transport(&self) -> Result<()> {
        if self.secure || self.loopback {
            return Ok(());
        }
        Err(Error::new(
            Kind::InsecureTransport,
            "the Registry's address is plain http on another host",
        )
        .with("address", self)
        .hint("use https, or say danger_accept_plain_http if nobody else can reach the network"))
    }
}

/// Refuses to keep in memory only what is asked of a Registry of others.
pub(crate) fn only_here(registry: &str) -> Result<()> {
    if registry.parse::<Address>()?.is_loopback() {
        return Ok(());
    }
    Err(Error::new(
        Kind::ConfigurationInvalid,
        "towards a Registry of others, what is done has to be remembered",
    )
    .hint("open a store and keys on disk: without them a crash would lose what somebody is owed"))
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = |message: &'static str| {
            Error::new(Kind::InputInvalid, message)
                .hint("write it as https://wom.social, without what comes from /api on")
        };
        let url = Url::parse(text.trim()).map_err(|_| refused("not the address of a Registry"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refused("the Registry's address does not begin with https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(
                "the Registry's address holds a user name or password",
            ));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("the Registry's address has a part after ? or #"));
        }
        let loopback = match url.host() {
            Some(Host::Domain(domain)) => domain == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(refused("the Registry's address names no host")),
        };
        let text = url.as_str().trim_end_matches('/');
        Ok(Self {
            text: text.strip_suffix("/api").unwrap_or(text).to_owned(),
            secure: url.scheme() == "https",
            loopback,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_platforms_own_registry_is_known_however_it_is_written() {
        for own in [
            "https://wom.social",
            "HTTPS://WOM.SOCIAL.:444/x/",
            "https://dev.wom.social",
        ] {
            assert!(own.parse::<Address>().unwrap().is_wom_social(), "{own}");
        }
        for other in [
            "https://notwom.social",
            "https://wom.social.example",
            "http://127.0.0.1/wom.social",
        ] {
            assert!(
                !other.parse::<Address>().unwrap().is_wom_social(),
                "{other}"
            );
        }
    }

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn one_registry_has_one_spelling() {
        for text in [
            "https://town.example/wom",
            "https://Town.Example:443/wom/",
            " https://town.example/wom/api ",
            "https://town.example/wom/api/",
        ] {
            assert_eq!(address(text).as_str(), "https://town.example/wom", "{text}");
        }
        assert_eq!(
            address("http://127.0.0.1:8080/").as_str(),
            "http://127.0.0.1:8080"
        );
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for text in [
            "http://localhost",
            "http://LOCALHOST:80/",
            "http://127.8.9.1:1",
            "http://[::1]:9",
            "https://wom.social",
        ] {
            assert!(address(text).check_transport().is_ok(), "{text}");
        }
        for text in [
            "http://wom.social",
            "http://localhost.example",
            "http://128.0.0.1",
            "http://[::2]",
            "http://0.0.0.0",
            "http://127.0.0.1.example",
        ] {
            let error = address(text).check_transport().unwrap_err();
            assert_eq!(error.kind(), Kind::InsecureTransport, "{text}");
        }
    }

    #[test]
    fn what_is_no_base_address_is_refused() {
        for text in [
            "",
            "wom.social",
            "localhost:8080",
            "ftp://wom.social",
            "https://",
            "https://me:secret@wom.social",
            "https://wom.social/?x=1",
            "https://wom.social/#x",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert_eq!(error.kind(), Kind::InputInvalid, "{text}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
