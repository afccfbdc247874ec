//! The clients against a Registry of a few lines with real cryptography, on a transport where
//! everything goes wrong by script. Time is paused: nothing here sleeps.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{task::JoinSet, time::Instant};

use super::*;
use crate::{
    Error, Kind, Result, Retry, Timestamp,
    award::{Content, Issuer as _, Vouchers},
    checkout::{Charge, Payee as _},
    pocket::Gateway as _,
    protocol::{
        Otc, Pin, PosId, Position, PrivateKey, Problem, ProblemType, SessionKey, SourceId,
        VoucherId, VoucherSecret, aes,
        message::{
            ConfirmAnswer, ConfirmRequest, CreateAnswer, CreateBody, CreateReceived, InfoAnswer,
            InfoRequest, RedeemAnswer, RedeemRequest, RedeemedVoucher, RegisterAnswer,
            RegisterBody, RegisterRequest, SealedBody, StatusAnswer, StatusBody, StatusRequest,
            VerifyRequest,
        },
        rsa,
    },
    testing::{Fault, FaultTransport},
};

const ADDRESS: &str = "http://127.0.0.1:1";
const SOURCE: &str = "65aa0c3be1f0d25c7b9e4411";
const POS: &str = "65aa0c3be1f0d25c7b9e4422";

/// The keys of the test vectors: `registry`, `source` or `pos`.
fn key(name: &str) -> PrivateKey {
    static KEYS: LazyLock<BTreeMap<String, PrivateKey>> = LazyLock::new(|| {
        let vectors = include_str!("../../../tests/vectors/wom-vectors.json");
        let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
        let keys = vectors["keys"].as_object().unwrap().iter();
        keys.map(|(name, key)| {
            let der = key["private_pkcs1_der_base64"].as_str().unwrap();
            let der = BASE64_STANDARD.decode(der).unwrap();
            (name.clone(), PrivateKey::from_der(&der, None).unwrap())
        })
        .collect()
    });
    KEYS[name].clone()
}

/// A Registry that forgets, but reads and writes the protocol.
#[derive(Debug)]
struct Registry(Mutex<Settings>);

#[derive(Clone, Debug)]
struct Settings {
    /// The keys shown one after the other; the last one stays.
    shown: Vec<PrivateKey>,
    /// The key that payloads are read with; none: none is ever read.
    reads: Option<PrivateKey>,
    /// Who answers are sealed for.
    source: PrivateKey,
    nonce: Option<&'static str>,
    count: Option<u32>,
    link: bool,
    confirmations: Vec<Timestamp>,
}

