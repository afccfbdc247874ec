//! A real LRS: statements posted over HTTP, pulled page by page, settled, awarded by a real Registry
//! and collected by a Pocket. Nothing of the learners is in the store.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use serde_json::{Value, json};
use wom_catalog::{Catalog, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock, MINUTE_MS, Span, Subject, SystemClock, Timestamp, Zone,
    award::Identity,
    campaign::{Campaign, Collect, Line},
    claim::Claims,
    collector::Collector,
    dispatcher::Dispatcher,
    pocket::Pocket,
    privacy::MemoryKeyStore,
    protocol::Link,
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The backend of files refuses every write after the first, unless it may append.
const APPENDING: &str = "
from ralph.backends.data.base import BaseOperationType
from ralph.backends.lrs.fs import FSLRSBackend
FSLRSBackend.default_operation_type = BaseOperationType.APPEND
from ralph.api import app
";

/// Ralph, as long as this lives.
struct Ralph {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Ralph {
    async fn start(dir: &Path) -> Self {
        let python = std::env::var("WOM_RALPH").expect("WOM_RALPH names a Python with ralph-malph");
        let bin = PathBuf::from(python).parent().unwrap().to_owned();
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        fs::create_dir(dir.join("store")).unwrap();
        fs::write(dir.join("lrs_fs.py"), APPENDING).unwrap();
        let command = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command
                .current_dir(dir)
                .env("RALPH_APP_DIR", dir.join("app"))
                .env("RALPH_RUNSERVER_BACKEND", "fs")
                .env("RALPH_RUNSERVER_MAX_SEARCH_HITS_COUNT", "5")
                .env(
                    "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH",
                    dir.join("store"),
                )
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let auth = [
            "auth", "-u", "lms", "-p", "secret", "-s", "all", "-N", "LMS", "-A", "lms",
        ];
        let auth = command("ralph")
            .args(auth)
            .args(["https://lms.example.org", "-w"])
            .status();
        assert!(auth.unwrap().success());
        let port = port.to_string();
        let serve = ["lrs_fs:app", "--host", "127.0.0.1", "--port", &port];
        let ralph = Self {
            process: command("uvicorn").args(serve).spawn().unwrap(),
            url: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder()
                .no_proxy()
                .tls_certs_only([])
                .build()
                .unwrap(),
        };
        ralph.wait().await;
        ralph
    }

    async fn wait(&self) {
        let since = Instant::now();
        let heartbeat = format!("{}/__lbheartbeat__", self.url);
        loop {
            let answer = self.client.get(&heartbeat).send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "the LRS does not start"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn post(&self, statements: &[Value]) {
        let answer = self
            .client
            .post(format!("{}/xAPI/statements", self.url))
            .basic_auth("lms", Some("secret"))
            .header("X-Experience-API-Version", "1.0.3")
            .json(statements)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    }
}

impl Drop for Ralph {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Nine o'clock, two days ago.
fn morning() -> Timestamp {
    let day = Zone::UTC.day(SystemClock.now().plus_millis(-2 * DAY_MS));
    Zone::UTC.start_of(day).plus_millis(9 * 60 * MINUTE_MS)
}

const CMI5: &str = "https://w3id.org/xapi/cmi5/context";

/// A statement so many seconds after nine, with an id made of a number.
fn said(n: u32, actor: &Value, verb: &str, seconds: i64, duration: Option<&str>) -> Value {
    let mut statement = json!({
        "id": format!("{n:08x}-1234-4234-8234-123456789012"),
        "actor": actor,
        "verb": {"id": format!("http://adlnet.gov/expapi/verbs/{verb}")},
        "object": {"id": "https://lms.example.org/act/canary-module"},
        "timestamp": morning().plus_millis(seconds * 1_000).to_string(),
    });
    if let Some(duration) = duration {
        statement["result"] = json!({ "duration": duration });
    }
    statement
}

/// The same, in a session.
fn in_session(mut statement: Value, session: &str) -> Value {
    statement["context"] = json!({
        "registration": "3fe3c995-4159-5072-9d9b-733a916c325f",
        "contextActivities": {"category": [{"id": format!("{CMI5}/categories/cmi5")}]},
        "extensions": {format!("{CMI5}/extensions/sessionid"): session},
    });
    statement
}

fn campaign() -> Campaign {
    let now = SystemClock.now();
    Campaign {
        name: "study".to_owned(),
        zone: Zone::UTC,
        runs: Span::new(now.plus_millis(-60 * DAY_MS), now.plus_millis(60 * DAY_MS)).unwrap(),
        settlement_ms: 0,
        lateness_ms: Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("study", "H".parse().unwrap())],
        collect: Collect::OnTap,
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the package ralph-malph: see ./test"]
async fn lrs_statements_become_vouchers_once() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("ralph")).unwrap();
    let ralph = Ralph::start(&dir.path().join("ralph")).await;
    let ana = json!({"account": {"homePage": "https://lms.example.org", "name": "canary-ana"}});
    let bo = json!({"mbox": "mailto:canary-bo@example.org"});
    // One person in two forms: printf mailto:cy@example.org | sha1sum
    let cy = "0a5715adbca1b3525e5194f98b1860861e4a76da";
    let cy_by_sum = json!({ "mbox_sha1sum": cy });
    let cy_by_box = json!({"mbox": "mailto:cy@EXAMPLE.org"});
    // A session of 24:30 whose durations nest; and one of 5 minutes of which 2 hours are claimed.
    ralph
        .post(&[
            in_session(said(1, &ana, "initialized", 0, None), "canary-session"),
            in_session(
                said(2, &ana, "completed", 1_440, Some("PT24M")),
                "canary-session",
            ),
            in_session(
                said(3, &ana, "terminated", 1_470, Some("PT24M30S")),
                "canary-session",
            ),
            in_session(said(4, &cy_by_sum, "initialized", 0, None), "s-cy"),
            in_session(said(5, &cy_by_box, "terminated", 300, Some("PT2H")), "s-cy"),
        ])
        .await;
    // Clicks, four minutes apart, in several posts, the last ones first.
    let clicks: Vec<_> = (0..12)
        .map(|n| said(100 + n, &bo, "experienced", i64::from(n) * 240, None))
        .collect();
    for part in clicks.chunks(5).rev() {
        ralph.post(part).await;
    }
    // Time that is taken back by the platform, which the LRS goes on listing.
    ralph
        .post(&[said(200, &ana, "experienced", 7_200, Some("PT6M30S"))])
        .await;
    let mut void = said(
        201,
        &json!({"account": {"homePage": "https://lms.example.org", "name": "teacher"}}),
        "voided",
        7_300,
        None,
    );
    void["object"] =
        json!({"objectType": "StatementRef", "id": said(200, &ana, "experienced", 0, None)["id"]});
    ralph.post(&[void]).await;

    let registry = TestRegistry::start(dir.path().join("registry"))
        .await
        .unwrap();
    let instrument = registry
        .add_instrument("Courses", &["H".parse().unwrap()])
        .await
        .unwrap();
    let client = RegistryClient::builder(registry.url()).build().unwrap();
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(dir.path().join("sdk.db")).await.unwrap());
    let keys = Arc::new(MemoryKeyStore::default());
    let issuer = InstrumentClient::new(
        client.clone(),
        instrument.id.clone(),
        instrument.key.clone(),
    )
    .unwrap();
    let dispatcher = Dispatcher::open(
        Arc::clone(&store),
        Arc::new(issuer),
        keys.clone(),
        Arc::new(SystemClock),
    );
    let dispatcher = dispatcher.await.unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "secret\n").unwrap();
    let catalog = Catalog::standard();
    let settings = Settings::from_texts([
        ("endpoint", format!("{}/xAPI", ralph.url)),
        ("username", "lms".to_owned()),
        ("secret_files", secret.display().to_string()),
        ("page_size", "5".to_owned()),
    ]);
    let identity = Identity {
        registry: registry.url().to_owned(),
        source: instrument.id.to_string(),
    };
    let rules = catalog
        .rule_set("study-minutes/1", &Settings::none())
        .unwrap();
    let collector = Collector::new(
        Arc::clone(&store),
        keys,
        Arc::new(SystemClock),
        identity,
        campaign(),
        rules,
    )
    .with_source(
        "lrs",
        catalog.instrument("elearning.xapi", &settings).unwrap(),
    );
    let claims = Claims::new(collector.clone(), dispatcher);
    let bo_sum = sum_of("mailto:canary-bo@example.org");
    let mut collected = Vec::new();
    // The second pull brings nothing new.
    for round in 0..2 {
        let pulled = collector.pull("lrs").await.unwrap();
        assert_eq!(
            (pulled.observations, pulled.refused),
            (20, 0),
            "round {round}"
        );
        for (namespace, id, minutes) in [
            ("https://lms.example.org", "canary-ana", 24),
            ("mbox_sha1sum", bo_sum.as_str(), 44),
            ("mbox_sha1sum", cy, 5),
        ] {
            let found = claims
                .of(&Subject::new(namespace, id).unwrap())
                .await
                .unwrap();
            if round == 1 {
                assert!(found.is_empty(), "nothing is given twice");
                continue;
            }
            assert_eq!(found.len(), 1);
            let pocket = Pocket::open(dir.path().join(format!("{minutes}.json"))).unwrap();
            let gateway = PocketClient::new(client.clone());
            let ticket = &found[0].ticket;
            let code = Link::Vouchers(ticket.otc.clone());
            let redeemed = pocket
                .redeem(&gateway, &code, &ticket.pin, None)
                .await
                .unwrap();
            assert_eq!(redeemed.vouchers, minutes);
            claims.acknowledge(found[0].key).await.unwrap();
            collected.push(redeemed.vouchers);
        }
    }
    assert_eq!(collected, [24, 44, 5]);
    let total = registry.books().await.unwrap().total;
    assert_eq!((total.issued, total.redeemed), (73, 73));
    // No mailbox, name, sum, module or session is in the store.
    for file in ["sdk.db", "sdk.db-wal"] {
        let bytes = fs::read(dir.path().join(file)).unwrap_or_default();
        for secret in ["canary", "example.org", cy, &bo_sum] {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "{secret} is in {file}");
        }
    }
}

/// The SHA-1 of a text, by the system's own program.
fn sum_of(text: &str) -> String {
    let script = format!("printf %s '{text}' | sha1sum");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..40].to_owned()
}
