//! The instrument's side with an API key: one call, no key pair.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;

use super::{
    HttpRequest, RegistryClient, SourceInfo,
    client::misread,
    instrument::{link, misbehaved, old_form, verify},
    tries::{Failure, Repeat, Tries},
};
use crate::{
    Digest, Result, Retry,
    award::{Content, Identity, Issuer, Ticket},
    protocol::{
        ApiKey, Otc, SourceId,
        message::{CreateAnswer, IssueRequest, VoucherSpecification},
    },
};

/// The header that carries the key.
const API_KEY: &str = "x-wom-apikey";
/// The header that makes a repeated call the same call, at Registries that know it.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// An instrument with an API key in place of a private key (WOM protocol, "issue with an API
/// key"). Cheap to clone.
///
/// The Registry makes vouchers in one call, without encryption and without a step between making a
/// code and making it good. So an answer that is lost leaves a good code that nobody has: the call
/// is repeated, the person gets exactly one code, and the Registry's statistics count two. A
/// Registry of this SDK knows a repeated call by its `Idempotency-Key` and answers the first code
/// again; others ignore that header, and [`orphans`](Self::orphans) counts what they may have made
/// in vain. Prefer [`InstrumentClient`](super::InstrumentClient) where the source's private key is
/// at hand.
///
/// Both are the same instrument: its awards have the same keys, and a
/// [`Dispatcher`](crate::dispatcher::Dispatcher) may change from one to the other at any time.
///
/// ```no_run
/// # fn example() -> wom_sdk::Result<()> {
/// use wom_sdk::{
///     protocol::ApiKey,
///     registry::{ApiKeyClient, RegistryClient},
/// };
///
/// let client = RegistryClient::new("https://dev.wom.social")?;
/// let key = ApiKey::from_file("api-key.txt")?;
/// let instrument = ApiKeyClient::new(client, "65aa0c3be1f0d25c7b9e4411".parse()?, key)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ApiKeyClient {
    client: RegistryClient,
    source: SourceId,
    key: Arc<dyn Fn() -> Result<ApiKey> + Send + Sync>,
    identity: Identity,
    made: Arc<Made>,
}

impl ApiKeyClient {
    /// The instrument with this source id and API key. Whether they belong together shows with the
    /// first call ([`AccessDenied`](crate::Kind::AccessDenied) otherwise).
    pub fn new(client: RegistryClient, source: SourceId, key: ApiKey) -> Result<Self> {
        Self::asking(client, source, move || Ok(key.clone()))
    }

    /// As [`new`](Self::new), with a key that is asked for before each call: from a vault, or one
    /// that changes.
    pub fn asking(
        client: RegistryClient,
        source: SourceId,
        key: impl Fn() -> Result<ApiKey> + Send + Sync + 'static,
    ) -> Result<Self> {
        if !source.is_object_id() {
            return Err(old_form("source"));
        }
        Ok(Self {
            identity: Identity {
                registry: client.address().to_string(),
                source: source.as_str().to_ascii_lowercase(),
            },
            client,
            source,
            key: Arc::new(key),
            made: Arc::default(),
        })
    }

    /// What the Registry tells about this source; [`SourceUnknown`](crate::Kind::SourceUnknown) if it does not know it.
    pub async fn info(&self) -> Result<SourceInfo> {
        self.client.source(&self.source).await
    }

    /// The Registry.
    pub fn registry(&self) -> &RegistryClient {
        &self.client
    }

    /// How many calls of this process and its clones ended unclear: each may have left a good code
    /// that nobody has, at a Registry that does not know a repeated call again.
    pub fn orphans(&self) -> u64 {
        self.made.unclear.load(Ordering::Relaxed)
    }

