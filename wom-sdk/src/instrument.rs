//! The trait that adapters implement to bring activity in, and what passes through it.

pub mod json;
mod window;

use std::{
    borrow::Cow,
    fmt,
    fs::File,
    io::{self, Read},
    path::PathBuf,
};

use async_trait::async_trait;

pub use self::window::Window;
use crate::{Error, Kind, Observation, Result, Span, Subject, Timestamp};

/// A system that activity comes from: a step counter's export, a ticketing system, an LMS.
///
/// An adapter for files implements [`info`](Self::info) and [`read`](Self::read); one for a
/// system that calls webhooks implements [`receive`](Self::receive) too, and one whose state may
/// change silently implements [`refresh`](Self::refresh). What an adapter does not offer answers
/// [`Kind::Unsupported`], and [`capabilities`](Self::capabilities) says so beforehand.
///
/// An adapter yields observations, never conclusions: what counts is for the rule set to judge.
#[async_trait]
pub trait Instrument: fmt::Debug + Send + Sync {
    /// What this adapter is.
    fn info(&self) -> Info;

    /// What this adapter offers.
    fn capabilities(&self) -> Capabilities;

    /// Verifies a webhook's raw bytes, answers handshakes in the vendor's form, and says what to
    /// read because of it. Neither I/O nor a clock: the request brings its own time.
    fn receive(&self, request: &Request<'_>) -> Received {
        let _ = request;
        Received::refuse(
            404,
            Error::new(Kind::Unsupported, "this adapter takes no webhooks"),
        )
    }

    /// Reads the input and hands what it finds to the sink, in chunks of at most
    /// [`CHUNK`] observations. Memory stays flat at any size of input.
    ///
    /// A record that cannot be used is refused to the sink and reading goes on; an error is for
    /// what makes the rest unreadable. What the sink got before an error stays good.
    async fn read(&self, input: Input, now: Timestamp, sink: &mut dyn Sink) -> Result<()>;

    /// Asks the system for what may have changed silently in these stretches of time.
    async fn refresh(
        &self,
        units: &[(Subject, Span)],
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let _ = (units, now, sink);
        Err(Error::new(
            Kind::Unsupported,
            "this adapter has nothing to refresh",
        ))
    }
}

/// The most observations that a sink takes at once.
pub const CHUNK: usize = 1_000;

/// What an adapter is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Info {
    /// The name in the catalogue, such as `steps.fit`.
    pub name: &'static str,
    /// One sentence for people.
    pub summary: &'static str,
    /// The rule set that its observations are made for, such as `active-minutes/1`.
    pub rules: &'static str,
    /// Whether it was proven on the real system, or made from documentation only.
    pub proven: Proven,
}

impl Info {
    /// Of a shop or till, which no rule set reads, made from documentation only.
    pub const fn of_merchant(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            rules: "",
            proven: Proven::Documentation,
        }
    }
}

/// How far an adapter can be trusted to fit the system that it is made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Proven {
    /// The tests run against the real system, or real files of it.
    RealSystem,
    /// Written from the vendor's documentation; the tests run against a local imitation.
    Documentation,
}

/// What an adapter offers, as plain data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Reads a file or bytes.
    pub read_file: bool,
    /// Pulls from the system since a cursor.
    pub pull: bool,
    /// Takes webhooks.
    pub webhook: bool,
    /// Can ask again for what may have changed silently.
    pub refresh: bool,
    /// Withdraws what was taken back.
    pub withdraws: bool,
}

impl Capabilities {
    /// An adapter that reads files and nothing else.
    pub const FILE: Self = Self {
        read_file: true,
        pull: false,
        webhook: false,
        refresh: false,
        withdraws: false,
    };

    /// An adapter that takes webhooks and pulls.
    pub const SERVICE: Self = Self {
        read_file: false,
        pull: true,
        webhook: true,
        refresh: false,
        withdraws: true,
    };
}

/// What an adapter reads from.
#[non_exhaustive]
pub enum Input {
    /// Bytes at hand.
    Bytes(Vec<u8>),
    /// A file.
    Path(PathBuf),
    /// A stream, read once from its beginning to its end.
    Reader(Box<dyn Read + Send>),
    /// What a webhook told to fetch.
    Hint(Hint),
    /// Everything since a cursor, or from the beginning.
    Pull(Option<Cursor>),
}

impl Input {
    /// The bytes to read, for an adapter of files. Not buffered.
    ///
    /// # Errors
    /// [`Kind::InputInvalid`] if the file cannot be opened, [`Kind::Unsupported`] for a hint or a
    /// pull.
    pub fn into_reader(self) -> Result<Box<dyn Read + Send>> {
        match self {
            Self::Bytes(bytes) => Ok(Box::new(io::Cursor::new(bytes))),
            Self::Path(path) => File::open(path)
                .map(|file| Box::new(file) as _)
                .map_err(|error| {
                    Error::new(Kind::InputInvalid, "the file cannot be opened")
                        .with("reason", error.kind())
                        .because(error)
                }),
            Self::Reader(reader) => Ok(reader),
            Self::Hint(_) | Self::Pull(_) => Err(Error::new(
                Kind::Unsupported,
                "this adapter reads files and nothing else",
            )),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Path(_) => f.write_str("Path"),
            Self::Reader(_) => f.write_str("Reader"),
            Self::Hint(_) => f.write_str("Hint"),
            Self::Pull(_) => f.write_str("Pull"),
        }
    }
}

/// What to fetch, in the adapter's own words; kept sealed until it is processed.
#[derive(Clone, Eq, PartialEq)]
pub struct Hint(pub String);

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hint(redacted)")
    }
}

