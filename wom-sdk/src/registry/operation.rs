//! The operations that carry an encrypted payload: seal, send, read, and try again where that is
//! right.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::{
    HttpRequest, RegistryClient,
    client::misread,
    instrument::misbehaved,
    tries::{Failure, Repeat, Tries},
};
use crate::{
    Error, Kind, Result, Retry,
    protocol::{
        PrivateKey, PublicKey, SessionKey, aes,
        json::{self, Layer, Limits},
        message,
        message::{SealedBody, StatusBody},
        rsa,
    },
};

/// The most blocks that are sealed where the request is made: some hundred microseconds.
const SEALED_HERE: usize = 4;

/// Reads what an answer holds.
pub(super) enum Read<T> {
    /// At once.
    Here(fn(&[u8]) -> Result<T>),
    /// Where no other task waits for it: it takes milliseconds of a core.
    Elsewhere(Arc<Reading<T>>),
}

type Reading<T> = dyn Fn(&[u8]) -> Result<T> + Send + Sync;

/// One operation.
pub(super) struct Operation<T> {
    /// Below `/api/v1/`; also its name in errors.
    pub(super) path: &'static str,
    pub(super) repeat: Repeat,
    /// The most RSA blocks that a Registry reads for it.
    pub(super) max_blocks: usize,
    /// What is sealed.
    pub(super) text: Zeroizing<String>,
    /// The body around the sealed text.
    pub(super) body: Box<dyn Fn(String) -> String + Send + Sync>,
    /// Reads the answer.
    pub(super) read: Read<T>,
}

impl RegistryClient {
    /// Performs an operation within its total time.
    pub(super) async fn perform<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T> {
        let path = operation.path;
        self.attempts(operation)
            .await
            .map_err(|error| error.with("operation", path))
    }

    async fn attempts<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T> {
        let mut tries = Tries::new(operation.repeat, self.deadline());
        let mut key = self.key_for(operation.repeat, tries.ends()).await?;
        let mut body = self.seal(&operation, &key).await?;
        let mut asked_for_key = false;
        loop {
            let failure = match self.attempt(&operation, &body, &tries).await {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            if failure.error.kind() != Kind::PayloadRefused || asked_for_key {
                tries.after(failure).await?;
                continue;
            }
            // The Registry could not read it, so nothing happened. Its key may have changed.
            asked_for_key = true;
            let newer = self.newer_key(&key, operation.repeat, tries.ends()).await;
            match newer {
                Ok(Some(newer)) => key = newer,
                Ok(None) => return Err(failure.error),
                Err(error) => return Err(tries.last(error, None)),
            }
            body = self.seal(&operation, &key).await?;
        }
    }

    async fn attempt<T: Send + 'static>(
        &self,
        operation: &Operation<T>,
        body: &str,
        tries: &Tries,
    ) -> Result<T, Failure> {
        let url = self.url(&format!("v1/{}", operation.path));
        let answer = self.send(HttpRequest::post(url, body), tries).await?;
        match &operation.read {
            Read::Here(read) => Ok(read(&answer.body)?),
            Read::Elsewhere(read) => {
                let read = Arc::clone(read);
                Ok(self.off_thread(move || read(&answer.body)).await?)
            }
        }
    }

    async fn seal<T>(&self, operation: &Operation<T>, key: &PublicKey) -> Result<String> {
        let blocks = rsa::blocks(key, operation.text.len());
        if blocks > operation.max_blocks {
            return Err(Error::new(
                Kind::LimitExceeded,
                "the request is larger than what a Registry reads",
            )
            .with(
                "limit_bytes",
                operation.max_blocks * (key.size_bytes() - 11),
            )
            .hint("ask for less at once"));
        }
        let payload = if blocks <= SEALED_HERE {
            rsa::seal(key, operation.text.as_bytes())
        } else {
            let (key, text) = (key.clone(), operation.text.clone());
            let work = move || Ok(rsa::seal(&key, text.as_bytes()));
            self.off_thread(work).await?
        };
        Ok((operation.body)(payload))
    }
}

/// The answer to a verify, which is empty. A page in its place is no answer of a Registry, and a
/// payload is the answer to something else.
pub(super) fn read_nothing(answer: &[u8]) -> Result<()> {
    if answer.trim_ascii().is_empty() {
        return Ok(());
    }
    let answer = json::parse(answer, Layer::Outer, Limits::default()).map_err(misread)?;
    match answer.get("payload") {
        None => Ok(()),
        Some(_) => Err(misbehaved("the answer is to another request")),
    }
}

/// Reads an answer that is sealed for the caller's private key.
pub(super) fn read_rsa<T>(
    key: PrivateKey,
    read: impl Fn(&[u8]) -> Result<T> + Send + Sync + 'static,
) -> Read<T> {
    Read::Elsewhere(Arc::new(move |answer| {
        let body = SealedBody::from_answer(answer).map_err(misread)?;
        let text = rsa::open(&key, &body.payload, message::MAX_BLOCKS_ANSWER);
        text.and_then(|text| read(&text)).map_err(not_for_us)
    }))
}

/// As [`read_rsa`], for the answer to status, whose body names the POS.
pub(super) fn read_status<T>(
    key: PrivateKey,
    read: impl Fn(&StatusBody, &[u8]) -> Result<T> + Send + Sync + 'static,
) -> Read<T> {
    Read::Elsewhere(Arc::new(move |answer| {
        let body = StatusBody::from_outer(answer).map_err(misread)?;
        let text = rsa::open(&key, &body.payload, message::MAX_BLOCKS_ANSWER);
        text.and_then(|text| read(&body, &text)).map_err(not_for_us)
    }))
}

/// Reads an answer that is sealed under the caller's session key.
pub(super) fn read_aes<T>(
    key: SessionKey,
    read: impl Fn(&[u8]) -> Result<T> + Send + Sync + 'static,
) -> Read<T> {
    Read::Elsewhere(Arc::new(move |answer| {
        let body = SealedBody::from_answer(answer).map_err(misread)?;
        let text = aes::open(&key, &body.payload);
        text.and_then(|text| read(&text)).map_err(misread)
    }))
}

/// A payload that this private key does not open: most likely it is another instrument's or POS's.
fn not_for_us(error: Error) -> Error {
    if error.kind() != Kind::PayloadInvalid {
        return error;
    }
    Error::new(
        Kind::PayloadInvalid,
        "the Registry's answer is not for this private key",
    )
    .hint("give the private key that belongs to this id")
    .with_retry(Retry::Never)
    .because(error)
}
