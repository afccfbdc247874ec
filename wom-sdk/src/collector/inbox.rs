//! Webhooks: durable before they are answered, processed after, acknowledged last.

use std::sync::Arc;

use super::{Collector, Submission, Unwatched, done, intake::Intake};
use crate::{
    Clock, Digest, Error, Kind, Result, Retry,
    instrument::{Hint, Input, Instrument, Reply, Request, Verdict},
    protocol::random,
    store::{DeliveryId, DeliveryRecord, DeliveryState, Store},
};

/// Tries before somebody has to look: as they come to be an hour apart, about a week of a source that
/// does not answer.
const TRIES: u32 = 230;
const PAUSE_CAP_MS: u64 = 3_600_000;
/// For how long what brings records from the future is read again, and how often.
pub(super) const TO_COME_MS: i64 = 86_400_000;
const TO_COME_PAUSE_MS: i64 = 900_000;

/// What came in and is not done with: for the person whom it waits for. It names nobody, and shows
/// nothing of what came in.
///
/// [`Collector::process_due`] reads it; this works beside it, on the same store.
#[derive(Clone, Debug)]
pub struct Inbox {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
}

impl Inbox {
    const PAGE: usize = 1_000;

    /// The inbox in this store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// What waits or is parked, of one source or of all, at most `limit`.
    pub async fn list(&self, source: Option<&str>, limit: usize) -> Result<Vec<DeliveryRecord>> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.undone_deliveries(after, Self::PAGE).await?;
            after = page.last().map(|record| record.id);
            let last = page.len() < Self::PAGE;
            found.extend(
                page.into_iter()
                    .filter(|record| source.is_none_or(|source| source == record.source)),
            );
            if last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    /// Goes on with what is parked, of one source or of all, because whoever mended its cause says so:
    /// it is read within seconds. Gives how many there were.
    pub async fn retry(&self, source: Option<&str>) -> Result<usize> {
        let mut resumed = 0;
        for record in self.list(source, usize::MAX).await? {
            if !matches!(record.state, DeliveryState::Parked(_)) {
                continue;
            }
            let waiting = DeliveryRecord {
                version: record.version + 1,
                state: DeliveryState::Waiting,
                tries: 0,
                due: self.clock.now(),
                ..record
            };
            // Somebody else may have gone on with it: that is as good.
            resumed += usize::from(self.store.put_delivery(&waiting).await?);
        }
        Ok(resumed)
    }
}

impl Collector {
    /// Takes a webhook call for a source, and gives what to answer. A call that leads to reading is
    /// durable when this returns; [`process_due`](Self::process_due) reads.
    ///
    /// The same hint again, while the first one waits, is the same delivery; after that it is read
    /// again, as something may have changed again, and what is known already counts once. A message
    /// with an id of its own is read once, and again only where nobody could read it yet.
    ///
    /// # Errors
    ///
    /// [`Kind::ConfigurationInvalid`] for an unknown source; an error of the store: answer 503 then,
    /// so that the caller tries again.
    pub async fn receive(&self, source: &str, request: &Request<'_>) -> Result<Reply> {
        let received = self.source(source)?.receive(request);
        match received.verdict {
            Verdict::Answered => {}
            Verdict::Refused(error) => {
                tracing::warn!(source, code = error.code(), "a webhook call was refused");
            }
            Verdict::Read(hint) => {
                let name = ["hint/1", source, &hint.0];
                self.remember(source, name, &hint, true).await?;
            }
            Verdict::Once { id, hint } => {
                let name = ["message/1", source, &id];
                self.remember(source, name, &hint, false).await?;
            }
        }
        Ok(received.reply)
    }

    /// Reads what waits in the inbox, at most `limit` deliveries, and settles whom it touched.
    /// What cannot be read now is tried again later; what never can is parked, and kept. What brings
    /// records from the future is read again every 15 minutes, for a day: it may be our clock that is
    /// slow, and nobody would send them again.
    pub async fn process_due(&self, limit: usize) -> Result<Vec<Submission>> {
        let mut submissions = Vec::new();
        let now = self.clock.now();
        for record in self.store.due_deliveries(now, limit).await? {
            let leased = DeliveryRecord {
                version: record.version + 1,
                due: now.plus_millis(Self::LEASE_MS),
                ..record
            };
            if self.store.put_delivery(&leased).await? {
                submissions.extend(self.process(leased).await?);
            }
        }
        Ok(submissions)
    }

