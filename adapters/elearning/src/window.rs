//! A bounded window over an input of any size.

use std::{
    fmt,
    io::{ErrorKind, Read},
};

use wom_sdk::{Error, Kind, Result};

/// How much is read at once.
const STEP: usize = 64 * 1024;

/// The bytes at hand, from the first one not yet taken.
pub(crate) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    taken: u64,
    limit: usize,
}

impl Window {
    /// A window in which a record of `limit` bytes has room. It begins small and grows up to that.
    pub(crate) fn new(source: Box<dyn Read + Send>, limit: usize) -> Self {
        Self {
            source,
            buffer: vec![0; 2 * STEP],
            start: 0,
            end: 0,
            taken: 0,
            limit,
        }
    }

    /// A window over bytes that are at hand already: they are not copied.
    pub(crate) fn over(bytes: Vec<u8>, limit: usize) -> Self {
        Self {
            source: Box::new(std::io::empty()),
            start: 0,
            end: bytes.len(),
            buffer: bytes,
            taken: 0,
            limit,
        }
    }

    /// What is at hand.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes taken since the beginning of the input.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The most bytes that a record may have.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Gets more at the end of the window; false at the end of the input. Whoever uses it takes what
    /// is longer than the limit before asking for more.
    pub(crate) fn more(&mut self) -> Result<bool> {
        if self.end + STEP > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            // Twice as much each time, so that a long record is not copied once for each step.
            if self.end + STEP > self.buffer.len() {
                let most = self.limit + 2 * STEP;
                let grown = (self.buffer.len() * 2).min(most).max(self.end + STEP);
                self.buffer.resize(grown, 0);
            }
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(count) => {
                    self.end += count;
                    return Ok(true);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Error::new(Kind::InputInvalid, "the input cannot be read")
                        .with("reason", error.kind())
                        .with("byte", self.taken)
                        .because(error));
                }
            }
        }
    }

    /// Takes `count` bytes off the front, at most those at hand.
    pub(crate) fn take(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.taken += count as u64;
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({} bytes taken)", self.taken)
    }
}
