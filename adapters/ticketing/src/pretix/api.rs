//! pretix's API: questions with ids in them, to the configured address only.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;
use wom_http::{Credentials, Cut, below};
use wom_sdk::{Error, Kind, Result, Retry, Timestamp};
use zeroize::Zeroizing;

use super::{
    name::{Code, Slug},
    wire::{Event, Item, ORDER_FIELDS, Order, Page, Scanned, Subevent, Whereabouts},
};

/// The most bytes of one answer.
pub(super) const ANSWER_BYTES: usize = 16 << 20;

/// How long pretix may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The most pages of one list: over a million orders.
const PAGES: usize = 30_000;

/// The most that pretix puts on a page.
const PAGE_SIZE: &str = "50";

/// When a page was made by pretix's clock; where to go on from.
const GENERATED: &str = "X-Page-Generated";

/// An installation's API for one organizer, as it is reached.
#[derive(Clone)]
pub(super) struct Api {
    client: Client,
    organizer: Url,
    tokens: Arc<dyn Credentials>,
}

impl Api {
    /// # Errors
    /// As [`wom_http::client`].
    pub(super) fn new(
        address: &Url,
        organizer: &Slug,
        danger_accept_plain_http: bool,
        tokens: Arc<dyn Credentials>,
    ) -> Result<Self> {
        Ok(Self {
            client: wom_http::client(
                address,
                danger_accept_plain_http,
                Client::builder().timeout(TIMEOUT),
            )?,
            organizer: below(address, ["api", "v1", "organizers", organizer.as_str(), ""]),
            tokens,
        })
    }

    /// Begins to ask, with the tokens as they are now.
    pub(super) fn ask(&self) -> Result<Asker<'_>> {
        let tokens = self.tokens.secrets()?;
        let headers = tokens.iter().map(|token| {
            let text = Zeroizing::new(format!("Token {}", token.as_str()));
            let mut value = header::HeaderValue::from_str(&text).map_err(|_| {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "a token cannot be sent in a header",
                )
            })?;
            value.set_sensitive(true);
            Ok(value)
        });
        Ok(Asker {
            api: self,
            tokens: headers.collect::<Result<_>>()?,
            good: AtomicUsize::new(0),
        })
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Api")
    }
}

/// Somebody who asks, and shows tokens.
pub(super) struct Asker<'a> {
    api: &'a Api,
    tokens: Vec<header::HeaderValue>,
    /// Which of them was accepted last.
    good: AtomicUsize,
}

/// A page, and when it was made.
pub(super) struct Sheet<T> {
    pub(super) results: Vec<T>,
    pub(super) read: Read,
    pub(super) is_last: bool,
}

/// When pretix answered, by its own clock, where it says so. Of two readings of a ticket it tells which
/// one knows better, also to workers whose clocks do not agree.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read(pub(super) Option<Timestamp>);

impl Read {
    fn of(answer: &Response) -> Self {
        let text = |name: &str| answer.headers().get(name)?.to_str().ok();
        let generated = text(GENERATED).and_then(|text| text.parse().ok());
        Self(generated.or_else(|| text(header::DATE.as_str()).and_then(http_date)))
    }
}

enum Answer {
    Found(Response),
    Missing(Read),
}

/// Which orders of an event are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Orders {
    pub(super) modified_since: Option<Timestamp>,
}

