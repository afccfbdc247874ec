//! The suite sees what it is for: each of these stores has one defect, and fails the named topic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
};

use super::*;
use crate::{
    Result, Timestamp,
    award::{Account, AwardKey, State},
    checkout::CheckoutRecord,
    privacy::{Cohort, Participant},
    sale::{Sale, SaleId, ShopId},
    store::{
        AwardRecord, Change, Commit, Committed, CursorRecord, DeliveryRecord, Drawn, Holding,
        Listed, MemoryStore, Owner, Rate, Which,
    },
    testing::{Layered, StoreLayer},
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AnswersBeforeItWrites,
    AnyOwner,
    BegunTwice,
    ClaimsAreShared,
    ConflictKeepsEntries,
    CursorsOverwrite,
    DeliveriesOverwrite,
    DropsDoubt,
    DueInAnyOrder,
    DueListsClosed,
    DueSoon,
    ErasesNothing,
    ExpectedIgnored,
    FirstEntryHolds,
    ForgetsNothing,
    ForgetsTheEpochOfOthers,
    ForgetsYoungDeliveries,
    HidesParked,
    OneBudgetForAll,
    LastEntryHolds,
    LimitIgnored,
    ListsFromTheStart,
    ListsWhatIsOpenOnly,
    LosesTheLastEntry,
    MovesAlone,
    PaymentOverwrites,
    PlacesShared,
    PositionsRounded,
    ReasonsLost,
    SalesOfOthers,
    SalesOverwrite,
    UsedKeyKeepsOthers,
    VersionsIgnored,
    WakeStays,
}

/// A good store, but for one defect.
#[derive(Debug)]
struct Defective {
    store: MemoryStore,
    defect: Defect,
    /// What [`Defect::AnswersBeforeItWrites`] has not written yet.
    late: Mutex<Option<AwardRecord>>,
}

struct Planted(Defect);

#[async_trait]
impl Fixture for Planted {
    type Store = Layered<Defective>;

    async fn fresh(&self) -> Layered<Defective> {
        Layered(Defective {
            store: MemoryStore::new(),
            defect: self.0,
            late: Mutex::new(None),
        })
    }

    async fn reopen(&self, store: Layered<Defective>) -> Layered<Defective> {
        store
    }
}

#[async_trait]
impl StoreLayer for Defective {
    fn inner(&self) -> &dyn Store {
        &self.store
    }

    async fn bind(&self, owner: &Owner) -> Result<()> {
        match self.defect {
            Defect::AnyOwner => Ok(()),
            _ => self.store.bind(owner).await,
        }
    }

    async fn participant(&self, participant: Participant) -> Result<Holding> {
        let mut holding = self.store.participant(participant).await?;
        if self.defect == Defect::LosesTheLastEntry {
            holding.entries.truncate(9_999);
        }
        Ok(holding)
    }

    async fn commit(&self, mut commit: Commit) -> Result<Committed> {
        match self.defect {
            Defect::ConflictKeepsEntries => {
                let entries = Commit {
                    change: commit.change.as_ref().map(|change| Change {
                        entries: change.entries.clone(),
                        ..Change::of(change.participant)
                    }),
                    ..Commit::default()
                };
                let done = self.store.commit(commit.clone()).await?;
                if done == Committed::Conflict {
                    self.store.commit(entries).await?;
                }
                return Ok(done);
            }
            Defect::ExpectedIgnored => {
                if let Some(change) = &mut commit.change {
                    change.expected = None;
                }
            }
            Defect::FirstEntryHolds | Defect::LastEntryHolds => {
                // The revision is made the order of arrival.
                if let Some(change) = &mut commit.change {
                    let held = self.store.participant(change.participant).await?.entries;
                    for (revision, entry) in (1_000..).zip(&mut change.entries) {
                        let known = held.iter().find(|known| known.key == entry.key);
                        let later = known.map_or(revision, |known| known.revision + revision);
                        entry.revision = match (self.defect, known) {
                            (Defect::LastEntryHolds, _) => later,
                            (_, known) => known.map_or(revision, |_| 0),
                        };
                    }
                }
            }
            Defect::MovesAlone => {
                if let Some(moved) = commit.moved.take() {
                    self.store.advance(&moved).await?;
                }
            }
            Defect::UsedKeyKeepsOthers => {
                let mut new = Vec::new();
                for award in std::mem::take(&mut commit.awards) {
                    if self.store.award(award.key).await?.is_none() {
                        new.push(award);
                    }
                }
                commit.awards = new;
            }
            Defect::WakeStays => {
                if let Some(change) = commit
                    .change
                    .as_mut()
                    .filter(|change| change.wake.is_none())
                {
                    let waking = self.store.waking(Timestamp::MAX, usize::MAX).await?;
                    change.wake = waking
                        .contains(&change.participant)
                        .then_some(Timestamp::EPOCH);
                }
            }
            _ => {}
        }
        self.store.commit(commit).await
    }

