//! What opens a system: passwords and tokens in files or in the environment.

use std::{env, fmt, fs, path::PathBuf};

use wom_sdk::{Error, Kind, Result};
use zeroize::Zeroizing;

/// Where secrets come from; asked for before each use, so that they may change.
pub trait Credentials: fmt::Debug + Send + Sync {
    /// The secrets to try, in order: while one changes there are two.
    ///
    /// # Errors
    /// Whatever keeps them from being had.
    fn secrets(&self) -> Result<Vec<Zeroizing<String>>>;
}

/// Where secrets are, as settings say. While one changes there are two: they are tried in order.
#[derive(Clone)]
pub struct Secrets {
    files: Vec<PathBuf>,
    variables: Vec<String>,
}

impl Secrets {
    /// Secrets in these files and variables; `None` where there are neither.
    pub fn named(files: &[PathBuf], variables: &[String]) -> Option<Self> {
        (!files.is_empty() || !variables.is_empty()).then(|| Self {
            files: files.to_vec(),
            variables: variables.to_vec(),
        })
    }
}

impl Credentials for Secrets {
    /// The secrets, as they are now, without the end of their line.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] for one that cannot be read or is blank, by the name of its file
    /// or variable.
    fn secrets(&self) -> Result<Vec<Zeroizing<String>>> {
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
            match secret.trim().is_empty() {
                true => Err(wrong("a secret is empty").with(what, &name)),
                false => Ok(Zeroizing::new(
                    secret.trim_end_matches(['\r', '\n']).to_owned(),
                )),
            }
        });
        secrets.collect()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.files.len() + self.variables.len();
        write!(f, "Secrets({count})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_anew_each_time_and_named_where_they_cannot_be() {
        assert!(Secrets::named(&[], &[]).is_none());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let secrets = Secrets::named(std::slice::from_ref(&file), &[]).unwrap();
        let missing = secrets.secrets().unwrap_err();
        assert_eq!(missing.kind(), Kind::ConfigurationInvalid);
        assert!(missing.to_string().contains("token"));
        fs::write(&file, " \n").unwrap();
        assert!(secrets.secrets().is_err());
        for secret in ["one", "two "] {
            fs::write(&file, format!("{secret}\r\n")).unwrap();
            assert_eq!(*secrets.secrets().unwrap()[0], secret);
        }
        let unset = Secrets::named(&[], &["WOM_TEST_NOT_SET".to_owned()]).unwrap();
        assert!(
            unset
                .secrets()
                .unwrap_err()
                .to_string()
                .contains("variable")
        );
        assert_eq!(format!("{secrets:?}"), "Secrets(1)");
    }
}