/// Where to go on reading, in the adapter's own words.
#[derive(Clone, Eq, PartialEq)]
pub struct Cursor(pub String);

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cursor(redacted)")
    }
}

/// Where an adapter puts what it read.
#[async_trait]
pub trait Sink: Send {
    /// Takes at most [`CHUNK`] observations; when it returns, they are safe.
    async fn observe(&mut self, chunk: Vec<Observation>) -> Result<()>;

    /// Takes the report of a record that cannot be used.
    async fn refuse(&mut self, refusal: Refusal) -> Result<()>;

    /// Remembers where to go on, once everything before it is safe.
    async fn resume_at(&mut self, cursor: Cursor) -> Result<()> {
        let _ = cursor;
        Ok(())
    }

    /// Hears how many bytes of the input are done, for a progress bar.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// Why a record was not used. Never holds a value of the record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// A stable name such as `truncated` or `bad_crc`.
    pub code: &'static str,
    /// One sentence: what is wrong and what to do.
    pub message: Cow<'static, str>,
    /// Where: names such as `line`, `record` or `byte`, with their numbers.
    pub at: Vec<(&'static str, u64)>,
    /// Which field.
    pub field: Option<&'static str>,
}

impl Refusal {
    /// The code of a record that lies in the future. By a clock that is slow, ours, everything that is
    /// fresh does: so what brought such a record to the inbox is read again for a day.
    pub const FUTURE: &'static str = "future";

    /// A refusal with this code and sentence.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            at: Vec::new(),
            field: None,
        }
    }

    /// Adds where; an array on one line needs the record's number beside the line's.
    #[must_use]
    pub fn at(mut self, name: &'static str, number: u64) -> Self {
        self.at.push((name, number));
        self
    }

    /// Adds which field.
    #[must_use]
    pub fn field(self, field: &'static str) -> Self {
        Self {
            field: Some(field),
            ..self
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, number)) in self.at.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {number}")?;
        }
        if !self.at.is_empty() {
            f.write_str(": ")?;
        }
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)
    }
}

/// Gathers observations into chunks for a sink.
///
/// ```
/// # use wom_sdk::{instrument::{Chunks, Sink}, Observation, Result};
/// # async fn read(found: Vec<Observation>, sink: &mut dyn Sink) -> Result<()> {
/// let mut chunks = Chunks::new(sink);
/// for observation in found {
///     chunks.push(observation).await?;
/// }
/// chunks.finish().await
/// # }
/// ```
pub struct Chunks<'a> {
    sink: &'a mut dyn Sink,
    chunk: Vec<Observation>,
}

impl<'a> Chunks<'a> {
    /// Chunks that go to this sink.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            chunk: Vec::new(),
        }
    }

    /// Adds an observation; a full chunk goes to the sink.
    pub async fn push(&mut self, observation: Observation) -> Result<()> {
        self.chunk.push(observation);
        if self.chunk.len() < CHUNK {
            return Ok(());
        }
        self.sink.observe(std::mem::take(&mut self.chunk)).await
    }

    /// Passes a refusal on.
    pub async fn refuse(&mut self, refusal: Refusal) -> Result<()> {
        self.sink.refuse(refusal).await
    }

    /// Passes on how many bytes of the input are done.
    pub fn progress(&mut self, bytes: u64) {
        self.sink.progress(bytes);
    }

    /// Hands over what is left.
    pub async fn finish(self) -> Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.sink.observe(self.chunk).await
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunks({} waiting)", self.chunk.len())
    }
}

/// A webhook call, as it arrived.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`, `HEAD`.
    pub method: &'a str,
    /// The query without its question mark, still percent-encoded.
    pub query: &'a str,
    /// Names and values as received.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The raw bytes, never parsed before.
    pub body: &'a [u8],
    /// When it arrived.
    pub received_at: Timestamp,
}

impl<'a> Request<'a> {
    /// The value of a header, whatever the case of its name; the first one counts.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let found = self
            .headers
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({}, {} bytes)", self.method, self.body.len())
    }
}

/// What to answer a webhook call with, and what it tells to read.
#[derive(Debug)]
pub struct Received {
    /// The answer, as the vendor wants it.
    pub reply: Reply,
    /// What to do with it.
    pub verdict: Verdict,
}

/// What a webhook call is good for.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// A handshake or a call of no consequence: only the answer matters.
    Answered,
    /// Something is to be read; the answer goes out once the hint is safe.
    Read(Hint),
    /// A message that brings with it what is to be read, under an id of its own: the same id again
    /// is the same message, and is not read again. The answer goes out once the message is safe.
    Once {
        /// What the sender calls the message.
        id: String,
        /// What is to be read.
        hint: Hint,
    },
    /// The call is not to be believed, or of no use.
    Refused(Error),
}

impl Received {
    /// Only an answer.
    pub fn answer(reply: Reply) -> Self {
        Self {
            reply,
            verdict: Verdict::Answered,
        }
    }

    /// An answer, once the hint is safe.
    pub fn read(reply: Reply, hint: Hint) -> Self {
        Self {
            reply,
            verdict: Verdict::Read(hint),
        }
    }

    /// An answer, once the message with this id is safe.
    pub fn once(reply: Reply, id: String, hint: Hint) -> Self {
        Self {
            reply,
            verdict: Verdict::Once { id, hint },
        }
    }

    /// A refusal with this status; the reason is for our own log, not for the caller.
    pub fn refuse(status: u16, error: Error) -> Self {
        Self {
            reply: Reply::status(status),
            verdict: Verdict::Refused(error),
        }
    }
}

/// An HTTP answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The status, 200 to 599.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// An answer without a body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.into(),
        }
    }
}
