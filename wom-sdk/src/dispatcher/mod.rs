//! Drives awards: from *accepted* to a code in somebody's hands, whatever fails on the way.

mod drive;
mod governor;
mod judge;
#[cfg(test)]
mod tests;

pub use governor::{Health, Limits};

use std::{future::Future, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    Clock, Error, Kind, Result, SystemClock, Timestamp,
    award::{
        Award, AwardKey, Content, Event, Handle, Issuer, Request, Secrets, State, Ticket, step,
    },
    claim::Claim,
    privacy::{KeyStore, MemoryKeyStore, Participant, Sealer},
    protocol::random,
    registry::only_here,
    store::{AwardRecord, Commit, Committed, MemoryStore, Owner, Store},
};

use drive::Held;
use governor::Governor;

/// Brings awards to the Registry, one committed write between any two calls that leave the
/// process. Cheap to clone; any number may work on one store.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    issuer: Arc<dyn Issuer>,
    keys: Arc<dyn KeyStore>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    governor: Arc<Governor>,
    patience: Duration,
}

impl Dispatcher {
    /// How long [`award`](Self::award) waits for a code unless told otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(30);
    /// How often to look whether another worker is done with an award.
    const LOOK: Duration = Duration::from_millis(25);
    /// How often [`run`](Self::run) looks for work that nobody has told it of.
    const IDLE: Duration = Duration::from_millis(500);
    /// How long to put off a try that the budget for repeating does not allow.
    const LATER_MS: u32 = 2_000;
    /// How long a worker has an award to itself before others may take it over.
    const LEASE_MS: i64 = 60_000;

    /// A dispatcher over this store. Binds the store to the Registry, source and keys; one that
    /// belongs to others is refused with [`Kind::StoreMismatch`].
    pub async fn open(
        store: Arc<dyn Store>,
        issuer: Arc<dyn Issuer>,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let owner = Owner {
            identity: issuer.identity().clone(),
            keys: keys.fingerprint()?,
        };
        store.bind(&owner).await?;
        let limits = Limits::towards(&owner.identity.registry);
        Ok(Self {
            governor: Arc::new(Governor::new(limits)),
            store,
            issuer,
            sealer: Arc::new(Sealer::new(Arc::clone(&keys), "award")),
            keys,
            clock,
            patience: Self::PATIENCE,
        })
    }

    /// A dispatcher that remembers nothing once the process ends, for trying out and for tests.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] towards a Registry that is not on this machine: a crash would lose
    /// what somebody is owed.
    pub async fn in_memory(issuer: impl Issuer + 'static) -> Result<Self> {
        only_here(&issuer.identity().registry)?;
        Self::open(
            Arc::new(MemoryStore::new()),
            Arc::new(issuer),
            Arc::new(MemoryKeyStore::default()),
            Arc::new(SystemClock),
        )
        .await
    }

