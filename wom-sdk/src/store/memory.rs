//! The store in memory: for tests, and for what need not outlive the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Mutex,
};

use async_trait::async_trait;

use super::{
    AwardRecord, Change, Commit, Committed, Count, CursorRecord, DeliveryId, DeliveryRecord,
    DeliveryState, Drawn, Holding, Listed, Numbers, Owner, Rate, Spent, Store, Which,
};
use crate::{
    Error, Kind, Result, Timestamp,
    award::{Account, AwardKey, State as AwardState, uncollected},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Merged,
    privacy::{Cohort, Participant},
    sale::{OrderKey, Poster, Sale, SaleId, ShopId, Turn},
};

/// Forgets everything when it is dropped; otherwise like any other store.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    owner: Option<Owner>,
    participants: BTreeMap<Participant, Held>,
    awards: BTreeMap<AwardKey, AwardRecord>,
    deliveries: BTreeMap<DeliveryId, DeliveryRecord>,
    cursors: BTreeMap<String, CursorRecord>,
    spent: BTreeMap<String, Spent>,
    checkouts: BTreeMap<CheckoutId, CheckoutRecord>,
    sales: BTreeMap<SaleId, Sale>,
    posters: BTreeMap<CheckoutId, Poster>,
}

#[derive(Debug, Default)]
struct Held {
    version: u64,
    merged: Merged,
    accounts: Vec<Account>,
    wake: Option<Timestamp>,
    handle: Option<Vec<u8>>,
}

impl State {
    /// `false`: the participant has moved on, and nothing is changed.
    fn apply(&mut self, change: Change) -> bool {
        let held = self.participants.get(&change.participant);
        let version = held.map_or(0, |held| held.version);
        if change.expected.is_some_and(|expected| expected != version) {
            return false;
        }
        let held = self.participants.entry(change.participant).or_default();
        held.version += 1;
        held.merged.extend(change.entries);
        for account in change.accounts {
            held.accounts
                .retain(|old| (&old.line, &old.unit) != (&account.line, &account.unit));
            held.accounts.push(account);
        }
        held.wake = change.wake;
        if change.handle.is_some() {
            held.handle = change.handle;
        }
        true
    }
}

