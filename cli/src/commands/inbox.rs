//! `wom inbox`: what sources have told and what is not done with.

use serde_json::json;
use wom_catalog::Catalog;
use wom_sdk::{Result, SystemClock, campaign::Language, collector::Inbox, store::DeliveryRecord};

use super::outbox::{Outbox, Place};
use crate::output::Output;

/// Look at what sources have told and what is not read yet, or go on with what could not be read.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// One line for each delivery that waits or is parked, with why.
    List {
        #[command(flatten)]
        of: Of,
        /// At most so many.
        #[arg(long, default_value_t = 1_000)]
        limit: usize,
    },
    /// Go on with those that are parked, once their cause is mended: wom serve reads them again.
    Retry {
        #[command(flatten)]
        of: Of,
    },
}

#[derive(clap::Args, Debug)]
struct Of {
    #[command(flatten)]
    place: Place,
    /// Only what came from this source, as the configuration names it.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let (Command::List { of, .. } | Command::Retry { of }) = &args.command;
    let opened = Outbox::open(&of.place, catalog).await?;
    let inbox = Inbox::new(opened.store(), std::sync::Arc::new(SystemClock));
    let source = of.source.as_deref();
    let done = match args.command {
        Command::List { limit, .. } => list(&inbox, source, limit, output).await,
        Command::Retry { .. } => retry(&inbox, source, output).await,
    };
    let closed = opened.close().await;
    done.and(closed)
}

async fn list(inbox: &Inbox, source: Option<&str>, limit: usize, output: &Output) -> Result<()> {
    let mut records = inbox.list(source, limit).await?;
    records.sort_by_key(|record| (record.received, record.id));
    for record in &records {
        line(record, output);
    }
    if records.is_empty() {
        output.line(output.say("Nothing waits.", "Non c'è nulla in attesa."));
    }
    Ok(())
}

fn line(record: &DeliveryRecord, output: &Output) {
    let reason = record.state.reason();
    output.object(&json!({"delivery": {
        "id": record.id.0.to_hex(),
        "source": record.source,
        "state": record.state.name(),
        "reason": reason,
        "received": record.received,
        "due": reason.is_none().then_some(record.due),
        "tries": record.tries,
    }}));
    output.line(format_args!(
        "{}  {}  {}  {}{}",
        &record.id.0.to_hex()[..12],
        record.received,
        record.source,
        record.state.name(),
        reason
            .map(|reason| format!(" ({reason})"))
            .unwrap_or_default(),
    ));
}

async fn retry(inbox: &Inbox, source: Option<&str>, output: &Output) -> Result<()> {
    let resumed = inbox.retry(source).await?;
    output.object(&json!({"summary": {"resumed": resumed}}));
    output.line(match output.language {
        Language::Italian => format!("{resumed} ripresi"),
        _ => format!("{resumed} resumed"),
    });
    Ok(())
}
