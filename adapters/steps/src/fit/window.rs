//! A window that moves over the input: all of it is summed, none of it is kept.

use std::io::{ErrorKind, Read};

use wom_sdk::{Error, Kind, Result};

use super::crc::Crc;

/// More than the longest record (255 fields and 255 developer fields of 255 bytes) needs, so that
/// one always fits.
const SIZE: usize = 256 * 1024;

/// The part of the input at hand.
pub(super) struct Window {
    reader: Box<dyn Read + Send>,
    bytes: Box<[u8]>,
    /// `bytes[start..end]` is read and not used yet.
    start: usize,
    end: usize,
    /// `bytes[summed..start]` is used and not in the checksum yet: it is fed in long pieces.
    summed: usize,
    crc: Crc,
    /// Where in the input `bytes[0]` is.
    base: u64,
}

impl Window {
    pub(super) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self {
            reader,
            bytes: vec![0; SIZE].into_boxed_slice(),
            start: 0,
            end: 0,
            summed: 0,
            crc: Crc::default(),
            base: 0,
        }
    }

    /// Where in the input the next byte is.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// What is read and not used yet.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Makes this many bytes (at most half of the window) available; `false` if the input ends
    /// before.
    #[inline]
    pub(super) fn need(&mut self, count: usize) -> Result<bool> {
        if self.end - self.start >= count {
            return Ok(true);
        }
        self.fill(count)
    }

    /// Moves on by this many available bytes.
    #[inline]
    pub(super) fn advance(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// Moves on by this many bytes, however many; returns how many of them the input lacked.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<u64> {
        while count > 0 && self.need(1)? {
            let step = self
                .bytes()
                .len()
                .min(usize::try_from(count).unwrap_or(SIZE));
            self.advance(step);
            count -= step as u64;
        }
        Ok(count)
    }

    /// Starts a new checksum at the next byte.
    pub(super) fn start_sum(&mut self) {
        self.summed = self.start;
        self.crc = Crc::default();
    }

    /// The checksum from where it was started until just before the next byte.
    pub(super) fn sum(&mut self) -> u16 {
        self.crc.feed(&self.bytes[self.summed..self.start]);
        self.summed = self.start;
        self.crc.sum()
    }

    fn fill(&mut self, count: usize) -> Result<bool> {
        self.sum();
        self.bytes.copy_within(self.start..self.end, 0);
        self.base += self.start as u64;
        self.end -= self.start;
        (self.start, self.summed) = (0, 0);
        while self.end < count {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(
                        Error::new(Kind::InputInvalid, "the input cannot be read on")
                            .with("byte", self.base + self.end as u64)
                            .because(error),
                    );
                }
            }
        }
        Ok(true)
    }
}
