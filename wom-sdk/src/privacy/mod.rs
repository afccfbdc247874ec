//! The person stays unknown: pseudonyms with keys that can be destroyed, sealed secrets, and
//! times and places that are coarse.

mod coarse;
mod elsewhere;
mod epoch;
mod key_file;
mod key_store;
mod seal;

pub use coarse::{Precision, cell_centre};
pub use elsewhere::{CallbackKeyStore, RootedKeyStore};
pub use epoch::Epoch;
pub use key_file::FileKeyStore;
pub use key_store::{KeyStore, Keys, MemoryKeyStore, purpose_key, random_key};
pub use seal::Sealer;
pub(crate) use seal::{open_with, seal_with};

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Digest, Result, Subject};

/// Who, by a keyed pseudonym that holds for one campaign and one [`Epoch`]. Without the epoch's
/// key nobody can tell whose it is, nor which pseudonyms of two epochs are the same person's.
///
/// The first bytes tell its [`Cohort`], so that everything of an epoch can be found and forgotten.
#[derive(Clone, Copy, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Participant(pub [u8; 32]);

impl Participant {
    /// The pseudonym of a subject under an epoch's key. The subject's bytes count as they stand:
    /// the adapter brings ids into one form.
    pub fn of(subject: &Subject, key: &EpochKey) -> Self {
        let name = subject.namespace().as_bytes();
        let mut bytes = key.mac(&[b"participant/1", name, subject.reveal().as_bytes()]);
        bytes[..7].copy_from_slice(&key.cohort().0);
        Self(bytes)
    }

    /// Everybody of the same campaign and epoch.
    pub fn cohort(self) -> Cohort {
        let [a, b, c, d, e, f, g, ..] = self.0;
        Cohort([a, b, c, d, e, f, g])
    }

    /// The epoch that the pseudonym holds for.
    pub fn epoch(self) -> Epoch {
        let [a, b, c, ..] = self.0;
        Epoch::from_bytes([a, b, c])
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        crate::hex::encode(&self.0)
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Participant(redacted)")
    }
}

/// Everybody of one campaign in one epoch: what the pseudonyms of one key have in common. The
/// first three bytes tell the epoch, the others are a digest of the campaign's name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Cohort(pub [u8; 7]);

impl Cohort {
    /// The cohort of a campaign in an epoch.
    pub fn new(campaign: &str, epoch: Epoch) -> Self {
        let [a, b, c] = epoch.to_bytes();
        let [d, e, f, g, ..] = Digest::of([b"cohort/1".as_slice(), campaign.as_bytes()]).0;
        Self([a, b, c, d, e, f, g])
    }
}

/// The secret key of one epoch of one campaign.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct EpochKey {
    #[zeroize(skip)]
    cohort: Cohort,
    key: [u8; 32],
}

impl EpochKey {
    fn new(cohort: Cohort, key: [u8; 32]) -> Self {
        Self { cohort, key }
    }

    /// Whose pseudonyms it makes.
    pub fn cohort(&self) -> Cohort {
        self.cohort
    }

    /// The digest that stands for a device or a record within the epoch.
    pub fn digest(&self, digest: Digest) -> Digest {
        let mac = self.mac(&[b"digest/1", &digest.0]);
        let mut short = [0; 16];
        short.copy_from_slice(&mac[..16]);
        Digest(short)
    }

    /// Seals what is kept about a participant; it is gone for good when the epoch's key is.
    pub(crate) fn seal(&self, participant: Participant, plain: &[u8]) -> Result<Vec<u8>> {
        seal::seal_with(&self.mac(&[b"seal/1"]), &participant.0, Vec::new(), plain)
    }

    /// Opens what was sealed about a participant.
    pub(crate) fn open(
        &self,
        participant: Participant,
        sealed: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        seal::open_with(&self.mac(&[b"seal/1"]), &participant.0, sealed)
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        keyed(&self.key, parts)
    }
}

impl fmt::Debug for EpochKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochKey(redacted)")
    }
}

/// HMAC-SHA256 over parts with their lengths, so that no two lists of parts look alike.
fn keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_differ_by_person_namespace_campaign_and_epoch() {
        let keys = MemoryKeyStore::default();
        let key = |campaign, month| {
            let epoch = Epoch::month(2026, month);
            keys.epoch_key(campaign, epoch, true).unwrap().unwrap()
        };
        let subject = |namespace: &'static str, id| Subject::new(namespace, id).unwrap();
        let all = [
            Participant::of(&subject("lms", "anna"), &key("a", 1)),
            Participant::of(&subject("lms", "anna2"), &key("a", 1)),
            Participant::of(&subject("lmsa", "nna"), &key("a", 1)),
            Participant::of(&subject("lms", "anna"), &key("b", 1)),
            Participant::of(&subject("lms", "anna"), &key("a", 2)),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(
            all[0],
            Participant::of(&subject("lms", "anna"), &key("a", 1))
        );
    }
}
