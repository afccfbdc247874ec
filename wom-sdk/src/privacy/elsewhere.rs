//! Key stores that are no file of ours: one behind callbacks, and one derived from a root alone.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

use super::{
    KeyStore,
    key_store::{Keys, Stored},
    keyed,
};
use crate::{Error, Kind, Result};

/// Keys that the embedder keeps: in a secrets manager, a keychain, a data base of its own.
///
/// All keys are one text. `save` replaces what `load` gives, durably, before it returns; it is told
/// what the text was before, and must refuse ([`Kind::StoreLocked`]) if somebody else has changed it
/// meanwhile: then it is loaded and tried again.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use wom_sdk::privacy::{CallbackKeyStore, KeyStore};
///
/// let safe = Arc::new(Mutex::new(None::<String>));
/// let (load, save) = (Arc::clone(&safe), safe);
/// let keys = CallbackKeyStore::open(
///     move || Ok(load.lock().unwrap().clone()),
///     move |_before, after| {
///         *save.lock().unwrap() = Some(after.to_owned());
///         Ok(())
///     },
/// )?;
/// assert!(keys.key("epoch/walk/2026-03", true)?.is_some());
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub struct CallbackKeyStore {
    load: Box<Load>,
    save: Box<Save>,
    turn: Mutex<()>,
}

type Load = dyn Fn() -> Result<Option<String>> + Send + Sync;
type Save = dyn Fn(Option<&str>, &str) -> Result<()> + Send + Sync;

impl CallbackKeyStore {
    /// How often somebody else may change the keys between load and save.
    const TRIES: usize = 16;

    /// Opens the keys, or makes them where `load` gives none.
    pub fn open(
        load: impl Fn() -> Result<Option<String>> + Send + Sync + 'static,
        save: impl Fn(Option<&str>, &str) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let store = Self {
            load: Box::new(load),
            save: Box::new(save),
            turn: Mutex::default(),
        };
        store.change(|_| Ok(()))?;
        Ok(store)
    }

    fn keys(&self) -> Result<Keys> {
        let text = (self.load)()?.map(Zeroizing::new);
        let text = text.ok_or_else(|| {
            Error::new(Kind::KeyInvalid, "the keys are gone").hint(
                "restore them from their backup; new ones cannot open what the old ones sealed",
            )
        })?;
        Keys::from_text(text.as_bytes())
    }

    fn change(&self, change: impl Fn(&mut Keys) -> Result<()>) -> Result<Keys> {
        let _turn = self.turn()?;
        let mut last = None;
        for _ in 0..Self::TRIES {
            let before = (self.load)()?.map(Zeroizing::new);
            let mut keys = match &before {
                Some(text) => Keys::from_text(text.as_bytes())?,
                None => Keys::random()?,
            };
            change(&mut keys)?;
            let after = keys.to_text()?;
            let before = before.as_ref().map(|text| text.as_str());
            if before == Some(&*after) {
                return Ok(keys);
            }
            match (self.save)(before, &after) {
                Ok(()) => return Ok(keys),
                Err(error) if error.kind() == Kind::StoreLocked => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(Kind::StoreLocked, "others keep changing the keys")))
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        self.turn
            .lock()
            .map_err(|_| Error::new(Kind::Internal, "a thread died while it held the keys"))
    }
}

impl KeyStore for CallbackKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Stored>> {
        let found = self.keys()?.key(name)?;
        if found.is_some() || !create {
            return Ok(found);
        }
        self.change(|keys| keys.add(name))?.key(name)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.keys()?.names(prefix))
    }

    fn destroy(&self, name: &str) -> Result<()> {
        self.change(|keys| {
            keys.remove(name);
            Ok(())
        })
        .map(drop)
    }

    fn purpose_key(&self, purpose: &str) -> Result<Stored> {
        self.keys()?.purpose_key(purpose)
    }
}

impl fmt::Debug for CallbackKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKeyStore(redacted)")
    }
}

/// A root key from elsewhere (a secret of the container, given by an environment variable), with
/// the other keys in a [`KeyStore`] that is worth nothing without it.
///
/// A thief of the file alone makes no pseudonym and opens no code; a thief of the root alone
/// neither. Keys are destroyed where they are kept, so that forgetting works as always.
pub struct RootedKeyStore {
    root: Zeroizing<[u8; 32]>,
    rest: Arc<dyn KeyStore>,
}

