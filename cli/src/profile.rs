//! A profile of `wom.toml`: which Registry, as whom, and where awards are remembered.

use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::Deserialize;
use wom_sdk::{
    Error, Kind, Result,
    award::Issuer,
    protocol::{ApiKey, SourceId},
    registry::{ApiKeyClient, InstrumentClient, RegistryClient},
    store::Store,
};
use wom_store::{DatabaseUrl, PostgresSettings, SqliteStore};

use crate::{files, keys::same_file};

/// A profile as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfileTable {
    registry: String,
    #[serde(default)]
    source: String,
    key_file: Option<PathBuf>,
    api_key_file: Option<PathBuf>,
    store: Option<PathBuf>,
    database_url_file: Option<PathBuf>,
    schema: Option<String>,
    registry_fingerprint: Option<String>,
}

/// Where to award, and as whom.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The Registry's base address, before `/api`.
    pub registry: String,
    /// The source id; empty where none is written yet.
    pub source: String,
    /// What lets us award in the source's name.
    pub credential: Credential,
    /// Where awards are remembered.
    pub store: StorePlace,
    /// SHA-256 of the Registry's public key, where it is pinned.
    pub registry_fingerprint: Option<String>,
}

/// What lets us award in a source's name: a file.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The source's private key.
    PrivateKey(PathBuf),
    /// An API key.
    ApiKey(PathBuf),
}

/// Where a store is.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL data base.
    Postgres {
        /// Its URL.
        url: UrlPlace,
        /// The schema in it; the usual one where there is none.
        schema: Option<String>,
    },
}

/// Where the URL of a data base is. It holds a password.
#[derive(Clone, Debug)]
pub enum UrlPlace {
    /// In this file.
    File(PathBuf),
    /// It was in the environment.
    Environment(DatabaseUrl),
}

impl UrlPlace {
    /// The URL that a variable of the environment has given.
    pub fn given(variable: &'static str, url: String) -> Result<Self> {
        DatabaseUrl::new(url)
            .map(Self::Environment)
            .map_err(|error| error.with("variable", variable))
    }

    /// The URL.
    pub fn read(&self) -> Result<DatabaseUrl> {
        match self {
            Self::File(path) => DatabaseUrl::from_file(path),
            Self::Environment(url) => Ok(url.clone()),
        }
    }
}

impl ProfileTable {
    /// The profile, with what the environment says above it, and paths from `dir` on.
    pub fn check(self, dir: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Profile> {
        // Both in the file are a mistake; one in the environment stands above either.
        if self.key_file.is_some() && self.api_key_file.is_some() {
            return Err(both("key_file", "api_key_file"));
        }
        let written = StorePlace::written(
            dir,
            self.store.as_deref(),
            self.database_url_file.as_deref(),
            self.schema.as_deref(),
        )?;
        let path = |name: &str| variable(name).map(PathBuf::from);
        let credential = match (path("WOM_KEY_FILE"), path("WOM_API_KEY_FILE")) {
            (Some(_), Some(_)) => return Err(both("WOM_KEY_FILE", "WOM_API_KEY_FILE")),
            (Some(key), None) => Credential::PrivateKey(dir.join(key)),
            (None, Some(key)) => Credential::ApiKey(dir.join(key)),
            (None, None) => match (self.key_file, self.api_key_file) {
                (Some(key), _) => Credential::PrivateKey(dir.join(key)),
                (None, Some(key)) => Credential::ApiKey(dir.join(key)),
                (None, None) => {
                    return Err(invalid("the profile names no key").hint(
                        "write key_file for the source's private key, or api_key_file for an API key",
                    ));
                }
            },
        };
        let schema = self.schema;
        let store = match (path("WOM_STORE"), variable("WOM_DATABASE_URL")) {
            (Some(_), Some(_)) => return Err(both("WOM_STORE", "WOM_DATABASE_URL")),
            (Some(file), None) => StorePlace::File(dir.join(file)),
            (None, Some(url)) => {
                let url = UrlPlace::given("WOM_DATABASE_URL", url)?;
                StorePlace::Postgres { url, schema }
            }
            (None, None) => written.ok_or_else(|| {
                invalid("the profile names no store").hint(
                    "write store for a file, or database_url_file for PostgreSQL, or set WOM_DATABASE_URL",
                )
            })?,
        };
        Ok(Profile {
            registry: variable("WOM_REGISTRY").unwrap_or(self.registry),
            source: variable("WOM_SOURCE").unwrap_or(self.source),
            credential,
            store,
            registry_fingerprint: self.registry_fingerprint,
        })
    }
}

impl Profile {
    /// The instrument at its Registry.
    pub fn issuer(&self) -> Result<Arc<dyn Issuer>> {
        let (client, source) = (self.client()?, self.source()?);
        Ok(match &self.credential {
            Credential::PrivateKey(file) => {
                let key = files::private_key(file)?;
                Arc::new(InstrumentClient::new(client, source, key)?)
            }
            Credential::ApiKey(file) => {
                let key = ApiKey::from_file(file)?;
                Arc::new(ApiKeyClient::new(client, source, key)?)
            }
        })
    }

