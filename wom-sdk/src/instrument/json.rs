//! Cutting JSON of any size into its records, without looking into them.

use super::Window;
use crate::{Error, Kind, Result};

/// One record, still as bytes.
#[derive(Debug)]
pub struct Piece<'a> {
    /// Its bytes; `None` if there are more than the limit.
    pub bytes: Option<&'a [u8]>,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Which record it is, from 1.
    pub number: u64,
}

/// Cuts records out of an input: elements of an array, or lines.
///
/// An adapter knows what may stand around its records, and asks for what it expects there. Before
/// it goes on after a record it [passes](Self::pass) that.
#[derive(Debug)]
pub struct Cutter {
    window: Window,
    form: &'static str,
    line: u64,
    number: u64,
    /// Bytes of the last record, which are at hand until it is passed.
    pending: usize,
    /// Whether it is one line, so that no end of a line is in it.
    is_line: bool,
}

impl Cutter {
    /// Cuts what is in this window. `form` says in the hint of an error what the input must be,
    /// such as `one array of records`.
    pub fn new(window: Window, form: &'static str) -> Self {
        Self {
            window,
            form,
            line: 1,
            number: 0,
            pending: 0,
            is_line: false,
        }
    }

    /// Bytes taken since the beginning of the input.
    pub fn taken(&self) -> u64 {
        self.window.taken()
    }

    /// What is at hand.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.window.bytes()
    }

    /// The most bytes that a record may have.
    #[inline]
    pub fn limit(&self) -> usize {
        self.window.limit()
    }

    /// Gets more to hand; false at the end of the input.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read.
    pub fn more(&mut self) -> Result<bool> {
        self.window.more()
    }

    /// Takes bytes off the front, and counts their lines.
    ///
    /// # Panics
    /// If there are fewer at hand.
    #[inline]
    pub fn take(&mut self, count: usize) {
        let taken = &self.window.bytes()[..count];
        self.line += memchr::memchr_iter(b'\n', taken).count() as u64;
        self.window.take(count);
    }

    /// At the beginning of an input: takes a byte order mark and white space, and says which byte
    /// comes first.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] if there is none, [`Kind::InputInvalid`] if this is not UTF-8.
    pub fn begin(&mut self) -> Result<u8> {
        self.window.skip_mark()?;
        self.skip_blanks()?.ok_or_else(|| {
            Error::new(Kind::InputTruncated, "the input is empty")
                .hint("an input without records is []")
        })
    }

    /// Takes white space and says which byte comes next; `None` at the end of the input.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read.
    #[inline]
    pub fn skip_blanks(&mut self) -> Result<Option<u8>> {
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

    /// Goes to the next element of an array or member of an object that ends with `close`; true if
    /// there is none, and then the end is taken. `first` says that none was there before.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] at the end of the input, [`Kind::InputInvalid`] where a comma is
    /// missing or nothing follows it.
    pub fn ends(&mut self, close: u8, first: bool) -> Result<bool> {
        let next = self.skip_blanks()?.ok_or_else(|| self.cut_off())?;
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
            None => Err(self.cut_off()),
            Some(b']' | b'}' | b',') => Err(self.damage("a record is missing after a comma")),
            Some(_) => Ok(false),
        }
    }

    /// Cuts one element of an array: up to its closing bracket, or a scalar up to what ends it.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] at the end of the input.
    pub fn element(&mut self) -> Result<Piece<'_>> {
        let line = self.line;
        let (length, whole) = self.scan(Scan::default())?;
        self.is_line = false;
        Ok(self.piece(line, length, whole))
    }

    /// Cuts one line, without its end.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read.
    pub fn line(&mut self) -> Result<Piece<'_>> {
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

    /// The beginning of the next element as far as it is at hand, at most so many bytes, and perhaps
    /// more than the element. Whoever makes something of that says so with [`read`](Self::read), and
    /// has saved looking for the element's end.
    #[inline]
    pub fn at_hand(&self, most: usize) -> Piece<'_> {
        let bytes = self.window.bytes();
        let length = bytes.len().min(most).min(self.window.limit());
        Piece {
            bytes: Some(&bytes[..length]),
            line: self.line,
            number: self.number + 1,
        }
    }

    /// The next element was read where it stands, and has this length.
    #[inline]
    pub fn read(&mut self, length: usize) {
        self.number += 1;
        self.pending = length;
        self.is_line = false;
    }

    /// Passes the record that was cut or read last, if it is not passed yet.
    #[inline]
    pub fn pass(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        match self.is_line {
            true => self.window.take(pending),
            false => self.take(pending),
        }
    }

    /// Takes a text, such as the name of a member, within the limit; `None` if there is none.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] at the end of the input.
    pub fn text(&mut self) -> Result<Option<String>> {
        let scan = Scan {
            is_text: true,
            ..Scan::default()
        };
        let (length, whole) = self.scan(scan)?;
        let text = match whole {
            true => serde_json::from_slice(&self.window.bytes()[..length]).ok(),
            false => None,
        };
        self.take(length);
        Ok(text)
    }

    /// Takes a value that nobody looks at, of any size.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] at the end of the input.
    pub fn skip_value(&mut self) -> Result<()> {
        let (length, _) = self.scan(Scan::default())?;
        self.take(length);
        Ok(())
    }

    /// The error that the input ends where it must not.
    pub fn cut_off(&self) -> Error {
        Error::new(
            Kind::InputTruncated,
            "the input ends within an array or object",
        )
        .with("line", self.line)
        .with("records", self.number)
        .hint("get the whole input again; what was read before stays good")
    }

    /// The error that the rest of the input cannot be told apart, for this reason.
    pub fn damage(&self, reason: &'static str) -> Error {
        Error::new(Kind::InputInvalid, reason)
            .with("line", self.line)
            .with("records", self.number)
            .hint(format!(
                "the input must be {}; what was read before stays good",
                self.form
            ))
    }

    /// The length of what is left of a value, and whether that is all of it.
    fn scan(&mut self, mut scan: Scan) -> Result<(usize, bool)> {
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
                return Err(self.cut_off());
            }
        }
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
}

