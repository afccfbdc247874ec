//! A museum's day, with every kind of mess.

use std::time::{Duration, Instant};

use wom_adapter_ticketing::{CheckinCsv, CheckinCsvConfig};

use crate::{museum_list, support::Kept};

#[tokio::test]
async fn a_museums_list_loses_its_bad_lines_and_nothing_else() {
    let seed = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 1,
    };
    println!("SEED={seed}");
    let config = CheckinCsvConfig {
        nominal_minutes: Some(90),
        zone: Some("Europe/Rome".parse().unwrap()),
        ..CheckinCsvConfig::default()
    };
    let adapter = CheckinCsv::new(config).unwrap();
    for seed in seed..seed + 20 {
        let list = museum_list::list(seed, 1_000);
        let begun = Instant::now();
        let kept = Kept::read(&adapter, list.bytes.clone()).await;
        assert!(begun.elapsed() < Duration::from_secs(5));
        let refused = kept
            .refused()
            .into_iter()
            .map(|(line, _, code)| (line, code));
        assert_eq!(
            refused.collect::<Vec<_>>(),
            list.bad.into_iter().collect::<Vec<_>>(),
            "seed {seed}"
        );
        assert_eq!(kept.minutes(), list.minutes, "seed {seed}");
        // The same list again changes nothing.
        let mut twice = kept;
        twice
            .observations
            .extend(Kept::read(&adapter, list.bytes).await.observations);
        assert_eq!(twice.minutes(), list.minutes, "seed {seed}");
    }
}
