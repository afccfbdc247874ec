//! Webhooks' schemes by name.

use std::borrow::Cow;

use wom_sdk::{Error, Kind, Result, webhook::Scheme};

/// The names of the schemes, in alphabetical order.
pub const SCHEMES: &[&str] = &[
    "clover",
    "fitbit",
    "github",
    "hub",
    "lightspeed-x",
    "loyverse",
    "polar",
    "shopify",
    "square",
    "standard-webhooks",
    "stripe",
    "ticket-tailor",
    "woocommerce",
];

/// The scheme of this name. `header` is for `hub`, `url` for `square`; both are refused elsewhere.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] for a name that is not one of [`SCHEMES`], and for a header or an
/// address that is missing or of no use.
pub fn scheme(name: &str, header: Option<&str>, url: Option<&str>) -> Result<Scheme> {
    let refused = |message: &'static str| Error::new(Kind::ConfigurationInvalid, message);
    let needs = [
        (name == "hub", header.is_some(), "header"),
        (name == "square", url.is_some(), "url"),
    ];
    for (needed, given, what) in needs {
        if needed && !given {
            return Err(refused("this scheme needs an option more").with("option", what));
        }
        if given && !needed {
            return Err(refused("this scheme has no such option")
                .with("option", what)
                .hint("leave it out"));
        }
    }
    Ok(match name {
        "clover" => Scheme::Clover,
        "fitbit" => Scheme::Fitbit,
        "github" => Scheme::GITHUB,
        "hub" => Scheme::Hub {
            header: Cow::Owned(header.unwrap_or_default().to_owned()),
        },
        "lightspeed-x" => Scheme::LightspeedX,
        "loyverse" => Scheme::Loyverse,
        "polar" => Scheme::Polar,
        "shopify" => Scheme::Shopify,
        "square" => Scheme::Square {
            url: url.unwrap_or_default().to_owned(),
        },
        "standard-webhooks" => Scheme::StandardWebhooks,
        "stripe" => Scheme::Stripe,
        "ticket-tailor" => Scheme::TicketTailor,
        "woocommerce" => Scheme::WooCommerce,
        _ => {
            return Err(refused("no such scheme")
                .with("scheme", name.escape_default())
                .hint(format!("there are: {}", SCHEMES.join(", "))));
        }
    })
}
