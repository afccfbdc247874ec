//! The `wom` program: award, collect and spend WOM from the command line. As a library it is for packages
//! that bring the program along: [`run`], [`run_in`] where another program has loaded it, and [`run_with`]
//! for a `wom` that knows adapters of its own.
#![allow(unreachable_pub, reason = "a program exports nothing")]

mod adapter_settings;
mod again;
mod commands;
mod config;
mod files;
mod hand_out;
mod keys;
mod memory;
mod output;
mod profile;
mod programme;
mod progress;
mod qr;
mod reading;
mod serving;
mod shops;

use std::ffi::OsString;

use clap::{Parser, Subcommand};
use wom_catalog::Catalog;

use crate::{again::Again, commands::*, output::Output};

/// Award and accept WOM, the voucher for one minute given to something useful to others.
#[derive(Debug, Parser)]
#[command(name = "wom", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 it did not work, and the message says why; 2 the command line is wrong; 3 not yet (try again with the same key); 4 wom audit found that the books do not agree."
)]
struct Cli {
    /// Print JSON for machines, one object a line.
    #[arg(long, global = true)]
    json: bool,
    /// Language of what people read: en or it. Taken from LANG where not given.
    #[arg(long, global = true, env = "WOM_LANG")]
    lang: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Adapters(adapters::Args),
    Audit(audit::Args),
    Award(award::Args),
    Charge(charge::Args),
    Demo(demo::Args),
    Doctor(doctor::Args),
    Init(init::Args),
    Inbox(inbox::Args),
    Outbox(outbox::Args),
    Pocket(pocket::Args),
    Read(read::Args),
    Registry(registry::Args),
    Review(review::Args),
    Selftest(selftest::Args),
    Serve(serve::Args),
    Subject(subject::Args),
    Submit(submit::Args),
    Till(till::Args),
    Token(token::Args),
}

/// Runs the program with these arguments, of which the first is its name, and gives its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    go(Again::default(), &Catalog::standard(), args)
}

/// As [`run`], with a catalogue of one's own: what is registered in it can be named on the command line
/// and in `wom.toml`.
pub fn run_with(catalog: &Catalog, args: impl IntoIterator<Item = OsString>) -> u8 {
    go(Again::default(), catalog, args)
}

/// As [`run`], within another program, such as an interpreter. `again` is how to start this one once more:
/// the program and the arguments that come before its own, such as `python -m wom_sdk`.
pub fn run_in(again: Vec<OsString>, args: impl IntoIterator<Item = OsString>) -> u8 {
    go(Again(again), &Catalog::standard(), args)
}

fn go(again: Again, catalog: &Catalog, args: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with exit code 0.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return code;
        }
    };
    let output = Output::new(cli.json, cli.lang.as_deref());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command(cli.command, &again, catalog, &output)),
        Err(error) => Err(wom_sdk::Error::new(
            wom_sdk::Kind::Internal,
            "the system gives no threads",
        )
        .because(error)),
    };
    match result {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    }
}

async fn command(
    command: Command,
    again: &Again,
    catalog: &Catalog,
    output: &Output,
) -> wom_sdk::Result<u8> {
    let done = match command {
        Command::Adapters(args) => adapters::run(&args, catalog, output),
        Command::Audit(args) => return audit::run(args, output).await,
        Command::Award(args) => award::run(args, output).await,
        Command::Charge(args) => charge::run(args, output).await,
        Command::Demo(args) => demo::run(args, catalog, output).await,
        Command::Doctor(args) => doctor::run(args, catalog, output).await,
        Command::Init(args) => init::run(&args, output),
        Command::Inbox(args) => inbox::run(args, catalog, output).await,
        Command::Outbox(args) => outbox::run(args, catalog, output).await,
        Command::Pocket(args) => pocket::run(args, output).await,
        Command::Read(args) => read::run(&args, catalog, output).await,
        Command::Registry(args) => registry::run(args, output).await,
        Command::Review(args) => review::run(args, catalog, output).await,
        Command::Selftest(args) => selftest::run(args, again, output).await,
        Command::Serve(args) => serve::run(args, catalog, output).await,
        Command::Subject(args) => subject::run(args, catalog, output).await,
        Command::Submit(args) => submit::run(args, catalog, output).await,
        Command::Till(args) => till::run(args, catalog, output).await,
        Command::Token(args) => token::run(args, catalog, output),
    };
    done.map(|()| 0)
}
