//! Proof that third parties can implement the two traits: a step counter in the cloud with a
//! challenge handshake, signed webhooks and a paged pull, and a shop with order webhooks. Both
//! talk to a real HTTP server.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use axum::{Json, Router, extract::Query, routing::get};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use wom_sdk::{
    Activity, Body, Device, Digest, Error, Kind, Observation, Provenance, Recording, Result, Span,
    Subject, Timestamp,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    collector::{Collector, Unwatched},
    instrument::{
        Capabilities, Chunks, Cursor, Hint, Info, Input, Instrument, Proven, Received, Refusal,
        Reply, Request, Sink, Verdict,
    },
    merchant::{Applied, Discount, Merchant, MerchantCapabilities, Order, OrderId, OrderLine},
    privacy::MemoryKeyStore,
    rules::{Evidence, Finding, Judgement, Reason, RuleSet},
    store::MemoryStore,
    testing::conformance::{self, merchant::Fixture},
};

const SECRET: &[u8] = b"only the vendor and we know this";

fn sign(body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(body);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn signature_holds(request: &Request<'_>) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap();
    mac.update(request.body);
    let given = request
        .header("X-Signature")
        .and_then(|hex| std::str::from_utf8(hex).ok())
        .unwrap_or_default();
    let bytes: Option<Vec<u8>> = (0..given.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(given.get(at..at + 2)?, 16).ok())
        .collect();
    bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok())
}

/// A vendor's cloud: sessions in pages of two, behind a token.
#[derive(Debug)]
struct CloudSteps {
    base: String,
}

#[derive(Deserialize)]
struct Page {
    sessions: Vec<Session>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    version: u64,
    user: String,
    start: String,
    seconds: i64,
    deleted: bool,
}

