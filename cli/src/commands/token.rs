//! `wom token`: who may call the service.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use wom_catalog::Catalog;
use wom_sdk::{Error, Kind, Result, files};
use wom_service::{Grant, Scope, Tokens};

use crate::{output::Output, serving::Serving};

/// Make, list and revoke the tokens that callers of wom serve show.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration: see wom init.
    #[arg(long, global = true, default_value = "wom.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it: it is shown now and never again.
    Add {
        /// A name, for people and for the list.
        name: String,
        /// What it is good for: awards, activities, claims, subjects, checkouts or metrics; repeat
        /// for several.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// The instrument that it is for, by its campaign's name; the only one where there is one.
        #[arg(long)]
        instrument: Option<String>,
        /// A POS that it is for, by name; one that ends with * stands for all that begin so.
        #[arg(long = "pos")]
        pos: Vec<String>,
    },
    /// List the tokens, by name.
    List,
    /// Revoke a token. A service that runs heeds it within seconds.
    Revoke {
        /// Its name.
        name: String,
    },
}

pub fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    let serving = Serving::read(&args.config, catalog)?;
    let path = &serving.tokens;
    let locked = |error| {
        Error::new(Kind::StorageFailed, "cannot lock the tokens")
            .with("file", path.display())
            .because(error)
    };
    let _alone = files::lock_beside(path).map_err(locked)?;
    let mut tokens = Tokens::read(path)?;
    match args.command {
        Command::Add {
            name,
            scopes,
            instrument,
            pos,
        } => {
            let instrument = instrument_for(&serving, &scopes, instrument)?;
            if scopes.contains(&Scope::Checkouts) && pos.is_empty() {
                return Err(Error::new(Kind::InputInvalid, "the token is for no POS")
                    .hint("say which with --pos NAME, or --pos '*' for all"));
            }
            let token = tokens.issue(Grant {
                name,
                scopes,
                instrument,
                pos,
            })?;
            tokens.write(path)?;
            output.object(&json!({"token": *token}));
            output.line(&*token);
        }
        Command::List => {
            let mut grants: Vec<_> = tokens.grants().collect();
            grants.sort_by(|a, b| a.name.cmp(&b.name));
            for grant in grants {
                output.object(grant);
                let scopes: Vec<_> = grant.scopes.iter().map(|scope| scope.name()).collect();
                output.line(format_args!(
                    "{}: {}{}{}",
                    grant.name,
                    scopes.join(", "),
                    grant
                        .instrument
                        .as_ref()
                        .map_or(String::new(), |name| format!("; instrument {name}")),
                    match grant.pos.is_empty() {
                        true => String::new(),
                        false => format!("; POS {}", grant.pos.join(", ")),
                    }
                ));
            }
        }
        Command::Revoke { name } => {
            if !tokens.revoke(&name) {
                return Err(
                    Error::new(Kind::InputInvalid, "there is no token of this name")
                        .hint("see: wom token list"),
                );
            }
            tokens.write(path)?;
            output.object(&json!({"revoked": name}));
            output.line(format_args!("revoked {name}"));
        }
    }
    Ok(())
}

/// The instrument that a token with these scopes is for.
fn instrument_for(
    serving: &Serving,
    scopes: &[Scope],
    named: Option<String>,
) -> Result<Option<String>> {
    let known: Vec<_> = serving.instruments().collect();
    let needed = scopes
        .iter()
        .any(|scope| !matches!(scope, Scope::Checkouts | Scope::Metrics));
    let hint = |error: Error| match known.is_empty() {
        true => error.hint("the configuration has no campaign"),
        false => error.hint(format!("use one of: {}", known.join(", "))),
    };
    match (named, known.as_slice()) {
        (Some(name), known) if known.contains(&name.as_str()) => Ok(Some(name)),
        (Some(_), _) => Err(hint(Error::new(
            Kind::InputInvalid,
            "there is no instrument of this name",
        ))),
        (None, _) if !needed => Ok(None),
        (None, [only]) => Ok(Some((*only).to_owned())),
        (None, _) => Err(hint(Error::new(
            Kind::InputInvalid,
            "say which instrument the token is for",
        ))),
    }
}
