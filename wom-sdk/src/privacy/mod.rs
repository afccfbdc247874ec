//! The person stays unknown: pseudonyms with keys that can be destroyed, sealed secrets, and
//! times and places that are coarse.

mod coarse;
mod key_store;
mod seal;

pub use coarse::{Precision, cell_centre};
pub use key_store::{Epoch, FileKeyStore, KeyStore, Keys, MemoryKeyStore};
pub use seal::Sealer;

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::{Digest, Subject};

/// Who, by a keyed pseudonym that holds for one campaign and one [`Epoch`]. Without the epoch's
/// key nobody can tell whose it is, nor which pseudonyms of two epochs are the same person's.
///
/// The first bytes tell the epoch, so that everything of an epoch can be found and forgotten.
#[derive(Clone, Copy, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Participant(pub [u8; 32]);

impl Participant {
    /// The pseudonym of a subject under an epoch's key. The subject's bytes count as they stand:
    /// the adapter brings ids into one form.
    pub fn of(subject: &Subject, key: &EpochKey) -> Self {
        let name = subject.namespace().as_bytes();
        let mut bytes = key.mac(&[b"participant/1", name, subject.reveal().as_bytes()]);
        bytes[..3].copy_from_slice(&key.epoch.to_bytes());
        Self(bytes)
    }

    /// The epoch that the pseudonym holds for.
    pub fn epoch(self) -> Epoch {
        let [a, b, c, ..] = self.0;
        Epoch::from_bytes([a, b, c])
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Participant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Participant(redacted)")
    }
}

/// The secret key of one epoch of one campaign.
#[derive(Clone, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct EpochKey {
    #[zeroize(skip)]
    epoch: Epoch,
    key: [u8; 32],
}

impl EpochKey {
    /// The digest that stands for a device or a record within the epoch.
    pub fn digest(&self, digest: Digest) -> Digest {
        let mac = self.mac(&[b"digest/1", &digest.0]);
        let mut short = [0; 16];
        short.copy_from_slice(&mac[..16]);
        Digest(short)
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
