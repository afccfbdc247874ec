//! Lines of an input of any size, plain or packed with gzip, one at a time and each bounded.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read},
};

use flate2::bufread::MultiGzDecoder;
use wom_sdk::{Error, Kind, Result};

/// How much is read at once.
const STEP: usize = 64 * 1024;

/// What a gzip file begins with.
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// How many times smaller than its content a packed log may be; real ones stay under 40.
const MAX_RATIO: u64 = 200;
/// From how many unpacked bytes on the ratio is asked.
const RATIO_FROM: u64 = 16 << 20;

/// One line of an input.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    /// Its bytes without the line's end; `None` if there are more than the limit.
    pub(crate) bytes: Option<&'a [u8]>,
    /// Which one it is, from 1.
    pub(crate) number: u64,
}

/// The lines of an input.
pub(crate) struct Lines {
    source: BufReader<Box<dyn Read + Send>>,
    limit: usize,
    line: Vec<u8>,
    number: u64,
    taken: u64,
}

impl Lines {
    /// The lines of a text; a byte order mark is passed over.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read, or is UTF-16.
    pub(crate) fn of_text(source: Box<dyn Read + Send>, limit: usize) -> Result<Self> {
        let (head, source) = peek(source, 3)?;
        let mut lines = Self {
            source: BufReader::with_capacity(STEP, source),
            limit,
            line: Vec::new(),
            number: 0,
            taken: 0,
        };
        match head.as_slice() {
            [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] => {
                return Err(Error::new(Kind::InputInvalid, "the input is UTF-16")
                    .hint("save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\")"));
            }
            [0xEF, 0xBB, 0xBF] => {
                lines.source.read_exact(&mut [0; 3]).map_err(unreadable)?;
                lines.taken = 3;
            }
            _ => {}
        }
        Ok(lines)
    }

    /// The lines of a text, which is unpacked on the way if it is packed with gzip.
    ///
    /// # Errors
    /// As [`of_text`](Self::of_text).
    pub(crate) fn of_log(source: Box<dyn Read + Send>, limit: usize) -> Result<Self> {
        let (head, source) = peek(source, GZIP.len())?;
        if head == GZIP {
            Self::of_text(Box::new(Unpacked::new(source)), limit)
        } else {
            Self::of_text(source, limit)
        }
    }

    /// Bytes of text that were taken since its beginning.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The next line, or `None` after the last.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`], [`Kind::InputTruncated`] or [`Kind::LimitExceeded`] if the input
    /// cannot be read further.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut whole, mut any) = (true, false);
        loop {
            let number = self.number;
            let bytes = self.source.fill_buf().map_err(|error| {
                let error = unreadable(error);
                error.with("line", number + 1)
            })?;
            if bytes.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', bytes);
            let part = end.unwrap_or(bytes.len());
            whole = whole && self.line.len() + part <= self.limit;
            if whole {
                self.line.extend_from_slice(&bytes[..part]);
            }
            let taken = end.map_or(part, |end| end + 1);
            self.source.consume(taken);
            self.taken += taken as u64;
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        if self.line.last() == Some(&b'\r') {
            self.line.pop();
        }
        Ok(Some(Line {
            bytes: whole.then_some(self.line.as_slice()),
            number: self.number,
        }))
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({} taken)", self.number)
    }
}

/// The first bytes of an input, at most so many, and the whole input.
pub(crate) fn peek(
    mut source: Box<dyn Read + Send>,
    count: usize,
) -> Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = Vec::with_capacity(count);
    (&mut source)
        .take(count as u64)
        .read_to_end(&mut head)
        .map_err(unreadable)?;
    let whole = io::Cursor::new(head.clone()).chain(source);
    Ok((head, Box::new(whole)))
}

/// What gzip holds, bounded by how tightly it is packed.
struct Unpacked {
    decoder: MultiGzDecoder<BufReader<Counted>>,
    given: u64,
}

