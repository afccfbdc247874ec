//! Drives awards: from *accepted* to a code in somebody's hands, whatever fails on the way.

use std::{sync::Arc, time::Duration};

use crate::{
    Clock, Error, Kind, Result, Timestamp,
    award::{self, Action, Award, AwardKey, Content, Event, Issuer, Request, State, Ticket, step},
    privacy::{KeyStore, Sealer},
    protocol::random,
    store::{AwardRecord, Commit, Committed, Owner, Store},
};

/// Brings awards to the Registry, one committed write between any two calls that leave the
/// process. Cheap to clone; any number may work on one store.
#[derive(Clone, Debug)]
pub struct Dispatcher {
    store: Arc<dyn Store>,
    issuer: Arc<dyn Issuer>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    patience: Duration,
}

impl Dispatcher {
    /// How long [`award`](Self::award) waits for a code unless told otherwise.
    pub const PATIENCE: Duration = Duration::from_secs(30);
    /// How often to look whether another worker is done with an award.
    const LOOK: Duration = Duration::from_millis(25);

    /// A dispatcher over this store. Binds the store to the Registry, source and keys; one that
    /// belongs to others is refused with [`Kind::StoreMismatch`].
    pub async fn open(
        store: Arc<dyn Store>,
        issuer: Arc<dyn Issuer>,
        keys: &dyn KeyStore,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let owner = Owner {
            identity: issuer.identity().clone(),
            keys: keys.fingerprint()?,
        };
        store.bind(&owner).await?;
        let sealer = Arc::new(Sealer::new(keys)?);
        Ok(Self {
            store,
            issuer,
            sealer,
            clock,
            patience: Self::PATIENCE,
        })
    }

    /// Waits at most this long for a code.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Awards under the caller's own key, and gives the code to hand over.
    ///
    /// The same key again gives the same code, after a crash too, until it is
    /// [acknowledged](Self::acknowledge); then [`Kind::AlreadyDelivered`]. The same key with other
    /// content is [`Kind::AwardKeyReused`]. Where no code could be had in time the award stays
    /// accepted ([`Kind::DeadlineExceeded`]): call again with the same key, or let
    /// [`run_due`](Self::run_due) go on.
    pub async fn award(&self, key: &str, request: &Request) -> Result<Ticket> {
        let key = self.accept(key, request).await?;
        self.bring_again(key).await
    }

    /// As [`bring`](Self::bring), and tries a parked award once more: whoever asks again may have
    /// mended what was wrong.
    pub async fn bring_again(&self, key: AwardKey) -> Result<Ticket> {
        if let (
            _,
            Award {
                state: State::Parked(_),
                ..
            },
        ) = self.load(key).await?
        {
            self.resume(key).await?;
        }
        self.bring(key).await
    }

    /// Accepts an award under the caller's own key: when this returns, it is durable.
    pub async fn accept(&self, key: &str, request: &Request) -> Result<AwardKey> {
        if key.is_empty() || key.len() > 512 {
            return Err(Error::new(
                Kind::InputInvalid,
                "an award key has 1 to 512 bytes",
            ));
        }
        let key = AwardKey::direct(self.issuer.identity(), key);
        if let Some(held) = self.store.award(key).await? {
            return same_content(request, &held.content).map(|()| key);
        }
        let content = request.freeze(self.clock.now())?;
        let record = new_record(key, content, self.clock.now());
        let commit = Commit {
            awards: vec![record],
            ..Commit::default()
        };
        if self.store.commit(commit).await? == Committed::Done {
            return Ok(key);
        }
        // Somebody else accepted the same key meanwhile.
        let held = self.store.award(key).await?.ok_or_else(lost)?;
        same_content(request, &held.content).map(|()| key)
    }

