//! How a shop is reached, and what opens it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use reqwest::Client;
use url::Url;
use wom_http::{Credentials, Secrets};
use wom_sdk::{Error, Kind, Result};

/// What is in these files and variables.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] where neither is named.
pub(crate) fn credentials(files: &[PathBuf], variables: &[String]) -> Result<Arc<dyn Credentials>> {
    let secrets = Secrets::named(files, variables).ok_or_else(|| {
        Error::new(Kind::ConfigurationInvalid, "nothing opens the shop")
            .hint("set secret_files or secret_variables")
    })?;
    Ok(Arc::new(secrets))
}

/// The shop's address, and a client that waits so long for an answer.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] if the address is none; [`Kind::InsecureTransport`] for plain http to
/// another machine, unless that is accepted.
pub(crate) fn client(
    endpoint: &str,
    danger_accept_plain_http: bool,
    timeout: Duration,
) -> Result<(Client, Url)> {
    let shop = wom_http::address("endpoint", endpoint)?;
    // A connection that the shop closed meanwhile would leave the outcome of a call unknown.
    let settings = Client::builder().timeout(timeout).pool_max_idle_per_host(0);
    let client = wom_http::client(&shop, danger_accept_plain_http, settings)?;
    Ok((client, shop))
}
