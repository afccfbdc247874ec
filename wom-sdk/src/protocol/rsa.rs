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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::Kind;

    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate(2048).unwrap());
    const SIZE: usize = 256;
    const CHUNK: usize = SIZE - PADDING;

    fn sealed(text: &[u8]) -> Vec<u8> {
        STANDARD.decode(seal(KEY.public(), text)).unwrap()
    }

    fn opened(blocks: &[u8]) -> Vec<u8> {
        open(&KEY, &STANDARD.encode(blocks), 8).unwrap().to_vec()
    }

    #[test]
    fn a_text_takes_as_many_blocks_as_it_needs() {
        for (length, count) in [(1, 1), (CHUNK, 1), (CHUNK + 1, 2), (5 * CHUNK, 5)] {
            let text = vec![b'x'; length];
            assert_eq!(sealed(&text).len(), count * SIZE);
            assert_eq!(blocks(KEY.public(), length), count);
            assert_eq!(opened(&sealed(&text)), text);
        }
    }

    #[test]
    fn what_is_not_whole_blocks_or_too_many_is_one_error() {
        let three = seal(KEY.public(), &[b'x'; 2 * CHUNK + 1]);
        assert!(open(&KEY, &three, 3).is_ok());
        let halved = STANDARD.encode(&sealed(b"{}")[..SIZE - 1]);
        for (payload, limit) in [
            (three.as_str(), 2),
            (&three, 0),
            ("", 8),
            ("*", 8),
            (&halved, 8),
            (seal(KEY.public(), b"{}").trim_end_matches('='), 8),
            (&"A".repeat(1 << 20), 8),
        ] {
            let error = open(&KEY, payload, limit).unwrap_err();
            assert_eq!(error.kind(), Kind::PayloadInvalid);
            assert_eq!(error.to_string(), payload_fault().to_string());
        }
    }

    #[test]
    fn white_space_within_the_base64_is_skipped() {
        let payload = seal(KEY.public(), b"{}");
        let (head, tail) = payload.split_at(76);
        let opened = open(&KEY, &format!("{head}\r\n{tail}\n"), 1).unwrap();
        assert_eq!(opened.as_slice(), b"{}");
    }

    #[test]
    fn a_bad_block_gives_the_same_strange_bytes_each_time() {
        let mut bad = sealed(b"{}");
        bad[SIZE - 1] ^= 1;
        let first = opened(&bad);
        assert!((1..=CHUNK).contains(&first.len()));
        assert_eq!(opened(&bad), first);
        assert_ne!(first, b"{}");

        bad[SIZE - 1] ^= 2;
        assert_ne!(opened(&bad), first);
        // Another key's holder cannot foretell them either.
        let other = PrivateKey::generate(2048).unwrap();
        bad[SIZE - 1] ^= 2;
        let there = open(&other, &STANDARD.encode(&bad), 8).unwrap();
        assert_ne!(there.as_slice(), first);
    }

    #[test]
    fn strange_bytes_vary_in_length() {
        let lengths: std::collections::BTreeSet<usize> = (0..32_u8)
            .map(|number| {
                let mut bad = sealed(b"{}");
                bad[SIZE / 2] ^= number + 1;
                opened(&bad).len()
            })
            .collect();
        assert!(lengths.len() > 8, "{lengths:?}");
    }

    /// A block that is cut into the middle of a text must be full: a block that an attacker made
    /// from recorded ones is so only by an accident of probability 2^-90 or less.
    #[test]
    fn a_short_block_before_the_last_is_no_text() {
        let spliced = [sealed(b"{\"a\":\""), sealed(b"\"}")].concat();
        let text = opened(&spliced);
        assert!(text.len() > CHUNK);
        assert!(!text.starts_with(b"{\"a\":\""));
        assert!(std::str::from_utf8(&text).is_err());
    }

    #[test]
    fn a_block_of_nothing_is_no_text() {
        let mut block = vec![0; SIZE];
        KEY.public().encrypt(b"", &mut block);
        assert!(!opened(&block).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_text_comes_back(text in "[a-zè€😀]{1,400}") {
            prop_assert_eq!(opened(&sealed(text.as_bytes())), text.as_bytes());
        }

        #[test]
        fn blocks_that_were_tampered_with_never_give_an_error(
            text in "[ -~]{1,500}",
            at: prop::sample::Index,
            flip in 1_u8..,
        ) {
            let mut blocks = sealed(text.as_bytes());
            let at = at.index(blocks.len());
            blocks[at] ^= flip;
            prop_assert_ne!(opened(&blocks), text.as_bytes());
        }
    }
}
