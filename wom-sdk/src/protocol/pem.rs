//! PEM armour, read leniently: any line ends, text around the blocks, no final newline.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The longest text in which blocks are looked for, in bytes: many times a key of 8192 bits.
const TEXT_LIMIT: usize = 256 * 1024;

/// One armoured block.
pub(super) struct Block<'a> {
    /// What the armour says is inside, such as `PUBLIC KEY`.
    pub(super) label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    /// Whether it is encrypted in the way from before PKCS#8, with headers in the block.
    pub(super) fn has_headers(&self) -> bool {
        self.body.contains(':')
    }

    /// The bytes inside, unless the base64 is broken.
    pub(super) fn decode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let digits: Zeroizing<String> =
            Zeroizing::new(self.body.split_ascii_whitespace().collect());
        STANDARD.decode(digits.as_bytes()).map(Zeroizing::new).ok()
    }
}

/// The blocks of a text, in order.
pub(super) fn blocks(text: &str) -> impl Iterator<Item = Block<'_>> {
    let mut rest = if text.len() > TEXT_LIMIT { "" } else { text };
    std::iter::from_fn(move || {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        rest = after;
        Some(Block { label, body })
    })
}

/// Puts DER into armour, with lines of 64 characters.
pub(super) fn armour(label: &str, der: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(digits.len() * 66 / 64 + 80));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for start in (0..digits.len()).step_by(64) {
        text.push_str(&digits[start..digits.len().min(start + 64)]);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
