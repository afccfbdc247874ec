//! Where secret keys live: outside the data base, so that a thief of one has not the other.

use std::{collections::BTreeMap, fmt, sync::Mutex};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{Cohort, Epoch, EpochKey, keyed};
use crate::{Error, Kind, Result};

/// Keeps the root key, and keys by name that can be destroyed one by one.
pub trait KeyStore: fmt::Debug + Send + Sync {
    /// The key of this name. Without `create`, `None` where there is none: it was never made, or it
    /// was destroyed. A new key is durable before it is returned.
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>>;

    /// The names that begin so, in alphabetical order.
    fn names(&self, prefix: &str) -> Result<Vec<String>>;

    /// Destroys a key: when this returns, nobody can have it again. One that is not there is no
    /// error; a key store that cannot destroy answers [`Kind::Unsupported`].
    fn destroy(&self, name: &str) -> Result<()>;

    /// A key for one purpose, derived from the root.
    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>>;

    /// The key of an epoch, as [`key`](Self::key).
    fn epoch_key(&self, campaign: &str, epoch: Epoch, create: bool) -> Result<Option<EpochKey>> {
        let key = self.key(&epoch_name(campaign, epoch), create)?;
        Ok(key.map(|key| EpochKey::new(Cohort::new(campaign, epoch), *key)))
    }

    /// The epochs of a campaign that have a key.
    fn epochs(&self, campaign: &str) -> Result<Vec<Epoch>> {
        let prefix = format!("epoch/{campaign}/");
        let epoch = |name: &String| name.strip_prefix(&prefix)?.parse().ok();
        Ok(self.names(&prefix)?.iter().filter_map(epoch).collect())
    }

    /// Destroys the key of an epoch: its pseudonyms can be made by nobody any more.
    fn destroy_epoch(&self, campaign: &str, epoch: Epoch) -> Result<()> {
        self.destroy(&epoch_name(campaign, epoch))
    }

    /// A name for the root key that tells nothing about it: a store remembers it and refuses to
    /// work with the keys of another.
    fn fingerprint(&self) -> Result<String> {
        let key = self.purpose_key("fingerprint/1")?;
        Ok(crate::hex::encode(&key[..8]))
    }
}

fn epoch_name(campaign: &str, epoch: Epoch) -> String {
    format!("epoch/{campaign}/{epoch}")
}

/// A key, wiped when it is dropped.
pub(super) type Stored = Zeroizing<[u8; 32]>;

/// The keys themselves.
#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    #[zeroize(skip)]
    version: u32,
    root: String,
    /// By name, such as `epoch/walk/2026-03`.
    #[zeroize(skip)]
    named: BTreeMap<String, String>,
}

impl Keys {
    pub(super) fn random() -> Result<Self> {
        Ok(Self {
            version: 1,
            root: encode(&*random_key()?),
            named: BTreeMap::new(),
        })
    }

    pub(super) fn key(&self, name: &str) -> Result<Option<Stored>> {
        self.named.get(name).map(|text| decode(text)).transpose()
    }

    pub(super) fn names(&self, prefix: &str) -> Vec<String> {
        let all = self.named.keys();
        all.filter(|name| name.starts_with(prefix))
            .cloned()
            .collect()
    }

    pub(super) fn add(&mut self, name: &str) -> Result<()> {
        if !self.named.contains_key(name) {
            self.named.insert(name.to_owned(), encode(&*random_key()?));
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) {
        if let Some(mut key) = self.named.remove(name) {
            key.zeroize();
        }
    }

    /// The keys as they are kept.
    pub(super) fn to_text(&self) -> Result<Zeroizing<String>> {
        serde_json::to_string_pretty(self)
            .map(Zeroizing::new)
            .map_err(|_| Error::new(Kind::Internal, "cannot write the keys"))
    }

    /// Reads the keys as they are kept.
    pub(super) fn from_text(text: &[u8]) -> Result<Self> {
        let keys: Self = serde_json::from_slice(text).map_err(|_| {
            Error::new(Kind::KeyInvalid, "this is not a key store")
                .hint("restore it from its backup; a new one cannot open what the old one sealed")
        })?;
        if keys.version != 1 {
            return Err(
                Error::new(Kind::StoreMismatch, "the key store is of a newer version")
                    .hint("use the newer wom-sdk that wrote it"),
            );
        }
        decode(&keys.root)?;
        Ok(keys)
    }

    pub(super) fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        Ok(purpose_key(&*decode(&self.root)?, purpose))
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} names, redacted)", self.named.len())
    }
}

/// Keys in memory, for tests and for what need not outlive the process.
#[derive(Debug)]
pub struct MemoryKeyStore(Mutex<Keys>);

impl Default for MemoryKeyStore {
    fn default() -> Self {
        // Without randomness from the operating system nothing here can be safe.
        let keys = Keys::random().expect("the operating system gives random bytes");
        Self(Mutex::new(keys))
    }
}

impl KeyStore for MemoryKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let mut keys = lock(&self.0)?;
        if create {
            keys.add(name)?;
        }
        keys.key(name)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(lock(&self.0)?.names(prefix))
    }

    fn destroy(&self, name: &str) -> Result<()> {
        lock(&self.0)?.remove(name);
        Ok(())
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        lock(&self.0)?.purpose_key(purpose)
    }
}

pub(super) fn lock<T>(keys: &Mutex<T>) -> Result<std::sync::MutexGuard<'_, T>> {
    keys.lock()
        .map_err(|_| Error::new(Kind::Internal, "a thread died while it held the keys"))
}

/// The key for one purpose that a root key makes: what a [`KeyStore`] of one's own answers.
pub fn purpose_key(root: &[u8; 32], purpose: &str) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(keyed(root, &[b"purpose/1", purpose.as_bytes()]))
}

/// A new key, from the operating system's random bytes.
pub fn random_key() -> Result<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *key)
        .map_err(|_| Error::new(Kind::Internal, "the operating system gives no random bytes"))?;
    Ok(key)
}

fn encode(key: &[u8]) -> String {
    BASE64_STANDARD.encode(key)
}

fn decode(text: &str) -> Result<Zeroizing<[u8; 32]>> {
    let bytes = BASE64_STANDARD.decode(text).map(Zeroizing::new).ok();
    bytes
        .and_then(|bytes| bytes.as_slice().try_into().ok())
        .map(Zeroizing::new)
        .ok_or_else(|| {
            Error::new(Kind::KeyInvalid, "a key in the key store is damaged")
                .hint("restore the key store from its backup")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_printed() {
        let store = MemoryKeyStore::default();
        let root = store.0.lock().unwrap().root.clone();
        assert!(!format!("{store:?}").contains(&root[..8]));
    }
}
