//! Tables: CSV with a header row, whose columns are found by their names.

use std::{borrow::Cow, collections::VecDeque, io::Read};

use wom_sdk::{Error, Kind, Result, instrument::Refusal};

use crate::lines::Lines;

/// The most bytes that one row may have.
const LIMIT: usize = 64 * 1024;

/// The rows of a table. Commas, semicolons and tabs may stand between cells.
pub(crate) struct Table {
    lines: Lines,
    /// Lines that were read to find where a row ends, and are rows of their own.
    waiting: VecDeque<NumberedLine>,
    parser: csv_core::Reader,
    header: Vec<String>,
}

/// One row.
pub(crate) struct Row<'a> {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    /// What is in it, or what is wrong with it.
    pub(crate) cells: Result<Cells<'a>, Refusal>,
}

/// What is in a row.
pub(crate) struct Cells<'a> {
    header: &'a [String],
    cells: Vec<String>,
}

impl Table {
    /// A table whose first line names its columns.
    ///
    /// # Errors
    /// [`Kind::InputTruncated`] for an input of nothing, [`Kind::InputInvalid`] if the first line
    /// is no header, [`Kind::LimitExceeded`] if it has more than 64 KiB.
    pub(crate) fn open(source: Box<dyn Read + Send>) -> Result<Self> {
        let mut lines = Lines::of_text(source, LIMIT)?;
        let Some(first) = lines.next()? else {
            return Err(Error::new(Kind::InputTruncated, "the input is empty")
                .hint("the first line must name the columns"));
        };
        let Some(bytes) = first.bytes else {
            return Err(
                Error::new(Kind::LimitExceeded, "the first line has more than 64 KiB")
                    .with("line", 1)
                    .hint("the first line must name the columns"),
            );
        };
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Error::new(Kind::InputInvalid, "the first line is not in UTF-8")
                .with("line", 1)
                .hint("save the table as UTF-8 (in a spreadsheet: \"CSV UTF-8\")")
        })?;
        let delimiter = text
            .bytes()
            .find(|byte| matches!(byte, b',' | b';' | b'\t'))
            .unwrap_or(b',');
        let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let header = cells(&mut parser, text)
            .into_iter()
            .map(|name| name.trim().to_owned())
            .collect();
        Ok(Self {
            lines,
            waiting: VecDeque::new(),
            parser,
            header,
        })
    }

    /// The names of the columns.
    pub(crate) fn header(&self) -> &[String] {
        &self.header
    }

    /// Bytes that were taken since the beginning of the input.
    pub(crate) fn taken(&self) -> u64 {
        self.lines.taken()
    }

    /// The next row that is not blank; `None` after the last.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the input cannot be read further.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        loop {
            let Some((line, text)) = self.next_line()? else {
                return Ok(None);
            };
            let text = match text {
                Ok(text) if text.trim().is_empty() => continue,
                Ok(text) => self.whole_row(text)?,
                Err(refusal) => Err(refusal),
            };
            let cells = text.map(|text| cells(&mut self.parser, &text));
            if cells
                .as_ref()
                .is_ok_and(|cells| cells.iter().all(|cell| cell.trim().is_empty()))
            {
                continue;
            }
            let expected = self.header.len();
            let cells = cells.and_then(|cells| match cells.len() {
                count if count == expected => Ok(Cells { header: &self.header, cells }),
                count => Err(Refusal::new(
                    "bad_csv",
                    format!("the row has {count} cells and the header {expected}; export the table again"),
                )),
            });
            return Ok(Some(Row { line, cells }));
        }
    }

    fn next_line(&mut self) -> Result<Option<NumberedLine>> {
        if let Some(waiting) = self.waiting.pop_front() {
            return Ok(Some(waiting));
        }
        let Some(line) = self.lines.next()? else {
            return Ok(None);
        };
        let text = match line.bytes.map(std::str::from_utf8) {
            None => Err(Refusal::new("too_large", "the row has more than 64 KiB")),
            Some(Err(_)) => Err(Refusal::new(
                "not_utf8",
                "the row is not in UTF-8; save the table as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
            )),
            Some(Ok(text)) => Ok(text.to_owned()),
        };
        Ok(Some((line.number, text)))
    }

    /// Adds the lines that belong to the row because a cell in quotes goes on over them. A quote
    /// that is never closed costs its line and no more.
    fn whole_row(&mut self, first: String) -> Result<Result<String, Refusal>> {
        let mut open = has_open_quote(&first);
        let mut whole = first;
        let mut taken = Vec::new();
        while open && whole.len() <= LIMIT {
            let Some(line) = self.next_line()? else {
                break;
            };
            let Ok(text) = &line.1 else {
                taken.push(line);
                break;
            };
            open ^= has_open_quote(text);
            whole.push('\n');
            whole.push_str(text);
            taken.push(line);
        }
        if !open {
            return Ok(Ok(whole));
        }
        for line in taken.into_iter().rev() {
            self.waiting.push_front(line);
        }
        Ok(Err(Refusal::new(
            "bad_csv",
            "a quote is not closed within 64 KiB; close it, or double it if it belongs to the text",
        )))
    }
}

