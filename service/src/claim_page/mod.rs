//! The page on which a person collects.
//!
//! An app asks for its address, which works once and for ten minutes, and opens it in the person's
//! browser. Opening it makes a visit of half an hour out of it, kept in a cookie of this page alone,
//! so that the address in the history or in a log leads nowhere. Who the person is stands sealed in
//! address and cookie, and nowhere else.

mod code;
mod page;
mod view;
mod visit;

use std::{sync::LazyLock, time::Duration};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use wom_sdk::{
    Digest, Error, Kind, Result, Subject, Timestamp,
    store::{DeliveryId, DeliveryRecord, DeliveryState},
};

use crate::{
    Programme, Service,
    page::{Dress, Language},
};
use page::Notice;
use view::View;
use visit::Visit;

/// How long the address of a page can be opened, milliseconds.
const OPENS_MS: i64 = 10 * 60_000;
/// How long a visit lasts, milliseconds.
const LASTS_MS: i64 = 30 * 60_000;
/// How long a person waits for a code before the page says that it is being prepared.
const PATIENCE: Duration = Duration::from_secs(3);
const COOKIE: &str = "wom_claim";

static DRESS: LazyLock<Dress> = LazyLock::new(|| {
    Dress::new(
        concat!(include_str!("../page/style.css"), include_str!("style.css")),
        concat!(include_str!("../page/copy.js"), include_str!("script.js")),
    )
});

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
        // Who asks for the head alone, as previews of links do, has not opened it.
        .route(
            "/claim/{programme}/{ticket}",
            get(enter).head(async || StatusCode::NO_CONTENT),
        )
        .route("/claim/{programme}", get(show))
        .route("/claim/{programme}/collect", post(collect))
        .route("/claim/{programme}/done", post(done))
        .route("/claim/{programme}/language/{language}", post(speak))
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
    if visit.left_ms(now) == 0 {
        return notice(StatusCode::GONE, Notice::TooLate, language);
    }
    match use_up(programme, &visit, now).await {
        Ok(true) => {}
        Ok(false) => return notice(StatusCode::GONE, Notice::Used, language),
        Err(error) => return failed(&error, None, language),
    }
    visit.lasts_until(now.plus_millis(LASTS_MS));
    go_on(&service, programme, &visit, language)
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
    let view = match visit.person() {
        Ok(person) => View::of(programme, &person).await,
        Err(error) => Err(error),
    };
    match view {
        Ok(view) => html(StatusCode::OK, page::page(&view, language)),
        Err(error) => failed(&error, Some(&name), language),
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
        Ok(person) => programme.claims_within(PATIENCE).of(&person).await,
        Err(error) => Err(error),
    };
    match collected {
        Ok(_) => back(&service, &name),
        // What was collected is kept, and on its way: the page asks again.
        Err(error) if error.kind() == Kind::DeadlineExceeded => html(
            StatusCode::ACCEPTED,
            page::preparing(&name, programme.title(), language),
        ),
        Err(error) => failed(&error, Some(&name), language),
    }
}

async fn done(
    State(service): State<Service>,
    Path(name): Path<String>,
    headers: HeaderMap,
    form: String,
) -> Response {
    let (programme, visit, language) = match visitor(&service, &name, &headers) {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    match acknowledge(programme, &visit, &form).await {
        Ok(()) => back(&service, &name),
        Err(error) => failed(&error, Some(&name), language),
    }
}

/// From now on the page speaks this language.
async fn speak(
    State(service): State<Service>,
    Path((name, language)): Path<(String, Language)>,
    headers: HeaderMap,
) -> Response {
    let (programme, mut visit, _) = match visitor(&service, &name, &headers) {
        Ok(visitor) => visitor,
        Err(response) => return response,
    };
    visit.language = Some(language);
    go_on(&service, programme, &visit, language)
}

/// Only what the form names, which is what the person saw: another page of theirs may have made
/// another code meanwhile.
async fn acknowledge(programme: &Programme, visit: &Visit, form: &str) -> Result<()> {
    let seen: Vec<_> = form
        .split('&')
        .filter_map(|field| field.strip_prefix("code="))
        .collect();
    let claims = programme.claims();
    for claim in claims.handed(&visit.person()?).await? {
        if seen.contains(&claim.key.to_hex().as_str()) {
            claims.acknowledge(claim.key).await?;
        }
    }
    Ok(())
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
    if visit.left_ms(service.0.clock.now()) == 0 {
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

/// To the page, with the visit as it is now in a cookie.
fn go_on(service: &Service, programme: &Programme, visit: &Visit, language: Language) -> Response {
    let (now, name) = (service.0.clock.now(), &programme.name);
    let sealed = match visit.seal(programme, visit::VISIT, now) {
        Ok(sealed) => sealed,
        Err(error) => return failed(&error, Some(name), language),
    };
    let mut response = back(service, name);
    let cookie = cookie(service, name, &sealed, visit.left_ms(now) / 1_000);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn back(service: &Service, name: &str) -> Response {
    Redirect::to(&format!("{}/claim/{name}", service.0.public_url)).into_response()
}

fn failed(error: &Error, name: Option<&str>, language: Language) -> Response {
    tracing::warn!(
        code = error.code(),
        "a claim page could not be shown: {error}"
    );
    let page = page::notice(Notice::Later, name, language);
    html(StatusCode::SERVICE_UNAVAILABLE, page)
}

fn notice(status: StatusCode, notice: Notice, language: Language) -> Response {
    html(status, page::notice(notice, None, language))
}

fn html(status: StatusCode, text: String) -> Response {
    DRESS.html(status, text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_from_elsewhere_stands_in_style_or_script() {
        super::DRESS.check();
    }
}
