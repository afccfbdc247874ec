//! Plain minutes by the thousand: named tuples of the face, read without a detour.

use pyo3::{
    FromPyObject, PyErr,
    exceptions::PyTypeError,
    intern,
    prelude::*,
    types::{PyFloat, PyList, PyString, PyTuple},
};
use wom_embed::Minutes;
use wom_sdk::{Error, Kind, Timestamp};

use crate::errors::raise;

/// How many members a record has, in the order of the face's `Record`.
const MEMBERS: usize = 11;

/// The records of a list.
pub(crate) fn all(records: &Bound<'_, PyList>) -> PyResult<Vec<Minutes>> {
    let mut all = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        all.push(one(&record).map_err(|flaw| flaw.raise(index))?);
    }
    Ok(all)
}

/// What is wrong with a record; nothing of it is in the message.
enum Flaw {
    Type(&'static str),
    Naive(&'static str),
    Python(PyErr),
}

impl Flaw {
    fn raise(self, index: usize) -> PyErr {
        let number = index + 1;
        match self {
            Self::Type(what) => PyTypeError::new_err(format!("record {number}: {what}")),
            Self::Naive(field) => raise(
                &Error::new(Kind::InputInvalid, "a time without a zone names no instant")
                    .with("record", number)
                    .with("field", field)
                    .hint("give it a tzinfo, such as datetime.now(timezone.utc)"),
            ),
            Self::Python(error) => error,
        }
    }
}

fn one(record: &Bound<'_, PyAny>) -> Result<Minutes, Flaw> {
    let record = record
        .cast::<PyTuple>()
        .map_err(|_| Flaw::Type("is no Record"))?;
    if record.len() != MEMBERS {
        return Err(Flaw::Type("has other members than a Record"));
    }
    Ok(Minutes {
        participant: text(record, 0, "user is no text")?,
        start: instant(record, 1, "start", "start is no datetime")?,
        end: instant(record, 2, "end", "end is no datetime")?,
        key: text(record, 3, "key is no text")?,
        activity: given(record, 4, "activity is no text")?,
        seconds: given(record, 5, "seconds is no whole number of at most 32 bits")?,
        steps: given(record, 6, "steps is no whole number of at most 32 bits")?,
        revision: given(record, 7, "revision is no whole number of at most 64 bits")?,
        recording: given(record, 8, "recording is no text")?,
        device: given(record, 9, "device is no text")?,
        stream: given(record, 10, "stream is no text")?,
    })
}

fn member<'a, 'py>(
    record: &'a Bound<'py, PyTuple>,
    index: usize,
) -> Result<Borrowed<'a, 'py, PyAny>, Flaw> {
    record.get_borrowed_item(index).map_err(Flaw::Python)
}

fn text(record: &Bound<'_, PyTuple>, index: usize, what: &'static str) -> Result<String, Flaw> {
    let member = member(record, index)?;
    let text = member.cast::<PyString>().map_err(|_| Flaw::Type(what))?;
    let text = text.to_cow().map_err(|_| Flaw::Type(what))?;
    Ok(text.into_owned())
}

fn given<'py, T>(
    record: &Bound<'py, PyTuple>,
    index: usize,
    what: &'static str,
) -> Result<Option<T>, Flaw>
where
    T: for<'a> FromPyObject<'a, 'py>,
{
    let member = member(record, index)?;
    if member.is_none() {
        return Ok(None);
    }
    member.extract().map(Some).map_err(|_| Flaw::Type(what))
}

/// The instant of a `datetime`, in whole milliseconds.
fn instant(
    record: &Bound<'_, PyTuple>,
    index: usize,
    field: &'static str,
    what: &'static str,
) -> Result<Timestamp, Flaw> {
    let (py, member) = (record.py(), member(record, index)?);
    let zone = member
        .getattr(intern!(py, "tzinfo"))
        .map_err(|_| Flaw::Type(what))?;
    if zone.is_none() {
        return Err(Flaw::Naive(field));
    }
    let seconds = member
        .call_method0(intern!(py, "timestamp"))
        .map_err(Flaw::Python)?;
    let seconds = seconds
        .cast::<PyFloat>()
        .map_err(|_| Flaw::Type(what))?
        .value();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "of a datetime, whose years have four digits"
    )]
    let micros = (seconds * 1e6).round() as i64;
    Ok(Timestamp::from_millis(micros.div_euclid(1_000)))
}