#[async_trait]
impl Instrument for CloudSteps {
    fn info(&self) -> Info {
        Info {
            name: "toy.cloud-steps",
            summary: "Sessions of an imaginary vendor.",
            rules: "toy/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::SERVICE
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        if request.method == "GET" {
            let challenge = request
                .query
                .split('&')
                .find_map(|pair| pair.strip_prefix("challenge="));
            return match challenge {
                Some(challenge) => Received::answer(Reply::json(
                    200,
                    format!(r#"{{"challenge":"{challenge}"}}"#),
                )),
                None => Received::refuse(
                    400,
                    Error::new(Kind::WebhookRefused, "a handshake without a challenge"),
                ),
            };
        }
        if !signature_holds(request) {
            return Received::refuse(
                401,
                Error::new(Kind::WebhookRefused, "the signature does not hold"),
            );
        }
        match std::str::from_utf8(request.body) {
            Ok(user) => Received::read(Reply::status(204), Hint(user.to_owned())),
            Err(_) => Received::refuse(400, Error::new(Kind::InputInvalid, "the body is not text")),
        }
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let mut at = match input {
            Input::Hint(_) => Some(String::from("0")),
            Input::Pull(since) => since.map_or_else(|| Some("0".to_owned()), |Cursor(at)| Some(at)),
            _ => {
                return Err(Error::new(
                    Kind::Unsupported,
                    "this adapter pulls from its vendor only",
                ));
            }
        };
        while let Some(page) = at {
            let url = format!("{}/sessions?page={page}", self.base);
            let unreachable = |error: reqwest::Error| {
                Error::new(Kind::NetworkUnreachable, "no answer").because(error)
            };
            let answer: Page = reqwest::get(url)
                .await
                .map_err(unreachable)?
                .json()
                .await
                .map_err(unreachable)?;
            let mut chunks = Chunks::new(sink);
            for session in answer.sessions {
                match session.observe() {
                    Ok(observation) => chunks.push(observation).await?,
                    Err(_) => {
                        chunks
                            .refuse(Refusal::new("bad_session", "the session cannot be read"))
                            .await?
                    }
                }
            }
            chunks.finish().await?;
            if let Some(next) = &answer.next {
                sink.resume_at(Cursor(next.clone())).await?;
            }
            at = answer.next;
        }
        Ok(())
    }
}

impl Session {
    fn observe(self) -> Result<Observation> {
        let span = Span::starting(self.start.parse()?, self.seconds * 1000);
        let body = if self.deleted {
            Body::Withdrawn
        } else {
            Body::Interval {
                span,
                activity: Activity::WALKING,
                steps: None,
            }
        };
        Ok(Observation {
            subject: Subject::new("toy", self.user)?,
            key: Digest::of([&self.id]),
            revision: self.version,
            provenance: Provenance {
                stream: Digest::of(["cloud"]),
                device: Device::Watch,
                recording: Recording::Measured,
            },
            body,
        })
    }
}

/// Counts every interval.
#[derive(Debug)]
struct ToyRules;

static COUNTED: Reason = Reason {
    code: "counted",
    en: "counted",
    it: "contato",
};

impl RuleSet for ToyRules {
    fn name(&self) -> &'static str {
        "toy/1"
    }

    fn judge(&self, entries: &[&wom_sdk::observation::Entry], _now: Timestamp) -> Judgement {
        let mut judgement = Judgement::default();
        for entry in entries {
            let Body::Interval { span, activity, .. } = &entry.body else {
                continue;
            };
            judgement.evidence.push(Evidence {
                activity: activity.clone(),
                time: (*span).into(),
            });
            judgement.findings.push(Finding {
                key: entry.key,
                span: *span,
                millis: span.millis(),
                reason: &COUNTED,
                hold: false,
            });
        }
        judgement
    }
}

/// Two pages: an overlap, a correction that comes before what it corrects, a deletion.
async fn vendor() -> String {
    #[derive(Deserialize)]
    struct Asked {
        page: usize,
    }
    let session = |id: &str, version: u64, start: &str, seconds: i64, deleted: bool| serde_json::json!({"id": id, "version": version, "user": "anna", "start": start, "seconds": seconds, "deleted": deleted});
    let pages = Arc::new(vec![
        serde_json::json!({"next": "1", "sessions": [
            session("a", 1, "2026-11-03T10:00:00Z", 1800, false),
            session("b", 1, "2026-11-03T10:15:00Z", 1800, false),
            session("c", 2, "2026-11-03T12:00:00Z", 600, false),
        ]}),
        serde_json::json!({"next": null, "sessions": [
            session("c", 1, "2026-11-03T12:00:00Z", 6000, false),
            session("d", 1, "2026-11-03T15:00:00Z", 600, false),
            session("d", 2, "2026-11-03T15:00:00Z", 600, true),
            {"id": "e", "version": 1, "user": "anna", "start": "yesterday", "seconds": 60, "deleted": false},
        ]}),
    ]);
    let app = Router::new().route(
        "/sessions",
        get(move |Query(asked): Query<Asked>| {
            let pages = Arc::clone(&pages);
            async move { Json(pages[asked.page].clone()) }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn request<'a>(
    method: &'a str,
    query: &'a str,
    headers: &'a [(&'a str, &'a [u8])],
    body: &'a [u8],
) -> Request<'a> {
    Request {
        method,
        query,
        headers,
        body,
        received_at: Timestamp::EPOCH,
    }
}

#[derive(Debug)]
struct Noon;

impl wom_sdk::Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-10T12:00:00Z".parse().unwrap()
    }
}

#[tokio::test]
async fn a_signed_webhook_leads_to_a_paged_pull_and_every_minute_counts_once() {
    let adapter = CloudSteps {
        base: vendor().await,
    };

    let handshake = adapter.receive(&request("GET", "mode=subscribe&challenge=c0ffee", &[], b""));
    assert_eq!(
        handshake.reply,
        Reply::json(200, r#"{"challenge":"c0ffee"}"#)
    );
    assert!(matches!(handshake.verdict, Verdict::Answered));

    let forged = adapter.receive(&request("POST", "", &[("x-signature", b"00ff")], b"anna"));
    assert_eq!(forged.reply.status, 401);
    assert!(matches!(forged.verdict, Verdict::Refused(_)));

    let signature = sign(b"anna");
    let headers = [("x-signature", signature.as_bytes())];
    let told = adapter.receive(&request("POST", "", &headers, b"anna"));
    assert_eq!(told.reply.status, 204);
    let Verdict::Read(hint) = told.verdict else {
        panic!("a signed call is to be read")
    };

    let store = Arc::new(MemoryStore::new());
    let campaign = Campaign {
        name: "toy".to_owned(),
        zone: "Europe/Rome".parse().unwrap(),
        runs: Span::new(
            "2026-01-01T00:00:00Z".parse().unwrap(),
            "2027-01-01T00:00:00Z".parse().unwrap(),
        )
        .unwrap(),
        settlement_ms: Campaign::SETTLEMENT_MS,
        lateness_ms: Campaign::LATENESS_MS,
        collect: Collect::AtOnce,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("health", "H".parse().unwrap())],
    };
    let collector = Collector::new(
        store,
        Arc::new(MemoryKeyStore::default()),
        Arc::new(Noon),
        Identity {
            registry: "http://127.0.0.1".to_owned(),
            source: "s".to_owned(),
        },
        campaign,
        Arc::new(ToyRules),
    );
    let mut minutes = Vec::new();
    for _ in 0..3 {
        let submission = collector
            .submit(&adapter, Input::Hint(hint.clone()), None, &mut Unwatched)
            .await
            .unwrap();
        assert_eq!((submission.observations, submission.refused), (6, 1));
        minutes.extend(
            submission
                .settled
                .iter()
                .flat_map(|s| &s.awarded)
                .map(|accepted| accepted.minutes()),
        );
    }
    // 10:00 to 10:45 from two overlapping sessions, and ten minutes of the corrected one.
    assert_eq!(minutes, [55]);
}

/// A shop whose orders live in memory.
#[derive(Debug)]
struct ToyShop {
    orders: Mutex<BTreeMap<OrderId, Order>>,
}

impl ToyShop {
    fn missing() -> Error {
        Error::new(Kind::InputInvalid, "there is no such order")
    }
}

#[async_trait]
impl Merchant for ToyShop {
    fn info(&self) -> Info {
        Info {
            name: "toy.shop",
            summary: "An imaginary shop.",
            rules: "",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> MerchantCapabilities {
        let mut offers = MerchantCapabilities::FULL;
        offers.creates_codes = false;
        offers
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        if !signature_holds(request) {
            return Received::refuse(
                401,
                Error::new(Kind::WebhookRefused, "the signature does not hold"),
            );
        }
        Received::read(
            Reply::status(200),
            Hint(String::from_utf8_lossy(request.body).into_owned()),
        )
    }

    async fn orders(&self, _since: Option<Cursor>) -> Result<(Vec<OrderId>, Option<Cursor>)> {
        Ok((self.orders.lock().unwrap().keys().cloned().collect(), None))
    }

    async fn read(&self, order: &OrderId) -> Result<Order> {
        self.orders
            .lock()
            .unwrap()
            .get(order)
            .cloned()
            .ok_or_else(Self::missing)
    }

    async fn find(&self, reference: &str) -> Result<Option<OrderId>> {
        let orders = self.orders.lock().unwrap();
        let carries = |order: &&Order| {
            order
                .lines
                .iter()
                .any(|line| line.reference.as_deref() == Some(reference))
        };
        Ok(orders.values().find(carries).map(|order| order.id.clone()))
    }

    async fn apply(&self, order: &OrderId, discount: &Discount, key: &str) -> Result<Applied> {
        let found = self.find(key).await?;
        if found.as_ref().is_some_and(|found| found != order) {
            return Err(Error::new(Kind::AlreadyPerformed, "it is on another order"));
        }
        let mut orders = self.orders.lock().unwrap();
        let order = orders.get_mut(order).ok_or_else(Self::missing)?;
        if found.is_none() {
            let amount = discount.of(order.total);
            order.lines.push(OrderLine {
                text: "Sconto WOM".to_owned(),
                amount: -amount,
                reference: Some(key.to_owned()),
            });
            order.total -= amount;
            order.version += "+";
        }
        Ok(Applied::Applied {
            reference: key.to_owned(),
        })
    }

    async fn revoke(&self, order: &OrderId, reference: &str) -> Result<()> {
        let mut orders = self.orders.lock().unwrap();
        let order = orders.get_mut(order).ok_or_else(Self::missing)?;
        let (kept, gone): (Vec<_>, Vec<_>) = order
            .lines
            .drain(..)
            .partition(|line| line.reference.as_deref() != Some(reference));
        order.lines = kept;
        order.total -= gone.iter().map(|line| line.amount).sum::<i64>();
        Ok(())
    }
}

/// A toy shop that takes orders of 12.50.
struct ToyOrders(Arc<ToyShop>);

#[async_trait]
impl Fixture for ToyOrders {
    fn open(&self) -> Arc<dyn Merchant> {
        self.0.clone()
    }

    async fn order(&self) -> OrderId {
        let mut orders = self.0.orders.lock().unwrap();
        let id = OrderId(format!("order-{}", orders.len()));
        let order = Order {
            id: id.clone(),
            version: "1".to_owned(),
            lines: Vec::new(),
            total: 1250,
            currency: "EUR".to_owned(),
            open: true,
        };
        orders.insert(id.clone(), order);
        id
    }
}

#[tokio::test]
async fn the_toy_shop_conforms() {
    let orders = Mutex::default();
    let shop = ToyOrders(Arc::new(ToyShop { orders }));
    conformance::merchant::conforms(&shop).await;
}

#[tokio::test]
async fn an_order_webhook_leads_to_one_discount_however_often_it_is_applied() {
    let id = OrderId("1001".to_owned());
    let order = Order {
        id: id.clone(),
        version: "1".to_owned(),
        lines: vec![OrderLine {
            text: "Espresso".to_owned(),
            amount: 1250,
            reference: None,
        }],
        total: 1250,
        currency: "EUR".to_owned(),
        open: true,
    };
    let shop: Arc<dyn Merchant> = Arc::new(ToyShop {
        orders: Mutex::new([(id, order)].into()),
    });

    let signature = sign(b"1001");
    let headers = [("X-SIGNATURE", signature.as_bytes())];
    let Verdict::Read(Hint(id)) = shop
        .receive(&request("POST", "", &headers, b"1001"))
        .verdict
    else {
        panic!("a signed call is to be read")
    };
    let id = OrderId(id);
    for _ in 0..3 {
        shop.apply(&id, &Discount::BasisPoints(1000), "wom-7")
            .await
            .unwrap();
    }
    let read = shop.read(&id).await.unwrap();
    assert_eq!((read.total, read.lines.len()), (1125, 2));
    assert_eq!(shop.find("wom-7").await.unwrap(), Some(id.clone()));
    shop.revoke(&id, "wom-7").await.unwrap();
    assert_eq!(shop.read(&id).await.unwrap().total, 1250);
}

#[test]
fn what_is_not_overridden_says_that_it_is_unsupported() {
    let steps = CloudSteps {
        base: String::new(),
    };
    let refused = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(steps.refresh(&[], Timestamp::EPOCH, &mut Nothing))
        .unwrap_err();
    assert_eq!(refused.kind(), Kind::Unsupported);
}

struct Nothing;

#[async_trait]
impl Sink for Nothing {
    async fn observe(&mut self, _chunk: Vec<Observation>) -> Result<()> {
        Ok(())
    }

    async fn refuse(&mut self, _refusal: Refusal) -> Result<()> {
        Ok(())
    }
}
