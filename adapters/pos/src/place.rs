//! How far a list of changed orders is read, as a cursor tells it.

use serde::{Serialize, de::DeserializeOwned};
use wom_sdk::{Error, Kind, Result, instrument::Cursor};

/// The place of a cursor; the beginning where there is none.
///
/// # Errors
/// [`Kind::InputInvalid`] if the cursor is not one of the adapter's.
pub(crate) fn of<P: Default + DeserializeOwned>(cursor: Option<&Cursor>) -> Result<P> {
    let Some(Cursor(text)) = cursor else {
        return Ok(P::default());
    };
    serde_json::from_str(text)
        .map_err(|_| Error::new(Kind::InputInvalid, "not a cursor of this adapter"))
}

/// The cursor of a place.
pub(crate) fn cursor<P: Serialize>(place: &P) -> Result<Cursor> {
    let text = serde_json::to_string(place);
    text.map(Cursor)
        .map_err(|error| Error::new(Kind::Internal, "a cursor cannot be written").because(error))
}
