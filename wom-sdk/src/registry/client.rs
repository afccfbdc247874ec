//! What instruments, POS and wallets share: address, key, connections and time limits.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    Address, HttpRequest, HttpResponse, Transport,
    keys::Keys,
    tries::{Failure, Repeat, Tries},
};
use crate::{
    Clock, Error, Kind, Result, Retry, SystemClock,
    cores::Cores,
    protocol::{Aim, PublicKey, SourceId, from_response, json, message::AimList},
};

/// A Registry, as a client sees it. Cheap to clone; clones share connections and the Registry's
/// key, so that a process needs one for each Registry.
#[derive(Clone)]
pub struct RegistryClient(Arc<Inner>);

struct Inner {
    address: Address,
    transport: Arc<dyn Transport>,
    keys: Keys,
    deadline: Duration,
    clock: Arc<dyn Clock>,
    cores: Cores,
}

impl RegistryClient {
    /// How long an operation may take in all unless set otherwise: 15 seconds.
    pub const DEADLINE: Duration = Duration::from_secs(15);

    /// A client with the usual settings for the Registry at this base address, before `/api`.
    #[cfg(feature = "client")]
    pub fn new(address: &str) -> Result<Self> {
        Self::builder(address).build()
    }

    /// Settings for a client of the Registry at this base address, before `/api`.
    pub fn builder(address: &str) -> RegistryClientBuilder {
        RegistryClientBuilder {
            address: address.to_owned(),
            pin: None,
            key: None,
            transport: None,
            plain_http: false,
            deadline: Self::DEADLINE,
            clock: Arc::new(SystemClock),
        }
    }

    /// The base address, before `/api`, in its one spelling.
    pub fn address(&self) -> &Address {
        &self.0.address
    }

    /// The Registry's key: fetched once, then the same for as long as the Registry reads what is
    /// encrypted for it.
    ///
    /// With a pin, another key is [`Kind::RegistryKeyChanged`].
    pub async fn key(&self) -> Result<PublicKey> {
        self.current_key(Instant::now() + self.0.deadline).await
    }

    /// The aims that the Registry knows (WOM protocol, GET v2/aims).
    pub async fn aims(&self) -> Result<AimList> {
        self.fetch("v2/aims", AimList::from_outer).await
    }

    /// What the Registry tells about a source (WOM protocol, GET v1/source/{id}). An unknown one is
    /// [`Kind::SourceUnknown`].
    pub async fn source(&self, id: &SourceId) -> Result<SourceInfo> {
        let path = format!("v1/source/{id}");
        let about = self.fetch(&path, SourceInfo::from_outer).await;
        about.map_err(|error| match error.kind() {
            // The answer has no type of a problem.
            Kind::ConfigurationInvalid | Kind::ParameterRefused => {
                Error::new(Kind::SourceUnknown, "the Registry knows no such source")
                    .with("source", id)
                    .hint("check the id, and that it is of this Registry")
                    .because(error)
            }
            _ => error,
        })
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.0.keys
    }

    pub(super) fn deadline(&self) -> Duration {
        self.0.deadline
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// Does what takes milliseconds of a core where no other task waits for it.
    pub(super) async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let ended = || Error::new(Kind::Cancelled, "the process is shutting down");
        let done = self.0.cores.run(work).await;
        done.unwrap_or_else(|_| Err(ended()))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/api/{path}", self.0.address)
    }

    /// Gets and reads something that anybody may see.
    pub(super) async fn fetch<T>(
        &self,
        path: &str,
        read: impl Fn(&[u8]) -> Result<T>,
    ) -> Result<T> {
        let mut tries = Tries::new(Repeat::Freely, self.0.deadline);
        self.fetch_within(&mut tries, path, read)
            .await
            .map_err(|error| error.with("operation", path.to_owned()))
    }

    pub(super) async fn fetch_within<T>(
        &self,
        tries: &mut Tries,
        path: &str,
        read: impl Fn(&[u8]) -> Result<T>,
    ) -> Result<T> {
        loop {
            let answer = self.send(HttpRequest::get(self.url(path)), tries).await;
            let failure = match answer.map(|answer| read(&answer.body)) {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => misread(error).into(),
                Err(failure) => failure,
            };
            tries.after(failure).await?;
        }
    }

    /// Sends one request within what is left of the time, and gives its answer if it is one of
    /// success.
    pub(super) async fn send(
        &self,
        request: HttpRequest,
        tries: &Tries,
    ) -> Result<HttpResponse, Failure> {
        let limit = tries.limit();
        let sending = self.0.transport.send(request.within(limit));
        let Ok(answer) = timeout(limit, sending).await else {
            return Err(Failure::from(out_of_time(limit)));
        };
        let answer = answer?;
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let content_type = answer.content_type.as_deref();
        let error = from_response(answer.status, content_type, &answer.body);
        Err(Failure::of(&answer, error, self.clock()))
    }
}

