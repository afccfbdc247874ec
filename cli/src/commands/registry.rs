//! `wom registry`: run a Registry, and admit instruments and POS.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Subcommand;
use serde_json::json;
use wom_registry::{Registry, RegistryOptions};
use wom_sdk::{
    Error, Kind, Result, files,
    protocol::{Aim, PrivateKey, SourceId},
};

use crate::output::Output;

/// Run a Registry of your own, offline or for a town.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the Registry until it is interrupted.
    Serve {
        /// The Registry's folder; made where there is none.
        #[arg(long)]
        dir: PathBuf,
        /// Where to listen; port 0 takes a free one. Plain http: only loopback unless told otherwise.
        #[arg(long, default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The address as wallets and connectors reach it, where a proxy with TLS stands before it.
        #[arg(long)]
        public_url: Option<String>,
        /// Size of new keys in bits. Wallets in the field understand 4096 only.
        #[arg(long, default_value_t = 4096)]
        key_bits: usize,
        /// Listen for plain http on an address that others can reach.
        #[arg(long)]
        danger_listen_beyond_loopback: bool,
        /// Be as forgetful as the published Registry, to try software against: a repeated create or
        /// issue makes another code, and a repeated verify answers 500.
        #[arg(long)]
        faithful: bool,
    },
    /// Make an API key for an instrument and write it; works while the Registry runs.
    AddApiKey {
        /// The Registry's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The instrument's source id.
        #[arg(long)]
        source: SourceId,
        /// A name that tells the instrument's keys apart; the same name again takes the place of
        /// its former key.
        #[arg(long, default_value = "default")]
        selector: String,
        /// Where to write the key; made where there is none.
        #[arg(long)]
        out: PathBuf,
    },
    /// Admit an instrument and write its key; works while the Registry runs.
    AddInstrument {
        /// The Registry's folder.
        #[arg(long)]
        dir: PathBuf,
        /// What people call it.
        #[arg(long)]
        name: String,
        /// An aim that it may award; repeat for several.
        #[arg(long = "aim", required = true)]
        aims: Vec<Aim>,
        /// Where to write the key; made where there is none.
        #[arg(long)]
        out: PathBuf,
        /// Size of the key in bits.
        #[arg(long, default_value_t = 4096)]
        key_bits: usize,
    },
    /// Add a merchant's POS and write its key; works while the Registry runs.
    AddPos {
        /// The Registry's folder.
        #[arg(long)]
        dir: PathBuf,
        /// The merchant.
        #[arg(long)]
        merchant: String,
        /// What people call the POS.
        #[arg(long)]
        name: String,
        /// Where to write the key; made where there is none.
        #[arg(long)]
        out: PathBuf,
        /// Size of the key in bits.
        #[arg(long, default_value_t = 4096)]
        key_bits: usize,
    },
}

pub async fn run(args: Args, output: &Output) -> Result<()> {
    match args.command {
        Command::Serve {
            dir,
            listen,
            public_url,
            key_bits,
            danger_listen_beyond_loopback,
            faithful,
        } => {
            if !listen.ip().is_loopback() && !danger_listen_beyond_loopback {
                return Err(Error::new(Kind::InsecureTransport, "this address can be reached by others, in plain http")
                    .with("listen", listen)
                    .hint("listen on 127.0.0.1 and put a proxy with TLS before it, or add --danger-listen-beyond-loopback"));
            }
            let mut options = RegistryOptions::new().key_bits(key_bits).faithful(faithful);
            options.public_url = public_url;
            serve(&dir, listen, options, output).await
        }
        Command::AddInstrument {
            dir,
            name,
            aims,
            out,
            key_bits,
        } => {
            let registry = open(&dir, key_bits).await?;
            let instrument = registry.add_instrument(&name, &aims).await?;
            let file = write_key(&out, &format!("source-{}", instrument.id), &instrument.key)?;
            registry.close().await;
            output.object(&json!({"sourceId": instrument.id, "keyFile": file}));
            output.line(format_args!(
                "source id  {}\nkey file   {}",
                instrument.id,
                file.display()
            ));
            Ok(())
        }
        Command::AddApiKey {
            dir,
            source,
            selector,
            out,
        } => {
            let registry = open(&dir, RegistryOptions::new().key_bits).await?;
            let key = registry.add_api_key(&source, &selector).await?;
            let name = format!("api-key-{source}-{selector}.txt");
            let file = write_secret(&out, &name, key.reveal())?;
            registry.close().await;
            output.object(&json!({"sourceId": source, "selector": selector, "keyFile": file}));
            output.line(format_args!("key file  {}", file.display()));
            Ok(())
        }
        Command::AddPos {
            dir,
            merchant,
            name,
            out,
            key_bits,
        } => {
            let registry = open(&dir, key_bits).await?;
            let pos = registry.add_pos(&merchant, &name).await?;
            let file = write_key(&out, &format!("pos-{}", pos.id), &pos.key)?;
            registry.close().await;
            output.object(&json!({"posId": pos.id, "keyFile": file}));
            output.line(format_args!(
                "POS id    {}\nkey file  {}",
                pos.id,
                file.display()
            ));
            Ok(())
        }
    }
}

async fn serve(
    dir: &Path,
    listen: SocketAddr,
    options: RegistryOptions,
    output: &Output,
) -> Result<()> {
    let registry = Registry::open(dir, options).await?;
    let cannot_listen = |error: std::io::Error| {
        Error::new(Kind::ConfigurationInvalid, "cannot listen there")
            .with("listen", listen)
            .hint("is another program using this port? 127.0.0.1:0 takes a free one")
            .because(error)
    };
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(cannot_listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(cannot_listen)?);
    output.object(&json!({
        "event": "ready",
        "url": url,
        "keyFingerprint": registry.public_key().fingerprint(),
        "dir": dir,
    }));
    output.line(format_args!(
        "The Registry listens at {url}\nkey {}\nStop it with Ctrl-C.",
        registry.public_key().fingerprint()
    ));
    let closing = registry.clone();
    wom_registry::serve(listener, registry, interrupted()).await?;
    closing.close().await;
    Ok(())
}

/// Opens a folder that a Registry was made in; a mistyped one is not made into another Registry.
async fn open(dir: &Path, key_bits: usize) -> Result<Registry> {
    if !dir.join("registry.db").exists() {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            "there is no Registry in this folder",
        )
        .with("dir", dir.display())
        .hint("start one there first: wom registry serve --dir DIR"));
    }
    Registry::open(dir, RegistryOptions::new().key_bits(key_bits)).await
}

fn write_key(dir: &Path, name: &str, key: &PrivateKey) -> Result<PathBuf> {
    write_secret(dir, &format!("{name}.pem"), &key.to_pkcs1_pem())
}

fn write_secret(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    let written =
        fs::create_dir_all(dir).and_then(|()| files::replace_privately(&path, text.as_bytes()));
    written.map_err(|error| {
        Error::new(Kind::StorageFailed, "cannot write the key file")
            .with("file", path.display())
            .because(error)
    })?;
    Ok(path)
}

/// Ready once the program is told to stop.
pub async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