    /// Forgets which deliveries were done with, after `days` days, and destroys the keys of what
    /// they held. A delivery that comes again later is read again, which changes nothing.
    pub async fn forget_inbox(&self, days: u32) -> Result<u64> {
        let before = self.clock.now().plus_millis(-86_400_000 * i64::from(days));
        let forgotten = self.store.forget_deliveries(before).await?;
        let numbers = self.store.numbers().await?;
        let open = numbers
            .deliveries
            .iter()
            .filter(|count| count.state != DeliveryState::Done.name());
        let oldest = open.map(|count| count.oldest).min().unwrap_or(before);
        // A clock that is slow seals under the key of the day before the one that others say.
        let first = oldest.min(before).plus_millis(-86_400_000);
        self.inbox_sealer.forget_before(first)?;
        Ok(forgotten)
    }

    /// Keeps a hint under a name. `again` says whether one that is known is to be read again.
    async fn remember(
        &self,
        source: &str,
        name: [&str; 3],
        hint: &Hint,
        again: bool,
    ) -> Result<()> {
        let id = DeliveryId(Digest::of(name));
        let now = self.clock.now();
        loop {
            let held = self.store.delivery(id).await?;
            let is_safe = |held: &DeliveryRecord| {
                matches!(held.state, DeliveryState::Waiting | DeliveryState::Done)
            };
            if !again && held.as_ref().is_some_and(is_safe) {
                return Ok(());
            }
            // One that is being read just now may have been read before this change: the reader
            // finds another version at its end, and it is read once more.
            let record = DeliveryRecord {
                id,
                version: held.as_ref().map_or(0, |held| held.version) + 1,
                source: source.to_owned(),
                state: DeliveryState::Waiting,
                sealed: Some(self.inbox_sealer.seal(&id.0.0, hint.0.as_bytes(), now)?),
                received: held
                    .filter(|held| held.state == DeliveryState::Waiting)
                    .map_or(now, |held| held.received),
                tries: 0,
                due: now,
            };
            if self.store.put_delivery(&record).await? {
                return Ok(());
            }
        }
    }

    async fn process(&self, record: DeliveryRecord) -> Result<Option<Submission>> {
        match self.read_delivery(&record).await {
            Ok(submission) => {
                let now = self.clock.now();
                let again = submission.to_come && now.since(record.received) < TO_COME_MS;
                let next = match again {
                    true => DeliveryRecord {
                        version: record.version + 1,
                        due: now.plus_millis(TO_COME_PAUSE_MS),
                        ..record
                    },
                    false => done(record),
                };
                self.store.put_delivery(&next).await?;
                Ok(Some(submission))
            }
            Err(error) if error.kind() == Kind::StorageFailed => Err(error),
            Err(error) => {
                let next = failed(record, &error, self.clock.now());
                tracing::warn!(
                    source = next.source,
                    state = next.state.name(),
                    code = error.code(),
                    "a delivery could not be read"
                );
                self.store.put_delivery(&next).await?;
                Ok(None)
            }
        }
    }

    async fn read_delivery(&self, record: &DeliveryRecord) -> Result<Submission> {
        let source = Arc::clone(self.source(&record.source)?);
        let sealed = record
            .sealed
            .as_ref()
            .ok_or_else(|| Error::new(Kind::Internal, "a delivery without content"))?;
        let hint = self.inbox_sealer.open(&record.id.0.0, sealed)?;
        let hint = String::from_utf8(hint.to_vec())
            .map_err(|_| Error::new(Kind::StorageFailed, "a delivery is damaged"))?;
        self.read(&record.source, &*source, Input::Hint(Hint(hint)))
            .await
    }

    /// Reads from a source, and settles whom that touched.
    pub(super) async fn read(
        &self,
        source: &str,
        adapter: &dyn Instrument,
        input: Input,
    ) -> Result<Submission> {
        self.suits(adapter)?;
        let mut watcher = Unwatched;
        let mut intake = Intake::new(self, adapter.info().name, source, &mut watcher);
        let read = adapter.read(input, self.clock.now(), &mut intake).await;
        let taken = intake.finish();
        let submission = self.settle_all(taken).await?;
        read.map(|()| submission)
    }
}

fn failed(record: DeliveryRecord, error: &Error, now: crate::Timestamp) -> DeliveryRecord {
    let tries = record.tries + 1;
    let hopeless = error.retry() == Retry::Never || tries >= TRIES;
    let bound = (1_000_u64 << tries.min(16)).min(PAUSE_CAP_MS);
    let asked = error.retry_after().unwrap_or_default().as_millis();
    let pause = u64::try_from(asked).unwrap_or(u64::MAX).min(PAUSE_CAP_MS)
        + bound / 2
        + random::number() % (bound / 2 + 1);
    DeliveryRecord {
        version: record.version + 1,
        state: match hopeless {
            true => DeliveryState::Parked(error.code().to_owned()),
            false => DeliveryState::Waiting,
        },
        tries,
        due: now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX)),
        ..record
    }
}
