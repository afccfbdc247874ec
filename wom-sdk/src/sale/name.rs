//! What sales, shops and orders are named by.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use sha2::{Digest as _, Sha256};

use crate::{checkout::CheckoutId, hex, merchant::OrderId, protocol::random};

/// How many bytes of a name tell the shop.
const SHOP: usize = 8;

/// A shop, as the first bytes of its sales' names: so that several may share a store and each finds
/// its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ShopId(pub [u8; SHOP]);

impl ShopId {
    /// The shop that the merchant calls so.
    pub fn new(shop: &str) -> Self {
        let mut id = [0; SHOP];
        id.copy_from_slice(&digest(&[b"shop/1", shop.as_bytes()])[..SHOP]);
        Self(id)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            fn of(shop: ShopId, parts: &[&[u8]]) -> Self {
                let mut name = digest(parts);
                name[..SHOP].copy_from_slice(&shop.0);
                Self(name)
            }

            /// Which shop it is of.
            pub fn shop(self) -> ShopId {
                let mut shop = [0; SHOP];
                shop.copy_from_slice(&self.0[..SHOP]);
                ShopId(shop)
            }

            /// Lower-case hexadecimal.
            pub fn to_hex(self) -> String {
                hex::encode(&self.0)
            }

            /// The name whose hexadecimal form this is.
            pub fn from_hex(text: &str) -> Option<Self> {
                hex::decode(text).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), &self.to_hex()[2 * SHOP..][..8])
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.to_hex())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::from_hex(&text).ok_or_else(|| D::Error::custom("not 64 hexadecimal digits"))
            }
        }
    };
}

name! {
    /// A sale: of shop, order and offer, or of a code and the place of one of its confirmations.
    SaleId
}

name! {
    /// An order of a shop.
    OrderKey
}

name! {
    /// A place among the WOM discounts of an order. At any time one sale has it, whoever asks.
    Slot
}

impl SaleId {
    /// The sale of an order and an offer; `n` counts anew what lapsed.
    pub fn new(shop: &str, order: &OrderId, offer: &str, n: u32) -> Self {
        let parts: [&[u8]; 5] = [
            b"sale/1",
            shop.as_bytes(),
            order.0.as_bytes(),
            offer.as_bytes(),
            &n.to_be_bytes(),
        ];
        Self::of(ShopId::new(shop), &parts)
    }

    /// The sale of a confirmation that came without an order.
    pub(crate) fn of_confirmation(shop: &str, checkout: CheckoutId, index: u32) -> Self {
        Self::of(
            ShopId::new(shop),
            &[b"confirmation/1", &checkout.0, &index.to_be_bytes()],
        )
    }
}

impl OrderKey {
    /// This order of this shop.
    pub fn new(shop: &str, order: &OrderId) -> Self {
        Self::of(
            ShopId::new(shop),
            &[b"order/1", shop.as_bytes(), order.0.as_bytes()],
        )
    }

    /// A place among its discounts, counted from 0.
    pub fn slot(self, n: u8) -> Slot {
        Slot::of(self.shop(), &[b"slot/1", &self.0, &[n]])
    }
}

/// 16 random bytes that make a sale's key one that nobody can guess.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Salt(pub [u8; 16]);

impl Salt {
    /// Salt that nobody had before.
    pub fn random() -> Self {
        Self(random::bytes())
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = hex::decode(&text);
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom("not 32 hexadecimal digits"))
    }
}

fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
