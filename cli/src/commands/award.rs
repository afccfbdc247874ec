//! `wom award`: one award under a key of the caller's own.

use std::{path::PathBuf, sync::Arc};

use serde_json::json;
use wom_sdk::{
    Error, Kind, Result, SystemClock, Timestamp, Zone,
    award::{Issuer, Request, Ticket},
    dispatcher::Dispatcher,
    protocol::{Aim, ApiKey, Position, SourceId},
    registry::{ApiKeyClient, InstrumentClient, RegistryClient},
};

use crate::{files, memory::Memory, output::Output, qr};

/// Award minutes under a key of your own: the same key again gives the same code.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("memory").required(true)))]
pub struct Args {
    /// The Registry's base address, before /api.
    #[arg(long, env = "WOM_REGISTRY")]
    registry: String,
    /// The instrument's source id.
    #[arg(long, env = "WOM_SOURCE")]
    source: SourceId,
    /// The source's private key, a PEM file; its passphrase comes from WOM_KEY_PASSPHRASE.
    #[arg(long, env = "WOM_KEY_FILE", required_unless_present = "api_key_file")]
    key: Option<PathBuf>,
    /// A file with an API key of the source, in place of the private key.
    #[arg(long, env = "WOM_API_KEY_FILE", conflicts_with = "key")]
    api_key_file: Option<PathBuf>,
    /// What the minutes were given to, such as H; 0 tries it out.
    #[arg(long)]
    aim: Aim,
    /// How many minutes: as many vouchers.
    #[arg(long)]
    minutes: u32,
    /// Where, as LATITUDE,LONGITUDE in degrees; the vouchers tell a cell of about 5 km.
    #[arg(long, allow_hyphen_values = true)]
    at: Position,
    /// When; now where not given. The vouchers tell the day.
    #[arg(long)]
    time: Option<Timestamp>,
    /// The zone whose day the vouchers tell.
    #[arg(long, default_value = "UTC")]
    zone: Zone,
    /// Tell place and time as they are. Together with other records they can name a person.
    #[arg(long)]
    exact: bool,
    /// The award's own name, such as an activity's id. Never kept as it stands; others can read it
    /// here while the program runs.
    #[arg(long, required_unless_present = "award_key_file")]
    award_key: Option<String>,
    /// The award's own name, in a file or on standard input (-): for a name that tells of a person.
    #[arg(long, value_name = "FILE", conflicts_with = "award_key")]
    award_key_file: Option<PathBuf>,
    #[command(flatten)]
    memory: Memory,
}

pub async fn run(args: Args, output: &Output) -> Result<()> {
    let mut request = Request::new(args.aim, args.minutes, args.at).in_zone(args.zone);
    if let Some(time) = args.time {
        request = request.at(time);
    }
    if args.exact {
        request = request.exact();
    }
    // Before anything is written: a bad request must not make files.
    request.freeze(Timestamp::EPOCH)?;
    let award_key = match &args.award_key_file {
        Some(file) => files::name(file, output)?,
        None => args.award_key.unwrap_or_default().into(),
    };
    let registry = RegistryClient::new(&args.registry)?;
    let issuer: Arc<dyn Issuer> = match (&args.key, &args.api_key_file) {
        (Some(key), _) => {
            let key = files::private_key(key)?;
            Arc::new(InstrumentClient::new(registry, args.source, key)?)
        }
        (None, Some(file)) => {
            let key = ApiKey::from_file(file)?;
            Arc::new(ApiKeyClient::new(registry, args.source, key)?)
        }
        (None, None) => {
            return Err(Error::new(Kind::ConfigurationInvalid, "there is no key")
                .hint("give --key or --api-key-file"));
        }
    };
    let (keys, store) = args.memory.open().await?.ok_or_else(|| {
        Error::new(
            Kind::ConfigurationInvalid,
            "an award has to be remembered somewhere",
        )
        .hint("give --state or --database-url-file")
    })?;
    let clock = Arc::new(SystemClock);
    let dispatcher = Dispatcher::open(Arc::clone(&store), issuer, keys, clock).await?;
    let ticket = dispatcher.award(&award_key, &request).await;
    store.close().await?;
    show(&ticket?, output);
    Ok(())
}

/// Shows a code to whoever is to collect or pay it.
pub fn show(ticket: &Ticket, output: &Output) {
    output.object(&json!({
        "otc": ticket.otc.reveal(),
        "pin": ticket.pin.reveal(),
        "link": ticket.link.reveal(),
        "count": ticket.minutes,
    }));
    print_ticket(ticket, output);
}

/// The link, the PIN and the QR code, for people.
pub fn print_ticket(ticket: &Ticket, output: &Output) {
    if let Some(code) = qr::draw(ticket.link.reveal(), output.color) {
        output.line(format_args!("\n{code}"));
    }
    output.line(format_args!(
        "link  {}\nPIN   {}\nWOM   {}",
        ticket.link.reveal(),
        ticket.pin.reveal(),
        ticket.minutes
    ));
}
