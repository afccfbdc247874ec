//! `wom review`: awards that a person has to judge.

use serde_json::json;
use wom_catalog::Catalog;
use wom_sdk::{Result, award::State, campaign::Language, store::AwardRecord};

use super::outbox::{Outbox, Place};
use crate::output::Output;

/// Judge awards that the rules hold: what no person does, or hardly anybody.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line for each award that waits for a judgement, with why.
    List {
        #[command(flatten)]
        place: Place,
        /// Those that were refused, too.
        #[arg(long)]
        refused: bool,
    },
    /// Award them after all; one that was refused before, too.
    Accept(Keys),
    /// Do not award them. They are kept, and can be accepted later, unless other records have shown
    /// meanwhile that the same minutes count.
    Refuse(Keys),
}

#[derive(clap::Args, Debug)]
struct Keys {
    #[command(flatten)]
    place: Place,
    /// The awards' keys, or their first digits, as wom review list shows them.
    #[arg(required = true)]
    keys: Vec<String>,
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let place = match &args.command {
        Command::List { place, .. } => place,
        Command::Accept(keys) | Command::Refuse(keys) => &keys.place,
    };
    let outbox = Outbox::open(place, catalog).await?;
    let done = match &args.command {
        Command::List { refused, .. } => list(&outbox, *refused, output).await,
        Command::Accept(keys) => judge(&outbox, &keys.keys, true, output).await,
        Command::Refuse(keys) => judge(&outbox, &keys.keys, false, output).await,
    };
    let closed = outbox.close().await;
    done.and(closed)
}

fn is_held(record: &AwardRecord) -> bool {
    matches!(record.state, State::Held(_))
}

async fn list(outbox: &Outbox, refused: bool, output: &Output) -> Result<()> {
    let wanted = |record: &AwardRecord| is_held(record) || (refused && record.state.is_refused());
    let records = outbox.list(usize::MAX, wanted).await?;
    for record in &records {
        outbox.line(record, output);
    }
    if records.is_empty() {
        output.line(output.say("Nothing is held.", "Non c'è nulla in sospeso."));
    }
    Ok(())
}

async fn judge(outbox: &Outbox, keys: &[String], accept: bool, output: &Output) -> Result<()> {
    // All of them are looked up before one is judged: a wrong key changes nothing.
    let mut records = Vec::new();
    for key in keys {
        let record = outbox.find(key).await?;
        let judged = is_held(&record) || record.state.is_refused();
        if !judged {
            return Err(
                wom_sdk::Error::new(wom_sdk::Kind::InputInvalid, "the award is not held")
                    .with("state", record.state.name())
                    .hint("see wom review list"),
            );
        }
        records.push(record);
    }
    let dispatcher = outbox.dispatcher().await?;
    let campaign = outbox.campaign();
    for record in &records {
        match accept {
            true => dispatcher.accept_held(record.key, campaign).await?,
            false => dispatcher.refuse_held(record.key, campaign).await?,
        }
    }
    let minutes: u64 = records
        .iter()
        .map(|record| u64::from(record.content.minutes()))
        .sum();
    let word = if accept { "accepted" } else { "refused" };
    output.object(&json!({word: {"count": records.len(), "minutes": minutes}}));
    let italian = if accept { "accettati" } else { "rifiutati" };
    output.line(match output.language {
        Language::Italian => format!("{} {italian}, {minutes} min", records.len()),
        _ => format!("{} {word}, {minutes} min", records.len()),
    });
    if accept {
        output.line(output.say(
            "The next wom submit or wom outbox export hands them over.",
            "Il prossimo wom submit o wom outbox export li consegna.",
        ));
    }
    Ok(())
}
