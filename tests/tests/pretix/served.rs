//! `wom serve` as a process of its own: pretix calls it, and somebody collects.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use wom_registry::TestRegistry;
use wom_sdk::{
    Clock as _, MINUTE_MS, SystemClock, Timestamp,
    pocket::Pocket,
    privacy::FileKeyStore,
    protocol::{Pin, parse_link_or_otc},
    registry::{PocketClient, RegistryClient},
};

use crate::{
    MINUTES, SOURCE, listen,
    server::{Evening, ORGANIZER, Server},
    until,
};

/// The folder of the process.
const FOLDER: &str = "WOM_TEST_SERVED";

pub(crate) async fn served(server: &Server) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let registry = TestRegistry::start(dir.join("registry")).await.unwrap();
    let aims = ["C".parse().unwrap()];
    let instrument = registry.add_instrument("Theatre", &aims).await.unwrap();
    fs::write(
        dir.join("source.pem"),
        instrument.key.to_pkcs1_pem().as_bytes(),
    )
    .unwrap();
    FileKeyStore::create(dir.join("wom-keys.json")).unwrap();
    fs::write(dir.join("token"), &server.reader).unwrap();
    fs::write(dir.join("password"), "knock").unwrap();
    let config = format!(
        r#"
profile = "local"
key_store = "wom-keys.json"
[profiles.local]
registry = "{registry}"
source = "{source}"
key_file = "source.pem"
store = "local.db"
[campaign]
name = "theatre"
zone = "Europe/Rome"
from = "2026-01-01"
until = "2040-01-01"
settlement_hours = 0
place = "43.7263,12.6366"
rules = "attendance/1"
[[campaign.line]]
name = "culture"
aim = "C"
[sources.{SOURCE}]
adapter = "ticketing.pretix"
address = "{pretix}"
organizer = "{ORGANIZER}"
secret_files = ["token"]
webhook_username = "pretix"
webhook_secret_files = ["password"]
[service]
listen = "127.0.0.1:0"
"#,
        registry = registry.url(),
        source = instrument.id,
        pretix = server.url,
    );
    fs::write(dir.join("wom.toml"), config).unwrap();
    let token = ["token", "add", "app", "--scope", "claims"];
    let (mut adding, said) = wom(dir, &token);
    adding.wait().unwrap();
    let token = said["token"].as_str().unwrap().to_owned();
    let (process, ready) = wom(dir, &["serve"]);
    let process = Killed(process);
    let url = ready["url"].as_str().unwrap().to_owned();
    let webhook = listen(server, url.strip_prefix("http://").unwrap()).await;

    // The play ended a quarter of an hour ago.
    let now = SystemClock.now().plus_millis(-(MINUTES + 15) * MINUTE_MS);
    let begin = Timestamp::from_seconds(now.as_seconds() / 60 * 60);
    let after = |minutes: i64| begin.plus_millis(minutes * MINUTE_MS).to_string();
    let play = Evening::plan(server, "matinee", &after(0), &after(MINUTES)).await;
    let guest = play.sell("nina", &[play.seat]).await.remove(0);
    assert!(play.scan(play.door, &guest, "entry", &after(20)).await);
    server.work().await;

    let host = server.url.strip_prefix("http://").unwrap();
    let person = json!({
        "namespace": format!("pretix:{host}/{ORGANIZER}"),
        "id": format!("matinee/{}", guest.position),
    });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let wallet = Pocket::open(dir.join("nina.json")).unwrap();
    let mut minutes = 0;
    until("somebody collects", async || {
        let request = http.post(format!("{url}/claims")).bearer_auth(&token);
        let answer = request.json(&person).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        let Some(code) = answer["claims"].get(0).map(|claim| &claim["code"]) else {
            return false;
        };
        let link = parse_link_or_otc(code["link"].as_str().unwrap()).unwrap();
        let pin = Pin::parse(code["pin"].as_str().unwrap()).unwrap();
        let client = PocketClient::new(RegistryClient::new(registry.url()).unwrap());
        let redeemed = wallet.redeem(&client, &link, &pin, None).await.unwrap();
        minutes = redeemed.vouchers;
        true
    })
    .await;
    assert_eq!(i64::from(minutes), MINUTES - 20);
    let off = json!({"enabled": false});
    server.patch(&format!("webhooks/{webhook}/"), off).await;
    drop(process);
}

/// Runs `wom` in a folder, and gives what it says first, as JSON.
fn wom(dir: &Path, args: &[&str]) -> (Child, Value) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "served::child_is_wom",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, dir)
        .env("WOM_TEST_ARGS", args.join(" "))
        .current_dir(dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut text = String::new();
    let said = lines.find_map(|line| {
        let line = line.unwrap();
        // What the test harness says comes before.
        let begins = text.is_empty().then(|| line.find('{'));
        text.push_str(match begins {
            Some(begins) => &line[begins?..],
            None => &line,
        });
        serde_json::from_str(&text).ok()
    });
    // Read to the end: nobody writes into a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
    (child, said.expect("it says something in JSON"))
}

/// The program itself.
#[test]
#[ignore = "is started by another test"]
fn child_is_wom() {
    if std::env::var_os(FOLDER).is_none() {
        return;
    }
    let args = std::env::var("WOM_TEST_ARGS").unwrap();
    let args = ["wom", "--json"].into_iter().chain(args.split(' '));
    let code = wom_cli::run(args.map(Into::into));
    std::process::exit(code.into());
}

/// A process that goes with the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
