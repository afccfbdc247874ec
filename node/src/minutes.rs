//! Plain minutes by the thousand: rows of the face, without the names of their members.

use serde::Deserialize;
use wom_embed::Minutes;
use wom_sdk::{Error, Result, Timestamp};

/// The members of a record, in the order of the face's `RECORD`; instants in milliseconds since 1970.
#[derive(Deserialize)]
struct Row(
    String,
    i64,
    i64,
    String,
    Option<String>,
    Option<u32>,
    Option<u32>,
    Option<u64>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// The records of a JSON array of rows.
pub(crate) fn of_rows(rows: &str) -> Result<Vec<Minutes>> {
    let rows: Vec<Row> =
        serde_json::from_str(rows).map_err(|error| Error::in_json("the records", &error))?;
    Ok(rows.into_iter().map(Minutes::from).collect())
}

impl From<Row> for Minutes {
    fn from(row: Row) -> Self {
        let Row(
            participant,
            start,
            end,
            key,
            activity,
            seconds,
            steps,
            revision,
            recording,
            device,
            stream,
        ) = row;
        Self {
            participant,
            start: Timestamp::from_millis(start),
            end: Timestamp::from_millis(end),
            key,
            activity,
            seconds,
            steps,
            revision,
            recording,
            device,
            stream,
        }
    }
}