impl Registry {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Settings {
            shown: vec![key("registry")],
            reads: Some(key("registry")),
            source: key("source"),
            nonce: None,
            count: None,
            link: true,
            confirmations: Vec::new(),
        })))
    }

    fn set(self: &Arc<Self>, change: impl FnOnce(&mut Settings)) -> Arc<Self> {
        change(&mut self.0.lock().unwrap());
        Arc::clone(self)
    }

    fn answer(&self, request: &HttpRequest) -> Result<String, ProblemType> {
        let mut settings = self.0.lock().unwrap();
        let path = request.url.strip_prefix(ADDRESS).unwrap();
        if path == "/api/v1/auth/key" {
            let shown = settings.shown[0].public().to_pem();
            if settings.shown.len() > 1 {
                settings.shown.remove(0);
            }
            return Ok(shown);
        }
        let settings = settings.clone();
        let body = request.body.as_ref().unwrap().as_bytes();
        let open = |payload: &str| {
            let reads = settings.reads.as_ref();
            let reads = reads.ok_or(ProblemType::PayloadVerificationFailure)?;
            rsa::open(reads, payload, 256).map_err(|_| ProblemType::PayloadVerificationFailure)
        };
        let unreadable = |_: Error| ProblemType::PayloadVerificationFailure;
        let echo = |nonce: String| settings.nonce.map_or(nonce, ToOwned::to_owned);
        let sealed = |payload: String| SealedBody { payload }.to_json();
        let link = |kind: &str| {
            let link = format!("{ADDRESS}/x/{kind}");
            settings.link.then(|| link.into())
        };
        Ok(match path.strip_prefix("/api/v1/").unwrap() {
            "voucher/create" => {
                let body = CreateBody::from_outer(body).unwrap();
                let text = open(&body.payload)?;
                let request = CreateReceived::from_inner(&text).map_err(unreadable)?;
                assert_eq!(
                    (&request.source_id, &request.nonce),
                    (&body.source_id, &body.nonce)
                );
                let total: u32 = request
                    .check()
                    .unwrap()
                    .iter()
                    .map(|sort| sort.count())
                    .sum();
                let answer = CreateAnswer {
                    registry_url: ADDRESS.into(),
                    nonce: echo(request.nonce),
                    otc: Otc::random(),
                    password: Pin::random(),
                    link: link("vouchers"),
                    count: Some(settings.count.unwrap_or(total)).filter(|_| settings.link),
                };
                sealed(rsa::seal(
                    settings.source.public(),
                    answer.to_json().as_bytes(),
                ))
            }
            "voucher/verify" | "payment/verify" => {
                let text = open(&SealedBody::from_outer(body).unwrap().payload)?;
                VerifyRequest::from_inner(&text).map_err(unreadable)?;
                String::new()
            }
            "voucher/redeem" => {
                let text = open(&SealedBody::from_outer(body).unwrap().payload)?;
                let request = RedeemRequest::from_inner(&text).map_err(unreadable)?;
                let answer = RedeemAnswer {
                    source_id: SOURCE.parse().unwrap(),
                    source_name: "A walk".into(),
                    vouchers: vec![RedeemedVoucher {
                        id: VoucherId::new(SOURCE, 1).unwrap(),
                        secret: VoucherSecret::random(),
                        aim: "H".into(),
                        position: Position::ZERO,
                        timestamp: Timestamp::EPOCH,
                    }],
                };
                sealed(aes::seal(&request.session_key, answer.to_json().as_bytes()))
            }
            "payment/register" => {
                let body = RegisterBody::from_outer(body).unwrap();
                let text = open(&body.payload)?;
                let request = RegisterRequest::from_inner(&text).map_err(unreadable)?;
                let answer = RegisterAnswer {
                    registry_url: ADDRESS.into(),
                    nonce: echo(request.nonce),
                    otc: Otc::random(),
                    password: Pin::random(),
                    link: link("payment"),
                };
                sealed(rsa::seal(key("pos").public(), answer.to_json().as_bytes()))
            }
            "payment/info" => {
                let text = open(&SealedBody::from_outer(body).unwrap().payload)?;
                let request = InfoRequest::from_inner(&text).map_err(unreadable)?;
                let answer = InfoAnswer {
                    pos_id: POS.parse().unwrap(),
                    pos_name: "A shop".into(),
                    amount: 1,
                    filter: None,
                    persistent: false,
                };
                sealed(aes::seal(&request.session_key, answer.to_json().as_bytes()))
            }
            "payment/confirm" => {
                let text = open(&SealedBody::from_outer(body).unwrap().payload)?;
                let request = ConfirmRequest::from_inner(&text).map_err(unreadable)?;
                let answer = ConfirmAnswer::default();
                sealed(aes::seal(&request.session_key, answer.to_json().as_bytes()))
            }
            "payment/status" => {
                let body = StatusBody::from_outer(body).unwrap();
                let text = open(&body.payload)?;
                StatusRequest::from_inner(&text).map_err(unreadable)?;
                let answer = StatusAnswer {
                    persistent: false,
                    has_been_performed: !settings.confirmations.is_empty(),
                    confirmations: settings.confirmations.clone(),
                };
                let payload = rsa::seal(key("pos").public(), answer.to_json().as_bytes());
                StatusBody { payload, ..body }.to_json()
            }
            path => panic!("nobody asks for {path}"),
        })
    }
}

#[async_trait]
impl Transport for Arc<Registry> {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        Ok(match self.answer(&request) {
            Ok(body) => HttpResponse::new(200, body),
            Err(problem) => HttpResponse::new(problem.status(), Problem::new(problem).to_json())
                .content_type("application/problem+json"),
        })
    }
}

/// A client on a transport without faults, and the transport to make some.
struct World {
    faults: FaultTransport,
    client: RegistryClient,
}

fn world(registry: &Arc<Registry>) -> World {
    world_with(registry, |builder| builder)
}

fn world_with(
    registry: &Arc<Registry>,
    settings: impl FnOnce(RegistryClientBuilder) -> RegistryClientBuilder,
) -> World {
    let faults = FaultTransport::new(Arc::clone(registry));
    let builder = RegistryClient::builder(ADDRESS).transport(faults.clone());
    World {
        faults,
        client: settings(builder).build().unwrap(),
    }
}

