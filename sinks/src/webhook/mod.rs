//! Claims as signed messages to a web address.

mod address;
mod body;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::{Client, StatusCode, header};
use url::Url;
use wom_sdk::{
    Clock, Error, Kind, Result, Retry, SystemClock, Zone,
    checkout::{Listener, Payment},
    claim::{Claim, ClaimSink},
    webhook::{self, Scheme, Secret},
};

use self::{
    address::{PublicOnly, Reach, refused_within},
    body::Body,
};

/// Posts each claim as JSON, signed in the form of
/// [Standard Webhooks](wom_sdk::webhook); an answer from 200 to 299 within 15 seconds means that
/// the receiver has it.
///
/// ```json
/// {
///   "type": "claim.ready",
///   "data": {
///     "id": "5f2c…",
///     "link": "https://link.wom.social/vouchers/…",
///     "pin": "0123",
///     "minutes": 42,
///     "reasons": [{"aim": "H", "day": "2026-03-01", "minutes": 42}],
///     "handle": "table 4"
///   }
/// }
/// ```
///
/// `id` is the award's key in 64 hexadecimal digits and is the message's `webhook-id` too: a
/// message that comes again is the same one, with the same body and a new time. `handle` is left
/// out where there is none. Receivers ignore members and types that they do not know.
///
/// Redirects are not followed and proxies not used. The address is https. This machine, private
/// networks and addresses of one link only are refused, whatever the name server says at the time
/// and however the address is written, unless the host is
/// [allowed by name](WebhookOptions::danger_allow_private); this machine may then be plain http.
///
/// Errors are [`Kind::DeliveryFailed`]: with [`Retry::Never`] where the receiver answers 410 (it
/// wants no more), otherwise to be tried again [as the schedule says](webhook::pause_ms), or
/// later where the receiver asks for it ([`Error::retry_after`]).
///
/// As a [`Listener`] it tells of payments in the same way, as `checkout.paid`,
/// `checkout.paid_after_expiry` or `checkout.paid_after_cancel`; `id` is the checkout's:
///
/// ```json
/// {
///   "type": "checkout.paid",
///   "data": {
///     "id": "07aa…",
///     "pos": "bar-ducale",
///     "amount": 15,
///     "state": "paid",
///     "paid_at": "2026-03-01T10:00:00Z"
///   }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct WebhookSink {
    client: Client,
    url: Url,
    secrets: Arc<[Secret]>,
    zone: Zone,
    clock: Arc<dyn Clock>,
}

/// The settings of a [`WebhookSink`].
#[derive(Clone, Debug)]
pub struct WebhookOptions {
    url: String,
    secrets: Vec<Secret>,
    zone: Zone,
    clock: Arc<dyn Clock>,
    private: Vec<String>,
    plain: bool,
}

impl WebhookSink {
    /// How long a delivery may take.
    pub const TIMEOUT: Duration = Duration::from_secs(15);
    const CONNECT: Duration = Duration::from_secs(5);

    /// The settings of a sink that posts to this address.
    pub fn options(url: impl Into<String>) -> WebhookOptions {
        WebhookOptions {
            url: url.into(),
            secrets: Vec::new(),
            zone: Zone::UTC,
            clock: Arc::new(SystemClock),
            private: Vec::new(),
            plain: false,
        }
    }

    async fn post(&self, id: String, body: &Body<'_>) -> Result<()> {
        let body = body.to_json()?;
        let now = self.clock.now();
        let signed = webhook::sign(&Scheme::StandardWebhooks, &id, now, &body, &self.secrets)?;
        let mut request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(body.to_vec());
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(unanswered)?;
        if answer.status().is_success() {
            return Ok(());
        }
        let pause = answer.headers().get(header::RETRY_AFTER);
        let pause = pause.and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
        Err(not_taken(answer.status(), pause))
    }
}