impl Asker<'_> {
    pub(super) async fn event(&self, event: &Slug) -> Result<Option<Event>> {
        self.one(&["events", event.as_str()], &[]).await
    }

    pub(super) async fn subevent(&self, event: &Slug, id: u64) -> Result<Option<Subevent>> {
        let path = ["events", event.as_str(), "subevents", &id.to_string()];
        self.one(&path, &[]).await
    }

    pub(super) async fn item(&self, event: &Slug, id: u64) -> Result<Option<Item>> {
        let path = ["events", event.as_str(), "items", &id.to_string()];
        self.one(&path, &[]).await
    }

    /// An order with its tickets, cancelled ones among them, and their scans: all of it in one
    /// answer, so that it fits together. It is looked for in the list, which tells when it was made.
    pub(super) async fn order(&self, event: &Slug, code: &Code) -> Result<Option<(Order, Read)>> {
        let mut query = order_query();
        query.push(("code", code.as_str().to_owned()));
        let path = ["events", event.as_str(), "orders"];
        let sheet = self.sheet(&path, query, 1).await?;
        let mut orders = sheet.results.into_iter();
        // A filter that pretix does not know it ignores.
        let order = orders.find(|order: &Order| order.code == *code);
        Ok(order.map(|order| (order, sheet.read)))
    }

    /// The order that a ticket is in, or that there is no such ticket.
    pub(super) async fn order_of(
        &self,
        event: &Slug,
        position: u64,
    ) -> Result<std::result::Result<Code, Read>> {
        let position = position.to_string();
        let path = ["events", event.as_str(), "orderpositions", &position];
        let query = [("include_canceled_positions", "true".to_owned())];
        match self.get(&path, &query).await? {
            Answer::Found(answer) => {
                let found: Whereabouts = parse(&body(answer).await?)?;
                Ok(Ok(found.order))
            }
            Answer::Missing(read) => Ok(Err(read)),
        }
    }

    pub(super) async fn events(&self) -> Result<Vec<Event>> {
        self.all(&["events"]).await
    }

    pub(super) async fn subevents(&self, event: &Slug) -> Result<Vec<Subevent>> {
        self.all(&["events", event.as_str(), "subevents"]).await
    }

    pub(super) async fn items(&self, event: &Slug) -> Result<Vec<Item>> {
        self.all(&["events", event.as_str(), "items"]).await
    }

    /// A page of an event's orders, the oldest first: what changes meanwhile stays where it is.
    pub(super) async fn orders(
        &self,
        event: &Slug,
        which: Orders,
        page: usize,
    ) -> Result<Sheet<Order>> {
        let mut query = order_query();
        query.push(("ordering", "datetime".to_owned()));
        if let Some(since) = which.modified_since {
            query.push(("modified_since", since.to_string()));
        }
        self.sheet(&["events", event.as_str(), "orders"], query, page)
            .await
    }

    /// A page of an event's scans since an instant of the server's, the oldest first.
    pub(super) async fn scans(
        &self,
        event: &Slug,
        since: Timestamp,
        page: usize,
    ) -> Result<Sheet<Scanned>> {
        let query = vec![
            ("ordering", "created".to_owned()),
            ("created_since", since.to_string()),
        ];
        self.sheet(&["events", event.as_str(), "checkins"], query, page)
            .await
    }

    async fn all<T: DeserializeOwned>(&self, path: &[&str]) -> Result<Vec<T>> {
        let mut all = Vec::new();
        for page in 1.. {
            let sheet = self.sheet(path, Vec::new(), page).await?;
            all.extend(sheet.results);
            if sheet.is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Pages are asked for by their number: where pretix says that the next one is to be found may
    /// be anywhere.
    async fn sheet<T: DeserializeOwned>(
        &self,
        path: &[&str],
        mut query: Vec<(&str, String)>,
        page: usize,
    ) -> Result<Sheet<T>> {
        if page > PAGES {
            return Err(
                Error::new(Kind::LimitExceeded, "pretix's list does not end")
                    .with("limit_pages", PAGES),
            );
        }
        query.push(("page_size", PAGE_SIZE.to_owned()));
        query.push(("page", page.to_string()));
        let answer = match self.get(path, &query).await? {
            Answer::Found(answer) => answer,
            // Past the last page, as something was deleted meanwhile.
            Answer::Missing(read) => {
                return Ok(Sheet {
                    results: Vec::new(),
                    read,
                    is_last: true,
                });
            }
        };
        let read = Read::of(&answer);
        let page: Page<T> = parse(&body(answer).await?)?;
        Ok(Sheet {
            is_last: page.next.is_none() || page.results.is_empty(),
            results: page.results,
            read,
        })
    }

    async fn one<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Option<T>> {
        match self.get(path, query).await? {
            Answer::Found(answer) => parse(&body(answer).await?).map(Some),
            Answer::Missing(_) => Ok(None),
        }
    }

    async fn get(&self, path: &[&str], query: &[(&str, String)]) -> Result<Answer> {
        let mut url = below(&self.api.organizer, path.iter().copied().chain([""]));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let good = self.good.load(Ordering::Relaxed);
        let tokens = self.tokens.iter().enumerate();
        for (n, token) in tokens.clone().skip(good).chain(tokens.take(good)) {
            let asked = self
                .api
                .client
                .get(url.clone())
                .header(header::AUTHORIZATION, token.clone())
                .header(header::ACCEPT, "application/json");
            let answer = asked.send().await.map_err(unreachable)?;
            if answer.status() != StatusCode::UNAUTHORIZED {
                self.good.store(n, Ordering::Relaxed);
            }
            match answer.status() {
                StatusCode::OK => return Ok(Answer::Found(answer)),
                StatusCode::NOT_FOUND => return Ok(Answer::Missing(Read::of(&answer))),
                StatusCode::UNAUTHORIZED => {}
                status => return Err(refused(status, &answer)),
            }
        }
        Err(denied("pretix does not accept the token")
            .hint("make a token of a team that may see orders, and put it where secret_files or secret_variables say"))
    }
}

fn order_query() -> Vec<(&'static str, String)> {
    let mut query = vec![("include_canceled_positions", "true".to_owned())];
    query.extend(
        ORDER_FIELDS
            .iter()
            .map(|field| ("include", (*field).to_owned())),
    );
    query
}

/// The time of a header `Date`, which is whole seconds.
fn http_date(text: &str) -> Option<Timestamp> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Timestamp::from_millis(at.as_millisecond()))
}

