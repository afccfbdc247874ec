//! A bounded window over an input of any size.

use std::{
    fmt,
    io::{self, ErrorKind, Read},
};

use super::Input;
use crate::{Error, Kind, Result};

/// How much is read at once.
const STEP: usize = 64 * 1024;

/// The part of an input that is at hand: the bytes from the first one that is not taken yet.
///
/// An adapter that reads through it keeps its promise of flat memory: whatever the input's size,
/// no more is held than a record of the largest size that it takes, and 128 KiB.
pub struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    taken: u64,
    limit: usize,
}

impl Window {
    /// A window in which a record of `limit` bytes has room. It begins small and grows up to that.
    pub fn new(source: Box<dyn Read + Send>, limit: usize) -> Self {
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
    pub fn over(bytes: Vec<u8>, limit: usize) -> Self {
        Self {
            source: Box::new(io::empty()),
            start: 0,
            end: bytes.len(),
            buffer: bytes,
            taken: 0,
            limit,
        }
    }

    /// A window over what an adapter of files is to read.
    ///
    /// # Errors
    /// As [`Input::into_reader`].
    pub fn open(input: Input, limit: usize) -> Result<Self> {
        match input {
            Input::Bytes(bytes) => Ok(Self::over(bytes, limit)),
            input => Ok(Self::new(input.into_reader()?, limit)),
        }
    }

    /// What is at hand.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Bytes taken since the beginning of the input.
    #[inline]
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The most bytes that a record may have.
    #[inline]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Gets more at the end of the window; false at the end of the input. Whoever uses it takes what
    /// is longer than the limit before asking for more.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read.
    pub fn more(&mut self) -> Result<bool> {
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
    #[inline]
    pub fn take(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.taken += count as u64;
    }

    /// Takes a byte order mark off the front of a fresh window.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the mark is that of UTF-16 or UTF-32, or the input cannot be read.
    pub fn skip_mark(&mut self) -> Result<()> {
        while self.bytes().len() < 3 && self.more()? {}
        match self.bytes() {
            [0xEF, 0xBB, 0xBF, ..] => self.take(3),
            [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => {
                return Err(Error::new(Kind::InputInvalid, "the input is UTF-16")
                    .hint("save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"));
            }
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Debug for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Window({} bytes taken)", self.taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that gives one byte at a time.
    struct Drip(Vec<u8>, usize);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(byte) = self.0.get(self.1) else {
                return Ok(0);
            };
            buffer[0] = *byte;
            self.1 += 1;
            Ok(1)
        }
    }

    fn through(mut window: Window) -> Vec<u8> {
        let mut seen = Vec::new();
        loop {
            while window.bytes().len() < 1000 && window.more().unwrap() {}
            let part = window.bytes().len().min(777);
            if part == 0 {
                assert_eq!(window.taken(), seen.len() as u64);
                return seen;
            }
            seen.extend_from_slice(&window.bytes()[..part]);
            window.take(part);
        }
    }

    #[test]
    fn all_bytes_pass_through_in_order() {
        let all: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let drip = Drip(all.clone(), 0);
        assert!(through(Window::new(Box::new(drip), 1_000)) == all);
        assert!(through(Window::over(all.clone(), 1_000)) == all);
        assert!(through(Window::open(Input::Bytes(all.clone()), 1_000).unwrap()) == all);
        let reader = Input::Reader(Box::new(io::Cursor::new(all.clone())));
        assert!(through(Window::open(reader, 1_000).unwrap()) == all);
    }

    #[test]
    fn a_record_of_the_limit_has_room_and_nothing_much_longer_is_held() {
        let limit = 1 << 20;
        let mut window = Window::new(Box::new(io::repeat(b'x')), limit);
        while window.bytes().len() <= limit && window.more().unwrap() {}
        assert!(window.bytes().len() > limit);
        assert!(window.buffer.len() <= limit + 2 * STEP);
    }

    #[test]
    fn a_mark_is_skipped_and_a_foreign_one_refused() {
        let open = |bytes: &[u8]| Window::new(Box::new(Drip(bytes.to_vec(), 0)), 1_000);
        let mut window = open(b"\xEF\xBB\xBFa");
        window.skip_mark().unwrap();
        assert_eq!(window.bytes(), b"");
        assert!(window.more().unwrap());
        assert_eq!(window.bytes(), b"a");
        assert!(open(b"\xFF\xFE[\0").skip_mark().is_err());
        assert!(open(b"").skip_mark().is_ok());
    }
}
