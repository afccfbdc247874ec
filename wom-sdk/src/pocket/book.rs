//! What the wallet remembers, and its file.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{VoucherState, unwritable};
use crate::{
    Error, Kind, Result, Retry, Timestamp, files,
    protocol::{
        Position, SessionKey, VoucherId, VoucherSecret,
        message::{RedeemedVoucher, SpentVoucher},
    },
};

const VERSION: u32 = 1;
/// The largest file that is read: about half a million vouchers.
const FILE_LIMIT: u64 = 256 << 20;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    version: u32,
    /// The Registry; none before the first code.
    pub(super) home: Option<Home>,
    pub(super) vouchers: BTreeMap<VoucherId, Held>,
    /// By the name of the code.
    pub(super) redeems: BTreeMap<String, Redeem>,
    /// By the name of the code.
    pub(super) payments: BTreeMap<String, Payment>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Home {
    pub(super) address: String,
    /// The fingerprint of its key.
    pub(super) key: String,
}

/// A voucher.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    /// None once it is spent.
    #[serde(with = "secret")]
    secret: Option<VoucherSecret>,
    pub(super) aim: String,
    pub(super) place: Position,
    pub(super) at: Timestamp,
    /// The name of the code that it came with.
    pub(super) origin: String,
    /// The name of the payment that it is set aside for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reserved: Option<String>,
    /// How often a Registry refused a payment that it was part of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) refused: u32,
}

/// A code that is, or was, redeemed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Redeem {
    /// Under this session key; the answer is not here.
    Begun(#[serde(with = "session_key")] SessionKey),
    /// The vouchers are in the book.
    Done(super::Redeemed),
}

/// A payment that was begun.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Payment {
    /// With the vouchers that are set aside for it; the answer is not here.
    Begun(Begun),
    /// The vouchers are spent.
    Done(super::Paid),
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Begun {
    #[serde(with = "session_key")]
    pub(super) key: SessionKey,
    pub(super) amount: u32,
    pub(super) pos_name: String,
    pub(super) persistent: bool,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            version: VERSION,
            home: None,
            vouchers: BTreeMap::new(),
            redeems: BTreeMap::new(),
            payments: BTreeMap::new(),
        }
    }
}

impl Book {
    /// Reads the file; where there is none, an empty book.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(Error::new(Kind::StorageFailed, "the wallet cannot be read")
                    .with("file", path.display())
                    .because(error));
            }
        };
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let newer = serde_json::from_slice::<Version>(&text).ok();
        if let Some(newer) = newer.filter(|newer| newer.version > VERSION) {
            return Err(Error::new(
                Kind::StoreMismatch,
                "the wallet was written by a newer version",
            )
            .with("file", path.display())
            .with("version", newer.version)
            .hint("use that version, or a newer one"));
        }
        // What serde says could repeat a secret: only the line is told.
        serde_json::from_slice(&text).map_err(|error| {
            Error::new(
                Kind::StorageFailed,
                "the file is not a wallet, or it is damaged",
            )
            .with("file", path.display())
            .with("line", error.line())
            .hint("restore it from a copy; nothing was changed in it")
            .with_retry(Retry::Never)
        })
    }

    /// Puts the book in the file's place, durably.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(self).map(Zeroizing::new);
        let text = text.map_err(|error| {
            Error::new(Kind::Internal, "the wallet cannot be put into words").because(error)
        })?;
        files::replace_privately(path, &text).map_err(|error| unwritable(path, error))
    }

    /// Takes in the vouchers of a code. One that is here already stays as it is.
    pub(super) fn take_in(&mut self, origin: &str, vouchers: Vec<RedeemedVoucher>) {
        for voucher in vouchers {
            self.vouchers.entry(voucher.id).or_insert_with(|| Held {
                secret: Some(voucher.secret),
                aim: voucher.aim,
                place: voucher.position,
                at: voucher.timestamp,
                origin: origin.to_owned(),
                reserved: None,
                refused: 0,
            });
        }
    }

    /// Sets vouchers aside for a payment.
    pub(super) fn reserve(&mut self, payment: &str, vouchers: &[VoucherId]) {
        for id in vouchers {
            if let Some(held) = self.vouchers.get_mut(id) {
                held.reserved = Some(payment.to_owned());
            }
        }
    }

    /// The vouchers that are set aside for a payment, as they are sent.
    pub(super) fn reserved(&self, payment: &str) -> Vec<SpentVoucher> {
        let of_payment = self.vouchers.iter().filter_map(|(id, held)| {
            (held.reserved.as_deref()? == payment).then_some(())?;
            let secret = held.secret.clone()?;
            Some(SpentVoucher {
                id: id.clone(),
                secret,
            })
        });
        of_payment.collect()
    }

    /// What was set aside for a payment can be spent again.
    pub(super) fn free(&mut self, payment: &str, refused: bool) {
        for held in self.of_payment(payment) {
            held.reserved = None;
            held.refused += u32::from(refused);
        }
    }

    /// What was set aside for a payment is spent.
    pub(super) fn spend(&mut self, payment: &str) {
        for held in self.of_payment(payment) {
            held.reserved = None;
            held.secret = None;
        }
    }

    fn of_payment(&mut self, payment: &str) -> impl Iterator<Item = &mut Held> {
        let vouchers = self.vouchers.values_mut();
        vouchers.filter(move |held| held.reserved.as_deref() == Some(payment))
    }
}

impl Held {
    pub(super) fn state(&self) -> VoucherState {
        match (&self.secret, &self.reserved) {
            (None, _) => VoucherState::Spent,
            (Some(_), Some(_)) => VoucherState::Reserved,
            (Some(_), None) => VoucherState::Free,
        }
    }

    pub(super) fn is_free(&self) -> bool {
        self.state() == VoucherState::Free
    }
}

fn read_bounded(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    if fs::metadata(path)?.len() > FILE_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path).map(Zeroizing::new)
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

mod secret {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::protocol::VoucherSecret;

    pub(super) fn serialize<S: Serializer>(
        secret: &Option<VoucherSecret>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        secret
            .as_ref()
            .map(VoucherSecret::reveal)
            .serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<VoucherSecret>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let secret = text.map(|text| VoucherSecret::parse(&text)).transpose();
        secret.map_err(D::Error::custom)
    }
}

mod session_key {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::protocol::SessionKey;

    pub(super) fn serialize<S: Serializer>(
        key: &SessionKey,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&key.reveal())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SessionKey, D::Error> {
        let text = String::deserialize(deserializer)?;
        SessionKey::from_base64(&text).map_err(D::Error::custom)
    }
}
