//! Adapters that are written in JavaScript, and streams that JavaScript reads.

use std::{
    fmt,
    io::{self, Read},
    sync::Arc,
};

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};
use wom_embed::{Found, Host, HostInfo, HostInput, HostUnit, Hosted, Reading, Seen, SeenRefusal};
use wom_sdk::{
    Error, Kind, Result, Subject, Timestamp,
    award::Handle,
    collector::{Directory, Person},
    instrument::{Capabilities, Cursor, Hint, Received, Reply, Request, Verdict},
};

use crate::{
    home::{Thread, gone},
    text::read,
};

/// An adapter in JavaScript: the face's number of it, and what it says of itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    of: u32,
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

impl Told {
    /// The adapter as an instrument.
    pub(crate) fn instrument(self, thread: &Arc<Thread>) -> Result<Hosted> {
        let mut capabilities = Capabilities::default();
        capabilities.read_file = self.read_file;
        capabilities.pull = self.pull;
        capabilities.webhook = self.webhook;
        capabilities.refresh = self.refresh;
        capabilities.withdraws = self.withdraws;
        let info = HostInfo {
            name: self.name,
            summary: self.summary,
            rules: self.rules,
            proven: self.proven,
        };
        let host = JsHost {
            thread: Arc::clone(thread),
            of: self.of,
        };
        Hosted::new(info, capabilities, Arc::new(host))
    }
}

/// An adapter in JavaScript.
#[derive(Debug)]
struct JsHost {
    thread: Arc<Thread>,
    of: u32,
}

impl JsHost {
    fn begin(
        &self,
        what: &'static str,
        told: &Value,
        bytes: Option<Vec<u8>>,
    ) -> Result<Box<dyn Reading>> {
        let (reading, _) = self
            .thread
            .ask_blocking(what, self.of, told.to_string(), bytes)?;
        Ok(Box::new(JsReading {
            thread: Arc::clone(&self.thread),
            number: read(&reading)?,
        }))
    }
}

/// What an adapter decided about a call.
#[derive(Deserialize)]
struct Decided {
    status: u16,
    verdict: String,
    id: Option<String>,
    hint: Option<String>,
}

impl Host for JsHost {
    fn read(&self, input: HostInput, now: Timestamp) -> Result<Box<dyn Reading>> {
        let (mut told, bytes) = match input {
            HostInput::Bytes(bytes) => (json!({}), Some(bytes)),
            HostInput::Path(path) => (json!({"path": path}), None),
            HostInput::Hint(hint) => (json!({"hint": hint}), None),
            HostInput::Pull(cursor) => (json!({"pull": true, "cursor": cursor}), None),
        };
        told["now"] = json!(now);
        self.begin("read", &told, bytes)
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        received(&self.thread, self.of, request)
    }

    fn refresh(&self, units: Vec<HostUnit>, now: Timestamp) -> Result<Box<dyn Reading>> {
        let units: Vec<_> = units
            .iter()
            .map(|unit| json!([unit.namespace, unit.id, unit.span.start(), unit.span.end()]))
            .collect();
        self.begin("refresh", &json!({"units": units, "now": now}), None)
    }
}

/// Asks an adapter in JavaScript about a webhook call.
pub(crate) fn received(thread: &Thread, of: u32, request: &Request<'_>) -> Received {
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.iter().map(|byte| char::from(*byte)).collect()))
        .collect::<Vec<(&str, String)>>();
    let told = json!({
        "method": request.method,
        "query": request.query,
        "headers": headers,
        "at": request.received_at,
    });
    let decided = thread
        .ask_blocking("receive", of, told.to_string(), Some(request.body.to_vec()))
        .and_then(|(decided, body)| Ok((read::<Decided>(&decided)?, body)));
    let (decided, body) = match decided {
        Ok(decided) => decided,
        Err(error) => return Received::refuse(500, error),
    };
    let reply = Reply {
        status: decided.status,
        headers: Vec::new(),
        body: body.unwrap_or_default(),
    };
    let verdict = match (decided.verdict.as_str(), decided.id, decided.hint) {
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

/// What an adapter in JavaScript yields.
struct JsReading {
    thread: Arc<Thread>,
    number: u32,
}

impl Reading for JsReading {
    fn next(&mut self, at_most: usize) -> Result<Vec<Found>> {
        let (items, _) =
            self.thread
                .ask_blocking("next", self.number, at_most.to_string(), None)?;
        let items: Vec<(String, Value)> = read(&items)?;
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

impl Drop for JsReading {
    /// Lets the adapter clean up, also if it was not read to its end.
    fn drop(&mut self) {
        self.thread.tell("end", self.number, String::new());
    }
}

/// Who is who, as a function in JavaScript knows: from namespace and id to a person and a handle.
#[derive(Debug)]
pub(crate) struct JsDirectory {
    pub(crate) thread: Arc<Thread>,
    pub(crate) of: u32,
}

#[async_trait]
impl Directory for JsDirectory {
    async fn person(&self, subject: &Subject) -> Result<Option<Person>> {
        let told = json!([subject.namespace(), subject.reveal()]);
        let asked = self.thread.ask("person", self.of, told.to_string(), None)?;
        let (known, _) = asked.await.unwrap_or_else(|_| Err(gone()))?;
        let known: Option<(String, Option<String>)> = read(&known)?;
        let Some((user, handle)) = known else {
            return Ok(None);
        };
        Ok(Some(Person {
            subject: Subject::new(Subject::PARTICIPANT, user)?,
            handle: handle.map(Handle::new).transpose()?,
        }))
    }
}

/// A stream of JavaScript's, read in pieces.
pub(crate) struct JsStream {
    thread: Arc<Thread>,
    of: u32,
    piece: io::Cursor<Vec<u8>>,
}

impl JsStream {
    pub(crate) fn new(thread: Arc<Thread>, of: u32) -> Self {
        Self {
            thread,
            of,
            piece: io::Cursor::default(),
        }
    }
}

impl Read for JsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let asked = self
                .thread
                .ask_blocking("more", self.of, String::new(), None);
            // Without bytes it has ended; a piece may be empty.
            match asked.map_err(io::Error::other)? {
                (_, Some(piece)) => self.piece = io::Cursor::new(piece),
                (_, None) => return Ok(0),
            }
        }
    }
}

impl fmt::Debug for JsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsStream")
    }
}
