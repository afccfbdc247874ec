//! Sealing what is secret before it is stored.

use std::{collections::BTreeMap, fmt, sync::Arc, sync::Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{KeyStore, keyed};
use crate::{Error, Kind, Result, Timestamp};

const DAY_MS: i64 = 86_400_000;

/// Seals and opens with AES-256-GCM, under a key of each record's own. What is sealed opens under
/// the name of its record only.
///
/// The records' keys are derived from the key of the day on which they were sealed, and the days'
/// keys are the [`KeyStore`]'s own: once one is [destroyed](Self::forget_before), nothing that was
/// sealed on that day opens any more, whoever has a copy of the data base.
pub struct Sealer {
    keys: Arc<dyn KeyStore>,
    /// What the keys' names begin with.
    prefix: String,
    days: Mutex<BTreeMap<u32, DayKey>>,
}

type DayKey = Arc<Zeroizing<[u8; 32]>>;

impl Sealer {
    /// A sealer with the keys of this store, for one purpose: what was sealed for one does not open
    /// for another, and each is forgotten by itself.
    pub fn new(keys: Arc<dyn KeyStore>, purpose: &str) -> Self {
        Self {
            keys,
            prefix: format!("{purpose}/"),
            days: Mutex::default(),
        }
    }

    /// Seals something under the name of its record.
    pub fn seal(&self, name: &[u8], plain: &[u8], now: Timestamp) -> Result<Vec<u8>> {
        let day = u32::try_from(now.as_millis() / DAY_MS).unwrap_or(0);
        let key = self.day(day, true)?.ok_or_else(no_key)?;
        seal_with(&key, name, day.to_be_bytes().to_vec(), plain)
    }

    /// Opens what was sealed under this name.
    pub fn open(&self, name: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let (day, rest) = sealed.split_first_chunk::<4>().ok_or_else(no_key)?;
        let key = self
            .day(u32::from_be_bytes(*day), false)?
            .ok_or_else(no_key)?;
        open_with(&key, name, rest)
    }

    /// Destroys the keys of the days before this time: what was sealed then is gone for good, in
    /// every copy and backup. Returns how many there were.
    pub fn forget_before(&self, time: Timestamp) -> Result<u64> {
        let first = format!("{}{:08}", self.prefix, time.as_millis().max(0) / DAY_MS);
        let mut forgotten = 0;
        for name in self.keys.names(&self.prefix)? {
            if name < first {
                self.keys.destroy(&name)?;
                forgotten += 1;
            }
        }
        self.lock()?.clear();
        Ok(forgotten)
    }

    fn day(&self, day: u32, create: bool) -> Result<Option<DayKey>> {
        let mut days = self.lock()?;
        if let Some(key) = days.get(&day) {
            return Ok(Some(Arc::clone(key)));
        }
        let Some(key) = self.keys.key(&format!("{}{day:08}", self.prefix), create)? else {
            return Ok(None);
        };
        let key = Arc::new(key);
        days.insert(day, Arc::clone(&key));
        Ok(Some(key))
    }

    fn lock(&self) -> Result<std::sync::MutexGuard<'_, BTreeMap<u32, DayKey>>> {
        self.days
            .lock()
            .map_err(|_| Error::new(Kind::Internal, "a thread died while it held the keys"))
    }
}

/// Seals under a key of this record's own, and puts the result after what is there already.
pub(crate) fn seal_with(
    key: &[u8; 32],
    name: &[u8],
    mut sealed: Vec<u8>,
    plain: &[u8],
) -> Result<Vec<u8>> {
    let failed = || Error::new(Kind::Internal, "cannot seal a record");
    let mut nonce = [0; 12];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| failed())?;
    sealed.reserve_exact(nonce.len() + plain.len() + AES_256_GCM.tag_len());
    sealed.extend_from_slice(&nonce);
    let start = sealed.len();
    sealed.extend_from_slice(plain);
    let tag = record_key(key, name)?
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(name),
            &mut sealed[start..],
        )
        .map_err(|_| failed())?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(sealed)
}

/// Opens what [`seal_with`] sealed.
pub(crate) fn open_with(key: &[u8; 32], name: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (nonce, rest) = sealed.split_first_chunk::<12>().ok_or_else(no_key)?;
    let mut plain = Zeroizing::new(rest.to_vec());
    let length = record_key(key, name)?
        .open_in_place(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(name),
            &mut plain,
        )
        .map_err(|_| no_key())?
        .len();
    plain.truncate(length);
    Ok(plain)
}

fn record_key(day: &[u8; 32], name: &[u8]) -> Result<LessSafeKey> {
    let key = Zeroizing::new(keyed(day, &[name]));
    UnboundKey::new(&AES_256_GCM, &*key)
        .map(LessSafeKey::new)
        .map_err(|_| Error::new(Kind::Internal, "cannot make a sealing key"))
}

fn no_key() -> Error {
    Error::new(
        Kind::StoreMismatch,
        "a sealed record does not open with these keys",
    )
    .hint("restore the key store that belongs to this data base; what was forgotten stays so")
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::privacy::MemoryKeyStore;

    #[test]
    fn a_record_opens_under_its_name_with_its_keys_only() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let sealer = Sealer::new(Arc::new(MemoryKeyStore::default()), "award");
        let other = Sealer::new(Arc::new(MemoryKeyStore::default()), "award");
        let sealed = sealer.seal(b"one", b"the secret", now).unwrap();
        assert_eq!(**sealer.open(b"one", &sealed).unwrap(), *b"the secret");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        for refused in [
            sealer.open(b"two", &sealed),
            other.open(b"one", &sealed),
            sealer.open(b"one", &sealed[..20]),
            sealer.open(b"one", &[]),
        ] {
            assert_eq!(refused.unwrap_err().kind(), Kind::StoreMismatch);
        }
    }

    #[test]
    fn a_day_that_was_forgotten_opens_no_more() {
        let day = |n| Timestamp::from_millis(n * DAY_MS + 5);
        let keys = Arc::new(MemoryKeyStore::default());
        let sealer = Sealer::new(keys.clone(), "award");
        let sealed: Vec<_> = (20_000..20_003)
            .map(|n| sealer.seal(b"r", b"secret", day(n)).unwrap())
            .collect();
        assert_eq!(sealer.forget_before(day(20_002)).unwrap(), 2);
        assert_eq!(sealer.forget_before(day(20_002)).unwrap(), 0);
        for sealer in [sealer, Sealer::new(keys, "award")] {
            assert!(sealer.open(b"r", &sealed[0]).is_err());
            assert!(sealer.open(b"r", &sealed[1]).is_err());
            assert!(sealer.open(b"r", &sealed[2]).is_ok());
        }
    }
}
