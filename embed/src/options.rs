//! Where things are, and what lets us in: as options.

use std::{fmt, path::PathBuf, sync::Arc};

use serde::Deserialize;
use wom_sdk::{
    Error, Kind, Result,
    privacy::{FileKeyStore, KeyStore, MemoryKeyStore, RootedKeyStore},
    protocol::{ApiKey, PrivateKey},
    registry::RegistryClient,
    store::{MemoryStore, Store},
};
use wom_store::{DatabaseUrl, PostgresKeyStore, PostgresSettings, PostgresStore, SqliteStore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How long to wait for a store that another process is about to close.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// What lets us act for a source or a POS: exactly one of these is given.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Credential {
    /// A PEM file with the private key.
    pub key_file: Option<PathBuf>,
    /// A variable of the environment with the private key as PEM.
    pub key_variable: Option<String>,
    /// The private key as PEM, where a callback of the embedder gave it.
    pub key: Option<Pem>,
    /// A variable of the environment with the passphrase of the private key.
    pub passphrase_variable: Option<String>,
    /// A file with an API key in place of a private key.
    pub api_key_file: Option<PathBuf>,
    /// A variable of the environment with an API key.
    pub api_key_variable: Option<String>,
}

/// A private key as PEM text.
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct Pem(String);

/// What a [`Credential`] turned out to be.
#[derive(Debug)]
pub(crate) enum Opened {
    Private(PrivateKey),
    Api(ApiKey),
}

impl Credential {
    pub(crate) fn open(&self) -> Result<Opened> {
        let given = [
            self.key_file.is_some(),
            self.key_variable.is_some(),
            self.key.is_some(),
            self.api_key_file.is_some(),
            self.api_key_variable.is_some(),
        ];
        if given.into_iter().filter(|given| *given).count() != 1 {
            return Err(invalid("exactly one key is needed").hint(
                "give key_file, key_variable or key for a private key, or api_key_file or api_key_variable",
            ));
        }
        if let Some(path) = &self.api_key_file {
            return ApiKey::from_file(path).map(Opened::Api);
        }
        if let Some(name) = &self.api_key_variable {
            return ApiKey::from_env(name).map(Opened::Api);
        }
        self.private_key().map(Opened::Private)
    }

    fn private_key(&self) -> Result<PrivateKey> {
        let passphrase = match &self.passphrase_variable {
            Some(name) => Some(variable(name)?),
            None => None,
        };
        let passphrase = passphrase.as_ref().map(|text| text.as_str());
        if let Some(path) = &self.key_file {
            let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
                invalid("cannot read the key file")
                    .with("file", path.display())
                    .because(error)
            })?;
            return PrivateKey::from_bytes(&bytes, passphrase)
                .map_err(|error| error.with("file", path.display()));
        }
        let text = match (&self.key_variable, &self.key) {
            (Some(name), _) => variable(name)?,
            (None, Some(pem)) => Zeroizing::new(pem.0.clone()),
            (None, None) => return Err(invalid("no key is given")),
        };
        PrivateKey::from_pem(&text, passphrase)
    }
}

/// Which of them is given; never its value.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(redacted)")
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(redacted)")
    }
}

/// Where awards or checkouts are remembered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum StorePlace {
    /// A file of this machine, for one process at a time.
    Sqlite(PathBuf),
    /// A PostgreSQL data base, for any number of processes.
    Postgres(UrlPlace),
}

/// Where the keys are that hide who is who and seal codes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyPlace {
    /// A file, made where there is none.
    pub file: Option<PathBuf>,
    /// A PostgreSQL data base that is not the awards'.
    pub postgres: Option<UrlPlace>,
    /// A variable of the environment with the root key, without which what is kept is worth nothing.
    pub root_variable: Option<String>,
}

/// Where the URL of a data base is, which holds a password, and which schema in it to use.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlPlace {
    url: Option<String>,
    url_file: Option<PathBuf>,
    url_variable: Option<String>,
    schema: Option<String>,
    connections: Option<u32>,
}

impl UrlPlace {
    fn url(&self) -> Result<DatabaseUrl> {
        match (&self.url, &self.url_file, &self.url_variable) {
            (Some(url), None, None) => DatabaseUrl::new(url.clone()),
            (None, Some(path), None) => DatabaseUrl::from_file(path),
            (None, None, Some(name)) => DatabaseUrl::new(variable(name)?.as_str())
                .map_err(|error| error.with("variable", name)),
            _ => Err(invalid("exactly one URL is needed")
                .hint("give url_file, url_variable, or a callback")),
        }
    }

    fn settings(&self, schema: Option<&str>) -> Result<PostgresSettings> {
        let settings = PostgresSettings::new(self.url()?);
        let settings = match self.schema.as_deref().or(schema) {
            Some(schema) => settings.schema(schema),
            None => settings,
        };
        Ok(match self.connections {
            Some(most) => settings.connections(most),
            None => settings,
        })
    }
}

impl fmt::Debug for UrlPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UrlPlace(redacted)")
    }
}

/// A store that was opened; PostgreSQL is known by name, as it can do more.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) postgres: Option<Arc<PostgresStore>>,
}

/// Opens the store. Without one, everything is in memory: only towards a Registry of this machine, as
/// a crash would lose what somebody is owed.
pub(crate) async fn open_store(
    place: Option<&StorePlace>,
    registry: &RegistryClient,
) -> Result<OpenStore> {
    let store: Arc<dyn Store> = match place {
        None => {
            only_here(registry, "store")?;
            Arc::new(MemoryStore::new())
        }
        Some(StorePlace::Sqlite(path)) => {
            Arc::new(SqliteStore::open_waiting(path, PATIENCE).await?)
        }
        Some(StorePlace::Postgres(url)) => {
            let postgres = Arc::new(url.settings(None)?.open().await?);
            return Ok(OpenStore {
                store: Arc::clone(&postgres) as _,
                postgres: Some(postgres),
            });
        }
    };
    Ok(OpenStore {
        store,
        postgres: None,
    })
}

/// Opens the keys, or makes them where there are none.
pub(crate) fn open_keys(
    place: Option<&KeyPlace>,
    registry: &RegistryClient,
) -> Result<Arc<dyn KeyStore>> {
    let Some(place) = place else {
        only_here(registry, "keys")?;
        return Ok(Arc::new(MemoryKeyStore::default()));
    };
    let keys: Arc<dyn KeyStore> = match (&place.file, &place.postgres) {
        (Some(path), None) => Arc::new(FileKeyStore::open_or_create(path)?),
        (None, Some(url)) => {
            let settings = url.settings(Some(PostgresKeyStore::SCHEMA))?;
            Arc::new(settings.open_keys()?)
        }
        _ => {
            return Err(
                invalid("the keys are in a file or in a data base").hint("give one of the two")
            );
        }
    };
    match &place.root_variable {
        None => Ok(keys),
        Some(name) => Ok(Arc::new(RootedKeyStore::from_env(name, keys)?)),
    }
}

fn only_here(registry: &RegistryClient, what: &'static str) -> Result<()> {
    if registry.address().is_loopback() {
        return Ok(());
    }
    Err(
        invalid("towards a Registry of others, what is awarded has to be remembered")
            .with("option", what)
            .hint(
                "name a file or a data base: without one a crash would lose what somebody is owed",
            ),
    )
}

fn variable(name: &str) -> Result<Zeroizing<String>> {
    std::env::var(name).map(Zeroizing::new).map_err(|_| {
        invalid("a variable of the environment is not set").with("variable", name.escape_default())
    })
}

/// Options that cannot be used.
pub(crate) fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::ConfigurationInvalid, message)
}