impl Unpacked {
    fn new(source: Box<dyn Read + Send>) -> Self {
        let counted = Counted { source, taken: 0 };
        Self {
            decoder: MultiGzDecoder::new(BufReader::with_capacity(STEP, counted)),
            given: 0,
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| {
            let told = match error.kind() {
                io::ErrorKind::UnexpectedEof => {
                    Error::new(Kind::InputTruncated, "the gzip file ends too early")
                }
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                    Error::new(Kind::InputInvalid, "the gzip file is damaged")
                }
                _ => return error,
            };
            io::Error::other(told.hint("copy it again; what was read before stays good"))
        })?;
        self.given += count as u64;
        let packed = self.decoder.get_ref().get_ref().taken;
        if self.given > RATIO_FROM && self.given > packed.saturating_mul(MAX_RATIO) {
            let told = Error::new(
                Kind::LimitExceeded,
                "the gzip file is packed more tightly than any real log",
            )
            .with("ratio", MAX_RATIO)
            .hint("if it is a real log, unpack it first");
            return Err(io::Error::other(told));
        }
        Ok(count)
    }
}

struct Counted {
    source: Box<dyn Read + Send>,
    taken: u64,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.taken += count as u64;
        Ok(count)
    }
}

/// Our own words where there are some, else the system's.
fn unreadable(error: io::Error) -> Error {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(told) => told.clone(),
        None => Error::new(Kind::InputInvalid, "the input cannot be read")
            .with("reason", error.kind())
            .because(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn lines(bytes: &[u8], limit: usize) -> Vec<Option<String>> {
        let mut lines = Lines::of_log(Box::new(io::Cursor::new(bytes.to_vec())), limit).unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            assert_eq!(line.number, found.len() as u64 + 1);
            found.push(
                line.bytes
                    .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap()),
            );
        }
        found
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn last_error(bytes: Vec<u8>) -> Error {
        let mut lines = Lines::of_log(Box::new(io::Cursor::new(bytes)), 1 << 20).unwrap();
        loop {
            match lines.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no error"),
                Err(error) => return error,
            }
        }
    }

    #[test]
    fn lines_come_in_order_and_long_ones_without_bytes() {
        let long = "x".repeat(200_000);
        let text = format!("\u{feff}a\r\n\nb\n{long}\nc");
        let some = |text: &str| Some(text.to_owned());
        let expected = [some("a"), some(""), some("b"), None, some("c")];
        assert_eq!(lines(text.as_bytes(), 1000), expected);
        assert_eq!(lines(&packed(text.as_bytes()), 1000), expected);
        assert_eq!(lines(b"", 10), []);
        assert_eq!(lines(b"x", 1), [some("x")]);
    }

    #[test]
    fn members_of_a_gzip_file_follow_one_another() {
        let two = [packed(b"a\nb"), packed(b"c\n")].concat();
        assert_eq!(lines(&two, 10), [Some("a".into()), Some("bc".into())]);
    }

    #[test]
    fn a_bad_gzip_file_says_what_is_wrong_with_it() {
        let good = packed(&b"a line that says something\n".repeat(1000));
        let cut = last_error(good[..good.len() - 9].to_vec());
        assert_eq!(cut.kind(), Kind::InputTruncated);
        let mut damaged = good.clone();
        let last = damaged.len() - 6;
        damaged[last] ^= 1;
        assert_eq!(last_error(damaged).kind(), Kind::InputInvalid);
        let bomb = last_error(packed(&vec![b'x'; 40 << 20]));
        assert_eq!(bomb.kind(), Kind::LimitExceeded);
        assert!(bomb.advice().unwrap().contains("unpack it first"));
    }

    #[test]
    fn utf_16_is_refused() {
        let source = Box::new(io::Cursor::new(b"\xFF\xFEa\0".to_vec()));
        let error = Lines::of_text(source, 10).unwrap_err();
        assert!(error.advice().unwrap().contains("UTF-8"));
    }
}
