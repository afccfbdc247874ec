//! Adapters that are written in Python, and files that Python reads.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use async_trait::async_trait;
use pyo3::{
    prelude::*,
    types::{PyBytes, PyDict},
};
use serde::Deserialize;
use serde_json::Value;
use wom_embed::{Found, Host, HostInfo, HostInput, HostUnit, Hosted, Reading, Seen, SeenRefusal};
use wom_sdk::{
    Clock as _, Error, Kind, Result, Subject, SystemClock, Timestamp,
    award::Handle,
    collector::{Directory, Person},
    instrument::{Capabilities, Cursor, Hint, Instrument, Received, Reply, Request, Verdict},
    testing::conformance::instrument::Fixture,
};

use crate::{
    call::Call,
    errors::{caught, raise},
    values,
};

/// An adapter in Python: an object of the face, with `_info`, `_read`, `_next`, `_receive` and
/// `_refresh`.
pub(crate) struct PyHost(Py<PyAny>);

/// What `_info` tells.
#[derive(Deserialize)]
struct Told {
    name: String,
    summary: String,
    rules: String,
    proven: bool,
    read_file: bool,
    pull: bool,
    webhook: bool,
    refresh: bool,
    withdraws: bool,
}

impl PyHost {
    /// The adapter as an instrument.
    pub(crate) fn instrument(adapter: &Bound<'_, PyAny>) -> PyResult<Hosted> {
        let told: Told = values::read(&adapter.call_method0("_info")?)?;
        let mut capabilities = Capabilities::default();
        capabilities.read_file = told.read_file;
        capabilities.pull = told.pull;
        capabilities.webhook = told.webhook;
        capabilities.refresh = told.refresh;
        capabilities.withdraws = told.withdraws;
        let info = HostInfo {
            name: told.name,
            summary: told.summary,
            rules: told.rules,
            proven: told.proven,
        };
        let host = Arc::new(Self(adapter.clone().unbind()));
        Hosted::new(info, capabilities, host).map_err(|error| raise(&error))
    }

    fn begin(
        &self,
        begin: impl FnOnce(&Bound<'_, PyAny>) -> PyResult<Py<PyAny>>,
    ) -> Result<Box<dyn Reading>> {
        in_python(|py| {
            let adapter = self.0.bind(py);
            let found = begin(adapter)?;
            Ok(Box::new(PyReading {
                adapter: adapter.clone().unbind(),
                found,
            }) as Box<dyn Reading>)
        })
    }
}

impl fmt::Debug for PyHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PyHost")
    }
}

impl Host for PyHost {
    fn read(&self, input: HostInput, now: Timestamp) -> Result<Box<dyn Reading>> {
        self.begin(|adapter| {
            let py = adapter.py();
            let told = PyDict::new(py);
            match input {
                HostInput::Bytes(bytes) => told.set_item("data", PyBytes::new(py, &bytes))?,
                HostInput::Path(path) => told.set_item("path", path)?,
                HostInput::Hint(hint) => told.set_item("hint", hint)?,
                HostInput::Pull(cursor) => {
                    told.set_item("pull", true)?;
                    told.set_item("cursor", cursor)?;
                }
            }
            let found = adapter.call_method1("_read", (told, now.to_string()))?;
            Ok(found.unbind())
        })
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        received(&self.0, request)
    }

    fn refresh(&self, units: Vec<HostUnit>, now: Timestamp) -> Result<Box<dyn Reading>> {
        self.begin(|adapter| {
            let units: Vec<_> = units
                .iter()
                .map(|unit| {
                    let (start, end) = (unit.span.start().to_string(), unit.span.end().to_string());
                    (unit.namespace.as_str(), unit.id.as_str(), start, end)
                })
                .collect();
            let found = adapter.call_method1("_refresh", (units, now.to_string()))?;
            Ok(found.unbind())
        })
    }
}

/// What an adapter's `_receive` says of a webhook call.
pub(crate) fn received(adapter: &Py<PyAny>, request: &Request<'_>) -> Received {
    let answer = in_python(|py| {
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| (*name, PyBytes::new(py, value)))
            .collect();
        let told = adapter.bind(py).call_method1(
            "_receive",
            (
                request.method,
                request.query,
                headers,
                PyBytes::new(py, request.body),
                request.received_at.to_string(),
            ),
        )?;
        let (status, body, verdict, id, hint): (
            u16,
            Vec<u8>,
            String,
            Option<String>,
            Option<String>,
        ) = told.extract()?;
        Ok((status, body, verdict, id, hint))
    });
    match answer {
        Ok((status, body, verdict, id, hint)) => {
            let reply = Reply {
                status,
                headers: Vec::new(),
                body,
            };
            let verdict = match (verdict.as_str(), id, hint) {
                ("answered", ..) => Verdict::Answered,
                ("read", _, Some(hint)) => Verdict::Read(Hint(hint)),
                ("once", Some(id), Some(hint)) => Verdict::Once {
                    id,
                    hint: Hint(hint),
                },
                _ => Verdict::Refused(Error::new(
                    Kind::WebhookRefused,
                    "the adapter refused the call",
                )),
            };
            Received { reply, verdict }
        }
        Err(error) => Received::refuse(500, error),
    }
}

