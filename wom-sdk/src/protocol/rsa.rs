//! The RSA envelope: base64 of PKCS#1 v1.5 blocks, each full but the last (WOM protocol,
//! "RSA envelope").

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{PrivateKey, PublicKey, payload_fault};
use crate::Result;

/// Bytes that the padding takes of every block.
const PADDING: usize = 11;

/// Encrypts a text for the holder of a private key.
///
/// ```
/// use wom_sdk::protocol::{PrivateKey, rsa};
///
/// let key = PrivateKey::generate(2048)?;
/// let payload = rsa::seal(key.public(), b"{}");
/// assert_eq!(rsa::open(&key, &payload, 1)?.as_slice(), b"{}");
/// # Ok::<(), wom_sdk::Error>(())
/// ```
pub fn seal(key: &PublicKey, text: &[u8]) -> String {
    let size = key.size_bytes();
    let mut blocks = vec![0; text.len().div_ceil(size - PADDING) * size];
    for (chunk, block) in text.chunks(size - PADDING).zip(blocks.chunks_mut(size)) {
        key.encrypt(chunk, block);
    }
    STANDARD.encode(blocks)
}

/// How many blocks a text of so many bytes takes under a key.
pub fn blocks(key: &PublicKey, length: usize) -> usize {
    length.div_ceil(key.size_bytes() - PADDING)
}

/// Decrypts a payload of at most `max_blocks` blocks; more are refused before any work.
///
/// All blocks are always decrypted. One that is not well formed gives bytes derived from the key
/// and the block instead of an error, so that the caller's reading of the text fails like that of
/// any other text: a sender learns nothing about the padding. What is refused here
/// ([`PayloadInvalid`](crate::Kind::PayloadInvalid)) is what the sender sees too: not base64, not
/// whole blocks, none or too many of them.
pub fn open(key: &PrivateKey, payload: &str, max_blocks: usize) -> Result<Zeroizing<Vec<u8>>> {
    let size = key.size_bytes();
    if payload.len() > encoded_limit(size.saturating_mul(max_blocks)) {
        return Err(payload_fault());
    }
    let compact: String;
    let payload = if payload.contains(|c: char| c.is_ascii_whitespace()) {
        compact = payload.split_ascii_whitespace().collect();
        &compact
    } else {
        payload
    };
    let data = STANDARD.decode(payload).map_err(|_| payload_fault())?;
    let count = data.len() / size;
    if data.len() % size != 0 || count == 0 || count > max_blocks {
        return Err(payload_fault());
    }
    let chunk = size - PADDING;
    let mut text = Zeroizing::new(Vec::with_capacity(count * chunk));
    for (index, block) in data.chunks(size).enumerate() {
        let accepted = if index + 1 == count {
            1..=chunk
        } else {
            chunk..=chunk
        };
        text.extend_from_slice(&key.decrypt(block, accepted));
    }
    Ok(text)
}

/// Characters of base64 for so many bytes, with some room for line ends.
fn encoded_limit(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4).saturating_mul(17) / 16 + 4
}
