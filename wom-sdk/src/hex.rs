//! Ids and digests as hexadecimal text.

/// Two lower-case digits for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many bytes, two digits each, in either case; `None` if the text is anything else.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    // The standard reader would take a sign for a digit.
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? << 4 | digit(*low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        let bytes = [0, 1, 0x7f, 0xff];
        assert_eq!(encode(&bytes), "00017fff");
        assert_eq!(decode("00017fff"), Some(bytes));
        assert_eq!(decode("00017FFF"), Some(bytes));
        for text in [
            "",
            "00017ff",
            "00017fff0",
            "00017fff00",
            "0001+fff",
            "0001 fff",
            "0001ìff",
        ] {
            assert_eq!(decode::<4>(text), None, "{text}");
        }
    }
}
