//! What an address names.

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::Failure;
use crate::Service;

/// The id of an award, a claim or a checkout.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Id {
    /// As it was given before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    pub(crate) id: String,
}

/// A shop.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InShop {
    /// Its name in `[shops.NAME]` of the configuration.
    pub(crate) shop: String,
}

/// A sale or poster of a shop.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OneOfShop {
    /// The shop's name in `[shops.NAME]` of the configuration.
    pub(crate) shop: String,
    /// As it was given before.
    #[param(pattern = "^[0-9a-f]{64}$")]
    pub(crate) id: String,
}

macro_rules! of_the_path {
    ($($name:ident),+) => {$(
        impl FromRequestParts<Service> for $name {
            type Rejection = Failure;

            async fn from_request_parts(
                parts: &mut Parts,
                service: &Service,
            ) -> Result<Self, Failure> {
                match Path::from_request_parts(parts, service).await {
                    Ok(Path(named)) => Ok(named),
                    // It is no text.
                    Err(_) => Err(Failure::not_found("there is nothing with this id")),
                }
            }
        }
    )+};
}

of_the_path!(Id, InShop, OneOfShop);
