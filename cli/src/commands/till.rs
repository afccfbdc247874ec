//! `wom till`: a page for cashiers, for a shop without any integration.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde_json::json;
use tokio::net::TcpListener;
use wom_catalog::Catalog;
use wom_sdk::{Error, Kind, Result, privacy::FileKeyStore, protocol::PosId};
use wom_service::Currency;

use super::{registry::interrupted, serve};
use crate::{
    config::invalid,
    output::Output,
    serving::{OnePos, Serving},
    shops::{self, Shop},
};

/// Open a till in the browser of this machine: pick an offer, type the total, show the code.
///
/// For a shop without any integration. Either a configuration with [pos] and [shops] says what is
/// offered, or the command line does. The page is for this machine only.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration; wom.toml where neither it nor a POS is given.
    #[arg(long, conflicts_with_all = ["registry", "pos", "key_file"])]
    config: Option<PathBuf>,
    /// The Registry's base address, before /api.
    #[arg(long, requires = "pos", requires = "key_file")]
    registry: Option<String>,
    /// The POS id.
    #[arg(long, requires = "registry")]
    pos: Option<PosId>,
    /// The POS's private key, a PEM file; its passphrase comes from WOM_KEY_PASSPHRASE.
    #[arg(long, requires = "registry")]
    key_file: Option<PathBuf>,
    /// What is offered, as WOM=DISCOUNT: 15=2.00 takes 2.00 off for 15 WOM, 30=10% a tenth for 30.
    /// Repeat for several.
    #[arg(long = "offer", value_name = "WOM=DISCOUNT", requires = "registry")]
    offers: Vec<String>,
    /// What people call the shop.
    #[arg(long, requires = "registry", default_value = "Till")]
    title: String,
    /// The currency, as ISO 4217 has it.
    #[arg(long, requires = "registry", default_value = "EUR")]
    currency: String,
    /// The folder in which sales are kept, in till.db, and the keys of their codes, in
    /// till-keys.json.
    #[arg(long, requires = "registry", default_value = ".")]
    dir: PathBuf,
    /// Where to listen, on this machine; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8481")]
    listen: SocketAddr,
}

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    if !args.listen.ip().is_loopback() {
        return Err(Error::new(
            Kind::InsecureTransport,
            "a till is for this machine only, as it speaks plain http",
        )
        .with("listen", args.listen)
        .hint("listen on 127.0.0.1; for other devices use wom serve behind a proxy with TLS"));
    }
    serve::log(output, "warn");
    let listen = args.listen;
    let serving = match args.registry.clone() {
        Some(registry) => told(args, registry, catalog, output)?,
        None => Serving::read_tills(
            args.config.as_deref().unwrap_or(Path::new("wom.toml")),
            catalog,
        )?,
    };
    let cannot_listen = |error: std::io::Error| serve::cannot_listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let url = format!("http://{address}");
    let opened = serving.open(&url, catalog).await?;
    let code = opened.code.as_ref().map_or("", |code| code.as_str());
    output.object(&json!({"event": "ready", "url": format!("{url}/till"), "code": code}));
    output.line(format_args!(
        "{} {url}/till\n{} {code}\n{}",
        output.say("Open in the browser:", "Apri nel browser:   "),
        output.say("Type this code:     ", "Scrivi questo codice:"),
        output.say(
            "It is asked for once on each browser. Stop the till with Ctrl-C: nothing is lost.",
            "Viene chiesto una volta per browser. Ferma la cassa con Ctrl-C: non si perde nulla."
        ),
    ));
    let service = opened.service.clone();
    service.run(listener, interrupted()).await?;
    opened.close().await
}

/// The shop that the command line tells of.
fn told(args: Args, registry: String, catalog: &Catalog, output: &Output) -> Result<Serving> {
    let (Some(pos), Some(key_file)) = (args.pos, args.key_file) else {
        return Err(invalid("a POS has an id and a key").hint("give --pos and --key-file"));
    };
    if args.offers.is_empty() {
        return Err(invalid("nothing is offered")
            .hint("such as --offer 15=2.00 for 2.00 off, or --offer 30=10% for a tenth"));
    }
    let currency = Currency::new(&args.currency)?;
    let off = output.say("off", "in meno");
    let offers: Result<Vec<_>> = args
        .offers
        .iter()
        .map(|offer| shops::offer_of(offer, currency, off))
        .collect();
    std::fs::create_dir_all(&args.dir).map_err(|error| {
        Error::new(Kind::StorageFailed, "cannot make the folder")
            .with("dir", args.dir.display())
            .because(error)
    })?;
    let keys = args.dir.join("till-keys.json");
    FileKeyStore::open_or_create(&keys)?;
    let one = OnePos {
        registry,
        pos,
        key_file,
        store: args.dir.join("till.db"),
        keys,
    };
    let shop = Shop::by_hand(args.title, currency, offers?, catalog)?;
    Ok(Serving::one_till(one, shop))
}
