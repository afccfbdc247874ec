//! What a worker stands on: a folder with its settings and keys, and a store.

use std::{fs, io::Write as _, path::Path, process::Command, sync::Arc, time::Duration};

use wom_registry::NewInstrument;
use wom_sdk::{
    Result,
    privacy::FileKeyStore,
    protocol::PrivateKey,
    registry::{InstrumentClient, RegistryClient},
    store::Store,
};
use wom_store::{DatabaseUrl, PostgresSettings, SqliteStore, testing::PgServer};

/// What a folder's worker keeps there itself, its keys and with SQLite its store.
pub(crate) const KEPT: &str = "kept";

/// Where workers have their stores.
#[derive(Debug)]
pub(crate) enum Base {
    /// Each in a file of its own.
    Sqlite,
    /// Each in a data base of its own, of a real server.
    Postgres(PgServer),
}

impl Base {
    /// Makes a folder for a worker, with a store that is empty.
    pub(crate) async fn prepare(&self, dir: &Path, instrument: &NewInstrument, registry: &str) {
        fs::create_dir(dir).unwrap();
        fs::create_dir(dir.join(KEPT)).unwrap();
        let pem = instrument.key.to_pkcs1_pem();
        fs::write(dir.join("source.pem"), pem.as_bytes()).unwrap();
        fs::write(dir.join("source"), instrument.id.to_string()).unwrap();
        fs::write(dir.join("url"), registry).unwrap();
        FileKeyStore::create(dir.join(KEPT).join("keys.json")).unwrap();
        if let Self::Postgres(server) = self {
            fs::write(dir.join("database"), server.database().await).unwrap();
        }
    }
}

/// The store of a folder.
pub(crate) async fn store(dir: &Path) -> Result<Arc<dyn Store>> {
    let patience = Duration::from_secs(10);
    Ok(match fs::read_to_string(dir.join("database")) {
        Ok(url) => {
            let settings = PostgresSettings::new(DatabaseUrl::new(url)?);
            Arc::new(settings.patience(patience).open().await?)
        }
        Err(_) => {
            let path = dir.join(KEPT).join("wom.db");
            Arc::new(SqliteStore::open_waiting(path, patience).await?)
        }
    })
}

/// The keys of a folder.
pub(crate) fn keys(dir: &Path) -> Result<FileKeyStore> {
    FileKeyStore::open(dir.join(KEPT).join("keys.json"))
}

/// The source that a folder's worker is.
pub(crate) fn issuer(dir: &Path) -> InstrumentClient {
    let setting = |name: &str| fs::read_to_string(dir.join(name)).unwrap();
    let key = PrivateKey::from_pem(&setting("source.pem"), None).unwrap();
    let client = RegistryClient::new(&setting("url")).unwrap();
    InstrumentClient::new(client, setting("source").parse().unwrap(), key).unwrap()
}

/// This test binary, to play the part that is the body of a test.
pub(crate) fn again(part: &str) -> Command {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([part, "--exact", "--nocapture", "--test-threads=1"]);
    again
}

/// Says something to the parent, in one piece.
pub(crate) fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    // The test harness shares the lines: one of our own begins with a mark.
    out.write_all(format!("\n>{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// What a child said in a line of its output, if the line is one of its own.
pub(crate) fn said(line: &str) -> Option<&str> {
    line.strip_prefix('>')
}

/// A number that a variable sets.
pub(crate) fn set_or(variable: &str, unless_set: u32) -> u32 {
    let set = std::env::var(variable).ok();
    set.map_or(unless_set, |text| text.parse().unwrap())
}
