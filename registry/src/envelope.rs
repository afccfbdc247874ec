//! Opening what is sealed for the Registry, at the price of RSA operations.

use wom_sdk::{Error, Kind, Result, protocol::rsa};

use crate::{Registry, refusal::Refusal};

/// Decrypts a payload of at most `max_blocks` blocks and reads it, when its turn comes.
///
/// # Errors
///
/// More blocks are refused before any work. Everything else that makes the text unreadable is one
/// and the same refusal; a text that was read may still have an unacceptable member.
pub(crate) async fn open<T: Send + 'static>(
    registry: &Registry,
    payload: String,
    max_blocks: usize,
    read: impl FnOnce(&[u8]) -> Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let key = registry.private_key();
    let blocks = decoded_len(&payload).div_ceil(key.size_bytes());
    if blocks > max_blocks {
        return Err(Refusal::too_large());
    }
    registry
        .rsa()
        .run(blocks, move || {
            rsa::open(&key, &payload, max_blocks).and_then(|text| read(&text))
        })
        .await?
        .map_err(refused)
}

/// What a message that does not suit is refused with.
pub(crate) fn refused(error: Error) -> Refusal {
    match error.kind() {
        Kind::InputInvalid => Refusal::body(),
        Kind::LimitExceeded | Kind::ParameterRefused => {
            let member = error.context().find(|(name, _)| *name == "member");
            Refusal::parameter(
                member.map_or("vouchers", |(_, member)| member),
                error.message(),
            )
        }
        Kind::PayloadInvalid => Refusal::payload(),
        _ => Refusal::from(error),
    }
}

/// How many bytes this much base64 decodes to.
fn decoded_len(text: &str) -> usize {
    let digits = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=');
    digits.count() * 3 / 4
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn lengths_are_those_of_the_decoder() {
        for len in [0, 1, 2, 3, 255, 256, 257, 512, 1024] {
            let mut text = STANDARD.encode(vec![7; len]);
            assert_eq!(decoded_len(&text), len);
            text.insert_str(text.len() / 2, "\r\n");
            assert_eq!(decoded_len(&text), len);
        }
    }
}
