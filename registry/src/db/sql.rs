//! Statements, each prepared once for a connection.

use rusqlite::{Connection, OptionalExtension as _, Params, Row, types::FromSql};
use wom_sdk::Result;

use super::failed;

/// What runs statements, within a transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sql<'a>(&'a Connection);

impl<'a> Sql<'a> {
    pub(super) fn new(conn: &'a Connection) -> Self {
        Self(conn)
    }

    /// How many rows it changed.
    pub(crate) fn execute(&self, sql: &'static str, params: impl Params) -> Result<usize> {
        let done = self
            .0
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params));
        done.map_err(failed)
    }

    /// The one value that there is.
    pub(crate) fn value<T: FromSql>(&self, sql: &'static str, params: impl Params) -> Result<T> {
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, |row| row.get(0)));
        found.map_err(failed)
    }

    /// The one row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional());
        found.map_err(failed)
    }

    /// All rows.
    pub(crate) fn rows<T>(
        &self,
        sql: &'static str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let found = self
            .0
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect());
        found.map_err(failed)
    }
}
