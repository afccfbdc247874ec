//! The session envelope: base64 of an initialisation vector and AES-256-CBC (WOM protocol,
//! "AES session envelope"). It has no integrity of its own; the connection's TLS has.

use aws_lc_rs::{
    cipher::{
        AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
        PaddedBlockEncryptingKey, UnboundCipherKey,
    },
    iv::FixedLength,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{SessionKey, payload_fault, random};
use crate::Result;

const BLOCK: usize = 16;

/// Encrypts a text for the wallet that chose this key, under a fresh initialisation vector.
///
/// ```
/// use wom_sdk::protocol::{SessionKey, aes};
///
/// let key = SessionKey::random();
/// let payload = aes::seal(&key, b"{}");
/// assert_eq!(aes::open(&key, &payload)?.as_slice(), b"{}");
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn seal(key: &SessionKey, text: &[u8]) -> String {
    const INVARIANT: &str = "a 32-byte key and a 16-byte vector suit AES-256-CBC";
    let vector = random::bytes::<BLOCK>();
    let mut data = text.to_vec();
    PaddedBlockEncryptingKey::cbc_pkcs7(unbound(key))
        .and_then(|cipher| {
            let context = EncryptionContext::Iv128(FixedLength::from(vector));
            cipher.less_safe_encrypt(&mut data, context)
        })
        .expect(INVARIANT);
    STANDARD.encode([vector.as_slice(), &data].concat())
}

/// Decrypts an answer with the key that was chosen for it. A byte-order mark before the text and
/// zeros or white space after it are dropped. Every fault is the same
/// [`PayloadInvalid`](crate::Kind::PayloadInvalid).
pub fn open(key: &SessionKey, payload: &str) -> Result<Zeroizing<Vec<u8>>> {
    let mut data = Zeroizing::new(STANDARD.decode(payload).map_err(|_| payload_fault())?);
    let (vector, data) = data
        .split_first_chunk_mut::<BLOCK>()
        .ok_or_else(payload_fault)?;
    if data.is_empty() || data.len() % BLOCK != 0 {
        return Err(payload_fault());
    }
    let text = PaddedBlockDecryptingKey::cbc_pkcs7(unbound(key))
        .and_then(|cipher| {
            let context = DecryptionContext::Iv128(FixedLength::from(*vector));
            cipher.decrypt(data, context)
        })
        .map_err(|_| payload_fault())?;
    Ok(Zeroizing::new(trim(text).to_vec()))
}

fn unbound(key: &SessionKey) -> UnboundCipherKey {
    UnboundCipherKey::new(&AES_256, key.bytes()).expect("AES-256 takes 32 bytes")
}

fn trim(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let is_filler = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = text.iter().rposition(|byte| !is_filler(byte));
    &text[..end.map_or(0, |last| last + 1)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Kind;

    #[test]
    fn one_text_never_gives_one_payload_twice() {
        let key = SessionKey::random();
        assert_ne!(seal(&key, b"{}"), seal(&key, b"{}"));
        assert_eq!(STANDARD.decode(seal(&key, &[b'x'; 16])).unwrap().len(), 48);
    }

    #[test]
    fn filler_after_the_text_is_dropped() {
        let key = SessionKey::random();
        for (sent, read) in [
            ("{}\0\0 \r\n\0", "{}"),
            ("\u{feff}{}", "{}"),
            ("\0 \n", ""),
            (" {}", " {}"),
        ] {
            let payload = seal(&key, sent.as_bytes());
            assert_eq!(open(&key, &payload).unwrap().as_slice(), read.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn every_text_comes_back(text in "\\{.{0,200}\\}") {
            let key = SessionKey::random();
            let opened = open(&key, &seal(&key, text.as_bytes())).unwrap();
            prop_assert_eq!(opened.as_slice(), text.as_bytes());
        }

        #[test]
        fn foreign_bytes_are_one_error_or_garbage(payload in any::<Vec<u8>>()) {
            if let Err(error) = open(&SessionKey::random(), &STANDARD.encode(payload)) {
                prop_assert_eq!(error.kind(), Kind::PayloadInvalid);
                prop_assert_eq!(error.to_string(), payload_fault().to_string());
            }
        }
    }
}
