//! Claims as signed messages to a real server that checks them, refuses them and loses answers.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, Uri},
    response::IntoResponse,
};
use common::{claim, claims, with_handle};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use wom_sdk::{
    Clock as _, Error, Kind, Retry, SystemClock,
    claim::ClaimSink,
    webhook::{self, Message, Scheme, Secret, Verified},
};
use wom_sinks::{WebhookOptions, WebhookSink};

type Answer = (StatusCode, HeaderName, &'static str);

/// A server that takes signed messages.
#[derive(Clone)]
struct Receiver {
    at: SocketAddr,
    secrets: Arc<Vec<Secret>>,
    seen: Arc<Mutex<Vec<(String, Bytes)>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    async fn start(secrets: &[Secret]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            at: listener.local_addr().unwrap(),
            secrets: Arc::new(secrets.to_vec()),
            seen: Arc::default(),
            answers: Arc::default(),
        };
        let app = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// Answers the next messages so, instead of with 204.
    fn answer(&self, status: u16, header: &'static str, value: &'static str) {
        let header = HeaderName::from_static(header);
        let answer = (StatusCode::from_u16(status).unwrap(), header, value);
        self.answers.lock().unwrap().push_back(answer);
    }

    fn seen(&self) -> Vec<(String, Bytes)> {
        self.seen.lock().unwrap().clone()
    }

    fn options(&self) -> WebhookOptions {
        let options = WebhookSink::options(format!("http://{}/hook", self.at))
            .danger_allow_private("127.0.0.1");
        let options = options.in_zone("Europe/Rome".parse().unwrap());
        options.secret(self.secrets[0].clone())
    }
}

async fn take(
    State(receiver): State<Receiver>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    let plain = (HeaderName::from_static("x-none"), "");
    let given: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let scheme = Scheme::StandardWebhooks;
    let verified = webhook::verify(&scheme, &given, &body, &receiver.secrets, SystemClock.now());
    let Some(Message { id: Some(id), .. }) = verified.ok().and_then(Verified::message) else {
        return (StatusCode::UNAUTHORIZED, [plain]);
    };
    assert_eq!(uri.path(), "/hook");
    assert_eq!(headers["content-type"], "application/json");
    assert!(
        headers["user-agent"]
            .to_str()
            .unwrap()
            .starts_with("wom-sdk/")
    );
    receiver.seen.lock().unwrap().push((id, body));
    match receiver.answers.lock().unwrap().pop_front() {
        Some((status, header, value)) => (status, [(header, value)]),
        None => (StatusCode::NO_CONTENT, [plain]),
    }
}

/// Passes requests on, and loses the answers of the first ones.
async fn losing(upstream: SocketAddr, lost: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let passed = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let passed = Arc::clone(&passed);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(upstream).await.unwrap();
                let (mut from_client, mut from_server) = ([0; 16_384], [0; 16_384]);
                loop {
                    tokio::select! {
                        read = client.read(&mut from_client) => match read {
                            Ok(length) if length > 0 => server.write_all(&from_client[..length]).await.unwrap(),
                            _ => return,
                        },
                        read = server.read(&mut from_server) => {
                            let length = read.unwrap();
                            if passed.fetch_add(1, Ordering::SeqCst) < lost || length == 0 {
                                return;
                            }
                            client.write_all(&from_server[..length]).await.unwrap();
                        }
                    }
                }
            });
        }
    });
    at
}

fn advice(error: &Error) -> (Kind, Retry, BTreeMap<&str, &str>) {
    (error.kind(), error.retry(), error.context().collect())
}

