//! At the most talkative level, nothing that is logged opens, or pays for, anything.

#![allow(
    clippy::unwrap_used,
    reason = "a test ends where something is not as it should be"
)]

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock as _, SystemClock,
    protocol::{
        Pin, SessionKey, aes,
        message::{CreateAnswer, RedeemAnswer},
        rsa,
    },
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_code_pin_secret_or_address_is_logged() {
    let lines = Lines::default();
    let writer = lines.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();

    let dir = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(dir.path()).await.unwrap();
    let name = "Canary instrument";
    let instrument = registry
        .add_instrument(name, &["H".parse().unwrap()])
        .await
        .unwrap();
    let seal =
        |inner: serde_json::Value| rsa::seal(registry.public_key(), inner.to_string().as_bytes());
    let inner = json!({
        "sourceId": instrument.id, "nonce": "canary-nonce", "password": "80417253",
        "vouchers": [{"aim": "H", "latitude": 43.7, "longitude": 12.6, "timestamp": SystemClock.now()}],
    });
    let body = json!({"sourceId": instrument.id, "nonce": "canary-nonce", "payload": seal(inner)});
    let answer = post(&registry, "voucher/create", body).await;
    let text = rsa::open(&instrument.key, answer["payload"].as_str().unwrap(), 8).unwrap();
    let created = CreateAnswer::from_inner(&text).unwrap();
    let otc = created.otc.reveal();
    post(
        &registry,
        "voucher/verify",
        json!({"payload": seal(json!({"otc": otc}))}),
    )
    .await;
    let session = SessionKey::random();
    let redeem = |pin: &Pin| {
        let inner = json!({"otc": otc, "password": pin.reveal(), "sessionKey": *session.reveal()});
        json!({"payload": seal(inner)})
    };
    let wrong = Pin::from_registry("99999991").unwrap();
    post(&registry, "voucher/redeem", redeem(&wrong)).await;
    let answer = post(&registry, "voucher/redeem", redeem(&created.password)).await;
    let text = aes::open(&session, answer["payload"].as_str().unwrap()).unwrap();
    let redeemed = RedeemAnswer::from_inner(&text).unwrap();
    request(&registry, format!("GET /vouchers/{otc} HTTP/1.1")).await;
    post(
        &registry,
        "voucher/redeem",
        json!({"payload": "canary-junk"}),
    )
    .await;

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Redeem") && log.contains("422") && log.contains("403"));
    let key = instrument.key.to_pkcs1_pem();
    let secrets = [
        otc.as_str(),
        &otc.replace('-', ""),
        "80417253",
        wrong.reveal(),
        &session.reveal(),
        redeemed.vouchers[0].secret.reveal(),
        redeemed.vouchers[0].id.record(),
        "canary",
        key.lines().nth(1).unwrap(),
    ];
    for (index, secret) in secrets.iter().enumerate() {
        assert!(!log.contains(secret), "secret {index} was logged");
    }
    // Class-level lines have no addresses.
    assert!(
        !log.lines()
            .any(|line| line.contains("wom_registry") && line.contains("127.0.0.1"))
    );
}

async fn post(registry: &TestRegistry, path: &str, body: serde_json::Value) -> serde_json::Value {
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST /api/v1/{path} HTTP/1.1\r\ncontent-length: {length}");
    let answer = request_with(registry, head, &body).await;
    serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap_or_default()
}

async fn request(registry: &TestRegistry, head: String) -> String {
    request_with(registry, head, "").await
}

/// By hand, so that no client's own log lines are in between.
async fn request_with(registry: &TestRegistry, head: String, body: &str) -> String {
    let address = registry.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("{head}\r\nhost: {address}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
