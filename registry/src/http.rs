//! The Registry on HTTP: routes, limits of bodies, and what every answer has in common.

use std::{
    future::{Future, poll_fn},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::{Path, Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::{net::TcpListener, sync::oneshot, time::Instant};
use wom_sdk::{
    Error, Kind, Result,
    protocol::{
        AIMS, AimInfo,
        message::{AimList, MAX_NONCE},
    },
};

use crate::{
    Registry, api_key, confirm, issue, landing, pay, redeem,
    refusal::Refusal,
    unverified::{PAYMENT, REQUEST},
};

/// Bytes of a request's body: 256 RSA blocks of 4096 bits in base64 fit.
const BODY_LIMIT: usize = 256 * 1024;
/// Bytes of a body over the limit that are read all the same.
const PATIENCE: usize = 4 * 1024 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long running requests may take after the server was told to stop.
const STOP_TIME: Duration = Duration::from_secs(10);
/// Payloads that cannot be read are answered at multiples of this time since the request came, so
/// that the time tells little of how far the reading went.
const TICK: Duration = Duration::from_millis(20);

/// Serves a Registry until `stop` is done; requests that run then are finished, for 10 seconds.
///
/// It speaks plain HTTP, for this machine. For others put a reverse proxy with TLS before it and
/// give its address as [`public_url`](crate::RegistryOptions::public_url).
///
/// # Errors
///
/// [`Kind::StorageFailed`] if the listener fails.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(Kind::NetworkUnreachable, "the Registry cannot listen").because(error)
    };
    let address = listener.local_addr().map_err(failed)?;
    registry.served_at(format!("http://{}", reachable(address)));
    let (stopping, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, router(registry)).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping.send(());
    });
    let overdue = async {
        // The sender is dropped unsent only when serving ended by itself.
        if stopped.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(STOP_TIME).await;
    };
    tokio::select! {
        done = async { serving.await } => done.map_err(failed),
        () = overdue => Ok(()),
    }
}

/// Where a listener on all addresses can be reached at least from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => address,
        IpAddr::V4(_) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(_) => (Ipv6Addr::LOCALHOST, address.port()).into(),
    }
}

/// The Registry's routes, to be served as they are or within another server.
pub fn router(registry: Registry) -> Router {
    let operations = Router::new()
        .route("/voucher/create", operation(Operation::Create))
        .route("/voucher/verify", operation(Operation::VerifyVouchers))
        .route("/voucher/redeem", operation(Operation::Redeem))
        .route("/payment/register", operation(Operation::Register))
        .route("/payment/verify", operation(Operation::VerifyPayment))
        .route("/payment/info", operation(Operation::Info))
        .route("/payment/confirm", operation(Operation::Confirm))
        .route("/payment/status", operation(Operation::Status))
        .route("/auth/key", get(key))
        .route("/aims", get(aims))
        .route("/aims/nested", get(nested_aims))
        .route("/source/{id}", get(source))
        .route("/source/{id}/vouchers", post(issue_in_one_call))
        .route("/auth/apikey", post(about_api_key));
    let base = &registry.options().base_path;
    Router::new()
        .nest(&format!("{base}/v1"), operations.clone())
        .nest(&format!("{base}/v2"), operations)
        .route("/vouchers/{otc}", get(landing::vouchers))
        .route("/payment/{otc}", get(landing::payment))
        .route("/health", get(health))
        .fallback(|| async { Refusal::plain(StatusCode::NOT_FOUND, "There is nothing here") })
        .method_not_allowed_fallback(|| async {
            Refusal::plain(
                StatusCode::METHOD_NOT_ALLOWED,
                "This address takes another method",
            )
        })
        .layer(from_fn(cross_origin))
        .with_state(registry)
}

#[derive(Clone, Copy, Debug)]
enum Operation {
    Create,
    Issue,
    VerifyVouchers,
    Redeem,
    Register,
    VerifyPayment,
    Info,
    Confirm,
    Status,
}

fn operation(operation: Operation) -> axum::routing::MethodRouter<Registry> {
    post(
        async move |State(registry): State<Registry>, request: Request| {
            let call = Call::of(operation, &request);
            answer(registry, call, request).await
        },
    )
}

async fn issue_in_one_call(
    State(registry): State<Registry>,
    Path(source): Path<String>,
    request: Request,
) -> Response {
    let call = Call {
        source,
        ..Call::of(Operation::Issue, &request)
    };
    answer(registry, call, request).await
}

/// What is asked for, and what of it stands outside the body. Never printed: it holds a key.
struct Call {
    operation: Operation,
    /// The part of the path that names a source; empty elsewhere.
    source: String,
    api_key: Option<String>,
    idempotency_key: Option<String>,
}

impl Call {
    fn of(operation: Operation, request: &Request) -> Self {
        Self {
            operation,
            source: String::new(),
            api_key: header_of(request, "x-wom-apikey"),
            idempotency_key: header_of(request, "idempotency-key"),
        }
    }
}

