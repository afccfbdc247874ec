//! An instrument.

use std::{path::PathBuf, sync::Arc};

use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{Mutex, watch};
use wom_embed as embed;
use wom_sdk::{
    Result,
    instrument::{Input, Instrument},
};

use crate::{
    held::Held,
    home::{Home, Thread},
    host::{JsDirectory, JsStream, Told},
    minutes,
    text::{at_once, read},
    webhook::{Arrived, Replied, pairs},
};

/// An instrument that is open.
#[derive(Debug)]
#[napi]
pub struct Client(Held<Open>);

/// What is open.
struct Open {
    client: embed::Client,
    /// Says that the work in the background is to end.
    stop: watch::Sender<bool>,
    /// Held as long as it runs.
    running: Mutex<()>,
}

/// What JavaScript adds to the options.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    sources: Vec<(String, Told)>,
    directory: Option<u32>,
}

impl Own {
    fn open(self, thread: &Arc<Thread>) -> Result<embed::Own> {
        let mut own = embed::Own::default();
        for (name, adapter) in self.sources {
            own.sources
                .push((name, Arc::new(adapter.instrument(thread)?)));
        }
        own.directory = self.directory.map(|of| {
            Arc::new(JsDirectory {
                thread: Arc::clone(thread),
                of,
            }) as _
        });
        Ok(own)
    }
}

/// An adapter of the catalogue, or one in JavaScript.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Adapter {
    Named {
        name: String,
        settings: Map<String, Value>,
    },
    Own(Told),
}

#[napi]
impl Client {
    /// One that is not open yet.
    #[napi(constructor)]
    pub fn new(home: &Home) -> Self {
        Self(Held::new(home, "Client"))
    }

    /// Opens it with these options, and with what is written in JavaScript.
    #[napi]
    pub fn open(&self, call: u32, options: String, own: String) {
        let thread = Arc::clone(&self.0.thread);
        self.0.open(call, async move {
            let own: Own = read(&own)?;
            Ok(Open {
                client: embed::Client::open(read(&options)?, own.open(&thread)?).await?,
                stop: watch::Sender::new(false),
                running: Mutex::new(()),
            })
        });
    }

    /// Awards.
    #[napi]
    pub fn award(&self, call: u32, key: String, award: String) {
        self.0.call(call, move |open| async move {
            open.client.award(&key, &read(&award)?).await
        });
    }

    /// Accepts an award.
    #[napi]
    pub fn accept(&self, call: u32, key: String, award: String) {
        self.0.call(call, move |open| async move {
            open.client.accept(&key, &read(&award)?).await
        });
    }

    /// The award's id, and the three statements that accept it.
    #[napi]
    pub fn enqueue(&self, key: String, award: String) -> String {
        let sql = || {
            let open = self.0.get()?;
            let sql = open.client.enqueue_sql(&key, &read(&award)?)?;
            Ok((sql.key.to_hex(), sql.owned, sql.accept, sql.held))
        };
        at_once(sql())
    }

    /// Refuses a data base that holds another store.
    #[napi]
    pub fn enqueue_elsewhere(&self) -> String {
        at_once::<()>(Err(embed::EnqueueSql::not_owned()))
    }

    /// Refuses an award whose key is held with other content.
    #[napi]
    pub fn enqueue_again(&self, award: String, content: String) -> String {
        let check = || {
            let award: embed::Award = read(&award)?;
            embed::EnqueueSql::check_held(&award.request()?, &content)
        };
        at_once(check())
    }

    /// The person has the code of the award with this id.
    #[napi]
    pub fn acknowledge(&self, call: u32, id: String) {
        self.0.call(call, move |open| async move {
            open.client.acknowledge(&id).await
        });
    }

    /// As `acknowledge`, by a key of the caller's own.
    #[napi]
    pub fn acknowledge_own(&self, call: u32, key: String) {
        self.0.call(call, move |open| async move {
            open.client.acknowledge_own(&key).await
        });
    }

    /// Takes plain minutes in.
    #[napi]
    pub fn record(&self, call: u32, record: String) {
        self.0.call(call, move |open| async move {
            open.client.record(&read(&record)?).await
        });
    }

    /// Takes plain minutes of any number of people in, all at once.
    #[napi]
    pub fn record_many(&self, call: u32, rows: String) {
        self.0.call(call, move |open| async move {
            open.client.record_many(&minutes::of_rows(&rows)?).await
        });
    }