/// What an adapter in Python yields.
struct PyReading {
    adapter: Py<PyAny>,
    found: Py<PyAny>,
}

impl Reading for PyReading {
    fn next(&mut self, at_most: usize) -> Result<Vec<Found>> {
        let items = in_python(|py| {
            let chunk = self
                .adapter
                .bind(py)
                .call_method1("_next", (self.found.bind(py), at_most))?;
            let mut items: Vec<(String, Value)> = Vec::new();
            for item in chunk.try_iter()? {
                let item = item?;
                let (kind, value): (String, Bound<'_, PyAny>) = item.extract()?;
                items.push((kind, values::to_value(&value)?));
            }
            Ok(items)
        })?;
        items
            .into_iter()
            .map(|(kind, value)| match kind.as_str() {
                "observation" => {
                    let seen: Seen = wom_embed::read(value)?;
                    seen.observation().map(Found::Observation)
                }
                "refusal" => {
                    let refusal: SeenRefusal = wom_embed::read(value)?;
                    refusal.refusal().map(Found::Refusal)
                }
                _ => Ok(Found::Cursor(Cursor(wom_embed::read(value)?))),
            })
            .collect()
    }
}

/// Who is who, as a function in Python knows: from namespace and id to a person and a handle.
pub(crate) struct PyDirectory(Arc<Py<PyAny>>);

impl PyDirectory {
    pub(crate) fn new(function: Py<PyAny>) -> Self {
        Self(Arc::new(function))
    }
}

impl fmt::Debug for PyDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PyDirectory")
    }
}

#[async_trait]
impl Directory for PyDirectory {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        let (namespace, id) = (subject.namespace().to_owned(), subject.reveal().to_owned());
        let function = Arc::clone(&self.0);
        let asked = move || {
            in_python(|py| {
                let told = function.bind(py).call1((namespace, id))?;
                told.extract::<Option<(String, Option<String>)>>()
            })
        };
        let told = match tokio::task::spawn_blocking(asked).await {
            Ok(told) => told?,
            Err(error) => {
                return Err(
                    Error::new(Kind::Internal, "the directory ended in a panic").because(error)
                );
            }
        };
        let Some((user, handle)) = told else {
            return Ok(None);
        };
        Ok(Some(Person {
            subject: Subject::new(Subject::PARTICIPANT, user)?,
            handle: handle.map(Handle::new).transpose()?,
        }))
    }
}

/// A file of Python's, read in pieces.
pub(crate) struct PyReader {
    file: Py<PyAny>,
}

impl PyReader {
    pub(crate) fn new(file: Py<PyAny>) -> Self {
        Self { file }
    }
}

impl Read for PyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = in_python(|py| {
            let piece = self.file.bind(py).call_method1("read", (buffer.len(),))?;
            let piece = piece.cast_into::<PyBytes>()?;
            let bytes = piece.as_bytes();
            // One that gives more than was asked for is broken.
            let length = bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&bytes[..length]);
            Ok(length)
        });
        read.map_err(io::Error::other)
    }
}

/// Runs the conformance suite with adapters that `make` makes; gives topics, and what failed.
#[pyfunction]
pub(crate) fn check_instrument(
    make: Py<PyAny>,
    sample: Vec<u8>,
    now: Option<String>,
) -> PyResult<Call> {
    let now = match now {
        Some(text) => text.parse().map_err(|error| raise(&error))?,
        None => SystemClock.now(),
    };
    let fixture = Arc::new(PyFixture { make, sample, now });
    Call::data(async move { Ok(wom_embed::conform(fixture).await) })
}

/// Adapters in Python for the conformance suite.
struct PyFixture {
    make: Py<PyAny>,
    sample: Vec<u8>,
    now: Timestamp,
}

impl Fixture for PyFixture {
    fn adapter(&self) -> Arc<dyn Instrument> {
        let made = in_python(|py| PyHost::instrument(&self.make.bind(py).call0()?));
        match made {
            Ok(made) => Arc::new(made),
            // A topic fails by panicking.
            Err(error) => panic!("the adapter cannot be made: {error}"),
        }
    }

    fn sample(&self) -> Vec<u8> {
        self.sample.clone()
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// Runs something in Python; where Python is about to end, nothing.
pub(crate) fn in_python<T>(work: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    Python::try_attach(|py| work(py).map_err(|raised| caught(py, raised)))
        .unwrap_or_else(|| Err(Error::new(Kind::Cancelled, "Python is about to end")))
}
