//! A store whose writes survive the process: it may fail before a write or after it, and be slow.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use async_trait::async_trait;
use wom_sdk::{
    Error, Kind, Result, Timestamp,
    award::{Account, AwardKey, Content, Identity, Issuer, State, Ticket},
    checkout::{CheckoutId, CheckoutRecord},
    dispatcher::Dispatcher,
    privacy::{Cohort, KeyStore, Participant},
    protocol::Otc,
    sale::{OrderKey, Poster, Sale, SaleId, ShopId},
    store::{
        AwardRecord, Commit, Committed, CursorRecord, DeliveryId, DeliveryRecord, Drawn, Holding,
        Listed, MemoryStore, Numbers, Owner, Rate, Store, Which,
    },
};

use super::{ledger::Ledger, process::Process, registry::identity, weather::Fault, world::World};

/// What is on the disk, and what the run checks of every write.
#[derive(Debug)]
pub(super) struct Truth {
    world: Arc<World>,
    pub(super) memory: Arc<MemoryStore>,
    /// Opens what is sealed; asks nobody for anything.
    reader: Dispatcher,
    ledger: Arc<Ledger>,
}

impl Truth {
    pub(super) async fn new(
        world: &Arc<World>,
        keys: &Arc<dyn KeyStore>,
        ledger: &Arc<Ledger>,
    ) -> Arc<Self> {
        let memory = Arc::new(MemoryStore::new());
        let reader = Dispatcher::open(
            Arc::clone(&memory) as _,
            Arc::new(Nobody(identity())),
            Arc::clone(keys),
            Arc::new(world.clock),
        );
        Arc::new(Self {
            world: Arc::clone(world),
            memory,
            reader: reader.await.expect("a new store takes any keys"),
            ledger: Arc::clone(ledger),
        })
    }

    /// What was begun is on the disk with the write that comes now.
    fn sync(&self) {
        for record in self.world.machine.take_begun() {
            let commit = Commit {
                awards: vec![record],
                ..Commit::default()
            };
            let _ = at_once(self.memory.commit(commit));
        }
    }

    /// The award as it is written down.
    pub(super) fn award(&self, key: AwardKey) -> Option<AwardRecord> {
        at_once(self.memory.award(key)).ok().flatten()
    }

    /// Whether it is written that the person has the code.
    pub(super) fn is_acknowledged(&self, key: AwardKey) -> bool {
        let record = self.award(key);
        record.is_some_and(|record| record.state == State::Acknowledged)
    }

    /// The code that is written down for an award, if it may be handed over.
    pub(super) fn kept_ticket(&self, key: AwardKey) -> Option<Ticket> {
        at_once(self.reader.claim(key))
            .ok()
            .map(|claim| claim.ticket)
    }

    /// An award moved on: it never goes back, and its code never changes.
    fn advanced(&self, before: Option<&AwardRecord>, record: &AwardRecord, judged: bool) {
        self.world.log(format_args!(
            "award {:?} v{} {}",
            record.key,
            record.version,
            record.state.name()
        ));
        if record.state == State::Creating {
            self.world.intends(record.key);
        }
        let Some(before) = before else {
            self.world.fail("never lost", "an award came from nowhere");
            return;
        };
        let given_up = record.state == State::Acknowledged
            && before
                .participant
                .is_some_and(|own| self.ledger.is_forgetting(own));
        if given_up {
            self.ledger.given_up(before);
        }
        let lawful = match before.state {
            State::Offered => matches!(record.state, State::Offered | State::Acknowledged),
            // Who asks to be forgotten gives everything up.
            _ if given_up => true,
            // Before it was offered a code may be given up, if the Registry surely has it no more.
            State::Verified => !matches!(record.state, State::Acknowledged),
            State::Acknowledged => record.state == State::Acknowledged,
            State::Held(_) if judged => {
                record.state == State::Accepted || record.state.is_refused()
            }
            // Nothing but a judgement, with its account, moves what a person has to judge.
            _ if before.state.is_withheld() => judged && record.state == State::Accepted,
            _ => true,
        };
        let same_code = match (&before.sealed, &record.sealed) {
            (Some(before), Some(now)) => before == now,
            _ => true,
        };
        if !lawful || !same_code || before.content != record.content {
            let (from, to) = (before.state.name(), record.state.name());
            self.world
                .fail("an award never goes back", format!("from {from} to {to}"));
        }
        if record.state.reason().is_some_and(str::is_empty) {
            self.world.fail("never lost", "parked without a reason");
        }
    }
}

/// An issuer that is never asked.
#[derive(Debug)]
struct Nobody(Identity);

#[async_trait]
impl Issuer for Nobody {
    fn identity(&self) -> &Identity {
        &self.0
    }

    async fn create(&self, _: &Content, _: &str) -> Result<Ticket> {
        Err(Error::new(Kind::Unsupported, "nobody is asked"))
    }

