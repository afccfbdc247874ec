//! A store, while the process is killed that writes into it.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use indicatif::ProgressBar;
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Result,
    award::{AwardKey, Identity},
    registry::RegistryClient,
    store::Store as _,
    testing::killing::{Chance, Heard, award_key, minutes},
};

use super::{
    audit, awards, broken,
    part::Part,
    process::{Process, locked},
};
use crate::{again::Again, profile::open_file};

/// A Registry that nobody asks: only the store is at work.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What was shown.
#[derive(Debug, Default)]
pub struct Writer {
    pub kills: u64,
    pub commits: u64,
}

/// Kills the writer so many times. Whatever it has reported is there each time.
pub async fn kill(
    again: &Again,
    dir: &Path,
    kills: u32,
    chance: &mut Chance,
    bar: &ProgressBar,
) -> Result<Writer> {
    let options = RegistryOptions::new().key_bits(2048);
    let registry = Registry::open(dir.join("no-registry"), options).await?;
    let (dir, source) = awards::folder(&dir.join("writer"), &registry, NOWHERE).await?;
    registry.close().await;
    let identity = Identity {
        registry: RegistryClient::new(NOWHERE)?.address().to_string(),
        source: source.as_str().to_ascii_lowercase(),
    };
    let heard = Arc::new(Mutex::new(Heard::default()));
    let mut shown = Writer::default();
    for _ in 0..kills {
        let from = locked(&heard)
            .accepted
            .last()
            .map_or(0, |last| last + 1_000);
        let listener = Arc::clone(&heard);
        let mut writer = Process::start(again, Part::Writer, &dir, 0, from, move |line| {
            locked(&listener).hear(line);
        })?;
        // Some die while they open the store, some in the midst of their commits.
        tokio::time::sleep(Duration::from_millis(chance.below(400))).await;
        writer.kill()?;
        shown.kills += 1;
        bar.inc(1);
        let store = open_file(&dir.join("awards.db")).await?;
        let accepted = locked(&heard).accepted.clone();
        for n in &accepted {
            let key = AwardKey::direct(&identity, &award_key(*n));
            let held = store.award(key).await?;
            if held.is_none_or(|held| held.content.minutes() != minutes(*n)) {
                return Err(broken("a commit was reported and lost"));
            }
        }
        store.close().await?;
        shown.commits = accepted.len() as u64;
    }
    if shown.kills > 0 {
        audit(&dir, None).await?;
    }
    Ok(shown)
}
