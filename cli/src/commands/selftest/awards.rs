//! Awards, while the worker and the Registry are killed under them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Error, Kind, Result,
    audit::RegistryBooks as _,
    files,
    pocket::Pocket,
    privacy::FileKeyStore,
    protocol::{Link, SourceId},
    registry::{PocketClient, RegistryClient},
    testing::killing::{Chance, Heard, Victim, minutes},
};

use super::{
    audit, broken,
    part::Part,
    process::{Process, Server, locked},
};
use crate::{again::Again, commands::audit::Folder as RegistryFolder};

/// How many awards a worker makes before the next one begins.
pub const ROUND: u32 = 60;
/// Each code is looked up in the Registry's books; so many are redeemed too.
const REDEEMED: usize = 100;

/// What was shown.
#[derive(Debug, Default)]
pub struct Awards {
    pub kills: u64,
    pub worker_kills: u64,
    pub registry_kills: u64,
    pub spoilt: u64,
    pub awards: u64,
    pub minutes: u64,
    pub redeemed: u64,
    pub orphans: u64,
}

#[derive(Debug, Default)]
struct Words {
    heard: Heard,
    spoilt: u64,
}

/// Kills so many times, and counts.
pub async fn kill(
    again: &Again,
    dir: &Path,
    kills: u32,
    chance: &mut Chance,
    bar: &ProgressBar,
) -> Result<Awards> {
    let place = dir.join("registry");
    let options = RegistryOptions::new().key_bits(2048);
    let registry = Registry::open(&place, options).await?;
    let mut server = Server::start(again, &place)?;
    let (dir, source) = folder(&dir.join("worker"), &registry, &server.url()).await?;
    let words = Arc::new(Mutex::new(Words::default()));
    let mut shown = Awards::default();
    let mut rounds = 0;
    while shown.kills < u64::from(kills) {
        let from = rounds * ROUND;
        rounds += 1;
        locked(&words).heard.finished = false;
        let mut worker = start(again, &dir, chance, from, &words)?;
        loop {
            let until = match shown.kills < u64::from(kills) {
                true => Instant::now() + Duration::from_millis(chance.below(700)),
                false => Instant::now() + Duration::from_secs(600),
            };
            let mut ended = worker.ended()?;
            while !ended && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(2)).await;
                ended = worker.ended()?;
            }
            if ended {
                break;
            }
            if shown.kills == u64::from(kills) {
                return Err(broken("awards did not come to an end in ten minutes"));
            }
            let which = usize::try_from(chance.below(4)).unwrap_or(0);
            let victim = Victim::ALL[which];
            shown.kills += 1;
            bar.inc(1);
            if victim.is_registry() {
                shown.registry_kills += 1;
                server.kill()?;
            }
            if victim.is_worker() {
                shown.worker_kills += 1;
                worker.kill()?;
                worker = start(again, &dir, chance, from, &words)?;
            }
            if victim == Victim::WorkerTwice {
                let recovering = Duration::from_millis(chance.below(60));
                tokio::time::sleep(recovering).await;
                shown.worker_kills += 1;
                worker.kill()?;
                worker = start(again, &dir, chance, from, &words)?;
            }
            if victim.is_registry() {
                server.start_again()?;
            }
        }
        if !locked(&words).heard.finished {
            return Err(broken("a worker ended without being done"));
        }
    }
    count(&dir, &registry, source, &server.url(), &words, &mut shown).await?;
    registry.close().await;
    Ok(shown)
}

/// Holds what was said against the Registry's books, a wallet and the audit.
async fn count(
    dir: &Path,
    registry: &Registry,
    source: SourceId,
    url: &str,
    words: &Arc<Mutex<Words>>,
    shown: &mut Awards,
) -> Result<()> {
    let words = std::mem::take(&mut *locked(words));
    let heard = words.heard;
    if heard.lost().next().is_some() {
        return Err(broken("an award was accepted and lost"));
    }
    if !heard.doubled.is_empty() {
        return Err(broken("an award had two codes"));
    }
    let folder = RegistryFolder::open(registry.dir(), source).await?;
    let pocket = Pocket::open(dir.join("wallet.json"))?;
    let wallet = PocketClient::new(RegistryClient::new(url)?);
    for (n, (otc, pin)) in &heard.offered {
        let due = u64::from(minutes(*n));
        let good = |behind: wom_sdk::audit::Behind| behind.good && behind.minutes == due;
        if !folder.code(otc).await?.is_some_and(good) {
            return Err(broken(
                "a code was offered that the Registry does not honour",
            ));
        }
        if shown.redeemed < REDEEMED as u64 {
            let link = Link::Vouchers(otc.clone());
            let redeemed = pocket.redeem(&wallet, &link, pin, None).await?;
            if u64::from(redeemed.vouchers) != due {
                return Err(broken("a code brought another number of vouchers"));
            }
            shown.redeemed += 1;
        }
        shown.minutes += due;
    }
    shown.awards = heard.offered.len() as u64;
    shown.spoilt = words.spoilt;
    let audited = audit(dir, Some(folder)).await?;
    shown.orphans = audited.orphans.unwrap_or_default();
    let issued = registry.books().await?.total.issued;
    match issued == shown.minutes && audited.sums.total.minutes == issued {
        true => Ok(()),
        false => Err(
            broken("the Registry issued another number of minutes than was due")
                .with("due", shown.minutes)
                .with("issued", issued),
        ),
    }
}

fn start(
    again: &Again,
    dir: &Path,
    chance: &mut Chance,
    from: u32,
    words: &Arc<Mutex<Words>>,
) -> Result<Process> {
    let words = Arc::clone(words);
    let seed = chance.below(u64::MAX);
    Process::start(again, Part::Worker, dir, seed, from, move |line| {
        let mut words = locked(&words);
        match line {
            "spoilt" => words.spoilt += 1,
            _ => words.heard.hear(line),
        }
    })
}

/// A folder with what a worker needs: key, address, keys of the store.
pub async fn folder(dir: &Path, registry: &Registry, url: &str) -> Result<(PathBuf, SourceId)> {
    let instrument = registry.add_instrument("selftest", &["H".parse()?]).await?;
    let source = instrument.id.to_string();
    fs::create_dir(dir)
        .and_then(|()| {
            let pem = instrument.key.to_pkcs1_pem();
            files::replace_privately(&dir.join("source.pem"), pem.as_bytes())
        })
        .and_then(|()| fs::write(dir.join("source"), source))
        .and_then(|()| fs::write(dir.join("url"), url))
        .map_err(|error| {
            Error::new(Kind::StorageFailed, "cannot write a file of the test")
                .with("dir", dir.display())
                .because(error)
        })?;
    FileKeyStore::create(dir.join("keys.json"))?;
    Ok((dir.to_owned(), instrument.id))
}
