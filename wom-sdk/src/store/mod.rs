//! Where awards, observations, checkouts and sales are kept: the trait, and the store in memory.
//!
//! A store does not think. What to write is decided by the pure machines; a store writes it as a
//! whole or not at all, and only if what the decision was made from has not changed meanwhile.

mod memory;
mod numbers;
mod rate;

pub use memory::MemoryStore;
pub use numbers::{Count, Numbers};
pub use rate::{Drawn, Rate, Spent};

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Digest, Result, Timestamp,
    award::{Account, AwardKey, Content, Identity, State, in_doubt},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Entry,
    privacy::{Cohort, Participant},
    sale::{OrderKey, Poster, Sale, SaleId, ShopId},
};

/// A durable store. Every method that writes returns only after the write is durable, but for
/// [`begin`](Self::begin).
///
/// [`conformance`](crate::testing::conformance) is the test suite that every store must pass.
#[async_trait]
pub trait Store: fmt::Debug + Send + Sync {
    /// Binds the store to the Registry, source and keys that it works with, at its first use;
    /// later ones must be the same, or it answers
    /// [`Kind::StoreMismatch`](crate::Kind::StoreMismatch).
    async fn bind(&self, owner: &Owner) -> Result<()>;

    /// Everything about a participant; an unknown one is empty, at version 0.
    async fn participant(&self, participant: Participant) -> Result<Holding>;

    /// The **one** operation for awarding: writes observations, accounts and awards together, or
    /// nothing. Entries merge by [`Entry::rank`]. An award is new, or moves on, never both.
    ///
    /// Whatever the answer, what it was decided from is durable, [begun](Self::begin) awards among it.
    /// An empty commit does only that.
    async fn commit(&self, commit: Commit) -> Result<Committed>;

    /// Writes a new award of which nobody is told before another write is done. `false` if there is
    /// one with this key.
    ///
    /// It outlives the process as any write does. A machine that loses its power may forget it, as
    /// though nobody had asked, until the next write of another kind is done: so no disk is waited
    /// for.
    async fn begin(&self, record: &AwardRecord) -> Result<bool> {
        let commit = Commit {
            awards: vec![record.clone()],
            ..Commit::default()
        };
        Ok(self.commit(commit).await? == Committed::Done)
    }

    /// The award with this key.
    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>>;

    /// Replaces an award's record if it is still at `record.version − 1`. `false` if somebody else
    /// moved it on meanwhile.
    async fn advance(&self, record: &AwardRecord) -> Result<bool>;

    /// Open awards that are due, the longest waiting first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>>;

    /// Takes open awards that are due, the longest waiting first, at most `limit`: each is due at
    /// `until` now, one version on, and whoever else asks meanwhile gets others. In any order.
    async fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<AwardRecord>> {
        let mut claimed = Vec::new();
        for mut record in self.due(now, limit).await? {
            record.version += 1;
            record.due = until;
            if self.advance(&record).await? {
                claimed.push(record);
            }
        }
        Ok(claimed)
    }

    /// The awards of a participant that nobody has acknowledged yet, by key.
    async fn awards_of(&self, participant: Participant) -> Result<Vec<AwardRecord>>;

