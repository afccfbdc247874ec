//! Brings activity in: from an adapter's input to observations, accounts and awards.

mod inbox;
mod intake;
mod people;
mod pull;
mod settle;
#[cfg(test)]
mod tests;

pub use inbox::Inbox;
pub use people::{Directory, Person};
pub use settle::{Accepted, Settled};

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Clock, Error, Kind, Result, Timestamp,
    award::Identity,
    campaign::Campaign,
    dispatcher::Dispatcher,
    instrument::{Input, Instrument, Refusal},
    privacy::{KeyStore, Precision, Sealer},
    rules::RuleSet,
    store::{DeliveryId, DeliveryRecord, DeliveryState, Store},
};

use intake::{Intake, Taken};

/// Takes in what adapters read, and settles it under one campaign.
#[derive(Clone, Debug)]
pub struct Collector {
    store: Arc<dyn Store>,
    keys: Arc<dyn KeyStore>,
    clock: Arc<dyn Clock>,
    identity: Identity,
    campaign: Arc<Campaign>,
    rules: Arc<dyn RuleSet>,
    precision: Precision,
    sources: BTreeMap<String, Arc<dyn Instrument>>,
    directory: Option<Arc<dyn Directory>>,
    /// For what waits in the inbox, and for whom to hand awards to.
    inbox_sealer: Arc<Sealer>,
    award_sealer: Arc<Sealer>,
}

/// Hears what happens while an input is read.
pub trait Watcher: Send {
    /// A record was refused.
    fn refused(&mut self, refusal: &Refusal) {
        let _ = refusal;
    }

    /// So many bytes of the input are done.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }
}

/// A watcher that does not look.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watcher for Unwatched {}

/// A watcher that keeps the first records that were refused, for whoever sent them.
#[derive(Debug, Default)]
pub struct FirstRefusals(pub Vec<Refusal>);

impl FirstRefusals {
    /// The most that are kept: what is wrong with a thousand records is seen in a hundred.
    pub const MOST: usize = 100;
}

impl Watcher for FirstRefusals {
    fn refused(&mut self, refusal: &Refusal) {
        if self.0.len() < Self::MOST {
            self.0.push(refusal.clone());
        }
    }
}

/// What came of an input.
#[derive(Debug)]
pub struct Submission {
    /// Whether the very same delivery was taken in before. Nothing was read then.
    pub repeated: bool,
    /// Observations that were read.
    pub observations: u64,
    /// Records that were refused.
    pub refused: u64,
    /// Whether some of these were refused because they lie in the future.
    pub to_come: bool,
    /// What was settled of the participants that the input touched.
    pub settled: Vec<Settled>,
}

impl Submission {
    /// Minutes that are settled and wait to be collected, of the participants that the input touched.
    pub fn waiting(&self) -> u64 {
        self.settled.iter().map(|settled| settled.uncollected).sum()
    }

    const REPEATED: Self = Self {
        repeated: true,
        observations: 0,
        refused: 0,
        to_come: false,
        settled: Vec::new(),
    };
}

impl Collector {
    /// A collector for one campaign of one instrument.
    pub fn new(
        store: Arc<dyn Store>,
        keys: Arc<dyn KeyStore>,
        clock: Arc<dyn Clock>,
        identity: Identity,
        campaign: Campaign,
        rules: Arc<dyn RuleSet>,
    ) -> Self {
        Self {
            inbox_sealer: Arc::new(Sealer::new(Arc::clone(&keys), "inbox")),
            award_sealer: Arc::new(Sealer::new(Arc::clone(&keys), "award")),
            store,
            keys,
            clock,
            identity,
            campaign: Arc::new(campaign),
            rules,
            precision: Precision::Standard,
            sources: BTreeMap::new(),
            directory: None,
        }
    }

    /// A collector for one campaign, of the instrument that a dispatcher awards for and over the same
    /// store, keys and clock.
    pub fn beside(dispatcher: &Dispatcher, campaign: Campaign, rules: Arc<dyn RuleSet>) -> Self {
        Self::new(
            Arc::clone(dispatcher.store()),
            Arc::clone(dispatcher.keys()),
            Arc::clone(dispatcher.clock()),
            dispatcher.identity().clone(),
            campaign,
            rules,
        )
    }

