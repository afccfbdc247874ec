//! An instrument.

use std::{path::PathBuf, sync::Arc};

use pyo3::{
    prelude::*,
    types::{PyBytes, PyList, PyString},
};
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};
use wom_embed as embed;
use wom_sdk::{
    Clock as _, SystemClock,
    instrument::{Input, Instrument, Reply, Request},
};

use crate::{
    call::{Answer, Call},
    errors::raise,
    here::Here,
    host::{PyDirectory, PyHost, PyReader},
    minutes, values,
};

/// An instrument that is open.
#[pyclass(frozen, module = "wom_sdk._native")]
pub(crate) struct Client(Here<Open>);

struct Open {
    client: embed::Client,
    /// Says that the work in the background is to end.
    stop: watch::Sender<bool>,
    /// Held as long as it runs.
    running: Mutex<()>,
}

/// Opens an instrument with these options.
#[pyfunction]
pub(crate) fn open_client(
    options: &Bound<'_, PyAny>,
    sources: Vec<(String, Bound<'_, PyAny>)>,
    directory: Option<Py<PyAny>>,
) -> PyResult<Call> {
    let options: embed::ClientOptions = values::read(options)?;
    let mut own = embed::Own::default();
    for (name, adapter) in sources {
        own.sources
            .push((name, Arc::new(PyHost::instrument(&adapter)?)));
    }
    own.directory = directory.map(|directory| Arc::new(PyDirectory::new(directory)) as _);
    Call::object(async move {
        let client = embed::Client::open(options, own).await?;
        Ok(Client(Here::new(
            "Client",
            Open {
                client,
                stop: watch::Sender::new(false),
                running: Mutex::new(()),
            },
        )))
    })
}

/// Status, headers and body of what a webhook call is answered with.
pub(crate) fn reply(py: Python<'_>, reply: Reply) -> PyResult<Py<PyAny>> {
    let body = PyBytes::new(py, &reply.body);
    let answer = (reply.status, reply.headers, body).into_pyobject(py)?;
    Ok(answer.into_any().unbind())
}

impl Client {
    fn open(&self) -> PyResult<Arc<Open>> {
        self.0.get().map_err(|error| raise(&error))
    }
}

#[pymethods]
impl Client {
    fn award(&self, key: String, award: &Bound<'_, PyAny>) -> PyResult<Call> {
        let award: embed::Award = values::read(award)?;
        let open = self.open()?;
        Call::data(async move { open.client.award(&key, &award).await })
    }

    fn accept(&self, key: String, award: &Bound<'_, PyAny>) -> PyResult<Call> {
        let award: embed::Award = values::read(award)?;
        let open = self.open()?;
        Call::data(async move { open.client.accept(&key, &award).await })
    }

    /// The award's id, and the three statements that accept it.
    fn enqueue(
        &self,
        key: &str,
        award: &Bound<'_, PyAny>,
    ) -> PyResult<(String, String, String, String)> {
        let award: embed::Award = values::read(award)?;
        let sql = self.open()?.client.enqueue_sql(key, &award);
        let sql = sql.map_err(|error| raise(&error))?;
        Ok((sql.key.to_hex(), sql.owned, sql.accept, sql.held))
    }

    /// Refuses a data base that holds another store.
    fn enqueue_elsewhere(&self) -> PyResult<()> {
        Err(raise(&embed::EnqueueSql::not_owned()))
    }

    /// Refuses an award whose key is held with other content.
    fn enqueue_again(&self, award: &Bound<'_, PyAny>, content: &str) -> PyResult<()> {
        let award: embed::Award = values::read(award)?;
        let request = award.request().map_err(|error| raise(&error))?;
        embed::EnqueueSql::check_held(&request, content).map_err(|error| raise(&error))
    }

    fn acknowledge(&self, id: String) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move { open.client.acknowledge(&id).await })
    }

    fn acknowledge_own(&self, key: String) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move { open.client.acknowledge_own(&key).await })
    }

    fn record(&self, record: &Bound<'_, PyAny>) -> PyResult<Call> {
        let record: Map<String, Value> = values::read(record)?;
        let open = self.open()?;
        Call::data(async move { open.client.record(&record).await })
    }

    /// `records` are named tuples of the face. They are read before this returns.
    fn record_many(&self, records: &Bound<'_, PyList>) -> PyResult<Call> {
        let records = minutes::all(records)?;
        let open = self.open()?;
        Call::data(async move { open.client.record_many(&records).await })
    }

    /// `adapter` is a name of the catalogue, or an adapter in Python; `input` is bytes, the path of a
    /// file, or something with `read`.
    fn submit(
        &self,
        adapter: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyAny>,
        input: &Bound<'_, PyAny>,
        delivery: Option<String>,
    ) -> PyResult<Call> {
        let open = self.open()?;
        let adapter: Arc<dyn Instrument> = if let Ok(name) = adapter.cast::<PyString>() {
            let settings: Map<String, Value> = values::read(settings)?;
            let name: String = name.extract()?;
            open.client
                .adapter(&name, &settings)
                .map_err(|error| raise(&error))?
        } else {
            Arc::new(PyHost::instrument(adapter)?)
        };
        let input = if let Ok(bytes) = input.cast::<PyBytes>() {
            Input::Bytes(bytes.as_bytes().to_vec())
        } else if input.hasattr("read")? {
            Input::Reader(Box::new(PyReader::new(input.clone().unbind())))
        } else {
            Input::Path(input.extract::<PathBuf>()?)
        };
        Call::data(async move {
            open.client
                .submit(&*adapter, input, delivery.as_deref())
                .await
        })
    }

    /// Takes a webhook call, and gives status, headers and body of the answer.
    fn receive(
        &self,
        source: String,
        method: String,
        query: String,
        headers: Vec<(String, Vec<u8>)>,
        body: Vec<u8>,
    ) -> PyResult<Call> {
        let open = self.open()?;
        Call::begin(async move {
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_slice()))
                .collect();
            let request = Request {
                method: &method,
                query: &query,
                headers: &headers,
                body: &body,
                received_at: SystemClock.now(),
            };
            let answer = open.client.receive(&source, &request).await?;
            Ok(Box::new(move |py: Python<'_>| reply(py, answer)) as Answer)
        })
    }

    fn pull(&self, source: String) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move { open.client.pull(&source).await })
    }

    fn retry_inbox(&self, source: Option<String>) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move { open.client.retry_inbox(source.as_deref()).await })
    }

    fn claims(&self, person: &Bound<'_, PyAny>) -> PyResult<Call> {
        let person: embed::Person = values::read(person)?;
        let open = self.open()?;
        Call::data(async move { open.client.claims(person).await })
    }

    fn waiting(&self, person: &Bound<'_, PyAny>) -> PyResult<Call> {
        let person: embed::Person = values::read(person)?;
        let open = self.open()?;
        Call::data(async move { open.client.waiting(person).await })
    }

    fn history(&self, person: &Bound<'_, PyAny>) -> PyResult<Call> {
        let person: embed::Person = values::read(person)?;
        let open = self.open()?;
        Call::data(async move { open.client.history(person).await })
    }

    fn export(&self, person: &Bound<'_, PyAny>) -> PyResult<Call> {
        let person: embed::Person = values::read(person)?;
        let open = self.open()?;
        Call::data(async move { open.client.export(person).await })
    }

    fn erase(&self, person: &Bound<'_, PyAny>) -> PyResult<Call> {
        let person: embed::Person = values::read(person)?;
        let open = self.open()?;
        Call::data(async move { open.client.erase(person).await })
    }

    fn work(&self, limit: usize) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move { open.client.work(limit).await })
    }

    /// Works until the client is closed.
    fn run(&self) -> PyResult<Call> {
        let open = self.open()?;
        Call::data(async move {
            let _running = open.running.lock().await;
            let mut stopping = open.stop.subscribe();
            let stop = async move {
                // Without a sender it has ended too.
                let _ = stopping.wait_for(|stopping| *stopping).await;
            };
            open.client.run(stop).await
        })
    }

    fn close(&self) -> PyResult<Call> {
        let open = self.0.take();
        Call::data(async move {
            let Some(open) = open else { return Ok(()) };
            open.stop.send_replace(true);
            drop(open.running.lock().await);
            open.client.close().await
        })
    }
}
