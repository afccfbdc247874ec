//! `wom pocket`: a wallet without an app.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;
use wom_sdk::{
    Result,
    pocket::Pocket,
    protocol::{Link, Pin, Position, parse_link_or_otc},
    registry::{PocketClient, RegistryClient},
};

use crate::{
    files::{self, Told},
    output::Output,
};

/// Hold, collect and spend WOM in a wallet file.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The wallet: a file that only you may read. Whoever has it has the WOM.
    #[arg(long)]
    wallet: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Collect the vouchers of a code.
    Redeem(Code),
    /// Pay what a code asks for.
    Pay(Code),
    /// Show what is in the wallet.
    List,
}

#[derive(clap::Args, Debug)]
struct Code {
    /// The link or the bare code, in a file (@FILE) or on standard input (-), as where it is not
    /// given: others can read a command line.
    link_or_otc: Option<String>,
    /// The PIN, in a file (@FILE) or on standard input (-), as where it is not given: the line after
    /// the link.
    #[arg(long)]
    pin: Option<String>,
    /// The Registry's base address, before /api.
    #[arg(long, env = "WOM_REGISTRY")]
    registry: String,
    /// Where you are, as LATITUDE,LONGITUDE; only for vouchers that ask for it.
    #[arg(long, allow_hyphen_values = true)]
    at: Option<Position>,
}

pub async fn run(args: Args, output: &Output) -> Result<()> {
    match args.command {
        Command::Redeem(code) => {
            let Code { at, .. } = code;
            let (client, link, pin) = code.open(output)?;
            let pocket = Pocket::open(&args.wallet)?;
            let redeemed = pocket.redeem(&client, &link, &pin, at).await?;
            let total = total(&pocket)?;
            output.object(&json!({"redeemed": redeemed.vouchers, "source": redeemed.source_name, "total": total}));
            output.line(format_args!(
                "+{} WOM  {}\n={total} WOM",
                redeemed.vouchers, redeemed.source_name
            ));
        }
        Command::Pay(code) => {
            let (client, link, pin) = code.open(output)?;
            let pocket = Pocket::open(&args.wallet)?;
            let paid = pocket.pay(&client, &link, &pin).await?;
            let total = total(&pocket)?;
            output.object(&json!({"paid": paid.amount, "pos": paid.pos_name, "ackUrl": paid.ack_url, "total": total}));
            output.line(format_args!(
                "-{} WOM  {}\n={total} WOM",
                paid.amount, paid.pos_name
            ));
        }
        Command::List => {
            let pocket = Pocket::open(&args.wallet)?;
            let (balance, total) = (pocket.balance()?, total(&pocket)?);
            output.object(&json!({"total": total, "byAim": balance}));
            for (aim, count) in &balance {
                output.line(format_args!("{count:>6} {aim}"));
            }
            output.line(format_args!("{total:>6} WOM"));
        }
    }
    Ok(())
}

fn total(pocket: &Pocket) -> Result<u32> {
    Ok(pocket.balance()?.values().sum())
}

impl Code {
    fn open(&self, output: &Output) -> Result<(PocketClient, Link, Pin)> {
        let client = PocketClient::new(RegistryClient::new(&self.registry)?);
        let given = self.link_or_otc.as_deref();
        // A link on the command line is taken all the same: without its PIN it is worth nothing.
        let link = match files::told(given, Told::Link, output)? {
            Some(told) => parse_link_or_otc(&told)?,
            None => parse_link_or_otc(given.unwrap_or_default())?,
        };
        Ok((client, link, files::pin(self.pin.as_deref(), output)?))
    }
}
