//! The secrets of vouchers. A record of many vouchers keeps one; each voucher's own is made from it,
//! so that who sees one voucher cannot spend its siblings.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use wom_sdk::{Error, Kind, Result, protocol::VoucherSecret};

/// Bytes of a voucher's secret.
const LEN: usize = 16;

/// A record's secret, from the randomness of the operating system.
pub(crate) fn fresh() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::new(Kind::Internal, "the operating system gave no randomness"))?;
    Ok(bytes)
}

/// The maker of one record's secrets.
#[derive(Debug)]
pub(crate) struct Record(hmac::Key);

impl Record {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The secret of the record's n-th voucher.
    pub(crate) fn voucher(&self, n: u32) -> Result<VoucherSecret> {
        let tag = hmac::sign(&self.0, &n.to_be_bytes());
        VoucherSecret::parse(&STANDARD.encode(&tag.as_ref()[..LEN]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_have_secrets_of_their_own() {
        let record = Record::new(&fresh().unwrap());
        assert!(record.voucher(1).unwrap() == record.voucher(1).unwrap());
        assert!(record.voucher(1).unwrap() != record.voucher(2).unwrap());
        assert!(record.voucher(1).unwrap() != Record::new(&fresh().unwrap()).voucher(1).unwrap());
    }
}
