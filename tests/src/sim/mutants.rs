//! Where the planted bugs live: wrappers that pass everything on but for one thing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use wom_sdk::{
    Body, Error, Kind, Result, Retry, Span, Timestamp,
    award::{Account, AwardKey, Content, Identity, Issuer, State, Ticket},
    checkout::{Charge, CheckoutRecord, Payee, State as CheckoutState},
    observation::Entry,
    privacy::{Cohort, Participant},
    protocol::Otc,
    rules::{Judgement, Reason, RuleSet},
    store::{AwardRecord, Commit, Committed, DeliveryRecord, DeliveryState, Holding, Owner, Store},
    testing::{Layered, StoreLayer},
};

use super::{
    bugs::Bug,
    process::Process,
    registry::Wire,
    store::{SimStore, Truth, at_once},
    world::{World, lock},
};

/// The store of one life of a process, with what that process remembers by mistake.
#[derive(Debug)]
pub(super) struct MutantStore {
    bug: Option<Bug>,
    world: Arc<World>,
    truth: Arc<Truth>,
    process: Arc<Process>,
    inner: SimStore,
    accounts: Mutex<BTreeMap<Participant, Vec<Account>>>,
    unsynced: Mutex<BTreeMap<AwardKey, AwardRecord>>,
}

impl MutantStore {
    pub(super) fn new(truth: &Arc<Truth>, process: &Arc<Process>) -> Arc<Layered<Self>> {
        Arc::new(Layered(Self {
            bug: process.world.bug,
            world: Arc::clone(&process.world),
            truth: Arc::clone(truth),
            process: Arc::clone(process),
            inner: SimStore::new(truth, process),
            accounts: Mutex::default(),
            unsynced: Mutex::default(),
        }))
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    fn held(&self, participant: Participant) -> Holding {
        at_once(self.truth.memory.participant(participant)).unwrap_or_default()
    }
}

#[async_trait]
impl StoreLayer for MutantStore {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    async fn bind(&self, owner: &Owner) -> Result<()> {
        match self.inner.bind(owner).await {
            Err(error)
                if self.has(Bug::NewRootKeyAccepted) && error.kind() == Kind::StoreMismatch =>
            {
                Ok(())
            }
            bound => bound,
        }
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        let mut holding = self.inner.participant(participant).await?;
        let mut remembered = lock(&self.accounts);
        let old = remembered
            .entry(participant)
            .or_insert_with(|| holding.accounts.clone());
        if self.has(Bug::CapReadOutside) {
            holding.accounts.clone_from(old);
        }
        if self.has(Bug::CountReadOutside) {
            for account in &mut holding.accounts {
                let old = old
                    .iter()
                    .find(|old| (&old.line, &old.unit) == (&account.line, &account.unit));
                account.n = old.map_or(0, |old| old.n);
            }
        }
        if self.has(Bug::ReturnedAndAccepted) && self.world.chance(500) {
            for account in &mut holding.accounts {
                account.returned = 0;
            }
        }
        Ok(holding)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Committed> {
        if self.has(Bug::AcceptedIsBegun) && commit.change.is_none() && commit.moved.is_none() {
            let mut done = true;
            for award in &commit.awards {
                done &= self.inner.begin(award).await?;
            }
            return Ok(if done {
                Committed::Done
            } else {
                Committed::Conflict
            });
        }
        let claimed = commit.clone();
        let participant = commit.change.as_ref().map(|change| change.participant);
        let held = participant
            .map(|participant| self.held(participant))
            .unwrap_or_default();
        if let Some(change) = &mut commit.change {
            match self.bug {
                Some(Bug::VersionIgnored) if change.expected.is_some() => {
                    change.expected = None;
                }
                Some(Bug::TombstoneDropped) => change.entries.retain(|entry| {
                    let known = held.entries.iter().any(|other| other.key == entry.key);
                    known || entry.body != Body::Withdrawn
                }),
                Some(Bug::LastArrivalHolds) => {
                    for entry in &mut change.entries {
                        let last = held.entries.iter().find(|other| other.key == entry.key);
                        entry.revision = last.map_or(entry.revision, |last| last.revision + 1);
                    }
                }
                Some(Bug::WakeForgotten) if change.expected.is_some() => change.wake = None,
                Some(Bug::RefusedSwallows) if commit.moved.is_some() => change.accounts.clear(),
                Some(Bug::BothJudgesHeard) if commit.moved.is_some() => change.expected = None,
                _ => {}
            }
        }
        if let Some(moved) = &mut commit.moved {
            match self.bug {
                Some(Bug::RefusedGoesOn) => moved.state = State::Accepted,
                Some(Bug::BothJudgesHeard) => {
                    let held = self.truth.award(moved.key);
                    moved.version = held.map_or(0, |held| held.version) + 1;
                }
                _ => {}
            }
        }
        if self.has(Bug::TwoWrites) && commit.change.is_some() && !commit.awards.is_empty() {
            let awards = std::mem::take(&mut commit.awards);
            let first = self.inner.commit_as(commit, &claimed).await?;
            if first == Committed::Conflict {
                return Ok(first);
            }
            let commit = Commit {
                change: None,
                awards,
                ..Commit::default()
            };
            return self.inner.commit_as(commit.clone(), &commit).await;
        }
        let committed = self.inner.commit_as(commit, &claimed).await?;
        if let (Committed::Done, Some(change), Some(Bug::CapReadOutside)) =
            (committed, &claimed.change, self.bug)
        {
            let mut remembered = lock(&self.accounts);
            let own = remembered.entry(change.participant).or_default();
            for account in &change.accounts {
                own.retain(|old| (&old.line, &old.unit) != (&account.line, &account.unit));
                own.push(account.clone());
            }
        }
        Ok(committed)
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        let held = self.inner.award(key).await?;
        let unsynced = lock(&self.unsynced).get(&key).cloned();
        Ok(unsynced.or(held))
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        if self.has(Bug::AwardOverwritten) {
            return self.inner.advance_as(record.clone(), true).await;
        }
        if !self.has(Bug::WriteNotSynced) {
            return self.inner.advance(record).await;
        }
        // Said to be written, and written a moment later, if the process lives as long.
        let before = lock(&self.unsynced).get(&record.key).cloned();
        let before = before.or_else(|| self.truth.award(record.key));
        if before.is_none_or(|before| before.version + 1 != record.version) {
            return Ok(false);
        }
        lock(&self.unsynced).insert(record.key, record.clone());
        let (inner, record) = (self.inner.clone(), record.clone());
        self.process.spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(20)).await;
            inner.write_anyway(&record);
        });
        Ok(true)
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let mut claimed = Vec::new();
        for record in self.inner.due(now, limit).await? {
            let unsynced = lock(&self.unsynced).get(&record.key).cloned();
            let mut record = unsynced.unwrap_or(record);
            record.version += 1;
            record.due = until;
            if self.advance(&record).await? {
                claimed.push(record);
            }
        }
        Ok(claimed)
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        match self.has(Bug::ErasedIsKept) {
            true => Ok(()),
            false => self.inner.erase(participant).await,
        }
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        let uncollected = self.inner.uncollected(cohort).await?;
        Ok(uncollected && !self.has(Bug::MonthForgottenEarly))
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let begun = record.state == DeliveryState::Waiting && record.due > self.world.now();
        if self.has(Bug::AcknowledgedBeforeProcessed) && begun {
            let record = DeliveryRecord {
                state: DeliveryState::Done,
                ..record.clone()
            };
            return self.inner.put_delivery(&record).await;
        }
        self.inner.put_delivery(record).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let mut record = record.clone();
        let over = matches!(
            record.state,
            CheckoutState::Expired | CheckoutState::Cancelled
        );
        if self.has(Bug::LatePaymentSwallowed) && over {
            record.due = None;
        }
        let anyway = self.has(Bug::CheckoutOverwritten);
        self.inner.put_checkout_as(record, anyway).await
    }
}

