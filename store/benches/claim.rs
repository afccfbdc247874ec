//! How quickly workers claim what is due in PostgreSQL: many at a time against one by one, and with
//! few or many waiting.
//!
//! Four workers, each with a connection of its own, claim for the length of a spell. The server is
//! one of the bench's own, with fsync on; rounds are interleaved, and medians compared.
//!
//! `cargo bench -p wom-store --features testing --bench claim [-- ROUNDS [WAITING...]]`

#![allow(clippy::unwrap_used, reason = "a measurement that fails is none")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::Connection as _;
use wom_sdk::{
    Timestamp,
    award::{Content, Vouchers},
    store::Store,
};
use wom_store::{DatabaseUrl, PostgresSettings, PostgresStore, testing::PgServer};

const SPELL: Duration = Duration::from_millis(1_000);
const WORKERS: usize = 4;
const LOTS: [usize; 2] = [1, 50];

/// Awards that wait, written straight into the table; each due in a millisecond of many others.
const FILL: &str = "
    INSERT INTO wom.award (key, version, content, accepted, state, tries, unclear, due, open)
    SELECT sha256(n::text::bytea), 1, $2, 0, 'accepted', 0, false, n / 1000, true
    FROM generate_series(1, $1) AS n";

struct Case {
    waiting: i64,
    store: Arc<PostgresStore>,
    /// Claims a second, by how many are claimed at a time.
    rates: [Vec<f64>; 2],
}

fn main() {
    let words: Vec<i64> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .map(|word| word.parse().unwrap())
        .collect();
    let rounds = words.first().copied().unwrap_or(5);
    let sizes = match words.get(1..) {
        Some([_, ..]) => &words[1..],
        _ => &[10_000, 50_000, 200_000],
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let server = PgServer::own().expect("there is a PostgreSQL");
    runtime.block_on(async {
        let mut cases = Vec::new();
        for waiting in sizes {
            cases.push(filled(&server, *waiting).await);
        }
        for _ in 0..rounds {
            for case in &mut cases {
                for (rates, lot) in case.rates.iter_mut().zip(LOTS) {
                    rates.push(claims(&case.store, lot).await);
                }
            }
        }
        report(&mut cases);
    });
}

async fn filled(server: &PgServer, waiting: i64) -> Case {
    let url = DatabaseUrl::new(server.database().await).unwrap();
    let settings = PostgresSettings::new(url.clone());
    let store = settings
        .connections(u32::try_from(WORKERS).unwrap())
        .open()
        .await
        .unwrap();
    let mut conn = sqlx::PgConnection::connect(url.reveal()).await.unwrap();
    sqlx::query(FILL)
        .bind(waiting)
        .bind(serde_json::to_string(&content()).unwrap())
        .execute(&mut conn)
        .await
        .unwrap();
    sqlx::query("VACUUM ANALYZE wom.award")
        .execute(&mut conn)
        .await
        .unwrap();
    let first = store.due(Timestamp::MAX, 1).await.unwrap();
    assert_eq!(first.len(), 1, "what was filled in can be read");
    Case {
        waiting,
        store: Arc::new(store),
        rates: [Vec::new(), Vec::new()],
    }
}

/// Claims of all workers together a second. What was claimed goes to the end of the queue, so that
/// as many wait all the time.
async fn claims(store: &Arc<PostgresStore>, lot: usize) -> f64 {
    let began = Instant::now();
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                let mut count = 0;
                while began.elapsed() < SPELL {
                    let claimed = store.claim(Timestamp::MAX, later(), lot).await.unwrap();
                    assert_eq!(claimed.len(), lot);
                    count += lot;
                }
                count
            })
        })
        .collect();
    let mut count = 0;
    for worker in workers {
        count += worker.await.unwrap();
    }
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = count as f64 / began.elapsed().as_secs_f64();
    rate
}

/// A time after all that were given before.
fn later() -> Timestamp {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NEXT: AtomicI64 = AtomicI64::new(1_000_000_000);
    Timestamp::from_millis(NEXT.fetch_add(1, Ordering::Relaxed))
}

fn content() -> Content {
    let vouchers = Vouchers {
        aim: "H".parse().unwrap(),
        minutes: 30,
        place: "43.725,12.6366".parse().unwrap(),
        at: Timestamp::from_seconds(1_772_000_000),
    };
    Content::new(vec![vouchers]).unwrap()
}

fn report(cases: &mut [Case]) {
    println!("| awards waiting | claims/s, 1 at a time | claims/s, 50 at a time | ratio |");
    println!("|---|---|---|---|");
    let mut flat: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for case in cases {
        let [one, many] = case.rates.each_mut().map(|rates| median(rates));
        flat[0].push(one);
        flat[1].push(many);
        println!(
            "| {} | {one:.0} | {many:.0} | {:.1} |",
            case.waiting,
            many / one
        );
    }
    for (rates, lot) in flat.iter().zip(LOTS) {
        let (first, last) = (rates[0], rates[rates.len() - 1]);
        println!(
            "{lot} at a time, most waiting against fewest: {:.2}",
            last / first
        );
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
