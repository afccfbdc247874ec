//! What the messages of shops have in common: they are signed, and only say which order to read.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use wom_sdk::{
    Error, Kind, Result,
    instrument::{Hint, Received, Reply, Request},
    webhook::{self, Scheme, Secret, Verified},
};

/// The longest body; one with a large order has some hundred kilobytes.
const LONGEST: usize = 4 << 20;

/// Where a shop's messages come in.
pub(crate) struct Door {
    scheme: Scheme,
    secrets: Vec<Secret>,
}

impl Door {
    /// With the secrets in these files and variables; none means that every call is refused.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] or [`Kind::KeyInvalid`] if one cannot be had.
    pub(crate) fn new(scheme: Scheme, files: &[PathBuf], variables: &[String]) -> Result<Self> {
        let in_files = files.iter().map(|file| scheme.secret_from_file(file));
        let in_variables = variables.iter().map(|name| scheme.secret_from_env(name));
        let secrets = in_files.chain(in_variables).collect::<Result<_>>()?;
        Ok(Self { scheme, secrets })
    }

    /// Takes a message that is signed, and reads which order it is about: `None` if about none.
    pub(crate) fn receive(
        &self,
        request: &Request<'_>,
        order: impl FnOnce(&[u8]) -> Result<Option<String>, ()>,
    ) -> Received {
        let (headers, body, now) = (request.headers, request.body, request.received_at);
        let verified = webhook::verify(&self.scheme, headers, body, &self.secrets, now);
        match verified.map(Verified::message) {
            Err(error) => return Received::refuse(401, error),
            Ok(None) => return Received::answer(Reply::status(200)),
            Ok(Some(_)) => {}
        }
        match order(body) {
            Ok(Some(order)) => Received::read(Reply::status(200), Hint(order)),
            Ok(None) => Received::answer(Reply::status(200)),
            Err(()) => Received::refuse(400, misunderstood()),
        }
    }
}

/// A message in JSON.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ()> {
    if body.len() > LONGEST {
        return Err(());
    }
    serde_json::from_slice(body).map_err(|_| ())
}

fn misunderstood() -> Error {
    Error::new(
        Kind::PayloadInvalid,
        "the message is signed, but no event in JSON",
    )
}