    /// Brings bytes in.
    #[napi]
    pub fn submit_bytes(
        &self,
        call: u32,
        adapter: String,
        bytes: Uint8Array,
        delivery: Option<String>,
    ) {
        self.submit(call, adapter, Input::Bytes(bytes.to_vec()), delivery);
    }

    /// Brings a file in.
    #[napi]
    pub fn submit_path(&self, call: u32, adapter: String, path: String, delivery: Option<String>) {
        self.submit(call, adapter, Input::Path(PathBuf::from(path)), delivery);
    }

    /// Brings in what a stream of the face's gives, of which this is the number.
    #[napi]
    pub fn submit_stream(&self, call: u32, adapter: String, stream: u32, delivery: Option<String>) {
        let stream = JsStream::new(Arc::clone(&self.0.thread), stream);
        self.submit(call, adapter, Input::Reader(Box::new(stream)), delivery);
    }

    fn submit(&self, call: u32, adapter: String, input: Input, delivery: Option<String>) {
        let thread = Arc::clone(&self.0.thread);
        self.0.call(call, move |open| async move {
            let adapter: Arc<dyn Instrument> = match read(&adapter)? {
                Adapter::Named { name, settings } => open.client.adapter(&name, &settings)?,
                Adapter::Own(told) => Arc::new(told.instrument(&thread)?),
            };
            let submitted = open.client.submit(&*adapter, input, delivery.as_deref());
            submitted.await
        });
    }

    /// Takes a webhook call for a source.
    #[napi]
    pub fn receive(
        &self,
        call: u32,
        source: String,
        method: String,
        query: String,
        headers: String,
        body: Uint8Array,
    ) {
        let arrived = Arrived::new(method, query, headers, &body);
        self.0.call(call, move |open| async move {
            let headers = arrived.headers()?;
            let headers = pairs(&headers);
            let request = arrived.request(&headers);
            let reply = open.client.receive(&source, &request).await?;
            Ok(Replied::from(reply))
        });
    }

    /// Pulls from a source.
    #[napi]
    pub fn pull(&self, call: u32, source: String) {
        self.0.call(
            call,
            move |open| async move { open.client.pull(&source).await },
        );
    }

    /// Goes on with what could not be read.
    #[napi]
    pub fn retry_inbox(&self, call: u32, source: Option<String>) {
        self.0.call(call, move |open| async move {
            open.client.retry_inbox(source.as_deref()).await
        });
    }

    /// What a person can collect.
    #[napi]
    pub fn claims(&self, call: u32, person: String) {
        self.0.call(call, move |open| async move {
            open.client.claims(read(&person)?).await
        });
    }

    /// Minutes that a person could collect.
    #[napi]
    pub fn waiting(&self, call: u32, person: String) {
        self.0.call(call, move |open| async move {
            open.client.waiting(read(&person)?).await
        });
    }

    /// What a person gave.
    #[napi]
    pub fn history(&self, call: u32, person: String) {
        self.0.call(call, move |open| async move {
            open.client.history(read(&person)?).await
        });
    }

    /// Everything that is kept about a person.
    #[napi]
    pub fn export(&self, call: u32, person: String) {
        self.0.call(call, move |open| async move {
            open.client.export(read(&person)?).await
        });
    }

    /// Forgets a person.
    #[napi]
    pub fn erase(&self, call: u32, person: String) {
        self.0.call(call, move |open| async move {
            open.client.erase(read(&person)?).await
        });
    }

    /// One round of the work that nobody asks for.
    #[napi]
    pub fn work(&self, call: u32, limit: u32) {
        self.0.call(call, move |open| async move {
            open.client
                .work(usize::try_from(limit).unwrap_or(usize::MAX))
                .await
        });
    }

    /// Works until the client is closed.
    #[napi]
    pub fn run(&self, call: u32) {
        self.0.call(call, |open| async move {
            let _running = open.running.lock().await;
            let mut stopping = open.stop.subscribe();
            let stop = async move {
                // Without a sender it has ended too.
                let _ = stopping.wait_for(|stopping| *stopping).await;
            };
            open.client.run(stop).await
        });
    }

    /// Ends the work in the background, and closes the store.
    #[napi]
    pub fn close(&self, call: u32) {
        self.0.close(call, |open| async move {
            open.stop.send_replace(true);
            drop(open.running.lock().await);
            open.client.close().await
        });
    }
}