    /// Drives an accepted award until its code is good, and gives it.
    pub async fn bring(&self, key: AwardKey) -> Result<Ticket> {
        let ends = self
            .clock
            .now()
            .plus_millis(i64::try_from(self.patience.as_millis()).unwrap_or(i64::MAX));
        loop {
            let (record, award) = self.load(key).await?;
            match &award.state {
                State::Verified => {
                    let offered = step(&award, Event::Offer, self.clock.now(), 0)?.award;
                    self.advance(&record, &offered).await?;
                }
                State::Offered => return award.ticket.ok_or_else(lost),
                State::Acknowledged => {
                    return Err(step(&award, Event::Offer, self.clock.now(), 0)
                        .err()
                        .unwrap_or_else(lost));
                }
                State::Held(reason) | State::Parked(reason) => return Err(parked(reason)),
                _ if self.clock.now() >= ends => {
                    return Err(Error::new(
                        Kind::DeadlineExceeded,
                        "the award is accepted, but its code is not here yet",
                    )
                    .with("state", award.state.name())
                    .hint("ask again with the same key; nothing is lost"));
                }
                _ if award.due <= self.clock.now() => self.go_on(&record, &award).await?,
                _ => {
                    let wait = award.due.min(ends).since(self.clock.now()).clamp(1, 60_000);
                    let wait = Duration::from_millis(wait.unsigned_abs());
                    let working = matches!(award.state, State::Creating | State::Verifying)
                        && award.tries == 0;
                    tokio::time::sleep(if working { wait.min(Self::LOOK) } else { wait }).await;
                }
            }
        }
    }

    /// The person has the code: it is forgotten here, and never given out again.
    pub async fn acknowledge(&self, key: &str) -> Result<()> {
        self.acknowledge_key(AwardKey::direct(self.issuer.identity(), key))
            .await
    }

    /// As [`acknowledge`](Self::acknowledge), for an award of an account.
    pub async fn acknowledge_key(&self, key: AwardKey) -> Result<()> {
        loop {
            let (record, award) = self.load(key).await?;
            if award.state == State::Acknowledged {
                return Ok(());
            }
            let next = step(&award, Event::Acknowledge, self.clock.now(), 0)?.award;
            if self.advance(&record, &next).await? {
                return Ok(());
            }
        }
    }

    /// Goes on with a held or parked award, because a person says so.
    pub async fn resume(&self, key: AwardKey) -> Result<()> {
        let (record, award) = self.load(key).await?;
        let next = step(&award, Event::Resume, self.clock.now(), 0)?.award;
        self.advance(&record, &next).await.map(drop)
    }

    /// Takes one step with each award that is due, at most `limit`, and tells how many there were.
    pub async fn run_due(&self, limit: usize) -> Result<usize> {
        let due = self.store.due(self.clock.now(), limit).await?;
        let count = due.len();
        for record in due {
            let award = self.unseal(&record)?;
            self.go_on(&record, &award).await?;
        }
        Ok(count)
    }

    /// Writes that a call is about to be made, makes it, and writes how it ended. Where somebody
    /// else was faster, nothing happens.
    async fn go_on(&self, record: &AwardRecord, award: &Award) -> Result<()> {
        let intent = step(award, Event::Due, self.clock.now(), random::number())?;
        if !self.advance(record, &intent.award).await? {
            return Ok(());
        }
        let Some(action) = intent.action else {
            return Ok(());
        };
        let record = AwardRecord {
            version: record.version + 1,
            ..record.clone()
        };
        let event = match (action, &intent.award.ticket) {
            (Action::Create, _) => Event::Created(self.create(&intent.award).await),
            (Action::Verify, Some(ticket)) => {
                Event::Verified(self.issuer.verify(&ticket.otc).await)
            }
            (Action::Verify, None) => return Err(lost()),
        };
        let outcome = step(&intent.award, event, self.clock.now(), random::number())?.award;
        tracing::debug!(
            state = outcome.state.name(),
            tries = outcome.tries,
            "award moved on"
        );
        self.advance(&record, &outcome).await.map(drop)
    }

