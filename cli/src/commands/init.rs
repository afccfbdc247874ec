//! `wom init`: a commented configuration and a key store.

use std::{fs, path::PathBuf};

use serde_json::json;
use wom_sdk::{Error, Kind, Result, privacy::FileKeyStore};

use crate::{
    config::{Config, TEMPLATE},
    keys::KeyPlace,
    output::Output,
};

/// Make a commented wom.toml and a key store.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where; made where there is none.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub fn run(args: &Args, output: &Output) -> Result<()> {
    let path = args.dir.join("wom.toml");
    if path.exists() {
        return Err(Error::new(
            Kind::ConfigurationInvalid,
            "there is a configuration already",
        )
        .with("file", path.display())
        .hint("edit it, or choose another folder"));
    }
    let written = fs::create_dir_all(&args.dir).and_then(|()| fs::write(&path, TEMPLATE));
    written.map_err(|error| {
        Error::new(Kind::StorageFailed, "cannot write the configuration")
            .with("file", path.display())
            .because(error)
    })?;
    let config = Config::read(&path)?;
    if let KeyPlace::File(file) = &config.keys {
        FileKeyStore::open_or_create(file)?;
    }
    output.object(&json!({"config": path, "keyStore": config.keys.to_string()}));
    output.line(format_args!("{}\n{}", path.display(), config.keys));
    let dir = args.dir.display();
    output.line(format_args!(
        "
{}
  wom registry serve --dir {dir}/registry --listen 127.0.0.1:8400
  wom registry add-instrument --dir {dir}/registry --name \"My instrument\" --aim H --out {dir}
{}
  wom doctor --config {dir}/wom.toml",
        output.say(
            "Next, to try it on this machine:",
            "Poi, per provare su questo computer:"
        ),
        output.say(
            "Write the source id and the key file's name into wom.toml, then:",
            "Scrivi in wom.toml il source id e il nome del file della chiave, poi:"
        ),
    ));
    Ok(())
}