    async fn begin(&self, record: &AwardRecord) -> Result<bool> {
        let begun = self.store.begin(record).await?;
        Ok(begun || self.defect == Defect::BegunTwice)
    }

    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>> {
        let held = self.store.award(key).await?;
        let late = self.late.lock().unwrap().take();
        if let Some(late) = late {
            self.store.advance(&late).await?;
        }
        Ok(held.map(|mut held| {
            if self.defect == Defect::PositionsRounded {
                let rounded = serde_json::to_string(&held.content).unwrap();
                let rounded = rounded.replace("234567", "23456");
                held.content = serde_json::from_str(&rounded).unwrap();
            }
            held
        }))
    }

    async fn advance(&self, record: &AwardRecord) -> Result<bool> {
        let mut record = record.clone();
        let held = self.store.award(record.key).await?;
        match self.defect {
            Defect::AnswersBeforeItWrites => {
                *self.late.lock().unwrap() = Some(record);
                return Ok(held.is_some());
            }
            Defect::VersionsIgnored => {
                record.version = held.as_ref().map_or(0, |held| held.version) + 1;
            }
            Defect::ForgetsNothing => {
                record.sealed = record.sealed.or(held.and_then(|held| held.sealed));
            }
            Defect::ReasonsLost => {
                if let State::Parked(reason) = &mut record.state {
                    reason.clear();
                }
            }
            _ => {}
        }
        self.store.advance(&record).await
    }

    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>> {
        let now = match self.defect {
            Defect::DueSoon => now.plus_millis(1),
            _ => now,
        };
        let limit = match self.defect {
            Defect::LimitIgnored => usize::MAX,
            _ => limit,
        };
        let mut due = self.store.due(now, limit).await?;
        match self.defect {
            Defect::DropsDoubt => due.retain(|award| award.state != State::Acknowledged),
            Defect::DueInAnyOrder => due.sort_by_key(|award| award.key),
            Defect::DueListsClosed => {
                let closed = super::samples::award(3, 1);
                due.extend(self.store.award(closed.key).await?);
            }
            _ => {}
        }
        Ok(due)
    }

    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        if self.defect == Defect::ClaimsAreShared {
            return self.store.due(now, limit).await;
        }
        self.store.claim(now, until, limit).await
    }

    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let mut open = self.store.unacknowledged(after, limit).await?;
        if matches!(self.defect, Defect::HidesParked) {
            open.retain(|award| award.state.reason().is_none());
        }
        Ok(open)
    }

    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>> {
        let mut all = self.store.awards(after, limit).await?;
        if self.defect == Defect::ListsWhatIsOpenOnly {
            all.retain(
                |(_, award)| !matches!(award, Ok(award) if award.state == State::Acknowledged),
            );
        }
        Ok(all)
    }

    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>> {
        let after = after.filter(|_| self.defect != Defect::ListsFromTheStart);
        self.store.accounts(after, limit).await
    }

    async fn forget(&self, cohort: Cohort) -> Result<u64> {
        if self.defect == Defect::ForgetsTheEpochOfOthers {
            let mut other = cohort;
            other.0[6] += 1;
            self.store.forget(other).await?;
        }
        self.store.forget(cohort).await
    }

    async fn erase(&self, participant: Participant) -> Result<()> {
        if self.defect == Defect::ErasesNothing {
            return Ok(());
        }
        self.store.erase(participant).await
    }

    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool> {
        let mut record = record.clone();
        if self.defect == Defect::DeliveriesOverwrite {
            let held = self.store.delivery(record.id).await?;
            record.version = held.map_or(0, |held| held.version) + 1;
        }
        self.store.put_delivery(&record).await
    }

    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64> {
        let before = match self.defect {
            Defect::ForgetsYoungDeliveries => Timestamp::MAX,
            _ => before,
        };
        self.store.forget_deliveries(before).await
    }

    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool> {
        let mut record = record.clone();
        if self.defect == Defect::CursorsOverwrite {
            let held = self.store.cursor(&record.source).await?;
            record.version = held.map_or(0, |held| held.version) + 1;
        }
        self.store.put_cursor(&record).await
    }

    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn> {
        let name = match self.defect {
            Defect::OneBudgetForAll => "all",
            _ => name,
        };
        self.store.draw(name, rate, wanted, now).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let mut record = record.clone();
        if self.defect == Defect::PaymentOverwrites {
            let held = self.store.checkout(record.id).await?;
            record.version = held.map_or(0, |held| held.version) + 1;
        }
        self.store.put_checkout(&record).await
    }

    async fn put_sale(&self, sale: &Sale) -> Result<bool> {
        let mut sale = sale.clone();
        match self.defect {
            Defect::PlacesShared => sale.slot = None,
            Defect::SalesOverwrite => {
                let held = self.store.sale(sale.id).await?;
                sale.version = held.map_or(0, |held| held.version) + 1;
            }
            _ => {}
        }
        self.store.put_sale(&sale).await
    }

    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>> {
        let mut listed = self.store.sales(shop, which, after, limit).await?;
        if self.defect == Defect::SalesOfOthers {
            let other = ShopId::new("other");
            listed.extend(self.store.sales(other, which, after, limit).await?);
        }
        Ok(listed)
    }
}

