//! A bounded window over an input of any size.

use std::{
    fmt,
    io::{ErrorKind, Read},
};

use wom_sdk::{Error, Kind, Result};

/// The most bytes that one record may have.
pub(crate) const LIMIT: usize = 64 * 1024;

/// How much is read at once.
const STEP: usize = 64 * 1024;

/// The bytes at hand, from the first one not yet taken.
pub(crate) struct Window {
    source: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    taken: u64,
}

impl Window {
    pub(crate) fn new(source: Box<dyn Read + Send>) -> Self {
        Self {
            source,
            buffer: vec![0; LIMIT + 2 * STEP],
            start: 0,
            end: 0,
            taken: 0,
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

    /// Gets more at the end of the window; false at the end of the input, and if the window holds
    /// more than [`LIMIT`] already, which its users see to.
    pub(crate) fn more(&mut self) -> Result<bool> {
        if self.end + STEP > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
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

    /// Takes a byte order mark off the front of a fresh window.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the mark is that of UTF-16 or UTF-32.
    pub(crate) fn skip_mark(&mut self) -> Result<()> {
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
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some(byte) = self.0.get(self.1) else {
                return Ok(0);
            };
            buffer[0] = *byte;
            self.1 += 1;
            Ok(1)
        }
    }

    #[test]
    fn all_bytes_pass_through_in_order() {
        let all: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let mut window = Window::new(Box::new(Drip(all.clone(), 0)));
        let mut seen = Vec::new();
        loop {
            while window.bytes().len() < 1000 && window.more().unwrap() {}
            let part = window.bytes().len().min(777);
            if part == 0 {
                break;
            }
            seen.extend_from_slice(&window.bytes()[..part]);
            window.take(part);
        }
        assert!(seen == all);
        assert_eq!(window.taken(), 400_000);
    }

    #[test]
    fn a_mark_is_skipped_and_a_foreign_one_refused() {
        let open = |bytes: &[u8]| Window::new(Box::new(Drip(bytes.to_vec(), 0)));
        let mut window = open(b"\xEF\xBB\xBFa");
        window.skip_mark().unwrap();
        assert_eq!(window.bytes(), b"");
        assert!(window.more().unwrap());
        assert_eq!(window.bytes(), b"a");
        assert!(open(b"\xFF\xFE[\0").skip_mark().is_err());
        assert!(open(b"").skip_mark().is_ok());
    }
}
