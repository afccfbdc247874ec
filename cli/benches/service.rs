//! What `wom serve` stands: awards accepted a second, and a thousand open checkouts, alone and with a sale
//! for each.
//!
//! ```text
//! cargo bench -p wom-cli --bench service [-- SECONDS]
//! ```
//!
//! Service and Registry are processes of their own on the same cores, as in the field, with SQLite
//! and 4096 bits. For the awards the Registry is not there: what is measured is how fast they are
//! accepted, which is when they are durable. Linux only: CPU times are read from `/proc`.
#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

const CHECKOUTS: usize = 1_000;
const IN_FLIGHT: [usize; 3] = [1, 8, 32];

#[tokio::main]
async fn main() {
    let seconds = std::env::args().skip(1).find_map(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(10));
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let town = Town::build(dir.path());
    let http = Client::builder().no_proxy().build().unwrap();

    println!(
        "POST /awards, accepted and durable; {} s each",
        time.as_secs()
    );
    for in_flight in IN_FLIGHT {
        awards(&town, &http, in_flight, time).await;
    }
    for asked in [Asked::Checkout, Asked::Sale] {
        // A town of its own: nothing of the others is left to look after.
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        open(&Town::build(dir.path()), &http, asked, time).await;
    }
}

/// What is open a thousand times.
#[derive(Clone, Copy)]
enum Asked {
    Checkout,
    Sale,
}

impl Asked {
    fn request(self, http: &Client, url: &str, n: usize) -> reqwest::RequestBuilder {
        match self {
            Self::Checkout => http
                .post(format!("{url}/checkouts"))
                .header("idempotency-key", format!("bill {n}"))
                .json(&json!({"amount": 5, "patience_seconds": 3_600})),
            Self::Sale => http
                .post(format!("{url}/shops/bar/sales"))
                .json(&json!({"order": format!("1250-EUR-bill{n}"), "offer": "coffee"})),
        }
    }

