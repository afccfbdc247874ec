//! What a Registry's requests cost beside the RSA operations that they cannot do without.
//!
//! ```text
//! cargo run --release -p wom-registry --example load [ROUNDS [BITS]]
//! ```
//!
//! The Registry serves in a process of its own, whose CPU time is read from /proc: so this runs on
//! Linux only, and other work on the machine disturbs it little.

use std::{
    error::Error,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::Semaphore, task::JoinSet};
use wom_registry::{NewInstrument, Registry, RegistryOptions, TestRegistry};
use wom_sdk::{
    Clock as _, SystemClock,
    protocol::{Otc, PublicKey, SessionKey, message::CreateAnswer, rsa},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const REQUESTS: usize = 200;
const IN_FLIGHT: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if_eq("serve").is_some() {
        return serve(arguments.next().ok_or("no directory")?).await;
    }
    let rounds: usize = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let bits = arguments.next().map_or(Ok(4096), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let registry = Registry::open(dir.path(), RegistryOptions::new().key_bits(bits)).await?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut url = String::new();
    BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut url)?;
    let server = Server {
        url: url.trim().to_owned(),
        pid: child.id(),
        key: registry.public_key().clone(),
    };
    let instrument = registry.add_instrument("Load", &["H".parse()?]).await?;
    println!("{bits} bits, {REQUESTS} requests a round, {IN_FLIGHT} in flight");
    println!("award CPU/RSA  RSA's share of redemption  others p99 while redeeming");
    let mut figures = Vec::new();
    for _ in 0..rounds {
        let figure = round(&server, &instrument).await?;
        println!(
            "{:>13.3}  {:>24.3}  {:>22.1} ms",
            figure[0], figure[1], figure[2]
        );
        figures.push(figure);
    }
    let median = |column: usize| {
        let mut values: Vec<_> = figures.iter().map(|figure| figure[column]).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "median {:>6.3}  {:>24.3}  {:>22.1} ms",
        median(0),
        median(1),
        median(2)
    );
    drop(child.stdin.take());
    child.wait()?;
    Ok(())
}

/// Serves until the standard input ends.
async fn serve(dir: String) -> Result<()> {
    let mut options = RegistryOptions::new();
    options.unverified_limit = u32::MAX;
    let registry = TestRegistry::start_with(dir, options).await?;
    println!("{}", registry.url());
    let input = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    tokio::task::spawn_blocking(input).await??;
    registry.stop().await?;
    Ok(())
}

struct Server {
    url: String,
    pid: u32,
    key: PublicKey,
}

async fn round(registry: &Server, instrument: &NewInstrument) -> Result<[f64; 3]> {
    let (decrypt, encrypt) = rsa_costs(instrument)?;
    let creates: Vec<_> = (0..REQUESTS)
        .map(|_| create(registry, instrument))
        .collect();

    let before = cpu(registry.pid);
    let answers = post_all(registry, "voucher/create", creates).await?;
    let mut spent = cpu(registry.pid) - before;
    let mut codes = Vec::new();
    for answer in answers {
        let payload = answer["payload"].as_str().ok_or("no payload")?.to_owned();
        let text = rsa::open(&instrument.key, &payload, 8)?;
        codes.push(CreateAnswer::from_inner(&text)?);
    }
    let verifies = codes
        .iter()
        .map(|code| sealed(registry, &json!({"otc": code.otc.reveal()})));
    let verifies = verifies.collect();
    let before = cpu(registry.pid);
    post_all(registry, "voucher/verify", verifies).await?;
    spent += cpu(registry.pid) - before;
    let floor = (2.0 * decrypt + encrypt) * REQUESTS as f64;

    let redeems = codes.iter().map(|code| {
        let inner = json!({
            "otc": code.otc.reveal(),
            "password": code.password.reveal(),
            "sessionKey": *SessionKey::random().reveal(),
        });
        sealed(registry, &inner)
    });
    let redeems = redeems.collect();
    let (stop, watching) = watch_others(registry);
    let before = cpu(registry.pid);
    post_all(registry, "voucher/redeem", redeems).await?;
    let redeeming = (cpu(registry.pid) - before) / REQUESTS as f64;
    let _ = stop.send(());
    let mut others = watching.await?;
    others.sort();
    let p99 = others
        .get(others.len() * 99 / 100)
        .copied()
        .unwrap_or_default();
    Ok([
        spent / floor,
        decrypt / redeeming,
        p99.as_secs_f64() * 1000.0,
    ])
}

