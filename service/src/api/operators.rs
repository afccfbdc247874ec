//! What operators look at.

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use wom_sdk::store::Numbers;

use super::{Caller, Failure};
use crate::{Scope, Service, metrics::Metrics};

/// How the service is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `failing` where a store does not answer.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tell whether the service can take what is brought to it
///
/// That is, whether its stores answer. A Registry that is down is no reason not to be taken: what is
/// accepted waits for it.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "showHealth",
    tag = "operators",
    security(()),
    responses(
        (status = 200, body = Health, description = "The stores answer"),
        (status = 503, body = Health, description = "A store does not answer"),
    )
)]
pub(super) async fn health(State(service): State<Service>) -> (StatusCode, Answer<Health>) {
    let programmes = service
        .0
        .programmes
        .values()
        .map(|programme| &programme.store);
    let tills = service.tills();
    let stores = programmes.chain(tills.iter().map(|tills| &tills.store));
    for store in stores {
        if let Err(error) = store.cursor("health").await {
            tracing::error!(code = error.code(), "a store does not answer");
            let failing = Health { status: "failing" };
            return (StatusCode::SERVICE_UNAVAILABLE, Answer(failing));
        }
    }
    (StatusCode::OK, Answer(Health { status: "ok" }))
}

/// Numbers for Prometheus
///
/// In its text format 0.0.4: what waits, by instrument, state and reason, and what was answered.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "showMetrics",
    tag = "operators",
    responses(
        (status = 200, body = String, content_type = "text/plain", description = "The numbers"),
        Failure,
    )
)]
pub(super) async fn metrics(caller: Caller) -> Result<Response, Failure> {
    caller.check(&[Scope::Metrics])?;
    let service = caller.service();
    let now = service.0.clock.now();
    let mut numbers = Vec::new();
    for programme in service.0.programmes.values() {
        numbers.push((programme.name.as_str(), programme.store.numbers().await?));
    }
    let mut text = Numbers::all_to_prometheus(&numbers, now);
    let shops = service.shops();
    let mut waiting = Vec::new();
    for shop in shops.iter().flat_map(|shops| shops.iter()) {
        waiting.push((shop.name(), shop.waiting().await?));
    }
    Metrics::write_waiting(&mut text, &waiting);
    service.0.metrics.write(&mut text);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