    async fn verify(&self, _: &Otc) -> Result<()> {
        Err(Error::new(Kind::Unsupported, "nobody is asked"))
    }
}

/// The store as one process has it.
#[derive(Clone, Debug)]
pub(super) struct SimStore {
    truth: Arc<Truth>,
    process: Arc<Process>,
}

impl SimStore {
    pub(super) fn new(truth: &Arc<Truth>, process: &Arc<Process>) -> Self {
        Self {
            truth: Arc::clone(truth),
            process: Arc::clone(process),
        }
    }

    /// Writes a commit; `claimed` is what the caller believes to be written.
    pub(super) async fn commit_as(&self, commit: Commit, claimed: &Commit) -> Result<Committed> {
        self.before("commit").await?;
        self.truth.sync();
        let mut written = commit.clone();
        let moved = commit.moved.clone();
        let before = moved.as_ref().and_then(|moved| self.truth.award(moved.key));
        let done = self.truth.memory.commit(commit).await?;
        if let (Some(written), Some(claimed)) = (&mut written.change, &claimed.change) {
            written.entries.clone_from(&claimed.entries);
            written.expected = claimed.expected;
        }
        match done {
            Committed::Done => {
                for award in written
                    .awards
                    .iter()
                    .filter(|one| one.state == State::Creating)
                {
                    self.truth.world.intends(award.key);
                }
                if let Some(moved) = &moved {
                    self.truth.advanced(before.as_ref(), moved, true);
                }
                self.truth.ledger.committed(&written, before.as_ref());
            }
            Committed::Conflict => self.truth.world.log(format_args!("conflict")),
        }
        self.after("commit").await?;
        Ok(done)
    }

    /// Writes an award; `anyway` is a planted bug: whatever its version.
    pub(super) async fn advance_as(&self, mut record: AwardRecord, anyway: bool) -> Result<bool> {
        self.before("advance").await?;
        self.truth.sync();
        let before = self.truth.award(record.key);
        if anyway {
            record.version = before.as_ref().map_or(0, |before| before.version) + 1;
        }
        let done = self.truth.memory.advance(&record).await?;
        if done {
            self.truth.advanced(before.as_ref(), &record, false);
        }
        self.after("advance").await?;
        Ok(done)
    }

    /// Writes a checkout; `anyway` is a planted bug: whatever its version.
    pub(super) async fn put_checkout_as(
        &self,
        mut record: CheckoutRecord,
        anyway: bool,
    ) -> Result<bool> {
        self.before("put_checkout").await?;
        self.truth.sync();
        if anyway {
            let before = self.truth.memory.checkout(record.id).await?;
            record.version = before.map_or(0, |before| before.version) + 1;
        }
        let done = self.truth.memory.put_checkout(&record).await?;
        if done {
            let (id, version, state) = (record.id, record.version, record.state.name());
            let world = &self.truth.world;
            world.log(format_args!("checkout {id:?} v{version} {state}"));
        }
        self.after("put_checkout").await?;
        Ok(done)
    }

    /// Writes an award as the disk does, with nobody to hear whether it could be.
    pub(super) fn write_anyway(&self, record: &AwardRecord) {
        self.truth.sync();
        let before = self.truth.award(record.key);
        if at_once(self.truth.memory.advance(record)).is_ok_and(|done| done) {
            self.truth.advanced(before.as_ref(), record, false);
        }
    }

    async fn before(&self, name: &str) -> Result<()> {
        let world = &self.truth.world;
        world.step();
        match world.below(16) {
            0..2 => world.sleep_ms(1, 40).await,
            2..5 => tokio::task::yield_now().await,
            _ => {}
        }
        if world.strikes(Fault::Slow) {
            world.sleep_ms(1, 2_000).await;
        }
        self.process.may_die(name).await;
        if world.strikes(Fault::StoreBefore) {
            return Err(Error::new(Kind::StorageFailed, "the disk does not write"));
        }
        Ok(())
    }

    async fn after(&self, name: &str) -> Result<()> {
        self.process.may_die(name).await;
        if self.truth.world.strikes(Fault::StoreAfter) {
            return Err(Error::new(Kind::StorageFailed, "the disk did not confirm"));
        }
        Ok(())
    }
}

#[async_trait]
impl Store for SimStore {
    async fn bind(&self, owner: &Owner) -> Result<()> {
        self.before("bind").await?;
        self.truth.sync();
        self.truth.memory.bind(owner).await?;
        self.after("bind").await
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        self.before("participant").await?;
        let holding = self.truth.memory.participant(participant).await;
        // Whoever decides takes a moment, in which others write.
        if self.truth.world.chance(200) {
            self.truth.world.sleep_ms(1, 80).await;
        }
        holding
    }

    async fn commit(&self, commit: Commit) -> Result<Committed> {
        let claimed = commit.clone();
        self.commit_as(commit, &claimed).await
    }

