//! The store in memory: for tests, and for what need not outlive the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use async_trait::async_trait;

use super::{AwardRecord, Commit, Committed, Delivery, Holding, Owner, Store};
use crate::{
    Error, Kind, Result, Timestamp,
    award::{Account, AwardKey, State as AwardState},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Merged,
    privacy::Participant,
};

/// Forgets everything when it is dropped; otherwise like any other store.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    owner: Option<Owner>,
    participants: BTreeMap<Participant, Held>,
    awards: BTreeMap<AwardKey, AwardRecord>,
    inbox: BTreeMap<Delivery, bool>,
    checkouts: BTreeMap<CheckoutId, CheckoutRecord>,
}

#[derive(Debug, Default)]
struct Held {
    version: u64,
    merged: Merged,
    accounts: Vec<Account>,
    wake: Option<Timestamp>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> Result<std::sync::MutexGuard<'_, State>> {
        self.0
            .lock()
            .map_err(|_| Error::new(Kind::Internal, "a thread died while it held the store"))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn bind(&self, owner: &Owner) -> Result<()> {
        let mut state = self.state()?;
        let held = state.owner.get_or_insert_with(|| owner.clone());
        owner.check(held)
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        let state = self.state()?;
        Ok(state
            .participants
            .get(&participant)
            .map_or_else(Holding::default, |held| Holding {
                version: held.version,
                entries: held.merged.entries().cloned().collect(),
                accounts: held.accounts.clone(),
            }))
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let state = &mut *self.state()?;
        let mut new = BTreeSet::new();
        if commit
            .awards
            .iter()
            .any(|award| state.awards.contains_key(&award.key) || !new.insert(award.key))
        {
            return Ok(Committed::Conflict);
        }
        if let Some(participant) = commit.participant {
            let version = state
                .participants
                .get(&participant)
                .map_or(0, |held| held.version);
            if commit.expected.is_some_and(|expected| expected != version) {
                return Ok(Committed::Conflict);
            }
            let held = state.participants.entry(participant).or_default();
            held.version += 1;
            held.merged.extend(commit.entries);
            for account in commit.accounts {
                held.accounts
                    .retain(|old| (&old.line, &old.unit) != (&account.line, &account.unit));
                held.accounts.push(account);
            }
            held.wake = commit.wake;
        }
        state
            .awards
            .extend(commit.awards.into_iter().map(|award| (award.key, award)));
        Ok(Committed::Done)
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        Ok(self.state()?.awards.get(&key).cloned())
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let mut state = self.state()?;
        match state.awards.get_mut(&record.key) {
            Some(held) if held.version + 1 == record.version => {
                *held = record.clone();
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        let state = self.state()?;
        let mut due: Vec<_> = state
            .awards
            .values()
            .filter(|award| award.state.is_open() && award.due <= now)
            .cloned()
            .collect();
        due.sort_by_key(|award| (award.due, award.key));
        due.truncate(limit);
        Ok(due)
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<AwardRecord>> {
        let state = self.state()?;
        let open = state
            .awards
            .values()
            .filter(|award| award.state != AwardState::Acknowledged);
        Ok(open.take(limit).cloned().collect())
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let state = self.state()?;
        let waking = state
            .participants
            .iter()
            .filter(|(_, held)| held.wake.is_some_and(|wake| wake <= now));
        Ok(waking
            .map(|(participant, _)| *participant)
            .take(limit)
            .collect())
    }

    async fn census(&self) -> Result<Vec<(String, Option<String>, u64)>> {
        let mut counts = BTreeMap::new();
        for award in self.state()?.awards.values() {
            let reason = award.state.reason().map(str::to_owned);
            *counts
                .entry((award.state.name().to_owned(), reason))
                .or_default() += 1;
        }
        Ok(counts
            .into_iter()
            .map(|((name, reason), count)| (name, reason, count))
            .collect())
    }

    async fn inbox_open(&self, delivery: Delivery) -> Result<bool> {
        Ok(!*self.state()?.inbox.entry(delivery).or_insert(false))
    }

    async fn inbox_close(&self, delivery: Delivery) -> Result<()> {
        self.state()?.inbox.insert(delivery, true);
        Ok(())
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        Ok(self.state()?.checkouts.get(&id).cloned())
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let mut state = self.state()?;
        let version = state
            .checkouts
            .get(&record.id)
            .map_or(0, |held| held.version);
        if version + 1 != record.version {
            return Ok(false);
        }
        state.checkouts.insert(record.id, record.clone());
        Ok(true)
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        let state = self.state()?;
        let mut due: Vec<_> = state
            .checkouts
            .values()
            .filter(|checkout| checkout.due.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        due.sort_by_key(|checkout| (checkout.due, checkout.id));
        due.truncate(limit);
        Ok(due)
    }
}

impl Owner {
    /// Whether this is the owner that the store knows; every store asks it in
    /// [`bind`](Store::bind).
    pub fn check(&self, held: &Self) -> Result<()> {
        let refused = |message: &'static str| {
            Err(Error::new(Kind::StoreMismatch, message)
                .hint("restore what belongs together, or use a new store"))
        };
        if self.identity.registry != held.identity.registry {
            return refused("the store belongs to another Registry");
        }
        if self.identity.source != held.identity.source {
            return refused("the store belongs to another source");
        }
        if self.keys != held.keys {
            return refused("the store belongs to another key store");
        }
        Ok(())
    }
}
