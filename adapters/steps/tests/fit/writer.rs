//! Writes FIT files for the tests, as the container's description says and independent of the
//! reader.

/// Base types, as definitions name them.
pub(crate) const ENUM: u8 = 0x00;
pub(crate) const BYTE: u8 = 0x0D;
pub(crate) const UINT8: u8 = 0x02;
pub(crate) const UINT16: u8 = 0x84;
pub(crate) const UINT32: u8 = 0x86;
pub(crate) const UINT32Z: u8 = 0x8C;

/// 2026-03-01T10:00:00Z, in seconds since 1989-12-31T00:00:00Z.
pub(crate) const START: u32 = 1_772_359_200 - 631_065_600;

pub(crate) const FILE_ID: u16 = 0;
pub(crate) const SESSION: u16 = 18;
pub(crate) const RECORD: u16 = 20;
pub(crate) const EVENT: u16 = 21;
pub(crate) const DEVICE_INFO: u16 = 23;
pub(crate) const MONITORING: u16 = 55;
pub(crate) const MONITORING_INFO: u16 = 103;

/// Number, base type and value of a field; the size follows from the type.
pub(crate) type Field = (u8, u8, u64);

pub(crate) const TIMESTAMP: u8 = 253;

pub(crate) fn time(at: u32) -> Field {
    (TIMESTAMP, UINT32, u64::from(at))
}

fn width(base: u8) -> usize {
    match base {
        UINT16 => 2,
        UINT32 | UINT32Z => 4,
        _ => 1,
    }
}

/// One part of a file.
#[derive(Clone, Default)]
pub(crate) struct Part {
    pub(crate) data: Vec<u8>,
    pub(crate) big_endian: bool,
    pub(crate) short_header: bool,
    /// Adds a developer field of this many bytes to every message.
    pub(crate) developer: Option<u8>,
}

impl Part {
    /// A part of this file type, by one device.
    pub(crate) fn of_type(kind: u64) -> Self {
        let mut part = Self::default();
        part.file_id(kind);
        part
    }

    pub(crate) fn file_id(&mut self, kind: u64) -> &mut Self {
        self.message(
            FILE_ID,
            &[
                (0, ENUM, kind),
                (1, UINT16, 1),
                (2, UINT16, 2691),
                (3, UINT32Z, 3_945_849_289),
                (4, UINT32, u64::from(START)),
            ],
        )
    }

    pub(crate) fn definition(&mut self, local: u8, global: u16, fields: &[Field]) -> &mut Self {
        let fields: Vec<_> = fields
            .iter()
            .map(|&(number, base, _)| [number, width(base) as u8, base])
            .collect();
        self.raw_definition(local, global, &fields)
    }

    pub(crate) fn raw_definition(
        &mut self,
        local: u8,
        global: u16,
        fields: &[[u8; 3]],
    ) -> &mut Self {
        let developer = if self.developer.is_some() { 0x20 } else { 0 };
        self.data
            .extend([0x40 | developer | local, 0, u8::from(self.big_endian)]);
        self.data.extend(match self.big_endian {
            true => global.to_be_bytes(),
            false => global.to_le_bytes(),
        });
        self.data.push(fields.len() as u8);
        self.data.extend(fields.iter().flatten());
        if let Some(size) = self.developer {
            self.data.extend([1, 0, size, 0]);
        }
        self
    }

    /// A record: its header byte, then its values.
    pub(crate) fn record(&mut self, header: u8, fields: &[Field]) -> &mut Self {
        self.data.push(header);
        for &(_, base, value) in fields {
            let size = width(base);
            match self.big_endian {
                true => self.data.extend(&value.to_be_bytes()[8 - size..]),
                false => self.data.extend(&value.to_le_bytes()[..size]),
            }
        }
        if let Some(size) = self.developer {
            self.data
                .extend(std::iter::repeat_n(0xA5, usize::from(size)));
        }
        self
    }

    /// A definition and its only record.
    pub(crate) fn message(&mut self, global: u16, fields: &[Field]) -> &mut Self {
        self.definition(0, global, fields).record(0, fields)
    }

    pub(crate) fn timer(&mut self, at: u32, event_type: u64) -> &mut Self {
        self.message(EVENT, &[time(at), (0, ENUM, 0), (1, ENUM, event_type)])
    }

    /// A point of the track every second, from one time to another.
    pub(crate) fn points(&mut self, from: u32, to: u32) -> &mut Self {
        self.definition(1, RECORD, &[time(from), (3, UINT8, 120)]);
        for at in from..=to {
            self.record(1, &[time(at), (3, UINT8, 120)]);
        }
        self
    }

    /// A session of this sport with these times in milliseconds.
    pub(crate) fn session(
        &mut self,
        start: u32,
        (elapsed, timer): (u64, u64),
        sport: u64,
        cycles: u64,
    ) -> &mut Self {
        self.message(
            SESSION,
            &[
                time(start),
                (2, UINT32, u64::from(start)),
                (7, UINT32, elapsed),
                (8, UINT32, timer),
                (10, UINT32, cycles),
                (5, ENUM, sport),
                (6, ENUM, 0),
            ],
        )
    }

    /// The bytes of the part.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![if self.short_header { 12 } else { 14 }, 0x20, 0x54, 0x08];
        bytes.extend((self.data.len() as u32).to_le_bytes());
        bytes.extend(b".FIT");
        if !self.short_header {
            bytes.extend(crc(&bytes).to_le_bytes());
        }
        bytes.extend(&self.data);
        bytes.extend(crc(&bytes).to_le_bytes());
        bytes
    }
}

/// Bit by bit, unlike the reader.
pub(crate) fn crc(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc: u16, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xA001 } else { 0 }
        })
    })
}

/// A ride of 60 s with a pause of 20 s after 30 s, as a watch writes it.
pub(crate) fn ride() -> Part {
    let mut part = Part::of_type(4);
    part.timer(START, 0)
        .points(START, START + 30)
        .timer(START + 30, 4)
        .timer(START + 50, 0)
        .points(START + 50, START + 80)
        .timer(START + 80, 4)
        .session(START, (80_400, 60_400), 2, 50);
    part
}
