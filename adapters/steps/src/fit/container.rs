//! The container: chained parts, their headers and checksums, definitions and records.

use std::io::Read;

use wom_sdk::{Error, Result, instrument::Refusal};

use super::{
    crc::Crc,
    message::{Definition, Kind, Message},
    window::Window,
};

/// Takes an input apart, one message at a time. Memory does not grow with the input.
pub(super) struct Decoder {
    window: Window,
    part: Option<Part>,
    /// How many parts were begun.
    parts: u64,
}

/// What a [`Decoder`] finds.
pub(super) enum Event {
    /// A message.
    Message(Message),
    /// Something that cannot be used; what follows goes on.
    Refused(Refusal),
    /// The end of a part.
    End(Trust, Vec<Refusal>),
    /// The end of the input.
    Done,
}

/// How far the messages of a part can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trust {
    /// Complete, and the checksum holds.
    Whole,
    /// Incomplete or not readable to its end; what was read may be used.
    Damaged,
    /// The checksum does not hold: any value may be wrong.
    Corrupt,
}

/// A part that is being read.
struct Part {
    /// Where its records end, in the input.
    end: u64,
    definitions: [Option<Definition>; 16],
    /// The last full time, which compressed times are relative to.
    clock: u32,
    faults: Vec<Refusal>,
}

/// Why the records of a part cannot be read on.
enum Stop {
    Failed(Error),
    Truncated,
    Broken(Refusal),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Decoder {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            window: Window::new(reader),
            part: None,
            parts: 0,
        }
    }

    /// How many bytes of the input are done.
    pub(super) fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// The next thing found.
    ///
    /// # Errors
    /// `input_invalid` if the input holds no FIT at all or cannot be read, `input_truncated` if
    /// it ends before the first header does.
    pub(super) fn next(&mut self) -> Result<Event> {
        let Some(part) = &mut self.part else {
            return self.open();
        };
        let stop = match part.message(&mut self.window) {
            Ok(Some(event)) => return Ok(event),
            Ok(None) => None,
            Err(Stop::Failed(error)) => return Err(error),
            Err(stop) => Some(stop),
        };
        self.close(stop)
    }

    /// Begins the next part.
    fn open(&mut self) -> Result<Event> {
        let start = self.window.offset();
        if !self.window.need(1)? {
            return match self.parts {
                0 => Err(
                    Error::new(wom_sdk::Kind::InputTruncated, "the file is empty")
                        .hint("fetch or export it again"),
                ),
                _ => Ok(Event::Done),
            };
        }
        if !self.window.need(SHORT_HEADER)? {
            return self.cut_header(start);
        }
        if !is_header(self.window.bytes()) {
            return self.find_header(start);
        }
        let size = usize::from(self.window.bytes()[0]);
        if !self.window.need(size)? {
            return self.cut_header(start);
        }
        self.parts += 1;
        self.window.start_sum();
        let header = &self.window.bytes()[..size];
        let mut faults = Vec::new();
        if let Some([low, high]) = header.get(SHORT_HEADER..LONG_HEADER)
            && ![0, Crc::of(&header[..SHORT_HEADER])].contains(&u16::from_le_bytes([*low, *high]))
        {
            let message = "the checksum of the header does not hold; that of the whole decides";
            faults.push(Refusal::new("bad_header_crc", message).at("byte", start));
        }
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        self.window.advance(size);
        self.part = Some(Part {
            end: start + size as u64 + u64::from(length),
            definitions: Default::default(),
            clock: 0,
            faults,
        });
        self.next()
    }

    /// Ends the part, after its last record or where a fault stopped it.
    fn close(&mut self, stop: Option<Stop>) -> Result<Event> {
        let Some(Part {
            end, mut faults, ..
        }) = self.part.take()
        else {
            return Ok(Event::Done);
        };
        let mut trust = Trust::Whole;
        if let Some(Stop::Broken(refusal)) = stop {
            trust = Trust::Damaged;
            faults.push(refusal);
        }
        let missing = self.window.skip(end.saturating_sub(self.window.offset()))?;
        let sum = self.window.sum();
        if missing > 0 || !self.window.need(2)? {
            self.window.skip(u64::MAX)?;
            faults.push(truncated(self.window.offset()));
            return Ok(Event::End(Trust::Damaged, faults));
        }
        let [low, high, ..] = self.window.bytes() else {
            return Ok(Event::End(Trust::Damaged, faults));
        };
        if sum != u16::from_le_bytes([*low, *high]) {
            let message = "the checksum does not hold, so that no value can be trusted; \
                           copy the file from the device again";
            faults.push(Refusal::new("bad_crc", message).at("byte", end));
            trust = Trust::Corrupt;
        }
        self.window.advance(2);
        Ok(Event::End(trust, faults))
    }

    /// The input ends within what may be a header.
    fn cut_header(&mut self, start: u64) -> Result<Event> {
        let rest = self.window.bytes();
        let begun = matches!(rest.first(), Some(12 | 14))
            && MAGIC.starts_with(rest.get(8..).map_or(&[], |end| &end[..end.len().min(4)]));
        let zeros = rest.iter().all(|&byte| byte == 0);
        self.window.skip(u64::MAX)?;
        if self.parts == 0 && !begun {
            return Err(not_fit());
        }
        if self.parts == 0 {
            let message = "the file ends before its header is complete";
            return Err(Error::new(wom_sdk::Kind::InputTruncated, message)
                .with("byte", self.window.offset())
                .hint("copy it from the device again"));
        }
        Ok(match (zeros, begun) {
            (true, _) => Event::Done,
            (false, true) => Event::Refused(truncated(self.window.offset())),
            (false, false) => Event::Refused(stray(start)),
        })
    }

    /// Goes on to the next header, over bytes that belong to no part. Zeros at the end of a file
    /// are padding.
    fn find_header(&mut self, start: u64) -> Result<Event> {
        let mut zeros = true;
        while self.window.need(SHORT_HEADER)? {
            let bytes = self.window.bytes();
            let found = bytes.windows(SHORT_HEADER).position(is_header);
            let step = found.unwrap_or(bytes.len() + 1 - SHORT_HEADER);
            zeros &= bytes[..step].iter().all(|&byte| byte == 0);
            self.window.advance(step);
            if found.is_some() {
                return Ok(Event::Refused(stray(start)));
            }
        }
        zeros &= self.window.bytes().iter().all(|&byte| byte == 0);
        self.window.skip(u64::MAX)?;
        match (self.parts, zeros) {
            (0, _) => Err(not_fit()),
            (_, true) => Ok(Event::Done),
            (_, false) => Ok(Event::Refused(stray(start))),
        }
    }
}

