//! The key of an award: equal keys are one award, for ever.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Payment;
use crate::privacy::Participant;

/// Which instrument awards, at which Registry: development never mixes with production.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Identity {
    /// The Registry's base address, before `/api`.
    pub registry: String,
    /// The instrument's source id.
    pub source: String,
}

/// A digest that names one award. Holds nothing of a person or of the caller's own key.
#[derive(Clone, Copy, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct AwardKey(pub [u8; 32]);

impl AwardKey {
    /// The key of an award that the caller names itself.
    pub fn direct(identity: &Identity, key: &str) -> Self {
        Self::of(&[
            b"direct/1",
            identity.registry.as_bytes(),
            identity.source.as_bytes(),
            key.as_bytes(),
        ])
    }

    /// The key of the award that these payments of one participant's accounts make up. A payment
    /// is named by line, unit and number, so that the same ones can never be awarded twice.
    pub fn of_payments(
        identity: &Identity,
        campaign: &str,
        participant: &Participant,
        payments: &[Payment],
    ) -> Self {
        let names: Vec<_> = payments
            .iter()
            .map(|payment| (payment.unit.to_string(), payment.n.to_be_bytes()))
            .collect();
        let mut parts: Vec<&[u8]> = vec![
            b"payments/1",
            identity.registry.as_bytes(),
            identity.source.as_bytes(),
            campaign.as_bytes(),
            &participant.0,
        ];
        for (payment, (unit, n)) in payments.iter().zip(&names) {
            parts.extend([payment.line.as_bytes(), unit.as_bytes(), n]);
        }
        Self::of(&parts)
    }

    /// The key whose hexadecimal form this is.
    pub fn from_hex(text: &str) -> Option<Self> {
        crate::hex::decode(text).map(Self)
    }

    /// Lower-case hexadecimal.
    pub fn to_hex(self) -> String {
        crate::hex::encode(&self.0)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

impl fmt::Debug for AwardKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwardKey({}…)", &self.to_hex()[..8])
    }
}