/// The wire of one life of a process.
#[derive(Debug)]
pub(super) struct MutantWire {
    bug: Option<Bug>,
    inner: Wire,
    unclear: Mutex<Vec<Otc>>,
    last: Mutex<Option<Otc>>,
}

impl MutantWire {
    pub(super) fn new(bug: Option<Bug>, inner: Wire) -> Arc<Self> {
        Arc::new(Self {
            bug,
            inner,
            unclear: Mutex::default(),
            last: Mutex::default(),
        })
    }
}

#[async_trait]
impl Issuer for MutantWire {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn create(&self, content: &Content, nonce: &str) -> Result<Ticket> {
        let ticket = self.inner.create(content, nonce).await?;
        match self.bug {
            Some(Bug::OneTimeCallRepeated) => return self.inner.create(content, nonce).await,
            Some(Bug::CodeLogged) => {
                tracing::debug!(target: "wom_sdk", otc = ticket.otc.reveal(), "created");
            }
            Some(Bug::OfferBeforePersist) => self.inner.known_early(nonce, &ticket),
            _ => {}
        }
        Ok(ticket)
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        if self.bug == Some(Bug::VerifySkipped) {
            return Ok(());
        }
        let again = lock(&self.unclear).contains(otc);
        let result = Issuer::verify(&self.inner, otc).await;
        match result {
            Err(error) if error.retry() == Retry::SameKey => {
                lock(&self.unclear).push(otc.clone());
                match self.bug {
                    Some(Bug::CreateAgain) if again => {
                        Err(Error::new(Kind::OtcUnknown, "it cannot be known"))
                    }
                    _ => Err(error),
                }
            }
            result => result,
        }
    }
}

