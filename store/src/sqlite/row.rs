//! Rows, taken off the connection that read them.

use rusqlite::{Connection, Params, Result, types::Value};

use crate::rows::Columns;

/// The values of one row.
#[derive(Debug)]
pub(super) struct Row(Vec<Value>);

/// All rows that a statement reads.
pub(super) fn rows(conn: &Connection, sql: &str, bound: impl Params) -> Result<Vec<Row>> {
    let mut statement = conn.prepare_cached(sql)?;
    let columns = statement.column_count();
    statement
        .query_map(bound, |row| {
            let values = (0..columns).map(|index| row.get(index));
            Ok(Row(values.collect::<Result<_>>()?))
        })?
        .collect()
}

impl Columns for Row {
    fn bytes(&self, index: usize) -> Option<Option<&[u8]>> {
        match self.0.get(index)? {
            Value::Null => Some(None),
            Value::Blob(bytes) => Some(Some(bytes)),
            _ => None,
        }
    }

    fn text(&self, index: usize) -> Option<Option<&str>> {
        match self.0.get(index)? {
            Value::Null => Some(None),
            Value::Text(text) => Some(Some(text)),
            _ => None,
        }
    }

    fn number(&self, index: usize) -> Option<Option<i64>> {
        match self.0.get(index)? {
            Value::Null => Some(None),
            Value::Integer(number) => Some(Some(*number)),
            _ => None,
        }
    }

    fn flag(&self, index: usize) -> Option<bool> {
        Some(self.number(index)?? != 0)
    }
}