    async fn issue(&self, request: &IssueRequest, nonce: &str) -> Result<CreateAnswer> {
        let url = self
            .client
            .url(&format!("v1/source/{}/vouchers", self.source));
        let key = (self.key)()?;
        let tries = Tries::new(Repeat::ByCaller, self.client.deadline());
        let sent = HttpRequest::post(url, request.to_json().as_str())
            .header(API_KEY, key.reveal())
            .header(IDEMPOTENCY_KEY, nonce);
        let Failure {
            error, retry_after, ..
        } = match self.client.send(sent, &tries).await {
            Ok(answer) => match self.read(&answer.body, request.total(), nonce) {
                Ok(answer) => return Ok(answer),
                Err(error) => error.into(),
            },
            Err(failure) => failure,
        };
        if error.retry() == Retry::SameKey {
            self.made.unclear.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                code = error.code(),
                "no clear answer: the Registry may have made vouchers that nobody can collect"
            );
        }
        Err(tries.last(error, retry_after))
    }

    fn read(&self, body: &[u8], minutes: u32, nonce: &str) -> Result<CreateAnswer> {
        let answer = CreateAnswer::from_outer(body).map_err(misread)?;
        if answer.count.is_some_and(|count| count != minutes) {
            return Err(
                misbehaved("the Registry made another number of vouchers").with("asked", minutes)
            );
        }
        self.made.remember(&answer.otc, nonce)?;
        Ok(answer)
    }
}

#[async_trait]
impl Issuer for ApiKeyClient {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Makes a code that is good already. The dispatcher writes it down before anybody gets it, so
    /// that the call may be repeated until then.
    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let vouchers: Result<Vec<_>> = content
            .sorts()
            .iter()
            .map(|sort| {
                VoucherSpecification::new(sort.aim, Some(sort.place), sort.at, sort.minutes)
            })
            .collect();
        let request = IssueRequest::new(vouchers?)?;
        let answer = self
            .issue(&request, nonce)
            .await
            .map_err(|error| error.with("operation", "source/vouchers"))?;
        let base = self.client.address().as_str();
        Ok(Ticket {
            link: link(answer.link, base, "vouchers", &answer.otc),
            otc: answer.otc,
            pin: answer.password,
            minutes: request.total(),
        })
    }

    /// Sends nothing for a code that [`create`](Self::create) made. Another one, made by an earlier
    /// process or with the source's private key, may not be good yet: it is verified, which takes
    /// no key.
    async fn verify(&self, otc: &Otc) -> Result<()> {
        if self.made.knows(otc) {
            return Ok(());
        }
        self.client.perform(verify("voucher/verify", otc)).await
    }
}

impl fmt::Debug for ApiKeyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeyClient")
            .field("client", &self.client)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The latest codes that were made, and for what: as an answer repeats nothing of its request, this
/// is what tells another request's answer from one's own.
#[derive(Debug, Default)]
struct Made {
    codes: Mutex<Codes>,
    unclear: AtomicU64,
}

#[derive(Debug, Default)]
struct Codes {
    /// Digests of code and nonce, with the code's place in the order.
    by_code: BTreeMap<Digest, (u64, Digest)>,
    by_age: BTreeMap<u64, Digest>,
    next: u64,
}

impl Made {
    /// How many codes are remembered: far more than are under way at a time.
    const LIMIT: usize = 4096;

    fn remember(&self, otc: &Otc, nonce: &str) -> Result<()> {
        let (code, request) = (name(otc), Digest::of([nonce.as_bytes()]));
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        match codes.by_code.get(&code) {
            Some((_, known)) if *known == request => return Ok(()),
            Some(_) => {
                return Err(misbehaved("the Registry gave one code for two awards")
                    .hint("what stands between here and the Registry must not store answers"));
            }
            None => {}
        }
        let place = codes.next;
        codes.next += 1;
        codes.by_code.insert(code, (place, request));
        codes.by_age.insert(place, code);
        if codes.by_age.len() > Self::LIMIT
            && let Some((_, oldest)) = codes.by_age.pop_first()
        {
            codes.by_code.remove(&oldest);
        }
        Ok(())
    }

    fn knows(&self, otc: &Otc) -> bool {
        let codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.by_code.contains_key(&name(otc))
    }
}

fn name(otc: &Otc) -> Digest {
    Digest::of([b"issued/1".as_slice(), &otc.reveal_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    #[test]
    fn one_code_is_for_one_award_and_the_oldest_are_forgotten() {
        let made = Made::default();
        let first = Otc::random();
        made.remember(&first, "a").unwrap();
        made.remember(&first, "a").unwrap();
        let error = made.remember(&first, "b").unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (Kind::RegistryMisbehaved, Retry::SameKey)
        );
        for _ in 0..Made::LIMIT {
            made.remember(&Otc::random(), "c").unwrap();
        }
        assert!(!made.knows(&first));
        assert_eq!(made.codes.lock().unwrap().by_code.len(), Made::LIMIT);
    }
}
