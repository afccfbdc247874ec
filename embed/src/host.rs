//! Adapters that are written in another language, in the same pipeline as ours.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Observation, Result, Span, Subject, Timestamp,
    instrument::{
        CHUNK, Capabilities, Cursor, Info, Input, Instrument, Proven, Received, Refusal, Request,
        Sink,
    },
};

/// An adapter in another language. Its calls block, and come on a thread where blocking is allowed.
pub trait Host: fmt::Debug + Send + Sync {
    /// Begins to read; see [`Instrument::read`].
    fn read(&self, input: HostInput, now: Timestamp) -> Result<Box<dyn Reading>>;

    /// Verifies a webhook; see [`Instrument::receive`].
    fn receive(&self, request: &Request<'_>) -> Received;

    /// Asks again; see [`Instrument::refresh`].
    fn refresh(&self, units: Vec<HostUnit>, now: Timestamp) -> Result<Box<dyn Reading>>;
}

/// What is being read.
pub trait Reading: Send {
    /// The next things that were found, at most as many as said; none at the end.
    fn next(&mut self, at_most: usize) -> Result<Vec<Found>>;
}

/// Something that an adapter found.
#[derive(Debug)]
pub enum Found {
    /// An observation.
    Observation(Observation),
    /// A record that cannot be used.
    Refusal(Refusal),
    /// Where to go on next time.
    Cursor(Cursor),
}

/// What an adapter in another language reads from.
pub enum HostInput {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A file.
    Path(PathBuf),
    /// What a webhook told to fetch.
    Hint(String),
    /// Everything since a cursor, or from the beginning.
    Pull(Option<String>),
}

impl HostInput {
    /// The input of the pipeline. A stream is read to its end, as other languages have streams of
    /// their own: submit its bytes, or a file.
    fn of(input: Input) -> Result<Self> {
        Ok(match input {
            Input::Bytes(bytes) => Self::Bytes(bytes),
            Input::Path(path) => Self::Path(path),
            Input::Hint(hint) => Self::Hint(hint.0),
            Input::Pull(cursor) => Self::Pull(cursor.map(|cursor| cursor.0)),
            other => {
                let mut bytes = Vec::new();
                let mut reader = other.into_reader()?;
                std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|error| {
                    Error::new(Kind::InputTruncated, "the input cannot be read to its end")
                        .because(error)
                })?;
                Self::Bytes(bytes)
            }
        })
    }
}

impl fmt::Debug for HostInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostInput(redacted)")
    }
}

/// A stretch of time of somebody, to ask about again.
pub struct HostUnit {
    /// Whose ids these are.
    pub namespace: String,
    /// The id.
    pub id: String,
    /// Which time.
    pub span: Span,
}

impl fmt::Debug for HostUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostUnit({})", self.span)
    }
}

/// What an adapter in another language says of itself.
#[derive(Clone, Debug)]
pub struct HostInfo {
    /// The name, such as `town.steps`.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// The rule set that its observations are made for.
    pub rules: String,
    /// Whether it was proven on the real system.
    pub proven: bool,
}

/// A [`Host`] as an instrument.
#[derive(Clone, Debug)]
pub struct Hosted {
    info: Info,
    capabilities: Capabilities,
    host: Arc<dyn Host>,
}

impl Hosted {
    /// The instrument that this host is.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if a name is none.
    pub fn new(info: HostInfo, capabilities: Capabilities, host: Arc<dyn Host>) -> Result<Self> {
        Ok(Self {
            info: Info {
                name: name(&info.name)?,
                summary: text(&info.summary)?,
                rules: name(&info.rules)?,
                proven: match info.proven {
                    true => Proven::RealSystem,
                    false => Proven::Documentation,
                },
            },
            capabilities,
            host,
        })
    }

    /// Hands everything that a reading finds to the sink, in chunks, in its order.
    async fn drain(
        &self,
        begin: impl FnOnce(&dyn Host) -> Result<Box<dyn Reading>> + Send + 'static,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let host = Arc::clone(&self.host);
        let mut reading = aside(move || begin(&*host)).await?;
        loop {
            let (found, back) = aside(move || {
                let found = reading.next(CHUNK);
                Ok((found, reading))
            })
            .await?;
            reading = back;
            let found = found?;
            if found.is_empty() {
                return Ok(());
            }
            let mut chunk = Vec::new();
            for one in found {
                match one {
                    Found::Observation(observation) => chunk.push(observation),
                    Found::Refusal(refusal) => sink.refuse(refusal).await?,
                    Found::Cursor(cursor) => {
                        sink.observe(std::mem::take(&mut chunk)).await?;
                        sink.resume_at(cursor).await?;
                    }
                }
            }
            if !chunk.is_empty() {
                sink.observe(chunk).await?;
            }
        }
    }
}

#[async_trait]
impl Instrument for Hosted {
    fn info(&self) -> Info {
        self.info.clone()
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn receive(&self, request: &Request<'_>) -> Received {
        match self.capabilities.webhook {
            true => self.host.receive(request),
            false => Received::refuse(404, unsupported("this adapter takes no webhooks")),
        }
    }

    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        let offered = match &input {
            Input::Pull(_) => self.capabilities.pull,
            Input::Hint(_) => self.capabilities.webhook,
            _ => self.capabilities.read_file,
        };
        if !offered {
            return Err(unsupported("this adapter does not read from there"));
        }
        self.drain(move |host| host.read(HostInput::of(input)?, now), sink)
            .await
    }

    async fn refresh(
        &self,
        units: &[(Subject, Span)],
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        if !self.capabilities.refresh {
            return Err(unsupported("this adapter has nothing to refresh"));
        }
        let units = units
            .iter()
            .map(|(subject, span)| HostUnit {
                namespace: subject.namespace().to_owned(),
                id: subject.reveal().to_owned(),
                span: *span,
            })
            .collect();
        self.drain(move |host| host.refresh(units, now), sink).await
    }
}

/// Runs what blocks where blocking is allowed.
pub(crate) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::new(Kind::Internal, "an adapter ended in a panic").because(error)),
    }
}

fn unsupported(message: &'static str) -> Error {
    Error::new(Kind::Unsupported, message)
}

/// How many names of adapters, codes and fields a process may have.
const NAMES: usize = 4_096;

static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// A name for ever: names of adapters and refusals are constants in the SDK, so that of another
/// language is kept once.
///
/// # Errors
/// [`Kind::InputInvalid`] for one that is no name, [`Kind::LimitExceeded`] for too many.
pub(crate) fn name(text: &str) -> Result<&'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._/-".contains(&byte);
    if text.is_empty() || text.len() > 64 || !text.bytes().all(fits) {
        return Err(Error::new(Kind::InputInvalid, "not a name")
            .hint("use 1 to 64 letters, digits, and . _ / -, the same for every record"));
    }
    constant(text)
}

/// A summary for ever, as [`name`] is.
pub(crate) fn text(text: &str) -> Result<&'static str> {
    if text.is_empty() || text.len() > 512 {
        return Err(Error::new(
            Kind::InputInvalid,
            "a summary has 1 to 512 bytes",
        ));
    }
    constant(text)
}

fn constant(text: &str) -> Result<&'static str> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = known.get(text) {
        return Ok(name);
    }
    if known.len() >= NAMES {
        return Err(Error::new(Kind::LimitExceeded, "too many names")
            .hint("use a few constant names; numbers belong beside them"));
    }
    let name: &'static str = Box::leak(text.into());
    known.insert(name);
    Ok(name)
}
