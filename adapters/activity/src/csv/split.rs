//! Cuts a table of any size into its rows, and a row into its cells.

use std::borrow::Cow;

use wom_sdk::{Error, Kind, Result, instrument::Window};

use crate::record::LIMIT;

/// One row, still as bytes without its line end.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// Its bytes, or what is wrong with it.
    pub(crate) bytes: Result<&'a [u8], Flaw>,
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
}

/// Why a row cannot be cut into cells. The next row begins at the next line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// More than [`LIMIT`] bytes.
    TooLarge,
    /// A quote within an unquoted cell, or text after the closing quote.
    StrayQuote,
    /// No closing quote within [`LIMIT`] bytes, or before the end.
    OpenQuote,
}

/// The rows of a table. Rows of blanks are passed over.
#[derive(Debug)]
pub(crate) struct Splitter {
    window: Window,
    delimiter: u8,
    line: u64,
    /// Bytes of the last row, which are at hand until the next is asked for.
    pending: usize,
}

impl Splitter {
    /// Finds out the delimiter: the first of comma, semicolon and tab in the first line.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] if there is no first line.
    pub(crate) fn new(mut window: Window) -> Result<Self> {
        window.skip_mark()?;
        let mut splitter = Self {
            window,
            delimiter: b',',
            line: 1,
            pending: 0,
        };
        if !splitter.skip_blank_lines()? {
            return Err(Error::new(Kind::InputTruncated, "the input is empty")
                .hint("the first line must name the columns"));
        }
        let delimiter = loop {
            let bytes = splitter.window.bytes();
            let found = bytes
                .iter()
                .find(|byte| matches!(byte, b',' | b';' | b'\t' | b'\n'));
            if found.is_some() || bytes.len() > LIMIT || !splitter.window.more()? {
                break splitter
                    .window
                    .bytes()
                    .iter()
                    .find(|byte| matches!(byte, b',' | b';' | b'\t' | b'\n'));
            }
        };
        splitter.delimiter = match delimiter {
            Some(b'\n') | None => b',',
            Some(found) => *found,
        };
        Ok(splitter)
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(crate) fn taken(&self) -> u64 {
        self.window.taken()
    }

    /// The next row, or `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        let pending = std::mem::take(&mut self.pending);
        self.take(pending);
        if !self.skip_blank_lines()? {
            return Ok(None);
        }
        let line = self.line;
        let mut scan = Scan::new(self.delimiter);
        let mut seen = 0;
        let end = loop {
            let bytes = self.window.bytes();
            if let Some(end) = scan.run(bytes, seen) {
                break end;
            }
            seen = bytes.len();
            if seen > LIMIT {
                break scan.overflow();
            }
            if !self.window.more()? {
                break scan.finish(seen);
            }
        };
        match end {
            End::Row(length) if length > LIMIT => self.flawed(line, Flaw::TooLarge),
            End::Row(length) => {
                self.pending = length;
                let bytes = &self.window.bytes()[..length];
                Ok(Some(Row {
                    bytes: Ok(bytes.strip_suffix(b"\r").unwrap_or(bytes)),
                    line,
                }))
            }
            End::Flaw(flaw) => self.flawed(line, flaw),
        }
    }

    /// Gives the row up and goes to the next line.
    fn flawed(&mut self, line: u64, flaw: Flaw) -> Result<Option<Row<'_>>> {
        loop {
            let bytes = self.window.bytes();
            if let Some(length) = bytes.iter().position(|byte| *byte == b'\n') {
                self.take(length);
                break;
            }
            self.take(bytes.len());
            if !self.window.more()? {
                break;
            }
        }
        Ok(Some(Row {
            bytes: Err(flaw),
            line,
        }))
    }

    /// Passes over lines of white space; false at the end of the input. A tab may be a delimiter,
    /// and a row of nothing but delimiters is no record either.
    fn skip_blank_lines(&mut self) -> Result<bool> {
        loop {
            let bytes = self.window.bytes();
            let blank = |byte: &u8| matches!(byte, b'\r' | b'\n');
            let count = bytes.iter().take_while(|byte| blank(byte)).count();
            let found = count < bytes.len();
            self.take(count);
            if found || !self.window.more()? {
                return Ok(found);
            }
        }
    }

    /// Takes bytes, and counts their lines.
    fn take(&mut self, count: usize) {
        let taken = &self.window.bytes()[..count];
        self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.window.take(count);
    }
}

enum End {
    /// The row has this length, without its line feed.
    Row(usize),
    Flaw(Flaw),
}

#[derive(Clone, Copy)]
enum At {
    CellStart,
    Plain,
    Quoted,
    /// After a quote within quotes: the end of the cell, or the first half of a quote.
    Quote,
    /// After a carriage return behind the closing quote: only a line feed may follow.
    Return,
}

struct Scan {
    at: At,
    delimiter: u8,
}

impl Scan {
    fn new(delimiter: u8) -> Self {
        Self {
            at: At::CellStart,
            delimiter,
        }
    }

    /// Goes over the bytes from `from` on, up to the end of the row.
    fn run(&mut self, bytes: &[u8], from: usize) -> Option<End> {
        for (index, byte) in bytes.iter().enumerate().skip(from) {
            self.at = match (self.at, byte) {
                (At::Quoted, b'"') => At::Quote,
                (At::Quoted, _) => At::Quoted,
                (At::Quote, b'"') => At::Quoted,
                (_, b'\n') => return Some(End::Row(index)),
                (At::Return, _) => return Some(End::Flaw(Flaw::StrayQuote)),
                (_, byte) if *byte == self.delimiter => At::CellStart,
                (At::CellStart, b'"') => At::Quoted,
                (At::Plain, b'"') => return Some(End::Flaw(Flaw::StrayQuote)),
                (At::CellStart | At::Plain, _) => At::Plain,
                (At::Quote, b'\r') => At::Return,
                (At::Quote, _) => return Some(End::Flaw(Flaw::StrayQuote)),
            };
        }
        None
    }

    fn overflow(&self) -> End {
        match self.at {
            At::Quoted | At::Quote => End::Flaw(Flaw::OpenQuote),
            _ => End::Flaw(Flaw::TooLarge),
        }
    }

    fn finish(&self, length: usize) -> End {
        match self.at {
            At::Quoted => End::Flaw(Flaw::OpenQuote),
            _ => End::Row(length),
        }
    }
}

/// The cells of a row that [`Splitter`] cut.
pub(crate) fn cells(row: &str, delimiter: u8) -> impl Iterator<Item = Cow<'_, str>> {
    let delimiter = char::from(delimiter);
    let mut rest = Some(row);
    std::iter::from_fn(move || {
        let row = rest?;
        let Some(quoted) = row.strip_prefix('"') else {
            let (cell, after) = match row.split_once(delimiter) {
                Some((cell, after)) => (cell, Some(after)),
                None => (row, None),
            };
            rest = after;
            return Some(Cow::Borrowed(cell));
        };
        let length = closing_quote(quoted);
        let (cell, after) = quoted.split_at(length);
        rest = after
            .get(1..)
            .and_then(|after| after.strip_prefix(delimiter));
        Some(if cell.contains('"') {
            Cow::Owned(cell.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(cell)
        })
    })
}

/// Where the quote stands that is not doubled, or the end.
fn closing_quote(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while let Some(quote) = bytes[index..].iter().position(|byte| *byte == b'"') {
        index += quote;
        if bytes.get(index + 1) != Some(&b'"') {
            return index;
        }
        index += 2;
    }
    bytes.len()
}