impl World {
    async fn call(&self, operation: &str) -> Result<()> {
        let client = self.client.clone();
        let instrument = InstrumentClient::new(client.clone(), source(), key("source"))?;
        let pos = PosClient::new(client.clone(), POS.parse()?, key("pos"))?;
        let pocket = PocketClient::new(client.clone());
        let (otc, pin, session) = (Otc::random(), Pin::random(), SessionKey::random());
        match operation {
            "auth/key" => client.key().await.map(drop),
            "voucher/create" => instrument.create(&content(), "n").await.map(drop),
            "voucher/verify" => instrument.verify(&otc).await,
            "voucher/redeem" => pocket.redeem(&otc, &pin, &session, None).await.map(drop),
            "payment/register" => pos.register(&Charge::new(10)?, "n").await.map(drop),
            "payment/verify" => pos.verify(&otc).await,
            "payment/status" => pos.status(&otc).await.map(drop),
            "payment/info" => pocket.info(&otc, &pin).await.map(drop),
            "payment/confirm" => pocket.confirm(&otc, &pin, &session, vec![]).await.map(drop),
            other => panic!("{other}"),
        }
    }
}

const REPEATABLE: [&str; 2] = ["auth/key", "payment/info"];
const BY_CALLER: [&str; 5] = [
    "voucher/create",
    "voucher/verify",
    "payment/register",
    "payment/verify",
    "payment/status",
];
const ONCE: [&str; 2] = ["voucher/redeem", "payment/confirm"];

fn source() -> SourceId {
    SOURCE.parse().unwrap()
}

fn content() -> Content {
    let sort = |aim: &str, minutes| Vouchers {
        aim: aim.parse().unwrap(),
        minutes,
        place: Position::ZERO,
        at: Timestamp::EPOCH,
    };
    Content::new(vec![sort("H", 20), sort("UM", 7)]).unwrap()
}

fn problem(kind: ProblemType) -> Fault {
    Fault::Answer(
        HttpResponse::new(kind.status(), Problem::new(kind).to_json())
            .content_type("application/problem+json"),
    )
}

#[tokio::test(start_paused = true)]
async fn every_sort_of_an_award_goes_in_one_request_and_a_ticket_comes_back() {
    let world = world(&Registry::new());
    let instrument = InstrumentClient::new(world.client.clone(), source(), key("source")).unwrap();
    let ticket = instrument.create(&content(), "n").await.unwrap();
    assert_eq!(ticket.minutes, 27);
    assert_eq!(ticket.link.reveal(), format!("{ADDRESS}/x/vouchers"));
    instrument.verify(&ticket.otc).await.unwrap();
    assert_eq!(instrument.identity().registry, ADDRESS);
    assert_eq!(world.faults.arrived("voucher/create"), 1);
}