    async fn begin(&self, record: &AwardRecord) -> Result<bool> {
        self.before("begin").await?;
        let world = &self.truth.world;
        let is_new =
            world.machine.begun(record.key).is_none() && self.truth.award(record.key).is_none();
        if is_new {
            world.log(format_args!("begun {:?}", record.key));
            world.intends(record.key);
            world.machine.begin(record);
        }
        self.after("begin").await?;
        Ok(is_new)
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        self.before("award").await?;
        match self.truth.world.machine.begun(key) {
            Some(begun) => Ok(Some(begun)),
            None => self.truth.memory.award(key).await,
        }
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        self.advance_as(record.clone(), false).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        self.before("due").await?;
        self.truth.memory.due(now, limit).await
    }

    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>> {
        self.before("awards_of").await?;
        self.truth.memory.awards_of(participant).await
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        self.before("unacknowledged").await?;
        self.truth.memory.unacknowledged(after, limit).await
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        self.before("awards").await?;
        self.truth.memory.awards(after, limit).await
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        self.before("accounts").await?;
        self.truth.memory.accounts(after, limit).await
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        self.before("waking").await?;
        self.truth.memory.waking(now, limit).await
    }

    async fn uncollected(&self, cohort: Cohort) -> Result<bool> {
        self.before("uncollected").await?;
        self.truth.memory.uncollected(cohort).await
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        self.before("forget").await?;
        self.truth.sync();
        let forgotten = self.truth.memory.forget(cohort).await?;
        self.after("forget").await?;
        Ok(forgotten)
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        self.before("erase").await?;
        self.truth.sync();
        self.truth.memory.erase(participant).await?;
        self.truth.ledger.erased(participant);
        self.after("erase").await
    }

    async fn numbers(&self) -> Result<Numbers> {
        self.before("numbers").await?;
        self.truth.memory.numbers().await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>> {
        self.before("delivery").await?;
        self.truth.memory.delivery(id).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        self.before("put_delivery").await?;
        self.truth.sync();
        let done = self.truth.memory.put_delivery(record).await?;
        if done {
            let (id, version, state) = (record.id, record.version, record.state.name());
            let world = &self.truth.world;
            world.log(format_args!("delivery {:?} v{version} {state}", id.0));
        }
        self.after("put_delivery").await?;
        Ok(done)
    }

    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>> {
        self.before("due_deliveries").await?;
        self.truth.memory.due_deliveries(now, limit).await
    }

    async fn undone_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>> {
        self.before("undone_deliveries").await?;
        self.truth.memory.undone_deliveries(after, limit).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        self.before("forget_deliveries").await?;
        self.truth.memory.forget_deliveries(before).await
    }

    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>> {
        self.before("cursor").await?;
        self.truth.memory.cursor(source).await
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        self.before("put_cursor").await?;
        self.truth.sync();
        let done = self.truth.memory.put_cursor(record).await?;
        self.after("put_cursor").await?;
        Ok(done)
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        self.before("draw").await?;
        self.truth.memory.draw(name, rate, wanted, now).await
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        self.before("checkout").await?;
        self.truth.memory.checkout(id).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        self.put_checkout_as(record.clone(), false).await
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        self.before("due_checkouts").await?;
        self.truth.memory.due_checkouts(now, limit).await
    }

    async fn sale(&self, id: SaleId) -> Result<Option<Sale>> {
        self.before("sale").await?;
        self.truth.memory.sale(id).await
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        self.before("put_sale").await?;
        self.truth.sync();
        let done = self.truth.memory.put_sale(sale).await?;
        self.after("put_sale").await?;
        Ok(done)
    }

    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<Sale>> {
        self.before("due_sales").await?;
        self.truth.memory.due_sales(now, limit).await
    }

    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        self.before("sales").await?;
        self.truth.memory.sales(shop, which, after, limit).await
    }

    async fn sales_of(&self, order: OrderKey) -> Result<Vec<Sale>> {
        self.before("sales_of").await?;
        self.truth.memory.sales_of(order).await
    }

    async fn sales_paid_by(&self, checkout: CheckoutId) -> Result<Vec<Sale>> {
        self.before("sales_paid_by").await?;
        self.truth.memory.sales_paid_by(checkout).await
    }

    async fn poster(&self, id: CheckoutId) -> Result<Option<Poster>> {
        self.before("poster").await?;
        self.truth.memory.poster(id).await
    }

    async fn put_poster(&self, poster: &Poster) -> Result<bool> {
        self.before("put_poster").await?;
        self.truth.sync();
        let done = self.truth.memory.put_poster(poster).await?;
        self.after("put_poster").await?;
        Ok(done)
    }

    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<Poster>> {
        self.before("due_posters").await?;
        self.truth.memory.due_posters(now, limit).await
    }

    async fn posters(&self, shop: ShopId) -> Result<Vec<Poster>> {
        self.before("posters").await?;
        self.truth.memory.posters(shop).await
    }
}

/// The value of a future that never waits: the store in memory does not.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("the store in memory never waits"),
    }
}
