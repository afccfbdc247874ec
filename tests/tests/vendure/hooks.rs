//! Whoever hears a shop's webhooks.

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use serde_json::Value;
use wom_adapter_pos::Vendure;
use wom_sdk::{
    Timestamp,
    instrument::{Hint, Request, Verdict},
    merchant::{Merchant as _, OrderId},
};

use crate::shop::Shop;

const SECRET: &str = "the shop and we know this";

type Calls = Arc<Mutex<Vec<(String, Bytes)>>>;

/// A door at which a shop's plugin calls.
pub(crate) struct Hooks {
    address: String,
    calls: Calls,
}

impl Hooks {
    pub(crate) async fn listen() -> Self {
        let calls = Calls::default();
        let hear = async |State(calls): State<Calls>, headers: HeaderMap, body: Bytes| {
            let signature = headers["x-signature-256"].to_str().unwrap().to_owned();
            calls.lock().unwrap().push((signature, body));
        };
        let door = Router::new()
            .route("/", post(hear))
            .with_state(calls.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, door).await });
        Self { address, calls }
    }

    /// What the shop's server is told of it.
    pub(crate) fn env(&self) -> [(&'static str, String); 2] {
        [
            ("HOOK_URL", self.address.clone()),
            ("HOOK_SECRET", SECRET.to_owned()),
        ]
    }

    /// An adapter that knows the secret.
    pub(crate) fn adapter(&self, shop: &Shop) -> Vendure {
        shop.adapter_with(|config, dir| {
            let secret = dir.join("hook");
            fs::write(&secret, SECRET).unwrap();
            config.webhook_secret_files = vec![secret];
        })
    }

    /// What was told until such an event was.
    pub(crate) async fn until(&self, kind: &str) -> Vec<Value> {
        for _ in 0..100 {
            let events = self.events();
            if events.iter().any(|event| event["type"] == kind) {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no {kind} is told");
    }

    fn events(&self) -> Vec<Value> {
        let calls = self.calls.lock().unwrap();
        let events = calls.iter().map(|(_, body)| serde_json::from_slice(body));
        events.map(Result::unwrap).collect()
    }

    /// The orders that the adapter is to read because of all of it.
    pub(crate) fn orders(&self, adapter: &Vendure) -> Vec<OrderId> {
        let calls = self.calls.lock().unwrap();
        let order = |(signature, body): &(String, Bytes)| {
            let received = adapter.receive(&Request {
                method: "POST",
                query: "",
                headers: &[("x-signature-256", signature.as_bytes())],
                body,
                received_at: Timestamp::EPOCH,
            });
            match received.verdict {
                Verdict::Read(Hint(order)) => OrderId(order),
                other => panic!("{other:?}"),
            }
        };
        calls.iter().map(order).collect()
    }
}
