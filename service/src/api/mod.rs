//! The service on HTTP: its routes, and what every answer has in common.

mod activities;
mod awards;
mod body;
mod caller;
mod checkouts;
mod claims;
mod code;
mod id;
mod operators;
mod place;
mod posters;
mod problem;
mod report;
mod sale;
mod sales;
mod shop_webhooks;
mod subjects;
mod wait;
mod webhooks;
mod whole;

use axum::{
    Router,
    extract::{MatchedPath, Query, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};
use wom_sdk::{Error, Kind};

use crate::{Service, claim_page, till_page};

pub(crate) use body::Json;
pub(crate) use caller::Caller;
pub(crate) use problem::{Failure, Problem};

/// The document that describes what callers can ask for, as OpenAPI 3.1. It is made from the code
/// that answers.
pub fn openapi() -> utoipa::openapi::OpenApi {
    documented().into_openapi()
}

/// The service's routes.
pub(crate) fn router(service: &Service) -> Router {
    let (router, document) = documented().split_for_parts();
    let document = document.to_json().unwrap_or_default();
    let document = async move || json(document);
    router
        .route("/openapi.json", get(document))
        .merge(claim_page::router())
        .merge(till_page::router())
        .fallback(|| async { Failure::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let error = Error::new(Kind::InputInvalid, "this address takes another method");
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, error)
        })
        .layer(from_fn_with_state(service.clone(), around))
        .with_state(service.clone())
}

fn documented() -> OpenApiRouter<Service> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(awards::create))
        .routes(routes!(awards::show))
        .routes(routes!(awards::acknowledge))
        .routes(routes!(activities::submit))
        .routes(routes!(claims::collect))
        .routes(routes!(claims::waiting))
        .routes(routes!(claims::page))
        .routes(routes!(subjects::export))
        .routes(routes!(subjects::erase))
        .routes(routes!(checkouts::create))
        .routes(routes!(checkouts::show))
        .routes(routes!(checkouts::cancel))
        .routes(routes!(sales::create, sales::list))
        .routes(routes!(sales::show))
        .routes(routes!(sales::call_off))
        .routes(routes!(sales::confirm))
        .routes(routes!(sales::resolve))
        .routes(routes!(sales::grant))
        .routes(routes!(sales::replace))
        .routes(routes!(sales::order_cancelled))
        .routes(routes!(sales::order_changed))
        .routes(routes!(report::report))
        .routes(routes!(posters::create, posters::list))
        .routes(routes!(posters::payments))
        .routes(routes!(posters::take))
        .routes(routes!(posters::end))
        .routes(routes!(shop_webhooks::receive, shop_webhooks::shake_hands))
        .routes(routes!(webhooks::receive, webhooks::shake_hands))
        .routes(routes!(operators::health))
        .routes(routes!(operators::metrics))
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "WOM service",
        description = "Award minutes, bring activity in, hand claims over and ask for payments in WOM, \
                       the vouchers of one minute given to something useful to others (wom.social).\n\n\
                       Errors are problems as RFC 9457 has them, with a stable `code` and with `retry`: \
                       `never`, `safe` or `same_key`.\n\n\
                       The claim page is not described here: `openClaimPage` gives its address, and what \
                       its forms send is for the page alone and may change."
    ),
    security(("token" = [])),
    components(schemas(Problem)),
    modifiers(&Shared)
)]
struct Document;

/// What operations refer to.
struct Shared;

impl Modify for Shared {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token made by `wom token add`"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
        components.responses.extend(Failure::described());
    }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A query of which every parameter is known.
fn query<T>(
    query: Result<Query<T>, axum::extract::rejection::QueryRejection>,
) -> Result<T, Failure> {
    match query {
        Ok(Query(value)) => Ok(value),
        Err(_) => Err(Failure::input(
            "a parameter is not known, missing, or not of the required form",
            "part",
            "query",
        )),
    }
}

/// Counts what is answered, and says of each answer what holds of all: it is for the caller alone.
async fn around(State(service): State<Service>, request: Request, next: Next) -> Response {
    // The route, never the address: addresses may hold what is secret.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let method = request.method().clone();
    let began = std::time::Instant::now();
    let _under_way = service.0.metrics.begin();
    let mut response = next.run(request).await;
    let status = response.status().as_u16();
    service
        .0
        .metrics
        .answered(method_name(&method), &route, status, began.elapsed());
    tracing::info!(method = method_name(&method), route, status, "answered");
    let headers = response.headers_mut();
    let set = |headers: &mut axum::http::HeaderMap, name, value| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
    response
}

/// Methods are an open set; in the log and in the numbers they are not.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
