//! Keys that a seed decides: the same pseudonyms in every run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use wom_sdk::{Digest, Result, privacy::KeyStore};
use zeroize::Zeroizing;

use super::world::lock;

/// The key store of a run. It survives every process; what is destroyed stays destroyed.
#[derive(Debug)]
pub(super) struct SeededKeys {
    seed: u64,
    /// How often a key of this name was made, and which are there.
    made: Mutex<(BTreeMap<String, u64>, BTreeSet<String>)>,
}

impl SeededKeys {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            made: Mutex::default(),
        }
    }

    fn derive(&self, name: &str, generation: u64) -> Zeroizing<[u8; 32]> {
        let half = |half: u8| {
            Digest::of([
                self.seed.to_be_bytes().as_slice(),
                &generation.to_be_bytes(),
                name.as_bytes(),
                &[half],
            ])
        };
        let mut key = Zeroizing::new([0; 32]);
        key[..16].copy_from_slice(&half(0).0);
        key[16..].copy_from_slice(&half(1).0);
        key
    }
}

impl KeyStore for SeededKeys {
    fn key(&self, name: &str, create: bool) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let (generations, there) = &mut *lock(&self.made);
        if !there.contains(name) {
            if !create {
                return Ok(None);
            }
            there.insert(name.to_owned());
            *generations.entry(name.to_owned()).or_default() += 1;
        }
        Ok(Some(self.derive(name, generations[name])))
    }

    fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let (_, there) = &*lock(&self.made);
        Ok(there
            .iter()
            .filter(|name| name.starts_with(prefix))
            .cloned()
            .collect())
    }

    fn destroy(&self, name: &str) -> Result<()> {
        lock(&self.made).1.remove(name);
        Ok(())
    }

    fn purpose_key(&self, purpose: &str) -> Result<Zeroizing<[u8; 32]>> {
        Ok(self.derive(purpose, 0))
    }
}
