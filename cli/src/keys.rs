//! Where the keys are that hide who is who: in a file, or in a data base of their own.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use wom_sdk::{
    Result,
    privacy::{FileKeyStore, KeyStore, RootedKeyStore},
};
use wom_store::{PostgresKeyStore, PostgresSettings};

use crate::{config::invalid, profile::UrlPlace};

/// The variable that holds a root key: without it what the key store keeps is worth nothing.
const ROOT_KEY: &str = "WOM_ROOT_KEY";

/// Where the keys are, as a configuration has it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written<'a> {
    pub key_store: Option<&'a Path>,
    pub key_database_url_file: Option<&'a Path>,
    pub key_schema: Option<&'a str>,
}

/// Where a key store is.
#[derive(Clone, Debug)]
pub enum KeyPlace {
    /// A file, for the processes of one machine.
    File(PathBuf),
    /// A PostgreSQL data base that is not the awards', for any number of machines.
    Postgres {
        /// Its URL.
        url: UrlPlace,
        /// The schema in it; the usual one where there is none.
        schema: Option<String>,
    },
}

impl KeyPlace {
    /// The one that the environment names, or else the configuration, with paths from `dir` on.
    pub fn named(
        dir: &Path,
        written: Written<'_>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let postgres = |url| Self::Postgres {
            url,
            schema: written.key_schema.map(ToOwned::to_owned),
        };
        let both = |one: &str, other: &str| {
            invalid(format!("both {one} and {other} are given"))
                .hint("one of the two is enough: remove the other")
        };
        let from_environment = (variable("WOM_KEY_STORE"), variable("WOM_KEY_DATABASE_URL"));
        match from_environment {
            (Some(_), Some(_)) => return Err(both("WOM_KEY_STORE", "WOM_KEY_DATABASE_URL")),
            (Some(file), None) => return Ok(Self::File(dir.join(file))),
            (None, Some(url)) => {
                return UrlPlace::given("WOM_KEY_DATABASE_URL", url).map(postgres);
            }
            (None, None) => {}
        }
        match (written.key_store, written.key_database_url_file) {
            (Some(_), _) if written.key_schema.is_some() => Err(invalid(
                "a key store in a file has no schema",
            )
            .hint("key_schema goes with key_database_url_file; remove one of the two")),
            (Some(_), Some(_)) => Err(both("key_store", "key_database_url_file")),
            (Some(file), None) => Ok(Self::File(dir.join(file))),
            (None, Some(file)) => Ok(postgres(UrlPlace::File(dir.join(file)))),
            (None, None) => Err(invalid("no key store is named").hint(
                "write key_store for a file, or key_database_url_file for PostgreSQL, or set WOM_KEY_DATABASE_URL",
            )),
        }
    }

    /// Whether both are the same keys.
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

    /// The key store, under the root key from the environment where there is one. A file has to be
    /// there; in a data base the keys are made where there are none.
    pub fn open(&self) -> Result<Arc<dyn KeyStore>> {
        let keys: Arc<dyn KeyStore> = match self {
            Self::File(path) => Arc::new(FileKeyStore::open(path)?),
            Self::Postgres { url, schema } => {
                let schema = schema.as_deref().unwrap_or(PostgresKeyStore::SCHEMA);
                let settings = PostgresSettings::new(url.read()?).schema(schema);
                Arc::new(settings.open_keys()?)
            }
        };
        match std::env::var_os(ROOT_KEY) {
            None => Ok(keys),
            Some(_) => Ok(Arc::new(RootedKeyStore::from_env(ROOT_KEY, keys)?)),
        }
    }
}

/// Whether two paths lead to one file.
pub fn same_file(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

impl fmt::Display for KeyPlace {
    /// As people are told; never the URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Postgres { schema, .. } => write!(
                f,
                "PostgreSQL, schema {} of a data base of their own",
                schema
                    .as_deref()
                    .unwrap_or(PostgresKeyStore::SCHEMA)
                    .escape_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use wom_sdk::Kind;

    use super::*;

    fn named(file: Option<&str>, url_file: Option<&str>, set: &[(&str, &str)]) -> Result<KeyPlace> {
        let written = Written {
            key_store: file.map(Path::new),
            key_database_url_file: url_file.map(Path::new),
            key_schema: None,
        };
        KeyPlace::named(Path::new("/town"), written, |name| {
            let found = set.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn keys_are_in_a_file_or_in_a_data_base() {
        let place = named(Some("k.json"), None, &[]).unwrap();
        assert_eq!(place.to_string(), "/town/k.json");
        let place = named(None, Some("k"), &[]).unwrap();
        let told = "PostgreSQL, schema wom_keys of a data base of their own";
        assert_eq!(place.to_string(), told);
        // The environment stands above the file, and its secret is not told.
        let set = [("WOM_KEY_DATABASE_URL", "postgres://u:canary@localhost/d")];
        let place = named(Some("k.json"), None, &set).unwrap();
        assert!(!format!("{place:?} {place}").contains("canary"));
        let place = named(None, Some("k"), &[("WOM_KEY_STORE", "o.json")]).unwrap();
        assert_eq!(place.to_string(), "/town/o.json");
    }

    #[test]
    fn what_does_not_go_together_is_refused_by_name() {
        let url = ("WOM_KEY_DATABASE_URL", "postgres://u:p@localhost/d");
        for (file, url_file, set, name) in [
            (Some("k"), Some("u"), &[][..], "key_database_url_file"),
            (None, None, &[], "no key store"),
            (None, None, &[url, ("WOM_KEY_STORE", "k")], "WOM_KEY_STORE"),
            (
                None,
                None,
                &[("WOM_KEY_DATABASE_URL", "canary")],
                "not a URL",
            ),
        ] {
            let error = named(file, url_file, set).unwrap_err();
            assert_eq!(error.kind(), Kind::ConfigurationInvalid);
            assert!(error.to_string().contains(name), "{name}: {error}");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }
}
