use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use wom_registry::NewPos;
use wom_sdk::{
    Clock as _, SystemClock, Zone,
    pocket::Pocket,
    protocol::{Pin, parse_link_or_otc},
    registry::{PocketClient, RegistryClient},
    webhook::{self, Scheme, Secret},
};
use wom_store::testing::PgServer;

use crate::town::Town;

const WORKERS: u32 = 8;
/// What each worker does, so many times.
const ROUNDS: u32 = 16;
const KILLS: u32 = 20;
const DAY_MS: i64 = 86_400_000;

/// `wom serve` in a town, as a process that can be killed.
pub struct Served {
    pub town: Town,
    port: u16,
    process: Mutex<Child>,
    pub http: Client,
    pub app: String,
    till: String,
    answers: AtomicU64,
}

impl Served {
    async fn start() -> Self {
        let town = Town::new().await;
        let pos = town.registry.add_pos("Bar Ducale", "Till 1").await.unwrap();
        add_pos(&town, &[("bar", &pos)]);
        let port = free_port();
        let registry = town.registry.url();
        town.configure(
            "[campaign]\n",
            &format!(
                "[service]\nlisten = \"127.0.0.1:{port}\"\n\
                 [pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\nstore = \"pos.db\"\n\
                 looks_per_second = 500\n\n[campaign]\n"
            ),
        );
        Self::over(town, port)
    }