    fn at(self, url: &str, id: &str) -> String {
        match self {
            Self::Checkout => format!("{url}/checkouts/{id}"),
            Self::Sale => format!("{url}/shops/bar/sales/{id}"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Checkout => "checkouts",
            Self::Sale => "sales",
        }
    }
}

async fn awards(town: &Town, http: &Client, in_flight: usize, time: Duration) {
    let ends = Instant::now() + time;
    let cpu = town.service.cpu_seconds();
    let mut callers = JoinSet::new();
    for caller in 0..in_flight {
        let (http, url, token) = (http.clone(), town.url.clone(), town.app.clone());
        callers.spawn(async move {
            let mut times = Vec::new();
            for n in 0.. {
                let began = Instant::now();
                if began >= ends {
                    break;
                }
                let place = json!({"latitude": 43.7, "longitude": 12.6});
                let request = http
                    .post(format!("{url}/awards"))
                    .bearer_auth(&token)
                    .header("idempotency-key", format!("{in_flight} {caller} {n}"))
                    .json(&json!({"aim": "H", "minutes": 30, "place": place}));
                assert_eq!(request.send().await.unwrap().status(), 202);
                times.push(began.elapsed());
            }
            times
        });
    }
    let times = callers.join_all().await.concat();
    let cpu = town.service.cpu_seconds() - cpu;
    println!(
        "{in_flight:>3} in flight: {:>6.0} a second, {}, {:.0} µs of the service's CPU each",
        per_second(times.len(), time),
        spread(times.clone()),
        cpu * 1e6 / per_second(times.len(), Duration::from_secs(1)),
    );
}

/// A thousand codes on displays, each with a caller who waits, while one caller more asks.
async fn open(town: &Town, http: &Client, asked: Asked, time: Duration) {
    let mut making = JoinSet::new();
    let mut open = Vec::new();
    for n in 0..CHECKOUTS {
        if making.len() == 8 {
            open.extend(making.join_next().await);
        }
        let request = asked.request(http, &town.url, n).bearer_auth(&town.till);
        making.spawn(async move {
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer["id"].as_str().unwrap().to_owned()
        });
    }
    open.extend(making.join_all().await.into_iter().map(Ok));
    let open: Vec<String> = open.into_iter().map(Result::unwrap).collect();

    let mut waiting = JoinSet::new();
    for id in open.clone() {
        let (http, till) = (http.clone(), town.till.clone());
        let url = format!("{}?wait=30", asked.at(&town.url, &id));
        waiting.spawn(async move {
            loop {
                let request = http.get(&url).bearer_auth(&till);
                assert_eq!(request.send().await.unwrap().status(), 200);
            }
        });
    }
    // Until all of them wait.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let (polls, began) = (town.polls.load(Ordering::Relaxed), Instant::now());
    let cpu = (town.service.cpu_seconds(), town.registry.cpu_seconds());
    let mut times = Vec::new();
    while began.elapsed() < time.max(Duration::from_secs(30)) {
        let begun = Instant::now();
        let url = asked.at(&town.url, &open[times.len() % open.len()]);
        let request = http.get(url).bearer_auth(&town.till);
        assert_eq!(request.send().await.unwrap().status(), 200);
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    let polls = town.polls.load(Ordering::Relaxed) - polls;
    let share = |before: f64, now: f64| (now - before) / took.as_secs_f64() * 100.0;
    println!(
        "{CHECKOUTS} open {}, each waited for: {:.1} looks a second at the Registry (budget 50); \
         CPU of the service {:.1} %, of the Registry {:.1} % of a core; another caller's GET: {}",
        asked.name(),
        polls as f64 / took.as_secs_f64(),
        share(cpu.0, town.service.cpu_seconds()),
        share(cpu.1, town.registry.cpu_seconds()),
        spread(times),
    );
    waiting.abort_all();
}

/// How many a second.
fn per_second(count: usize, time: Duration) -> f64 {
    f64::from(u32::try_from(count).unwrap()) / time.as_secs_f64()
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    format!(
        "median {:.1} ms, p99 {:.1} ms",
        milliseconds(at(50)),
        milliseconds(at(99))
    )
}

/// The service and the Registry, with what callers need.
struct Town {
    registry: Process,
    service: Process,
    url: String,
    app: String,
    till: String,
    /// How often the Registry was asked for a payment's status.
    polls: Arc<AtomicU64>,
}

impl Town {
    fn build(dir: &Path) -> Self {
        let wom = |args: &[&str]| {
            let output = command(dir, args).output().unwrap();
            let complaint = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{args:?}: {complaint}");
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or(Value::Null)
        };
        let registry = Process::start(dir, &["registry", "serve", "--dir", "registry"]);
        let add = [
            "registry",
            "add-instrument",
            "--dir",
            "registry",
            "--name",
            "Bikes",
        ];
        let source = wom(&[add.as_slice(), &["--aim", "H", "--out", "."]].concat());
        let add = [
            "registry",
            "add-pos",
            "--dir",
            "registry",
            "--merchant",
            "Bar",
        ];
        let pos = wom(&[add.as_slice(), &["--name", "Till", "--out", "."]].concat());
        let (source, pos) = (
            source["sourceId"].as_str().unwrap(),
            pos["posId"].as_str().unwrap(),
        );
        wom(&["init"]);
        let (proxy, polls) = counted(registry.url.trim_start_matches("http://").to_owned());
        let nobody = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let config = format!(
            "profile = \"local\"\nkey_store = \"wom-keys.json\"\n\
             [profiles.local]\nregistry = \"http://{nobody}\"\nsource = \"{source}\"\n\
             key_file = \"source-{source}.pem\"\nstore = \"bikes.db\"\n\
             [campaign]\nname = \"bikes\"\nzone = \"UTC\"\nfrom = \"2026-01-01\"\nuntil = \"2030-01-01\"\n\
             settlement_hours = 0\nplace = \"43.7,12.6\"\nrules = \"active-minutes/1\"\n\
             [[campaign.line]]\nname = \"health\"\naim = \"H\"\n\
             [pos]\nregistry = \"{proxy}\"\nlist = \"pos.csv\"\nstore = \"pos.db\"\n\
             [shops.bar]\npos = \"bar\"\nmerchant = \"pos.manual\"\n\
             [shops.bar.offers.coffee]\ntitle = \"2.00 off\"\namount = 5\npatience_seconds = 3600\n\
             discount = {{ amount = \"2.00\" }}\n\
             [service]\nlisten = \"127.0.0.1:0\"\n"
        );
        fs::write(dir.join("wom.toml"), config).unwrap();
        let list = format!("name,pos,key_file\nbar,{pos},pos-{pos}.pem\n");
        fs::write(dir.join("pos.csv"), list).unwrap();
        let token = |args: &[&str]| wom(args)["token"].as_str().unwrap().to_owned();
        let app = token(&["token", "add", "app", "--scope", "awards"]);
        let till = token(&[
            "token",
            "add",
            "till",
            "--scope",
            "checkouts",
            "--pos",
            "bar",
        ]);
        let service = Process::start(dir, &["serve"]);
        Self {
            url: service.url.clone(),
            registry,
            service,
            app,
            till,
            polls,
        }
    }
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wom"));
    command.arg("--json").args(args).current_dir(dir);
    command
}

/// A `wom` that serves, until dropped.
struct Process {
    child: Child,
    url: String,
}

impl Process {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = command(dir, args)
            .env("WOM_LOG", "error")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            url: ready["url"].as_str().unwrap().to_owned(),
        }
    }

    /// CPU time of the process so far, of all its threads; `/proc` counts in hundredths of a second.
    fn cpu_seconds(&self) -> f64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, after) = stat.rsplit_once(')').unwrap();
        let ticks: u32 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u32>().unwrap())
            .sum();
        f64::from(ticks) / 100.0
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes everything on to a Registry, and counts how often it is asked for a payment's status.
fn counted(registry: String) -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let polls = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&polls);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let from = stream.unwrap();
            let to = TcpStream::connect(&registry).unwrap();
            let _ = (from.set_nodelay(true), to.set_nodelay(true));
            let (back_from, back_to) = (to.try_clone().unwrap(), from.try_clone().unwrap());
            let count = Arc::clone(&count);
            thread::spawn(move || pass_on(from, to, Some(&count)));
            thread::spawn(move || pass_on(back_from, back_to, None));
        }
    });
    (url, polls)
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicU64>) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        // A request's head comes in one piece.
        let asks = |part: &&[u8]| *part == b"/payment/status ";
        if let Some(count) = count {
            let found = bytes[..read].windows(16).filter(asks).count();
            count.fetch_add(found as u64, Ordering::Relaxed);
        }
        if to.write_all(&bytes[..read]).is_err() {
            return;
        }
    }
}