#[async_trait]
impl ClaimSink for WebhookSink {
    async fn deliver(&self, claims: &[Claim]) -> Result<()> {
        for claim in claims {
            let body = Body::claim(claim, &self.zone);
            self.post(claim.key.to_hex(), &body).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Listener for WebhookSink {
    async fn paid(&self, payment: &Payment) -> Result<()> {
        self.post(payment.id.to_hex(), &Body::payment(payment))
            .await
    }
}

impl WebhookOptions {
    /// Signs with this secret too: during a rotation with the new one and the old one.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        self.secrets.push(secret);
        self
    }

    /// Tells days in this zone, the campaign's; UTC unless given.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// Takes the time from this clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Allows this host, written as in the address, to be this machine or in a private network.
    /// Whoever chooses the address makes us call what only we can reach: never allow a host that
    /// somebody else may choose.
    #[must_use]
    pub fn danger_allow_private(mut self, host: impl Into<String>) -> Self {
        self.private.push(host.into());
        self
    }

    /// Sends PINs over a network where others may read them. For closed networks only.
    #[must_use]
    pub fn danger_accept_plain_http(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// The sink. Fails with [`Kind::ConfigurationInvalid`] or [`Kind::InsecureTransport`], and
    /// says what to do.
    pub fn build(self) -> Result<WebhookSink> {
        if self.secrets.is_empty() {
            return Err(
                Error::new(Kind::ConfigurationInvalid, "the webhook has no secret")
                    .hint("make one with webhook::Secret::random() and give it to the receiver"),
            );
        }
        let url = address::parse(&self.url)?;
        let reach = Reach::of(&url, &self.private)?;
        if url.scheme() != "https" && !self.plain && reach != Reach::Loopback {
            return Err(Error::new(
                Kind::InsecureTransport,
                "the webhook's address is plain http on another host",
            )
            .hint(
                "use https, or say danger_accept_plain_http if nobody else can reach the network",
            ));
        }
        let client = client(reach, url.scheme() == "https")?;
        Ok(WebhookSink {
            client,
            url,
            secrets: self.secrets.into(),
            zone: self.zone,
            clock: self.clock,
        })
    }
}

/// A client that reaches what it may, by no way round.
fn client(reach: Reach, secure: bool) -> Result<Client> {
    let settings = Client::builder()
        .retry(reqwest::retry::never())
        .no_proxy()
        .connect_timeout(WebhookSink::CONNECT)
        .timeout(WebhookSink::TIMEOUT)
        .dns_resolver(Arc::new(PublicOnly(reach)));
    wom_http::build(settings, secure)
}

fn unanswered(error: reqwest::Error) -> Error {
    let error = error.without_url();
    if refused_within(&error) {
        return address::refused().because(error);
    }
    let (message, retry) = if error.is_connect() {
        ("the webhook's receiver cannot be reached", Retry::Safe)
    } else if error.is_timeout() {
        (
            "the webhook's receiver did not answer in time",
            Retry::SameKey,
        )
    } else {
        ("the webhook's receiver broke off", Retry::SameKey)
    };
    Error::new(Kind::DeliveryFailed, message)
        .with_retry(retry)
        .because(error)
}

fn not_taken(status: StatusCode, pause: Option<u32>) -> Error {
    let error = Error::new(
        Kind::DeliveryFailed,
        "the webhook's receiver did not take a message",
    )
    .with("status", status.as_u16());
    let error = match pause {
        Some(seconds) => error.wait(Duration::from_secs(seconds.into())),
        None => error,
    };
    match status {
        StatusCode::GONE => error.with_retry(Retry::Never).hint(
            "the receiver wants no more messages: take the webhook out, or mend the receiver",
        ),
        status if status.is_redirection() => {
            error.hint("redirects are not followed: set the address that it leads to")
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            error.hint("check that the receiver has the same secret, and its clock")
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_name_that_leads_into_this_network_is_refused_when_it_is_asked_for() {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://localhost:{port}/");
        let ask = async |reach| {
            let answer = client(reach, false).unwrap().get(&url).send();
            tokio::select! {
                answer = answer => answer.map(drop).map_err(unanswered),
                _ = listener.accept() => Ok(()),
            }
        };
        let error = ask(Reach::Public).await.unwrap_err();
        assert_eq!(error.kind(), Kind::ConfigurationInvalid, "{error:?}");
        ask(Reach::Loopback).await.unwrap();
        ask(Reach::Any).await.unwrap();
    }
}
