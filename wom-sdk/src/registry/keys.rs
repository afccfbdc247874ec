//! The Registry's key: fetched once, pinned, looked at again on a clear sign only.

use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout_at},
};

use super::{
    RegistryClient,
    client::{harmless, out_of_time},
    tries::{Repeat, Tries},
};
use crate::{Error, Kind, Result, protocol::PublicKey};

const PATH: &str = "v1/auth/key";

/// The key in use, and the fingerprint that the user demands.
#[derive(Debug)]
pub(super) struct Keys {
    /// Held while a key is fetched, so that all who need it wait for one fetch.
    current: Mutex<Option<PublicKey>>,
    pin: Option<String>,
}

impl Keys {
    pub(super) fn new(pin: Option<&str>, key: Option<PublicKey>) -> Result<Self> {
        let pin = pin.map(fingerprint).transpose()?;
        let given = key.as_ref().map(PublicKey::fingerprint);
        if pin.is_some() && given.is_some() && pin != given {
            return Err(Error::new(
                Kind::ConfigurationInvalid,
                "the Registry's key that was given is not the pinned one",
            ));
        }
        Ok(Self {
            current: Mutex::new(key),
            pin: pin.or(given),
        })
    }

    fn check(&self, key: &PublicKey) -> Result<()> {
        match &self.pin {
            Some(pin) if *pin != key.fingerprint() => Err(Error::new(
                Kind::RegistryKeyChanged,
                "the Registry shows another key than the pinned one",
            )
            .with("pinned", pin)
            .with("shown", key.fingerprint())
            .hint(
                "ask who runs the Registry, by another way, whether its key was changed; \
                 only then pin the new one",
            )),
            _ => Ok(()),
        }
    }
}

impl RegistryClient {
    /// The key in use, fetched if there is none yet.
    pub(super) async fn current_key(&self, ends: Instant) -> Result<PublicKey> {
        self.key_for(Repeat::Freely, ends).await
    }

    /// The key in use, for an operation that is tried again in this way.
    pub(super) async fn key_for(&self, repeat: Repeat, ends: Instant) -> Result<PublicKey> {
        let mut current = self.hold_key(ends).await?;
        if let Some(key) = &*current {
            return Ok(key.clone());
        }
        let key = self.fetch_key(repeat, ends).await?;
        self.keys().check(&key)?;
        Ok(current.insert(key).clone())
    }

    /// The key in use if it is another than the one that the Registry could not read; none if it
    /// is the same.
    pub(super) async fn newer_key(
        &self,
        refused: &PublicKey,
        repeat: Repeat,
        ends: Instant,
    ) -> Result<Option<PublicKey>> {
        let mut current = self.hold_key(ends).await?;
        if let Some(key) = &*current
            && key != refused
        {
            return Ok(Some(key.clone()));
        }
        let key = self.fetch_key(repeat, ends).await?;
        if key == *refused {
            return Ok(None);
        }
        self.keys().check(&key)?;
        tracing::warn!(
            registry = %self.address(),
            fingerprint = key.fingerprint(),
            "the Registry's key has changed"
        );
        Ok(Some(current.insert(key).clone()))
    }

    async fn hold_key(&self, ends: Instant) -> Result<MutexGuard<'_, Option<PublicKey>>> {
        timeout_at(ends, self.keys().current.lock())
            .await
            .map_err(|_| harmless(out_of_time(self.deadline())))
    }

    async fn fetch_key(&self, repeat: Repeat, ends: Instant) -> Result<PublicKey> {
        let read = |body: &[u8]| {
            let text = std::str::from_utf8(body)
                .map_err(|_| Error::new(Kind::KeyInvalid, "the key is not text"))?;
            PublicKey::from_pem(text)
        };
        // The key alone may be asked for as often as one likes; not more often than the caller does.
        let repeat = match repeat {
            Repeat::ByCaller => Repeat::ByCaller,
            Repeat::Freely | Repeat::Unsent => Repeat::Freely,
        };
        let mut tries = Tries::until(repeat, ends);
        self.fetch_within(&mut tries, PATH, read)
            .await
            .map_err(|error| harmless(error).with("operation", PATH))
    }
}

/// A fingerprint as people copy it.
fn fingerprint(text: &str) -> Result<String> {
    let digits: String = text
        .chars()
        .filter(|c| *c != ':' && !c.is_whitespace())
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(digits);
    }
    Err(Error::new(
        Kind::ConfigurationInvalid,
        "the pin is not a key's fingerprint",
    )
    .hint("a fingerprint has 64 hexadecimal digits: the SHA-256 of the key"))
}
