//! A source that is pulled: an adapter of a third party, over the HTTP of another system.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    routing::get,
};
use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wom_catalog::{Catalog, Entry, Form, Setting, Settings};
use wom_registry::TestRegistry;
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    instrument::{Capabilities, Cursor, Info, Input, Instrument, Proven, Sink},
    privacy::FileKeyStore,
    protocol::PrivateKey,
    registry::{InstrumentClient, RegistryClient},
};
use wom_service::{Grant, Scope, Service, Source, Tokens};

use crate::town::{Answer, BIKES, programme_of, until, yesterday};

const PEOPLE: usize = 40;
const PAGE: usize = 4;
/// How often the source is pulled.
const PAUSE: Duration = Duration::from_millis(400);
const PART: &str = "WOM_SERVICE_TEST_DIR";

/// Another system, which keeps a journal of what people did.
#[derive(Default)]
struct Journal {
    records: Vec<Value>,
    is_down: bool,
    /// What was asked for, in order: after how many records.
    asked: Vec<usize>,
}

type Shared = Arc<Mutex<Journal>>;

#[derive(Deserialize)]
struct After {
    after: usize,
}

async fn page(
    State(journal): State<Shared>,
    Query(After { after }): Query<After>,
) -> Result<String, StatusCode> {
    // As long as a system that has more to do.
    tokio::time::sleep(Duration::from_millis(40)).await;
    let mut journal = journal.lock().unwrap();
    journal.asked.push(after);
    if journal.is_down {
        return Err(StatusCode::SERVICE_UNAVAILABLE);
    }
    let rest = journal.records.iter().skip(after).take(PAGE);
    Ok(Value::from_iter(rest.cloned()).to_string())
}

async fn serve(journal: &Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/records", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/records", get(page))
        .with_state(Arc::clone(journal));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

/// Reads the journal, page by page; what a page holds is the activity of `activity.json`.
#[derive(Debug)]
struct JournalAdapter {
    url: String,
    pages: Arc<dyn Instrument>,
}

const INFO: Info = Info {
    name: "theirs.journal",
    summary: "A journal of activity that is pulled page by page",
    rules: "active-minutes/1",
    proven: Proven::RealSystem,
};

fn capabilities() -> Capabilities {
    let mut capabilities = Capabilities::FILE;
    (capabilities.read_file, capabilities.pull) = (false, true);
    capabilities
}

#[async_trait]
impl Instrument for JournalAdapter {
    fn info(&self) -> Info {
        INFO
    }

    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let Input::Pull(cursor) = input else {
            return Err(Error::new(Kind::Unsupported, "the journal is pulled"));
        };
        let away = |error: reqwest::Error| {
            Error::new(Kind::NetworkUnreachable, "the journal does not answer").because(error)
        };
        let mut after: usize = cursor.map_or(0, |Cursor(text)| text.parse().unwrap());
        let http = Client::builder().no_proxy().build().map_err(away)?;
        loop {
            let request = http.get(format!("{}?after={after}", self.url));
            let answer = request
                .send()
                .await
                .and_then(|answer| answer.error_for_status());
            let page = answer.map_err(away)?.bytes().await.map_err(away)?;
            let count = serde_json::from_slice::<Vec<Value>>(&page).unwrap().len();
            if count == 0 {
                return Ok(());
            }
            self.pages
                .read(Input::Bytes(page.to_vec()), now, sink)
                .await?;
            after += count;
            sink.resume_at(Cursor(after.to_string())).await?;
        }
    }
}

/// The standard catalogue, with the adapter of the third party beside ours.
fn catalog() -> Catalog {
    #[derive(Deserialize)]
    struct Config {
        url: String,
    }
    let mut catalog = Catalog::standard();
    let setting = Setting::new("url", Form::Text, "Where the journal is");
    let entry = Entry::new(INFO, capabilities(), vec![setting], |Config { url }| {
        let pages = Catalog::standard().instrument("activity.json", &Settings::none())?;
        Ok(Arc::new(JournalAdapter { url, pages }) as _)
    });
    catalog.register(entry).unwrap();
    catalog
}

/// The service as a process of its own, which can be killed; what it works on lies in a folder.
struct Served {
    process: Child,
    url: String,
    token: String,
    http: Client,
}

