//! What opens an LRS.

use std::{fmt, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use wom_http::{Credentials as _, Secrets};
use wom_sdk::Result;
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
    secrets: Secrets,
}

impl Settled {
    /// `None` if the settings name none.
    pub(super) fn new(
        username: Option<&String>,
        files: &[PathBuf],
        variables: &[String],
    ) -> Option<Self> {
        Some(Self {
            username: username.cloned(),
            secrets: Secrets::named(files, variables)?,
        })
    }

    /// Basic with a user name, Bearer without.
    fn authorization(&self, secret: &str) -> Zeroizing<String> {
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
        let secrets = self.secrets.secrets()?;
        Ok(secrets.iter().map(|it| self.authorization(it)).collect())
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.secrets.fmt(f)
    }
}