/// A header without a checksum of its own.
const SHORT_HEADER: usize = 12;
/// A header with one.
const LONG_HEADER: usize = 14;
const MAGIC: &[u8] = b".FIT";

/// Whether a header begins here.
fn is_header(bytes: &[u8]) -> bool {
    matches!(bytes, [size, ..] if usize::from(*size) >= SHORT_HEADER)
        && bytes.get(8..).is_some_and(|bytes| bytes.starts_with(MAGIC))
}

impl Part {
    /// The next message; `None` after the last record.
    fn message(&mut self, window: &mut Window) -> Result<Option<Event>, Stop> {
        loop {
            let offset = window.offset();
            if offset >= self.end {
                return Ok(None);
            }
            available(window, self.end, offset, 1)?;
            let header = window.bytes()[0];
            if header & 0xC0 == 0x40 {
                match self.define(window, offset, header)? {
                    Some(refusal) => return Ok(Some(Event::Refused(refusal))),
                    None => continue,
                }
            }
            let compressed = header & 0x80 != 0;
            let local = if compressed {
                header >> 5 & 3
            } else {
                header & 15
            };
            let Some(definition) = &self.definitions[usize::from(local)] else {
                let message = "a record of a type that was never defined; the rest of this part \
                               cannot be read: export the activity again";
                return Err(Stop::Broken(
                    Refusal::new("undefined_type", message).at("byte", offset),
                ));
            };
            let size = definition.size;
            available(window, self.end, offset, 1 + size)?;
            let mut message = definition.message(&window.bytes()[1..=size], offset);
            window.advance(1 + size);
            if compressed {
                let ahead = u32::from(header).wrapping_sub(self.clock) & 31;
                message.set_time(self.clock.wrapping_add(ahead));
            }
            if let Some(time) = message.time() {
                self.clock = time;
            }
            if message.kind != Kind::Other {
                return Ok(Some(Event::Message(message)));
            }
        }
    }

    /// Reads a definition; a refusal says that one of its fields cannot be used.
    fn define(
        &mut self,
        window: &mut Window,
        offset: u64,
        header: u8,
    ) -> Result<Option<Refusal>, Stop> {
        const FIXED: usize = 6;
        available(window, self.end, offset, FIXED)?;
        let fields = FIXED..FIXED + 3 * usize::from(window.bytes()[5]);
        let mut size = fields.end;
        if header & 0x20 != 0 {
            available(window, self.end, offset, size + 1)?;
            size += 1 + 3 * usize::from(window.bytes()[size]);
        }
        available(window, self.end, offset, size)?;
        let bytes = &window.bytes()[..size];
        let mut definition = Definition::new(bytes[2], [bytes[3], bytes[4]]);
        let mut fits = true;
        for field in bytes[fields.clone()].as_chunks::<3>().0 {
            fits &= definition.push(*field);
        }
        for [_, size, _] in bytes[size.min(fields.end + 1)..].as_chunks::<3>().0 {
            definition.pad(*size);
        }
        self.definitions[usize::from(header & 15)] = Some(definition);
        window.advance(size);
        let message = "a field has a size that does not fit its type; it counts as absent";
        Ok((!fits).then(|| Refusal::new("misaligned_field", message).at("byte", offset)))
    }
}

/// Makes the first bytes of a record available, if they are still in the part and in the input.
#[inline]
fn available(window: &mut Window, end: u64, offset: u64, count: usize) -> Result<(), Stop> {
    if offset + count as u64 > end {
        let message = "a record is longer than what is left of its part; the rest of this part \
                       cannot be read: export the activity again";
        return Err(Stop::Broken(
            Refusal::new("misaligned_record", message).at("byte", offset),
        ));
    }
    match window.need(count)? {
        true => Ok(()),
        false => Err(Stop::Truncated),
    }
}

fn truncated(at: u64) -> Refusal {
    let message = "the file ends before it should; what was read until here is used: \
                   copy it from the device again";
    Refusal::new("truncated", message).at("byte", at)
}

fn stray(at: u64) -> Refusal {
    let message = "no header of FIT where one should be; read on at the next one";
    Refusal::new("no_header", message).at("byte", at)
}

fn not_fit() -> Error {
    Error::new(wom_sdk::Kind::InputInvalid, "this is not a FIT file")
        .hint("give the .fit file as the device wrote it; unpack it if it is in a .zip")
}