    /// Awards that nobody has acknowledged yet, in whatever state, at most `limit`, from the one
    /// after `after` on: each once, in an order of the store's own.
    async fn unacknowledged(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<AwardRecord>>;

    /// Every award, whatever its state, by key, at most `limit`, from the one after `after` on. One
    /// that cannot be read is listed with the reason: so that books can be audited.
    async fn awards(
        &self,
        after: Option<AwardKey>,
        limit: usize,
    ) -> Result<Vec<Listed<AwardKey, AwardRecord>>>;

    /// Every participant's accounts, by participant, at most `limit` participants, from the one after
    /// `after` on. Accounts that cannot be read are listed with the reason.
    async fn accounts(
        &self,
        after: Option<Participant>,
        limit: usize,
    ) -> Result<Vec<Listed<Participant, Vec<Account>>>>;

    /// Participants that have units to settle, the longest waiting first, at most `limit`.
    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>>;

    /// As [`waking`](Self::waking); where several processes share the store, each gets others: a
    /// participant who is not settled wakes again at `until`.
    async fn claim_waking(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Participant>> {
        let _ = until;
        self.waking(now, limit).await
    }

    /// Whether anybody of a cohort has minutes or awards that were not collected yet.
    async fn uncollected(&self, cohort: Cohort) -> Result<bool>;

    /// Forgets the participants of a cohort, with their observations and accounts, and tells how
    /// many there were. Awards stay.
    async fn forget(&self, cohort: Cohort) -> Result<u64>;

    /// Forgets a participant's observations and handle. The accounts stay, so that the same
    /// minutes are not awarded again.
    async fn erase(&self, participant: Participant) -> Result<()>;

    /// What waits, and in which state.
    async fn numbers(&self) -> Result<Numbers>;

    /// The delivery with this id.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<DeliveryRecord>>;

    /// Writes a delivery if it is still at `record.version − 1`; version 1 makes a new one.
    /// `false` if somebody else was first.
    async fn put_delivery(&self, record: &DeliveryRecord) -> Result<bool>;

    /// Deliveries that wait to be processed, the longest waiting first, at most `limit`.
    async fn due_deliveries(&self, now: Timestamp, limit: usize) -> Result<Vec<DeliveryRecord>>;

    /// Deliveries after this one that are not done with, by id, at most `limit`.
    async fn undone_deliveries(
        &self,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<DeliveryRecord>>;

    /// Forgets deliveries that were done with before this time. The same delivery is a new one after.
    async fn forget_deliveries(&self, before: Timestamp) -> Result<u64>;

    /// Where to go on pulling from a source.
    async fn cursor(&self, source: &str) -> Result<Option<CursorRecord>>;

    /// Writes a cursor if it is still at `record.version − 1`; version 1 makes a new one.
    /// `false` if somebody else was first.
    async fn put_cursor(&self, record: &CursorRecord) -> Result<bool>;

    /// Takes up to `wanted` requests out of what all workers together may send. One row for each
    /// name, such as the Registry's address.
    async fn draw(&self, name: &str, rate: Rate, wanted: u32, now: Timestamp) -> Result<Drawn>;

    /// The checkout with this id.
    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>>;

    /// Writes a checkout if it is still at `record.version − 1`; version 1 makes a new one.
    /// `false` if somebody else was first.
    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool>;

    /// Checkouts that are to be looked after, the longest waiting first, at most `limit`.
    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>>;

    /// The sale with this id.
    async fn sale(&self, id: SaleId) -> Result<Option<Sale>>;

    /// Writes a sale if it is still at `sale.version − 1`; version 1 makes a new one. `false` if
    /// somebody else was first, or if another sale has its [slot](Sale::slot).
    async fn put_sale(&self, sale: &Sale) -> Result<bool>;

    /// Sales that are to be looked after, the longest waiting first, at most `limit`.
    async fn due_sales(&self, now: Timestamp, limit: usize) -> Result<Vec<Sale>>;

    /// Sales of a shop, by id, at most `limit`, from the one after `after` on.
    async fn sales(
        &self,
        shop: ShopId,
        which: Which,
        after: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>>;

    /// All sales of an order, by id.
    async fn sales_of(&self, order: OrderKey) -> Result<Vec<Sale>>;

    /// The sales of a checkout that are not over, by id.
    async fn sales_paid_by(&self, checkout: CheckoutId) -> Result<Vec<Sale>>;

    /// The poster of this checkout.
    async fn poster(&self, id: CheckoutId) -> Result<Option<Poster>>;

    /// Writes a poster if it is still at `poster.version − 1`; version 1 makes a new one. `false` if
    /// somebody else was first.
    async fn put_poster(&self, poster: &Poster) -> Result<bool>;

    /// Posters that are to be looked after, the longest waiting first, at most `limit`.
    async fn due_posters(&self, now: Timestamp, limit: usize) -> Result<Vec<Poster>>;

    /// All posters of a shop, by id.
    async fn posters(&self, shop: ShopId) -> Result<Vec<Poster>>;

    /// Ends what was begun and lets go of files and connections. Later calls may answer that the
    /// store is closed.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

/// Which sales are listed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Which {
    /// Every one.
    All,
    /// Those that are not over.
    Open,
    /// Those that a person has to do something for.
    ForPerson,
}

impl Which {
    /// The smallest [`Turn::number`](crate::sale::Turn::number) that is listed.
    pub fn least(self) -> u8 {
        match self {
            Self::All => 0,
            Self::Open => 1,
            Self::ForPerson => 2,
        }
    }
}

/// One of a listing, and what it holds or why that cannot be read.
pub type Listed<K, T> = (K, Result<T>);

/// Whose store it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Owner {
    /// The Registry and the source.
    pub identity: Identity,
    /// The fingerprint of the key store.
    pub keys: String,
}

/// Everything that is kept about a participant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holding {
    /// Grows with every write; 0 for an unknown participant.
    pub version: u64,
    /// The merged observations, tombstones among them.
    pub entries: Vec<Entry>,
    /// What is due, and what was awarded.
    pub accounts: Vec<Account>,
    /// Sealed: whom to hand awards to.
    pub handle: Option<Vec<u8>>,
}

/// What is to be written together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// What changes for a participant; `None` for a direct award.
    pub change: Option<Change>,
    /// New awards.
    pub awards: Vec<AwardRecord>,
    /// An award that moves on, if it is still at the version before: as
    /// [`advance`](Store::advance) does it, and together with the rest.
    pub moved: Option<AwardRecord>,
}

/// What changes for one participant.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Whose entries and accounts.
    pub participant: Participant,
    /// The version that accounts and awards were decided from. `None` where only entries are
    /// written: they merge, whatever is there.
    pub expected: Option<u64>,
    /// Observations to merge.
    pub entries: Vec<Entry>,
    /// Accounts as they are to be.
    pub accounts: Vec<Account>,
    /// When the participant has something to settle. `None` for never.
    pub wake: Option<Timestamp>,
    /// Sealed: whom to hand awards to. `None` leaves it as it is.
    pub handle: Option<Vec<u8>>,
}

