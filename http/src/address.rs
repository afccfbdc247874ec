//! Where a system is.

use url::Url;
use wom_sdk::{Error, Kind, Result};

/// The address of a system, as a setting gives it: `http` or `https`, a host, perhaps a path, and
/// nothing else. A slash at the end makes no difference.
///
/// ```
/// use wom_http::address;
///
/// let shop = address("address", "https://shop.example.org/it/").unwrap();
/// assert_eq!(shop.as_str(), "https://shop.example.org/it");
/// assert!(address("address", "https://user:password@shop.example.org").is_err());
/// ```
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] for anything else, by the name of the setting.
pub fn address(setting: &'static str, text: &str) -> Result<Url> {
    let refused = || {
        Error::new(Kind::ConfigurationInvalid, "not the address of a system")
            .with("setting", setting)
            .hint("write it as https://host.example.org, without user name, ? and #")
    };
    let mut url = Url::parse(text.trim()).map_err(|_| refused())?;
    let bare = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !bare {
        return Err(refused());
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// An address below another. An empty part at the end makes a slash there.
///
/// ```
/// # use wom_http::{address, below};
/// let api = below(&address("address", "https://host.example.org/a")?, ["b", "c?d", ""]);
/// assert_eq!(api.as_str(), "https://host.example.org/a/b/c%3Fd/");
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn below<'a>(base: &Url, parts: impl IntoIterator<Item = &'a str>) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_perhaps_a_path() {
        let path = |text| address("address", text).map(|url| url.to_string());
        assert_eq!(path("https://t.example").unwrap(), "https://t.example/");
        assert_eq!(
            path(" https://t.example/a// ").unwrap(),
            "https://t.example/a"
        );
        for wrong in [
            "",
            "t.example",
            "ftp://t.example",
            "https://u:p@t.example",
            "https://t.example?a",
            "https://t.example#a",
        ] {
            let error = address("address", wrong).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{wrong}");
        }
    }
}