    /// Waits at most this long for a code.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// How many awards may be under way at a time, and how many requests may be sent.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self {
            governor: Arc::new(Governor::new(limits)),
            ..self
        }
    }

    /// Awards under the caller's own key, and gives the code to hand over.
    ///
    /// The same key again gives the same code, after a crash too, until it is
    /// [acknowledged](Self::acknowledge); then [`Kind::AlreadyDelivered`]. The same key with other
    /// content is [`Kind::AwardKeyReused`]. Where no code could be had in time the award stays
    /// accepted ([`Kind::DeadlineExceeded`]): call again with the same key, or let
    /// [`run`](Self::run) go on.
    pub async fn award(&self, key: &str, request: &Request) -> Result<Ticket> {
        // Most keys are new, and one that is not says so when it is written. Whoever waits for the
        // code begins at once: what is written first says so. It need not be durable before the code
        // is, or before its caller is told that there is none yet.
        let key = self.direct_key(key)?;
        let mut new = self.new_award(key, request)?;
        let begun = step(&new.award, Event::Due, self.clock.now(), 0)?;
        new.award = begun.award;
        let ends = self.ends();
        let new = self.seal(new)?;
        if !self.store.begin(&new.record()).await? {
            self.check_repeated(key, request).await?;
            return self.bring_again(key).await;
        }
        let held = Held { version: 1, ..new };
        let own = self.clone();
        let work = async move { own.carry_on(held, begun.action, true).await };
        let moved = self.wait_until(ends, work).await?;
        self.bring_until(key, moved, ends).await
    }

    /// As [`bring`](Self::bring), and tries a parked award once more: whoever asks again may have
    /// mended what was wrong.
    pub async fn bring_again(&self, key: AwardKey) -> Result<Ticket> {
        let state = self.load(key).await?.award.state;
        if matches!(state, State::Parked(_)) && !state.is_refused() {
            self.resume(key).await?;
        }
        self.bring(key).await
    }

    /// Accepts an award under the caller's own key: when this returns, it is durable.
    pub async fn accept(&self, key: &str, request: &Request) -> Result<AwardKey> {
        let key = self.direct_key(key)?;
        let new = self.seal(self.new_award(key, request)?)?;
        let commit = Commit {
            awards: vec![new.record()],
            ..Commit::default()
        };
        if self.store.commit(commit).await? == Committed::Conflict {
            self.check_repeated(key, request).await?;
        }
        self.governor.wake();
        Ok(key)
    }

    /// Drives an accepted award until its code is good, and gives it.
    pub async fn bring(&self, key: AwardKey) -> Result<Ticket> {
        self.bring_until(key, None, self.ends()).await
    }

    /// Starts from what is known of the award, if something is: it was just written.
    async fn bring_until(
        &self,
        key: AwardKey,
        mut known: Option<Held>,
        ends: Timestamp,
    ) -> Result<Ticket> {
        let mut looks = 0;
        loop {
            let held = match known.take() {
                Some(held) => held,
                None => self.load(key).await?,
            };
            let now = self.clock.now();
            match &held.award.state {
                State::Verified => {
                    let offered = step(&held.award, Event::Offer, now, 0)?.award;
                    if let Some(held) = self.write(held, offered).await? {
                        return held.award.ticket.ok_or_else(lost);
                    }
                }
                State::Offered => return held.award.ticket.ok_or_else(lost),
                State::Acknowledged => {
                    return Err(step(&held.award, Event::Offer, now, 0)
                        .err()
                        .unwrap_or_else(lost));
                }
                State::Held(reason) => return Err(unjudged(reason)),
                state if state.is_refused() => return Err(unjudged(State::REFUSED)),
                State::Parked(reason) => return Err(parked(reason)),
                state if now >= ends => {
                    self.store.commit(Commit::default()).await?;
                    return Err(late(state));
                }
                _ => match self.wait_for(&held.award, looks, now) {
                    None => {
                        looks = 0;
                        let own = self.clone();
                        let work = async move { own.drive(held, true).await };
                        known = self.wait_until(ends, work).await?;
                    }
                    Some(wait) => {
                        looks += 1;
                        let left = ends.since(now).max(1).unsigned_abs();
                        tokio::time::sleep(wait.min(Duration::from_millis(left))).await;
                    }
                },
            }
        }
    }

    /// Drives a participant's uncollected awards until their codes are good, and gives them.
    pub async fn bring_all(&self, participant: Participant) -> Result<Vec<Claim>> {
        let mut claims = Vec::new();
        for record in self.store.awards_of(participant).await? {
            if !record.state.is_withheld() {
                self.bring_again(record.key).await?;
                claims.push(self.claim(record.key).await?);
            }
        }
        Ok(claims)
    }

    /// An offered award with everything that whoever hands it over needs.
    pub async fn claim(&self, key: AwardKey) -> Result<Claim> {
        let held = self.load(key).await?;
        match (held.award.state, held.award.ticket) {
            (State::Offered, Some(ticket)) => Ok(Claim {
                key,
                ticket,
                content: held.award.content,
                handle: held.handle,
            }),
            (state, _) => Err(
                Error::new(Kind::InputInvalid, "the award has no code to hand over")
                    .with("state", state.name()),
            ),
        }
    }

    /// The person has the code: it is forgotten here, and never given out again.
    ///
    /// One that was shown on doubt, as the Registry's answer to its verify never came, is kept for some
    /// hours more to verify it again: sealed, without whom it was for.
    pub async fn acknowledge(&self, key: &str) -> Result<()> {
        self.acknowledge_key(self.direct_key(key)?).await
    }

    /// As [`acknowledge`](Self::acknowledge), for an award of an account.
    pub async fn acknowledge_key(&self, key: AwardKey) -> Result<()> {
        loop {
            let held = self.load(key).await?;
            if held.award.state == State::Acknowledged {
                return Ok(());
            }
            let next = step(&held.award, Event::Acknowledge, self.clock.now(), 0)?.award;
            if self.write(held, next).await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Gives an award up: its code is forgotten without anybody having it. `false` if there is
    /// nothing to give up any more.
    ///
    /// One whose call is under way at this moment is given up as soon as the call has ended.
    pub(crate) async fn abandon(&self, key: AwardKey) -> Result<bool> {
        loop {
            let held = self.load(key).await?;
            if held.award.state == State::Acknowledged {
                return Ok(false);
            }
            let next = step(&held.award, Event::Abandon, self.clock.now(), 0)?.award;
            if self.write(held, next).await?.is_some() {
                return Ok(true);
            }
        }
    }

    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(crate) fn keys(&self) -> &Arc<dyn KeyStore> {
        &self.keys
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Goes on with a parked award, because whoever mended its cause says so. One that a person
    /// has to judge, or has refused, does not go on by it: see [`accept_held`](Self::accept_held).
    pub async fn resume(&self, key: AwardKey) -> Result<()> {
        let held = self.load(key).await?;
        let next = step(&held.award, Event::Resume, self.clock.now(), 0)?.award;
        self.write(held, next).await?;
        self.governor.wake();
        Ok(())
    }

    /// Carries each award that is due as far as it comes without waiting, at most `limit`, and
    /// tells how many there were.
    pub async fn run_due(&self, limit: usize) -> Result<usize> {
        let claimed = self.claim_due(limit).await?;
        let count = claimed.len();
        let mut running = JoinSet::new();
        for record in claimed {
            if running.len() >= self.governor.in_flight() {
                ended(running.join_next().await)?;
            }
            let own = self.clone();
            running.spawn(async move { own.take(record).await });
        }
        while let Some(one) = running.join_next().await {
            ended(Some(one))?;
        }
        Ok(count)
    }

    /// Works until `stop` is ready, then finishes what is under way. As many awards are under way
    /// at a time as the [limits](Self::with_limits) say; while the Registry does not answer, only
    /// one is tried now and then.
    ///
    /// An error of the store ends it; open the store again, and run again.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<()> {
        let mut stop = std::pin::pin!(stop);
        let mut running = JoinSet::new();
        let mut failed = None;
        loop {
            let now = self.clock.now();
            let room = self.governor.room(now).saturating_sub(running.len());
            let claimed = match failed {
                None if room > 0 => self.claim_due(room).await?,
                _ => Vec::new(),
            };
            let idle = claimed.len() < room;
            for record in claimed {
                let own = self.clone();
                running.spawn(async move { own.take(record).await });
            }
            tokio::select! {
                () = &mut stop => break,
                Some(one) = running.join_next() => failed = failed.or(ended(Some(one)).err()),
                () = self.governor.woken(), if idle => {}
                () = tokio::time::sleep(Self::IDLE), if idle || room == 0 => {}
            }
            if failed.is_some() {
                break;
            }
        }
        while let Some(one) = running.join_next().await {
            failed = failed.or(ended(Some(one)).err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// How the Registry has answered lately.
    pub fn health(&self) -> Health {
        self.governor.health(self.clock.now())
    }

    /// Destroys the keys that no uncollected award needs any more: what was sealed with them is
    /// gone in every copy and backup.
    pub async fn forget_sealed(&self) -> Result<u64> {
        let numbers = self.store.numbers().await?;
        let open = numbers
            .awards
            .iter()
            .filter(|count| count.state != State::Acknowledged.name());
        // What is sealed at this moment, and not written yet, was sealed within the last day. And a
        // clock that is slow seals under the key of the day before the one that others say.
        let now = self.clock.now();
        let oldest = open.map(|count| count.oldest).min();
        let first = oldest.map_or(now, |oldest| oldest.min(now));
        self.sealer.forget_before(first.plus_millis(-86_400_000))
    }

    fn direct_key(&self, key: &str) -> Result<AwardKey> {
        if key.is_empty() || key.len() > 512 {
            return Err(Error::new(
                Kind::InputInvalid,
                "an award key has 1 to 512 bytes",
            ));
        }
        Ok(AwardKey::direct(self.issuer.identity(), key))
    }

    fn new_award(&self, key: AwardKey, request: &Request) -> Result<Held> {
        let now = self.clock.now();
        Ok(Held {
            version: 0,
            participant: None,
            accepted: now,
            award: Award::new(key, request.freeze(now)?, now),
            handle: request.handle().cloned(),
            sealed: None,
        })
    }

    /// Whether the award that has this key is for the same.
    async fn check_repeated(&self, key: AwardKey, request: &Request) -> Result<()> {
        let held = self.store.award(key).await?.ok_or_else(lost)?;
        request.check_repeated(&held.content)
    }

    async fn claim_due(&self, limit: usize) -> Result<Vec<AwardRecord>> {
        let now = self.clock.now();
        let until = now.plus_millis(Self::LEASE_MS);
        self.store.claim(now, until, limit).await
    }

    /// Goes on with a claimed award. One that cannot be read is parked, not in the others' way.
    async fn take(&self, record: AwardRecord) -> Result<()> {
        match self.unseal(&record) {
            Ok(held)
                if self
                    .governor
                    .may_begin(held.award.tries > 0, self.clock.now()) =>
            {
                self.drive(held, false).await.map(drop)
            }
            Ok(_) => {
                let jitter = random::number() % u64::from(Self::LATER_MS);
                let later = i64::from(Self::LATER_MS) + i64::try_from(jitter).unwrap_or(0);
                let postponed = AwardRecord {
                    version: record.version + 1,
                    due: self.clock.now().plus_millis(later),
                    ..record
                };
                self.store.advance(&postponed).await.map(drop)
            }
            // Its key is destroyed: what was in doubt stays so.
            Err(error) if record.state == State::Acknowledged => {
                tracing::error!(code = error.code(), "a code in doubt cannot be read");
                let forgotten = AwardRecord {
                    version: record.version + 1,
                    sealed: None,
                    ..record
                };
                self.store.advance(&forgotten).await.map(drop)
            }
            // What was offered is never taken back, and so never parked.
            Err(error) if !record.state.is_open() => {
                tracing::error!(code = error.code(), "an award cannot be read");
                Ok(())
            }
            Err(error) => {
                tracing::error!(code = error.code(), "an award cannot be read; it is parked");
                let parked = AwardRecord {
                    version: record.version + 1,
                    state: State::Parked(error.code().to_owned()),
                    ..record
                };
                self.store.advance(&parked).await.map(drop)
            }
        }
    }

    /// Until when whoever asks now is ready to wait.
    fn ends(&self) -> Timestamp {
        let patience = i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX);
        self.clock.now().plus_millis(patience)
    }

    /// Waits for work on an award, and no longer than until then: what was begun is ended all the
    /// same, even if nobody waits any more. `None` if it takes longer, or somebody else was faster.
    async fn wait_until(
        &self,
        ends: Timestamp,
        work: impl Future<Output = Result<Option<Held>>> + Send + 'static,
    ) -> Result<Option<Held>> {
        let left = ends.since(self.clock.now()).max(1).unsigned_abs();
        match tokio::time::timeout(Duration::from_millis(left), tokio::spawn(work)).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => Err(lost().because(error)),
            Err(_) => Ok(None),
        }
    }

    /// How long to leave an award alone that was looked at so often; `None` if it is due.
    fn wait_for(&self, award: &Award, looks: u32, now: Timestamp) -> Option<Duration> {
        if award.due <= now {
            return self.governor.pause(now);
        }
        let left = award.due.since(now).clamp(1, 60_000).unsigned_abs();
        // Somebody is at work on it, and may be done any moment; or has died, which takes longer.
        let working = award.tries == 0;
        let left = Duration::from_millis(left);
        let look = Self::LOOK * (1 << (looks / 4).min(4));
        Some(if working { left.min(look) } else { left })
    }
}

/// The record of a new award of an account, due at once.
pub(crate) fn new_record(
    key: AwardKey,
    participant: Participant,
    content: Content,
    sealed: Option<Vec<u8>>,
    now: Timestamp,
) -> AwardRecord {
    let award = Award::new(key, content, now);
    let held = Held {
        version: 0,
        participant: Some(participant),
        accepted: now,
        award,
        handle: None,
        sealed,
    };
    held.record()
}

/// Seals whom to hand an award to, under the award's name.
pub(crate) fn seal_handle(
    sealer: &Sealer,
    key: AwardKey,
    handle: Handle,
    now: Timestamp,
) -> Result<Vec<u8>> {
    let secrets = Secrets {
        ticket: None,
        handle: Some(handle),
    };
    sealer.seal(&key.0, &secrets.to_bytes()?, now)
}

fn ended(one: Option<Result<Result<()>, tokio::task::JoinError>>) -> Result<()> {
    match one {
        None | Some(Ok(Ok(()))) => Ok(()),
        Some(Ok(Err(error))) => Err(error),
        Some(Err(_)) => Err(Error::new(
            Kind::Internal,
            "a worker of the dispatcher died",
        )),
    }
}

fn late(state: &State) -> Error {
    Error::new(
        Kind::DeadlineExceeded,
        "the award is accepted, but its code is not here yet",
    )
    .with("state", state.name())
    .hint("ask again with the same key; nothing is lost")
}

fn unjudged(reason: &str) -> Error {
    Error::new(Kind::AwardHeld, "a person has to judge the award first")
        .with("reason", reason)
        .hint("see wom review list")
}

fn parked(reason: &str) -> Error {
    let kind = Kind::ALL
        .iter()
        .find(|kind| kind.code() == reason)
        .copied()
        .unwrap_or(Kind::Internal);
    Error::new(kind, "the award is parked: it cannot go on by itself")
        .with("reason", reason)
        .hint("mend the cause, then resume the award")
}

fn lost() -> Error {
    Error::new(Kind::Internal, "the store lost an award or its code")
}
