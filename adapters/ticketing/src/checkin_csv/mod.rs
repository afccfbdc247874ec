//! `ticketing.checkin-csv`: gate lists and timesheets.

pub(crate) mod columns;
mod config;
mod row;

pub use config::CheckinCsvConfig;

use async_trait::async_trait;
use wom_sdk::{
    Result, Timestamp, Zone,
    instrument::{Capabilities, Chunks, Info, Input, Instrument, Proven, Sink},
};

use self::{columns::Columns, config::Terms};
use crate::{programme::Programme, table::Table};

/// Reads gate lists and timesheets of museums, libraries and volunteers' offices: tables with one row
/// for each scan (ticket, time, direction), or one for each visit (ticket or person, date, from, to).
///
/// Columns are found by their names, English or Italian; separator, encoding (UTF-8, Windows-1252) and
/// titles above the table are found out. Each row is a record of its own, keyed by what it says: a
/// doubled row, or the same list brought again, counts once. See `docs.md` of the crate for what a
/// corrected list does.
#[derive(Clone, Debug)]
pub struct CheckinCsv {
    terms: Terms,
    programme: Option<Programme>,
    source: String,
    zone: Option<Zone>,
}

impl CheckinCsv {
    /// The adapter with these settings; reads the programme.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`](wom_sdk::Kind::ConfigurationInvalid) for a setting that does not
    /// fit, or a programme that cannot be read.
    pub fn new(config: CheckinCsvConfig) -> Result<Self> {
        let terms = Terms::new(&config)?;
        let zone = config.zone.clone().unwrap_or(Zone::UTC);
        let programme = Programme::read(&config.programme, &zone, terms.nominal_ms)?;
        Ok(Self {
            terms,
            programme,
            source: config.source.trim().to_owned(),
            zone: config.zone,
        })
    }
}

#[async_trait]
impl Instrument for CheckinCsv {
    fn info(&self) -> Info {
        Info {
            name: "ticketing.checkin-csv",
            summary: "Gate lists and timesheets as tables: one row a scan, or one row a visit",
            rules: "attendance/1",
            proven: Proven::Documentation,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::FILE;
        capabilities.withdraws = true;
        capabilities
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let (mut table, columns) = Table::open(input.into_reader()?, Columns::of_list)?;
        let mut chunks = Chunks::new(sink);
        let outcome = loop {
            let row = match table.next() {
                Ok(Some(row)) => row,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            };
            let found = match row.cells {
                Ok(cells) if columns.is_header(&cells) => continue,
                Ok(cells) => self.observation(&columns, &cells, now),
                Err(refusal) => Err(refusal),
            };
            match found {
                Ok(observation) => chunks.push(observation).await?,
                Err(refusal) => chunks.refuse(refusal.at("line", row.line)).await?,
            }
            chunks.progress(table.taken());
        };
        chunks.finish().await?;
        outcome
    }
}
