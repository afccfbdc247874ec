//! The few messages and fields that matter here, taken out of records as their definitions say.

/// What a message is about, by its global number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// `activity_type`, `cycles`, `cycles_16`, `current_activity_type_intensity`, `timestamp_16`,
    /// `timestamp_min_8`, `duration_min`.
    Monitoring,
    /// `local_timestamp`.
    MonitoringInfo,
    /// `device_index`, `manufacturer`, `product`, `serial_number`.
    DeviceInfo,
    /// `event`, `event_type`.
    Event,
    /// `type`, `manufacturer`, `product`, `serial_number`, `time_created`.
    FileId,
    /// Everything else.
    Other,
    /// A point of a track, of which only the time matters.
    Record,
    /// `start_time`, `sport`, `sub_sport`, `total_elapsed_time`, `total_timer_time`,
    /// `total_cycles`.
    Session,
    /// `sport`, `sub_sport`.
    Sport,
}

impl Kind {
    /// The kind and the numbers of its fields, in the order of the names above.
    fn of(global: u16) -> (Self, &'static [u8]) {
        match global {
            0 => (Self::FileId, &[0, 1, 2, 3, 4]),
            12 => (Self::Sport, &[0, 1]),
            18 => (Self::Session, &[2, 5, 6, 7, 8, 10]),
            20 => (Self::Record, &[]),
            21 => (Self::Event, &[0, 1]),
            23 => (Self::DeviceInfo, &[0, 2, 4, 3]),
            55 => (Self::Monitoring, &[5, 3, 9, 24, 26, 25, 29]),
            103 => (Self::MonitoringInfo, &[0]),
            _ => (Self::Other, &[]),
        }
    }
}

/// The number of the field `timestamp`, the same in every message.
const TIMESTAMP: u8 = 253;
/// Where a message holds its `timestamp`.
const TIME: usize = 7;

/// One message: raw values, as they stand in the file. What is marked invalid is absent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    pub(super) kind: Kind,
    /// Where in the input its record begins.
    pub(super) offset: u64,
    values: [Option<u32>; 8],
}

impl Message {
    /// Its fields, in the order that [`Kind`] names them.
    pub(super) fn values<const N: usize>(&self) -> [Option<u32>; N] {
        std::array::from_fn(|index| self.values[index])
    }

    /// Its time, in seconds since 1989-12-31T00:00:00Z.
    pub(super) fn time(&self) -> Option<u32> {
        self.values[TIME]
    }

    pub(super) fn set_time(&mut self, time: u32) {
        self.values[TIME] = Some(time);
    }
}

/// How records of a local type are laid out.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) kind: Kind,
    /// Length of a record without its header byte.
    pub(super) size: usize,
    wanted: &'static [u8],
    big_endian: bool,
    fields: Vec<Field>,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    slot: usize,
    offset: usize,
    width: usize,
    invalid: u64,
    /// Signed values above this are negative: absent too.
    max: u64,
}

impl Definition {
    /// A definition without fields yet.
    pub(super) fn new(architecture: u8, global: [u8; 2]) -> Self {
        let big_endian = architecture & 1 == 1;
        let global = if big_endian {
            u16::from_be_bytes(global)
        } else {
            u16::from_le_bytes(global)
        };
        let (kind, wanted) = Kind::of(global);
        Self {
            kind,
            size: 0,
            wanted,
            big_endian,
            fields: Vec::new(),
        }
    }

    /// Adds a field. Returns `false` if it is one that matters and its size does not fit its
    /// type, as broken devices write: then it counts as absent.
    pub(super) fn push(&mut self, [number, size, base]: [u8; 3]) -> bool {
        let size = usize::from(size);
        let offset = self.size;
        self.size += size;
        let Some(slot) = self.slot(number) else {
            return true;
        };
        let Some((width, invalid, max)) = base_type(base) else {
            return false;
        };
        if size < width || !size.is_multiple_of(width) {
            return false;
        }
        self.fields.push(Field {
            slot,
            offset,
            width,
            invalid,
            max,
        });
        true
    }

    /// Adds bytes that nothing is read from.
    pub(super) fn pad(&mut self, size: u8) {
        self.size += usize::from(size);
    }

    /// Reads a record without its header byte.
    #[inline]
    pub(super) fn message(&self, record: &[u8], offset: u64) -> Message {
        let mut values = [None; 8];
        for field in &self.fields {
            let bytes = &record[field.offset..field.offset + field.width];
            let value = if self.big_endian {
                bytes
                    .iter()
                    .fold(0, |all, &byte| all << 8 | u64::from(byte))
            } else {
                bytes
                    .iter()
                    .rfold(0, |all, &byte| all << 8 | u64::from(byte))
            };
            if value != field.invalid && value <= field.max {
                values[field.slot] = u32::try_from(value).ok();
            }
        }
        Message {
            kind: self.kind,
            offset,
            values,
        }
    }

    fn slot(&self, number: u8) -> Option<usize> {
        if number == TIMESTAMP {
            return Some(TIME);
        }
        self.wanted.iter().position(|&field| field == number)
    }
}

/// Width in bytes, the value that means "invalid", and the greatest that is not negative, of the
/// base types that hold whole numbers.
fn base_type(base: u8) -> Option<(usize, u64, u64)> {
    Some(match base & 0x1F {
        0 | 2 | 13 => (1, 0xFF, 0xFF),
        1 => (1, 0x7F, 0x7F),
        3 => (2, 0x7FFF, 0x7FFF),
        4 => (2, 0xFFFF, 0xFFFF),
        5 => (4, 0x7FFF_FFFF, 0x7FFF_FFFF),
        6 => (4, 0xFFFF_FFFF, 0xFFFF_FFFF),
        10 => (1, 0, 0xFF),
        11 => (2, 0, 0xFFFF),
        12 => (4, 0, 0xFFFF_FFFF),
        14 => (8, i64::MAX as u64, i64::MAX as u64),
        15 => (8, u64::MAX, u64::MAX),
        16 => (8, 0, u64::MAX),
        _ => return None,
    })
}