impl fmt::Debug for RegistryClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryClient")
            .field("address", &self.0.address)
            .field("transport", &self.0.transport)
            .finish_non_exhaustive()
    }
}

pub(super) fn out_of_time(limit: Duration) -> Error {
    Error::new(
        Kind::DeadlineExceeded,
        "the Registry did not answer within the time allowed",
    )
    .with("seconds", limit.as_secs_f32())
}

/// An answer of success that is not what it should be. What was asked for may have happened.
pub(super) fn misread(error: Error) -> Error {
    match error.kind() {
        Kind::RegistryMisbehaved | Kind::RegistryKeyChanged => error,
        _ => Error::new(
            Kind::RegistryMisbehaved,
            "the Registry's answer is not what the protocol says",
        )
        .hint("check the address: a proxy or a login page may have answered in its place")
        .because(error),
    }
}

/// The settings of a [`RegistryClient`].
///
/// ```
/// use wom_sdk::{Kind, registry::RegistryClient};
///
/// let error = RegistryClient::builder("http://town.example").build().unwrap_err();
/// assert_eq!(error.kind(), Kind::InsecureTransport);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RegistryClientBuilder {
    address: String,
    pin: Option<String>,
    key: Option<PublicKey>,
    transport: Option<Arc<dyn Transport>>,
    plain_http: bool,
    deadline: Duration,
    clock: Arc<dyn Clock>,
}

impl RegistryClientBuilder {
    /// Accepts only the Registry's key with this [fingerprint](PublicKey::fingerprint): 64
    /// hexadecimal digits, in any case, with or without colons.
    pub fn pin(self, fingerprint: impl Into<String>) -> Self {
        Self {
            pin: Some(fingerprint.into()),
            ..self
        }
    }

    /// Uses this key of the Registry, and accepts no other. None is fetched.
    pub fn key(self, key: PublicKey) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// Sends by this transport in place of the SDK's own.
    pub fn transport(self, transport: impl Transport + 'static) -> Self {
        Self {
            transport: Some(Arc::new(transport)),
            ..self
        }
    }

    /// How long an operation may take in all, tries and pauses included, from 100 ms to an hour.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Where the time comes from, for `Retry-After`.
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Accepts plain http to another host: whoever is on the way can put a key of their own in the
    /// Registry's place and read codes, PINs and vouchers, unless the key is given or pinned.
    pub fn danger_accept_plain_http(self) -> Self {
        Self {
            plain_http: true,
            ..self
        }
    }

    /// The client. Nothing is sent yet.
    pub fn build(self) -> Result<RegistryClient> {
        let address: Address = self.address.parse()?;
        if !self.plain_http {
            address.check_transport()?;
        }
        let range = Duration::from_millis(100)..=Duration::from_secs(3600);
        if !range.contains(&self.deadline) {
            return Err(Error::new(
                Kind::InputInvalid,
                "the time for an operation is from 100 ms to an hour",
            ));
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => default_transport(&address)?,
        };
        Ok(RegistryClient(Arc::new(Inner {
            keys: Keys::new(self.pin.as_deref(), self.key)?,
            address,
            transport,
            deadline: self.deadline,
            clock: self.clock,
            cores: Cores::all(),
        })))
    }
}

#[cfg(feature = "client")]
fn default_transport(address: &Address) -> Result<Arc<dyn Transport>> {
    Ok(Arc::new(super::ReqwestTransport::to(address)?))
}

#[cfg(not(feature = "client"))]
fn default_transport(_: &Address) -> Result<Arc<dyn Transport>> {
    Err(
        Error::new(Kind::ConfigurationInvalid, "the client has no transport")
            .hint("give one, or build with the feature `client`"),
    )
}

/// What a Registry tells about a source.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct SourceInfo {
    /// The name that people know it by; empty if it has none.
    pub name: String,
    /// Where to read about it.
    pub url: Option<String>,
    /// The aims that it may award; empty where the Registry does not tell.
    pub aims: Vec<Aim>,
}

impl SourceInfo {
    fn from_outer(body: &[u8]) -> Result<Self> {
        let body = json::object(body, json::Layer::Outer, json::Limits::default())?;
        let text = |name: &str| {
            let text = body.as_map().get(name)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        if !body.as_map().contains_key("id") {
            return Err(Error::new(Kind::InputInvalid, "the answer is of no source"));
        }
        let aims = body
            .as_map()
            .get("enabledAims")
            .and_then(serde_json::Value::as_array);
        let aims = aims.into_iter().flatten();
        Ok(Self {
            name: text("name").unwrap_or_default(),
            url: text("url"),
            aims: aims.filter_map(|aim| aim.as_str()?.parse().ok()).collect(),
        })
    }
}

/// Whether nothing but a key was asked for: whatever the answer, trying again does no harm.
pub(super) fn harmless(error: Error) -> Error {
    match error.retry() {
        Retry::SameKey => error.with_retry(Retry::Safe),
        _ => error,
    }
}
