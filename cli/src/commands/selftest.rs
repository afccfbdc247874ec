//! `wom selftest`: the evidence that nothing is lost or doubled, on one's own disk.

mod awards;
mod part;
mod process;
mod writer;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::json;
use wom_sdk::{
    Error, Kind, Result,
    audit::{Audit, Auditor},
    campaign::Language,
    testing::killing::Chance,
};

use self::part::Part;
use crate::{
    again::Again,
    config::Config,
    keys::KeyPlace,
    output::Output,
    profile::{StorePlace, open_file},
    progress,
};

/// Kill workers, stores and a Registry at random on this disk, lose answers, and count afterwards.
/// It touches nothing but a temporary folder.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// On which disk: a folder, in which a temporary one is made. Where the store lies, if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The configuration that says where the store lies.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
    /// How many times a worker or the Registry is killed; the writer of a store dies half as often.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Repeats the choices of a run.
    #[arg(long)]
    seed: Option<u64>,
    /// One of the processes that are killed.
    #[arg(long, hide = true, requires = "dir")]
    part: Option<Part>,
    /// What that process begins with: the number of an award, or a port.
    #[arg(long, hide = true, default_value_t = 0)]
    from: u32,
}

/// What was shown.
#[derive(Debug, Default)]
struct Shown {
    awards: awards::Awards,
    writer: writer::Writer,
}

pub async fn run(args: Args, again: &Again, output: &Output) -> Result<()> {
    let seed = args.seed.unwrap_or_else(Chance::seed);
    if let (Some(part), Some(dir)) = (args.part, &args.dir) {
        return part.play(dir, seed, args.from).await;
    }
    let place = match args.dir {
        Some(dir) => dir,
        None => where_the_store_lies(&args.config)?,
    };
    let dir = tempfile::Builder::new()
        .prefix("wom-selftest-")
        .tempdir_in(&place)
        .map_err(|error| {
            Error::new(Kind::StorageFailed, "cannot make a temporary folder")
                .with("dir", place.display())
                .because(error)
        })?;
    output.line(match output.language {
        Language::Italian => format!("seme {seed}: si ripete con --seed {seed}"),
        _ => format!("seed {seed}: repeat with --seed {seed}"),
    });
    let began = Instant::now();
    let shown = show(again, dir.path(), args.kills, seed, output).await;
    let seconds = began.elapsed().as_secs();
    match shown {
        Ok(shown) => {
            tell(&shown, seed, seconds, output);
            Ok(())
        }
        Err(error) => {
            let kept = dir.keep();
            Err(error
                .with("seed", seed)
                .with("kept", kept.display())
                .hint("keep that folder, and report it with the seed"))
        }
    }
}

async fn show(again: &Again, dir: &Path, kills: u32, seed: u64, output: &Output) -> Result<Shown> {
    let mut chance = Chance::new(seed);
    let writers = kills.div_ceil(2);
    let bar = match output.json {
        true => indicatif::ProgressBar::hidden(),
        false => progress::shown(
            u64::from(kills + writers),
            "{bar:30} {pos} / {len}  {elapsed}  {eta}",
        ),
    };
    let writer = writer::kill(again, dir, writers, &mut chance, &bar).await;
    let shown = match writer {
        Ok(writer) => awards::kill(again, dir, kills, &mut chance, &bar)
            .await
            .map(|awards| Shown { awards, writer }),
        Err(error) => Err(error),
    };
    bar.finish_and_clear();
    shown
}

/// The disk that matters is the one with the awards on it.
fn where_the_store_lies(config: &Path) -> Result<PathBuf> {
    let here = PathBuf::from(".");
    if !config.exists() {
        return Ok(here);
    }
    Ok(match Config::read(config)?.profile.store {
        StorePlace::File(file) => match file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
            _ => here,
        },
        StorePlace::Postgres { .. } => here,
    })
}

/// The audit of a store in this folder, which must agree.
async fn audit(dir: &Path, registry: Option<super::audit::Folder>) -> Result<Audit> {
    let store = open_file(&dir.join("awards.db")).await?;
    let mut auditor = Auditor::new(store.clone(), KeyPlace::File(dir.join("keys.json")).open()?);
    if let Some(registry) = registry {
        auditor = auditor.registry(registry);
    }
    let audit = auditor.run(|_| ()).await;
    store.close().await?;
    let audit = audit?;
    match audit.found.differences.first() {
        None => Ok(audit),
        Some((difference, place)) => Err(broken(difference.message())
            .with("code", difference.code())
            .with("place", place)),
    }
}

/// A promise that did not hold.
fn broken(message: &'static str) -> Error {
    Error::new(Kind::Internal, message)
}

fn tell(shown: &Shown, seed: u64, seconds: u64, output: &Output) {
    let Shown { awards, writer } = shown;
    output.object(&json!({"selftest": {
        "seed": seed,
        "seconds": seconds,
        "kills": awards.kills,
        "workerKills": awards.worker_kills,
        "registryKills": awards.registry_kills,
        "spoiltCalls": awards.spoilt,
        "awards": awards.awards,
        "minutes": awards.minutes,
        "redeemed": awards.redeemed,
        "lost": 0,
        "doubled": 0,
        "orphans": awards.orphans,
        "writerKills": writer.kills,
        "commits": writer.commits,
        "commitsLost": 0,
    }}));
    let row = |english, italian, number: u64| {
        output.line(format_args!(
            "  {:<52} {number:>9}",
            output.say(english, italian)
        ));
    };
    row(
        "times a worker was killed",
        "volte che un lavoratore è stato ucciso",
        awards.worker_kills,
    );
    row(
        "times the Registry was killed",
        "volte che il registro è stato ucciso",
        awards.registry_kills,
    );
    row(
        "calls that were lost or spoilt",
        "chiamate perse o guastate",
        awards.spoilt,
    );
    row("awards accepted", "premi accettati", awards.awards);
    row("  lost", "  persi", 0);
    row("  doubled", "  raddoppiati", 0);
    row(
        "minutes due, and issued by the Registry",
        "minuti dovuti, ed emessi dal registro",
        awards.minutes,
    );
    row(
        "codes redeemed by a wallet",
        "codici riscattati da un portafoglio",
        awards.redeemed,
    );
    row(
        "minutes in codes never made good (harmless)",
        "minuti in codici mai confermati (innocui)",
        awards.orphans,
    );
    row(
        "times the writer of a store was killed",
        "volte che chi scriveva in un archivio è stato ucciso",
        writer.kills,
    );
    row(
        "commits it had reported",
        "scritture che aveva confermato",
        writer.commits,
    );
    row("  lost", "  perse", 0);
    output.heading(match output.language {
        Language::Italian => {
            format!("Nulla perso, nulla raddoppiato; i conti tornano. {seconds} s")
        }
        _ => format!("Nothing lost, nothing doubled; the books agree. {seconds} s"),
    });
}
