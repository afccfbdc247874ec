//! `wom outbox`: the awards that nobody has acknowledged yet.

use std::{path::PathBuf, sync::Arc};

use serde_json::json;
use wom_catalog::Catalog;
use wom_sdk::{
    Error, Kind, Result, SystemClock, Zone,
    award::{AwardKey, State},
    campaign::Language,
    dispatcher::Dispatcher,
    rules::RuleSet,
    store::{AwardRecord, Store},
};
use wom_sinks::Slips;

use crate::{
    config::Config,
    hand_out::{Look, Target},
    output::Output,
    programme::rule_set,
};

/// Look at awards that nobody has collected yet, try them again, or write them to a file.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line for each award that nobody has acknowledged.
    List {
        #[command(flatten)]
        place: Place,
        /// Only those in this state: accepted, created, verified, offered, held, parked, ….
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Everything about one award but its code.
    Show {
        #[command(flatten)]
        place: Place,
        /// The award's key, or its first digits, as wom outbox list shows it.
        key: String,
        /// Show link and PIN too: whoever reads them can take the vouchers.
        #[arg(long)]
        reveal: bool,
    },
    /// Go on with parked awards, once their cause is mended, and with all that is due.
    Retry {
        #[command(flatten)]
        place: Place,
        /// Which; all that are parked where none is given.
        keys: Vec<String>,
    },
    /// Write the codes to a file, for whoever hands them over; they are forgotten here then.
    Export(Export),
}

#[derive(clap::Args, Debug)]
struct Export {
    #[command(flatten)]
    place: Place,
    /// FILE.csv gets a line for each; FILE.pdf is new, and has a slip to print for each.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// At most so many; a PDF holds 10,000.
    #[arg(long, default_value_t = Slips::MOST)]
    limit: usize,
    #[command(flatten)]
    look: Look,
    /// Do not forget the codes: the next export has them again.
    #[arg(long)]
    keep: bool,
}

/// Where the awards are.
#[derive(clap::Args, Debug)]
pub struct Place {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
}

/// The open data base, with what the configuration says.
pub struct Outbox {
    config: Config,
    rules: Arc<dyn RuleSet>,
    store: Arc<dyn Store>,
}

impl Outbox {
    pub async fn open(place: &Place, catalog: &Catalog) -> Result<Self> {
        let config = Config::read(&place.config)?;
        let rules = rule_set(&config, catalog)?;
        let store = config.profile.store.open_made().await?;
        Ok(Self {
            config,
            rules,
            store,
        })
    }

    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    pub async fn dispatcher(&self) -> Result<Dispatcher> {
        let keys = self.config.keys.open()?;
        let issuer = self.config.profile.issuer()?;
        Dispatcher::open(self.store(), issuer, keys, Arc::new(SystemClock)).await
    }

    /// The campaign's name.
    pub fn campaign(&self) -> &str {
        &self.config.campaign.name
    }

    pub fn zone(&self) -> &Zone {
        &self.config.campaign.zone
    }

    pub async fn close(&self) -> Result<()> {
        self.store.close().await
    }

    /// Why an award waits for a person, in words.
    fn why(&self, record: &AwardRecord, output: &Output) -> Option<&'static str> {
        match &record.state {
            State::Held(code) => {
                let reason = self.rules.reason(code)?;
                Some(output.say(reason.en, reason.it))
            }
            state if state.is_refused() => {
                Some(output.say("a person refused it", "una persona l’ha rifiutato"))
            }
            _ => None,
        }
    }

    /// One award on one line, and why it waits for a person below.
    pub fn line(&self, record: &AwardRecord, output: &Output) {
        let zone = self.zone();
        output.object(&json!({"award": about(record, zone)}));
        let reasons: Vec<_> = record
            .content
            .reasons(zone)
            .iter()
            .map(|reason| format!("{} {}", reason.aim, reason.day))
            .collect();
        let why = self.why(record, output);
        let state = match record.state.reason().filter(|_| why.is_none()) {
            Some(reason) => format!("{} ({reason})", record.state.name()),
            None => record.state.name().to_owned(),
        };
        output.line(format_args!(
            "{}  {:>5} min  {state:<16}  {}",
            &record.key.to_hex()[..12],
            record.content.minutes(),
            reasons.join(", "),
        ));
        if let Some(why) = why {
            output.line(format_args!("{:14}{why}", ""));
        }
    }

    /// The awards that nobody has acknowledged and that are as told, at most `limit`.
    pub async fn list(
        &self,
        limit: usize,
        wanted: impl Fn(&AwardRecord) -> bool,
    ) -> Result<Vec<AwardRecord>> {
        const PAGE: usize = 1_000;
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.unacknowledged(after, PAGE).await?;
            after = page.last().map(|record| record.key);
            let last = page.len() < PAGE;
            found.extend(page.into_iter().filter(&wanted));
            if last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    /// The award with this key, or the one whose key begins so.
    pub async fn find(&self, key: &str) -> Result<AwardRecord> {
        let refused = |message: &'static str| {
            Error::new(Kind::InputInvalid, message).hint("take a key from wom outbox list")
        };
        if let Some(key) = AwardKey::from_hex(key) {
            let record = self.store.award(key).await?;
            return record.ok_or_else(|| refused("there is no award with this key"));
        }
        if key.len() < 6 {
            return Err(refused("give at least six digits of the award's key"));
        }
        let key = key.to_ascii_lowercase();
        let mut found = self
            .list(2, |record| record.key.to_hex().starts_with(&key))
            .await?;
        match (found.pop(), found.is_empty()) {
            (Some(record), true) => Ok(record),
            (Some(_), false) => Err(refused("several awards begin so")),
            (None, _) => Err(refused("no award that waits has such a key")),
        }
    }
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let place = match &args.command {
        Command::List { place, .. } | Command::Show { place, .. } => place,
        Command::Retry { place, .. } => place,
        Command::Export(export) => &export.place,
    };
    let outbox = Outbox::open(place, catalog).await?;
    let done = match &args.command {
        Command::List { state, limit, .. } => list(&outbox, state.as_deref(), *limit, output).await,
        Command::Show { key, reveal, .. } => show(&outbox, key, *reveal, output).await,
        Command::Retry { keys, .. } => retry(&outbox, keys, output).await,
        Command::Export(args) => export(&outbox, args, output).await,
    };
    let closed = outbox.close().await;
    done.and(closed)
}