    async fn create(&self, award: &Award) -> Result<Ticket> {
        // The same nonce for every try lets a Registry that remembers nonces answer the same.
        let nonce = crate::Digest::of([b"nonce/1".as_slice(), &award.key.0]).to_hex();
        let ticket = self.issuer.create(&award.content, &nonce).await?;
        if ticket.minutes == award.content.minutes() {
            return Ok(ticket);
        }
        Err(Error::new(
            Kind::RegistryMisbehaved,
            "the Registry made another number of vouchers than asked for",
        ))
    }

    async fn load(&self, key: AwardKey) -> Result<(AwardRecord, Award)> {
        let record = self.store.award(key).await?;
        let record = record
            .ok_or_else(|| Error::new(Kind::InputInvalid, "there is no award with this key"))?;
        let award = self.unseal(&record)?;
        Ok((record, award))
    }

    fn unseal(&self, record: &AwardRecord) -> Result<Award> {
        let ticket = record
            .sealed
            .as_ref()
            .map(|sealed| self.sealer.open(&record.key.0, sealed));
        Ok(Award {
            key: record.key,
            content: record.content.clone(),
            state: record.state.clone(),
            ticket: ticket.transpose()?,
            tries: record.tries,
            unclear: record.unclear,
            due: record.due,
        })
    }

    async fn advance(&self, record: &AwardRecord, next: &award::Award) -> Result<bool> {
        let sealed = match (&next.ticket, &record.sealed) {
            (None, _) => None,
            (Some(_), Some(sealed)) => Some(sealed.clone()),
            (Some(ticket), None) => Some(self.sealer.seal(&next.key.0, ticket)?),
        };
        let record = AwardRecord {
            key: next.key,
            version: record.version + 1,
            content: next.content.clone(),
            state: next.state.clone(),
            sealed,
            tries: next.tries,
            unclear: next.unclear,
            due: next.due,
        };
        self.store.advance(&record).await
    }
}

/// The record of a new award, due at once.
pub(crate) fn new_record(key: AwardKey, content: Content, now: Timestamp) -> AwardRecord {
    let award = Award::new(key, content, now);
    AwardRecord {
        key: award.key,
        version: 1,
        content: award.content,
        state: award.state,
        sealed: None,
        tries: award.tries,
        unclear: award.unclear,
        due: award.due,
    }
}

