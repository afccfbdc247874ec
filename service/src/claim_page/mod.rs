//! The page on which a person collects.
//!
//! An app asks for its address, which works once and for ten minutes, and opens it in the person's
//! browser. Opening it makes a visit of half an hour out of it, kept in a cookie of this page alone,
//! so that the address in the history or in a log leads nowhere. Who the person is stands sealed in
//! address and cookie, and nowhere else.

mod page;
mod texts;
mod visit;

pub(crate) use texts::Language;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use wom_sdk::{
    Digest, Error, Result, Subject, Timestamp,
    registry::Address,
    store::{DeliveryId, DeliveryRecord, DeliveryState},
};

use crate::{Programme, Service};
use page::{Notice, View};
use visit::Visit;

/// How long the address of a page can be opened, milliseconds.
const OPENS_MS: i64 = 10 * 60_000;
/// How long a visit lasts, milliseconds.
const LASTS_MS: i64 = 30 * 60_000;
const COOKIE: &str = "wom_claim";

/// Where a person collects.
pub(crate) struct Opened {
    pub(crate) url: String,
    pub(crate) expires: Timestamp,
}

/// Makes the address of a person's page.
pub(crate) fn open(
    service: &Service,
    programme: &Programme,
    person: &Subject,
    language: Option<Language>,
) -> Result<Opened> {
    let expires = service.0.clock.now().plus_millis(OPENS_MS);
    let visit = Visit::new(person, language, expires);
    let ticket = visit.seal(programme, visit::ADDRESS, service.0.clock.now())?;
    let (base, name) = (&service.0.public_url, &programme.name);
    Ok(Opened {
        url: format!("{base}/claim/{name}/{ticket}"),
        expires,
    })
}

/// Destroys the keys of visits that are over.
pub(crate) fn forget(service: &Service, programme: &Programme) -> Result<()> {
    let yesterday = service.0.clock.now().plus_millis(-86_400_000);
    visit::sealer(programme).forget_before(yesterday).map(drop)
}

pub(crate) fn router() -> Router<Service> {
    Router::new()
        .route("/claim/{programme}/{ticket}", get(enter))
        .route("/claim/{programme}", get(show))
        .route("/claim/{programme}/collect", post(collect))
        .route("/claim/{programme}/done", post(done))
}