async fn list(outbox: &Outbox, state: Option<&str>, limit: usize, output: &Output) -> Result<()> {
    if state.is_some_and(|state| State::from_name(state, None).is_none()) {
        return Err(Error::new(Kind::InputInvalid, "there is no such state").hint(
            "use accepted, creating, created, verifying, verified, verify_unknown, offered, held \
             or parked",
        ));
    }
    let wanted = |record: &AwardRecord| state.is_none_or(|state| state == record.state.name());
    let records = outbox.list(limit, wanted).await?;
    for record in &records {
        outbox.line(record, output);
    }
    if records.is_empty() {
        output.line(output.say("Nothing waits.", "Non c'è nulla in attesa."));
    }
    Ok(())
}

fn about(record: &AwardRecord, zone: &Zone) -> serde_json::Value {
    json!({
        "key": record.key.to_hex(),
        "state": record.state.name(),
        "reason": record.state.reason(),
        "minutes": record.content.minutes(),
        "reasons": record.content.reasons(zone),
        "accepted": record.accepted,
        "due": record.state.is_open().then_some(record.due),
        "tries": record.tries,
    })
}

async fn show(outbox: &Outbox, key: &str, reveal: bool, output: &Output) -> Result<()> {
    let record = outbox.find(key).await?;
    if !reveal {
        output.object(&about(&record, outbox.zone()));
        let Some(wait) = record.state.is_open().then_some(record.due) else {
            people(&record, outbox, output);
            return Ok(());
        };
        people(&record, outbox, output);
        output.line(format_args!(
            "{} {wait}",
            output.say("next    ", "prossimo")
        ));
        return Ok(());
    }
    if !matches!(record.state, State::Verified | State::Offered) {
        return Err(
            Error::new(Kind::InputInvalid, "the award has no code to hand over")
                .with("state", record.state.name())
                .hint("wom outbox retry goes on with it, where it waits or is parked"),
        );
    }
    // What is shown is written as handed over first.
    let ticket = outbox.dispatcher().await?.bring(record.key).await?;
    let mut object = about(&record, outbox.zone());
    object["link"] = json!(ticket.link.reveal());
    object["pin"] = json!(ticket.pin.reveal());
    output.object(&object);
    people(&record, outbox, output);
    super::award::print_ticket(&ticket, output);
    Ok(())
}

fn people(record: &AwardRecord, outbox: &Outbox, output: &Output) {
    output.line(format_args!(
        "{} {}\n{} {}{}\n{} {}\n{} {}",
        output.say("key     ", "chiave  "),
        record.key.to_hex(),
        output.say("state   ", "stato   "),
        record.state.name(),
        outbox
            .why(record, output)
            .or(record.state.reason())
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default(),
        output.say("accepted", "dal     "),
        record.accepted,
        output.say("tries   ", "prove   "),
        record.tries,
    ));
    for reason in record.content.reasons(outbox.zone()) {
        output.line(format_args!(
            "{:>5} min  {}, {}",
            reason.minutes,
            super::submit::aim_title(reason.aim, output),
            reason.day
        ));
    }
}

async fn retry(outbox: &Outbox, keys: &[String], output: &Output) -> Result<()> {
    let parked = |record: &AwardRecord| {
        matches!(record.state, State::Parked(_)) && !record.state.is_withheld()
    };
    let mut records = Vec::new();
    for key in keys {
        records.push(outbox.find(key).await?);
    }
    if keys.is_empty() {
        records = outbox.list(usize::MAX, parked).await?;
    }
    let dispatcher = outbox.dispatcher().await?;
    for record in &records {
        match record.state {
            _ if record.state.is_withheld() => return Err(wants_review()),
            State::Parked(_) => dispatcher.resume(record.key).await?,
            _ => {}
        }
    }
    let went_on = dispatcher.run_due(usize::MAX).await?;
    for record in &records {
        outbox.line(&outbox.find(&record.key.to_hex()).await?, output);
    }
    output.object(&json!({"summary": {"resumed": records.len(), "tried": went_on}}));
    output.line(match output.language {
        Language::Italian => {
            format!("{} ripresi, {went_on} provati", records.len())
        }
        _ => format!("{} resumed, {went_on} tried", records.len()),
    });
    Ok(())
}

fn wants_review() -> Error {
    Error::new(Kind::InputInvalid, "a person has to judge this award first")
        .hint("see wom review list")
}

async fn export(outbox: &Outbox, args: &Export, output: &Output) -> Result<()> {
    let target = Target::new(
        &args.to,
        &args.look,
        outbox.campaign(),
        outbox.zone().clone(),
    )?;
    if args.limit > target.most() {
        return Err(
            Error::new(Kind::LimitExceeded, "a document has at most 10,000 slips")
                .hint("leave --limit out, and export again for the rest"),
        );
    }
    let records = outbox
        .list(args.limit, |record| !record.state.is_withheld())
        .await?;
    let dispatcher = outbox.dispatcher().await?;
    target
        .hand_out(&dispatcher, &records, args.keep, output)
        .await
}
