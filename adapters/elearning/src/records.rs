//! Cuts JSON of any size into its records, without looking into them.
//!
//! Records stand in arrays, one on each line, or in pages `{"statements": [...], "more": "..."}`; arrays,
//! pages and lines may follow one another.

use std::io::Read;

use wom_sdk::{Error, Kind, Result};

use crate::window::Window;

/// How much of an element at most is read without its end being known.
pub(crate) const AT_HAND: usize = 16 * 1024;

/// One record, still as bytes.
#[derive(Debug)]
pub(crate) struct Piece<'a> {
    /// Its bytes; `None` if there are more than the limit.
    pub(crate) bytes: Option<&'a [u8]>,
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// Which record it is, from 1.
    pub(crate) number: u64,
}

/// What comes next in an input.
#[derive(Debug)]
pub(crate) enum Next<'a, T> {
    /// A record that was cut out, to be read.
    Cut(Piece<'a>),
    /// What was made of a record that was read where it stands, and how long that is.
    Read(T, usize),
}

/// The records of an input.
#[derive(Debug)]
pub(crate) struct Records {
    window: Window,
    state: State,
    line: u64,
    number: u64,
    /// Bytes of the last record, which are at hand until the next is asked for.
    pending: usize,
    /// Whether it is one line, so that no end of a line is in it.
    is_line: bool,
    /// What the last page named as the next.
    more: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Before the first byte.
    Fresh,
    /// Between records, arrays and pages.
    Between,
    /// After `[`, or after a record of an array.
    Array { page: bool, first: bool },
    /// At a member's name within a page.
    Page { first: bool },
}

impl Records {
    /// The records of a stream, each of at most `limit` bytes.
    pub(crate) fn new(source: Box<dyn Read + Send>, limit: usize) -> Self {
        Self::of(Window::new(source, limit))
    }

    /// The records of these bytes, each of at most `limit` bytes.
    pub(crate) fn over(bytes: Vec<u8>, limit: usize) -> Self {
        Self::of(Window::over(bytes, limit))
    }