/// A header; an empty one is none, and one that is no text is not known to anybody.
fn header_of(request: &Request, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    let text = value.to_str().unwrap_or("?").trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// One way for all operations, from body to answer.
async fn answer(registry: Registry, call: Call, request: Request) -> Response {
    let began = Instant::now();
    let operation = call.operation;
    let result = match read(request).await {
        Ok(body) => {
            // A task of its own: if the caller goes away, what was begun is still finished.
            let task = tokio::spawn(async move { run(&registry, &call, &body).await });
            task.await.unwrap_or_else(|_| {
                tracing::error!(?operation, "an operation ended in a panic");
                Err(Refusal::known(wom_sdk::protocol::ProblemType::Unexpected))
            })
        }
        Err(refusal) => Err(refusal),
    };
    let status = result.as_ref().err().map_or(200, Refusal::status);
    tracing::info!(?operation, status, "answered");
    match result {
        Ok(body) if body.is_empty() => StatusCode::OK.into_response(),
        Ok(body) => json(body),
        Err(refusal) => {
            if refusal == Refusal::payload() {
                let ticks = began.elapsed().as_micros() / TICK.as_micros() + 1;
                let wait = TICK * u32::try_from(ticks).unwrap_or(u32::MAX);
                tokio::time::sleep_until(began + wait).await;
            }
            refusal.into_response()
        }
    }
}

async fn run(registry: &Registry, call: &Call, body: &[u8]) -> Result<String, Refusal> {
    match call.operation {
        Operation::Create => issue::create(registry, call.api_key.as_deref(), body).await,
        Operation::Issue => {
            let (key, nonce) = (call.api_key.as_deref(), call.idempotency_key.as_deref());
            if nonce.is_some_and(|nonce| nonce.len() > MAX_NONCE) {
                return Err(Refusal::parameter("Idempotency-Key", "is too long"));
            }
            issue::issue(registry, &call.source, key, nonce, body).await
        }
        Operation::VerifyVouchers => issue::verify(registry, body, REQUEST).await,
        Operation::Redeem => redeem::redeem(registry, body).await,
        Operation::Register => pay::register(registry, body).await,
        Operation::VerifyPayment => issue::verify(registry, body, PAYMENT).await,
        Operation::Info => pay::info(registry, body).await,
        Operation::Confirm => confirm::confirm(registry, body).await,
        Operation::Status => pay::status(registry, body).await,
    }
}

/// The body, whatever its content type says: connectors in the field are not exact about that.
async fn read(request: Request) -> Result<Vec<u8>, Refusal> {
    match tokio::time::timeout(BODY_TIME, collect(request.into_body())).await {
        Ok(body) => body,
        Err(_) => Err(Refusal::too_slow()),
    }
}

/// A body up to the limit. One beyond it is read for a while without being kept, as many clients
/// look at the answer only after they have sent all.
async fn collect(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let (mut kept, mut length) = (Vec::new(), 0);
    let announced = body.size_hint().lower();
    while length <= PATIENCE && announced <= PATIENCE as u64 {
        let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else {
            return match length <= BODY_LIMIT {
                true => Ok(kept),
                false => Err(Refusal::too_large()),
            };
        };
        let data = frame.map_err(|_| Refusal::body())?.into_data();
        let data = data.unwrap_or_default();
        length += data.len();
        match length <= BODY_LIMIT {
            true => kept.extend_from_slice(&data),
            false => kept = Vec::new(),
        }
    }
    Err(Refusal::too_large())
}

async fn key(State(registry): State<Registry>) -> Response {
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (headers, registry.public_key().to_pem()).into_response()
}

async fn aims() -> Response {
    json(AimList::known().to_json())
}

async fn nested_aims() -> Response {
    json(serde_json::json!({ "aims": nest(AIMS) }).to_string())
}

async fn source(State(registry): State<Registry>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return Refusal::plain(StatusCode::BAD_REQUEST, "This is no id of a source")
            .into_response();
    };
    match issue::about(&registry, &id).await {
        Ok(Some(about)) => json(about),
        Ok(None) => {
            Refusal::plain(StatusCode::NOT_FOUND, "There is no such source").into_response()
        }
        Err(error) => Refusal::from(error).into_response(),
    }
}

async fn about_api_key(State(registry): State<Registry>, request: Request) -> Response {
    let key = header_of(&request, "x-wom-apikey");
    match api_key::about(&registry, key.as_deref()).await {
        Ok(about) => json(about),
        Err(refusal) => refusal.into_response(),
    }
}

/// Whether the data base can be written, by taking its write lock for a moment.
async fn health(State(registry): State<Registry>) -> Response {
    match registry.db().write(|_| Ok::<_, Refusal>(())).await {
        Ok(()) => json(r#"{"status":"ok"}"#.to_owned()),
        Err(_) => Refusal::busy().into_response(),
    }
}

/// Any site may call, as the protocol has no cookies to protect.
async fn cross_origin(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn json(body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, body).into_response()
}

/// Children stand under their parent. `PR` is a root of its own, although its code begins with `P`.
fn nest(aims: &[AimInfo]) -> Vec<serde_json::Value> {
    let is_root = |aim: &&AimInfo| aim.code.len() == 1 || aim.code == "PR";
    let entry = |aim: &AimInfo, children: Vec<serde_json::Value>| {
        serde_json::json!({
            "code": aim.code,
            "titles": { "en": aim.en, "it": aim.it },
            "hidden": aim.hidden,
            "children": children,
        })
    };
    let roots = aims.iter().filter(is_root);
    roots
        .map(|root| {
            let children = aims
                .iter()
                .filter(|aim| !is_root(aim) && aim.code.starts_with(root.code));
            entry(
                root,
                children.map(|child| entry(child, Vec::new())).collect(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aim_stands_once_in_the_tree() {
        let tree = nest(AIMS);
        let children: usize = tree
            .iter()
            .map(|root| root["children"].as_array().unwrap().len())
            .sum();
        assert_eq!(tree.len() + children, AIMS.len());
    }
}
