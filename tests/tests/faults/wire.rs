//! The network of one cell: real requests through the real proxy, in a time that stands still while
//! they are under way and passes fifty times as fast while somebody waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result,
    registry::{HttpRequest, HttpResponse, ReqwestTransport, Transport},
};
use wom_tests::still;

use crate::proxy::{SPOIL, Spoil, TO};

/// How many seconds of the cell's time a real second of waiting stands for.
pub(crate) const SCALE: u32 = 50;
/// A request that nobody slows down may take as long as a busy machine needs.
const BUSY: Duration = Duration::from_secs(60);

/// What happens to a request, on the wire or before it gets there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// The proxy spoils it.
    Wire(Spoil),
    /// There is nobody at the port.
    Refused,
    /// The connection never stands.
    NoConnection,
    /// The connection is closed in the midst of the TLS handshake.
    NoTls,
    /// The name is not found.
    NoName,
    /// From now on another Registry answers: the same one from a copy of long ago.
    OldCopy,
}

/// The transport of one cell. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    inner: ReqwestTransport,
    /// A port that is taken and that nobody listens at.
    dead: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The part of the address that names the operation in trouble.
    operation: String,
    /// What happens to its requests, one after the other.
    script: Vec<Trouble>,
    /// What happens to all after those.
    then: Option<Trouble>,
    old: bool,
    sent: BTreeMap<String, u32>,
    arrived: u32,
    /// The last answer of each operation.
    answers: BTreeMap<String, Vec<u8>>,
}

impl Wire {
    pub(crate) fn new(proxy: &str, dead: u16) -> Self {
        let inner = ReqwestTransport::to(&proxy.parse().unwrap()).unwrap();
        Self {
            inner,
            dead,
            state: Arc::default(),
        }
    }

    /// From now on requests to this operation are in trouble, and are counted.
    pub(crate) fn trouble(&self, operation: &str, script: Vec<Trouble>, then: Option<Trouble>) {
        let mut state = self.state();
        operation.clone_into(&mut state.operation);
        (state.script, state.then) = (script, then);
        state.script.reverse();
        state.sent.clear();
        state.arrived = 0;
    }

    /// From now on all is well.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.script.clear();
        state.then = None;
    }

    /// How many requests were sent since the trouble began, to all operations.
    pub(crate) fn sent(&self) -> u32 {
        self.state().sent.values().sum()
    }

    /// How many requests to the operation in trouble arrived since it began.
    pub(crate) fn arrived(&self) -> u32 {
        self.state().arrived
    }

    /// Whether the Registry is by now the one from a copy of long ago.
    pub(crate) fn is_old(&self) -> bool {
        self.state().old
    }

    /// The body of the last answer to an operation.
    pub(crate) fn answer(&self, operation: &str) -> Vec<u8> {
        self.state()
            .answers
            .get(operation)
            .cloned()
            .unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn next(&self, operation: &str) -> Trouble {
        let mut state = self.state();
        *state.sent.entry(operation.to_owned()).or_default() += 1;
        let trouble = match state.operation == operation {
            true => state.script.pop().or_else(|| state.then.clone()),
            false => None,
        };
        let trouble = trouble.unwrap_or(Trouble::Wire(Spoil::Nothing));
        state.old |= trouble == Trouble::OldCopy;
        let arrives = match &trouble {
            Trouble::Wire(spoil) => spoil.arrives(),
            trouble => *trouble == Trouble::OldCopy,
        };
        state.arrived += u32::from(arrives && state.operation == operation);
        trouble
    }
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse> {
        let operation = operation(&request.url);
        let mut spoil = Spoil::Nothing;
        match self.next(&operation) {
            Trouble::Wire(other) => spoil = other,
            Trouble::OldCopy => {}
            Trouble::Refused => request.url = at_port(&request.url, "http", self.dead),
            Trouble::NoTls => request.url = request.url.replacen("http:", "https:", 1),
            Trouble::NoConnection => {
                tokio::time::sleep(request.limit).await;
                return Err(unreachable());
            }
            Trouble::NoName => return Err(unreachable()),
        }
        let limit = request.limit;
        let slow = matches!(spoil, Spoil::Late(_) | Spoil::Drip(_));
        if let Spoil::Late(millis) = &mut spoil {
            // Until after the last moment.
            *millis += u64::try_from((limit / SCALE).as_millis()).unwrap();
        }
        let request = request
            .within(if slow { limit / SCALE } else { BUSY })
            .header(SPOIL, spoil.to_header())
            .header(TO, u8::from(self.state().old).to_string());
        let inner = self.inner.clone();
        let started = std::time::Instant::now();
        // The cell's time stands still until this is back.
        let answer = still::run(async move { inner.send(request).await }).await;
        if slow {
            tokio::time::sleep(started.elapsed() * SCALE).await;
        }
        if let Ok(answer) = &answer {
            let body = answer.body.clone();
            self.state().answers.insert(operation, body);
        }
        answer
    }
}

fn unreachable() -> Error {
    Error::new(Kind::NetworkUnreachable, "the Registry cannot be reached")
}

/// The last two parts of the address; of a source's only the last.
pub(crate) fn operation(url: &str) -> String {
    let mut parts = url.rsplit('/');
    let last = parts.next().unwrap();
    match parts.next() {
        Some(before) if last != "vouchers" => format!("{before}/{last}"),
        _ => last.to_owned(),
    }
}

fn at_port(url: &str, scheme: &str, port: u16) -> String {
    let path = url.splitn(4, '/').nth(3).unwrap();
    format!("{scheme}://127.0.0.1:{port}/{path}")
}