    /// Lets vouchers tell the campaign's place as it is, not the centre of its cell.
    #[must_use]
    pub fn exact_place(self) -> Self {
        Self {
            precision: Precision::Exact,
            ..self
        }
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Adds a source that calls webhooks or is pulled, under a name that never changes.
    #[must_use]
    pub fn with_source(mut self, name: impl Into<String>, adapter: Arc<dyn Instrument>) -> Self {
        self.sources.insert(name.into(), adapter);
        self
    }

    /// Asks this directory who a subject is.
    #[must_use]
    pub fn with_directory(self, directory: Arc<dyn Directory>) -> Self {
        Self {
            directory: Some(directory),
            ..self
        }
    }

    /// Reads an input through an adapter, keeps what it yields, and settles whom it touched.
    ///
    /// `delivery` names the input, where it has a name: the same one again is not read again.
    /// Without a name, reading it again changes nothing all the same.
    pub async fn submit(
        &self,
        adapter: &dyn Instrument,
        input: Input,
        delivery: Option<DeliveryId>,
        watcher: &mut dyn Watcher,
    ) -> Result<Submission> {
        self.suits(adapter)?;
        let name = adapter.info().name;
        let mut record = None;
        if let Some(id) = delivery {
            let held = self.open_delivery(id, name).await?;
            if held.state == DeliveryState::Done {
                return Ok(Submission::REPEATED);
            }
            record = Some(held);
        }
        let now = self.clock.now();
        let mut intake = Intake::new(self, name, name, watcher);
        let read = adapter.read(input, now, &mut intake).await;
        let taken = intake.finish();
        let submission = self.settle_all(taken).await?;
        read?;
        // What was still to come is read again with the whole input, once it is past.
        if let Some(record) = record.filter(|_| !submission.to_come) {
            // Whoever was faster has read the same.
            self.store.put_delivery(&done(record)).await?;
        }
        Ok(submission)
    }

    /// Whether the campaign's rule set knows what to make of what this adapter reads. Everything that is
    /// read is held to it.
    ///
    /// # Errors
    /// [`Kind::ConfigurationInvalid`] if it does not.
    pub fn suits(&self, adapter: &dyn Instrument) -> Result<()> {
        let info = adapter.info();
        if self.rules.suits(info.rules) {
            return Ok(());
        }
        Err(Error::new(
            Kind::ConfigurationInvalid,
            "the campaign's rules are not those that the adapter reads for",
        )
        .with("adapter", info.name)
        .with("rules", self.rules.name())
        .hint(format!("set the campaign's rules to {}", info.rules)))
    }

    /// Settles participants whose units have become due, at most `limit`.
    pub async fn settle_due(&self, limit: usize) -> Result<Vec<Settled>> {
        let now = self.clock.now();
        let until = now.plus_millis(Self::LEASE_MS);
        let mut settled = Vec::new();
        for participant in self.store.claim_waking(now, until, limit).await? {
            settled.push(self.settle(participant).await?);
        }
        Ok(settled)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    pub(crate) fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn rules(&self) -> &dyn RuleSet {
        &*self.rules
    }

    pub(crate) fn campaign(&self) -> &Campaign {
        &self.campaign
    }

    /// How long a worker has something to itself before others may take it over.
    const LEASE_MS: i64 = 60_000;

    fn source(&self, name: &str) -> Result<&Arc<dyn Instrument>> {
        self.sources.get(name).ok_or_else(|| {
            Error::new(
                Kind::ConfigurationInvalid,
                "there is no source of this name",
            )
            .with("source", name)
        })
    }

    /// What came in before an error is safe; it counts.
    async fn settle_all(&self, taken: Taken) -> Result<Submission> {
        let mut settled = Vec::new();
        for participant in taken.touched {
            settled.push(self.settle(participant).await?);
        }
        Ok(Submission {
            repeated: false,
            observations: taken.observations,
            refused: taken.refused,
            to_come: taken.to_come,
            settled,
        })
    }

    /// The delivery of this name, made where there is none. Nobody else looks after it: without
    /// its content only whoever has the file can read it again.
    async fn open_delivery(&self, id: DeliveryId, source: &str) -> Result<DeliveryRecord> {
        let new = DeliveryRecord {
            id,
            version: 1,
            source: source.to_owned(),
            state: DeliveryState::Waiting,
            sealed: None,
            received: self.clock.now(),
            tries: 0,
            due: Timestamp::MAX,
        };
        if self.store.put_delivery(&new).await? {
            return Ok(new);
        }
        let held = self.store.delivery(id).await?;
        held.ok_or_else(|| Error::new(Kind::Internal, "the store lost a delivery"))
    }
}

/// A delivery that everything was made of. What it held is forgotten.
fn done(record: DeliveryRecord) -> DeliveryRecord {
    DeliveryRecord {
        version: record.version + 1,
        state: DeliveryState::Done,
        sealed: None,
        ..record
    }
}
