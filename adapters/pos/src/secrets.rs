//! What opens a shop, and what its webhooks are signed with.

use std::{env, fmt, fs, path::PathBuf};

use wom_sdk::{
    Error, Kind, Result,
    webhook::{Scheme, Secret},
};
use zeroize::Zeroizing;

/// Where a shop's password, token or key comes from; asked for before each login or call, so that it
/// may change.
pub trait Credentials: fmt::Debug + Send + Sync {
    /// The secrets to try, in order: while one changes there are two.
    ///
    /// # Errors
    /// Whatever keeps them from being had.
    fn secrets(&self) -> Result<Vec<Zeroizing<String>>>;
}

/// Secrets in files or in the environment, as the settings say.
pub(crate) struct Settled {
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Settled {
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if the settings name none.
    pub(crate) fn new(files: &[PathBuf], variables: &[String]) -> Result<Self> {
        if files.is_empty() && variables.is_empty() {
            return Err(
                Error::new(Kind::ConfigurationInvalid, "nothing opens the shop")
                    .hint("set secret_files or secret_variables"),
            );
        }
        Ok(Self {
            files: files.to_vec(),
            variables: variables.to_vec(),
        })
    }
}

impl Credentials for Settled {
    fn secrets(&self) -> Result<Vec<Zeroizing<String>>> {
        let cannot = |message: &'static str| Error::new(Kind::ConfigurationInvalid, message);
        let in_files = self.files.iter().map(|file| {
            fs::read_to_string(file)
                .map(Zeroizing::new)
                .map_err(|error| {
                    cannot("a file with a secret cannot be read")
                        .with("file", file.display())
                        .with("reason", error.kind())
                })
        });
        let in_variables = self.variables.iter().map(|variable| {
            env::var(variable).map(Zeroizing::new).map_err(|_| {
                cannot("a variable with a secret is not set").with("variable", variable)
            })
        });
        in_files
            .chain(in_variables)
            .map(|secret| {
                Ok(Zeroizing::new(
                    secret?.trim_end_matches(['\r', '\n']).to_owned(),
                ))
            })
            .collect()
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len() + self.variables.len();
        write!(f, "Settled({count} secrets)")
    }
}

/// The secrets of webhooks; none means that every call is refused.
///
/// # Errors
/// [`Kind::ConfigurationInvalid`] or [`Kind::KeyInvalid`] if one cannot be had.
pub(crate) fn of_webhooks(
    scheme: &Scheme,
    files: &[PathBuf],
    variables: &[String],
) -> Result<Vec<Secret>> {
    let in_files = files.iter().map(|file| scheme.secret_from_file(file));
    let in_variables = variables.iter().map(|name| scheme.secret_from_env(name));
    in_files.chain(in_variables).collect()
}
