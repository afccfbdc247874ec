//! Tables as offices keep them: rows of cells under a line that names the columns.

use std::{borrow::Cow, collections::VecDeque, fmt, io::Read};

use wom_sdk::{Error, Kind, Result, instrument::Refusal};

use crate::lines::{self, Line, Lines};

/// The most bytes of a row.
const LIMIT: usize = 64 * 1024;
/// Over how many lines one cell may go.
const LINES_OF_CELL: usize = 16;
/// Within how many lines from the top the names of the columns must stand.
const LINES_OF_TITLE: usize = 20;

/// The rows of a table, in UTF-8 or Windows-1252, with semicolons, commas or tabs between cells.
pub(crate) struct Table {
    lines: Lines,
    /// Lines that were looked at to find where a cell ends, and are rows of their own.
    waiting: VecDeque<Line>,
    parser: csv_core::Reader,
    delimiter: u8,
    /// How many of them stand between all of the columns.
    delimiters: usize,
}

/// One row: the line on which it begins, from 1, and its cells without blanks around them.
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) cells: Result<Vec<String>, Refusal>,
}

impl Table {
    /// Reads up to the line that names the columns, which is the first that `header` takes; titles
    /// may stand above it.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] for an input of nothing, [`Kind::InputInvalid`] if it cannot be read or
    /// has no such line.
    pub(crate) fn open<T>(
        source: Box<dyn Read + Send>,
        header: impl Fn(&[String]) -> Result<T, Cow<'static, str>>,
    ) -> Result<(Self, T)> {
        let mut table = Self {
            lines: Lines::new(source, LIMIT)?,
            waiting: VecDeque::new(),
            parser: csv_core::Reader::new(),
            delimiter: b',',
            delimiters: 0,
        };
        // Of several lines that name no columns the first one's fault is told.
        let mut fault = None;
        for _ in 0..LINES_OF_TITLE {
            let Some((number, Some(bytes))) = table.next_line()? else {
                break;
            };
            if is_blank(&bytes) {
                continue;
            }
            let delimiter = delimiter(&bytes);
            table.parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
            match header(&cells(&mut table.parser, &bytes)) {
                Ok(columns) => {
                    table.delimiter = delimiter;
                    table.delimiters = count(&bytes, delimiter).max(1);
                    return Ok((table, columns));
                }
                Err(why) => fault = fault.or(Some((number, why))),
            }
        }
        let (number, why) = fault.ok_or_else(|| {
            Error::new(Kind::InputTruncated, "the table is empty")
                .hint("one of its first lines must name the columns")
        })?;
        Err(Error::new(
            Kind::InputInvalid,
            "no line names the columns that are needed",
        )
        .with("line", number)
        .hint(why))
    }

    /// Bytes that were taken since the beginning of the input.
    pub(crate) fn taken(&self) -> u64 {
        self.lines.taken()
    }

    /// The next row that is not blank; `None` after the last.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read further.
    pub(crate) fn next(&mut self) -> Result<Option<Row>> {
        while let Some((line, bytes)) = self.next_line()? {
            let whole = match bytes {
                None => Err(Refusal::new("too_large", "the row has more than 64 KiB")),
                Some(bytes) if is_blank(&bytes) => continue,
                Some(bytes) => self.whole_row(bytes)?,
            };
            let cells = whole.map(|bytes| cells(&mut self.parser, &bytes));
            if cells
                .as_ref()
                .is_ok_and(|cells| cells.iter().all(String::is_empty))
            {
                continue;
            }
            return Ok(Some(Row { line, cells }));
        }
        Ok(None)
    }

    fn next_line(&mut self) -> Result<Option<Line>> {
        match self.waiting.pop_front() {
            Some(line) => Ok(Some(line)),
            None => self.lines.next(),
        }
    }

    /// Adds the lines over which a cell in quotes goes on. A quote that is never closed costs its
    /// own line and no more.
    fn whole_row(&mut self, first: Vec<u8>) -> Result<Result<Vec<u8>, Refusal>> {
        let mut open = opens_quote(&first);
        if !open {
            return Ok(Ok(first));
        }
        let mut whole = first;
        let mut taken: Vec<Line> = Vec::new();
        while open && whole.len() <= LIMIT && taken.len() < LINES_OF_CELL {
            let Some(line) = self.next_line()? else { break };
            let bytes = line.1.as_deref().unwrap_or_default();
            // Between two stray quotes whole rows would be lost in a cell.
            let is_row = line.1.is_none() || count(bytes, self.delimiter) >= self.delimiters;
            if !is_row {
                open ^= opens_quote(bytes);
                whole.push(b'\n');
                whole.extend_from_slice(bytes);
            }
            taken.push(line);
            if is_row {
                break;
            }
        }
        if !open {
            return Ok(Ok(whole));
        }
        for line in taken.into_iter().rev() {
            self.waiting.push_front(line);
        }
        Ok(Err(Refusal::new(
            "bad_csv",
            "a quote is not closed; close it, or double it if it belongs to the text",
        )))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} bytes taken)", self.lines.taken())
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.trim_ascii().is_empty()
}

