//! Randomness from the operating system.

/// Fills the array with fresh random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// Any number, each equally likely: for jitter, never for a secret, as a test may seed it.
pub(crate) fn number() -> u64 {
    #[cfg(any(test, feature = "testing"))]
    if let Some(number) = crate::testing::next_jitter() {
        return number;
    }
    u64::from_be_bytes(bytes())
}

/// So many fresh random bytes in lower-case hexadecimal digits, at most 32.
pub(crate) fn hex(count: usize) -> String {
    crate::hex::encode(&bytes::<32>()[..count])
}

/// A number from 0 to `bound` - 1, each equally likely.
pub(crate) fn below(bound: u32) -> u32 {
    // The highest multiple of `bound`: what lies above it would favour the small numbers.
    let fair = u32::MAX - u32::MAX % bound;
    loop {
        let number = u32::from_le_bytes(bytes());
        if number < fair {
            return number % bound;
        }
    }
}
