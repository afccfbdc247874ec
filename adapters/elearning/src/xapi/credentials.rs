//! What opens an LRS.

use std::{env, fmt, fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

/// Where the credentials of an LRS come from; asked before every pull, so that they may change.
pub trait Credentials: fmt::Debug + Send + Sync {
    /// The values of the header `Authorization` to try, in order: while a secret changes there are two.
    ///
    /// # Errors
    /// Whatever keeps them from being had.
    fn authorizations(&self) -> Result<Vec<Zeroizing<String>>>;
}

/// Credentials in files or in the environment, as the settings say.
pub(super) struct Settled {
    username: Option<String>,
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Settled {
    /// `None` if the settings name none.
    pub(super) fn new(
        username: Option<&String>,
        files: &[PathBuf],
        variables: &[String],
    ) -> Option<Self> {
        (!files.is_empty() || !variables.is_empty()).then(|| Self {
            username: username.cloned(),
            files: files.to_vec(),
            variables: variables.to_vec(),
        })
    }

    /// Basic with a user name, Bearer without.
    fn authorization(&self, secret: &str) -> Zeroizing<String> {
        let secret = secret.trim_end_matches(['\r', '\n']);
        let Some(username) = &self.username else {
            return Zeroizing::new(format!("Bearer {secret}"));
        };
        let plain = Zeroizing::new(format!("{username}:{secret}"));
        let mut header = Zeroizing::new(String::with_capacity(16 + plain.len() * 4 / 3));
        header.push_str("Basic ");
        STANDARD.encode_string(plain.as_bytes(), &mut header);
        header
    }
}

impl Credentials for Settled {
    fn authorizations(&self) -> Result<Vec<Zeroizing<String>>> {
        let in_files = self.files.iter().map(|file| {
            fs::read_to_string(file)
                .map(Zeroizing::new)
                .map_err(|error| {
                    Error::new(
                        Kind::ConfigurationInvalid,
                        "a file with a secret cannot be read",
                    )
                    .with("file", file.display())
                    .with("reason", error.kind())
                })
        });
        let in_variables = self.variables.iter().map(|variable| {
            env::var(variable).map(Zeroizing::new).map_err(|_| {
                Error::new(
                    Kind::ConfigurationInvalid,
                    "a variable with a secret is not set",
                )
                .with("variable", variable)
            })
        });
        in_files
            .chain(in_variables)
            .map(|secret| Ok(self.authorization(&secret?)))
            .collect()
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len() + self.variables.len();
        write!(f, "Settled({count} secrets)")
    }
}
