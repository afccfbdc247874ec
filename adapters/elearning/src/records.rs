//! The records of statements: in arrays, one on each line, or in pages
//! `{"statements": [...], "more": "..."}`; arrays, pages and lines may follow one another.

use wom_sdk::{
    Result,
    instrument::{
        Window,
        json::{Cutter, Piece},
    },
};

/// How much of an element at most is read without its end being known.
pub(crate) const AT_HAND: usize = 16 * 1024;

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
    cutter: Cutter,
    state: State,
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
    /// The records in this window.
    pub(crate) fn new(window: Window) -> Self {
        Self {
            cutter: Cutter::new(
                window,
                "an array of statements, one on each line, or saved pages",
            ),
            state: State::Fresh,
            more: None,
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        self.cutter.taken()
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
    /// [`Kind::InputInvalid`](wom_sdk::Kind::InputInvalid) or
    /// [`Kind::InputTruncated`](wom_sdk::Kind::InputTruncated) if the rest cannot be cut.
    pub(crate) fn next_or_read<T>(
        &mut self,
        read: impl FnOnce(&Piece<'_>) -> Option<(T, usize)>,
    ) -> Result<Option<Next<'_, T>>> {
        self.cutter.pass();
        loop {
            match self.state {
                State::Fresh => {
                    self.cutter.begin()?;
                    self.state = State::Between;
                }
                State::Between => match self.cutter.skip_blanks()? {
                    None => return Ok(None),
                    Some(b'[') => {
                        self.cutter.take(1);
                        self.state = State::Array {
                            page: false,
                            first: true,
                        };
                    }
                    Some(b'{') if self.begins_page()? => {
                        self.cutter.take(1);
                        self.state = State::Page { first: true };
                    }
                    Some(b'{') if self.stands_alone()? => {
                        return self.cutter.element().map(|piece| Some(Next::Cut(piece)));
                    }
                    Some(_) => return self.cutter.line().map(|piece| Some(Next::Cut(piece))),
                },
                State::Array { page, first } => {
                    if self.cutter.ends(b']', first)? {
                        self.state = match page {
                            true => State::Page { first: false },
                            false => State::Between,
                        };
                        continue;
                    }
                    self.state = State::Array { page, first: false };
                    if let Some((value, length)) = read(&self.cutter.at_hand(AT_HAND)) {
                        self.cutter.read(length);
                        return Ok(Some(Next::Read(value, length)));
                    }
                    return self.cutter.element().map(|piece| Some(Next::Cut(piece)));
                }
                State::Page { first } => {
                    self.state = match self.cutter.ends(b'}', first)? {
                        true => State::Between,
                        false => self.member()?,
                    };
                }
            }
        }
    }

    /// Whether the object at hand is a page: its first member is one that pages have.
    fn begins_page(&mut self) -> Result<bool> {
        loop {
            let bytes = self.cutter.bytes();
            let rest = rest_of(bytes);
            if let Some(rest) = rest.strip_prefix(b"\"") {
                if rest.len() >= NAME_LENGTH {
                    let is = |name: &[u8]| rest.starts_with(name) && rest[name.len()] == b'"';
                    return Ok(is(b"statements") || is(b"more"));
                }
            } else if !rest.is_empty() {
                return Ok(false);
            }
            if bytes.len() > self.cutter.limit() || !self.cutter.more()? {
                let name = rest_of(self.cutter.bytes());
                return Ok(name.starts_with(b"\"statements\"") || name.starts_with(b"\"more\""));
            }
        }
    }

    /// Whether the object at hand goes over several lines: nothing else is on its first line.
    fn stands_alone(&mut self) -> Result<bool> {
        loop {
            let rest = self.cutter.bytes().get(1..).unwrap_or_default();
            let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r');
            let blanks = rest.iter().take_while(blank).count();
            if let Some(byte) = rest.get(blanks) {
                return Ok(*byte == b'\n');
            }
            if blanks > self.cutter.limit() || !self.cutter.more()? {
                return Ok(false);
            }
        }
    }

    /// Reads a page's member, up to its records or past its value.
    fn member(&mut self) -> Result<State> {
        let name = self.small_text()?;
        if self.cutter.skip_blanks()? != Some(b':') {
            return Err(self.cutter.damage("a page's member has no value"));
        }
        self.cutter.take(1);
        let next = self.cutter.skip_blanks()?;
        let next = next.ok_or_else(|| self.cutter.cut_off())?;
        match (name.as_str(), next) {
            ("statements", b'[') => {
                self.cutter.take(1);
                return Ok(State::Array {
                    page: true,
                    first: true,
                });
            }
            ("statements", _) => {
                return Err(self.cutter.damage("statements must be an array"));
            }
            ("more", b'"') => self.more = Some(self.small_text()?),
            _ => self.cutter.skip_value()?,
        }
        Ok(State::Page { first: false })
    }

    /// A JSON text of moderate length.
    fn small_text(&mut self) -> Result<String> {
        let text = self.cutter.text()?;
        text.ok_or_else(|| self.cutter.damage("a page holds what pages do not hold"))
    }
}

/// So many bytes are enough to tell the first name of a page, with its quotation mark.
const NAME_LENGTH: usize = b"statements\"".len();

fn rest_of(bytes: &[u8]) -> &[u8] {
    bytes.get(1..).unwrap_or_default().trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;
    use wom_sdk::Kind;

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

    fn over(source: impl Read + Send + 'static, limit: usize) -> Records {
        Records::new(Window::new(Box::new(source), limit))
    }

    fn cut(
        text: &str,
        drip: usize,
        limit: usize,
    ) -> (Vec<Option<String>>, Option<String>, Result<()>) {
        let mut records = over(Drip(text.as_bytes().to_vec(), 0, drip), limit);
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
            let mut records = over(std::io::Cursor::new(bytes), 100);
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