/// The address is opened: from now on there is a visit, and the address is worth nothing.
async fn enter(
    State(service): State<Service>,
    Path((name, ticket)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let language = Language::of_browser(&headers);
    let Some(programme) = service.0.programmes.get(&name) else {
        return notice(StatusCode::NOT_FOUND, Notice::Unknown, language);
    };
    let now = service.0.clock.now();
    let Some(mut visit) = Visit::open(programme, visit::ADDRESS, &ticket) else {
        return notice(StatusCode::NOT_FOUND, Notice::Unknown, language);
    };
    let language = visit.language.unwrap_or(language);
    if visit.is_over(now) {
        return notice(StatusCode::GONE, Notice::TooLate, language);
    }
    match use_up(programme, &visit, now).await {
        Ok(true) => {}
        Ok(false) => return notice(StatusCode::GONE, Notice::Used, language),
        Err(error) => return failed(&error, language),
    }
    visit.lasts_until(now.plus_millis(LASTS_MS));
    let cookie = match visit.seal(programme, visit::VISIT, now) {
        Ok(sealed) => cookie(&service, &name, &sealed, LASTS_MS / 1_000),
        Err(error) => return failed(&error, language),
    };
    let mut response =
        Redirect::to(&format!("{}/claim/{name}", service.0.public_url)).into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

async fn show(
    State(service): State<Service>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (programme, visit, language) = match visitor(&service, &name, &headers) {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    match view(programme, &visit).await {
        Ok(view) => html(StatusCode::OK, page::page(&view, language)),
        Err(error) => failed(&error, language),
    }
}

async fn collect(
    State(service): State<Service>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (programme, visit, language) = match visitor(&service, &name, &headers) {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    let collected = match visit.person() {
        Ok(person) => programme.claims().of(&person).await,
        Err(error) => Err(error),
    };
    match collected {
        Ok(_) => back(&service, &name),
        Err(error) => failed(&error, language),
    }
}

async fn done(
    State(service): State<Service>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (programme, visit, language) = match visitor(&service, &name, &headers) {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    match acknowledge_all(programme, &visit).await {
        Ok(()) => back(&service, &name),
        Err(error) => failed(&error, language),
    }
}

async fn acknowledge_all(programme: &Programme, visit: &Visit) -> Result<()> {
    let claims = programme.claims();
    for claim in claims.handed(&visit.person()?).await? {
        claims.acknowledge(claim.key).await?;
    }
    Ok(())
}

async fn view(programme: &Programme, visit: &Visit) -> Result<View> {
    let (claims, person) = (programme.claims(), visit.person()?);
    let handed = claims.handed(&person).await?;
    let waiting = claims.waiting(&person).await?;
    let handed_minutes: u64 = handed
        .iter()
        .map(|claim| u64::from(claim.ticket.minutes))
        .sum();
    let registry = programme.registry();
    Ok(View {
        name: programme.name.clone(),
        waiting: waiting.saturating_sub(handed_minutes),
        given: claims.history(&person).await?,
        reasons: handed
            .iter()
            .flat_map(|claim| wom_sinks::reasons(&claim.content, &programme.zone))
            .collect(),
        claims: handed,
        local: registry
            .parse::<Address>()
            .is_ok_and(|address| address.is_loopback()),
        registry,
    })
}

/// Marks the address as used. `false` if it was before.
async fn use_up(programme: &Programme, visit: &Visit, now: Timestamp) -> Result<bool> {
    let used = DeliveryRecord {
        id: DeliveryId(Digest::of([
            b"claim-page/1".as_slice(),
            visit.nonce.as_bytes(),
        ])),
        version: 1,
        source: "claim-page".to_owned(),
        state: DeliveryState::Done,
        sealed: None,
        received: now,
        tries: 0,
        due: Timestamp::MAX,
    };
    programme.store.put_delivery(&used).await
}

#[expect(
    clippy::result_large_err,
    reason = "an answer, not an error on its way"
)]
fn visitor<'a>(
    service: &'a Service,
    name: &str,
    headers: &HeaderMap,
) -> Result<(&'a Programme, Visit, Language), Response> {
    let language = Language::of_browser(headers);
    let gone = || notice(StatusCode::GONE, Notice::TooLate, language);
    let programme = service.0.programmes.get(name).ok_or_else(gone)?;
    let cookies = headers.get_all(header::COOKIE).into_iter();
    let sealed = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .ok_or_else(gone)?;
    let visit = Visit::open(programme, visit::VISIT, sealed).ok_or_else(gone)?;
    if visit.is_over(service.0.clock.now()) {
        return Err(gone());
    }
    let language = visit.language.unwrap_or(language);
    Ok((programme, visit, language))
}

/// Lax, not strict: a learning platform's own link is how people come here. A form of another site
/// sends no such cookie.
fn cookie(service: &Service, name: &str, sealed: &str, seconds: i64) -> String {
    let secure = match service.0.public_url.starts_with("https:") {
        true => "; Secure",
        false => "",
    };
    format!(
        "{COOKIE}={sealed}; Path=/claim/{name}; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    )
}

fn back(service: &Service, name: &str) -> Response {
    Redirect::to(&format!("{}/claim/{name}", service.0.public_url)).into_response()
}

fn failed(error: &Error, language: Language) -> Response {
    tracing::warn!(
        code = error.code(),
        "a claim page could not be shown: {error}"
    );
    notice(StatusCode::SERVICE_UNAVAILABLE, Notice::Later, language)
}

fn notice(status: StatusCode, notice: Notice, language: Language) -> Response {
    html(status, page::notice(notice, language))
}

/// Nothing is loaded from elsewhere, nothing is kept, and no other site may frame it.
fn html(status: StatusCode, text: String) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, page::POLICY),
    ];
    (status, headers, text).into_response()
}