impl Change {
    /// No change of this participant but a new version, and no wake.
    pub fn of(participant: Participant) -> Self {
        Self {
            participant,
            expected: None,
            entries: Vec::new(),
            accounts: Vec::new(),
            wake: None,
            handle: None,
        }
    }
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Committed {
    /// Everything is durable.
    Done,
    /// Nothing was written: the participant or the award has moved on, or an award has that key
    /// already. Load again and decide again.
    Conflict,
}

/// An award as it is stored: the machine's state with the ticket sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwardRecord {
    /// Which award.
    pub key: AwardKey,
    /// 1 when accepted; grows by one with each step.
    pub version: u64,
    /// Whose it is, until it is acknowledged; `None` for a direct award.
    pub participant: Option<Participant>,
    /// What to issue; frozen.
    pub content: Content,
    /// When it was accepted.
    pub accepted: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Sealed: the ticket, and whom to hand it to; of an acknowledged award nothing, or the ticket
    /// for as long as it is in doubt whether its code is good.
    pub sealed: Option<Vec<u8>>,
    /// See [`Award::tries`](crate::award::Award::tries).
    pub tries: u32,
    /// See [`Award::unclear`](crate::award::Award::unclear).
    pub unclear: bool,
    /// When to go on, for open states.
    pub due: Timestamp,
}

impl AwardRecord {
    /// Whether the dispatcher has something to do for it: what [`due`](Store::due) looks at.
    pub fn is_open(&self) -> bool {
        self.state.is_open()
            || in_doubt(&self.state, self.sealed.is_some(), self.unclear, self.tries)
    }
}

/// A delivery's name: a digest of where it came from and of its content or id.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct DeliveryId(pub Digest);

/// Something that came in and is to be processed once.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRecord {
    /// Which delivery.
    pub id: DeliveryId,
    /// 1 when it came in; grows by one with each step.
    pub version: u64,
    /// The configured source that it came from.
    pub source: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Sealed: what to read. Gone once it is done.
    pub sealed: Option<Vec<u8>>,
    /// When it came in.
    pub received: Timestamp,
    /// Tries that did not succeed.
    pub tries: u32,
    /// When to go on, while it waits.
    pub due: Timestamp,
}

/// Where a delivery stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DeliveryState {
    /// It is to be processed.
    Waiting,
    /// Everything that came of it is durable.
    Done,
    /// It cannot be processed; the reason is an error code. It is kept.
    Parked(String),
}

impl DeliveryState {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Parked(_) => "parked",
        }
    }

    /// Why it is parked.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Parked(reason) => Some(reason),
            _ => None,
        }
    }

    /// The state with this name and reason.
    pub fn from_name(name: &str, reason: Option<&str>) -> Option<Self> {
        Some(match name {
            "waiting" => Self::Waiting,
            "done" => Self::Done,
            "parked" => Self::Parked(reason.unwrap_or_default().to_owned()),
            _ => return None,
        })
    }
}

/// Where to go on pulling from a source.
#[derive(Clone, Debug, PartialEq)]
pub struct CursorRecord {
    /// The configured source.
    pub source: String,
    /// 1 at first; grows by one with each step.
    pub version: u64,
    /// Sealed: the adapter's cursor. `None` for the beginning.
    pub sealed: Option<Vec<u8>>,
    /// When to pull again.
    pub due: Timestamp,
    /// The error code that the last pull ended with.
    pub failed: Option<String>,
}
