//! What a worker stands on: a folder with its settings and keys, and a store.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use wom_registry::NewInstrument;
use wom_sdk::{
    Clock, MINUTE_MS, Result, SystemClock, Timestamp,
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

    /// The data base server that workers have their stores in.
    pub(crate) fn server(&self) -> Option<&PgServer> {
        match self {
            Self::Sqlite => None,
            Self::Postgres(server) => Some(server),
        }
    }

    /// Whoever opens a SQLite store is alone, and takes what the dead have had at once; on
    /// PostgreSQL that is free after a minute, which this lets pass.
    pub(crate) fn free_what_the_dead_have_taken(&self, dir: &Path) {
        if matches!(self, Self::Postgres(_)) {
            pass_time(dir);
        }
    }
}

/// The clock of a folder: two minutes later for each time that [`pass_time`] was called.
#[derive(Debug)]
pub(crate) struct Later {
    passed: PathBuf,
    ago_ms: i64,
}

impl Later {
    pub(crate) fn of(dir: &Path) -> Self {
        Self {
            passed: dir.join("passed"),
            ago_ms: 0,
        }
    }

    /// The same clock so long ago.
    pub(crate) fn ago(self, ago_ms: i64) -> Self {
        Self { ago_ms, ..self }
    }
}

impl Clock for Later {
    fn now(&self) -> Timestamp {
        let passed = fs::metadata(&self.passed).map_or(0, |file| file.len());
        let minutes = 2 * i64::try_from(passed).unwrap();
        SystemClock
            .now()
            .plus_millis(minutes * MINUTE_MS - self.ago_ms)
    }
}

/// Lets two minutes pass in a folder, also for who is at work there: what the dead have taken is
/// free again.
pub(crate) fn pass_time(dir: &Path) {
    let passed = fs::File::options()
        .create(true)
        .append(true)
        .open(dir.join("passed"));
    passed.and_then(|mut file| file.write_all(b".")).unwrap();
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