impl Served {
    fn start(dir: &Path) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["pulls::the_process_that_serves", "--exact", "--nocapture"])
            .env(PART, dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let ready = lines.find_map(|line| Some(line.unwrap().strip_prefix('>')?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        let ready = ready.expect("the process says that it is ready");
        let (url, token) = ready.split_once(' ').unwrap();
        Self {
            process,
            url: url.to_owned(),
            token: token.to_owned(),
            http: Client::builder().no_proxy().build().unwrap(),
        }
    }

    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn waiting(&self, person: &str) -> u64 {
        let who = json!({"namespace": "participant", "id": person});
        let request = self.http.post(format!("{}/claims/waiting", self.url));
        let answer = request.bearer_auth(&self.token).json(&who).send().await;
        let answer = Answer::of(answer.unwrap()).await.ok(200);
        answer["minutes"].as_u64().unwrap()
    }

    /// Failures of the source since it last worked, as the numbers tell.
    async fn failures(&self) -> u32 {
        let request = self.http.get(format!("{}/metrics", self.url));
        let answer = request.bearer_auth(&self.token).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let begin = "wom_source_failures{instrument=\"bikes\",source=\"journal\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(begin));
        line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = (self.process.kill(), self.process.wait());
    }
}

/// What a [`Served`] runs.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_serves() {
    let Some(dir) = std::env::var_os(PART).map(PathBuf::from) else {
        return;
    };
    let said = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let client = RegistryClient::new(&said("registry")).unwrap();
    let key = PrivateKey::from_bytes(said("key").as_bytes(), None).unwrap();
    let issuer = InstrumentClient::new(client, said("source").parse().unwrap(), key).unwrap();
    let keys = Arc::new(FileKeyStore::open_or_create(dir.join("keys.json")).unwrap());
    let settings = Settings::from_texts([("url", said("journal").as_str())]);
    let source = Source {
        name: "journal".to_owned(),
        adapter: catalog().instrument(INFO.name, &settings).unwrap(),
        pull: Some(PAUSE),
    };
    let programme = programme_of(issuer, BIKES, dir.join("bikes.db"), keys).await;
    let mut tokens = Tokens::default();
    let token = tokens.issue(Grant {
        name: "all".to_owned(),
        scopes: Scope::ALL.to_vec(),
        instrument: Some(BIKES.to_owned()),
        pos: Vec::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = Service::builder(&url)
        .tokens(tokens)
        .catalog(catalog())
        .programme(programme.with_source(source))
        .build()
        .unwrap();
    writeln!(std::io::stdout(), "\n>{url} {}", token.unwrap().as_str()).unwrap();
    service.run(listener, std::future::pending()).await.unwrap();
}

fn person(n: usize) -> String {
    format!("person {n}")
}

fn minutes(n: usize) -> u64 {
    n as u64 + 10
}

fn record(n: usize) -> Value {
    let minutes = i64::try_from(minutes(n)).unwrap();
    let records: Value = serde_json::from_slice(&yesterday(&person(n), minutes)).unwrap();
    records[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_goes_on_where_it_was_killed_and_leaves_a_source_alone_that_fails() {
    let dir = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start(dir.path().join("books")).await.unwrap();
    let aims = ["H".parse().unwrap()];
    let instrument = registry.add_instrument(BIKES, &aims).await.unwrap();
    let journal = Shared::default();
    journal.lock().unwrap().records = (0..PEOPLE).map(record).collect();
    for (name, text) in [
        ("registry", registry.url().to_owned()),
        ("key", instrument.key.to_pkcs1_pem().to_string()),
        ("source", instrument.id.to_string()),
        ("journal", serve(&journal).await),
    ] {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let asked = || journal.lock().unwrap().asked.clone();

    // Killed in the middle of the first pull.
    let served = Served::start(dir.path());
    until(async || asked().contains(&(PEOPLE / 2)).then_some(())).await;
    served.kill();
    let before = asked();
    let last = *before.last().unwrap();
    assert!(last < PEOPLE, "it was killed too late: {before:?}");

    // The next process goes on behind what is safe, and reads on to the end.
    let served = Served::start(dir.path());
    until(async || asked().contains(&PEOPLE).then_some(())).await;
    let first = asked()[before.len()];
    assert!(
        (last.saturating_sub(PAGE)..=last + PAGE).contains(&first),
        "{before:?}, then from {first}"
    );
    for n in 0..PEOPLE {
        // What is read is settled at the end of the pull.
        until(async || (served.waiting(&person(n)).await > 0).then_some(())).await;
        assert_eq!(served.waiting(&person(n)).await, minutes(n), "{n}");
    }
    until(async || (served.failures().await == 0).then_some(())).await;

    // A source that fails is tried ever more seldom, and the numbers tell.
    journal.lock().unwrap().is_down = true;
    let good = asked().len();
    tokio::time::sleep(PAUSE * 12).await;
    let tries = asked().len() - good;
    assert!((2..=6).contains(&tries), "{tries} tries of 12");
    assert!(served.failures().await >= 2);
    let health = served
        .http
        .get(format!("{}/health", served.url))
        .send()
        .await;
    assert_eq!(
        health.unwrap().status(),
        200,
        "what is brought can be taken"
    );

    // Once it works again it goes on.
    {
        let mut journal = journal.lock().unwrap();
        journal.is_down = false;
        journal.records.push(record(PEOPLE));
    }
    let new = async || (served.waiting(&person(PEOPLE)).await > 0).then_some(());
    until(new).await;
    until(async || (served.failures().await == 0).then_some(())).await;
    assert!(asked()[good..].iter().all(|&after| after >= PEOPLE));
    for n in 0..=PEOPLE {
        assert_eq!(served.waiting(&person(n)).await, minutes(n), "{n}");
    }
}