impl RootedKeyStore {
    /// The root: 32 bytes or more, in base64, as `head -c 32 /dev/urandom | base64` gives them.
    pub fn new(root: &str, rest: Arc<dyn KeyStore>) -> Result<Self> {
        let bytes = BASE64_STANDARD.decode(root.trim()).map(Zeroizing::new);
        let bytes = bytes
            .ok()
            .filter(|bytes| bytes.len() >= 32)
            .ok_or_else(|| {
                Error::new(
                    Kind::KeyInvalid,
                    "the root key is not 32 bytes or more in base64",
                )
                .hint("make one with: head -c 32 /dev/urandom | base64")
            })?;
        let root = Zeroizing::new(keyed(&[0; 32], &[b"root/1", &bytes]));
        Ok(Self { root, rest })
    }

    /// The root from an environment variable such as `WOM_ROOT_KEY`.
    pub fn from_env(variable: &str, rest: Arc<dyn KeyStore>) -> Result<Self> {
        let text = std::env::var(variable).map(Zeroizing::new).map_err(|_| {
            Error::new(Kind::ConfigurationInvalid, "the root key is not there")
                .with("variable", variable.escape_default())
                .hint("set the environment variable for this process alone")
        })?;
        Self::new(&text, rest).map_err(|error| error.with("variable", variable.escape_default()))
    }

    fn under_root(&self, key: &Stored) -> Stored {
        Zeroizing::new(keyed(&self.root, &[b"under/1", &**key]))
    }
}

impl KeyStore for RootedKeyStore {
    fn key(&self, name: &str, create: bool) -> Result<Option<Stored>> {
        let key = self.rest.key(name, create)?;
        Ok(key.map(|key| self.under_root(&key)))
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        self.rest.names(prefix)
    }

    fn destroy(&self, name: &str) -> Result<()> {
        self.rest.destroy(name)
    }

    fn purpose_key(&self, purpose: &str) -> Result<Stored> {
        let key = self.rest.purpose_key(purpose)?;
        Ok(self.under_root(&key))
    }
}

impl fmt::Debug for RootedKeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootedKeyStore({:?})", self.rest)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::privacy::MemoryKeyStore;

    #[test]
    fn callbacks_keep_the_keys_and_two_at_once_agree() {
        let safe = Arc::new(Mutex::new(None::<String>));
        let races = Arc::new(AtomicU32::new(0));
        let open = || {
            let (load, save, races) = (Arc::clone(&safe), Arc::clone(&safe), Arc::clone(&races));
            CallbackKeyStore::open(
                move || Ok(load.lock().unwrap().clone()),
                move |before, after| {
                    let mut held = save.lock().unwrap();
                    // Every third time somebody else was faster.
                    let lost = races.fetch_add(1, Ordering::SeqCst) % 3 == 2;
                    if lost || held.as_deref() != before {
                        return Err(Error::new(Kind::StoreLocked, "changed meanwhile"));
                    }
                    *held = Some(after.to_owned());
                    Ok(())
                },
            )
            .unwrap()
        };
        let (one, two) = (open(), open());
        assert_eq!(one.fingerprint().unwrap(), two.fingerprint().unwrap());
        let key = one.key("a/1", true).unwrap().unwrap();
        assert_eq!(two.key("a/1", false).unwrap().unwrap(), key);
        two.key("a/2", true).unwrap();
        assert_eq!(one.names("a/").unwrap(), ["a/1", "a/2"]);
        one.destroy("a/1").unwrap();
        assert!(two.key("a/1", false).unwrap().is_none());
        let held = safe.lock().unwrap().clone().unwrap();
        assert!(!held.contains(&BASE64_STANDARD.encode(*key)));
        assert!(!format!("{one:?}").contains("a/"));
    }

    #[test]
    fn under_another_root_all_keys_are_others() {
        let rest = Arc::new(MemoryKeyStore::default());
        let root = |n: u8| BASE64_STANDARD.encode([n; 32]);
        let open = |n| RootedKeyStore::new(&root(n), Arc::clone(&rest) as _).unwrap();
        let (one, again, other) = (open(1), open(1), open(2));
        let key = |keys: &RootedKeyStore| keys.key("a", true).unwrap().unwrap();
        assert_eq!(key(&one), key(&again));
        assert_ne!(key(&one), key(&other));
        assert_ne!(key(&one), rest.key("a", false).unwrap().unwrap());
        assert_ne!(one.fingerprint().unwrap(), other.fingerprint().unwrap());
        one.destroy("a").unwrap();
        assert!(other.key("a", false).unwrap().is_none());
        let refused = RootedKeyStore::new("c2hvcnQ=", rest).unwrap_err();
        assert_eq!(refused.kind(), Kind::KeyInvalid);
        assert!(!refused.to_string().contains("c2hvcnQ="));
    }
}
