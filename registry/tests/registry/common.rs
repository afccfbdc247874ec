//! A client as small as the protocol allows, which shows answers as they are.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use serde_json::{Value, json};
use wom_registry::{NewInstrument, NewPos, RegistryOptions, TestRegistry};
use wom_sdk::{
    Clock, SystemClock, Timestamp,
    protocol::{
        Otc, Pin, PosId, PrivateKey, PublicKey, SessionKey, SourceId, aes,
        message::{
            CreateAnswer, InfoAnswer, RedeemAnswer, RedeemedVoucher, RegisterAnswer, StatusAnswer,
        },
        rsa,
    },
};

pub(crate) type Members = Vec<(&'static str, Value)>;

/// An answer as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(crate) fn payload(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["payload"].as_str().unwrap().to_owned()
    }

    /// The last part of the problem's type, with the status.
    pub(crate) fn problem(&self) -> (u16, String) {
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{}", self.text);
        let kind = problem["type"].as_str().unwrap_or_default();
        (self.status, kind.rsplit('/').next().unwrap().to_owned())
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) key: PublicKey,
}

impl Client {
    pub(crate) async fn new(url: &str) -> Self {
        let http = reqwest::Client::new();
        let pem = http
            .get(format!("{url}/api/v1/auth/key"))
            .send()
            .await
            .unwrap();
        assert_eq!(pem.headers()["content-type"], "text/plain; charset=utf-8");
        let key = PublicKey::from_pem(&pem.text().await.unwrap()).unwrap();
        Self {
            http,
            url: url.to_owned(),
            key,
        }
    }

    pub(crate) fn seal(&self, inner: &Value) -> String {
        rsa::seal(&self.key, inner.to_string().as_bytes())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.url))).await
    }

    /// Posts a body to `/api/v1/<path>`.
    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(format!("{}/api/v1/{path}", self.url));
        answer(
            request
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// As [`post`](Self::post), with headers; the path goes from `/api/` on.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answer {
        let mut request = self
            .http
            .post(format!("{}/api/{path}", self.url))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    }

    /// Posts `{payload}` with this inside.
    pub(crate) async fn sealed(&self, path: &str, inner: Value) -> Answer {
        self.post(path, json!({"payload": self.seal(&inner)}).to_string())
            .await
    }

    pub(crate) async fn create(&self, source: &SourceId, inner: Value) -> Answer {
        let body =
            json!({"sourceId": source, "nonce": inner["nonce"], "payload": self.seal(&inner)});
        self.post("voucher/create", body.to_string()).await
    }

    pub(crate) async fn register(&self, pos: &PosId, inner: Value) -> Answer {
        let body = json!({"posId": pos, "nonce": inner["nonce"], "payload": self.seal(&inner)});
        self.post("payment/register", body.to_string()).await
    }

    pub(crate) async fn status(&self, pos: &NewPos, otc: &Otc) -> StatusAnswer {
        let payload = self.seal(&json!({"posId": pos.id, "otc": otc.reveal()}));
        let body = json!({"posId": pos.id, "payload": payload});
        let answer = self.post("payment/status", body.to_string()).await;
        let text = rsa::open(&pos.key, &answer.payload(), 64).unwrap();
        StatusAnswer::from_inner(&text).unwrap()
    }

    /// Creates and verifies so many vouchers.
    pub(crate) async fn issue(
        &self,
        instrument: &NewInstrument,
        aim: &str,
        count: u32,
    ) -> CreateAnswer {
        let answer = self
            .create(&instrument.id, vouchers(instrument, aim, count))
            .await;
        let created = created(&instrument.key, &answer);
        assert_eq!(self.verify("voucher", &created.otc).await.status, 200);
        created
    }

    pub(crate) async fn verify(&self, kind: &str, otc: &Otc) -> Answer {
        self.sealed(&format!("{kind}/verify"), json!({"otc": otc.reveal()}))
            .await
    }

    pub(crate) async fn redeem(&self, otc: &Otc, pin: &Pin, session: &SessionKey) -> Answer {
        self.sealed("voucher/redeem", opening(otc, pin, session))
            .await
    }

    /// Issues and redeems so many vouchers.
    pub(crate) async fn earn(
        &self,
        instrument: &NewInstrument,
        aim: &str,
        count: u32,
    ) -> Vec<RedeemedVoucher> {
        let created = self.issue(instrument, aim, count).await;
        let session = SessionKey::random();
        let answer = self.redeem(&created.otc, &created.password, &session).await;
        redeemed(&session, &answer).vouchers
    }

    /// Registers and verifies a payment.
    pub(crate) async fn charge(&self, pos: &NewPos, amount: u32, more: Members) -> RegisterAnswer {
        let answer = self.register(&pos.id, payment(pos, amount, more)).await;
        let registered = registered(&pos.key, &answer);
        assert_eq!(self.verify("payment", &registered.otc).await.status, 200);
        registered
    }

    pub(crate) async fn info(&self, otc: &Otc, pin: &Pin) -> Result<InfoAnswer, Answer> {
        let session = SessionKey::random();
        let answer = self
            .sealed("payment/info", opening(otc, pin, &session))
            .await;
        if answer.status != 200 {
            return Err(answer);
        }
        let text = aes::open(&session, &answer.payload()).unwrap();
        Ok(InfoAnswer::from_inner(&text).unwrap())
    }

    pub(crate) async fn confirm(
        &self,
        otc: &Otc,
        pin: &Pin,
        vouchers: &[RedeemedVoucher],
    ) -> Answer {
        self.confirm_with(otc, pin, vouchers, &SessionKey::random())
            .await
    }

    pub(crate) async fn confirm_with(
        &self,
        otc: &Otc,
        pin: &Pin,
        vouchers: &[RedeemedVoucher],
        session: &SessionKey,
    ) -> Answer {
        let mut inner = opening(otc, pin, session);
        inner["vouchers"] = vouchers
            .iter()
            .map(|voucher| json!({"id": voucher.id, "secret": voucher.secret.reveal()}))
            .collect();
        self.sealed("payment/confirm", inner).await
    }
}