/// Whether a record is nested deeper than so many levels.
pub fn is_deeper(record: &[u8], levels: u64) -> bool {
    let mut scan = Scan::default();
    scan.run(record, 0);
    scan.deepest > levels
}

/// Where we are within one value.
#[derive(Default)]
struct Scan {
    /// Whether the value is a text, and so ends with its quotation mark.
    is_text: bool,
    depth: u64,
    deepest: u64,
    in_string: bool,
    /// Whether the first byte after those at hand is taken as it comes, after a backslash.
    escaped: bool,
}

impl Scan {
    /// Goes over the bytes from `from` on; the length of the value, once its end is seen.
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
                    index += 1;
                    if self.is_text && self.depth == 0 {
                        return Some(index);
                    }
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
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;

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

    fn cutter(text: &str, drip: usize, limit: usize) -> Cutter {
        let source = Drip(text.as_bytes().to_vec(), 0, drip);
        Cutter::new(Window::new(Box::new(source), limit), "an array")
    }

    /// The elements of an array, and the lines on which they begin.
    fn elements(text: &str, drip: usize, limit: usize) -> Result<Vec<(Option<String>, u64)>> {
        let mut cutter = cutter(text, drip, limit);
        assert_eq!(cutter.begin()?, b'[');
        cutter.take(1);
        let mut found = Vec::new();
        loop {
            cutter.pass();
            if cutter.ends(b']', found.is_empty())? {
                assert_eq!(cutter.skip_blanks()?, None);
                assert_eq!(cutter.taken(), text.len() as u64);
                return Ok(found);
            }
            let piece = cutter.element()?;
            assert_eq!(piece.number, found.len() as u64 + 1);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
            found.push((piece.bytes.map(text), piece.line));
        }
    }

