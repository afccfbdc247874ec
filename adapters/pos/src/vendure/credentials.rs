//! What opens the shop, and what opens our door to it.

use std::{env, fmt, fs, path::PathBuf};

use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

/// Where the staff member's password comes from; asked before every login, so that it may change.
pub trait Passwords: fmt::Debug + Send + Sync {
    /// The passwords to try, in order: while one changes there are two.
    ///
    /// # Errors
    /// Whatever keeps them from being had.
    fn passwords(&self) -> Result<Vec<Zeroizing<String>>>;
}

/// Secrets in files or in the environment, as settings say.
#[derive(Clone)]
pub(super) struct Settled {
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Settled {
    pub(super) fn new(files: &[PathBuf], variables: &[String]) -> Self {
        Self {
            files: files.to_vec(),
            variables: variables.to_vec(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.variables.is_empty()
    }

    /// The secrets, as they are now.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for one that cannot be read, or is empty.
    pub(super) fn secrets(&self) -> Result<Vec<Zeroizing<String>>> {
        let wrong = |message| Error::new(Kind::ConfigurationInvalid, message);
        let mut secrets = Vec::new();
        for file in &self.files {
            let text = fs::read_to_string(file)
                .map(Zeroizing::new)
                .map_err(|error| {
                    wrong("a file with a secret cannot be read")
                        .with("file", file.display())
                        .with("reason", error.kind())
                })?;
            secrets.push((text, "file", file.display().to_string()));
        }
        for variable in &self.variables {
            let text = env::var(variable).map(Zeroizing::new).map_err(|_| {
                wrong("a variable with a secret is not set").with("variable", variable)
            })?;
            secrets.push((text, "variable", variable.clone()));
        }
        let filled = secrets
            .into_iter()
            .map(|(text, what, name)| match text.trim() {
                "" => Err(wrong("a secret is empty").with(what, name)),
                text => Ok(Zeroizing::new(text.to_owned())),
            });
        filled.collect()
    }
}

impl Passwords for Settled {
    fn passwords(&self) -> Result<Vec<Zeroizing<String>>> {
        self.secrets()
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len() + self.variables.len();
        write!(f, "Settled({count} secrets)")
    }
}
