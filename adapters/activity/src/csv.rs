//! `activity.csv`.

mod split;

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Observation, Result, Timestamp,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Refusal, Sink, Window},
};

use self::split::{Flaw, Row, Splitter, cells};
use crate::{
    Config,
    fields::{Field, names, unknown_name},
    record::{LIMIT, Record, Value},
};

/// Reads records of activity from a table: CSV with a header row that names the fields, in any
/// order, separated by comma, semicolon or tab. See the [crate](crate) about the records.
///
/// An empty cell is a field that is not there. Cells with the separator, a line break or a quote
/// stand in quotes, and a quote in them is doubled. Names of columns may be in capitals.
#[derive(Clone, Debug, Default)]
pub struct ActivityCsv {
    config: Config,
}

impl ActivityCsv {
    /// The adapter with these settings.
    pub fn new(config: Config) -> Self {
        Self { config }
    }

    /// The observation of a row; `None` for a row of empty cells.
    fn observation(
        &self,
        columns: &Columns,
        row: &Row<'_>,
    ) -> Result<Option<Observation>, Refusal> {
        match columns.record(row)? {
            Some(record) => record.observation(&self.config).map(Some),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Instrument for ActivityCsv {
    fn info(&self) -> Info {
        Info {
            name: "activity.csv",
            summary: "Activities, steps and milestones as a table: CSV with a header row",
            rules: "active-minutes/1",
            proven: Proven::RealSystem,
        }
    }

    fn capabilities(&self) -> Capabilities {
        crate::capabilities()
    }

    async fn read(&self, input: Input, _now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        // As a stream, so that no more than a window is looked at for a quote that is never closed.
        let window = Window::new(input.into_reader()?, LIMIT);
        let mut splitter = Splitter::new(window)?;
        let columns = Columns::read(&mut splitter)?;
        let mut chunks = Chunks::new(sink);
        let mut number = 0;
        let outcome: Result<(), Error> = loop {
            let found = match splitter.next() {
                Ok(Some(row)) => self
                    .observation(&columns, &row)
                    .map_err(|refusal| refusal.at("line", row.line)),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            number += 1;
            match found {
                Ok(Some(observation)) => chunks.push(observation).await?,
                Ok(None) => number -= 1,
                Err(refusal) => chunks.refuse(refusal.at("record", number)).await?,
            }
            chunks.progress(splitter.taken());
        };
        chunks.finish().await?;
        outcome
    }
}

/// Which field stands in which column.
#[derive(Debug)]
struct Columns {
    fields: Vec<Field>,
    delimiter: u8,
}

impl Columns {
    /// Reads the header row.
    fn read(splitter: &mut Splitter) -> Result<Self> {
        let delimiter = splitter.delimiter();
        let Some(header) = splitter.next()? else {
            return Err(bad_header("the first line does not name the columns"));
        };
        let text = header
            .bytes
            .ok()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or_else(|| bad_header("the first line is not the header of a table in UTF-8"))?;
        let mut fields = Vec::new();
        for name in cells(text, delimiter) {
            let name = name.trim();
            let Some(field) = Field::named(&name.to_ascii_lowercase()) else {
                return Err(bad_header(unknown_name(name)));
            };
            if fields.contains(&field) {
                return Err(bad_header(format!(
                    "the column {} is there twice",
                    field.name()
                )));
            }
            fields.push(field);
        }
        if !fields.contains(&Field::Participant) {
            return Err(bad_header("the column participant is missing"));
        }
        Ok(Self { fields, delimiter })
    }

    /// The record of a row; `None` if all its cells are empty.
    fn record<'a>(&self, row: &Row<'a>) -> Result<Option<Record<'a>>, Refusal> {
        let bytes = row.bytes.map_err(refuse_row)?;
        let text = std::str::from_utf8(bytes).map_err(|_| {
            Refusal::new(
                "not_utf8",
                "the row is not in UTF-8; save the table as UTF-8 (in a spreadsheet: \"CSV UTF-8\")",
            )
        })?;
        let mut record = Record::default();
        let (mut count, mut empty) = (0_usize, true);
        for cell in cells(text, self.delimiter) {
            let field = self.fields.get(count).copied();
            count += 1;
            if cell.trim().is_empty() {
                continue;
            }
            empty = false;
            if let Some(field) = field {
                record.set(field, Value::Cell(cell));
            }
        }
        if empty {
            return Ok(None);
        }
        if count != self.fields.len() {
            let expected = self.fields.len();
            return Err(Refusal::new(
                "bad_csv",
                format!(
                    "the row has {count} cells and the header {expected}; put cells with the separator into quotes"
                ),
            ));
        }
        Ok(Some(record))
    }
}

fn refuse_row(flaw: Flaw) -> Refusal {
    match flaw {
        Flaw::TooLarge => Refusal::new(
            "too_large",
            "the row has more than 64 KiB; leave out what is not a field",
        ),
        Flaw::StrayQuote => Refusal::new(
            "bad_csv",
            "a quote stands within a cell; put the whole cell into quotes and double the quote",
        ),
        Flaw::OpenQuote => Refusal::new(
            "bad_csv",
            "a quote is not closed within 64 KiB; close it, or double it if it belongs to the text",
        ),
    }
}

fn bad_header(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::InputInvalid, message)
        .with("line", 1)
        .hint(format!(
            "the first line must name the columns; known are {}",
            names()
        ))
}