    fn of(window: Window) -> Self {
        Self {
            window,
            state: State::Fresh,
            line: 1,
            number: 0,
            pending: 0,
            is_line: false,
            more: None,
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.window.taken()
    }

    /// What the last page named as the next; empty texts are none.
    pub(crate) fn take_more(&mut self) -> Option<String> {
        self.more.take().filter(|more| !more.is_empty())
    }

    /// The next record, or `None` after the last.
    ///
    /// Looking for the end of an element costs half as much as parsing it. So `read` is given what is
    /// at hand from an element's beginning on, [`AT_HAND`] bytes at most, and says what it makes of the
    /// element and how long that is; or `None`, whatever the reason, and then the element is cut out.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] or [`Kind::InputTruncated`] if the rest cannot be cut.
    pub(crate) fn next_or_read<T>(
        &mut self,
        read: impl FnOnce(&Piece<'_>) -> Option<(T, usize)>,
    ) -> Result<Option<Next<'_, T>>> {
        let pending = std::mem::take(&mut self.pending);
        match self.is_line {
            true => self.window.take(pending),
            false => self.take(pending),
        }
        self.is_line = false;
        loop {
            match self.state {
                State::Fresh => {
                    self.skip_mark()?;
                    if self.skip_blanks()?.is_none() {
                        return Err(Error::new(Kind::InputTruncated, "the input is empty")
                            .hint("an input without records is []"));
                    }
                    self.state = State::Between;
                }
                State::Between => match self.skip_blanks()? {
                    None => return Ok(None),
                    Some(b'[') => {
                        self.take(1);
                        self.state = State::Array {
                            page: false,
                            first: true,
                        };
                    }
                    Some(b'{') if self.begins_page()? => {
                        self.take(1);
                        self.state = State::Page { first: true };
                    }
                    Some(b'{') if self.stands_alone()? => {
                        return self.element().map(|piece| Some(Next::Cut(piece)));
                    }
                    Some(_) => return self.one_line().map(|piece| Some(Next::Cut(piece))),
                },
                State::Array { page, first } => {
                    if self.ends(b']', first)? {
                        self.state = match page {
                            true => State::Page { first: false },
                            false => State::Between,
                        };
                        continue;
                    }
                    self.state = State::Array { page, first: false };
                    if let Some((value, length)) = read(&self.at_hand()) {
                        self.number += 1;
                        self.pending = length;
                        return Ok(Some(Next::Read(value, length)));
                    }
                    return self.element().map(|piece| Some(Next::Cut(piece)));
                }
                State::Page { first } => {
                    self.state = match self.ends(b'}', first)? {
                        true => State::Between,
                        false => self.member()?,
                    };
                }
            }
        }
    }

    /// Takes a byte order mark.
    fn skip_mark(&mut self) -> Result<()> {
        while self.window.bytes().len() < 3 && self.window.more()? {}
        match self.window.bytes() {
            [0xEF, 0xBB, 0xBF, ..] => self.window.take(3),
            [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => {
                return Err(
                    Error::new(Kind::InputInvalid, "the input is UTF-16").hint("save it as UTF-8")
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the object at hand is a page: its first member is one that pages have.
    fn begins_page(&mut self) -> Result<bool> {
        loop {
            let bytes = self.window.bytes();
            let rest = bytes.get(1..).unwrap_or_default().trim_ascii_start();
            if let Some(rest) = rest.strip_prefix(b"\"") {
                if rest.len() >= NAME_LENGTH {
                    let is = |name: &[u8]| rest.starts_with(name) && rest[name.len()] == b'"';
                    return Ok(is(b"statements") || is(b"more"));
                }
            } else if !rest.is_empty() {
                return Ok(false);
            }
            if bytes.len() > self.window.limit() || !self.window.more()? {
                let name = rest_of(self.window.bytes());
                return Ok(name.starts_with(b"\"statements\"") || name.starts_with(b"\"more\""));
            }
        }
    }

    /// Whether the object at hand goes over several lines: nothing else is on its first line.
    fn stands_alone(&mut self) -> Result<bool> {
        loop {
            let rest = self.window.bytes().get(1..).unwrap_or_default();
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
            let blanks = rest.iter().take_while(blank).count();
            if let Some(byte) = rest.get(blanks) {
                return Ok(*byte == b'\n');
            }
            if blanks > self.window.limit() || !self.window.more()? {
                return Ok(false);
            }
        }
    }

    /// Goes to the next element of an array or member of an object; true if there is none.
    fn ends(&mut self, close: u8, first: bool) -> Result<bool> {
        let next = self.skip_blanks()?.ok_or_else(|| self.cut())?;
        if next == close {
            self.take(1);
            return Ok(true);
        }
        if first {
            return Ok(false);
        }
        if next != b',' {
            return Err(self.damage("a comma is missing between records"));
        }
        self.take(1);
        match self.skip_blanks()? {
            None => Err(self.cut()),
            Some(b']' | b'}' | b',') => Err(self.damage("a record is missing after a comma")),
            Some(_) => Ok(false),
        }
    }

    /// Reads a page's member, up to its records or past its value.
    fn member(&mut self) -> Result<State> {
        let name = self.small_text()?;
        if self.skip_blanks()? != Some(b':') {
            return Err(self.damage("a page's member has no value"));
        }
        self.take(1);
        let next = self.skip_blanks()?.ok_or_else(|| self.cut())?;
        match (name.as_str(), next) {
            ("statements", b'[') => {
                self.take(1);
                return Ok(State::Array {
                    page: true,
                    first: true,
                });
            }
            ("statements", _) => return Err(self.damage("statements must be an array")),
            ("more", b'"') => self.more = Some(self.small_text()?),
            _ => {
                let pending = self.cut_element()?.0;
                self.take(pending);
            }
        }
        Ok(State::Page { first: false })
    }

    /// A JSON text of moderate length.
    fn small_text(&mut self) -> Result<String> {
        let (length, whole) = self.cut_element()?;
        let text = match whole {
            true => serde_json::from_slice(&self.window.bytes()[..length]).ok(),
            false => None,
        };
        self.take(length);
        text.ok_or_else(|| self.damage("a page holds what pages do not hold"))
    }

    /// What is at hand of an element, and perhaps more, as far as it may be read without being cut.
    fn at_hand(&self) -> Piece<'_> {
        let bytes = self.window.bytes();
        let length = bytes.len().min(AT_HAND).min(self.window.limit());
        Piece {
            bytes: Some(&bytes[..length]),
            line: self.line,
            number: self.number + 1,
        }
    }

    /// Cuts one element of an array.
    fn element(&mut self) -> Result<Piece<'_>> {
        let line = self.line;
        let (length, whole) = self.cut_element()?;
        Ok(self.piece(line, length, whole))
    }

    /// The length of what is left of an element, and whether that is all of it.
    fn cut_element(&mut self) -> Result<(usize, bool)> {
        let mut scan = Scan::default();
        let (mut seen, mut whole) = (0, true);
        loop {
            if let Some(length) = scan.run(self.window.bytes(), seen) {
                return Ok((length, whole && length <= self.window.limit()));
            }
            seen = self.window.bytes().len();
            if seen > self.window.limit() {
                whole = false;
                self.take(seen);
                seen = 0;
            }
            if !self.window.more()? {
                return Err(self.cut());
            }
        }
    }

    /// Cuts one line.
    fn one_line(&mut self) -> Result<Piece<'_>> {
        let line = self.line;
        let (mut seen, mut whole) = (0, true);
        let length = loop {
            let bytes = self.window.bytes();
            if let Some(length) = memchr::memchr(b'\n', &bytes[seen..]) {
                break seen + length;
            }
            seen = bytes.len();
            if seen > self.window.limit() {
                whole = false;
                self.take(seen);
                seen = 0;
            }
            if !self.window.more()? {
                break seen;
            }
        };
        let whole = whole && length <= self.window.limit();
        self.is_line = true;
        Ok(self.piece(line, length, whole))
    }

    fn piece(&mut self, line: u64, length: usize, whole: bool) -> Piece<'_> {
        self.number += 1;
        self.pending = length;
        Piece {
            bytes: whole.then(|| &self.window.bytes()[..length]),
            line,
            number: self.number,
        }
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
        self.line += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.window.take(count);
    }

    fn cut(&self) -> Error {
        Error::new(
            Kind::InputTruncated,
            "the input ends within an array or page",
        )
        .with("line", self.line)
        .with("records", self.number)
        .hint("get the whole input again; what was read before stays good")
    }

    fn damage(&self, message: &'static str) -> Error {
        Error::new(Kind::InputInvalid, message)
            .with("line", self.line)
            .with("records", self.number)
            .hint(
                "the input must be an array of statements, one on each line, or saved pages; what was read before stays good",
            )
    }
}

/// So many bytes are enough to tell the first name of a page, with its quotation mark.
const NAME_LENGTH: usize = b"statements\"".len();

fn rest_of(bytes: &[u8]) -> &[u8] {
    bytes.get(1..).unwrap_or_default().trim_ascii_start()
}

/// Whether a record is nested deeper than so many levels.
pub(crate) fn is_deeper(record: &[u8], levels: u64) -> bool {
    let mut scan = Scan::default();
    scan.run(record, 0);
    scan.deepest > levels
}

/// Where we are within one element.
#[derive(Default)]
struct Scan {
    depth: u64,
    deepest: u64,
    in_string: bool,
    /// Whether the first byte after those at hand is taken as it comes, after a backslash.
    escaped: bool,
}

impl Scan {
    /// Goes over the bytes from `from` on; the length of the element, once its end is seen.
    fn run(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut index = from;
        if self.escaped && index < bytes.len() {
            self.escaped = false;
            index += 1;
        }
        while index < bytes.len() {
            if self.in_string {
                // Most bytes of most records stand within strings.
                let found = memchr::memchr2(b'"', b'\\', &bytes[index..])?;
                index += found;
                if bytes[index] == b'"' {
                    self.in_string = false;
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                    index += 1;
                } else {
                    self.escaped = index + 1 >= bytes.len();
                    index += 2;
                }
                continue;
            }
            match bytes[index] {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    self.deepest = self.deepest.max(self.depth);
                }
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
            index += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Records {
        /// The next record, cut out.
        fn next(&mut self) -> Result<Option<Piece<'_>>> {
            let next = self.next_or_read(|_| None::<((), usize)>)?;
            Ok(next.map(|next| match next {
                Next::Cut(piece) => piece,
                Next::Read((), _) => unreachable!(),
            }))
        }
    }

    /// Gives so many bytes at a time.
    struct Drip(Vec<u8>, usize, usize);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.2.min(self.0.len() - self.1).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[self.1..self.1 + count]);
            self.1 += count;
            Ok(count)
        }
    }

