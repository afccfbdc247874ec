//! `wom subject`: what is kept about one person, and forgetting it.

use std::path::PathBuf;

use serde_json::json;
use wom_catalog::Catalog;
use wom_sdk::{Error, Kind, Result, Subject, claim::Claims};

use crate::{config::Config, files, output::Output, programme::Programme};

/// Show everything that is kept about one person, or forget it.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Print everything that is kept about the person, as JSON. Codes are not in it.
    Export(Who),
    /// Forget observations and codes that were not collected. Minutes stay counted under a pseudonym
    /// until the month is over for good, so that they are not awarded again.
    Erase(Who),
}

#[derive(clap::Args, Debug)]
struct Who {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
    /// Whose ids these are, as adapters say it.
    #[arg(long, default_value = Subject::PARTICIPANT)]
    namespace: String,
    /// The person's id, in a file (@FILE) or on standard input (-), as where it is not given: others
    /// can read a command line.
    id: Option<String>,
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let (who, erase) = match args.command {
        Command::Export(who) => (who, false),
        Command::Erase(who) => (who, true),
    };
    let id = files::person(who.id.as_deref(), output)?;
    let person = Subject::new(who.namespace, id.as_str())?;
    let programme = Programme::open(Config::read(&who.config)?, catalog).await?;
    let claims = Claims::new(programme.collector, programme.dispatcher);
    let done = match erase {
        true => forget(&claims, &person, output).await,
        false => show(&claims, &person, output).await,
    };
    programme.store.close().await?;
    done
}

async fn show(claims: &Claims, person: &Subject, output: &Output) -> Result<()> {
    let kept = claims.export(person).await?;
    match output.json {
        true => output.object(&kept),
        false => output.line(format_args!("{kept:#}")),
    }
    Ok(())
}

async fn forget(claims: &Claims, person: &Subject, output: &Output) -> Result<()> {
    let kept = claims.export(person).await?;
    if kept["epochs"].as_array().is_none_or(Vec::is_empty) {
        return Err(
            Error::new(Kind::InputInvalid, "nothing is kept about this person")
                .hint("check the namespace; what is over for good can no longer be told apart"),
        );
    }
    let codes = claims.erase(person).await?;
    output.object(&json!({"erased": {"codesGivenUp": codes}}));
    output.line(format_args!(
        "{} ({codes} {})",
        output.say("Forgotten.", "Dimenticato."),
        output.say("codes given up", "codici abbandonati"),
    ));
    Ok(())
}
