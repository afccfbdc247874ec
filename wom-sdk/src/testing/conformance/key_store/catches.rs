//! The suite sees what it is for: each of these key stores has one defect, and fails the named topic.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
};

use zeroize::Zeroizing;

use super::*;
use crate::{
    Result,
    privacy::{CallbackKeyStore, FileKeyStore, MemoryKeyStore, RootedKeyStore},
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    DestroyedStaysInOneHandle,
    EachHandleItsOwn,
    MadeAnew,
    NamesByPattern,
    NamesInAnyOrder,
    OneKeyForAllPurposes,
    PrintsItself,
}

/// A good key store, but for one defect.
struct Defective {
    keys: Arc<MemoryKeyStore>,
    defect: Defect,
    remembered: Mutex<BTreeMap<String, [u8; 32]>>,
}

impl KeyStore for Defective {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        if self.defect == Defect::MadeAnew && create {
            self.keys.destroy(name)?;
        }
        let mut remembered = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = remembered.get(name) {
            return Ok(Some(Zeroizing::new(*key)));
        }
        let key = self.keys.key(name, create)?;
        if let (Defect::DestroyedStaysInOneHandle, Some(key)) = (self.defect, &key) {
            remembered.insert(name.to_owned(), **key);
        }
        Ok(key)
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let mut names = self.keys.names(prefix)?;
        match self.defect {
            Defect::NamesInAnyOrder => names.reverse(),
            Defect::NamesByPattern => {
                names = self.keys.names("")?;
                let begin = prefix.split(['%', '_']).next().unwrap_or_default();
                names.retain(|name| name.starts_with(begin));
            }
            _ => {}
        }
        Ok(names)
    }

    fn destroy(&self, name: &str) -> Result<()> {
        self.keys.destroy(name)
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        match self.defect {
            Defect::OneKeyForAllPurposes => self.keys.purpose_key("all"),
            _ => self.keys.purpose_key(purpose),
        }
    }
}

impl std::fmt::Debug for Defective {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.defect == Defect::PrintsItself {
            let key = self.keys.key("canary", false).ok().flatten();
            write!(f, "{:?}", key.map(|key| *key))?;
        }
        f.write_str("Defective")
    }
}

struct Planted {
    keys: Arc<MemoryKeyStore>,
    defect: Defect,
}

impl Fixture for Planted {
    fn open(&self) -> Arc<dyn KeyStore> {
        let keys = match self.defect {
            Defect::EachHandleItsOwn => Arc::default(),
            _ => Arc::clone(&self.keys),
        };
        Arc::new(Defective {
            keys,
            defect: self.defect,
            remembered: Mutex::default(),
        })
    }
}

#[test]
fn each_defect_fails_its_topic() {
    type Topic = fn(&dyn Fixture);
    let all: [(Defect, Topic); 8] = [
        (
            Defect::DestroyedStaysInOneHandle,
            what_is_destroyed_is_gone_for_all,
        ),
        (
            Defect::EachHandleItsOwn,
            many_who_open_at_once_have_one_root,
        ),
        (Defect::EachHandleItsOwn, many_at_once_make_each_key_once),
        (Defect::MadeAnew, a_key_is_made_once_and_stays),
        (
            Defect::NamesByPattern,
            names_are_listed_by_their_beginning_in_order,
        ),
        (Defect::NamesInAnyOrder, epochs_are_found_and_end),
        (
            Defect::OneKeyForAllPurposes,
            every_purpose_has_a_key_of_its_own,
        ),
        (Defect::PrintsItself, nothing_secret_is_printed),
    ];
    for (defect, topic) in all {
        let planted = Planted {
            keys: Arc::default(),
            defect,
        };
        let run = AssertUnwindSafe(|| topic(&planted));
        assert!(catch_unwind(run).is_err(), "{defect:?} was not seen");
    }
}

#[derive(Default)]
struct InMemory(Arc<MemoryKeyStore>);

impl Fixture for InMemory {
    fn open(&self) -> Arc<dyn KeyStore> {
        self.0.clone()
    }
}

mod in_memory {
    crate::key_store_conformance!(super::InMemory::default());
}

struct InAFile(tempfile::TempDir);

impl InAFile {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl Fixture for InAFile {
    fn open(&self) -> Arc<dyn KeyStore> {
        let path = self.0.path().join("keys.json");
        Arc::new(FileKeyStore::open_or_create(path).unwrap())
    }
}

mod in_a_file {
    crate::key_store_conformance!(super::InAFile::new());
}

/// Behind callbacks, as a secrets manager with compare-and-swap would be.
#[derive(Default)]
struct Elsewhere(Arc<Mutex<Option<String>>>);

impl Fixture for Elsewhere {
    fn open(&self) -> Arc<dyn KeyStore> {
        let (load, save) = (Arc::clone(&self.0), Arc::clone(&self.0));
        let keys = CallbackKeyStore::open(
            move || Ok(load.lock().unwrap().clone()),
            move |before, after| {
                let mut held = save.lock().unwrap();
                if held.as_deref() != before {
                    let message = "changed meanwhile";
                    return Err(crate::Error::new(crate::Kind::StoreLocked, message));
                }
                *held = Some(after.to_owned());
                Ok(())
            },
        );
        Arc::new(keys.unwrap())
    }
}

mod behind_callbacks {
    crate::key_store_conformance!(super::Elsewhere::default());
}

/// Under a root from the environment.
#[derive(Default)]
struct Rooted(InMemory);

impl Fixture for Rooted {
    fn open(&self) -> Arc<dyn KeyStore> {
        let root = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        Arc::new(RootedKeyStore::new(root, self.0.open()).unwrap())
    }
}

mod under_a_root {
    crate::key_store_conformance!(super::Rooted::default());
}