async fn body(answer: Response) -> Result<Vec<u8>> {
    wom_http::body(answer, ANSWER_BYTES)
        .await
        .map_err(|cut| match cut {
            Cut::TooLong => Error::new(
                Kind::LimitExceeded,
                "an answer of pretix is larger than any should be",
            )
            .with("limit", ANSWER_BYTES),
            Cut::BrokenOff(error) => unreachable(error),
        })
}

/// The parser's own words may hold what it found, so only where it stopped is told.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(Kind::InputInvalid, "an answer of pretix cannot be read")
            .with("line", error.line())
            .with("column", error.column())
            .hint(
                "check that address leads to pretix itself; nothing is lost, and it is tried again",
            )
            .with_retry(Retry::Safe)
    })
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::new(
        Kind::NetworkUnreachable,
        "pretix cannot be reached, or broke off its answer",
    )
    .hint("check the address and the network; nothing is lost")
    .because(error.without_url())
}

/// Nothing is lost while a token is being mended, so whatever waits may be tried again.
fn denied(message: &'static str) -> Error {
    Error::new(Kind::AccessDenied, message).with_retry(Retry::Safe)
}

fn refused(status: StatusCode, answer: &Response) -> Error {
    let code = status.as_u16();
    let error = match code {
        300..400 => Error::new(Kind::ConfigurationInvalid, "pretix sends us elsewhere")
            .hint("set address to where it sends, with https and the host as browsers show them"),
        403 => denied("pretix does not let the token read this event").hint(
            "let the token's team see orders of this event, or take an event out that is no more",
        ),
        429 => Error::new(Kind::RateLimited, "pretix asks us to wait"),
        400..500 if code != 408 && code != 409 => Error::new(
            Kind::ConfigurationInvalid,
            "pretix does not understand what it is asked",
        ),
        _ => Error::new(Kind::NetworkUnreachable, "pretix does not answer now"),
    };
    let error = error.with("status", code);
    match wom_http::retry_after(answer) {
        Some(pause) => error.wait(pause),
        None => error,
    }
}
