//! The suite sees what it is for: each of these stores has one defect, and fails the named topic.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
};

use super::*;
use crate::{
    Result, Timestamp,
    award::{AwardKey, State},
    checkout::{CheckoutId, CheckoutRecord},
    privacy::Participant,
    store::{AwardRecord, Commit, Committed, Delivery, Holding, MemoryStore, Owner},
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Defect {
    AnswersBeforeItWrites,
    AnyOwner,
    ConflictKeepsEntries,
    DueInAnyOrder,
    DueListsClosed,
    DueSoon,
    ExpectedIgnored,
    FirstEntryHolds,
    ForgetsNothing,
    HidesParked,
    InboxOpenCloses,
    LastEntryHolds,
    LimitIgnored,
    LosesTheLastEntry,
    PaymentOverwrites,
    PositionsRounded,
    ReasonsLost,
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
    type Store = Defective;

    async fn fresh(&self) -> Defective {
        Defective {
            store: MemoryStore::new(),
            defect: self.0,
            late: Mutex::new(None),
        }
    }

    async fn reopen(&self, store: Defective) -> Defective {
        store
    }
}

#[async_trait]
impl Store for Defective {
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
        let only = |entries| Commit {
            participant: commit.participant,
            entries,
            ..Commit::default()
        };
        match self.defect {
            Defect::ConflictKeepsEntries => {
                let entries = only(commit.entries.clone());
                let done = self.store.commit(commit.clone()).await?;
                if done == Committed::Conflict {
                    self.store.commit(entries).await?;
                }
                return Ok(done);
            }
            Defect::ExpectedIgnored => commit.expected = None,
            Defect::FirstEntryHolds | Defect::LastEntryHolds => {
                // The revision is made the order of arrival.
                let held = match commit.participant {
                    Some(participant) => self.store.participant(participant).await?.entries,
                    None => Vec::new(),
                };
                for (revision, entry) in (1_000..).zip(&mut commit.entries) {
                    let known = held.iter().find(|known| known.key == entry.key);
                    let later = known.map_or(revision, |known| known.revision + revision);
                    entry.revision = match (self.defect, known) {
                        (Defect::LastEntryHolds, _) => later,
                        (_, known) => known.map_or(revision, |_| 0),
                    };
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
                if let (None, Some(participant)) = (commit.wake, commit.participant) {
                    let waking = self.store.waking(Timestamp::MAX, usize::MAX).await?;
                    commit.wake = waking.contains(&participant).then_some(Timestamp::EPOCH);
                }
            }
            _ => {}
        }
        self.store.commit(commit).await
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
            Defect::DueInAnyOrder => due.sort_by_key(|award| award.key),
            Defect::DueListsClosed => {
                let closed = super::samples::award(3, 1);
                due.extend(self.store.award(closed.key).await?);
            }
            _ => {}
        }
        Ok(due)
    }

    async fn unacknowledged(&self, limit: usize) -> Result<Vec<AwardRecord>> {
        let mut open = self.store.unacknowledged(limit).await?;
        if matches!(self.defect, Defect::HidesParked) {
            open.retain(|award| award.state.reason().is_none());
        }
        Ok(open)
    }

    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>> {
        self.store.waking(now, limit).await
    }

    async fn census(&self) -> Result<Vec<(String, Option<String>, u64)>> {
        self.store.census().await
    }

    async fn inbox_open(&self, delivery: Delivery) -> Result<bool> {
        let open = self.store.inbox_open(delivery).await?;
        if self.defect == Defect::InboxOpenCloses {
            self.store.inbox_close(delivery).await?;
        }
        Ok(open)
    }

    async fn inbox_close(&self, delivery: Delivery) -> Result<()> {
        self.store.inbox_close(delivery).await
    }

    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>> {
        self.store.checkout(id).await
    }

    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool> {
        let mut record = record.clone();
        if self.defect == Defect::PaymentOverwrites {
            let held = self.store.checkout(record.id).await?;
            record.version = held.map_or(0, |held| held.version) + 1;
        }
        self.store.put_checkout(&record).await
    }

    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>> {
        self.store.due_checkouts(now, limit).await
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
        planted(
            Defect::ConflictKeepsEntries,
            topic!(a_conflict_writes_nothing),
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
            Defect::InboxOpenCloses,
            topic!(a_delivery_is_processed_once),
        ),
        planted(Defect::LastEntryHolds, topic!(entries_merge_by_rank)),
        planted(Defect::LimitIgnored, topic!(due_awards_come_in_order)),
        planted(Defect::LosesTheLastEntry, topic!(big_values_fit)),
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
