//! The checksum of FIT: CRC-16 with the polynomial of CRC-16/ARC, eight bytes at a time.

/// `TABLES[k][b]` is the checksum of byte `b` followed by `k` zero bytes.
static TABLES: [[u16; 256]; 8] = tables();

/// A running checksum.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Crc(u16);

impl Crc {
    /// The checksum of everything fed so far.
    pub(super) fn sum(self) -> u16 {
        self.0
    }

    /// The checksum of these bytes alone.
    pub(super) fn of(bytes: &[u8]) -> u16 {
        let mut crc = Self::default();
        crc.feed(bytes);
        crc.sum()
    }

    /// Takes more bytes in.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<8>();
        let mut crc = self.0;
        for block in blocks {
            let [low, high] = crc.to_le_bytes();
            crc = TABLES[7][usize::from(block[0] ^ low)]
                ^ TABLES[6][usize::from(block[1] ^ high)]
                ^ TABLES[5][usize::from(block[2])]
                ^ TABLES[4][usize::from(block[3])]
                ^ TABLES[3][usize::from(block[4])]
                ^ TABLES[2][usize::from(block[5])]
                ^ TABLES[1][usize::from(block[6])]
                ^ TABLES[0][usize::from(block[7])];
        }
        for &byte in rest {
            crc = (crc >> 8) ^ TABLES[0][usize::from(byte ^ crc.to_le_bytes()[0])];
        }
        self.0 = crc;
    }
}

const fn tables() -> [[u16; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ (0xA001 * (crc & 1));
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u16 = tables[zeros - 1][byte];
            tables[zeros][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bit by bit, as the standard describes it.
    fn naive(bytes: &[u8]) -> u16 {
        bytes.iter().fold(0, |crc, &byte| {
            (0..8).fold(crc ^ u16::from(byte), |crc, _| {
                if crc & 1 == 1 {
                    (crc >> 1) ^ 0xA001
                } else {
                    crc >> 1
                }
            })
        })
    }

    #[test]
    fn the_check_value_of_the_standard() {
        assert_eq!(Crc::of(b"123456789"), 0xBB3D);
    }

    proptest! {
        #[test]
        fn splitting_changes_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            cut in any::<prop::sample::Index>(),
        ) {
            let (left, right) = bytes.split_at(cut.index(bytes.len() + 1));
            let mut crc = Crc::default();
            crc.feed(left);
            crc.feed(right);
            prop_assert_eq!(crc.sum(), naive(&bytes));
        }
    }
}
