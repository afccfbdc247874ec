//! What is awarded against: the Registry, or one whose RSA is removed; each in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
};
use serde_json::{Value, json};
use wom_registry::{RegistryOptions, TestRegistry};
use wom_sdk::protocol::{Otc, PublicKey, rsa};

/// It ends when its standard input does.
pub(crate) struct Server {
    pub(crate) url: String,
    process: Child,
}

impl Server {
    /// `what` is `registry` with its folder, or `stub` with the source's public key.
    pub(crate) fn start(what: &str, file: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(what)
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut url)
            .unwrap();
        Self {
            url: url.trim().to_owned(),
            process,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) async fn registry(dir: &Path) {
    let registry = TestRegistry::start_with(dir, RegistryOptions::new())
        .await
        .unwrap();
    println!("{}", registry.url());
    until_the_end().await;
}

/// Answers without reading: it repeats the nonce outside of the payload and encrypts a code that
/// is nobody's. Its only work is RSA's public operation.
pub(crate) async fn stub(key: &Path) {
    let key = PublicKey::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
    let shown = key.to_pem();
    let router = Router::new()
        .route("/api/v1/auth/key", get(move || async move { shown }))
        .route("/api/v1/voucher/create", post(create))
        .route("/api/v1/voucher/verify", post(async || ()))
        .route("/api/v1/source/{id}/vouchers", post(issue))
        .with_state(key);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    tokio::select! {
        ended = async { axum::serve(listener, router).await } => ended.unwrap(),
        () = until_the_end() => {}
    }
}

async fn create(State(key): State<PublicKey>, Json(body): Json<Value>) -> Json<Value> {
    let nonce = body.get("nonce").or_else(|| body.get("Nonce")).unwrap();
    let answer = code(nonce).to_string();
    Json(json!({ "payload": rsa::seal(&key, answer.as_bytes()) }))
}

async fn issue() -> Json<Value> {
    Json(code(&json!("its own")))
}

fn code(nonce: &Value) -> Value {
    json!({
        "registryUrl": "http://localhost",
        "nonce": nonce,
        "otc": Otc::random().reveal(),
        "password": "1234",
    })
}

async fn until_the_end() {
    tokio::task::spawn_blocking(|| std::io::stdin().lines().count())
        .await
        .unwrap();
}