#[async_trait]
impl Payee for MutantWire {
    fn registry(&self) -> &str {
        Payee::registry(&self.inner)
    }

    fn pos(&self) -> String {
        self.inner.pos()
    }

    async fn register(&self, charge: &Charge, nonce: &str) -> Result<Ticket> {
        self.inner.register(charge, nonce).await
    }

    async fn verify(&self, otc: &Otc) -> Result<()> {
        Payee::verify(&self.inner, otc).await
    }

    async fn status(&self, otc: &Otc) -> Result<Vec<Timestamp>> {
        let other = lock(&self.last).replace(otc.clone());
        match other {
            Some(other) if self.bug == Some(Bug::AnswersMixedUp) => self.inner.status(&other).await,
            _ => self.inner.status(otc).await,
        }
    }
}

/// The rule set, with records that are not what they were.
#[derive(Debug)]
pub(super) struct MutantRules {
    pub(super) bug: Option<Bug>,
    pub(super) inner: Arc<dyn RuleSet>,
}

impl RuleSet for MutantRules {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn judge(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        let changed = self.changed(entries);
        self.inner.judge(&changed.iter().collect::<Vec<_>>(), now)
    }

    fn judge_accepting(&self, entries: &[&Entry], now: Timestamp) -> Judgement {
        let changed = self.changed(entries);
        let changed: Vec<_> = changed.iter().collect();
        self.inner.judge_accepting(&changed, now)
    }

    fn reason(&self, code: &str) -> Option<&'static Reason> {
        self.inner.reason(code)
    }
}

impl MutantRules {
    fn changed(&self, entries: &[&Entry]) -> Vec<Entry> {
        match self.bug {
            Some(Bug::SumInsteadOfUnion) => end_to_end(entries),
            Some(Bug::FloorPerRecord) => entries.iter().map(|entry| whole_minutes(entry)).collect(),
            _ => entries.iter().copied().cloned().collect(),
        }
    }
}

/// Overlapping records one after the other, so that they add up.
fn end_to_end(entries: &[&Entry]) -> Vec<Entry> {
    let mut free = Timestamp::MIN;
    let moved = entries.iter().map(|entry| {
        let mut entry = Entry::clone(entry);
        if let Body::Interval { span, .. } = &mut entry.body {
            *span = Span::starting(span.start().max(free), span.millis());
            free = span.end();
        }
        entry
    });
    moved.collect()
}

fn whole_minutes(entry: &Entry) -> Entry {
    let mut entry = entry.clone();
    if let Body::Interval { span, .. } = &mut entry.body {
        *span = Span::starting(span.start(), span.millis() / 60_000 * 60_000);
    }
    entry
}
