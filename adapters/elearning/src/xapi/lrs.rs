//! Pulls statements from an LRS, page by page.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use reqwest::{Client, Response, StatusCode, header};
use url::Url;
use wom_http::Cut;
use wom_sdk::{
    Digest, Error, Kind, Result, Timestamp,
    instrument::{Cursor, Refusal, Sink, Window},
};
use zeroize::Zeroizing;

use super::{
    LrsConfig,
    credentials::{Credentials, Settled},
    evidence::Witness,
    read::read,
};
use crate::records::Records;

const VERSION: &str = "X-Experience-API-Version";
const CONSISTENT_THROUGH: &str = "X-Experience-API-Consistent-Through";

/// The most bytes of a page.
const PAGE_BYTES: usize = 64 << 20;

/// How long the LRS may take for one page.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The most pages of one pull.
const PAGES: usize = 100_000;

/// An LRS, as it is reached.
#[derive(Clone)]
pub(super) struct Lrs {
    client: Client,
    statements: Url,
    version: String,
    look_back_ms: i64,
    page_size: u32,
    credentials: Arc<dyn Credentials>,
}

impl Lrs {
    /// The LRS that the settings name, where they name one.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the address is none or nothing opens it;
    /// [`Kind::InsecureTransport`] for plain http on another machine.
    pub(super) fn new(
        config: &LrsConfig,
        credentials: Option<Arc<dyn Credentials>>,
    ) -> Result<Option<Self>> {
        let Some(endpoint) = &config.endpoint else {
            return Ok(None);
        };
        let settled = || {
            let (files, variables) = (&config.secret_files, &config.secret_variables);
            Settled::new(config.username.as_ref(), files, variables).map(|it| Arc::new(it) as _)
        };
        let credentials = credentials.or_else(settled).ok_or_else(|| {
            Error::new(Kind::ConfigurationInvalid, "nothing opens the LRS")
                .hint("set secret_files or secret_variables, and username for Basic authentication")
        })?;
        if !matches!(config.version.as_str(), "1.0.3" | "2.0.0") {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "no version of xAPI that this adapter speaks",
            )
            .hint("write 1.0.3 or 2.0.0"));
        }
        let statements = resource(endpoint)?;
        let client = wom_http::client(
            &statements,
            config.danger_accept_plain_http,
            Client::builder().timeout(TIMEOUT),
        )?;
        Ok(Some(Self {
            client,
            statements,
            version: config.version.clone(),
            look_back_ms: i64::from(config.look_back_hours.max(1)) * 3_600_000,
            page_size: config.page_size.max(1),
            credentials,
        }))
    }

    /// Reads everything since the cursor, and a while before: statements come late, and some LRSs
    /// compare what they call `since` with the time of the deed. What is read again changes nothing.
    pub(super) async fn pull(
        &self,
        witness: &Witness,
        limit: usize,
        cursor: Option<Cursor>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let since = cursor
            .map(|cursor| cursor.0.parse::<Timestamp>())
            .transpose()?;
        let authorizations = self.credentials.authorizations()?;
        let mut next = Some(self.first(since));
        let mut consistent = None;
        let mut seen = BTreeSet::new();
        while let Some(url) = next {
            if !seen.insert(Digest::of([url.as_str()])) || seen.len() > PAGES {
                return Err(told(
                    sink,
                    "more_endless",
                    "the LRS names a page as the next that was read before, or too many of them; what was read stays good, and the next pull begins anew",
                )
                .await?);
            }
            let answer = self.get(&url, &authorizations).await?;
            if let Some(version) = text(&answer, VERSION)
                && !["1.0", "2.0"]
                    .iter()
                    .any(|known| version.starts_with(known))
            {
                return Err(told(
                    sink,
                    "wrong_version",
                    "the LRS answers in a version of xAPI that this adapter does not speak; it speaks 1.0 and 2.0",
                )
                .await?);
            }
            // Of all answers the first one's word holds: what came in between may be in no page.
            consistent = consistent.or_else(|| text(&answer, CONSISTENT_THROUGH)?.parse().ok());
            let records = Records::new(Window::over(body(answer).await?, limit));
            let more = read(witness, records, limit, now, sink).await?;
            next = match more.map(|more| self.resolve(&more)) {
                Some(None) => {
                    return Err(told(
                        sink,
                        "more_elsewhere",
                        "the LRS names a page on another host as the next, where its credentials do not belong; what was read stays good",
                    )
                    .await?);
                }
                more => more.flatten(),
            };
        }
        let through = consistent.unwrap_or(now).min(now);
        sink.resume_at(Cursor(through.to_string())).await
    }

    fn first(&self, since: Option<Timestamp>) -> Url {
        let mut url = self.statements.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("ascending", "true");
            query.append_pair("limit", &self.page_size.to_string());
            if let Some(since) = since {
                let since = since.plus_millis(-self.look_back_ms);
                query.append_pair("since", &since.to_string());
            }
        }
        url
    }

    /// The page that `more` names: on the LRS's host, from its root. `None` if it is elsewhere.
    fn resolve(&self, more: &str) -> Option<Url> {
        let root = self.statements.join("/").ok()?;
        let url = root.join(more).ok()?;
        let no_user = url.username().is_empty() && url.password().is_none();
        (url.origin() == self.statements.origin() && no_user).then_some(url)
    }

    async fn get(&self, url: &Url, authorizations: &[Zeroizing<String>]) -> Result<Response> {
        for authorization in authorizations {
            let mut value = header::HeaderValue::from_str(authorization).map_err(|_| {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "a secret of the LRS cannot be sent in a header",
                )
            })?;
            value.set_sensitive(true);
            let asked = self
                .client
                .get(url.clone())
                .header(header::AUTHORIZATION, value)
                .header(header::ACCEPT, "application/json")
                .header(VERSION, &self.version);
            let answer = asked.send().await.map_err(unreachable)?;
            match answer.status() {
                StatusCode::OK => return Ok(answer),
                StatusCode::UNAUTHORIZED => {}
                status => return Err(refused(status, &answer)),
            }
        }
        Err(Error::new(
            Kind::AccessDenied,
            "the LRS does not accept the credentials",
        )
        .hint("check username and secret, and that they may read statements"))
    }
}

