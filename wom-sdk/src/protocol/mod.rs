//! The WOM protocol as data: identifiers, codes, keys, envelopes, messages and problems.
//!
//! Nothing here does I/O or asks for the time. Reading is tolerant where the protocol's senders
//! differ, writing is exact; secrets have no `Display` and are shown by one explicit `reveal()`.

pub mod aes;
mod aim;
mod api_key;
mod filter;
mod id;
pub mod json;
mod keys;
pub mod message;
mod otc;
mod pem;
mod pin;
mod place;
mod problem;
pub(crate) mod random;
pub mod rsa;
mod secret;

pub use aim::{AIMS, Aim, AimInfo};
pub use api_key::ApiKey;
pub use filter::{Bounds, Filter};
pub use id::{PosId, SourceId, VoucherId};
pub use keys::{PrivateKey, PublicKey};
pub use otc::{Link, LinkText, Otc, parse_link_or_otc};
pub use pin::Pin;
pub use place::Position;
pub use problem::{Problem, ProblemType, from_response};
pub use secret::{SessionKey, VoucherSecret};

use crate::{Error, Kind};

/// The one error of a payload that cannot be read, whatever the reason: who sees it learns nothing
/// about how far the reading went.
fn payload_fault() -> Error {
    Error::new(
        Kind::PayloadInvalid,
        "the payload cannot be read: it is not for this key, altered, or not understood",
    )
}
