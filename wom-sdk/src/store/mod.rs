//! Where awards, observations and checkouts are kept: the trait, and the store in memory.
//!
//! A store does not think. What to write is decided by the pure machines; a store writes it as a
//! whole or not at all, and only if what the decision was made from has not changed meanwhile.

mod memory;

pub use memory::MemoryStore;

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Result, Timestamp,
    award::{Account, AwardKey, Content, Identity, State},
    checkout::{CheckoutId, CheckoutRecord},
    observation::Entry,
    privacy::Participant,
};

/// A durable store. Every method that writes returns only after the write is durable.
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
    /// nothing. Entries merge by [`Entry::rank`].
    async fn commit(&self, commit: Commit) -> Result<Committed>;

    /// The award with this key.
    async fn award(&self, key: AwardKey) -> Result<Option<AwardRecord>>;

    /// Replaces an award's record if it is still at `record.version − 1`. `false` if somebody else
    /// moved it on meanwhile.
    async fn advance(&self, record: &AwardRecord) -> Result<bool>;

    /// Open awards that are due, the longest waiting first, at most `limit`.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<AwardRecord>>;

    /// Awards that nobody has acknowledged yet, in whatever state, by key, at most `limit`.
    async fn unacknowledged(&self, limit: usize) -> Result<Vec<AwardRecord>>;

    /// Participants that have units to settle, at most `limit`.
    async fn waking(&self, now: Timestamp, limit: usize) -> Result<Vec<Participant>>;

    /// How many awards stand in each state, by the state's name and its reason.
    async fn census(&self) -> Result<Vec<(String, Option<String>, u64)>>;

    /// Remembers a delivery before it is processed. `false` if the same one was processed before.
    async fn inbox_open(&self, delivery: Delivery) -> Result<bool>;

    /// Marks a delivery as processed: the last write of its processing.
    async fn inbox_close(&self, delivery: Delivery) -> Result<()>;

    /// The checkout with this id.
    async fn checkout(&self, id: CheckoutId) -> Result<Option<CheckoutRecord>>;

    /// Writes a checkout if it is still at `record.version − 1`; version 1 makes a new one.
    /// `false` if somebody else was first.
    async fn put_checkout(&self, record: &CheckoutRecord) -> Result<bool>;

    /// Checkouts that are to be looked after, the longest waiting first, at most `limit`.
    async fn due_checkouts(&self, now: Timestamp, limit: usize) -> Result<Vec<CheckoutRecord>>;
}

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
    /// What was awarded.
    pub accounts: Vec<Account>,
}

/// What is to be written together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// Whose entries and accounts; `None` for a direct award.
    pub participant: Option<Participant>,
    /// The version that accounts and awards were decided from. `None` where only entries are
    /// written: they merge, whatever is there.
    pub expected: Option<u64>,
    /// Observations to merge.
    pub entries: Vec<Entry>,
    /// Accounts as they are to be.
    pub accounts: Vec<Account>,
    /// New awards.
    pub awards: Vec<AwardRecord>,
    /// When the participant has something to settle. `None` for never.
    pub wake: Option<Timestamp>,
}

/// How a commit ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Committed {
    /// Everything is durable.
    Done,
    /// Nothing was written: the participant has moved on, or an award has that key already. Load
    /// again and decide again.
    Conflict,
}

/// An award as it is stored: the machine's state with the ticket sealed.
#[derive(Clone, Debug, PartialEq)]
pub struct AwardRecord {
    /// Which award.
    pub key: AwardKey,
    /// 1 when accepted; grows by one with each step.
    pub version: u64,
    /// What to issue; frozen.
    pub content: Content,
    /// Where it stands.
    pub state: State,
    /// The sealed ticket.
    pub sealed: Option<Vec<u8>>,
    /// See [`Award::tries`](crate::award::Award::tries).
    pub tries: u32,
    /// See [`Award::unclear`](crate::award::Award::unclear).
    pub unclear: bool,
    /// When to go on, for open states.
    pub due: Timestamp,
}

/// A delivery's name: a digest of where it came from and of its content or id.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Delivery(pub crate::Digest);
