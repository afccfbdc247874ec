//! Cuts a JSON document of any size into its records, in each of the three forms.

use wom_sdk::{
    Result,
    instrument::{
        Window,
        json::{Cutter, Piece},
    },
};

/// The records of one array, of `{"activities": [...]}`, or one on each line.
#[derive(Debug)]
pub(crate) struct Splitter {
    cutter: Cutter,
    state: State,
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
            cutter: Cutter::new(
                window,
                "one array of records, {\"activities\": [...]}, or one record on each line",
            ),
            state: State::Fresh,
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.cutter.taken()
    }

    /// The next record, or `None` after the last.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`](wom_sdk::Kind::InputInvalid) or
    /// [`Kind::InputTruncated`](wom_sdk::Kind::InputTruncated) if the rest cannot be cut.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>> {
        self.cutter.pass();
        loop {
            match self.state {
                State::Fresh => self.state = self.begin()?,
                State::Array { wrapped, first } => {
                    if self.cutter.ends(b']', first)? {
                        self.close(wrapped)?;
                        self.state = State::Done;
                        continue;
                    }
                    self.state = State::Array {
                        wrapped,
                        first: false,
                    };
                    return self.cutter.element().map(Some);
                }
                State::Lines => {
                    if self.cutter.skip_blanks()?.is_none() {
                        self.state = State::Done;
                        continue;
                    }
                    return self.cutter.line().map(Some);
                }
                State::Done => return Ok(None),
            }
        }
    }

    /// Finds out which of the three forms this is, and takes what stands before the records.
    fn begin(&mut self) -> Result<State> {
        match self.cutter.begin()? {
            b'[' => {
                self.cutter.take(1);
                Ok(State::Array {
                    wrapped: false,
                    first: true,
                })
            }
            b'{' => self.begin_object(),
            _ => Err(self
                .cutter
                .damage("this is not JSON: it begins with neither [ nor {")),
        }
    }

    fn begin_object(&mut self) -> Result<State> {
        loop {
            let bytes = self.cutter.bytes();
            match Opening::of(bytes) {
                Opening::Wrapper(length) => {
                    self.cutter.take(length);
                    return Ok(State::Array {
                        wrapped: true,
                        first: true,
                    });
                }
                Opening::NotAnArray => {
                    return Err(self.cutter.damage("activities must be an array of records"));
                }
                Opening::Undecided
                    if bytes.len() < self.cutter.limit() && self.cutter.more()? => {}
                Opening::Undecided | Opening::Other => break,
            }
        }
        let bytes = self.cutter.bytes();
        let first_line = bytes.split(|byte| *byte == b'\n').next();
        if first_line.is_some_and(|line| line.trim_ascii() == b"{") {
            return Err(self
                .cutter
                .damage("an object over several lines")
                .hint("put the records into an array, or each on a line of its own"));
        }
        Ok(State::Lines)
    }

    /// Checks what follows the array.
    fn close(&mut self, wrapped: bool) -> Result<()> {
        if wrapped {
            match self.cutter.skip_blanks()? {
                None => return Err(self.cutter.cut_off()),
                Some(b'}') => self.cutter.take(1),
                Some(_) => {
                    return Err(self
                        .cutter
                        .damage("the object may have no member beside activities"));
                }
            }
        }
        match self.cutter.skip_blanks()? {
            None => Ok(()),
            Some(_) => Err(self.cutter.damage("something follows the end of the array")),
        }
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
