//! The webhook's door.

use std::borrow::Cow;

use wom_sdk::{
    Error, Kind, Result,
    instrument::{Hint, Received, Reply, Request},
    webhook::{self, Scheme, Secret},
};

use super::{
    config::{VendureConfig, wrong},
    credentials::Settled,
    wire::Event,
};

/// The longest body, in bytes.
pub(super) const LARGEST: usize = 64 << 10;

#[derive(Clone, Debug)]
pub(super) struct Door {
    scheme: Scheme,
    secrets: Vec<Secret>,
}

impl Door {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for a header or a secret of another form.
    pub(super) fn new(config: &VendureConfig) -> Result<Self> {
        let header = config.webhook_header.trim();
        let fits = (1..=64).contains(&header.len())
            && header
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !fits {
            return Err(wrong(
                "webhook_header",
                "a header's name such as X-Signature-256",
            ));
        }
        let scheme = Scheme::Hub {
            header: Cow::Owned(header.to_owned()),
        };
        let settled = Settled::new(
            &config.webhook_secret_files,
            &config.webhook_secret_variables,
        );
        let secrets = settled.secrets()?;
        let secrets = secrets.iter().map(|text| scheme.secret(text));
        Ok(Self {
            secrets: secrets.collect::<Result<_>>()?,
            scheme,
        })
    }

    /// A call tells of an order to look at, by its id. Nothing else of it is believed.
    pub(super) fn receive(&self, request: &Request<'_>) -> Received {
        let refuse =
            |status, message| Received::refuse(status, Error::new(Kind::WebhookRefused, message));
        if !request.method.eq_ignore_ascii_case("POST") {
            return refuse(405, "the call is no POST");
        }
        if request.body.len() > LARGEST {
            return refuse(413, "the body has more than 64 KiB");
        }
        let checked = webhook::verify(
            &self.scheme,
            request.headers,
            request.body,
            &self.secrets,
            request.received_at,
        );
        if let Err(error) = checked {
            return Received::refuse(401, error);
        }
        look(request.body)
    }
}

/// What a call whose signature holds leads to.
pub(super) fn look(body: &[u8]) -> Received {
    let Ok(event) = serde_json::from_slice::<Event>(body) else {
        return Received::refuse(
            400,
            Error::new(Kind::WebhookRefused, "the body is not an event of a shop"),
        );
    };
    match event.order() {
        Some(id) => Received::read(Reply::status(200), Hint(id)),
        None => Received::answer(Reply::status(200)),
    }
}