#[test]
fn each_defect_is_caught_by_its_topic() {
    let planted = |defect, topic: fn(Planted) -> Box<dyn FnOnce()>| {
        let caught = catch_unwind(AssertUnwindSafe(topic(Planted(defect)))).is_err();
        (!caught).then_some(defect)
    };
    macro_rules! topic {
        ($topic:ident) => {
            |fixture| Box::new(move || run($topic(&fixture)))
        };
    }
    let missed: Vec<_> = [
        planted(
            Defect::AnswersBeforeItWrites,
            topic!(advancing_needs_the_version_before),
        ),
        planted(Defect::AnyOwner, topic!(the_owner_stays)),
        planted(Defect::BegunTwice, topic!(what_is_begun_is_like_any_other)),
        planted(
            Defect::ConflictKeepsEntries,
            topic!(a_conflict_writes_nothing),
        ),
        planted(
            Defect::DropsDoubt,
            topic!(what_is_acknowledged_in_doubt_is_due_until_it_is_clear),
        ),
        planted(Defect::DueInAnyOrder, topic!(due_awards_come_in_order)),
        planted(Defect::DueListsClosed, topic!(due_awards_come_in_order)),
        planted(Defect::DueSoon, topic!(due_awards_come_in_order)),
        planted(Defect::ExpectedIgnored, topic!(a_conflict_writes_nothing)),
        planted(Defect::FirstEntryHolds, topic!(entries_merge_by_rank)),
        planted(
            Defect::ForgetsNothing,
            topic!(acknowledging_forgets_the_sealed_ticket),
        ),
        planted(
            Defect::HidesParked,
            topic!(what_is_not_acknowledged_stays_findable),
        ),
        planted(
            Defect::ClaimsAreShared,
            topic!(claimed_awards_are_nobody_elses),
        ),
        planted(Defect::CursorsOverwrite, topic!(a_cursor_moves_by_version)),
        planted(
            Defect::DeliveriesOverwrite,
            topic!(one_racer_takes_a_delivery),
        ),
        planted(Defect::ErasesNothing, topic!(erasing_keeps_the_accounts)),
        planted(
            Defect::ForgetsTheEpochOfOthers,
            topic!(a_cohort_is_forgotten_alone),
        ),
        planted(
            Defect::ForgetsYoungDeliveries,
            topic!(old_deliveries_are_forgotten),
        ),
        planted(Defect::OneBudgetForAll, topic!(a_budget_is_shared)),
        planted(Defect::LastEntryHolds, topic!(entries_merge_by_rank)),
        planted(Defect::LimitIgnored, topic!(due_awards_come_in_order)),
        planted(Defect::ListsFromTheStart, topic!(everything_is_listed)),
        planted(Defect::ListsWhatIsOpenOnly, topic!(everything_is_listed)),
        planted(Defect::LosesTheLastEntry, topic!(big_values_fit)),
        planted(Defect::MovesAlone, topic!(one_racer_judges_an_award)),
        planted(
            Defect::PaymentOverwrites,
            topic!(a_payment_is_written_by_one_racer),
        ),
        planted(
            Defect::PositionsRounded,
            topic!(everything_reads_as_written),
        ),
        planted(Defect::ReasonsLost, topic!(states_are_counted)),
        planted(
            Defect::PlacesShared,
            topic!(a_place_on_an_order_is_one_sales),
        ),
        planted(Defect::SalesOfOthers, topic!(sales_are_found)),
        planted(
            Defect::SalesOverwrite,
            topic!(sales_move_by_version_and_come_in_order),
        ),
        planted(
            Defect::UsedKeyKeepsOthers,
            topic!(a_commit_with_a_used_award_key_writes_nothing),
        ),
        planted(Defect::VersionsIgnored, topic!(one_racer_advances_an_award)),
        planted(Defect::WakeStays, topic!(wakes_are_listed)),
    ]
    .into_iter()
    .flatten()
    .collect();
    assert_eq!(missed, []);
}

struct InMemory;

#[async_trait]
impl Fixture for InMemory {
    type Store = MemoryStore;

    async fn fresh(&self) -> MemoryStore {
        MemoryStore::new()
    }

    async fn reopen(&self, store: MemoryStore) -> MemoryStore {
        store
    }
}

mod memory {
    use super::InMemory;

    crate::store_conformance!(InMemory);
}
