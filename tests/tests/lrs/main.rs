//! A real LRS: statements posted over HTTP, pulled page by page, settled, awarded by a real Registry
//! and collected by a Pocket. Nothing of the learners is in the store.
#![allow(clippy::unwrap_used, reason = "a test")]

mod cmi5;
mod ralph;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

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

use ralph::Ralph;

const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A campaign whose source is the LRS, its Registry, and people who come for their vouchers.
struct Desk {
    dir: PathBuf,
    registry: TestRegistry,
    client: RegistryClient,
    collector: Collector,
    claims: Claims,
}

impl Desk {
    async fn open(
        dir: &Path,
        ralph: &Ralph,
        adapter: &str,
        settings: &[(&str, &str)],
        rules: &[(&str, &str)],
    ) -> Self {
        let registry = TestRegistry::start(dir.join("registry")).await.unwrap();
        let instrument = registry
            .add_instrument("Courses", &["H".parse().unwrap()])
            .await
            .unwrap();
        let client = RegistryClient::builder(registry.url()).build().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.join("sdk.db")).await.unwrap());
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
        let secret = dir.join("secret");
        fs::write(&secret, "secret\n").unwrap();
        let catalog = Catalog::standard();
        let own = [
            ("endpoint", format!("{}/xAPI", ralph.url)),
            ("username", "lms".to_owned()),
            ("secret_files", secret.display().to_string()),
            ("page_size", "5".to_owned()),
        ];
        let more = settings
            .iter()
            .map(|(name, text)| (*name, (*text).to_owned()));
        let settings = Settings::from_texts(own.into_iter().chain(more));
        let identity = Identity {
            registry: registry.url().to_owned(),
            source: instrument.id.to_string(),
        };
        let rules = Settings::from_texts(rules.iter().copied());
        let collector = Collector::new(
            Arc::clone(&store),
            keys,
            Arc::new(SystemClock),
            identity,
            campaign(),
            catalog.rule_set("study-minutes/1", &rules).unwrap(),
        )
        .with_source("lrs", catalog.instrument(adapter, &settings).unwrap());
        Self {
            dir: dir.to_owned(),
            registry,
            client,
            claims: Claims::new(collector.clone(), dispatcher),
            collector,
        }
    }

    /// What somebody finds who comes for it.
    async fn collect(&self, subject: &Subject) -> u32 {
        let mut redeemed = 0;
        for claim in self.claims.of(subject).await.unwrap() {
            let pocket = Pocket::open(self.dir.join("wallet.json")).unwrap();
            let gateway = PocketClient::new(self.client.clone());
            let link = Link::Vouchers(claim.ticket.otc.clone());
            let pin = &claim.ticket.pin;
            let vouchers = pocket.redeem(&gateway, &link, pin, None).await.unwrap();
            redeemed += vouchers.vouchers;
            self.claims.acknowledge(claim.key).await.unwrap();
        }
        redeemed
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

    let desk = Desk::open(dir.path(), &ralph, "elearning.xapi", &[], &[]).await;
    let bo_sum = sum_of("mailto:canary-bo@example.org");
    let mut collected = Vec::new();
    // The second pull brings nothing new.
    for round in 0..2 {
        let pulled = desk.collector.pull("lrs").await.unwrap();
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
            let redeemed = desk.collect(&Subject::new(namespace, id).unwrap()).await;
            if round == 0 {
                assert_eq!(redeemed, minutes);
                collected.push(redeemed);
            } else {
                assert_eq!(redeemed, 0, "nothing is given twice");
            }
        }
    }
    assert_eq!(collected, [24, 44, 5]);
    let total = desk.registry.books().await.unwrap().total;
    assert_eq!((total.issued, total.redeemed), (73, 73));
    // No mailbox, name, sum, module or session is in the store.
    assert_absent(dir.path(), &["canary", "example.org", cy, &bo_sum]);
}

fn assert_absent(dir: &Path, secrets: &[&str]) {
    for file in ["sdk.db", "sdk.db-wal"] {
        let bytes = fs::read(dir.join(file)).unwrap_or_default();
        for secret in secrets {
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
