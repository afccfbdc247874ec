//! The CSV exports: `kolibri manage exportlogs -l session` and `-l summary`, in English.

use std::io::Read;

use wom_sdk::{Result, Timestamp, instrument::Refusal};

use super::log::{Completion, Learner, Row, Visit, exported, not_staff};
use crate::table::{self, Cells, Table};

const FACILITY: &str = "Facility name";
const USERNAME: &str = "Username";
const USER_TYPE: &str = "User type";
const CONTENT: &str = "Content id";
const START: &str = "Time of first interaction";
const END: &str = "Time of last interaction";
const COMPLETED: &str = "Time of completion";
const SPENT: &str = "Time Spent (sec)";

/// What a learner is called in the column [`USER_TYPE`].
const LEARNER: &str = "Learner";

/// Which of the two logs it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Log {
    /// One row for each visit.
    Sessions,
    /// One row for each learner and resource.
    Summaries,
}

/// An export that is being read.
#[derive(Debug)]
pub(super) struct Export {
    table: Table,
    log: Log,
}

impl Export {
    pub(super) fn open(source: Box<dyn Read + Send>) -> Result<Self> {
        let table = Table::open(source)?;
        table::require(
            &table,
            &[FACILITY, USERNAME, CONTENT, START, END, SPENT],
            "make it with kolibri manage exportlogs --locale en -l session (or summary); the names of the columns follow the locale".into(),
        )?;
        // Only the summary has this column.
        let summary = table.header().iter().any(|name| name == COMPLETED);
        Ok(Self {
            table,
            log: if summary {
                Log::Summaries
            } else {
                Log::Sessions
            },
        })
    }

    pub(super) fn taken(&self) -> u64 {
        self.table.taken()
    }

    /// The next row with its line, or what is wrong with it; rows that bring nothing are passed over.
    pub(super) fn next(&mut self, now: Timestamp) -> Result<Option<(u64, Result<Row, Refusal>)>> {
        loop {
            let Some(row) = self.table.next()? else {
                return Ok(None);
            };
            let found = row.cells.and_then(|cells| read(self.log, &cells, now));
            if let Some(found) = found.transpose() {
                return Ok(Some((row.line, found)));
            }
        }
    }
}

fn read(log: Log, row: &Cells<'_>, now: Timestamp) -> Result<Option<Row>, Refusal> {
    if log == Log::Summaries && row.cell(COMPLETED).is_empty() {
        return Ok(None);
    }
    let learner = Learner::new(row.cell(FACILITY), row.cell(USERNAME))?;
    // Exports of old versions have no such column.
    not_staff(!matches!(row.cell(USER_TYPE), "" | LEARNER))?;
    let content = row.filled(CONTENT)?;
    if log == Log::Summaries {
        let at = exported(row.cell(COMPLETED), COMPLETED)?;
        return Completion::new(learner, content, at, now).map(|done| Some(Row::Completion(done)));
    }
    let start = exported(row.filled(START)?, START)?;
    if row.cell(END).is_empty() {
        // It has only begun.
        return Ok(None);
    }
    let end = exported(row.cell(END), END)?;
    let spent = row
        .filled(SPENT)?
        .parse()
        .map_err(|_| Refusal::new("bad_value", "is no number of seconds").field(SPENT))?;
    Visit::new(learner, content, start, end, spent, now).map(|visit| Some(Row::Visit(visit)))
}
