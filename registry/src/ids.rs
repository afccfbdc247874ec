//! Ids between their text on the wire and their bytes in the data base.

use wom_sdk::{
    Error, Kind, Result,
    protocol::{PosId, SourceId},
};

/// Bytes of an object id.
const LEN: usize = 12;

/// The bytes of 24 hexadecimal digits; `None` for the decimal ids of older systems.
pub(crate) fn bytes(text: &str) -> Option<[u8; LEN]> {
    if text.len() != 2 * LEN || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; LEN];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

/// 24 hexadecimal digits, lower case.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The source with these bytes in the data base.
pub(crate) fn source(bytes: &[u8]) -> Result<SourceId> {
    text(bytes).parse().map_err(|_| corrupt())
}

/// The POS with these bytes in the data base.
pub(crate) fn pos(bytes: &[u8]) -> Result<PosId> {
    text(bytes).parse().map_err(|_| corrupt())
}

/// A row that this program cannot have written.
pub(crate) fn corrupt() -> Error {
    Error::new(
        Kind::StorageFailed,
        "the data base holds a row that cannot be read",
    )
    .hint("run an integrity check on registry.db, or restore it from a copy")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_and_bytes_are_the_same_thing() {
        let digits = "65aa0c3be1f0d25c7b9e4411";
        assert_eq!(text(&bytes(digits).unwrap()), digits);
        assert_eq!(bytes(&digits.to_uppercase()), bytes(digits));
        for other in [
            "17",
            "65aa0c3be1f0d25c7b9e44",
            "+5aa0c3be1f0d25c7b9e4411",
            "65aa0c3be1f0d25c7b9e44é",
        ] {
            assert_eq!(bytes(other), None, "{other}");
        }
    }
}
