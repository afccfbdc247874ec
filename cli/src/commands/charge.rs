//! `wom charge`: ask for a payment, and wait for it.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use wom_sdk::{
    Error, Kind, Result, SystemClock,
    cash_desk::CashDesk,
    checkout::{Charge, State},
    privacy::{KeyStore, MemoryKeyStore},
    protocol::{Aim, Filter, PosId},
    registry::{PosClient, RegistryClient},
    store::{MemoryStore, Store},
};

use super::award::print_ticket;
use crate::{files, memory::Memory, output::Output};

/// Ask for a payment of WOM, and wait for it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The Registry's base address, before /api.
    #[arg(long, env = "WOM_REGISTRY")]
    registry: String,
    /// The POS id.
    #[arg(long, env = "WOM_POS")]
    pos: PosId,
    /// The POS's private key, a PEM file; its passphrase comes from WOM_KEY_PASSPHRASE.
    #[arg(long, env = "WOM_KEY_FILE")]
    key: PathBuf,
    /// How many WOM.
    #[arg(long)]
    amount: u32,
    /// Accept only WOM of this aim.
    #[arg(long)]
    aim: Option<Aim>,
    /// Accept only WOM whose minutes are at most so many days old.
    #[arg(long)]
    max_age_days: Option<u32>,
    /// Wait so many seconds for the payment, and call it off if it does not come.
    #[arg(long)]
    wait: Option<u64>,
    /// The shop's own name of this payment, such as an order's number: the same one again gives
    /// the same code. Goes with --state or --database-url-file, which remember the payment if this
    /// program dies.
    #[arg(long, requires = "memory")]
    reference: Option<String>,
    /// The shop's own name of this payment, in a file or on standard input (-): others can read a
    /// command line.
    #[arg(
        long,
        value_name = "FILE",
        requires = "memory",
        conflicts_with = "reference"
    )]
    reference_file: Option<PathBuf>,
    #[command(flatten)]
    memory: Memory,
}

pub async fn run(args: Args, output: &Output) -> Result<()> {
    let mut charge = Charge::new(args.amount)?;
    let mut filter = Filter::default();
    if let Some(aim) = args.aim {
        filter = filter.aim(aim);
    }
    if let Some(days) = args.max_age_days {
        filter = filter.max_age_days(days)?;
    }
    charge.filter = (!filter.is_empty()).then_some(filter);
    let reference = match (&args.reference_file, args.reference) {
        (Some(file), _) => files::name(file, output)?,
        (None, Some(reference)) => reference.into(),
        (None, None) => random_reference().into(),
    };
    let registry = RegistryClient::new(&args.registry)?;
    let payee = PosClient::new(registry, args.pos, files::private_key(&args.key)?)?;
    let wait = args.wait.map(Duration::from_secs);
    match args.memory.open().await? {
        Some((keys, store)) => {
            let done = run_desk(
                Arc::clone(&store),
                payee,
                keys,
                &reference,
                &charge,
                wait,
                output,
            )
            .await;
            store.close().await?;
            done
        }
        None => {
            let (store, keys) = (Arc::new(MemoryStore::new()), MemoryKeyStore::default());
            run_desk(
                store,
                payee,
                Arc::new(keys),
                &reference,
                &charge,
                wait,
                output,
            )
            .await
        }
    }
}

async fn run_desk(
    store: Arc<dyn Store>,
    payee: PosClient,
    keys: Arc<dyn KeyStore>,
    reference: &str,
    charge: &Charge,
    wait: Option<Duration>,
    output: &Output,
) -> Result<()> {
    let desk = CashDesk::new(store, Arc::new(payee), keys, Arc::new(SystemClock));
    let ticket = desk.charge(reference, charge).await?;
    let mut shown = json!({
        "otc": ticket.otc.reveal(),
        "pin": ticket.pin.reveal(),
        "link": ticket.link.reveal(),
    });
    print_ticket(&ticket, output);
    let Some(wait) = wait else {
        output.object(&shown);
        return Ok(());
    };
    // Whoever is to pay has to see the code before the end of the wait.
    output.object(&shown);
    output.line(output.say("Waiting for the payment …", "In attesa del pagamento …"));
    let mut state = desk.wait(reference, wait).await?;
    if state == State::Shown {
        state = desk.cancel(reference).await?;
    }
    let paid = matches!(state, State::Paid { .. });
    shown["paid"] = json!(paid);
    shown["state"] = json!(state.name());
    output.object(&shown);
    if paid {
        output.line(output.say("Paid.", "Pagato."));
        return Ok(());
    }
    Err(Error::new(Kind::DeadlineExceeded, "the payment did not come in time")
        .with("state", state.name())
        .hint("the code was taken off the display; if somebody pays it all the same, wom reports it as late"))
}

fn random_reference() -> String {
    PosId::random().to_string()
}
