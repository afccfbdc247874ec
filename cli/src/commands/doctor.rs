//! `wom doctor`: is everything in place? It issues nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Serialize;
use serde_json::json;
use wom_catalog::{Catalog, Settings};
use wom_sdk::{
    Clock as _, Error, Kind, Result, SystemClock, Timestamp, files, registry::RegistryClient,
};

use crate::{config::Config, keys::KeyPlace, output::Output, profile::StorePlace};

/// Check Registry, clock, store, keys and aims. Issues nothing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
}

/// How far this clock and the Registry's may differ before the vouchers' days may be wrong.
const SKEW_MS: i64 = 5 * 60_000;

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    message: String,
    hint: Option<String>,
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let config = Config::read(&args.config)?;
    let mut checks = vec![passed(
        "configuration",
        format!("profile {}", config.profile_name),
    )];
    checks.push(check("rules", rules(&config, catalog)));
    checks.push(check("keys", keys(&config.keys)));
    checks.push(check("store", store(&config.profile.store).await));
    if checks.last().is_some_and(|store| store.ok) && is_made(&config.profile.store) {
        checks.push(waiting(&config.profile.store).await);
    }
    let client = config.profile.client();
    checks.push(check("registry", registry(client.as_ref()).await));
    checks.push(check("clock", clock(&config.profile.registry).await));
    checks.push(check("source", source(client.as_ref(), &config).await));
    for check in &checks {
        let mark = if check.ok { "ok  " } else { "FAIL" };
        output.line(format_args!("{mark}  {:<14} {}", check.name, check.message));
        if let Some(hint) = &check.hint {
            output.line(format_args!("      {:<14} {hint}", ""));
        }
    }
    let bad = checks.iter().filter(|check| !check.ok).count();
    output.object(&json!({"ok": bad == 0, "checks": checks}));
    if bad == 0 {
        return Ok(());
    }
    Err(Error::new(
        Kind::ConfigurationInvalid,
        format!("{bad} of {} checks failed", checks.len()),
    )
    .hint("mend what is marked FAIL, then run wom doctor again"))
}

fn passed(name: &'static str, message: String) -> Check {
    Check {
        name,
        ok: true,
        message,
        hint: None,
    }
}

fn check(name: &'static str, result: Result<String>) -> Check {
    match result {
        Ok(message) => passed(name, message),
        Err(error) => Check {
            name,
            ok: false,
            message: error.message().to_owned(),
            hint: error.advice().map(str::to_owned),
        },
    }
}

fn rules(config: &Config, catalog: &Catalog) -> Result<String> {
    let settings = Settings::from_table(&config.rule_settings)?;
    catalog
        .rule_set(&config.rules, &settings)
        .map(|rules| rules.name().to_owned())
}

fn keys(place: &KeyPlace) -> Result<String> {
    place.open()?;
    Ok(match place {
        KeyPlace::File(path) => format!("{}, for its owner only", path.display()),
        KeyPlace::Postgres { .. } => format!("{place}, opens"),
    })
}

/// A data base that a reboot or a container's end takes away loses awards.
async fn store(place: &StorePlace) -> Result<String> {
    let StorePlace::File(path) = place else {
        place.open().await?.close().await?;
        return Ok(format!("{place}, opens"));
    };
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if let Some(system) = volatile_file_system(dir) {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            format!("the store would lie in memory ({system})"),
        )
        .hint("choose a folder on a disk that survives a restart"));
    }
    let probe = dir.join(format!(".wom-doctor-{}", std::process::id()));
    files::replace_privately(&probe, b"durable?")
        .and_then(|()| fs::remove_file(&probe))
        .map_err(|error| {
            Error::new(Kind::StorageFailed, "cannot write beside the store")
                .hint("make the folder, and let this user write there")
                .because(error)
        })?;
    if path.exists() {
        place.open().await?.close().await?;
        return Ok(format!("{} opens", path.display()));
    }
    Ok(format!(
        "{} will be made at the first award",
        path.display()
    ))
}

fn is_made(place: &StorePlace) -> bool {
    match place {
        StorePlace::File(path) => path.exists(),
        _ => true,
    }
}

/// What waits for a person: no fault of the configuration, but often what brings somebody here.
async fn waiting(place: &StorePlace) -> Check {
    let counted = async {
        let store = place.open().await?;
        let numbers = store.numbers().await;
        store.close().await?;
        numbers
    };
    let numbers = match counted.await {
        Ok(numbers) => numbers,
        Err(error) => return check("waiting", Err(error)),
    };
    let (pending, held, parked) = (numbers.pending(), numbers.held(), numbers.parked());
    let look = [
        (held > 0, "wom review list"),
        (parked > 0, "wom outbox list --state parked, wom inbox list"),
    ];
    let look: Vec<_> = look
        .into_iter()
        .filter_map(|(is_there, command)| is_there.then_some(command))
        .collect();
    Check {
        hint: (!look.is_empty()).then(|| format!("for you to look at: {}", look.join(", "))),
        ..passed(
            "waiting",
            format!("{pending} on their way, {held} held, {parked} parked"),
        )
    }
}

/// The name of the file system, where what is written to it does not last.
fn volatile_file_system(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let holding = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, system) = (words.next()?, words.next()?);
        dir.starts_with(place).then_some((place.len(), system))
    });
    let (_, system) = holding.max_by_key(|(length, _)| *length)?;
    matches!(system, "tmpfs" | "ramfs").then(|| system.to_owned())
}

async fn registry(client: Result<&RegistryClient, &Error>) -> Result<String> {
    let key = client.map_err(Error::clone)?.key().await?;
    Ok(format!("key {} ({} bits)", key.fingerprint(), key.bits()))
}

/// Reads the Registry's clock off the date of an answer.
async fn clock(registry: &str) -> Result<String> {
    let unknown = || {
        Error::new(
            Kind::NetworkUnreachable,
            "the Registry's clock cannot be read",
        )
    };
    let url = format!("{}/api/v1/auth/key", registry.trim_end_matches('/'));
    let client = reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| unknown().because(error))?;
    let answer = client
        .get(url)
        .send()
        .await
        .map_err(|error| unknown().because(error.without_url()))?;
    let date = answer
        .headers()
        .get("date")
        .and_then(|date| date.to_str().ok())
        .ok_or_else(unknown)?;
    let theirs = jiff::fmt::rfc2822::parse(date).map_err(|_| unknown())?;
    let theirs = Timestamp::from_millis(theirs.timestamp().as_millisecond());
    let skew = SystemClock.now().since(theirs);
    if skew.abs() > SKEW_MS {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            format!("this clock and the Registry's differ by {} s", skew / 1000),
        )
        .hint("set this machine's clock, for example with NTP"));
    }
    Ok(format!("{} s from the Registry's", skew / 1000))
}

async fn source(client: Result<&RegistryClient, &Error>, config: &Config) -> Result<String> {
    // Its key must be there and fit too, before anything asks for it.
    config.profile.issuer()?;
    let client = client.map_err(Error::clone)?;
    let info = client.source(&config.profile.source()?).await?;
    let enabled = &info.aims;
    for line in &config.campaign.lines {
        // A Registry that does not tell the aims leaves the question open.
        if !enabled.is_empty() && !enabled.iter().any(|aim| aim.covers(line.aim)) {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                format!("the source may not award the aim {}", line.aim),
            )
            .hint("change the line's aim, or ask the Registry to admit it"));
        }
    }
    Ok(info.name)
}
