//! What opens pretix, and what opens our door to it.

use std::{env, fmt, fs, path::PathBuf};

use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

/// Where the tokens of pretix's API come from; asked before everything that is read, so that they may
/// change.
///
/// A token of a team that may only read orders (`event.orders:read`) is enough, and cannot scan.
pub trait Tokens: fmt::Debug + Send + Sync {
    /// The tokens to try, in order: while a token changes there are two.
    ///
    /// # Errors
    /// Whatever keeps them from being had.
    fn tokens(&self) -> Result<Vec<Zeroizing<String>>>;
}

/// Secrets in files or in the environment, as settings say.
#[derive(Clone)]
pub(crate) struct Settled {
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Settled {
    /// `None` if the settings name none.
    pub(crate) fn new(files: &[PathBuf], variables: &[String]) -> Option<Self> {
        (!files.is_empty() || !variables.is_empty()).then(|| Self {
            files: files.to_vec(),
            variables: variables.to_vec(),
        })
    }

    /// The secrets, as they are now.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for one that cannot be read, or is empty.
    pub(crate) fn secrets(&self) -> Result<Vec<Zeroizing<String>>> {
        let wrong = |message| Error::new(Kind::ConfigurationInvalid, message);
        let in_files = self.files.iter().map(|file| {
            let read = fs::read_to_string(file).map(Zeroizing::new);
            let secret = read.map_err(|error| {
                wrong("a file with a secret cannot be read").with("reason", error.kind())
            });
            (secret, "file", file.display().to_string())
        });
        let in_variables = self.variables.iter().map(|variable| {
            let read = env::var(variable).map(Zeroizing::new);
            let secret = read.map_err(|_| wrong("a variable with a secret is not set"));
            (secret, "variable", variable.clone())
        });
        let secrets = in_files.chain(in_variables).map(|(secret, what, name)| {
            let secret = secret.map_err(|error| error.with(what, &name))?;
            match secret.trim() {
                "" => Err(wrong("a secret is empty").with(what, &name)),
                secret => Ok(Zeroizing::new(secret.to_owned())),
            }
        });
        secrets.collect()
    }
}

impl Tokens for Settled {
    fn tokens(&self) -> Result<Vec<Zeroizing<String>>> {
        self.secrets()
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len() + self.variables.len();
        write!(f, "Settled({count} secrets)")
    }
}
