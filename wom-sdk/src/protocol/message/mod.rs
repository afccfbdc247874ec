//! The messages, in the order in which they pass: what is sealed (`to_json`, `from_inner`) and the
//! bodies that carry it (`to_json`, `from_outer`).
//!
//! Reading is tolerant as the protocol's section on its two JSON layers says; writing is exact:
//! members in a fixed order, camelCase, no nulls. A fault in a body is
//! [`Kind::InputInvalid`], in a sealed text
//! [`Kind::PayloadInvalid`]; only where a member is well formed and
//! its value not acceptable, [`Kind::ParameterRefused`] says so.

mod aims;
mod body;
mod generation;
mod issue;
mod payment;
mod specification;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{
    Otc, Pin, SessionKey, VoucherId, VoucherSecret,
    json::{self, Document, Layer, Limits, Members},
};
use crate::{Error, Kind, Result};

pub use aims::{AimEntry, AimList, AimTitles};
pub use body::{CreateBody, RegisterBody, SealedBody, StatusBody};
pub use generation::{
    CreateAnswer, CreateReceived, CreateRequest, RedeemAnswer, RedeemRequest, RedeemedVoucher,
    VerifyRequest,
};
pub use issue::{IssueReceived, IssueRequest};
pub use payment::{
    ConfirmAnswer, ConfirmRequest, InfoAnswer, InfoRequest, RegisterAnswer, RegisterRequest,
    SpentVoucher, StatusAnswer, StatusRequest,
};
use specification::check_total;
pub use specification::{CreationMode, ReceivedSpecification, VoucherSpecification};

/// The most RSA blocks that a create payload may have.
pub const MAX_BLOCKS_CREATE: usize = 128;
/// The most RSA blocks that a register payload may have.
pub const MAX_BLOCKS_REGISTER: usize = 16;
/// The most RSA blocks that a verify, redeem, info or status payload may have.
pub const MAX_BLOCKS_VERIFY: usize = 8;
/// The most RSA blocks that a confirm payload may have.
pub const MAX_BLOCKS_CONFIRM: usize = 256;
/// The most RSA blocks that an answer for a source or POS may have.
pub const MAX_BLOCKS_ANSWER: usize = 64;
/// The most voucher specifications in one request.
pub const MAX_SPECIFICATIONS: usize = 100;
/// The most vouchers of one specification, and of one request in all.
pub const MAX_COUNT: u32 = 10_000;
/// The greatest amount of a payment, in vouchers.
pub const MAX_AMOUNT: u32 = 10_000;
/// The longest nonce that is read, in bytes.
pub const MAX_NONCE: usize = 256;

/// Writes a message that holds a secret.
fn write(message: &impl Serialize) -> Zeroizing<String> {
    Zeroizing::new(serde_json::to_string(message).expect("messages are plain data"))
}

fn outer(body: &[u8], limits: Limits) -> Result<Document> {
    json::object(body, Layer::Outer, limits)
}

fn inner(text: &[u8], limits: Limits) -> Result<Document> {
    json::object(text, Layer::Inner, limits)
}

/// The members that several messages have in common.
impl<'a> Members<'a> {
    fn otc(self) -> Result<Otc> {
        self.text("otc")?.parse().map_err(|_| self.layer().fault())
    }

    /// A PIN as it comes: whether it is acceptable, or the right one, is for the receiver to say.
    fn optional_pin(self) -> Result<Option<Pin>> {
        Ok(self.optional_id("password")?.map(Pin::received))
    }

    fn pin(self) -> Result<Pin> {
        self.id("password").map(Pin::received)
    }

    fn session_key(self) -> Result<SessionKey> {
        SessionKey::from_base64(self.text("sessionKey")?)
    }

    fn nonce(self) -> Result<String> {
        let nonce = self.id("nonce")?;
        if nonce.len() > MAX_NONCE {
            return Err(self.fault("nonce"));
        }
        Ok(nonce)
    }

    fn voucher_id(self) -> Result<VoucherId> {
        self.id("id")?
            .parse()
            .map_err(|_| refused("id", "the id of a voucher is malformed"))
    }

    fn secret(self) -> Result<VoucherSecret> {
        VoucherSecret::parse(self.text("secret")?).map_err(|_| self.layer().fault())
    }

    /// An id that names an entity, in a message where a malformed one is a fault.
    fn entity<T: std::str::FromStr>(self, name: &'static str) -> Result<T> {
        self.id(name)?.parse().map_err(|_| self.fault(name))
    }

    /// A text, where an empty one means none.
    fn filled_text(self, name: &'static str) -> Result<Option<String>> {
        Ok(self
            .optional_text(name)?
            .filter(|text| !text.is_empty())
            .map(ToOwned::to_owned))
    }
}

/// A member is well formed, and its value is not acceptable.
fn refused(member: &'static str, message: &'static str) -> Error {
    Error::new(Kind::ParameterRefused, message).with("member", member)
}

/// A name from a list, in any case, or its place in the list.
fn choice<T: Copy>(value: &Value, layer: Layer, names: &[(&str, T)]) -> Result<T> {
    let found = match value {
        Value::String(text) => names
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text)),
        _ => None,
    };
    let found = found.or_else(|| {
        let index = layer.integer(value).ok()?;
        names.get(usize::try_from(index).ok()?)
    });
    found
        .map(|(_, choice)| *choice)
        .ok_or_else(|| layer.fault())
}