    fn cut(
        text: &str,
        drip: usize,
        limit: usize,
    ) -> (Vec<Option<String>>, Option<String>, Result<()>) {
        let mut records = Records::new(Box::new(Drip(text.as_bytes().to_vec(), 0, drip)), limit);
        let mut found = Vec::new();
        let outcome = loop {
            match records.next() {
                Ok(Some(piece)) => found.push(
                    piece
                        .bytes
                        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned()),
                ),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        (found, records.take_more(), outcome)
    }

    #[test]
    fn arrays_lines_and_pages_may_follow_one_another() {
        let text = "\u{feff}\n[{\"a\":1}, {\"b\":\"]}\\\"\"} ]\n{\"c\":3}\n\r\n{\"d\":4}\n\
            {\"statements\":[{\"e\":[5]}],\"more\":\"/x?y\"}{\"more\":\"\\u002fz\",\"total\":{\"n\":[1]},\"statements\":[]}\n{\n \"f\": 6\n}\n";
        for drip in [1, 2, 3, 7, 4_096] {
            let (found, more, outcome) = cut(text, drip, 1_000);
            outcome.unwrap();
            let expected = [
                "{\"a\":1}",
                "{\"b\":\"]}\\\"\"}",
                "{\"c\":3}",
                "{\"d\":4}",
                "{\"e\":[5]}",
                "{\n \"f\": 6\n}",
            ];
            let found: Vec<_> = found.iter().map(|one| one.as_deref().unwrap()).collect();
            assert_eq!(found, expected, "{drip}");
            assert_eq!(more.as_deref(), Some("/z"));
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_reading_goes_on() {
        let long = "x".repeat(500_000);
        for text in [
            format!("[{{\"a\":1}},{{\"b\":\"{long}\"}},{{\"c\":3}}]"),
            format!("{{\"a\":1}}\n{{\"b\":\"{long}\"}}\n{{\"c\":3}}\n"),
            format!("{{\"statements\":[{{\"a\":1}},{{\"b\":\"{long}\"}},{{\"c\":3}}]}}"),
        ] {
            let (found, _, outcome) = cut(&text, 4_096, 1_000);
            outcome.unwrap();
            let expected = [
                Some("{\"a\":1}".to_owned()),
                None,
                Some("{\"c\":3}".to_owned()),
            ];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn damage_between_records_is_an_error_with_its_line() {
        for (text, kind) in [
            ("", Kind::InputTruncated),
            ("[", Kind::InputTruncated),
            ("[{}", Kind::InputTruncated),
            ("[{} {}]", Kind::InputInvalid),
            ("[{},]", Kind::InputInvalid),
            ("{\"statements\":3}", Kind::InputInvalid),
            ("{\"statements\":[{}]", Kind::InputTruncated),
            ("{\"statements\" 3}", Kind::InputInvalid),
            ("\u{fffe}", Kind::InputInvalid),
        ] {
            let bytes = match text {
                "\u{fffe}" => vec![0xFF, 0xFE],
                text => text.as_bytes().to_vec(),
            };
            let mut records = Records::new(Box::new(std::io::Cursor::new(bytes)), 100);
            let error = loop {
                match records.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("{text} is no input"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind(), kind, "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_steps_the_records_are_the_same(
            texts in prop::collection::vec("[a-z\"\\\\\\[\\]{},:\\n]{0,40}", 1..6),
            drip in 1_usize..60,
            form in 0_u8..3,
        ) {
            let records: Vec<_> = texts.iter().map(|text| serde_json::json!({ "t": text }).to_string()).collect();
            let text = match form {
                0 => format!("[{}]", records.join(" ,\n")),
                1 => records.join("\n"),
                _ => format!("{{\"statements\": [{}], \"more\": \"/m\"}}", records.join(",")),
            };
            let (found, more, outcome) = cut(&text, drip, 4_000);
            outcome.unwrap();
            prop_assert_eq!(more.is_some(), form == 2);
            prop_assert_eq!(found.into_iter().map(Option::unwrap).collect::<Vec<_>>(), records);
        }
    }
}
