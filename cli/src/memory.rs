//! Where a command without a configuration remembers what it did.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use wom_sdk::{
    Error, Kind, Result,
    privacy::{FileKeyStore, KeyStore},
    store::Store,
};

use crate::{
    keys::KeyPlace,
    profile::{StorePlace, UrlPlace},
};

/// A file, or a PostgreSQL data base, with the keys that seal codes in it.
#[derive(clap::Args, Debug)]
pub struct Memory {
    /// The data base that remembers it, a file; made where there is none.
    #[arg(long, group = "memory")]
    state: Option<PathBuf>,
    /// A file with the URL of a PostgreSQL data base that remembers it, in place of --state. Goes with
    /// --key-store.
    #[arg(long, value_name = "FILE", group = "memory", requires = "key_store")]
    database_url_file: Option<PathBuf>,
    /// The schema in that data base; wom where not given.
    #[arg(long, requires = "database_url_file")]
    schema: Option<String>,
    /// The keys that seal codes in it; made where there are none. Beside the file where not given.
    #[arg(long, requires = "memory")]
    key_store: Option<PathBuf>,
}

impl Memory {
    /// The keys and the store, each made where there is none; none where nothing is to be remembered.
    pub async fn open(self) -> Result<Option<(Arc<dyn KeyStore>, Arc<dyn Store>)>> {
        let (place, beside) = match (self.state, self.database_url_file) {
            (Some(file), _) => (StorePlace::File(file.clone()), Some(beside(&file))),
            (None, Some(file)) => {
                let url = UrlPlace::File(file);
                let schema = self.schema;
                (StorePlace::Postgres { url, schema }, None)
            }
            (None, None) => return Ok(None),
        };
        let keys = self.key_store.or(beside).ok_or_else(|| {
            Error::new(Kind::ConfigurationInvalid, "there is no place for keys")
                .hint("give --key-store")
        })?;
        FileKeyStore::open_or_create(&keys)?;
        Ok(Some((KeyPlace::File(keys).open()?, place.open().await?)))
    }
}

/// The key store beside a data base: `awards.db` has `awards.db.keys.json`.
fn beside(state: &Path) -> PathBuf {
    let mut name = state.file_name().unwrap_or_default().to_owned();
    name.push(".keys.json");
    state.with_file_name(name)
}