#[tokio::test(start_paused = true)]
async fn older_registries_tell_neither_link_nor_count() {
    let registry = Registry::new().set(|settings| settings.link = false);
    let world = world(&registry);
    let instrument = InstrumentClient::new(world.client.clone(), source(), key("source")).unwrap();
    let ticket = instrument.create(&content(), "n").await.unwrap();
    assert_eq!(ticket.minutes, 27);
    let link = format!("{ADDRESS}/vouchers/{}", ticket.otc.reveal());
    assert_eq!(ticket.link.reveal(), link);
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_is_repeated_twice_and_then_told() {
    let passing = [
        Fault::Refuse,
        Fault::LoseRequest,
        Fault::LoseReply,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
        Fault::Status(408),
        Fault::Answer(HttpResponse::new(200, "<html>Log in</html>")),
    ];
    for operation in REPEATABLE {
        for fault in &passing {
            let world = world(&Registry::new());
            world.faults.add(operation, [fault.clone(), fault.clone()]);
            let done = world.call(operation).await;
            assert!(done.is_ok(), "{operation} {fault:?}: {done:?}");
            assert_eq!(world.faults.sent(operation), 3);

            let world = self::world(&Registry::new());
            let faults = world.faults.clone().always(operation, fault.clone());
            let error = world.call(operation).await.unwrap_err();
            assert_eq!(faults.sent(operation), 3, "{operation} {fault:?}");
            assert_ne!(error.retry(), Retry::Never, "{error:?}");
        }
    }
    // Whoever writes down what it asks repeats it itself; not even the key is fetched twice.
    for operation in BY_CALLER {
        for (spoilt, fault) in passing
            .iter()
            .flat_map(|fault| [(operation, fault), ("auth/key", fault)])
        {
            let world = world(&Registry::new());
            world.faults.add(spoilt, [fault.clone()]);
            let error = world.call(operation).await.unwrap_err();
            assert_ne!(error.retry(), Retry::Never, "{error:?}");
            assert_eq!(world.faults.sent(spoilt), 1, "{operation} {fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn redeem_and_confirm_are_sent_once_if_they_may_have_arrived() {
    let unclear = [
        Fault::LoseRequest,
        Fault::LoseReply,
        Fault::Hang,
        Fault::Status(500),
        Fault::Status(504),
        Fault::Truncate(40),
        Fault::Answer(HttpResponse::new(200, "<html>Log in</html>")),
        Fault::Answer(HttpResponse::new(200, "{}")),
        Fault::Answer(HttpResponse::new(302, "")),
    ];
    for operation in ONCE {
        for fault in &unclear {
            let world = world(&Registry::new());
            world.faults.add(operation, [fault.clone()]);
            let error = world.call(operation).await.unwrap_err();
            assert_eq!(error.retry(), Retry::SameKey, "{operation} {fault:?}");
            assert_eq!(world.faults.sent(operation), 1, "{operation} {fault:?}");
        }
        let world = world(&Registry::new());
        world.faults.add(operation, [Fault::Refuse, Fault::Refuse]);
        assert!(world.call(operation).await.is_ok());
        assert_eq!(world.faults.sent(operation), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_answer_is_final() {
    for operation in REPEATABLE.into_iter().chain(BY_CALLER).chain(ONCE) {
        for (answer, kind) in [
            (problem(ProblemType::OtcNotValid), Kind::OtcUnknown),
            (problem(ProblemType::WrongPassword), Kind::PinWrong),
            (problem(ProblemType::RequestVoid), Kind::RequestVoid),
            (problem(ProblemType::SourceNotFound), Kind::SourceUnknown),
            (Fault::Status(403), Kind::AccessDenied),
            (Fault::Status(404), Kind::ConfigurationInvalid),
        ] {
            let world = world(&Registry::new());
            let faults = world.faults.clone().always(operation, answer);
            let error = world.call(operation).await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (kind, Retry::Never));
            assert_eq!(faults.sent(operation), 1, "{operation}");
        }
        let world = world(&Registry::new());
        let faults = world.faults.clone().always(operation, Fault::Status(302));
        let error = world.call(operation).await.unwrap_err();
        assert_eq!(error.kind(), Kind::RegistryMisbehaved);
        assert_eq!(faults.sent(operation), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_takes_longer_than_its_deadline() {
    for operation in REPEATABLE.into_iter().chain(BY_CALLER).chain(ONCE) {
        for spoilt in [operation, "auth/key"] {
            let slow = |builder: RegistryClientBuilder| builder.deadline(Duration::from_secs(4));
            for fault in [
                Fault::Hang,
                Fault::DelayReply(Duration::from_secs(3600)),
                Fault::Delay(Duration::from_secs(3)),
                Fault::Status(500),
                Fault::Refuse,
            ] {
                let world = world_with(&Registry::new(), slow);
                let _faults = world.faults.clone().always(spoilt, fault.clone());
                let started = Instant::now();
                let done = world.call(operation).await;
                let took = started.elapsed();
                let what = format!("{operation}, {spoilt} {fault:?}: {took:?} {done:?}");
                assert!(took <= Duration::from_millis(4010), "{what}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_lost_answer_fits_into_the_time_of_what_may_be_repeated() {
    let world = world(&Registry::new());
    world.faults.add("payment/info", [Fault::Hang]);
    assert!(world.call("payment/info").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_key_alone_sent_nothing() {
    let world = world(&Registry::new());
    let _faults = world.faults.clone().always("auth/key", Fault::Hang);
    let error = world.call("payment/confirm").await.unwrap_err();
    assert_eq!(error.retry(), Retry::Safe, "{error:?}");
    assert_eq!(world.faults.sent("payment/confirm"), 0);
}

#[tokio::test(start_paused = true)]
async fn the_pause_that_the_registry_asks_for_is_kept_if_there_is_time() {
    let busy = |pause: &str| Fault::Answer(HttpResponse::new(503, "").retry_after(pause));
    let world = world(&Registry::new());
    world.faults.add("payment/info", [busy("7")]);
    let started = Instant::now();
    world.call("payment/info").await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(7));

    world.faults.add("payment/info", [busy("60")]);
    let started = Instant::now();
    let error = world.call("payment/info").await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1));
    let asked = error
        .context()
        .find(|(name, _)| *name == "retry_after_seconds");
    assert_eq!(asked.map(|(_, seconds)| seconds), Some("60"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_to_our_request_is_no_answer() {
    for change in [
        (|settings: &mut Settings| settings.nonce = Some("other")) as fn(&mut Settings),
        |settings| settings.count = Some(26),
        |settings| settings.count = Some(270),
    ] {
        let registry = Registry::new().set(change);
        let error = world(&registry).call("voucher/create").await.unwrap_err();
        assert_eq!(error.kind(), Kind::RegistryMisbehaved, "{error:?}");
        assert_eq!(error.retry(), Retry::SameKey);
    }
    let registry = Registry::new().set(|settings| settings.nonce = Some("other"));
    let error = world(&registry).call("payment/register").await.unwrap_err();
    assert_eq!(error.kind(), Kind::RegistryMisbehaved);
}

#[tokio::test(start_paused = true)]
async fn the_answer_to_another_request_is_not_taken() {
    let world = world(&Registry::new());
    let instrument = InstrumentClient::new(world.client.clone(), source(), key("source")).unwrap();
    let first = instrument.create(&content(), "one").await.unwrap();
    world.faults.add("voucher/create", [Fault::Stale]);
    let stale = instrument.create(&content(), "two").await.unwrap_err();
    assert_eq!(stale.kind(), Kind::RegistryMisbehaved);
    let second = instrument.create(&content(), "two").await.unwrap();
    assert_ne!(first.otc, second.otc);
    // Nor is a code taken for the answer to a verify.
    world.faults.add("voucher/verify", [Fault::Stale]);
    let stale = instrument.verify(&second.otc).await.unwrap_err();
    assert_eq!(stale.kind(), Kind::RegistryMisbehaved);
}

#[tokio::test(start_paused = true)]
async fn a_private_key_of_another_is_named_as_such_and_at_once() {
    let registry = Registry::new().set(|settings| settings.source = key("pos"));
    let world = world(&registry);
    let error = world.call("voucher/create").await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (Kind::PayloadInvalid, Retry::Never)
    );
    assert!(error.to_string().contains("private key"), "{error}");
    assert_eq!(world.faults.sent("voucher/create"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_key_is_fetched_once_for_all() {
    let world = Arc::new(world(&Registry::new()));
    world
        .faults
        .add("auth/key", [Fault::Delay(Duration::from_secs(1))]);
    let mut calls = JoinSet::new();
    for _ in 0..64 {
        let world = Arc::clone(&world);
        calls.spawn(async move { world.call("voucher/verify").await });
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
    assert_eq!(world.faults.sent("auth/key"), 1);
    assert_eq!(world.faults.sent("voucher/verify"), 64);
}

#[tokio::test(start_paused = true)]
async fn a_changed_key_is_taken_after_a_refusal_and_only_then() {
    for operation in REPEATABLE[1..].iter().copied().chain(ONCE) {
        let registry = Registry::new();
        let world = Arc::new(world(&registry));
        world.client.key().await.unwrap();
        registry.set(|settings| {
            settings.shown = vec![key("pos")];
            settings.reads = Some(key("pos"));
        });
        let mut calls = JoinSet::new();
        for _ in 0..8 {
            let world = Arc::clone(&world);
            calls.spawn(async move { world.call(operation).await });
        }
        let done = calls.join_all().await;
        assert!(done.iter().all(Result::is_ok), "{operation}: {done:?}");
        assert_eq!(world.faults.sent("auth/key"), 2, "{operation}");
        let key = world.client.key().await.unwrap();
        assert_eq!(key, *self::key("pos").public());
    }
}

#[tokio::test(start_paused = true)]
async fn a_pinned_key_is_never_exchanged() {
    let pin = |builder: RegistryClientBuilder| builder.pin(key("registry").public().fingerprint());
    let give = |builder: RegistryClientBuilder| builder.key(key("registry").public().clone());
    let settings: [&dyn Fn(RegistryClientBuilder) -> RegistryClientBuilder; 2] = [&pin, &give];
    for (known, settings) in settings.into_iter().enumerate() {
        let registry = Registry::new();
        let world = world_with(&registry, settings);
        world.call("voucher/redeem").await.unwrap();
        assert_eq!(world.faults.sent("auth/key"), 1 - known);
        registry.set(|settings| {
            settings.shown = vec![key("pos")];
            settings.reads = Some(key("pos"));
        });
        let error = world.call("voucher/redeem").await.unwrap_err();
        assert_eq!(error.kind(), Kind::RegistryKeyChanged);
        assert!(error.advice().is_some());
        assert_eq!(world.faults.sent("voucher/redeem"), 2);
        let key = world.client.key().await.unwrap();
        assert_eq!(key, *self::key("registry").public());
    }
    let world = world_with(&Registry::new(), |builder| {
        builder.pin(key("pos").public().fingerprint())
    });
    let error = world.call("voucher/redeem").await.unwrap_err();
    assert_eq!(error.kind(), Kind::RegistryKeyChanged);
    assert_eq!(world.faults.sent("voucher/redeem"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_never_reads_does_not_keep_us_busy() {
    for operation in REPEATABLE[1..].iter().copied().chain(ONCE) {
        // The same key whenever it is asked for.
        let registry = Registry::new().set(|settings| settings.reads = None);
        let steady = world(&registry);
        let error = steady.call(operation).await.unwrap_err();
        assert_eq!(error.kind(), Kind::PayloadRefused);
        assert_eq!(steady.faults.sent(operation), 1);
        assert_eq!(steady.faults.sent("auth/key"), 2);
        // Another one each time.
        let registry = Registry::new().set(|settings| {
            settings.reads = None;
            settings.shown = ["registry", "pos", "source", "pos"].map(key).to_vec();
        });
        let turning = world(&registry);
        let error = turning.call(operation).await.unwrap_err();
        assert_eq!(error.kind(), Kind::PayloadRefused);
        assert_eq!(turning.faults.sent(operation), 2);
        assert_eq!(turning.faults.sent("auth/key"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn every_confirmation_is_told_in_the_registrys_order() {
    let registry = Registry::new();
    let world = world(&registry);
    let pos = PosClient::new(
        world.client.clone(),
        POS.parse::<PosId>().unwrap(),
        key("pos"),
    );
    let pos = pos.unwrap();
    assert_eq!(pos.status(&Otc::random()).await.unwrap(), []);
    let at = Timestamp::from_seconds;
    registry.set(|settings| settings.confirmations = vec![at(30), at(10), at(20)]);
    let all = [at(30), at(10), at(20)];
    assert_eq!(pos.status(&Otc::random()).await.unwrap(), all);
}

#[tokio::test(start_paused = true)]
async fn what_no_registry_reads_is_not_sent() {
    let world = world(&Registry::new());
    let pocket = PocketClient::new(world.client.clone());
    let spent = crate::protocol::message::SpentVoucher {
        id: VoucherId::new(SOURCE, 1).unwrap(),
        secret: VoucherSecret::random(),
    };
    let (otc, pin, session) = (Otc::random(), Pin::random(), SessionKey::random());
    let error = pocket
        .confirm(&otc, &pin, &session, vec![spent; 5_000])
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::LimitExceeded);
    assert_eq!(world.faults.sent("payment/confirm"), 0);
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let build = |change: fn(RegistryClientBuilder) -> RegistryClientBuilder| {
        let builder = RegistryClient::builder(ADDRESS).transport(Registry::new());
        change(builder)
            .build()
            .map(drop)
            .map_err(|error| error.kind())
    };
    assert_eq!(build(|builder| builder), Ok(()));
    let pin = "AB:CD".to_owned() + &"0".repeat(60);
    let builder = RegistryClient::builder(ADDRESS).transport(Registry::new());
    assert!(builder.pin(pin).build().is_ok());
    assert_eq!(build(|b| b.pin("abc")), Err(Kind::ConfigurationInvalid));
    assert_eq!(
        build(|b| b.deadline(Duration::ZERO)),
        Err(Kind::InputInvalid)
    );
    let both = build(|b| b.pin("0".repeat(64)).key(key("registry").public().clone()));
    assert_eq!(both, Err(Kind::ConfigurationInvalid));
    let old = "17".parse().unwrap();
    let client = RegistryClient::builder(ADDRESS)
        .transport(Registry::new())
        .build()
        .unwrap();
    let error = InstrumentClient::new(client, old, key("source")).unwrap_err();
    assert_eq!(error.kind(), Kind::InputInvalid);
}