impl fmt::Debug for Lrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lrs")
    }
}

/// The resource of statements of an endpoint, which may name it already.
fn resource(endpoint: &str) -> Result<Url> {
    let url = wom_http::address("endpoint", endpoint)?;
    match url.path().ends_with("/statements") {
        true => Ok(url),
        false => Ok(wom_http::below(&url, ["statements"])),
    }
}

fn text<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

async fn body(answer: Response) -> Result<Vec<u8>> {
    wom_http::body(answer, PAGE_BYTES)
        .await
        .map_err(|cut| match cut {
            Cut::TooLong => Error::new(
                Kind::LimitExceeded,
                "a page of the LRS is larger than any should be",
            )
            .with("limit", PAGE_BYTES)
            .hint("ask for fewer statements at once: set page_size"),
            Cut::BrokenOff(error) => unreachable(error),
        })
}

/// Tells the sink why the pull ends, and makes the error that ends it.
async fn told(sink: &mut dyn Sink, code: &'static str, message: &'static str) -> Result<Error> {
    sink.refuse(Refusal::new(code, message)).await?;
    Ok(Error::new(Kind::InputInvalid, message).with("code", code))
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::new(
        Kind::NetworkUnreachable,
        "the LRS cannot be reached, or broke off its answer",
    )
    .hint("check the address and the network; what was read stays good")
    .because(error.without_url())
}

fn refused(status: StatusCode, answer: &Response) -> Error {
    let kind = match status.as_u16() {
        403 => Kind::AccessDenied,
        429 => Kind::RateLimited,
        400..500 => Kind::ConfigurationInvalid,
        _ => Kind::NetworkUnreachable,
    };
    let error = Error::new(kind, "the LRS refuses to be read").with("status", status.as_u16());
    match wom_http::retry_after(answer) {
        Some(pause) => error.wait(pause),
        None => error,
    }
}