#[tokio::test]
async fn a_claim_arrives_signed_with_everything_its_person_needs() {
    let (old, new) = (Secret::random(), Secret::random());
    let receiver = Receiver::start(std::slice::from_ref(&old)).await;
    // The sender has begun to rotate, the receiver not yet.
    let sink = WebhookSink::options(format!("http://{}/hook", receiver.at))
        .danger_allow_private("127.0.0.1")
        .in_zone("Europe/Rome".parse().unwrap())
        .secret(new)
        .secret(old)
        .build()
        .unwrap();
    sink.deliver(&[with_handle(7, "tavolo 4"), claim(8)])
        .await
        .unwrap();
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].0, claim(7).key.to_hex());
    let body: serde_json::Value = serde_json::from_slice(&seen[0].1).unwrap();
    assert_eq!(
        body,
        serde_json::json!({"type": "claim.ready", "data": {
            "id": claim(7).key.to_hex(),
            "link": "https://link.wom.social/vouchers/0b5c9f1e-6a2d-4f37-9c1b-2f8f1f0a7d07",
            "pin": "0259",
            "minutes": 49,
            "reasons": [
                {"aim": "H", "day": "2026-03-01", "minutes": 37},
                {"aim": "UM", "day": "2026-03-02", "minutes": 12},
            ],
            "handle": "tavolo 4",
        }})
    );
    let body: serde_json::Value = serde_json::from_slice(&seen[1].1).unwrap();
    assert!(body["data"].get("handle").is_none());
}

#[tokio::test]
async fn a_lost_answer_is_an_error_and_the_repetition_is_the_same_message() {
    let receiver = Receiver::start(&[Secret::random()]).await;
    let proxy = losing(receiver.at, 1).await;
    let sink = WebhookSink::options(format!("http://{proxy}/hook"))
        .danger_allow_private("127.0.0.1")
        .secret(receiver.secrets[0].clone())
        .build()
        .unwrap();
    let error = sink.deliver(&claims(1)).await.unwrap_err();
    assert_eq!(advice(&error).0, Kind::DeliveryFailed);
    assert_eq!(error.retry(), Retry::SameKey);
    sink.deliver(&claims(1)).await.unwrap();
    let seen = receiver.seen();
    assert_eq!(seen.len(), 2, "the first one did arrive");
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn only_2xx_is_delivered_and_the_advice_fits_the_answer() {
    let receiver = Receiver::start(&[Secret::random()]).await;
    let sink = receiver.options().build().unwrap();
    for (status, retry) in [
        (500, Retry::SameKey),
        (404, Retry::SameKey),
        (302, Retry::SameKey),
        (307, Retry::SameKey),
        (410, Retry::Never),
    ] {
        receiver.answer(status, "location", "/elsewhere");
        let error = sink.deliver(&claims(1)).await.unwrap_err();
        let (kind, advised, context) = advice(&error);
        assert_eq!((kind, advised), (Kind::DeliveryFailed, retry), "{status}");
        assert_eq!(context["status"], status.to_string());
    }
    receiver.answer(429, "retry-after", "120");
    let error = sink.deliver(&claims(1)).await.unwrap_err();
    assert_eq!(advice(&error).2["retry_after_seconds"], "120");
    for status in [200, 202, 204] {
        receiver.answer(status, "x-none", "");
        sink.deliver(&claims(1)).await.unwrap();
    }
    assert_eq!(
        receiver.seen().len(),
        9,
        "nothing was followed or sent again"
    );
}

#[tokio::test]
async fn claims_after_one_that_was_not_taken_are_not_said_to_be_delivered() {
    let receiver = Receiver::start(&[Secret::random()]).await;
    receiver.answer(200, "x-none", "");
    receiver.answer(503, "x-none", "");
    let sink = receiver.options().build().unwrap();
    assert!(sink.deliver(&claims(3)).await.is_err());
    assert_eq!(receiver.seen().len(), 2);
}

#[tokio::test]
async fn a_receiver_with_another_secret_does_not_take_it_and_no_secret_is_shown() {
    let receiver = Receiver::start(&[Secret::random()]).await;
    let other = Secret::random();
    let sink = WebhookSink::options(format!("http://{}/hook?token=canary", receiver.at))
        .danger_allow_private("127.0.0.1")
        .secret(other.clone())
        .build()
        .unwrap();
    let error = sink.deliver(&[with_handle(1, "canary")]).await.unwrap_err();
    assert_eq!(advice(&error).2["status"], "401");
    let shown = format!("{error:?} {error} {:?}", with_handle(1, "canary"));
    let pin = claim(1).ticket.pin;
    for secret in ["canary", other.reveal().as_str(), "7d01", pin.reveal()] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(!format!("{sink:?}").contains(&other.reveal()[6..]));
}

#[tokio::test]
async fn nobody_there_is_safe_to_try_again() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let sink = WebhookSink::options(format!("http://{free}/"))
        .danger_allow_private("127.0.0.1")
        .secret(Secret::random())
        .build()
        .unwrap();
    let error = sink.deliver(&claims(1)).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::DeliveryFailed, Retry::Safe)
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stays_silent_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = WebhookSink::options(format!("http://{}/", listener.local_addr().unwrap()))
        .danger_allow_private("127.0.0.1")
        .secret(Secret::random())
        .build()
        .unwrap();
    let started = tokio::time::Instant::now();
    let error = sink.deliver(&claims(1)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::DeliveryFailed);
    assert!(started.elapsed() <= WebhookSink::TIMEOUT);
}

