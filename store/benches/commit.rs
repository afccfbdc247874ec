//! Durable commits a second, beside what the same disk does by itself in the same run.
//!
//! The measure is appending 4 KiB to a file and syncing its data, one after the other. A commit
//! accepts one award; every caller waits until its own is durable. Rounds are interleaved, and
//! medians compared: other work on the machine blurs the figures, but hardly the ratios.
//!
//! `cargo bench -p wom-store --bench commit [-- ROUNDS [FOLDER]]`

#![allow(clippy::unwrap_used, reason = "a measurement that fails is none")]

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use wom_sdk::{
    Timestamp,
    award::{AwardKey, Content, Identity, State, Vouchers},
    protocol::Position,
    store::{AwardRecord, Commit, Committed, Store},
};
use wom_store::SqliteStore;

const SPELL: Duration = Duration::from_millis(700);

/// What is measured: its name, callers at a time, awards in a commit, and the ratio to reach.
const CASES: [(&str, u64, u64, f64); 4] = [
    ("1 caller", 1, 1, 0.8),
    ("8 waiting callers", 8, 1, 0.0),
    ("64 waiting callers", 64, 1, 4.0),
    ("1 caller, batches of 100", 1, 100, 6.0),
];

fn main() {
    // Cargo adds a flag of its own.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'));
    let rounds = words.next().map_or(7, |rounds| rounds.parse().unwrap());
    let folder = words.next();
    let folder = folder.as_deref().unwrap_or(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::tempdir_in(folder).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let open = SqliteStore::open(dir.path().join("wom.db"));
    let store = Arc::new(runtime.block_on(open).unwrap());
    let mut disk = Vec::new();
    let mut ratios = vec![Vec::new(); CASES.len()];
    let mut rates = ratios.clone();
    let mut costs = ratios.clone();
    for _ in 0..rounds {
        for (case, (_, callers, batch, _)) in CASES.into_iter().enumerate() {
            // The disk just before and just after, since it does not run evenly.
            let before = append_and_sync(dir.path());
            let cpu = cpu_seconds();
            let count = runtime.block_on(commits(&store, callers, batch));
            let rate = count / SPELL.as_secs_f64();
            costs[case].push((cpu_seconds() - cpu) / count * 1e6);
            let beside = f64::midpoint(before, append_and_sync(dir.path()));
            disk.push(beside);
            rates[case].push(rate);
            ratios[case].push(rate / beside);
        }
    }
    println!("append 4 KiB + fdatasync: {:.0}/s", median(&mut disk));
    println!("| awards/s, each durable | rate | CPU µs | ratio | lowest to highest | goal |");
    println!("|---|---|---|---|---|---|");
    for (case, (name, _, _, goal)) in CASES.into_iter().enumerate() {
        let ratio = median(&mut ratios[case]);
        let (lowest, highest) = (ratios[case][0], ratios[case][ratios[case].len() - 1]);
        let verdict = if goal == 0.0 {
            String::new()
        } else if ratio >= goal {
            format!("{goal} reached")
        } else {
            format!("{goal} MISSED")
        };
        let rate = median(&mut rates[case]);
        let cost = median(&mut costs[case]);
        println!(
            "| {name} | {rate:.0} | {cost:.0} | {ratio:.2} | {lowest:.2} to {highest:.2} | {verdict} |"
        );
    }
    runtime.block_on(store.close()).unwrap();
}

fn append_and_sync(dir: &Path) -> f64 {
    let path = dir.join("appended");
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .unwrap();
    let page = [7; 4096];
    let started = Instant::now();
    let mut count = 0_u32;
    while started.elapsed() < SPELL / 2 {
        file.write_all(&page).unwrap();
        file.sync_data().unwrap();
        count += 1;
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    std::fs::remove_file(path).unwrap();
    rate
}

async fn commits(store: &Arc<SqliteStore>, callers: u64, batch: u64) -> f64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut count = 0_u32;
                while started.elapsed() < SPELL {
                    let awards = (0..batch)
                        .map(|_| award(NEXT.fetch_add(1, Ordering::Relaxed)))
                        .collect();
                    let commit = Commit {
                        awards,
                        ..Commit::default()
                    };
                    assert_eq!(store.commit(commit).await.unwrap(), Committed::Done);
                    count += u32::try_from(batch).unwrap();
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for caller in callers {
        count += caller.await.unwrap();
    }
    f64::from(count) * SPELL.as_secs_f64() / started.elapsed().as_secs_f64()
}

/// What this process has used so far, user and system, in hundredths; zero where that is unknown.
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    // The second field is a name in brackets and may hold blanks.
    let fields = stat.rsplit(')').next().unwrap().split(' ');
    let ticks = fields
        .skip(12)
        .take(2)
        .map(|field| field.parse::<f64>().unwrap());
    ticks.sum::<f64>() / 100.0
}

fn award(n: u64) -> AwardRecord {
    let identity = Identity {
        registry: "http://127.0.0.1:1".into(),
        source: "1".into(),
    };
    let at = Timestamp::from_seconds(1_772_000_000);
    AwardRecord {
        key: AwardKey::direct(&identity, &n.to_string()),
        version: 1,
        participant: None,
        accepted: at,
        content: Content::new(vec![Vouchers {
            aim: "H".parse().unwrap(),
            minutes: 30,
            place: Position::new(43.725, 12.6366).unwrap(),
            at,
        }])
        .unwrap(),
        state: State::Accepted,
        sealed: None,
        tries: 0,
        unclear: false,
        due: at.plus_millis(i64::try_from(n).unwrap()),
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