fn opens_quote(bytes: &[u8]) -> bool {
    count(bytes, b'"') % 2 == 1
}

fn count(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|byte| **byte == wanted).count()
}

/// What stands most often in the line.
fn delimiter(line: &[u8]) -> u8 {
    let most = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|it| count(line, *it));
    most.unwrap_or(b',')
}

fn cells(parser: &mut csv_core::Reader, row: &[u8]) -> Vec<String> {
    parser.reset();
    let mut rest = row;
    let (mut cells, mut cell, mut part) = (Vec::new(), Vec::new(), [0; 256]);
    loop {
        // An empty input says that the row is over.
        let (result, taken, given) = parser.read_field(rest, &mut part);
        rest = &rest[taken..];
        cell.extend_from_slice(&part[..given]);
        match result {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end } => {
                cells.push(lines::text(&cell).trim().to_owned());
                cell.clear();
                if record_end {
                    return cells;
                }
            }
            csv_core::ReadFieldResult::End => return cells,
        }
    }
}

/// The name of a column with nothing but small letters and digits: `Check-in`, `check in` and
/// `CHECKIN` are one, and so are `Attività` and `attivita'`.
pub(crate) fn plain(name: &str) -> String {
    let letter = |c: char| match c {
        'à' | 'á' | 'â' | 'ä' => 'a',
        'è' | 'é' | 'ê' | 'ë' => 'e',
        'ì' | 'í' | 'î' | 'ï' => 'i',
        'ò' | 'ó' | 'ô' | 'ö' => 'o',
        'ù' | 'ú' | 'û' | 'ü' => 'u',
        other => other,
    };
    name.chars()
        .flat_map(char::to_lowercase)
        .map(letter)
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<Result<String, &'static str>> {
        let header = |cells: &[String]| match cells.first().map(String::as_str) {
            Some("a") => Ok(cells.len()),
            _ => Err("name a".into()),
        };
        let (mut table, _) =
            Table::open(Box::new(std::io::Cursor::new(bytes.to_vec())), header).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = table.next().unwrap() {
            rows.push(match row.cells {
                Ok(cells) => Ok(format!("{} {}", row.line, cells.join("|"))),
                Err(refusal) => Err(refusal.code),
            });
        }
        rows
    }

    #[test]
    fn separators_encodings_and_titles_are_found_out() {
        let expected = [Ok("4 1|perché".to_owned()), Ok("6 2|x, y".to_owned())];
        for text in [
            "\u{feff}Museo\r\n\r\na,b\r\n1,perché\r\n,\r\n2,\"x, y\"\r\n",
            "Museo\n\na;b\n1; perché \n;\n2;x, y",
            "Museo\n\na\tb\n1\tperché\n\t\n2\tx, y\n",
        ] {
            assert_eq!(read(text.as_bytes()), expected);
            let windows: Vec<u8> = text
                .trim_start_matches('\u{feff}')
                .chars()
                .map(|c| if c == 'é' { 0xE9 } else { c as u8 })
                .collect();
            assert_eq!(read(&windows), expected);
        }
    }

    #[test]
    fn a_bad_row_costs_its_line_and_no_more() {
        let long = "x".repeat(LIMIT + 1);
        let text = format!("a,b\n1,\"open\n2,ok\n{long}\n3,\"two\nlines\"\n4,\"x\n5,\"y\n");
        let expected = [
            Err("bad_csv"),
            Ok("3 2|ok".to_owned()),
            Err("too_large"),
            Ok("5 3|two\nlines".to_owned()),
            Err("bad_csv"),
            Err("bad_csv"),
        ];
        assert_eq!(read(text.as_bytes()), expected);
    }

    #[test]
    fn a_table_without_columns_says_so() {
        let open = |text: &str| {
            let source = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
            Table::open(source, |_| Err::<(), _>("name a".into())).unwrap_err()
        };
        assert_eq!(open("").kind(), Kind::InputTruncated);
        let error = open("\n1,2\n3,4\n");
        assert_eq!(error.kind(), Kind::InputInvalid);
        assert!(error.to_string().contains("line 2"), "{error}");
    }
}