    /// The source's id.
    pub fn source(&self) -> Result<SourceId> {
        if self.source.is_empty() {
            return Err(invalid("the profile has no source id yet")
                .hint("write the one that the Registry gave into wom.toml, as source"));
        }
        self.source.parse()
    }

    /// The Registry.
    pub fn client(&self) -> Result<RegistryClient> {
        match &self.registry_fingerprint {
            Some(fingerprint) => RegistryClient::builder(&self.registry)
                .pin(fingerprint)
                .build(),
            None => RegistryClient::new(&self.registry),
        }
    }
}

impl StorePlace {
    /// The one that a configuration names, with paths from `dir` on; none where it names none.
    pub fn written(
        dir: &Path,
        store: Option<&Path>,
        database_url_file: Option<&Path>,
        schema: Option<&str>,
    ) -> Result<Option<Self>> {
        match (store, database_url_file) {
            (Some(_), Some(_)) => Err(both("store", "database_url_file")),
            (Some(_), None) if schema.is_some() => Err(invalid("a store in a file has no schema")
                .hint("a schema goes with database_url_file; remove one of the two")),
            (Some(file), None) => Ok(Some(Self::File(dir.join(file)))),
            (None, Some(file)) => Ok(Some(Self::Postgres {
                url: UrlPlace::File(dir.join(file)),
                schema: schema.map(ToOwned::to_owned),
            })),
            (None, None) => Ok(None),
        }
    }

    /// Whether both are the same store.
    pub fn is_same(&self, other: &Self) -> Result<bool> {
        match (self, other) {
            (Self::File(one), Self::File(other)) => Ok(same_file(one, other)),
            (
                Self::Postgres { url, schema },
                Self::Postgres {
                    url: other,
                    schema: its,
                },
            ) => Ok(schema == its && url.read()?.reveal() == other.read()?.reveal()),
            _ => Ok(false),
        }
    }

    /// Opens the store, or makes it where there is none.
    pub async fn open(&self) -> Result<Arc<dyn Store>> {
        self.open_with(|settings| settings).await
    }

    /// Opens the store that is there, to work with it: none is made.
    pub async fn open_made(&self) -> Result<Arc<dyn Store>> {
        self.is_made()?;
        self.open_with(PostgresSettings::existing).await
    }

    /// Opens the store that is there, to look into it.
    pub async fn open_to_read(&self) -> Result<Arc<dyn Store>> {
        self.is_made()?;
        self.open_with(PostgresSettings::read_only).await
    }

    async fn open_with(
        &self,
        set: impl FnOnce(PostgresSettings) -> PostgresSettings,
    ) -> Result<Arc<dyn Store>> {
        match self {
            Self::File(path) => Ok(open_file(path).await?),
            Self::Postgres { url, schema } => {
                let settings = set(PostgresSettings::new(url.read()?));
                let settings = match schema {
                    Some(schema) => settings.schema(schema),
                    None => settings,
                };
                Ok(Arc::new(settings.open().await?))
            }
        }
    }

