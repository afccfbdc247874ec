//! Cuts a JSON document of any size into its records, without looking into them.

use wom_sdk::{Error, Kind, Result};

use crate::window::{LIMIT, Window};

/// One record, still as bytes.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    /// Its bytes; `None` if there are more than [`LIMIT`].
    pub(crate) bytes: Option<&'a [u8]>,
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Which record it is, from 1.
    pub(crate) number: u64,
}

/// The records of one array, of `{"activities": [...]}`, or one on each line.
#[derive(Debug)]
pub(crate) struct Splitter {
    window: Window,
    state: State,
    line: u64,
    number: u64,
    /// Bytes of the last record, which are at hand until the next is asked for.
    pending: usize,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Fresh,
    /// After `[`, or after a record.
    Array {
        wrapped: bool,
        first: bool,
    },
    Lines,
    Done,
}

impl Splitter {
    pub(crate) fn new(window: Window) -> Self {
        Self {
            window,
            state: State::Fresh,
            line: 1,
            number: 0,
            pending: 0,
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.window.taken()
    }

    /// The next record, or `None` after the last.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] or [`Kind::InputTruncated`] if the rest cannot be cut.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>> {
        let pending = std::mem::take(&mut self.pending);
        self.take(pending);
        loop {
            match self.state {
                State::Fresh => self.state = self.begin()?,
                State::Array { wrapped, first } => {
                    if self.array_ends(first)? {
                        self.close(wrapped)?;
                        self.state = State::Done;
                        continue;
                    }
                    self.state = State::Array {
                        wrapped,
                        first: false,
                    };
                    return self.element().map(Some);
                }
                State::Lines => {
                    if self.skip_blanks()?.is_none() {
                        self.state = State::Done;
                        continue;
                    }
                    return self.one_line().map(Some);
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Finds out which of the three forms this is, and takes what stands before the records.
    fn begin(&mut self) -> Result<State> {
        self.window.skip_mark()?;
        match self.skip_blanks()? {
            None => Err(Error::new(Kind::InputTruncated, "the input is empty")
                .hint("an input without records is []")),
            Some(b'[') => {
                self.take(1);
                Ok(State::Array {
                    wrapped: false,
                    first: true,
                })
            }
            Some(b'{') => self.begin_object(),
            Some(_) => Err(self.damage("this is not JSON: it begins with neither [ nor {")),
        }
    }

    fn begin_object(&mut self) -> Result<State> {
        loop {
            let opening = Opening::of(self.window.bytes());
            match opening {
                Opening::Wrapper(length) => {
                    self.take(length);
                    return Ok(State::Array {
                        wrapped: true,
                        first: true,
                    });
                }
                Opening::NotAnArray => {
                    return Err(self.damage("activities must be an array of records"));
                }
                Opening::Undecided
                    if self.window.bytes().len() < LIMIT && self.window.more()? => {}
                Opening::Undecided | Opening::Other => break,
            }
        }
        let bytes = self.window.bytes();
        let first_line = bytes.split(|byte| *byte == b'\n').next();
        if first_line.is_some_and(|line| line.trim_ascii() == b"{") {
            return Err(self
                .damage("an object over several lines")
                .hint("put the records into an array, or each on a line of its own"));
        }
        Ok(State::Lines)
    }

    /// Goes to the next record of the array; true if there is none.
    fn array_ends(&mut self, first: bool) -> Result<bool> {
        let next = self.skip_blanks()?.ok_or_else(|| self.cut())?;
        if next == b']' {
            self.take(1);
            return Ok(true);
        }
        if first {
            return Ok(false);
        }
        if next != b',' {
            return Err(self.damage("a comma or ] is missing between records"));
        }
        self.take(1);
        match self.skip_blanks()? {
            None => Err(self.cut()),
            Some(b']' | b',') => Err(self.damage("a record is missing after a comma")),
            Some(_) => Ok(false),
        }
    }

    /// Checks what follows the array.
    fn close(&mut self, wrapped: bool) -> Result<()> {
        if wrapped {
            match self.skip_blanks()? {
                None => return Err(self.cut()),
                Some(b'}') => self.take(1),
                Some(_) => {
                    return Err(self.damage("the object may have no member beside activities"));
                }
            }
        }
        match self.skip_blanks()? {
            None => Ok(()),
            Some(_) => Err(self.damage("something follows the end of the array")),
        }
    }

    /// Cuts one element of an array: up to its closing bracket, or a scalar up to what ends it.
    fn element(&mut self) -> Result<Piece<'_>> {
        let (line, number) = (self.line, self.number + 1);
        let mut scan = Scan::default();
        let mut seen = 0;
        let mut whole = true;
        let length = loop {
            if let Some(length) = scan.run(self.window.bytes(), seen) {
                break length;
            }
            seen = self.window.bytes().len();
            if seen > LIMIT {
                whole = false;
                self.take(seen);
                seen = 0;
            }
            if !self.window.more()? {
                return Err(self.cut());
            }
        };
        self.number = number;
        self.pending = length;
        let whole = whole && length <= LIMIT;
        Ok(Piece {
            bytes: whole.then(|| &self.window.bytes()[..length]),
            line,
            number,
        })
    }

    /// Cuts one line.
    fn one_line(&mut self) -> Result<Piece<'_>> {
        let (line, number) = (self.line, self.number + 1);
        let mut seen = 0;
        let mut whole = true;
        let length = loop {
            let bytes = self.window.bytes();
            if let Some(length) = bytes[seen..].iter().position(|byte| *byte == b'\n') {
                break seen + length;
            }
            seen = bytes.len();
            if seen > LIMIT {
                whole = false;
                self.take(seen);
                seen = 0;
            }
            if !self.window.more()? {
                break seen;
            }
        };
        self.number = number;
        self.pending = length;
        let whole = whole && length <= LIMIT;
        Ok(Piece {
            bytes: whole.then(|| &self.window.bytes()[..length]),
            line,
            number,
        })
    }

    /// Takes white space and says which byte comes next.
    fn skip_blanks(&mut self) -> Result<Option<u8>> {
        loop {
            let bytes = self.window.bytes();
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let count = bytes.iter().take_while(|byte| blank(byte)).count();
            let next = bytes.get(count).copied();
            self.take(count);
            if next.is_some() {
                return Ok(next);
            }
            if !self.window.more()? {
                return Ok(None);
            }
        }
    }

    /// Takes bytes, and counts their lines.
    fn take(&mut self, count: usize) {
        let taken = &self.window.bytes()[..count];
        self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.window.take(count);
    }

    fn cut(&self) -> Error {
        Error::new(Kind::InputTruncated, "the input ends within the array")
            .with("line", self.line)
            .with("records", self.number)
            .hint("get the whole file again; what was read before stays good")
    }

    fn damage(&self, message: &'static str) -> Error {
        Error::new(Kind::InputInvalid, message)
            .with("line", self.line)
            .with("records", self.number)
            .hint(
                "the input must be one array of records, {\"activities\": [...]}, or one record on each line; what was read before stays good",
            )
    }
}

/// How an object begins.
enum Opening {
    /// As `{"activities": [`, of this length.
    Wrapper(usize),
    /// As `{"activities":`, but no array follows.
    NotAnArray,
    /// As something else.
    Other,
    /// More bytes are needed.
    Undecided,
}

impl Opening {
    fn of(bytes: &[u8]) -> Self {
        let mut rest = bytes;
        for (index, word) in ["{", "\"activities\"", ":", "["].into_iter().enumerate() {
            rest = rest.trim_ascii_start();
            let Some(after) = rest.strip_prefix(word.as_bytes()) else {
                if word.as_bytes().starts_with(rest) {
                    return Self::Undecided;
                }
                return if index == 3 {
                    Self::NotAnArray
                } else {
                    Self::Other
                };
            };
            rest = after;
        }
        Self::Wrapper(bytes.len() - rest.len())
    }
}

/// Where we are within one element.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Goes over the bytes from `from` on; the length of the element, once its end is seen.
    fn run(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate().skip(from) {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' if self.depth == 0 => return Some(index),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                b',' if self.depth == 0 => return Some(index),
                _ => {}
            }
        }
        None
    }
}
