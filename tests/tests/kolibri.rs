//! A real Kolibri, from its learners' visits to a wallet: the visits over its own HTTP interface, its
//! data base and its exports through our adapter, our Registry's vouchers in a Pocket.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use wom_catalog::{Catalog, Settings};
use wom_registry::{NewInstrument, TestRegistry};
use wom_sdk::{
    Clock, MINUTE_MS, Span, Subject, SystemClock, Timestamp, Zone,
    award::Issuer,
    campaign::{Campaign, Collect, Line},
    claim::Claims,
    collector::{Collector, Submission, Watcher},
    dispatcher::Dispatcher,
    instrument::{Input, Refusal},
    pocket::Pocket,
    privacy::{KeyStore, MemoryKeyStore},
    protocol::Link,
    registry::{InstrumentClient, PocketClient, RegistryClient},
    store::Store,
};
use wom_store::SqliteStore;

const FACILITY: &str = "Ridge School";
const FILM: &str = "5178eed285805eae982883a046926b6f";
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A Kolibri with a facility of its own, until it is dropped.
struct Kolibri {
    home: PathBuf,
    program: PathBuf,
    port: u16,
    server: Option<Child>,
}

impl Kolibri {
    fn start(program: PathBuf, home: PathBuf) -> Self {
        let [port, zip_port] = [free_port(), free_port()];
        let mut kolibri = Self {
            home,
            program,
            port,
            server: None,
        };
        let provision = [
            "manage",
            "provisiondevice",
            "--facility",
            FACILITY,
            "--superusername",
            "admin",
            "--superuserpassword",
            "CHANGE",
            "--preset",
            "formal",
            "--language_id",
            "en",
            "--noinput",
        ];
        kolibri.run(&provision);
        let server = kolibri
            .command(&["start", "--foreground"])
            .env("KOLIBRI_ZIP_CONTENT_PORT", zip_port.to_string())
            .spawn()
            .unwrap();
        kolibri.server = Some(server);
        kolibri
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("KOLIBRI_HOME", &self.home)
            .env("KOLIBRI_LISTEN_ADDRESS", "127.0.0.1")
            .env("KOLIBRI_HTTP_PORT", self.port.to_string())
            .env("KOLIBRI_RUN_MODE", "testing")
            .env("KOLIBRI_DISABLE_PING", "1")
            .env("KOLIBRI_ZEROCONF_ENABLED", "False")
            .env("TZ", "UTC")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) {
        let status = self.command(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }

    fn database(&self) -> PathBuf {
        self.home.join("db.sqlite3")
    }

    /// The log of this name as a file, with every day that there is.
    fn export(&self, log: &str) -> PathBuf {
        let file = self.home.join(format!("{log}.csv"));
        let path = file.to_str().unwrap();
        let day = |days: i64| {
            let day = SystemClock.now().plus_millis(days * DAY_MS).to_string();
            format!("{}T00:00:00", &day[..10])
        };
        let (from, to) = (day(-2), day(2));
        self.run(&[
            "manage",
            "exportlogs",
            "-l",
            log,
            "-O",
            path,
            "-w",
            "--locale",
            "en",
            "--start_date",
            &from,
            "--end_date",
            &to,
        ]);
        file
    }

    async fn browser(&self) -> Browser {
        let browser = Browser {
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            url: format!("http://127.0.0.1:{}", self.port),
            cookies: BTreeMap::new(),
        };
        let deadline = Instant::now() + Duration::from_secs(120);
        let ready = format!("{}/api/public/info/", browser.url);
        while !matches!(browser.http.get(&ready).send().await, Ok(answer) if answer.status() == 200)
        {
            assert!(Instant::now() < deadline, "Kolibri does not answer");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        browser
    }
}

impl Drop for Kolibri {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            server.kill().ok();
            server.wait().ok();
        }
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Somebody's browser, with its cookies.
struct Browser {
    http: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    async fn ask(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let cookies: Vec<_> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = self
            .http
            .request(method.parse().unwrap(), format!("{}{path}", self.url))
            .header("cookie", cookies.join("; "));
        if let Some(token) = self.cookies.get("kolibri_csrftoken") {
            request = request.header("x-csrftoken", token);
        }
        if method != "GET" {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies
                .insert(name.trim().to_owned(), value.to_owned());
        }
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Gets the cookies that Kolibri gives to everybody.
    async fn arrive(&mut self) {
        let body = json!({"active": false});
        self.ask("PUT", "/api/auth/session/current/", &body).await;
    }

    async fn log_in(&mut self, username: &str, password: &str, facility: &Value) {
        let session = "/api/auth/session/";
        self.arrive().await;
        let body = json!({"username": username, "password": password, "facility": facility});
        self.ask("POST", session, &body).await;
    }

    async fn begin(&mut self, content: &str) -> String {
        let node = "7beacf6caa0f59009db1bc7497f03aaa";
        let channel = "70678ad99bde596ab64ebae39026dfda";
        let body =
            json!({"node_id": node, "content_id": content, "channel_id": channel, "kind": "video"});
        let answer = self.ask("POST", "/api/logger/trackprogress/", &body).await;
        answer["session_id"].as_str().unwrap().to_owned()
    }

    async fn go_on(&mut self, visit: &str, seconds: f64, progress: f64) {
        let path = format!("/api/logger/trackprogress/{visit}/");
        let body = json!({"time_spent_delta": seconds, "progress": progress});
        self.ask("PUT", &path, &body).await;
    }
}

/// The present, and some days more.
#[derive(Debug, Default)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus_millis(self.0.load(Ordering::SeqCst))
    }
}

#[derive(Default)]
struct Codes(Vec<&'static str>);

impl Watcher for Codes {
    fn refused(&mut self, refusal: &Refusal) {
        self.0.push(refusal.code);
    }
}

/// A zone in which it is not near midnight.
fn zone_of_the_day() -> Zone {
    let hour = Zone::UTC.minute_of_day(SystemClock.now()) / 60;
    let name = if (6..18).contains(&hour) {
        "UTC"
    } else {
        "Etc/GMT-12"
    };
    name.parse().unwrap()
}

async fn submit(
    collector: &Collector,
    file: &Path,
    codes: &mut Codes,
    settings: &Settings,
) -> Submission {
    let adapter = Catalog::standard()
        .instrument("elearning.kolibri", settings)
        .unwrap();
    let input = Input::Path(file.to_owned());
    collector
        .submit(&*adapter, input, None, codes)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kolibri: see ./test"]
async fn kolibri_visits_become_vouchers_once_whichever_way_they_are_read() {
    let program = std::env::var("WOM_KOLIBRI").expect("WOM_KOLIBRI names the program kolibri");
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("kolibri");
    let kolibri = tokio::task::spawn_blocking(move || Kolibri::start(program.into(), home))
        .await
        .unwrap();

    // Two learners and somebody who is not logged in; no content is needed for their visits.
    let mut admin = kolibri.browser().await;
    let facilities = admin
        .ask("GET", "/api/public/v1/facility/", &Value::Null)
        .await;
    let facility = facilities[0]["id"].clone();
    admin.log_in("admin", "CHANGE", &facility).await;
    for username in ["canary_ann", "canary_ben"] {
        let user = json!({
            "username": username, "full_name": "Canary Person", "password": "CHANGE",
            "facility": facility, "birth_year": "NOT_SPECIFIED", "gender": "NOT_SPECIFIED",
        });
        admin.ask("POST", "/api/auth/facilityuser/", &user).await;
    }
    let mut ann = kolibri.browser().await;
    ann.log_in("canary_ann", "CHANGE", &facility).await;
    let mut ben = kolibri.browser().await;
    ben.log_in("canary_ben", "CHANGE", &facility).await;
    let mut nobody = kolibri.browser().await;
    nobody.arrive().await;

    // Ann's film goes on for over a minute; Ben's browser claims a day for a moment.
    let visit = ann.begin(FILM).await;
    let begun = Instant::now();
    ann.go_on(&visit, 1.0, 0.1).await;
    let moment = ben.begin(FILM).await;
    ben.go_on(&moment, 86_400.0, 1.0).await;
    let unnamed = nobody.begin(FILM).await;
    nobody.go_on(&unnamed, 60.0, 0.0).await;
    admin.begin(FILM).await;

    // A film of four minutes, whose completion is worth as much as it takes.
    let durations = folder.path().join("durations");
    std::fs::write(&durations, format!("4 {FILM}\n")).unwrap();
    let settings = Settings::from_texts([
        ("milestones", "true"),
        ("durations", durations.to_str().unwrap()),
    ]);
    let rules = Settings::from_texts([("completed_minutes", "10")]);
    let registry = TestRegistry::start(folder.path().join("registry"))
        .await
        .unwrap();
    let aims = ["E".parse().unwrap()];
    let instrument: NewInstrument = registry
        .registry()
        .add_instrument("School", &aims)
        .await
        .unwrap();
    let client = RegistryClient::new(registry.url()).unwrap();
    let issuer = InstrumentClient::new(
        client.clone(),
        instrument.id.clone(),
        instrument.key.clone(),
    );
    let issuer = Arc::new(issuer.unwrap());
    let store = SqliteStore::open(folder.path().join("wom.db"))
        .await
        .unwrap();
    let store: Arc<dyn Store> = Arc::new(store);
    let keys: Arc<dyn KeyStore> = Arc::new(MemoryKeyStore::default());
    let clock = Arc::new(HandClock::default());
    let now = SystemClock.now();
    let campaign = Campaign {
        name: "school".to_owned(),
        zone: zone_of_the_day(),
        runs: Span::new(now.plus_millis(-30 * DAY_MS), now.plus_millis(60 * DAY_MS)).unwrap(),
        settlement_ms: 2 * DAY_MS,
        lateness_ms: 2 * Campaign::LATENESS_MS,
        place: "43.72,12.63".parse().unwrap(),
        lines: vec![Line::all_day("study", "E".parse().unwrap())],
        collect: Collect::OnTap,
    };
    let identity = issuer.identity().clone();
    let rule_set = Catalog::standard()
        .rule_set("study-minutes/1", &rules)
        .unwrap();
    let collector = Collector::new(
        Arc::clone(&store),
        Arc::clone(&keys),
        clock.clone(),
        identity,
        campaign,
        rule_set,
    );
    let dispatcher = Dispatcher::open(store, issuer, keys, clock.clone())
        .await
        .unwrap();

    // While the visit goes on, and while Kolibri runs.
    let mut codes = Codes::default();
    let first = submit(&collector, &kolibri.database(), &mut codes, &settings).await;
    assert_eq!(codes.0, ["unattributed", "not_a_learner"]);
    assert_eq!(first.observations, 3, "two visits and a completion");
    tokio::time::sleep(Duration::from_millis(62_500).saturating_sub(begun.elapsed())).await;
    ann.go_on(&visit, 61.5, 1.0).await;

    // Ten days later everything is read: the grown visit from the data base, then all of it again
    // from the exports.
    clock.0.store(10 * DAY_MS, Ordering::SeqCst);
    submit(&collector, &kolibri.database(), &mut codes, &settings).await;
    let (sessions, summaries) = (kolibri.export("session"), kolibri.export("summary"));
    for file in [&sessions, &summaries, &sessions] {
        let submission = submit(&collector, file, &mut codes, &settings).await;
        let awarded = submission
            .settled
            .iter()
            .map(|settled| settled.awarded.len())
            .sum::<usize>();
        assert_eq!(awarded, 0, "nothing is awarded before anybody taps");
    }

    let claims = Claims::new(collector, dispatcher);
    let learner = |name: &str| Subject::new(format!("kolibri:{FACILITY}"), name).unwrap();
    let mut minutes = 0;
    let wallet = PocketClient::new(client);
    let pocket = Pocket::open(folder.path().join("pocket.json")).unwrap();
    for claim in claims.of(&learner("canary_ann")).await.unwrap() {
        let link = Link::Vouchers(claim.ticket.otc.clone());
        let redeemed = pocket
            .redeem(&wallet, &link, &claim.ticket.pin, None)
            .await
            .unwrap();
        minutes += redeemed.vouchers;
        claims.acknowledge(claim.key).await.unwrap();
    }
    // A minute of the visit's 62 seconds, and what the film's four minutes are worth beyond those.
    assert_eq!(minutes, 1 + 2);
    assert_eq!(claims.of(&learner("canary_ben")).await.unwrap().len(), 0);
    assert_eq!(registry.books().await.unwrap().total.redeemed, 3);

    // Who they are stays in Kolibri.
    for file in ["wom.db", "wom.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        for name in ["canary", "ridge", FILM] {
            assert!(!text.contains(name), "{name} is in {file}");
        }
    }
}
