//! `wom serve`: awards, claims and checkouts over HTTP.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde_json::json;
use tokio::net::TcpListener;
use wom_catalog::Catalog;
use wom_sdk::{Error, Kind, Result};

use super::registry::interrupted;
use crate::{
    output::Output,
    serving::{Opened, Serving},
};

/// Serve awards, claims and checkouts over HTTP, for software that does not embed the SDK.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The configuration: see wom init.
    #[arg(long, default_value = "wom.toml")]
    config: PathBuf,
}

/// How often to look whether tokens or POS have changed.
const LOOK: Duration = Duration::from_secs(2);

pub async fn run(args: Args, catalog: &Catalog, output: &Output) -> Result<()> {
    log(output, "info");
    let serving = Serving::read(&args.config, catalog)?;
    let listen = serving.listen;
    let cannot_listen = |error: std::io::Error| cannot_listen(listen, error);
    let listener = TcpListener::bind(listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let url = format!("http://{address}");
    let instruments: Vec<_> = serving.instruments().map(ToOwned::to_owned).collect();
    let opened = serving.open(&url, catalog).await?;
    output.object(&json!({"event": "ready", "url": url, "instruments": instruments}));
    output.line(format_args!(
        "The service listens at {url}\nWhat can be asked of it: {url}/openapi.json\nStop it with Ctrl-C."
    ));
    let service = opened.service.clone();
    tokio::select! {
        served = service.run(listener, interrupted()) => served?,
        () = watch(&opened) => {}
    }
    opened.close().await
}

/// Takes over new tokens and POS whenever their files change. Never ends.
async fn watch(opened: &Opened) {
    let files: Vec<&Path> = [
        Some(opened.tokens.as_path()),
        opened.pos.as_ref().and_then(|pos| pos.list()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let changed = || -> Vec<Option<SystemTime>> {
        let changed = |file: &&Path| std::fs::metadata(file).and_then(|it| it.modified()).ok();
        files.iter().map(changed).collect()
    };
    let mut known = changed();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = changed();
        if now == known {
            continue;
        }
        known = now;
        match opened.reload() {
            Ok(()) => tracing::info!("tokens and POS were read again"),
            Err(error) => tracing::error!(
                code = error.code(),
                "the new tokens or POS cannot be used, the old ones stay: {error}"
            ),
        }
    }
}

/// Why nothing can be served there.
pub fn cannot_listen(listen: SocketAddr, error: std::io::Error) -> Error {
    Error::new(Kind::ConfigurationInvalid, "cannot listen there")
        .with("listen", listen)
        .hint("is another program using this port? 127.0.0.1:0 takes a free one")
        .because(error)
}

/// What happens goes to standard error; `WOM_LOG` says how much, or else this.
pub fn log(output: &Output, usual: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(usual));
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output.color);
    match output.json {
        true => lines.json().init(),
        false => lines.init(),
    }
}