    #[test]
    fn what_is_too_long_is_left_out_and_lines_are_counted_on() {
        let long = "x".repeat(500_000);
        let text = format!("\u{feff}[{{\"a\":1}},\n{{\"b\":\n\"{long}\"}},\n\n3 ,\"]}}\\\"\"]\n");
        let expected = [
            (Some("{\"a\":1}".to_owned()), 1),
            (None, 2),
            (Some("3".to_owned()), 5),
            (Some("\"]}\\\"\"".to_owned()), 5),
        ];
        for drip in [1, 7, 4_096, 1 << 20] {
            assert_eq!(elements(&text, drip, 1_000).unwrap(), expected, "{drip}");
        }
    }

    #[test]
    fn of_an_element_without_an_end_little_is_held() {
        let text = format!("[\"{}\",1]", "x".repeat(5_000_000));
        let mut cutter = cutter(&text, 1 << 20, 1_000);
        cutter.begin().unwrap();
        cutter.take(1);
        assert!(!cutter.ends(b']', true).unwrap());
        assert!(cutter.element().unwrap().bytes.is_none());
        assert!(cutter.bytes().len() <= 1_000 + 2 * 64 * 1024);
    }

    #[test]
    fn damage_between_elements_says_where_and_what_is_meant() {
        for (text, kind, line) in [
            ("", Kind::InputTruncated, None),
            ("[", Kind::InputTruncated, Some("1")),
            ("[1,\n", Kind::InputTruncated, Some("2")),
            ("[{}\n{}]", Kind::InputInvalid, Some("2")),
            ("[{},\n]", Kind::InputInvalid, Some("2")),
            ("[{},}", Kind::InputInvalid, Some("1")),
            ("[{\"a", Kind::InputTruncated, Some("1")),
        ] {
            let error = elements(text, 1, 100).unwrap_err();
            let told = error.context().find(|(name, _)| *name == "line");
            assert_eq!(
                (error.kind(), told.map(|told| told.1)),
                (kind, line),
                "{text}"
            );
        }
        let error = elements("[{} {}]", 1, 100).unwrap_err();
        assert!(error.advice().unwrap().contains("must be an array;"));
    }

    #[test]
    fn lines_texts_and_values_follow_one_another() {
        let mut cutter = cutter("\"na\\u006de\": [{\"x\": \"}\"}] ,\na line\n", 1, 100);
        cutter.begin().unwrap();
        assert_eq!(cutter.text().unwrap().as_deref(), Some("name"));
        assert_eq!(cutter.skip_blanks().unwrap(), Some(b':'));
        cutter.take(1);
        cutter.skip_value().unwrap();
        assert_eq!(cutter.skip_blanks().unwrap(), Some(b','));
        cutter.take(1);
        cutter.skip_blanks().unwrap();
        let line = cutter.line().unwrap();
        assert_eq!((line.bytes, line.line), (Some(&b"a line"[..]), 2));
        cutter.pass();
        assert_eq!(cutter.skip_blanks().unwrap(), None);
        assert_eq!(cutter.taken(), 35);
    }

    #[test]
    fn depth_is_that_of_brackets_outside_of_texts() {
        assert!(is_deeper(b"[[{\"a\":[1]}]]", 3));
        assert!(!is_deeper(b"[[{\"a\":[1]}]]", 4));
        assert!(!is_deeper(b"{\"[[[[\\\"[[[\":0}", 1));
    }

    proptest! {
        #[test]
        fn whatever_the_steps_the_records_are_the_same(
            texts in prop::collection::vec("[a-z\"\\\\\\[\\]{},:\\n]{0,40}", 1..6),
            drip in 1_usize..60,
        ) {
            let record = |text: &String| serde_json::json!({ "t": text }).to_string();
            let records: Vec<_> = texts.iter().map(record).collect();
            let found = elements(&format!("[{}]", records.join(" ,\n")), drip, 4_000).unwrap();
            let found: Vec<_> = found.into_iter().map(|(text, _)| text.unwrap()).collect();
            prop_assert_eq!(found, records);
        }
    }
}
