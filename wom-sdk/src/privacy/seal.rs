//! Sealing what is secret before it is stored.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{KeyStore, keyed};
use crate::{Error, Kind, Result, award::Ticket, protocol::Pin};

/// Seals and opens tickets with AES-256-GCM, under a key of each record's own that is derived
/// from the key store's root. A sealed ticket opens under the name of its award or checkout only.
pub struct Sealer(Zeroizing<[u8; 32]>);

impl Sealer {
    /// A sealer with the keys of this store.
    pub fn new(keys: &dyn KeyStore) -> Result<Self> {
        Ok(Self(keys.purpose_key("seal/1")?))
    }

    /// Seals a ticket under the name of its award or checkout.
    pub fn seal(&self, name: &[u8; 32], ticket: &Ticket) -> Result<Vec<u8>> {
        let plain = Plain {
            otc: ticket.otc.reveal(),
            pin: ticket.pin.reveal().to_owned(),
            link: ticket.link.reveal().to_owned(),
            minutes: ticket.minutes,
        };
        let failed = || Error::new(Kind::Internal, "cannot seal a ticket");
        let mut sealed = Zeroizing::new(serde_json::to_vec(&plain).map_err(|_| failed())?);
        let mut nonce = [0; 12];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| failed())?;
        let tag = self
            .key(name)?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(name),
                &mut sealed,
            )
            .map_err(|_| failed())?;
        Ok([&nonce, sealed.as_slice(), tag.as_ref()].concat())
    }

    /// Opens what was sealed under this name.
    pub fn open(&self, name: &[u8; 32], sealed: &[u8]) -> Result<Ticket> {
        let failed = || {
            Error::new(
                Kind::StoreMismatch,
                "a sealed code does not open with these keys",
            )
            .hint("restore the key store that belongs to this data base")
        };
        let (nonce, rest) = sealed.split_first_chunk::<12>().ok_or_else(failed)?;
        let mut plain = Zeroizing::new(rest.to_vec());
        let plain = self
            .key(name)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(name),
                &mut plain,
            )
            .map_err(|_| failed())?;
        let plain: Plain = serde_json::from_slice(plain).map_err(|_| failed())?;
        Ok(Ticket {
            otc: plain.otc.parse().map_err(|_| failed())?,
            pin: Pin::from_registry(&plain.pin).map_err(|_| failed())?,
            link: plain.link.clone().into(),
            minutes: plain.minutes,
        })
    }

    fn key(&self, name: &[u8; 32]) -> Result<LessSafeKey> {
        let key = Zeroizing::new(keyed(&self.0, &[name]));
        UnboundKey::new(&AES_256_GCM, &*key)
            .map(LessSafeKey::new)
            .map_err(|_| Error::new(Kind::Internal, "cannot make a sealing key"))
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

#[derive(Deserialize, Serialize, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
struct Plain {
    otc: String,
    pin: String,
    link: String,
    minutes: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{privacy::MemoryKeyStore, protocol::Otc};

    #[test]
    fn a_ticket_opens_under_its_name_with_its_keys_only() {
        let ticket = Ticket {
            otc: Otc::random(),
            pin: Pin::random(),
            link: "https://link.wom.social/vouchers/x".to_owned().into(),
            minutes: 30,
        };
        let (one, two) = (&[1; 32], &[2; 32]);
        let sealer = Sealer::new(&MemoryKeyStore::default()).unwrap();
        let other = Sealer::new(&MemoryKeyStore::default()).unwrap();
        let sealed = sealer.seal(one, &ticket).unwrap();
        assert_eq!(sealer.open(one, &sealed).unwrap(), ticket);
        for refused in [
            sealer.open(two, &sealed),
            other.open(one, &sealed),
            sealer.open(one, &sealed[..20]),
        ] {
            assert_eq!(refused.unwrap_err().kind(), Kind::StoreMismatch);
        }
        let pin = ticket.pin.reveal().as_bytes();
        assert!(
            !sealed
                .windows(ticket.otc.reveal().len())
                .any(|w| w == ticket.otc.reveal().as_bytes())
        );
        assert!(
            !format!("{ticket:?}")
                .as_bytes()
                .windows(pin.len())
                .any(|w| w == pin)
        );
    }
}