/// A line, or what is wrong with it.
type NumberedLine = (u64, Result<String, Refusal>);

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({} columns, {:?})", self.header.len(), self.lines)
    }
}

impl Cells<'_> {
    /// The cell in the column of this name without blanks around it; empty if there is no such
    /// column.
    pub(crate) fn cell(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.cells.get(at))
            .map_or("", |cell| cell.trim())
    }

    /// As [`cell`](Self::cell), and refused where there is nothing in it.
    pub(crate) fn filled(&self, column: &'static str) -> Result<&str, Refusal> {
        match self.cell(column) {
            "" => Err(Refusal::new("missing_field", "is empty").field(column)),
            text => Ok(text),
        }
    }
}

fn has_open_quote(text: &str) -> bool {
    memchr::memchr_iter(b'"', text.as_bytes()).count() % 2 == 1
}

/// The cells of one row.
fn cells(parser: &mut csv_core::Reader, row: &str) -> Vec<String> {
    parser.reset();
    let mut bytes = row.as_bytes();
    let mut cells = Vec::new();
    let mut cell = Vec::new();
    let mut part = [0; 1024];
    loop {
        // An empty input says that the row is over.
        let (result, taken, given) = parser.read_field(bytes, &mut part);
        bytes = &bytes[taken..];
        cell.extend_from_slice(&part[..given]);
        match result {
            csv_core::ReadFieldResult::InputEmpty | csv_core::ReadFieldResult::OutputFull => {}
            csv_core::ReadFieldResult::Field { record_end } => {
                let text = std::mem::take(&mut cell);
                cells.push(String::from_utf8(text).unwrap_or_default());
                if record_end {
                    return cells;
                }
            }
            csv_core::ReadFieldResult::End => return cells,
        }
    }
}

/// The columns that a table must have, or an error that names the missing ones.
pub(crate) fn require(table: &Table, columns: &[&str], hint: Cow<'static, str>) -> Result<()> {
    let missing: Vec<_> = columns
        .iter()
        .copied()
        .filter(|column| !table.header().iter().any(|name| name == column))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Kind::InputInvalid,
        "the table lacks columns that are needed",
    )
    .with("line", 1)
    .with("missing", missing.join(", "))
    .hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Result<String, &'static str>> {
        let mut table = Table::open(Box::new(std::io::Cursor::new(text.to_owned()))).unwrap();
        let mut rows = Vec::new();
        while let Some(row) = table.next().unwrap() {
            let line = row.line;
            rows.push(match row.cells {
                Ok(cells) => Ok(format!("{line} {}|{}", cells.cell("b"), cells.cell("a"))),
                Err(refusal) => Err(refusal.code),
            });
        }
        rows
    }

    #[test]
    fn cells_are_found_by_the_names_of_their_columns() {
        for text in [
            "\u{feff}a,b\r\n1,\"x, y\"\r\n\r\n,\r\n2,\"he said \"\"no\"\"\nand left\"\r\n3,z",
            "a;b\n1;\"x, y\"\n\n;\n2;\"he said \"\"no\"\"\nand left\"\n3;z\n",
        ] {
            assert_eq!(
                read(text),
                [
                    Ok("2 x, y|1".to_owned()),
                    Ok("5 he said \"no\"\nand left|2".to_owned()),
                    Ok("7 z|3".to_owned())
                ]
            );
        }
    }

    #[test]
    fn a_bad_row_costs_its_line_and_no_more() {
        let long = "x".repeat(LIMIT + 1);
        let text = format!("a,b\n1\n\"open,2\n3,ok\n{long}\n4,ok\n");
        let expected = [
            Err("bad_csv"),
            Err("bad_csv"),
            Ok("4 ok|3".to_owned()),
            Err("too_large"),
            Ok("6 ok|4".to_owned()),
        ];
        let rows = read(&text);
        assert_eq!(rows, expected);
        let many = format!("a,b\n\"x\n{}", "1,2\n".repeat(50_000));
        assert_eq!(read(&many).iter().filter(|row| row.is_ok()).count(), 50_000);
    }

    #[test]
    fn a_table_says_which_columns_it_lacks() {
        let table = Table::open(Box::new(std::io::Cursor::new("a,b\n"))).unwrap();
        let error = require(&table, &["a", "c", "d"], "do this".into()).unwrap_err();
        assert!(error.to_string().contains("missing c, d"), "{error}");
        assert!(Table::open(Box::new(std::io::Cursor::new(""))).is_err());
    }
}