/// How many there are of each state and reason, and since when.
fn counts<'a>(all: impl Iterator<Item = (&'a str, Option<&'a str>, Timestamp)>) -> Vec<Count> {
    let mut counts = BTreeMap::<_, (u64, Timestamp)>::new();
    for (state, reason, at) in all {
        let (count, oldest) = counts.entry((state, reason)).or_insert((0, at));
        *count += 1;
        *oldest = at.min(*oldest);
    }
    let count = |((state, reason), (count, oldest)): ((&str, Option<&str>), _)| Count {
        state: state.to_owned(),
        reason: reason.map(str::to_owned),
        count,
        oldest,
    };
    counts.into_iter().map(count).collect()
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
                handle: held.handle.clone(),
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
        if commit.moved.as_ref().is_some_and(|moved| {
            let held = state.awards.get(&moved.key);
            held.is_none_or(|held| held.version + 1 != moved.version)
        }) {
            return Ok(Committed::Conflict);
        }
        if let Some(change) = commit.change
            && !state.apply(change)
        {
            return Ok(Committed::Conflict);
        }
        state.awards.extend(
            commit
                .awards
                .into_iter()
                .chain(commit.moved)
                .map(|award| (award.key, award)),
        );
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
            .filter(|award| award.is_open() && award.due <= now)
            .cloned()
            .collect();
        due.sort_by_key(|award| (award.due, award.key));
        due.truncate(limit);
        Ok(due)
    }

    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>> {
        let state = self.state()?;
        let own = state.awards.values().filter(|award| {
            award.participant == Some(participant) && award.state != AwardState::Acknowledged
        });
        Ok(own.cloned().collect())
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let state = self.state()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let open = state
            .awards
            .range((from, Bound::Unbounded))
            .map(|(_, award)| award)
            .filter(|award| award.state != AwardState::Acknowledged);
        Ok(open.take(limit).cloned().collect())
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        let state = self.state()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = state.awards.range((from, Bound::Unbounded));
        Ok(all
            .take(limit)
            .map(|(key, award)| (*key, Ok(award.clone())))
            .collect())
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        let state = self.state()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = state.participants.range((from, Bound::Unbounded));
        Ok(all
            .take(limit)
            .map(|(name, held)| (*name, Ok(held.accounts.clone())))
            .collect())
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        let state = self.state()?;
        let waking = state.participants.iter().filter_map(|(name, held)| {
            let wake = held.wake.filter(|wake| *wake <= now)?;
            Some((wake, *name))
        });
        let waking: BTreeSet<_> = waking.collect();
        Ok(waking
            .into_iter()
            .map(|(_, name)| name)
            .take(limit)
            .collect())
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        let state = self.state()?;
        let minutes = state.participants.iter().any(|(participant, held)| {
            participant.cohort() == cohort && uncollected(&held.accounts) > 0
        });
        let awards = state.awards.values().any(|award| {
            award.participant.is_some_and(|own| own.cohort() == cohort)
                && award.state != AwardState::Acknowledged
        });
        Ok(minutes || awards)
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        let participants = &mut self.state()?.participants;
        let before = participants.len();
        participants.retain(|participant, _| participant.cohort() != cohort);
        Ok((before - participants.len()) as u64)
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        if let Some(held) = self.state()?.participants.get_mut(&participant) {
            held.version += 1;
            held.merged = Merged::default();
            held.handle = None;
            held.wake = None;
        }
        Ok(())
    }

    async fn numbers(&self) -> Result<Numbers> {
        let state = self.state()?;
        let awards = state.awards.values();
        let deliveries = state.deliveries.values();
        let held = state.participants.values();
        Ok(Numbers {
            awards: counts(awards.map(|a| (a.state.name(), a.state.reason(), a.accepted))),
            deliveries: counts(deliveries.map(|d| (d.state.name(), d.state.reason(), d.received))),
            uncollected_minutes: held.map(|held| uncollected(&held.accounts)).sum(),
        })
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        Ok(self.state()?.deliveries.get(&id).cloned())
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let deliveries = &mut self.state()?.deliveries;
        let version = deliveries.get(&record.id).map_or(0, |held| held.version);
        if version + 1 != record.version {
            return Ok(false);
        }
        deliveries.insert(record.id, record.clone());
        Ok(true)
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        let state = self.state()?;
        let mut due: Vec<_> = state
            .deliveries
            .values()
            .filter(|held| held.state == DeliveryState::Waiting && held.due <= now)
            .cloned()
            .collect();
        due.sort_by_key(|held| (held.due, held.id));
        due.truncate(limit);
        Ok(due)
    }

    async fn undone_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>> {
        let state = self.state()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = state.deliveries.range((from, Bound::Unbounded));
        let undone = all
            .map(|(_, held)| held)
            .filter(|held| held.state != DeliveryState::Done);
        Ok(undone.take(limit).cloned().collect())
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        let deliveries = &mut self.state()?.deliveries;
        let count = deliveries.len();
        deliveries.retain(|_, held| held.state != DeliveryState::Done || held.received >= before);
        Ok((count - deliveries.len()) as u64)
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        Ok(self.state()?.cursors.get(source).cloned())
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        let cursors = &mut self.state()?.cursors;
        let version = cursors.get(&record.source).map_or(0, |held| held.version);
        if version + 1 != record.version {
            return Ok(false);
        }
        cursors.insert(record.source.clone(), record.clone());
        Ok(true)
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        let spent = &mut self.state()?.spent;
        Ok(spent
            .entry(name.to_owned())
            .or_default()
            .draw(rate, wanted, now))
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

    async fn sale(&self, id: SaleId) -> Result<Option<Sale>> {
        Ok(self.state()?.sales.get(&id).cloned())
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        let sales = &mut self.state()?.sales;
        let version = sales.get(&sale.id).map_or(0, |held| held.version);
        let taken = sales
            .values()
            .any(|held| held.id != sale.id && held.slot.is_some() && held.slot == sale.slot);
        if version + 1 != sale.version || taken {
            return Ok(false);
        }
        sales.insert(sale.id, sale.clone());
        Ok(true)
    }

    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<Sale>> {
        let state = self.state()?;
        let sales = state.sales.values();
        let mut due: Vec<_> = sales
            .filter(|sale| sale.due.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        due.sort_by_key(|sale| (sale.due, sale.id));
        due.truncate(limit);
        Ok(due)
    }

    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        let state = self.state()?;
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let sales = state.sales.range((from, Bound::Unbounded));
        let listed = sales
            .map(|(_, sale)| sale)
            .filter(|sale| sale.id.shop() == shop && sale.turn().number() >= which.least());
        Ok(listed.take(limit).cloned().collect())
    }

    async fn sales_of(&self, order: OrderKey) -> Result<Vec<Sale>> {
        let state = self.state()?;
        let own = state.sales.values();
        Ok(own
            .filter(|sale| sale.order_key() == Some(order))
            .cloned()
            .collect())
    }

    async fn sales_paid_by(&self, checkout: CheckoutId) -> Result<Vec<Sale>> {
        let state = self.state()?;
        let own = state.sales.values();
        Ok(own
            .filter(|sale| sale.checkout == checkout && sale.turn() != Turn::Nobody)
            .cloned()
            .collect())
    }

    async fn poster(&self, id: CheckoutId) -> Result<Option<Poster>> {
        Ok(self.state()?.posters.get(&id).cloned())
    }

    async fn put_poster(&self, poster: &Poster) -> Result<bool> {
        let posters = &mut self.state()?.posters;
        let version = posters.get(&poster.id).map_or(0, |held| held.version);
        if version + 1 != poster.version {
            return Ok(false);
        }
        posters.insert(poster.id, poster.clone());
        Ok(true)
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<Poster>> {
        let state = self.state()?;
        let posters = state.posters.values();
        let mut due: Vec<_> = posters
            .filter(|poster| poster.due.is_some_and(|due| due <= now))
            .cloned()
            .collect();
        due.sort_by_key(|poster| (poster.due, poster.id));
        due.truncate(limit);
        Ok(due)
    }

    async fn posters(&self, shop: ShopId) -> Result<Vec<Poster>> {
        let state = self.state()?;
        let posters = state.posters.values();
        Ok(posters
            .filter(|poster| poster.shop_id() == shop)
            .cloned()
            .collect())
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