    /// A file that is not there yet is nothing to look into.
    fn is_made(&self) -> Result<()> {
        match self {
            Self::File(path) if !path.exists() => Err(Error::new(
                Kind::InputInvalid,
                "nothing was awarded here yet",
            )
            .with("file", path.display())
            .hint("check the profile, or submit something first")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for StorePlace {
    /// As people are told; never the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres { schema, .. } => write!(
                f,
                "PostgreSQL, schema {}",
                schema.as_deref().unwrap_or("wom").escape_default()
            ),
        }
    }
}

/// Opens a store in a file, and waits a little where another `wom` is at it.
pub async fn open_file(path: &Path) -> Result<Arc<SqliteStore>> {
    SqliteStore::open_waiting(path, Duration::from_secs(5))
        .await
        .map(Arc::new)
}

fn both(one: &str, other: &str) -> Error {
    invalid(format!("both {one} and {other} are given"))
        .hint("one of the two is enough: remove the other")
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::ConfigurationInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "registry = 'https://registry.example'\n";

    fn check(text: &str, variables: &[(&str, &str)]) -> Result<Profile> {
        let table: ProfileTable = toml::from_str(&format!("{FILE}{text}")).unwrap();
        table.check(Path::new("/town"), |name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_store_is_a_file_or_a_data_base() {
        let profile = check("key_file = 'k'\nstore = 'a.db'", &[]).unwrap();
        assert!(matches!(profile.store, StorePlace::File(path) if path == Path::new("/town/a.db")));
        let profile = check("key_file = 'k'\ndatabase_url_file = 'u'\nschema = 's'", &[]).unwrap();
        assert_eq!(profile.store.to_string(), "PostgreSQL, schema s");
        // The environment stands above the file, and its secret is not told.
        let set = [("WOM_DATABASE_URL", "postgres://u:canary@localhost/d")];
        let profile = check("key_file = 'k'\nstore = 'a.db'", &set).unwrap();
        assert_eq!(profile.store.to_string(), "PostgreSQL, schema wom");
        assert!(!format!("{profile:?}").contains("canary"));
        let profile = check(
            "key_file = 'k'\ndatabase_url_file = 'u'",
            &[("WOM_STORE", "b.db")],
        );
        assert_eq!(profile.unwrap().store.to_string(), "/town/b.db");
    }

    #[test]
    fn a_key_is_a_private_key_or_an_api_key() {
        let profile = check("api_key_file = 'a'\nstore = 'a.db'", &[]).unwrap();
        assert!(matches!(profile.credential, Credential::ApiKey(_)));
        let set = [("WOM_API_KEY_FILE", "a")];
        let profile = check("key_file = 'k'\nstore = 'a.db'", &set).unwrap();
        assert!(matches!(profile.credential, Credential::ApiKey(_)));
    }

    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        let url = ("WOM_DATABASE_URL", "postgres://u:p@localhost/d");
        for (text, variables, name) in [
            (
                "key_file = 'k'\napi_key_file = 'a'\nstore = 's'",
                &[][..],
                "api_key_file",
            ),
            ("store = 's'", &[], "names no key"),
            ("key_file = 'k'", &[], "names no store"),
            (
                "key_file = 'k'\nstore = 's'\ndatabase_url_file = 'u'",
                &[],
                "database_url_file",
            ),
            ("key_file = 'k'\nstore = 's'\nschema = 'x'", &[], "schema"),
            ("key_file = 'k'", &[url, ("WOM_STORE", "s")], "WOM_STORE"),
            (
                "store = 's'",
                &[("WOM_KEY_FILE", "k"), ("WOM_API_KEY_FILE", "a")],
                "WOM_KEY_FILE",
            ),
            (
                "key_file = 'k'",
                &[("WOM_DATABASE_URL", "canary")],
                "not a URL",
            ),
        ] {
            let error = check(text, variables).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid);
            assert!(error.to_string().contains(name), "{name}: {error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