#[test]
fn what_is_not_safe_has_to_be_asked_for_by_name() {
    let with = |url: &str| WebhookSink::options(url).secret(Secret::random());
    let kind = |options: WebhookOptions| options.build().unwrap_err().kind();
    assert_eq!(
        kind(WebhookSink::options("https://a.example/")),
        Kind::ConfigurationInvalid
    );
    assert_eq!(kind(with("http://a.example/")), Kind::InsecureTransport);
    for private in [
        "https://10.1.2.3/",
        "https://localhost/",
        "http://127.0.0.1:8080/hook",
        "https://[::ffff:169.254.169.254]/",
    ] {
        assert_eq!(kind(with(private)), Kind::ConfigurationInvalid, "{private}");
    }
    assert_eq!(
        kind(with("http://10.1.2.3/").danger_accept_plain_http()),
        Kind::ConfigurationInvalid
    );
    assert_eq!(
        kind(with("http://10.1.2.3/").danger_allow_private("10.1.2.3")),
        Kind::InsecureTransport
    );
    for fine in [
        with("https://a.example/"),
        with("http://127.0.0.1:8080/hook").danger_allow_private("127.0.0.1"),
        with("http://a.example/").danger_accept_plain_http(),
        with("https://10.1.2.3/").danger_allow_private("10.1.2.3"),
    ] {
        fine.build().unwrap();
    }
}

#[tokio::test]
async fn a_payment_is_told_in_the_same_way() {
    use wom_sdk::checkout::{CheckoutId, Listener as _, Payment, State};
    let receiver = Receiver::start(&[Secret::random()]).await;
    let sink = receiver.options().build().unwrap();
    let payment = Payment {
        id: CheckoutId::new("https://wom.social", "65aa", "bill 1"),
        pos: "bar".to_owned(),
        amount: 15,
        state: State::Paid {
            at: wom_sdk::Timestamp::from_seconds(1_772_359_200),
        },
    };
    sink.paid(&payment).await.unwrap();
    receiver.answer(503, "retry-after", "120");
    let error = sink.paid(&payment).await.unwrap_err();
    assert_eq!(error.retry_after().map(|pause| pause.as_secs()), Some(120));
    let seen = receiver.seen();
    let (id, body) = &seen[0];
    assert_eq!(*id, payment.id.to_hex());
    let body: serde_json::Value = serde_json::from_slice(body).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "type": "checkout.paid",
            "data": {
                "id": id,
                "pos": "bar",
                "amount": 15,
                "state": "paid",
                "paid_at": "2026-03-01T10:00:00Z",
            },
        })
    );
}