fn same_content(request: &Request, held: &Content) -> Result<()> {
    if request.asks_for(held) {
        return Ok(());
    }
    Err(Error::new(
        Kind::AwardKeyReused,
        "this award key was used for another award",
    )
    .hint("use a key of its own for each award; a key with the same content gives the same code"))
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        SystemClock,
        award::Identity,
        privacy::MemoryKeyStore,
        protocol::{Otc, Pin},
        store::MemoryStore,
    };

    /// A Registry that fails by script and remembers what it made good.
    #[derive(Debug)]
    struct Scripted {
        identity: Identity,
        failures: Mutex<Vec<(&'static str, Error)>>,
        verified: Mutex<Vec<Otc>>,
    }

    impl Scripted {
        fn failing(mut failures: Vec<(&'static str, Error)>) -> Arc<Self> {
            failures.reverse();
            let identity = Identity {
                registry: "http://127.0.0.1".to_owned(),
                source: "s".to_owned(),
            };
            Arc::new(Self {
                identity,
                failures: Mutex::new(failures),
                verified: Mutex::default(),
            })
        }

        fn fails(&self, call: &str) -> Result<()> {
            let mut failures = self.failures.lock().unwrap();
            match failures.last() {
                Some((other, _)) if *other == call => Err(failures.pop().unwrap().1),
                _ => Ok(()),
            }
        }
    }

    #[async_trait]
    impl Issuer for Scripted {
        fn identity(&self) -> &Identity {
            &self.identity
        }

        async fn create(&self, content: &Content, _nonce: &str) -> Result<Ticket> {
            self.fails("create")?;
            let (otc, pin) = (Otc::random(), Pin::random());
            Ok(Ticket {
                link: otc.reveal().into(),
                otc,
                pin,
                minutes: content.minutes(),
            })
        }

        async fn verify(&self, otc: &Otc) -> Result<()> {
            // A lost answer: the work was done all the same.
            let failed = self.fails("verify");
            self.verified.lock().unwrap().push(otc.clone());
            failed
        }
    }

    fn request(minutes: u32) -> Request {
        Request::new(
            "H".parse().unwrap(),
            minutes,
            "43.72,12.63".parse().unwrap(),
        )
    }

    async fn dispatcher(issuer: &Arc<Scripted>) -> Dispatcher {
        let (store, keys) = (Arc::new(MemoryStore::new()), MemoryKeyStore::default());
        Dispatcher::open(store, Arc::clone(issuer) as _, &keys, Arc::new(SystemClock))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn the_same_key_gives_the_same_code_until_it_is_acknowledged() {
        let issuer = Scripted::failing(Vec::new());
        let awards = dispatcher(&issuer).await;
        let first = awards.award("run 42", &request(30)).await.unwrap();
        assert_eq!(awards.award("run 42", &request(30)).await.unwrap(), first);
        let other = awards.award("run 42", &request(31)).await.unwrap_err();
        assert_eq!(other.kind(), Kind::AwardKeyReused);
        awards.acknowledge("run 42").await.unwrap();
        awards.acknowledge("run 42").await.unwrap();
        let again = awards.award("run 42", &request(30)).await.unwrap_err();
        assert_eq!(again.kind(), Kind::AlreadyDelivered);
        assert_eq!(issuer.verified.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn one_key_at_once_from_many_tasks_is_one_award() {
        let issuer = Scripted::failing(Vec::new());
        let awards = dispatcher(&issuer).await;
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let awards = awards.clone();
                tokio::spawn(async move { awards.award("k", &request(5)).await.unwrap() })
            })
            .collect();
        let mut tickets = Vec::new();
        for task in tasks {
            tickets.push(task.await.unwrap());
        }
        assert!(tickets.iter().all(|ticket| *ticket == tickets[0]));
        assert_eq!(issuer.verified.lock().unwrap().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn lost_answers_never_give_two_codes() {
        let lost = || Error::new(Kind::OutcomeUnknown, "lost");
        let down = || Error::new(Kind::RegistryFailed, "500");
        let issuer = Scripted::failing(vec![
            ("create", lost()),
            ("create", Error::new(Kind::NetworkUnreachable, "no network")),
            ("verify", lost()),
            ("verify", down()),
            ("verify", down()),
            ("verify", down()),
            ("verify", down()),
        ]);
        let awards = dispatcher(&issuer)
            .await
            .with_patience(Duration::from_secs(3600));
        // The paused runtime moves the timer on, and this clock follows it.
        let started = tokio::time::Instant::now();
        let awards = Dispatcher {
            clock: Arc::new(Paused(started)),
            ..awards
        };
        let ticket = awards.award("k", &request(5)).await.unwrap();
        let verified = issuer.verified.lock().unwrap();
        assert_eq!(verified.len(), 5);
        assert!(verified.iter().all(|otc| *otc == ticket.otc));
    }

    #[tokio::test]
    async fn what_cannot_go_on_is_parked_with_its_reason_and_can_be_resumed() {
        let unknown = Error::new(Kind::SourceUnknown, "404");
        let issuer = Scripted::failing(vec![("create", unknown)]);
        let awards = dispatcher(&issuer).await;
        let error = awards.award("k", &request(5)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::SourceUnknown);
        assert_eq!(
            awards.store.census().await.unwrap(),
            [("parked".to_owned(), Some("source_unknown".to_owned()), 1)]
        );
        let key = AwardKey::direct(&issuer.identity, "k");
        assert_eq!(
            awards.bring(key).await.unwrap_err().kind(),
            Kind::SourceUnknown
        );
        assert!(awards.award("k", &request(5)).await.is_ok());
    }

    #[derive(Debug)]
    struct Paused(tokio::time::Instant);

    impl Clock for Paused {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_800_000_000)
                .plus_millis(i64::try_from(self.0.elapsed().as_millis()).unwrap())
        }
    }
}
