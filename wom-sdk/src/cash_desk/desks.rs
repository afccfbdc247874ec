//! The desks of many POS over one store, looked after together.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use super::CashDesk;
use crate::{
    Result, Timestamp,
    checkout::{CheckoutId, CheckoutRecord, DeskId, State},
    rounds::{self, Few},
    store::{Rate, Store},
};

/// The cash desks of any number of POS that share a store: 3,000 bars are looked after as one.
///
/// ```
/// # use std::sync::Arc;
/// # use wom_sdk::{cash_desk::Desks, store::MemoryStore};
/// # fn desks() -> Vec<wom_sdk::cash_desk::CashDesk> { Vec::new() }
/// # async fn example() -> wom_sdk::Result<()> {
/// # let store = Arc::new(MemoryStore::new());
/// // Each made by CashDesk::new over the same store.
/// let desks = Desks::new(store, desks());
/// desks.run(async { let _ = tokio::signal::ctrl_c().await; }).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Desks {
    store: Arc<dyn Store>,
    desks: BTreeMap<DeskId, CashDesk>,
    rate: Option<Rate>,
}

impl Desks {
    /// How many are looked after in one go.
    const LOT: usize = 64;

    /// These desks, all over this store.
    pub fn new(store: Arc<dyn Store>, desks: impl IntoIterator<Item = CashDesk>) -> Self {
        let by_id = |desk: CashDesk| (desk.desk_id(), desk);
        Self {
            store,
            desks: desks.into_iter().map(by_id).collect(),
            rate: None,
        }
    }

    /// How many looks all processes over this store together may take: each costs the Registry an
    /// RSA operation. Without it there is no limit.
    #[must_use]
    pub fn with_rate(self, rate: Rate) -> Self {
        Self {
            rate: Some(rate),
            ..self
        }
    }

    /// The desk that a checkout is of.
    pub fn desk(&self, id: DeskId) -> Option<&CashDesk> {
        self.desks.get(&id)
    }

    /// Takes one step with each checkout that is due, at most `limit` and as many as the rate
    /// allows, and tells which have changed their state by it.
    pub async fn run_due(&self, limit: usize) -> Result<Vec<(CheckoutId, State)>> {
        let Some(now) = self.now() else {
            return Ok(Vec::new());
        };
        let mut due = self.due(now, limit).await?;
        due.truncate(self.allowed(due.len(), now).await?);
        let mut few = Few::new();
        for (desk, record) in due {
            few.add(async move {
                let checkout = desk.unseal(&record)?;
                let changed = desk.go_on(&record, &checkout).await?.changed;
                Ok(changed.map(|state| (record.id, state)))
            })
            .await;
        }
        Ok(few.finish().await)
    }

    /// Looks after the checkouts until `stop` is ready, then finishes what is under way.
    ///
    /// An error of the store ends it; run again.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<()> {
        rounds::run(|| async { self.run_due(Self::LOT).await.map(drop) }, stop).await
    }

    /// What is due of these desks: the longest waiting first.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<(CashDesk, CheckoutRecord)>> {
        let due = |most| self.store.due_checkouts(now, most);
        let own = |record: CheckoutRecord| Some((self.desk(record.id.desk())?.clone(), record));
        rounds::own(limit, due, own).await
    }

    /// How many of so many may be looked after now.
    async fn allowed(&self, wanted: usize, now: Timestamp) -> Result<usize> {
        let Some(rate) = self.rate.filter(|_| wanted > 0) else {
            return Ok(wanted);
        };
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        let drawn = self.store.draw("checkouts", rate, wanted, now).await?;
        Ok(usize::try_from(drawn.granted).unwrap_or(usize::MAX))
    }

    /// The time by the desks' clock: one clock for all that share a store.
    fn now(&self) -> Option<Timestamp> {
        self.desks.values().next().map(CashDesk::now)
    }
}