    /// Once the configuration says what is served.
    pub fn over(town: Town, port: u16) -> Self {
        let app = ["awards", "activities", "claims", "metrics"];
        let app = token(&town, "app", &app, &[]);
        let till = token(&town, "till", &["checkouts"], &["--pos", "*"]);
        let process = serve(&town);
        Self {
            town,
            port,
            process: Mutex::new(process),
            http: Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(40))
                .build()
                .unwrap(),
            app,
            till,
            answers: AtomicU64::new(0),
        }
    }

    /// Asks until there is an answer that is no failure: with the same key, as the page says.
    async fn ask(&self, method: Method, path: &str, key: Option<&str>, body: &Value) -> Value {
        let token = match path.starts_with("/checkouts") {
            true => &self.till,
            false => &self.app,
        };
        loop {
            let url = format!("http://127.0.0.1:{}{path}", self.port);
            let mut request = self.http.request(method.clone(), url).bearer_auth(token);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            if method == Method::POST {
                request = request.json(body);
            }
            let answer = async {
                let answer = request.send().await?;
                let status = answer.status();
                Ok::<_, reqwest::Error>((status, answer.bytes().await?))
            };
            match answer.await {
                Ok((status, bytes)) if !status.is_server_error() => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    assert!(status.is_success(), "{method} {path}: {status} {text}");
                    self.answers.fetch_add(1, Ordering::Relaxed);
                    return serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                }
                // It was killed, or is about to be.
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn kill_and_start(&self) {
        let mut process = self.process.lock().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        *process = serve(&self.town);
    }

    async fn post(&self, path: &str, key: Option<&str>, body: Value) -> Value {
        self.ask(Method::POST, path, key, &body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, None, &Value::Null).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap();
        let _ = process.kill();
        let _ = process.wait();
    }
}

fn add_pos(town: &Town, all: &[(&str, &NewPos)]) {
    let mut list = String::from("name,pos,key_file\n");
    for (name, pos) in all {
        town.write(&format!("{name}.pem"), &pos.key.to_pkcs1_pem());
        list.push_str(&format!("{name},{},{name}.pem\n", pos.id));
    }
    town.write("pos.csv", &list);
}

fn token(town: &Town, name: &str, scopes: &[&str], more: &[&str]) -> String {
    let mut args = vec!["token", "add", name];
    args.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
    args.extend(more);
    town.done(&args)[0]["token"].as_str().unwrap().to_owned()
}

/// Starts the program, and returns once it is ready.
fn serve(town: &Town) -> Child {
    serve_by(town, "wom.toml")
}

pub fn serve_by(town: &Town, config: &str) -> Child {
    let mut process = town
        .wom(&["serve", "--config", config])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let ready = lines.next().expect("the service says that it is ready");
    assert!(ready.unwrap().contains("\"ready\""));
    std::thread::spawn(move || lines.for_each(drop));
    process
}

pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// SplitMix64: small, and the same everywhere.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One who uses the service all the time, and what came of it.
struct Worker {
    served: Arc<Served>,
    number: u32,
    pocket: Pocket,
    client: PocketClient,
    minutes: u32,
}

impl Worker {
    fn new(served: &Arc<Served>, number: u32) -> Self {
        let client = RegistryClient::new(served.town.registry.url()).unwrap();
        Self {
            served: Arc::clone(served),
            number,
            pocket: Pocket::open(served.town.path(&format!("wallet-{number}.json"))).unwrap(),
            client: PocketClient::new(client),
            minutes: 0,
        }
    }

    async fn work(mut self) -> u32 {
        for round in 0..ROUNDS {
            self.award(round).await;
            self.activity(round).await;
            self.payment(round).await;
        }
        self.minutes
    }

    async fn award(&mut self, round: u32) {
        let key = format!("award {} {round}", self.number);
        let minutes = (self.number + round) % 9 + 3;
        let new =
            json!({"aim": "H", "minutes": minutes, "place": {"latitude": 43.7, "longitude": 12.6}});
        let id = self.served.post("/awards", Some(&key), new).await["id"].clone();
        let id = id.as_str().unwrap();
        let award = loop {
            let award = self.served.get(&format!("/awards/{id}?wait=10")).await;
            match award.get("code") {
                Some(_) => break award,
                None => assert_ne!(award["state"], "verified", "{award}"),
            }
        };
        self.redeem(&award["code"], minutes).await;
        let path = format!("/awards/{id}/acknowledge");
        self.served.post(&path, None, Value::Null).await;
        self.minutes += minutes;
    }

    /// A person rides, is heard of twice, and taps.
    async fn activity(&mut self, round: u32) {
        let person = format!("person {} {round}", self.number);
        let minutes = i64::from((self.number + round) % 20 + 5);
        let day = Zone::UTC.day(SystemClock.now().plus_millis(-DAY_MS));
        let start = Zone::UTC.start_of(day).plus_millis(9 * 3_600_000);
        let ride = json!([{
            "participant": person, "activity": "walking", "recording": "measured",
            "start": start.to_string(),
            "end": start.plus_millis(minutes * 60_000).to_string(),
        }]);
        for _ in 0..2 {
            let path = "/activities?adapter=activity.json";
            self.served.post(path, None, ride.clone()).await;
        }
        let who = json!({"namespace": "participant", "id": person});
        let claims = self.served.post("/claims", None, who).await;
        let [claim] = claims["claims"].as_array().unwrap().as_slice() else {
            panic!("one claim: {claims}");
        };
        let minutes = u32::try_from(minutes).unwrap();
        self.redeem(&claim["code"], minutes).await;
        let path = format!("/awards/{}/acknowledge", claim["id"].as_str().unwrap());
        self.served.post(&path, None, Value::Null).await;
        self.minutes += minutes;
    }

    async fn payment(&mut self, round: u32) {
        let key = format!("bill {} {round}", self.number);
        let new = json!({"amount": 2, "pos": "bar"});
        let checkout = self.served.post("/checkouts", Some(&key), new).await;
        let (link, pin) = code(&checkout["code"]);
        self.pocket.pay(&self.client, &link, &pin).await.unwrap();
        loop {
            let path = format!("/checkouts/{}?wait=10", checkout["id"].as_str().unwrap());
            match self.served.get(&path).await["state"].as_str().unwrap() {
                "paid" => return,
                state => assert_eq!(state, "shown"),
            }
        }
    }

    async fn redeem(&self, code_: &Value, minutes: u32) {
        let (link, pin) = code(code_);
        let redeemed = self.pocket.redeem(&self.client, &link, &pin, None).await;
        assert_eq!(redeemed.unwrap().vouchers, minutes);
    }
}

pub fn code(code: &Value) -> (wom_sdk::protocol::Link, Pin) {
    let text = |name: &str| code[name].as_str().unwrap();
    (
        parse_link_or_otc(text("link")).unwrap(),
        Pin::parse(text("pin")).unwrap(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_service_among_a_thousand_requests_loses_nothing_and_doubles_nothing() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: repeat with SEED={seed}");
    let mut random = seed;
    let served = Arc::new(Served::start().await);
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        workers.spawn(Worker::new(&served, number).work());
    }
    let (mut kills, mut minutes) = (0, 0);
    loop {
        let pause = Duration::from_millis(50 + next(&mut random) % 2_000);
        tokio::select! {
            ended = workers.join_next() => match ended {
                Some(ended) => minutes += u64::from(ended.unwrap()),
                None => break,
            },
            () = tokio::time::sleep(pause), if kills < KILLS => {
                served.kill_and_start();
                kills += 1;
            }
        }
    }
    let books = served.town.registry.books().await.unwrap();
    let answers = served.answers.load(Ordering::Relaxed);
    println!("{kills} kills among {answers} answers: {:?}", books.total);
    assert!(answers >= 1_000 && kills >= 5, "{kills} {answers}");
    let paid = u64::from(2 * WORKERS * ROUNDS);
    assert_eq!(
        (
            books.total.issued,
            books.total.redeemed,
            books.total.spent,
            books.paid
        ),
        (minutes, minutes, paid, paid),
    );
}

/// As [`Served::ask`] where nothing is killed, of the process at this port.
pub async fn ask_at(served: &Served, port: u16, path: &str, body: Option<Value>) -> Value {
    let token = match path.starts_with("/checkouts") {
        true => &served.till,
        false => &served.app,
    };
    let url = format!("http://127.0.0.1:{port}{path}");
    let request = match body {
        Some(body) => {
            let key = body.to_string();
            served
                .http
                .post(url)
                .json(&body)
                .header("idempotency-key", key)
        }
        None => served.http.get(url),
    };
    let answer = request.bearer_auth(token).send().await.unwrap();
    let (status, text) = (answer.status(), answer.text().await.unwrap());
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or(Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_postgresql_share_the_work_and_one_goes_on_alone() {
    let Some(server) = PgServer::shared() else {
        return;
    };
    let town = Town::new().await;
    let pos = town.registry.add_pos("Bar Ducale", "Till 1").await.unwrap();
    add_pos(&town, &[("bar", &pos)]);
    let (one, other, registry) = (free_port(), free_port(), town.registry.url());
    town.write("db", &format!("{}\n", server.database().await));
    town.configure("store = \"local.db\"", "database_url_file = \"db\"");
    town.configure(
        "[campaign]\n",
        &format!(
            "[service]\nlisten = \"127.0.0.1:{one}\"\n\
             [pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\ndatabase_url_file = \"db\"\nschema = \"tills\"\n\
             [campaign]\n"
        ),
    );
    let config = std::fs::read_to_string(town.path("wom.toml")).unwrap();
    town.write(
        "other.toml",
        &config.replace(&one.to_string(), &other.to_string()),
    );
    let served = Served::over(town, one);
    let mut second = serve_by(&served.town, "other.toml");

    // Whoever accepts it, each gives the same code.
    let walk = |minutes: u32| json!({"aim": "H", "minutes": minutes, "place": {"latitude": 43.7, "longitude": 12.6}});
    for (n, port) in [one, other].into_iter().cycle().take(10).enumerate() {
        let minutes = u32::try_from(n).unwrap() + 1;
        let accepted = ask_at(&served, port, "/awards", Some(walk(minutes))).await;
        let path = format!("/awards/{}?wait=20", accepted["id"].as_str().unwrap());
        let (a, b) = tokio::join!(
            ask_at(&served, one, &path, None),
            ask_at(&served, other, &path, None)
        );
        assert!(a["code"].is_object(), "{a}");
        assert_eq!(a, b);
    }
    // A claim page that one made opens at the other, and then at neither.
    let who = json!({"subject": {"namespace": "participant", "id": "sara"}});
    let page = ask_at(&served, one, "/claim-pages", Some(who)).await;
    let page = page["url"].as_str().unwrap();
    let elsewhere = page.replace(&one.to_string(), &other.to_string());
    let browser = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    for (url, status) in [
        (elsewhere.as_str(), 303),
        (page, 410),
        (elsewhere.as_str(), 410),
    ] {
        assert_eq!(
            browser.get(url).send().await.unwrap().status(),
            status,
            "{url}"
        );
    }
    // A payment that is asked for at one is heard of at the other.
    let served = Arc::new(served);
    let worker = Worker::new(&served, 0);
    let rich = ask_at(&served, one, "/awards?wait=20", Some(walk(50))).await;
    worker.redeem(&rich["code"], 50).await;
    let checkout = ask_at(&served, one, "/checkouts", Some(json!({"amount": 5}))).await;
    let path = format!("/checkouts/{}?wait=25", checkout["id"].as_str().unwrap());
    let pay = async {
        let (link, pin) = code(&checkout["code"]);
        worker
            .pocket
            .pay(&worker.client, &link, &pin)
            .await
            .unwrap();
    };
    let (heard, ()) = tokio::join!(ask_at(&served, other, &path, None), pay);
    assert_eq!(heard["state"], "paid");

    // What one has accepted when it dies, the other brings at once, also what the dead one had taken
    // to itself for a minute.
    let mut ids = Vec::new();
    for minutes in 100..120 {
        ids.push(ask_at(&served, one, "/awards", Some(walk(minutes))).await["id"].clone());
    }
    {
        let mut first = served.process.lock().unwrap();
        first.kill().unwrap();
        first.wait().unwrap();
    }
    let ends = tokio::time::Instant::now() + Duration::from_secs(30);
    for id in &ids {
        let path = format!("/awards/{}?wait=20", id.as_str().unwrap());
        while !ask_at(&served, other, &path, None).await["code"].is_object() {
            assert!(
                tokio::time::Instant::now() < ends,
                "an award waits for one who is dead"
            );
        }
    }
    let books = served.town.registry.books().await.unwrap().total;
    let _ = (second.kill(), second.wait());
    assert_eq!(
        books.issued,
        (1..=10).sum::<u64>() + 50 + (100..120).sum::<u64>()
    );
}

/// Takes one webhook of ours after the other, checks the signature, and gives the bodies.
fn receiver(secret: Secret) -> (String, std::sync::mpsc::Receiver<Value>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (heard, bodies) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut headers = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                match line.trim_end().split_once(": ") {
                    Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
                    None if line.trim_end().is_empty() => break,
                    None => {}
                }
            }
            let length = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let mut body = vec![0; length.unwrap().1.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let secrets = std::slice::from_ref(&secret);
            let now = SystemClock.now();
            webhook::verify(&Scheme::StandardWebhooks, &headers, &body, secrets, now).unwrap();
            stream
                .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                .unwrap();
            if heard.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, bodies)
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_come_in_and_go_out() {
    let town = Town::new().await;
    let secret = Secret::random();
    let (url, heard) = receiver(secret.clone());
    // Relative paths start where the configuration lies, wherever the program was started.
    town.write("hook.secret", &secret.reveal());
    let pos = town.registry.add_pos("Bar Ducale", "Till 1").await.unwrap();
    add_pos(&town, &[("bar", &pos)]);
    let (port, registry) = (free_port(), town.registry.url());
    town.configure(
        "[campaign]\n",
        &format!(
            "[service]\nlisten = \"127.0.0.1:{port}\"\n\
             [sources.watch]\nadapter = \"activity.webhook\"\nsecret_files = [\"hook.secret\"]\n\
             [webhook]\nurl = \"{url}\"\nsecret_files = [\"hook.secret\"]\ndanger_allow_private = [\"127.0.0.1\"]\n\
             [pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\nstore = \"pos.db\"\n\
             [pos.webhook]\nurl = \"{url}\"\nsecret_files = [\"hook.secret\"]\ndanger_allow_private = [\"127.0.0.1\"]\n\
             [campaign]\n"
        ),
    );
    let served = Served::over(town, port);
    let day = Zone::UTC.day(SystemClock.now().plus_millis(-DAY_MS));
    let start = Zone::UTC.start_of(day).plus_millis(9 * 3_600_000);
    let body = json!([{
        "participant": "sara", "activity": "walking", "recording": "measured",
        "start": start.to_string(), "end": start.plus_millis(30 * 60_000).to_string(),
    }])
    .to_string();
    let send = async |body: &str, signed: &str| {
        let now = SystemClock.now();
        let secrets = std::slice::from_ref(&secret);
        let signed = webhook::sign(
            &Scheme::StandardWebhooks,
            "msg_1",
            now,
            signed.as_bytes(),
            secrets,
        );
        let mut request = served
            .http
            .post(format!("http://127.0.0.1:{port}/in/watch"))
            .body(body.to_owned());
        for (name, value) in signed.unwrap().headers() {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send("[]", &body).await, 401, "altered");
    for _ in 0..20 {
        assert_eq!(send(&body, &body).await, 204);
    }
    let wait = Duration::from_secs(30);
    let claim = tokio::task::block_in_place(|| heard.recv_timeout(wait).unwrap());
    assert_eq!(
        (&claim["type"], &claim["data"]["minutes"]),
        (&json!("claim.ready"), &json!(30))
    );
    let worker = Worker::new(&Arc::new(served), 0);
    worker.redeem(&claim["data"], 30).await;

    let new = json!({"amount": 5, "pos": "bar"});
    let checkout = worker.served.post("/checkouts", Some("bill"), new).await;
    let (link, pin) = code(&checkout["code"]);
    worker
        .pocket
        .pay(&worker.client, &link, &pin)
        .await
        .unwrap();
    let paid = tokio::task::block_in_place(|| heard.recv_timeout(wait).unwrap());
    assert_eq!(paid["type"], "checkout.paid");
    assert_eq!(
        (&paid["data"]["id"], &paid["data"]["pos"]),
        (&checkout["id"], &json!("bar"))
    );
    let books = worker.served.town.registry.books().await.unwrap();
    assert_eq!((books.total.issued, books.total.spent), (30, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn three_thousand_tills_are_served_and_another_list_is_taken_over() {
    let town = Town::new().await;
    let pos = town.registry.add_pos("Bar Ducale", "Till 1").await.unwrap();
    add_pos(&town, &[("bar", &pos)]);
    let mut list = std::fs::read_to_string(town.path("pos.csv")).unwrap();
    for n in 0..3_000 {
        // Their keys are as real; that they are one saves the test an hour of making them.
        list.push_str(&format!(
            "chain/{n},{},bar.pem\n",
            wom_sdk::protocol::PosId::random()
        ));
    }
    town.write("pos.csv", &list);
    let (port, registry) = (free_port(), town.registry.url());
    town.configure(
        "[campaign]\n",
        &format!(
            "[service]\nlisten = \"127.0.0.1:{port}\"\n\
             [pos]\nregistry = \"{registry}\"\nlist = \"pos.csv\"\nstore = \"pos.db\"\n\
             [campaign]\n"
        ),
    );
    let served = Served::over(town, port);
    let ask = async |pos: &str| {
        let request = served
            .http
            .post(format!("http://127.0.0.1:{port}/checkouts"))
            .bearer_auth(&served.till)
            .header("idempotency-key", pos)
            .json(&json!({"amount": 5, "pos": pos}));
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("bar").await, 201);
    // The Registry knows no such POS, which is its word, not ours.
    assert_eq!(ask("chain/2999").await, 502);
    assert_eq!(ask("chain/3000").await, 404);
    // A list that cannot be read changes nothing; a good one is taken over.
    served.town.write("pos.csv", "name,pos\nbar,?\n");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(ask("bar").await, 201);
    add_pos(&served.town, &[("museum", &pos)]);
    let ends = tokio::time::Instant::now() + Duration::from_secs(30);
    while ask("museum").await != 201 {
        assert!(
            tokio::time::Instant::now() < ends,
            "the new list is not taken over"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(ask("bar").await, 404);
}
