//! A transport on which everything can go wrong, by script.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    Error, Kind, Result,
    registry::{HttpRequest, HttpResponse, Transport},
};

/// Wraps a transport and spoils what passes, by a script for each operation; what the script does
/// not name passes. Clones share the script and the counts.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// # #[derive(Debug)]
/// # struct Inner;
/// # #[async_trait::async_trait]
/// # impl wom_sdk::registry::Transport for Inner {
/// #     async fn send(&self, _: HttpRequest) -> wom_sdk::Result<HttpResponse> {
/// #         Ok(HttpResponse::new(200, ""))
/// #     }
/// # }
/// # let inner = Inner;
/// use wom_sdk::{
///     Kind,
///     registry::{HttpRequest, HttpResponse, Transport},
///     testing::{Fault, FaultTransport},
/// };
///
/// // The first verify is carried out, and its answer lost; the second one passes.
/// let faults = FaultTransport::new(inner).script("voucher/verify", [Fault::LoseReply]);
/// let verify = || HttpRequest::post("http://127.0.0.1/api/v1/voucher/verify", "{}");
/// let lost = faults.send(verify()).await.unwrap_err();
/// assert_eq!(lost.kind(), Kind::OutcomeUnknown);
/// assert!(faults.send(verify()).await.is_ok());
/// assert_eq!(faults.sent("voucher/verify"), 2);
/// # });
/// ```
#[derive(Clone)]
pub struct FaultTransport {
    inner: Arc<dyn Transport>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    scripts: BTreeMap<String, VecDeque<Fault>>,
    always: BTreeMap<String, Fault>,
    sent: BTreeMap<String, usize>,
    arrived: BTreeMap<String, usize>,
    /// The last answer of any operation, as it came.
    last: Option<HttpResponse>,
}

/// What happens to one request.
#[derive(Clone)]
#[non_exhaustive]
pub enum Fault {
    /// It passes.
    Pass,
    /// There is no connection: it surely does not arrive.
    Refuse,
    /// It gets lost; nobody can tell.
    LoseRequest,
    /// It is carried out, and the answer gets lost.
    LoseReply,
    /// It is carried out after a while.
    Delay(Duration),
    /// It is carried out at once, and the answer comes after a while.
    DelayReply(Duration),
    /// It is carried out twice, and the second answer comes.
    Duplicate,
    /// It gets lost, and the answer never comes: the caller has to give up.
    Hang,
    /// It does not arrive; an answer with this status comes from something in between.
    Status(u16),
    /// It does not arrive; this is the answer.
    Answer(HttpResponse),
    /// It is carried out, and only so many bytes of the answer come.
    Truncate(usize),
    /// It is carried out, and the answer of the request before it comes.
    Stale,
    /// It is carried out, and the answer altered.
    Alter(Arc<dyn Fn(HttpResponse) -> HttpResponse + Send + Sync>),
}

impl FaultTransport {
    /// A transport on which nothing goes wrong yet.
    pub fn new(inner: impl Transport + 'static) -> Self {
        Self {
            inner: Arc::new(inner),
            state: Arc::default(),
        }
    }

    /// Spoils the next requests to an operation, one fault each. The operation is what its address
    /// ends with, such as `voucher/create`.
    #[must_use]
    pub fn script(self, operation: &str, faults: impl IntoIterator<Item = Fault>) -> Self {
        self.add(operation, faults);
        self
    }

    /// Spoils every request to an operation that has no script left.
    #[must_use]
    pub fn always(self, operation: &str, fault: Fault) -> Self {
        self.state().always.insert(operation.to_owned(), fault);
        self
    }

    /// As [`script`](Self::script), for one that is in use.
    pub fn add(&self, operation: &str, faults: impl IntoIterator<Item = Fault>) {
        let mut state = self.state();
        let script = state.scripts.entry(operation.to_owned()).or_default();
        script.extend(faults);
    }

    /// How many requests to an operation were sent, spoilt ones among them.
    pub fn sent(&self, operation: &str) -> usize {
        count(&self.state().sent, operation)
    }

    /// How many requests to an operation arrived.
    pub fn arrived(&self, operation: &str) -> usize {
        count(&self.state().arrived, operation)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // A test that panicked meanwhile does not change what is in here.
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn next(&self, operation: &str) -> Fault {
        let mut state = self.state();
        *state.sent.entry(operation.to_owned()).or_default() += 1;
        let scripted = state
            .scripts
            .get_mut(operation)
            .and_then(VecDeque::pop_front);
        scripted
            .or_else(|| state.always.get(operation).cloned())
            .unwrap_or(Fault::Pass)
    }

    async fn pass(&self, operation: &str, request: HttpRequest) -> Result<HttpResponse> {
        *self
            .state()
            .arrived
            .entry(operation.to_owned())
            .or_default() += 1;
        let answer = self.inner.send(request).await?;
        self.state().last = Some(answer.clone());
        Ok(answer)
    }
}

#[async_trait]
impl Transport for FaultTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let operation = operation(&request.url);
        match self.next(&operation) {
            Fault::Pass => self.pass(&operation, request).await,
            Fault::Refuse => Err(Error::new(
                Kind::NetworkUnreachable,
                "the Registry cannot be reached",
            )),
            Fault::LoseRequest => Err(broken()),
            Fault::LoseReply => {
                self.pass(&operation, request).await?;
                Err(broken())
            }
            Fault::Delay(pause) => {
                tokio::time::sleep(pause).await;
                self.pass(&operation, request).await
            }
            Fault::DelayReply(pause) => {
                let answer = self.pass(&operation, request).await;
                tokio::time::sleep(pause).await;
                answer
            }
            Fault::Duplicate => {
                self.pass(&operation, request.clone()).await?;
                self.pass(&operation, request).await
            }
            Fault::Hang => {
                tokio::time::sleep(request.limit).await;
                Err(broken())
            }
            Fault::Status(status) => Ok(HttpResponse::new(status, "")),
            Fault::Answer(answer) => Ok(answer),
            Fault::Truncate(bytes) => {
                let mut answer = self.pass(&operation, request).await?;
                answer.body.truncate(bytes);
                Ok(answer)
            }
            Fault::Stale => {
                let before = self.state().last.clone();
                let answer = self.pass(&operation, request).await?;
                Ok(before.unwrap_or(answer))
            }
            Fault::Alter(alter) => Ok(alter(self.pass(&operation, request).await?)),
        }
    }
}

impl fmt::Debug for FaultTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultTransport({:?})", self.inner)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "Pass",
            Self::Refuse => "Refuse",
            Self::LoseRequest => "LoseRequest",
            Self::LoseReply => "LoseReply",
            Self::Delay(_) => "Delay",
            Self::DelayReply(_) => "DelayReply",
            Self::Duplicate => "Duplicate",
            Self::Hang => "Hang",
            Self::Status(_) => "Status",
            Self::Answer(_) => "Answer",
            Self::Truncate(_) => "Truncate",
            Self::Stale => "Stale",
            Self::Alter(_) => "Alter",
        })
    }
}

fn broken() -> Error {
    Error::new(
        Kind::OutcomeUnknown,
        "the connection broke before the whole answer came",
    )
}

fn count(counts: &BTreeMap<String, usize>, operation: &str) -> usize {
    counts.get(operation).copied().unwrap_or(0)
}

/// The last two parts of the address.
fn operation(url: &str) -> String {
    let mut parts = url.rsplitn(3, '/');
    let last = parts.next().unwrap_or_default();
    match parts.next() {
        Some(before) => format!("{before}/{last}"),
        None => last.to_owned(),
    }
}