pub(crate) fn opening(otc: &Otc, pin: &Pin, session: &SessionKey) -> Value {
    json!({"otc": otc.reveal(), "password": pin.reveal(), "sessionKey": *session.reveal()})
}

pub(crate) fn vouchers(instrument: &NewInstrument, aim: &str, count: u32) -> Value {
    json!({
        "sourceId": instrument.id,
        "nonce": nonce(),
        "vouchers": [{
            "aim": aim, "latitude": 43.72, "longitude": 12.63,
            "timestamp": SystemClock.now(), "count": count,
        }],
    })
}

pub(crate) fn payment(pos: &NewPos, amount: u32, more: Members) -> Value {
    let mut inner = json!({
        "posId": pos.id, "nonce": nonce(), "amount": amount, "pocketAckUrl": "https://shop.example/thanks",
    });
    for (name, value) in more {
        inner[name] = value;
    }
    inner
}

pub(crate) fn nonce() -> String {
    Otc::random().reveal()
}

pub(crate) fn created(key: &PrivateKey, answer: &Answer) -> CreateAnswer {
    let text = rsa::open(key, &answer.payload(), 8).unwrap();
    CreateAnswer::from_inner(&text).unwrap()
}

pub(crate) fn registered(key: &PrivateKey, answer: &Answer) -> RegisterAnswer {
    let text = rsa::open(key, &answer.payload(), 8).unwrap();
    RegisterAnswer::from_inner(&text).unwrap()
}

pub(crate) fn redeemed(session: &SessionKey, answer: &Answer) -> RedeemAnswer {
    let text = aes::open(session, &answer.payload()).unwrap();
    RedeemAnswer::from_inner(&text).unwrap()
}

/// Some PIN that is not this one.
pub(crate) fn other_than(pin: &Pin) -> Pin {
    Pin::parse(if pin.reveal() == "0000" {
        "1111"
    } else {
        "0000"
    })
    .unwrap()
}

/// A Registry, an instrument for H and 0, a POS, and a client.
pub(crate) struct World {
    pub(crate) registry: TestRegistry,
    pub(crate) instrument: NewInstrument,
    pub(crate) pos: NewPos,
    pub(crate) client: Client,
    pub(crate) clock: Arc<HandClock>,
    _dir: Option<tempfile::TempDir>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut RegistryOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = Self::at(dir.path(), change).await;
        Self {
            _dir: Some(dir),
            ..world
        }
    }

    pub(crate) async fn at(dir: &Path, change: impl FnOnce(&mut RegistryOptions)) -> Self {
        let clock = Arc::new(HandClock::default());
        let mut options = RegistryOptions::new()
            .key_bits(2048)
            .clock(Arc::clone(&clock) as _);
        change(&mut options);
        let registry = TestRegistry::start_with(dir, options).await.unwrap();
        let aims = ["H".parse().unwrap(), "0".parse().unwrap()];
        Self {
            instrument: registry.add_instrument("Steps", &aims).await.unwrap(),
            pos: registry.add_pos("A merchant", "A shop").await.unwrap(),
            client: Client::new(registry.url()).await,
            registry,
            clock,
            _dir: None,
        }
    }
}

/// The machine's clock, set forward by hand.
#[derive(Debug, Default)]
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn forward(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock
            .now()
            .plus_millis(self.0.load(Ordering::Relaxed))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let headers = response.headers().iter();
    let headers = headers
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    Answer {
        status: response.status().as_u16(),
        headers: headers.collect(),
        text: response.text().await.unwrap(),
    }
}
