//! Eventbrite's API: an attendee and an event, asked for by their numbers at the configured address.

use std::{fmt, time::Duration};

use reqwest::{Client, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;
use wom_http::{Credentials as _, Cut, Secrets, below};
use wom_sdk::{Error, Kind, Result, Retry, Timestamp};
use zeroize::Zeroizing;

/// The most bytes of an answer.
const ANSWER_BYTES: usize = 4 << 20;

/// How long Eventbrite may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An attendee, without a name.
#[derive(Deserialize)]
pub(super) struct Attendee {
    #[serde(default)]
    pub(super) cancelled: bool,
    #[serde(default)]
    pub(super) checked_in: bool,
    #[serde(default)]
    pub(super) refunded: bool,
    #[serde(default)]
    pub(super) barcodes: Vec<Barcode>,
}

/// When a barcode was scanned. What it opens doors with is not read.
#[derive(Deserialize)]
pub(super) struct Barcode {
    #[serde(default)]
    pub(super) changed: Option<Timestamp>,
}

/// When an event is held.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) start: Moment,
    pub(super) end: Moment,
    #[serde(default)]
    pub(super) status: String,
}

#[derive(Deserialize)]
pub(super) struct Moment {
    pub(super) utc: Timestamp,
}

#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    pub(super) address: Url,
    tokens: Secrets,
}

impl Api {
    /// # Errors
    /// As [`wom_http::client`].
    pub(super) fn new(
        address: Url,
        danger_accept_plain_http: bool,
        tokens: Secrets,
    ) -> Result<Self> {
        let settings = Client::builder().timeout(TIMEOUT);
        Ok(Self {
            client: wom_http::client(&address, danger_accept_plain_http, settings)?,
            address,
            tokens,
        })
    }

    pub(super) async fn attendee(&self, event: &str, attendee: &str) -> Result<Option<Attendee>> {
        self.get(&["events", event, "attendees", attendee]).await
    }

    pub(super) async fn event(&self, event: &str) -> Result<Option<Event>> {
        self.get(&["events", event]).await
    }

    /// `None` for what is not there.
    async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Option<T>> {
        let url = below(&self.address, path.iter().copied().chain([""]));
        for token in self.tokens.secrets()? {
            let text = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let mut value = header::HeaderValue::from_str(&text).map_err(|_| {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "a token cannot be sent in a header",
                )
            })?;
            value.set_sensitive(true);
            let asked = self
                .client
                .get(url.clone())
                .header(header::AUTHORIZATION, value);
            let answer = asked.send().await.map_err(unreachable)?;
            match answer.status() {
                StatusCode::OK => return read(answer).await.map(Some),
                StatusCode::NOT_FOUND => return Ok(None),
                StatusCode::UNAUTHORIZED => {}
                status => return Err(refused(status, &answer)),
            }
        }
        Err(
            Error::new(Kind::AccessDenied, "Eventbrite does not accept the token").hint(
                "make a private token, and put it where secret_files or secret_variables say",
            ),
        )
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// The parser's own words may hold what it found, so only where it stopped is told.
async fn read<T: DeserializeOwned>(answer: Response) -> Result<T> {
    let body = wom_http::body(answer, ANSWER_BYTES)
        .await
        .map_err(|cut| match cut {
            Cut::TooLong => Error::new(
                Kind::LimitExceeded,
                "an answer of Eventbrite is larger than any should be",
            ),
            Cut::BrokenOff(error) => unreachable(error),
        })?;
    serde_json::from_slice(&body).map_err(|error| {
        Error::new(Kind::InputInvalid, "an answer of Eventbrite cannot be read")
            .with("line", error.line())
            .with("column", error.column())
            .with_retry(Retry::Safe)
    })
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::new(
        Kind::NetworkUnreachable,
        "Eventbrite cannot be reached, or broke off its answer",
    )
    .hint("nothing is lost, and it is tried again")
    .because(error.without_url())
}

fn refused(status: StatusCode, answer: &Response) -> Error {
    let kind = match status.as_u16() {
        403 => Kind::AccessDenied,
        429 => Kind::RateLimited,
        400..500 => Kind::ConfigurationInvalid,
        _ => Kind::NetworkUnreachable,
    };
    let error = Error::new(kind, "Eventbrite refuses to be read").with("status", status.as_u16());
    match wom_http::retry_after(answer) {
        Some(pause) => error.wait(pause),
        None => error,
    }
}