/// Seconds of CPU that a private and a public operation take while all cores do the same: two
/// cores that share a unit slow each other down.
fn rsa_costs(instrument: &NewInstrument) -> Result<(f64, f64)> {
    const TIMES: usize = 100;
    let payload = rsa::seal(instrument.key.public(), b"{}");
    let decrypt = on_all_cores(TIMES, || {
        let _ = std::hint::black_box(rsa::open(&instrument.key, &payload, 1));
    })?;
    let encrypt = on_all_cores(10 * TIMES, || {
        std::hint::black_box(rsa::seal(instrument.key.public(), b"{}"));
    })?;
    Ok((decrypt, encrypt))
}

fn on_all_cores(times: usize, work: impl Fn() + Sync) -> Result<f64> {
    let cores = std::thread::available_parallelism()?.get();
    let before = cpu(std::process::id());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| (0..times).for_each(|_| work()));
        }
    });
    Ok((cpu(std::process::id()) - before) / (cores * times) as f64)
}

fn create(registry: &Server, instrument: &NewInstrument) -> String {
    let nonce = Otc::random().reveal();
    let inner = json!({
        "sourceId": instrument.id, "nonce": nonce,
        "vouchers": [{
            "aim": "H", "latitude": 43.72, "longitude": 12.63,
            "timestamp": SystemClock.now(), "count": 30,
        }],
    });
    let payload = rsa::seal(&registry.key, inner.to_string().as_bytes());
    json!({"sourceId": instrument.id, "nonce": nonce, "payload": payload}).to_string()
}

fn sealed(registry: &Server, inner: &Value) -> String {
    let payload = rsa::seal(&registry.key, inner.to_string().as_bytes());
    json!({"payload": payload}).to_string()
}

async fn post_all(registry: &Server, path: &str, bodies: Vec<String>) -> Result<Vec<Value>> {
    let (http, places) = (reqwest::Client::new(), Arc::new(Semaphore::new(IN_FLIGHT)));
    let url = format!("{}/api/v1/{path}", registry.url);
    let mut posting = JoinSet::new();
    for body in bodies {
        let (http, url, places) = (http.clone(), url.clone(), Arc::clone(&places));
        posting.spawn(async move {
            let _place = places.acquire().await?;
            let response = http.post(url).body(body).send().await?.error_for_status()?;
            let text = response.text().await?;
            Result::Ok(serde_json::from_str(&text).unwrap_or_default())
        });
    }
    posting.join_all().await.into_iter().collect()
}

/// How long requests without RSA take meanwhile.
fn watch_others(
    registry: &Server,
) -> (
    tokio::sync::oneshot::Sender<()>,
    tokio::task::JoinHandle<Vec<Duration>>,
) {
    let (stop, mut stopped) = tokio::sync::oneshot::channel();
    let url = format!("{}/api/v1/auth/key", registry.url);
    let watching = tokio::spawn(async move {
        let (http, mut times) = (reqwest::Client::new(), Vec::new());
        while stopped.try_recv().is_err() {
            let began = Instant::now();
            if http.get(&url).send().await.is_ok() {
                times.push(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        times
    });
    (stop, watching)
}

/// Seconds of CPU that a process has used; 0 where there is no /proc.
fn cpu(pid: u32) -> f64 {
    /// Clock ticks a second, as every Linux has it for user programs.
    const TICKS: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS
}
