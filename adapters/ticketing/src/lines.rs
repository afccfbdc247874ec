//! Lines of an input of any size, each bounded, and the text in them.

use std::{
    borrow::Cow,
    io::{BufRead, BufReader, Read},
};

use wom_sdk::{Error, Kind, Result};

/// A line's number and its bytes without its end; without bytes if they are too many.
pub(crate) type Line = (u64, Option<Vec<u8>>);

/// The lines of a text.
pub(crate) struct Lines {
    source: BufReader<Box<dyn Read + Send>>,
    limit: usize,
    number: u64,
    taken: u64,
}

impl Lines {
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read, or is UTF-16.
    pub(crate) fn new(mut source: Box<dyn Read + Send>, limit: usize) -> Result<Self> {
        let mut head = Vec::new();
        let begin = (&mut source).take(3).read_to_end(&mut head);
        begin.map_err(unreadable)?;
        let taken = match head.as_slice() {
            [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => {
                return Err(Error::new(Kind::InputInvalid, "the input is UTF-16")
                    .hint("save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"));
            }
            [0xEF, 0xBB, 0xBF] => {
                head.clear();
                3
            }
            _ => 0,
        };
        let whole: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(head).chain(source));
        Ok(Self {
            source: BufReader::with_capacity(64 * 1024, whole),
            limit,
            number: 0,
            taken,
        })
    }

    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The next line with its number, without its end; without its bytes if they are too many.
    pub(crate) fn next(&mut self) -> Result<Option<Line>> {
        let mut line = Vec::new();
        let (mut is_whole, mut is_any) = (true, false);
        loop {
            let bytes = self.source.fill_buf().map_err(unreadable)?;
            if bytes.is_empty() {
                break;
            }
            is_any = true;
            // Old spreadsheets end lines with a carriage return alone.
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = end.unwrap_or(bytes.len());
            is_whole = is_whole && line.len() + part <= self.limit;
            if is_whole {
                line.extend_from_slice(&bytes[..part]);
            }
            let is_return = end.is_some_and(|end| bytes[end] == b'\r');
            let taken = end.map_or(part, |end| end + 1);
            self.source.consume(taken);
            self.taken += taken as u64;
            if is_return && self.source.fill_buf().map_err(unreadable)?.first() == Some(&b'\n') {
                self.source.consume(1);
                self.taken += 1;
            }
            if end.is_some() {
                break;
            }
        }
        if !is_any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some((self.number, is_whole.then_some(line))))
    }
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(Kind::InputInvalid, "the input cannot be read")
        .with("reason", error.kind())
        .because(error)
}

/// A text in UTF-8, or else in Windows-1252, in which any bytes are a text.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    /// What Windows-1252 has for 0x80 to 0x9F.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => bytes
            .iter()
            .map(|byte| match byte {
                0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
                other => char::from(*other),
            })
            .collect(),
    }
}
